"""A configuration as people take it home: in the solver's own format, or as a Python program that repeats the run."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from storage.records import Configuration, Value
from tuner.errors import UsageError


class Form(StrEnum):
    """What to write."""

    SOLVER = "solver"
    """The parameters as the solver itself reads them: HiGHS options, CP-SAT text proto, SCIP .set."""
    PYTHON = "python"
    """A program that runs the solver on a model file, with nothing installed but the solver's own package."""


def export(configuration: Configuration, form: str, *, seed: int = 0, gap: float = 1e-4, limit: float = 0.0) -> str:
    """Write a configuration, with what else was fixed when it was measured: one thread, and the gap.

    Args:
        configuration: the solver and the parameters that differ from its default.
        form: one of `Form`.
        seed: of the run to repeat; a program gets it, a parameter file only in a comment.
        gap: relative gap at which the solver may stop.
        limit: wall seconds after which the solver should stop; 0 for never. Only in a program.

    Raises:
        UsageError: the form or the solver is unknown.

    """
    if form not in list(Form):
        raise UsageError(f"form: {form!r} is unknown; it is one of {', '.join(Form)}")
    if configuration.solver not in _WRITERS:
        raise UsageError(f"{configuration}: only {', '.join(_WRITERS)} can be exported")
    fixed, write, program = _WRITERS[configuration.solver]
    if form == Form.PYTHON:
        values = {**configuration.values, **fixed(seed, gap, limit)}
        return program.format(title=_title(configuration, seed), values=write(values).strip())
    values = {**configuration.values, **fixed(None, gap, 0.0)}
    return f"# {_title(configuration, seed)}\n{write(values)}"


Fixed = dict[str, Value]


def _title(configuration: Configuration, seed: int) -> str:
    changed = len(configuration.parameters)
    what = f"{changed} parameter{'s' if changed > 1 else ''} changed" if changed else "the default"
    return f"{configuration.solver}, {what}; measured on one thread with seeds such as {seed}"


def _highs(seed: int | None, gap: float, limit: float) -> Fixed:
    return {
        "threads": 1,
        "mip_rel_gap": gap,
        **({"mip_abs_gap": 0.0} if gap == 0 else {}),
        **({"random_seed": seed} if seed is not None else {}),
        **({"time_limit": limit} if limit else {}),
    }


def _cp_sat(seed: int | None, gap: float, limit: float) -> Fixed:
    return {
        "num_workers": 1,
        "relative_gap_limit": gap,
        **({"absolute_gap_limit": 0.0} if gap == 0 else {}),
        # As in every run of the job: with one worker random_seed alone often changes nothing at all.
        **({"random_seed": seed, "permute_variable_randomly": True} if seed is not None else {}),
        **({"max_time_in_seconds": limit} if limit else {}),
    }


def _scip(seed: int | None, gap: float, limit: float) -> Fixed:
    return {
        "lp/threads": 1,
        "limits/gap": gap,
        **({"randomization/randomseedshift": seed} if seed is not None else {}),
        **({"limits/time": limit} if limit else {}),
    }


def _options(values: Fixed) -> str:
    return "".join(f"{name} = {_plain(value)}\n" for name, value in values.items())


def _text_proto(values: Fixed) -> str:
    # A text in these fields is a string; in all others it is the name of an enum's value.
    strings = ("name", "log_prefix", "default_restart_algorithms")
    return "".join(
        f'{name}: "{value}"\n' if name in strings else f"{name}: {_plain(value)}\n" for name, value in values.items()
    )


def _set_file(values: Fixed) -> str:
    def spelled(value: Value) -> str:
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        return f'"{value}"' if isinstance(value, str) and len(value) != 1 else _plain(value)

    return "".join(f"{name} = {spelled(value)}\n" for name, value in values.items())


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


_HIGHS_PROGRAM = '''\
"""{title}.

Usage: python FILE MODEL      (pip install highspy)
"""

import pathlib
import sys
import tempfile

import highspy

OPTIONS = """\\
{values}
"""

highs = highspy.Highs()
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "highs.options"
    path.write_text(OPTIONS)
    if highs.readOptions(str(path)) != highspy.HighsStatus.kOk:
        sys.exit("HiGHS does not take these options: is it another version?")
if highs.readModel(sys.argv[1]) == highspy.HighsStatus.kError:
    sys.exit(f"HiGHS cannot read {{sys.argv[1]}}")
highs.run()
print("status:", highs.modelStatusToString(highs.getModelStatus()))
print("objective:", highs.getInfo().objective_function_value)
print("bound:", highs.getInfo().mip_dual_bound)
'''

_CP_SAT_PROGRAM = '''\
"""{title}.

Usage: python FILE MODEL      (pip install ortools; the model as MPS, plain or .gz)
"""

import gzip
import pathlib
import sys

from google.protobuf import text_format
from ortools.math_opt.io.python import mps_converter
from ortools.math_opt.python import mathopt

PARAMETERS = """\\
{values}
"""

content = pathlib.Path(sys.argv[1]).read_bytes()
content = gzip.decompress(content) if sys.argv[1].endswith(".gz") else content
model = mathopt.Model.from_model_proto(mps_converter.mps_to_model_proto(content.decode()))
parameters = mathopt.SolveParameters(enable_output=True)
text_format.Parse(PARAMETERS, parameters.cp_sat)
result = mathopt.solve(model, mathopt.SolverType.CP_SAT, params=parameters)
print("status:", result.termination.reason.name)
print("objective:", result.termination.objective_bounds.primal_bound)
print("bound:", result.termination.objective_bounds.dual_bound)
'''

_SCIP_PROGRAM = '''\
"""{title}.

Usage: python FILE MODEL      (pip install ortools: it carries SCIP)
"""

import ctypes
import gzip
import importlib.util
import pathlib
import sys
import tempfile

SETTINGS = """\\
{values}
"""

folder = importlib.util.find_spec("ortools").submodule_search_locations[0]
library = ctypes.CDLL(str(next(pathlib.Path(folder, ".libs").glob("libscip.so*"))))
library.SCIPgetPrimalbound.restype = library.SCIPgetDualbound.restype = ctypes.c_double
library.SCIPstatusName.restype = ctypes.c_char_p
scip = ctypes.c_void_p()


def call(function, *arguments):
    if getattr(library, function)(*arguments) != 1:
        sys.exit(f"{{function}} failed")


call("SCIPcreate", ctypes.byref(scip))
call("SCIPincludeDefaultPlugins", scip)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "scip.set"
    path.write_text(SETTINGS)
    call("SCIPreadParams", scip, str(path).encode())
    model = pathlib.Path(sys.argv[1])
    if model.suffix == ".gz":
        content = gzip.decompress(model.read_bytes())
        model = pathlib.Path(folder) / model.stem
        model.write_bytes(content)
    call("SCIPreadProb", scip, str(model).encode(), None)
call("SCIPsolve", scip)
print("status:", library.SCIPstatusName(library.SCIPgetStatus(scip)).decode())
print("objective:", library.SCIPgetPrimalbound(scip))
print("bound:", library.SCIPgetDualbound(scip))
'''

_WRITERS: dict[str, tuple[Callable[[int | None, float, float], Fixed], Callable[[Fixed], str], str]] = {
    "highs": (_highs, _options, _HIGHS_PROGRAM),
    "cp-sat": (_cp_sat, _text_proto, _CP_SAT_PROGRAM),
    "scip": (_scip, _set_file, _SCIP_PROGRAM),
}

"""A configuration as people take it home: in the solver's own format, or as a Python program that repeats the run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum

from storage.records import Configuration, Value
from tuner.commands import counted
from tuner.errors import UsageError
from tuner.verdict.reproduce import execute_line


class Form(StrEnum):
    """What to write."""

    SOLVER = "solver"
    """The parameters as the solver itself reads them: HiGHS options, CP-SAT text proto, SCIP .set."""
    PYTHON = "python"
    """A program that runs the solver on a model file, with nothing installed but the solver's own package.

    For HiGHS and CP-SAT, a model with special ordered sets or indicator constraints takes tuner as well.
    """


def export(
    configuration: Configuration,
    form: str,
    *,
    seed: int = 0,
    gap: float = 1e-4,
    limit: float = 0.0,
    memory_mib: int = 0,
    note: str = "",
    fixed: Collection[str] = (),
) -> str:
    """Write a configuration, with what else was fixed when it was measured: one thread, and the gap.

    Args:
        configuration: the solver and the parameters that differ from its default.
        form: one of `Form`.
        seed: of the run to repeat; a program gets it, a parameter file only in a comment.
        gap: relative gap at which the solver may stop.
        limit: wall seconds after which the solver should stop; 0 for never. Only in a program.
        memory_mib: MiB that a run had, for the command in a program that repeats it; 0 for what is usual.
        note: what else to say of it at the top, on one line; empty for nothing.
        fixed: the parameters that had this value in every run of the job.

    Raises:
        UsageError: the form or the solver is unknown.

    """
    if form not in list(Form):
        raise UsageError(f"form: {form!r} is unknown; it is one of {', '.join(Form)}")
    if configuration.solver not in _WRITERS:
        raise UsageError(f"{configuration}: only {', '.join(_WRITERS)} can be exported")
    set_by_tuner, write, program = _WRITERS[configuration.solver]
    beforehand = f"Fixed in every run: {', '.join(sorted(fixed))}" if fixed else ""
    if form == Form.PYTHON:
        values = {**configuration.values, **set_by_tuner(seed, gap, limit)}
        line = execute_line(configuration, "MODEL", seed, limit or FOREVER, gap, memory_mib)
        return program.format(
            title=_quoted(
                _title(configuration, seed)
                + (f". This configuration is {note}" if note else "")
                + (f". {beforehand}" if beforehand else "")
            ),
            reader=_READER,
            again=_quoted(line),
            unpack=_UNPACK,
            linear=_LINEAR.format(solver=configuration.solver, adapter=configuration.solver.replace("-", "")),
            values=_quoted(write(values).strip()),
        )
    values = {**configuration.values, **set_by_tuner(None, gap, 0.0)}
    lines = [_title(configuration, seed), *filter(None, (note, beforehand)), *_NOTES.get(configuration.solver, ())]
    return "".join(f"# {line}\n" for line in lines) + write(values)


FOREVER = 1e6
"""Seconds: the cutoff of a run that is to end by itself."""

Fixed = dict[str, Value]

_NOTES = {
    "cp-sat": (
        "Measured with the order of the variables drawn by the seed, since random_seed alone hardly changes a search",
        "on one thread. To have it drawn: permute_variable_randomly: true",
    )
}
"""What else to know of a solver's parameter file."""


def _quoted(text: str) -> str:
    """Return a text as it has to stand between triple quotes to be read as it is."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _title(configuration: Configuration, seed: int) -> str:
    changed = len(configuration.parameters)
    what = f"{counted(changed, 'parameter')} changed" if changed else "the default"
    return f"{configuration.solver}, {what}; measured on one thread with seeds such as {seed}"


def _highs(seed: int | None, gap: float, limit: float) -> Fixed:
    return {
        "threads": 1,
        "mip_rel_gap": gap,
        "mip_abs_gap": 0.0,
        **({"random_seed": seed} if seed is not None else {}),
        **({"time_limit": limit} if limit else {}),
    }


def _cp_sat(seed: int | None, gap: float, limit: float) -> Fixed:
    return {
        "num_workers": 1,
        "relative_gap_limit": gap,
        "absolute_gap_limit": 0.0,
        # As in every run of the job: with one worker random_seed alone often changes nothing at all.
        **({"random_seed": seed, "permute_variable_randomly": True} if seed is not None else {}),
        **({"max_time_in_seconds": limit} if limit else {}),
    }


def _scip(seed: int | None, gap: float, limit: float) -> Fixed:
    return {
        "lp/threads": 1,
        "limits/gap": gap,
        "limits/absgap": 0.0,
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

    # What an emphasis sets SCIP knows itself; it wants these lines at the top, the whole before its parts.
    emphases = [name for name in sorted(values, key=len) if name.rpartition("/")[2] == "emphasis"]
    return "".join(
        [
            *(f"emphasis: {name.removesuffix('emphasis').replace('/', ' ')}{values[name]}\n" for name in emphases),
            *(f"{name} = {spelled(value)}\n" for name, value in values.items() if name not in emphases),
        ]
    )


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


_READER = """\
The model is read by the solver's own reader. tuner has a reader of its own and hands the solver arrays, so a model at
which the two differ is another model here, or none. Known differences: where an MPS file gives a negative upper bound
and no lower bound, tuner takes the lower bound for -inf; this reader takes it for 0, and the model is infeasible or
refused. Rows of an LP file with two bounds, such as -2 <= x + y <= 7, are refused here, as are names such as x[a-b]; of
a row such as x + 3 >= 2, HiGHS drops the 3. Special ordered sets and indicator constraints are read by SCIP alone: in
programs for HiGHS and CP-SAT, tuner replaces them by the linear rows that it gave the solver, and has to be installed.
Where all variables are integers and numbers are large, tiny or long, tuner gives CP-SAT exact whole numbers; here
OR-Tools scales them, and may lose digits. For HiGHS and SCIP, tuner scales an objective that has coefficients below
0.001 or above 1e8; here it stays as it is, and tolerances weigh more or less. What repeats a run as tuner executed it,
through its reader:"""
_UNPACK = '''\
def plain(path, folder):
    """Return the model's file, unpacked into the folder if it is packed."""
    unpack = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(path.suffix.lower())
    if unpack is None:
        return path
    found = folder / f"model{pathlib.Path(path.stem).suffix.lower()}"
    with unpack(path) as source, found.open("wb") as target:
        shutil.copyfileobj(source, target)
    return found
'''

_LINEAR = '''\
def linear(path, folder):
    """Return the model's file; with linear rows in place of sets and indicators, if it has any: that takes tuner."""
    text = path.read_bytes().decode("latin-1")
    if path.suffix.lower() == ".lp":
        found = re.search(r"->|::|^\\s*sos[12]?\\s*$", re.sub(r"\\\\.*", "", text), re.IGNORECASE | re.MULTILINE)
    else:
        found = re.search(r"^(SOS[12]?|INDICATORS)\\b", text, re.IGNORECASE | re.MULTILINE)
    if found is None:
        return path
    try:
        from instances.reading import read_model
        from instances.writing import write_mps
        from tuner.follower.solvers.{adapter} import LARGEST_M
        from tuner.follower.solvers.reformulation import linear as without_logic
    except ImportError:
        sys.exit(
            f"{{sys.argv[1]}} has special ordered sets or indicator constraints, which {solver} does not read. tuner "
            "replaces them by linear rows, but is not installed here"
        )
    rewritten = folder / "linear.mps"
    try:
        write_mps(without_logic(read_model(path), LARGEST_M), rewritten)
    except ValueError as error:
        sys.exit(f"{{sys.argv[1]}}: {{error}}")
    return rewritten
'''

_HIGHS_PROGRAM = '''\
"""{title}.

Usage: python FILE MODEL      (pip install highspy; the model as .mps or .lp, plain, .gz, .bz2 or .xz)

{reader}

{again}
"""

import bz2
import gzip
import lzma
import pathlib
import re
import shutil
import sys
import tempfile

import highspy

OPTIONS = """\\
{values}
"""


{unpack}

{linear}

highs = highspy.Highs()
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "highs.options"
    path.write_text(OPTIONS)
    if highs.readOptions(str(path)) != highspy.HighsStatus.kOk:
        sys.exit("HiGHS does not take these options: is it another version?")
    model = linear(plain(pathlib.Path(sys.argv[1]), pathlib.Path(folder)), pathlib.Path(folder))
    if highs.readModel(str(model)) == highspy.HighsStatus.kError:
        sys.exit(f"HiGHS cannot read {{sys.argv[1]}}")
highs.run()
print("status:", highs.modelStatusToString(highs.getModelStatus()))
print("objective:", highs.getInfo().objective_function_value)
print("bound:", highs.getInfo().mip_dual_bound)
'''

_CP_SAT_PROGRAM = '''\
"""{title}.

Usage: python FILE MODEL      (pip install ortools; the model as .mps, plain, .gz, .bz2 or .xz: OR-tools, which has the
reader of CP-SAT, reads no .lp of this kind)

{reader}

{again}
"""

import bz2
import gzip
import lzma
import pathlib
import re
import shutil
import sys
import tempfile

from google.protobuf import text_format
from ortools.math_opt.io.python import mps_converter
from ortools.math_opt.python import mathopt

PARAMETERS = """\\
{values}
"""


{unpack}

{linear}

with tempfile.TemporaryDirectory() as folder:
    path = linear(plain(pathlib.Path(sys.argv[1]), pathlib.Path(folder)), pathlib.Path(folder))
    if path.suffix.lower() != ".mps":
        sys.exit(f"{{sys.argv[1]}}: only .mps, plain or packed, can be read here; HiGHS and SCIP read .lp too")
    content = path.read_bytes().decode(errors="backslashreplace")
model = mathopt.Model.from_model_proto(mps_converter.mps_to_model_proto(content))
parameters = mathopt.SolveParameters(enable_output=True)
text_format.Parse(PARAMETERS, parameters.cp_sat)
result = mathopt.solve(model, mathopt.SolverType.CP_SAT, params=parameters)
print("status:", result.termination.reason.name)
print("objective:", result.termination.objective_bounds.primal_bound)
print("bound:", result.termination.objective_bounds.dual_bound)
'''

_SCIP_PROGRAM = '''\
"""{title}.

Usage: python FILE MODEL      (pip install ortools: it has SCIP; the model as .mps or .lp, plain, .gz, .bz2 or .xz)

{reader}

{again}
"""

import bz2
import ctypes
import gzip
import importlib.util
import lzma
import pathlib
import shutil
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


{unpack}

def call(function, *arguments):
    if getattr(library, function)(*arguments) != 1:
        sys.exit(f"{{function}} failed")


call("SCIPcreate", ctypes.byref(scip))
call("SCIPincludeDefaultPlugins", scip)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "scip.set"
    path.write_text(SETTINGS)
    call("SCIPreadParams", scip, str(path).encode())
    model = plain(pathlib.Path(sys.argv[1]), pathlib.Path(folder))
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

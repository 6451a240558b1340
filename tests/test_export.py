"""Export: what is written is read by the solvers themselves, and says what a run has."""

from __future__ import annotations

import ast
import bz2
import gzip
import json
import lzma
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instances.reading import read_model
from instances.writing import write_mps
from storage.records import Claim, Configuration, Value
from tests.small_models import knapsack
from tests.solver_process import SolverProcess
from tuner.cli import main
from tuner.errors import UsageError
from tuner.follower.solvers import SOLVERS
from tuner.verdict.export import Form, export

CHANGES: dict[str, dict[str, Value]] = {
    "highs": {"presolve": "off", "mip_heuristic_effort": 0.2, "mip_detect_symmetry": False, "mip_lp_age_limit": 3},
    "cp-sat": {
        "search_branching": "LP_SEARCH",
        "cp_model_presolve": False,
        "symmetry_level": 1,
        "variable_activity_decay": 0.75,
        "default_restart_algorithms": "LUBY_RESTART",
    },
    "scip": {
        "separating/maxrounds": 0,
        "conflict/enable": False,
        "lp/pricing": "d",
        "branching/relpscost/maxreliable": 2.5,
        "nlp/solver": "ipopt",
        "heuristics/alns/maxnodes": 2**40,
    },
}

# max 5x + 4y, 3x + 2y <= 12, 2x + 5y <= 13, x and y integer: 20 at (4, 0). Least, as MPS has it: -20.
MPS = """\
NAME          small
ROWS
 N  COST
 L  R1
 L  R2
COLUMNS
    MARKER                 'MARKER'                 'INTORG'
    X         COST              -5.0   R1                 3.0
    X         R2                 2.0
    Y         COST              -4.0   R1                 2.0
    Y         R2                 5.0
    MARKER                 'MARKER'                 'INTEND'
RHS
    RHS       R1                12.0   R2                13.0
BOUNDS
 UP BND       X                   10
 UP BND       Y                   10
ENDATA
"""

LP = """\
Minimize
 cost: - 5 x - 4 y
Subject To
 r1: 3 x + 2 y <= 12
 r2: 2 x + 5 y <= 13
Bounds
 x <= 10
 y <= 10
Generals
 x y
End
"""


@pytest.fixture(scope="module")
def processes() -> Iterator[dict[str, SolverProcess]]:
    started = {name: SolverProcess(name) for name in SOLVERS}
    yield started
    for process in started.values():
        process.close()


def configuration(name: str) -> Configuration:
    return Configuration.of(name, CHANGES[name])


@pytest.mark.parametrize("name", SOLVERS)
def test_the_solver_reads_its_parameter_file(processes: dict[str, SolverProcess], name: str) -> None:
    note = "not proven yet: the job is running"
    read = processes[name]("read", export(configuration(name), "solver", seed=3, gap=0.25, note=note))
    assert {key: read[key] for key in CHANGES[name]} == CHANGES[name]
    # One thread and the gap belong to what was measured; the seed is nobody's parameter.
    plain = processes[name]("applied", knapsack(5, 2), CHANGES[name], 0, 1e9, 0.25)
    different = {key for key in plain if plain[key] != read[key]}
    assert different <= INFRASTRUCTURE[name]


@pytest.mark.parametrize(
    "chosen",
    [
        {"emphasis": "easycip"},
        {"heuristics/emphasis": "off", "heuristics/alns/freq": 20},
        {"separating/emphasis": "aggressive", "presolving/emphasis": "fast", "conflict/enable": False},
        {"heuristics/emphasis": "off", "emphasis": "feasibility", "separating/maxcutsroot": 2000},
    ],
)
def test_scip_reads_an_emphasis_as_it_was_set(processes: dict[str, SolverProcess], chosen: dict[str, Value]) -> None:
    read = processes["scip"]("read", export(Configuration.of("scip", chosen), "solver", gap=0.25))
    plain = processes["scip"]("applied", knapsack(5, 2), chosen, 0, 1e9, 0.25)
    assert {key for key in plain if plain[key] != read[key]} <= INFRASTRUCTURE["scip"]


INFRASTRUCTURE = {
    "highs": {"output_flag", "time_limit"},
    "cp-sat": {
        "log_search_progress",
        "log_to_stdout",
        "catch_sigint_signal",
        "max_time_in_seconds",
        "random_seed",
        "permute_variable_randomly",  # a part of the seed
    },
    "scip": {"misc/catchctrlc", "limits/time"},
}
"""What an adapter sets, besides, that is of no concern to a search that ends by itself."""


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("gap", [0.0, 0.01])
def test_a_program_has_the_parameters_of_the_run(
    processes: dict[str, SolverProcess], name: str, seed: int, gap: float
) -> None:
    program = export(configuration(name), "python", seed=seed, gap=gap, limit=30.0)
    embedded = re.search(r'"""\\\n(.*?)"""', program, re.DOTALL)
    assert embedded is not None
    read = processes[name]("read", embedded[1])
    applied = processes[name]("applied", knapsack(5, 2), CHANGES[name], seed, 30.0, gap)
    different = {key for key in applied if applied[key] != read[key]}
    assert different <= INFRASTRUCTURE[name] - {"random_seed", "time_limit", "max_time_in_seconds", "limits/time"}


def program_of(name: str) -> str:
    changes = {key: value for key, value in CHANGES[name].items() if key != "nlp/solver"}
    return export(Configuration.of(name, changes), "python", seed=2, gap=0.0, limit=60.0, memory_mib=1500)


def executed(folder: Path, name: str, model: Path) -> subprocess.CompletedProcess[str]:
    program = folder / "run.py"
    program.write_text(program_of(name))
    return subprocess.run(
        [sys.executable, "-s", str(program), str(model)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},  # where programs find tuner, if they need it
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(("name", "format"), [*((name, "mps") for name in SOLVERS), ("highs", "lp"), ("scip", "lp")])
def test_a_program_solves_a_model_file(tmp_path: Path, name: str, format: str, packing: str) -> None:
    model = tmp_path / f"a small.model.{format}{packing}"
    model.write_bytes(PACKERS[packing]((MPS if format == "mps" else LP).encode()))
    done = executed(tmp_path, name, model)
    assert done.returncode == 0, done.stderr
    printed = dict(
        line.split(": ", 1) for line in done.stdout.splitlines() if re.match(r"(status|objective|bound):", line)
    )
    assert printed["status"].lower().startswith("optimal")
    assert float(printed["objective"]) == pytest.approx(-20.0)
    assert float(printed["bound"]) == pytest.approx(-20.0)


# max 3x + 2y + z + b, x + y + z <= 8, b = 1 -> x + y <= 3, x and y not both: 18 at (5, 0, 3, 0).
LOGIC = """\
Maximize
 obj: 3 x + 2 y + z + b
Subject To
 cap: x + y + z <= 8
 on: b = 1 -> x + y <= 3
Bounds
 x <= 5
 y <= 5
 z <= 4
Generals
 x y z
Binaries
 b
SOS
 one: S1:: x:1 y:2
End
"""
ONLY_SETS = LOGIC.replace(" on: b = 1 -> x + y <= 3\n", "").replace(" + b\n", "\n").replace("Binaries\n b\n", "")
ONLY_INDICATORS = LOGIC.replace("SOS\n one: S1:: x:1 y:2\n", "")


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize(
    ("logic", "best"), [(LOGIC, 18.0), (ONLY_SETS, 18.0), (ONLY_INDICATORS, 21.0)], ids=["both", "sets", "indicators"]
)
@pytest.mark.parametrize("suffix", [".lp", ".mps", ".mps.gz"])
def test_a_program_solves_a_model_with_sets_and_indicators(
    tmp_path: Path, name: str, logic: str, best: float, suffix: str
) -> None:
    written = tmp_path / "written.lp"
    written.write_text(logic)
    model = tmp_path / f"model{suffix}"
    if suffix == ".lp":
        model.write_text(logic)
    else:
        write_mps(read_model(written), model)
    done = executed(tmp_path, name, model)
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines() if re.match(r"(status|objective):", line))
    assert printed["status"].lower().startswith("optimal")
    assert float(printed["objective"]) == pytest.approx(best)


@pytest.mark.parametrize("name", ["highs", "cp-sat"])
def test_a_program_says_which_bound_the_linear_rows_need(tmp_path: Path, name: str) -> None:
    model = tmp_path / "model.lp"
    model.write_text(ONLY_INDICATORS.replace(" x <= 5\n", "").replace("x + y + z <= 8", "y + z <= 8"))
    done = executed(tmp_path, name, model)
    assert done.returncode == 1
    assert done.stderr == (
        f"{model}: row on holds only where b is 1, and x has no upper bound: give it one, or use scip\n"
    )


@pytest.mark.parametrize("name", ["highs", "cp-sat"])
def test_a_program_without_tuner_says_that_sets_and_indicators_take_it(tmp_path: Path, name: str) -> None:
    model = tmp_path / "model.lp"
    model.write_text(LOGIC)
    program = tmp_path / "run.py"
    # As where the solver's package alone is installed: what the program imports of tuner cannot be found.
    program.write_text("import sys\nsys.modules['instances'] = None\n" + program_of(name))
    done = subprocess.run([sys.executable, program, model], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert done.stderr == (
        f"{model} has special ordered sets or indicator constraints, which {name} does not read. tuner replaces them "
        "by linear rows, but is not installed here\n"
    )


@pytest.mark.parametrize(("name", "bound", "code"), [("highs", 2e5, 1), ("highs", 5e4, 0), ("cp-sat", 2e5, 0)])
def test_a_program_has_the_limit_of_linear_rows_that_the_adapter_has(
    tmp_path: Path, name: str, bound: float, code: int
) -> None:
    written, model = tmp_path / "model.lp", tmp_path / "model.mps"
    written.write_text(ONLY_INDICATORS.replace(" x <= 5\n", f" x <= {bound:.0f}\n"))
    write_mps(read_model(written), model)
    done = executed(tmp_path, name, model)
    assert done.returncode == code, done.stderr
    assert ("100000" in done.stderr or "1e+05" in done.stderr) is bool(code), done.stderr


@pytest.mark.parametrize("packing", ["", ".xz"])
def test_the_program_of_cp_sat_says_that_it_reads_no_lp(tmp_path: Path, packing: str) -> None:
    model = tmp_path / f"small.lp{packing}"
    model.write_bytes(PACKERS[packing](LP.encode()))
    done = executed(tmp_path, "cp-sat", model)
    assert done.returncode == 1
    assert done.stderr == f"{model}: only .mps, plain or packed, can be read here; HiGHS and SCIP read .lp too\n"


@pytest.mark.parametrize("name", SOLVERS)
def test_a_program_tells_the_command_that_repeats_the_run_through_our_reader(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path))
    model = tmp_path / "small.mps"
    model.write_text(MPS)
    said = ast.get_docstring(ast.parse(program_of(name))) or ""
    assert "read by the solver's own reader" in said
    words = shlex.split(said.splitlines()[-1])
    assert words[:3] == ["tuner", "execute", "MODEL"]
    assert words[-8:] == ["--seed", "2", "--cutoff", "60s", "--gap", "0", "--memory", "1500MiB"]
    assert main([*words[1:2], str(model), *words[3:], "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    changes = {key: value for key, value in CHANGES[name].items() if key != "nlp/solver"}
    assert data["configuration"] == str(Configuration.of(name, changes))
    assert (data["seed"], data["cutoff_s"], data["objective"]) == (2, 60.0, pytest.approx(-20.0))


@pytest.mark.parametrize("name", SOLVERS)
def test_a_negative_upper_bound_is_read_differently_as_the_program_says(tmp_path: Path, name: str) -> None:
    model = tmp_path / "small.mps"
    model.write_text(MPS.replace("UP BND       Y                   10", "UP BND       Y                   -1"))
    assert read_model(model).lower.tolist() == [0.0, -math.inf]
    done = executed(tmp_path, name, model)
    assert done.returncode != 0 or "status: infeasible" in done.stdout.lower()


def test_or_tools_loses_digits_of_large_numbers_as_the_program_says(
    tmp_path: Path, processes: dict[str, SolverProcess]
) -> None:
    equality = read_model(Path(__file__).parent / "data" / "tolerance-integer-equality.lp")
    model = tmp_path / "equality.mps"
    write_mps(equality, model)
    assert processes["cp-sat"]("solve", equality, {}, 0, 60.0, 0.0).claim is Claim.INFEASIBLE
    done = executed(tmp_path, "cp-sat", model)
    assert "status: OPTIMAL\n" in done.stdout
    said = " ".join((ast.get_docstring(ast.parse(program_of("cp-sat"))) or "").split())
    assert "here OR-Tools scales them, and may lose digits" in said


@pytest.mark.parametrize("name", SOLVERS)
def test_a_text_in_a_program_is_what_it_was(name: str) -> None:
    odd = Configuration.of(name, {"file": 'a\\n"""b', "other": "{title}"})
    tree = ast.parse(export(odd, "python"))
    assert shlex.split((ast.get_docstring(tree) or "").splitlines()[-1])[6:9:2] == [
        'file=a\\n"""b',
        "other={title}",
    ]
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert any('a\\n"""b' in text and "{title}" in text and "MODEL" not in text for text in texts)


@pytest.mark.parametrize("name", SOLVERS)
def test_the_default_is_exported_as_such(processes: dict[str, SolverProcess], name: str) -> None:
    text = export(Configuration(name), "solver")
    assert text.startswith(f"# {name}, the default")
    read = processes[name]("read", text)
    changed = {
        p.name for p in processes[name]("parameters") if read.get(p.name, p.default) != p.default and not p.reserved
    }
    assert changed == set()


def test_every_solver_has_every_form() -> None:
    for name in SOLVERS:
        for form in Form:
            assert export(configuration(name), form)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(UsageError, match="form: 'yaml' is unknown; it is one of solver, python"):
        export(configuration("scip"), "yaml")


def test_an_unknown_solver_is_refused() -> None:
    with pytest.raises(UsageError, match="only highs, cp-sat, scip can be exported"):
        export(Configuration("abacus"), "solver")


def test_exporting_imports_no_solver() -> None:
    program = "import sys, tuner.verdict.export; assert not {'highspy', 'ortools'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)

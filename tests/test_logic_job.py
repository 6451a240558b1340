"""Files with indicators and sets, from the command line: who takes them, who does not, and what a job makes of that."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model
from instances.writing import write_mps
from tuner.app.intake import submission_of
from tuner.app.progress import Watcher
from tuner.cli import main
from tuner.scenario import Scenario

INF = float("inf")
KEPT = 4
"""The exit code of a job that keeps the default."""
REASON = "row closed0 holds only where setup0 is 0, and make0 has no upper bound: give it one, or use scip"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUNER_STORE", raising=False)


def lots(seed: int, capacity: float) -> Model:
    """Make a plan of four lots: nothing is made in a period that is not set up, two periods in a row at most."""
    random = np.random.default_rng(seed)
    builder = Builder(f"lots{seed}")
    made, stock = [], None
    for t in range(4):
        setup = builder.add_binary(f"setup{t}", float(random.integers(20, 60)))
        make = builder.add_column(f"make{t}", float(random.integers(1, 4)), upper=capacity)
        left = builder.add_column(f"stock{t}", 1.0, upper=capacity)
        before = [] if stock is None else [(stock, 1.0)]
        demand = float(random.integers(3, 20))
        builder.add_row(f"balance{t}", [(make, 1.0), (left, -1.0), *before], lower=demand, upper=demand)
        builder.add_indicator(builder.add_row(f"closed{t}", [(make, 1.0)], upper=0.0), setup, 0)
        made.append(make)
        stock = left
    builder.add_set("crew", 2, [(column, float(t)) for t, column in enumerate(made)])
    return builder.build()


def write(folder: str, capacities: list[float]) -> None:
    Path(folder).mkdir()
    for seed, capacity in enumerate(capacities):
        write_mps(lots(seed, capacity), Path(folder, f"lots{seed}.mps"))


class Listening(Watcher):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def taken(folder: str, solver: str = "any") -> tuple[tuple[str, ...], list[str]]:
    """Return which solvers a job on a folder would race, and what it said."""
    listening = Listening()
    submission = submission_of(Scenario(folder, solver, 60.0, 1.0, slots=1, name="job"), listening)
    return submission.solvers, listening.said


def test_every_solver_finds_the_same_optimum_of_a_file_with_sets_and_indicators(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("models", [100.0])
    found = {}
    for solver in ("highs", "cp-sat", "scip"):
        assert main(["execute", "models/lots0.mps", "--solver", solver, "--json"]) == 0
        found[solver] = json.loads(capsys.readouterr().out)
    assert {answer["check"] for answer in found.values()} == {"confirmed"}
    assert [found[solver]["claim"] for solver in ("highs", "scip")] == ["optimal", "optimal"]
    assert found["highs"]["objective"] == pytest.approx(found["scip"]["objective"])


@pytest.mark.parametrize("solver", ["highs", "cp-sat"])
def test_a_file_without_bounds_is_refused_for_a_solver_by_row_and_column(
    solver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("models", [INF])
    assert main(["execute", "models/lots0.mps", "--solver", solver]) == 2
    told = capsys.readouterr().err
    assert f"{solver} cannot take this model: " in told
    assert REASON in told


def test_a_job_leaves_out_the_solvers_that_do_not_take_a_model_and_says_why() -> None:
    write("free", [100.0, INF, 100.0, 100.0])
    solvers, said = taken("free")
    assert solvers == ("scip",)
    left_out = [line for line in said if "is left out" in line]
    assert [line.split()[0] for line in left_out] == ["highs", "cp-sat"]
    for line in left_out:
        assert "it cannot take 1 of the models, such as lots1" in line
        assert REASON in line


def test_a_job_races_every_solver_where_bounds_allow() -> None:
    write("bounded", [100.0] * 4)
    assert taken("bounded") == (("highs", "cp-sat", "scip"), [])


def test_a_solver_that_takes_only_some_models_leaves_out_the_others_by_name() -> None:
    write("some", [100.0, INF, 100.0, 100.0, 100.0])
    solvers, said = taken("some", "highs")
    assert solvers == ("highs",)
    assert len(said) == 1
    assert said[0].startswith("left out: ")
    assert "lots1.mps: highs: " in said[0]
    assert REASON in said[0]


def test_a_folder_of_models_without_bounds_is_tuned_with_scip_alone(capsys: pytest.CaptureFixture[str]) -> None:
    write("free", [INF] * 4)
    code = main(["tune", "free", "--budget", "8s", "--cutoff", "1s", "--slots", "1", "--json"])
    assert code in (0, KEPT)
    shown = capsys.readouterr()
    assert "highs is left out: it cannot take 4 of the models" in shown.err
    assert "cp-sat is left out: it cannot take 4 of the models" in shown.err
    job = json.loads(shown.out)
    assert (job["state"], job["solvers"]) == ("finished", ["scip"])

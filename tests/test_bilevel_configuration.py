"""Tuning through the bilevel API: real solvers, real models, solver seeds for ties."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest

from instances.families import FAMILIES, generate
from storage.records import Configuration
from tests.followers.temptation import boasts
from tuner.bilevel import Bound, Ending, Response, Status, Ties, solve
from tuner.bilevel.applications.configuration import Tuning
from tuner.bilevel.configuring import SEEDS, ConfigurationProblem, _better
from tuner.bilevel.responder import X
from tuner.bilevel.state import Bracket
from tuner.cli import main
from tuner.cost import Cost
from tuner.errors import Failed, NotFound, UsageError
from tuner.follower.reaction import Tie
from tuner.follower.solvers import SOLVERS, Adapter
from tuner.scenario import Scenario

ENDS = (Ties.OPTIMISTIC, Ties.MEAN, Ties.PESSIMISTIC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    generate(FAMILIES["generalised-assignment"], 4, made, seed=3, size=0.4)
    return made


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNER_STORE", raising=False)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))


def problem_of(folder: Path, solver: str = "highs", cutoff: float = 10.0) -> ConfigurationProblem:
    return Tuning(Scenario(str(folder), solver=solver, cutoff=cutoff)).problem()


def values(response: Response) -> list[float]:
    ties = [response.tie(end) for end in ENDS]
    return [tie.objective for tie in ties if tie is not None]


def test_a_response_has_the_optimum_of_every_model_and_its_cost_depends_on_the_seeds_alone(folder: Path) -> None:
    problem = problem_of(folder)
    usual, other = (problem.respond(x) for x in ({}, {"presolve": "off", "mip_heuristic_effort": 0}))
    for response in (usual, other):
        assert response.status is Status.FEASIBLE
        best, mean, worst = values(response)
        assert 0 < best < mean < worst
        assert response.violations == {}
    assert usual.optimistic is not None
    assert other.optimistic is not None
    # What the followers answer is the same for every configuration: only what it costs is not.
    assert usual.optimistic.y == pytest.approx(other.optimistic.y)
    assert usual.x != other.x
    assert usual.cpu > 0


def test_names_values_and_configurations_lead_to_the_same_choice(folder: Path) -> None:
    problem = problem_of(folder)
    chosen = {"presolve": "off", "mip_heuristic_effort": 0.2, "mip_detect_symmetry": False}
    x = problem.choice(chosen)
    assert problem.named(x) == chosen
    assert problem.choice(x) == x
    assert problem.choice(problem.configuration(x)) == x
    assert problem.words(x) == "highs mip_detect_symmetry=false mip_heuristic_effort=0.2 presolve=off"
    assert problem.read(["presolve=off", "mip_heuristic_effort=0.2", "mip_detect_symmetry=false"]) == chosen


def test_with_several_solvers_the_solver_is_chosen_too(folder: Path) -> None:
    problem = problem_of(folder, "any")
    x = problem.choice({"solver": "scip"})
    assert problem.named(x) == {"solver": "scip"}
    assert str(problem.configuration(x)) == "scip default"
    response = problem.respond({"solver": "cp-sat"})
    assert response.status is Status.FEASIBLE
    assert response.optimistic is not None
    assert response.optimistic.y == pytest.approx(problem.respond({"solver": "highs"}).optimistic.y)  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="of another solver than scip"):
        problem.choice({"solver": "scip", "highs:presolve": "off"})
    with pytest.raises(UsageError, match="solver=gurobi: not a value"):
        problem.choice({"solver": "gurobi"})


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"presolv": "off"}, "did you mean presolve"),
        ({"presolve": "maybe"}, "it takes off, choose"),
        ({"presolve": True}, "not a value of it"),
        ({"mip_heuristic_effort": 2.0}, "not a value of it"),
        ((0.0, 1.0), "2 values for"),
    ],
)
def test_a_choice_that_is_none_is_refused(folder: Path, chosen: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        problem_of(folder).choice(chosen)


def test_what_cannot_be_a_problem_is_refused(folder: Path) -> None:
    problem = problem_of(folder)
    instances = list(problem.instances.values())
    with pytest.raises(UsageError, match="at least one"):
        ConfigurationProblem("none", [], problem.spaces)
    with pytest.raises(UsageError, match="different names"):
        ConfigurationProblem("twice", [*instances, instances[0]], problem.spaces)
    with pytest.raises(UsageError, match="cutoff"):
        ConfigurationProblem("never", instances, problem.spaces, cutoff=0.0)
    with pytest.raises(NotFound, match="nowhere: there is no such folder"):
        problem_of(folder / "nowhere")
    (folder.parent / "bad").mkdir()
    (folder.parent / "bad" / "cut.mps").write_text("ROWS\n N obj\nCOLUMNS\n x obj one\n")
    with pytest.raises(UsageError, match=r"cut\.mps"):
        problem_of(folder.parent / "bad")


def test_a_run_that_reaches_its_cutoff_costs_ten_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.scenario.LEAST_CUTOFF", 0.0)  # people may not ask for so little: nothing ends within it
    problem = problem_of(folder, cutoff=1e-3)
    response = problem.respond({})
    assert response.status is Status.FEASIBLE
    assert values(response) == pytest.approx([0.01] * 3)


def test_a_configuration_that_claims_a_wrong_optimum_is_outside_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(FAMILIES["combinatorial-auction"], 4, tmp_path / "models", seed=1, size=0.4)
    monkeypatch.setitem(
        SOLVERS, "highs", Adapter("highs", "highspy", "tests.followers.boasting:Boasting", "highs.toml")
    )
    problem = problem_of(tmp_path / "models")
    boasting, honest = problem.respond_all(
        [problem.choice({"mip_heuristic_effort": 0.06, "presolve": "off"}), problem.choice({})]
    )
    assert honest.status is Status.FEASIBLE
    assert boasting.status is Status.OUTSIDE
    assert [boasting.tie(ties) for ties in ENDS] == [None] * 3
    assert boasting.violations
    assert set(boasting.violations) <= {f"{name} seed {s}" for name in problem.reaction_names(()) for s in range(SEEDS)}
    assert "found a verified solution" in boasting.reason
    result = solve(problem, budget=8.0)
    assert result.x is not None
    assert not boasts(problem.configuration(result.x).values)
    assert 0 < result.outside < result.responses


def test_solving_races_and_executes_its_answer_anew(folder: Path) -> None:
    problem = problem_of(folder)
    seen: list[Bracket] = []
    result = solve(problem, budget=6.0, watch=seen.append)
    assert result.ending is Ending.FEASIBLE
    assert (result.bound_kind, result.is_proven) == (Bound.NONE, False)
    assert result.response is not None
    assert result.response.mean is not None
    assert result.objective == result.response.mean.objective
    assert result.spread is not None
    assert result.y is not None
    assert list(result.y) == problem.reaction_names(result.x or ())
    states = [trial.state for trial in result.study.trials]
    assert len(states) == result.responses > 3
    assert states.count(optuna.trial.TrialState.COMPLETE) >= 1
    assert seen[-1].responses <= result.responses
    assert f"choice     {problem.words(result.x or ())}" in str(result)
    with pytest.raises(UsageError, match="over configurations"):
        result.plot()


def test_somebody_who_stops_it_is_told_what_is_missing(folder: Path) -> None:
    stop = threading.Event()
    stop.set()
    result = solve(problem_of(folder), budget=60.0, stop=stop)
    assert (result.ending, result.x, result.objective) == (Ending.NOTHING, None, None)
    assert "interrupted before" in result.remarks[0]


def test_somebody_who_stops_it_has_the_best_so_far(folder: Path) -> None:
    stop, seen = threading.Event(), []

    def watch(bracket: Bracket) -> None:
        seen.append(bracket)
        if bracket.value is not None and bracket.responses > 3:
            stop.set()

    result = solve(problem_of(folder), budget=60.0, stop=stop, watch=watch)
    assert result.ending is Ending.FEASIBLE
    assert result.x is not None
    assert result.objective is not None
    assert seen[-1].value is not None
    assert "interrupted before it was executed anew" in result.remarks[0]


def response_of(x: tuple[float, ...], cost: float) -> Response:
    return Response(x, Status.FEASIBLE, mean=Tie(cost, ()))


def test_of_the_answer_and_the_default_the_better_one_counts(folder: Path) -> None:
    problem = problem_of(folder)
    answer, default = problem.choice({"presolve": "off"}), problem.choice({})
    for cost, expected, words in ((1.0, answer, "F is 2 at highs default"), (3.0, default, "less than the default")):
        best, remarks = _better(problem, Ties.MEAN, [response_of(answer, cost), response_of(default, 2.0)])
        assert best is not None
        assert best.x == expected
        assert words in remarks[0]


def test_the_answer_is_executed_with_other_seeds_than_the_race(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, seeds = problem_of(folder), []
    honest = problem.respond_all

    def respond_all(choices: Sequence[X], *, seed: int = 0, **more: Any) -> list[Response]:
        seeds.append(seed)
        return honest(choices, seed=seed, **more)

    monkeypatch.setattr(problem, "respond_all", respond_all)
    solve(problem, budget=3.0, seed=5)
    assert seeds == [2**30 + 5]


def test_numbers_and_configurations_are_checked_as_names_are(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "space.toml").write_text(
        '[[forbidden]]\nsolver = "highs"\nvalues = { presolve = "off", mip_allow_restart = false }\n'
    )
    problem = Tuning(Scenario(str(folder), solver="highs", space=str(tmp_path / "space.toml"))).problem()
    forbidden = {"presolve": "off", "mip_allow_restart": False}
    numbers = list(problem.choice({}))
    names = [variable.name for variable in problem.variables]
    numbers[names.index("presolve")] = numbers[names.index("mip_allow_restart")] = 0.0
    for x in (forbidden, numbers, Configuration.of("highs", forbidden)):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="forbidden in the space of highs"):
            problem.choice(x)  # type: ignore[arg-type]
    for configuration, words in (
        (Configuration("scip"), "scip is not among highs"),
        (Configuration.of("highs", {"foo": 3}), "unknown parameter of highs"),
        (Configuration.of("highs", {"presolve": "zzz"}), "it takes off, choose"),
    ):
        with pytest.raises(UsageError, match=words):
            problem.choice(configuration)


def test_without_any_solved_model_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.scenario.LEAST_CUTOFF", 0.0)
    with pytest.raises(Failed, match="no model was solved"):
        solve(problem_of(folder, cutoff=1e-3), budget=3.0)


def test_the_gap_is_a_cost_too(folder: Path) -> None:
    problem = Tuning(Scenario(str(folder), solver="highs", cutoff=0.02, cost=Cost.GAP)).problem()
    response = problem.respond({})
    assert all(0 <= value <= 1 for value in values(response))


def test_the_command_makes_a_job_of_a_scenario_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("scenario.json").write_text(
        json.dumps({"kind": "configuration", "folder": str(folder), "solver": "highs", "cutoff": 1, "budget": "1h"})
    )
    assert main(["solve", "scenario.json", "--budget", "5s", "--slots", "1", "--name", "mine", "--json"]) in (0, 4)
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["kind"], told["state"], told["budget_s"]) == ("mine", "tune", "finished", 5.0)
    assert Path("tuner-mine").is_dir()


def test_the_command_answers_one_configuration_and_refuses_what_makes_no_sense(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("scenario.toml").write_text(f'kind = "configuration"\nfolder = "{folder}"\nsolver = "highs"\ncutoff = "5s"\n')
    assert main(["solve", "scenario.toml", "--at", "presolve=off", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["at"] == {"presolve": "off"}
    assert len(told["optimistic_y"]) == 4
    assert told["optimistic"] < told["mean"] < told["pessimistic"]
    for words, message in (
        (["--at", "presolve=maybe"], "it takes off, choose"),
        (["--at", "presolve"], "NAME=VALUE is needed"),
        (["--plot", "f.svg"], "not drawn"),
        (["--ties", "best"], "unknown ties"),
    ):
        assert main(["solve", "scenario.toml", *words]) == 2
        assert message in capsys.readouterr().err
    Path("toll.toml").write_text('kind = "toll"\nfolder = "models"\n')
    assert main(["tune", "toll.toml"]) == 2
    assert "tuner solve takes other kinds" in capsys.readouterr().err


def test_the_example_writes_and_reads_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "--example", "configuration", "--write", "example.json"]) == 0
    assert Tuning.read(Path("example.json")) == Tuning.example()
    made = Tuning.generated(4, seed=7)
    assert len(made.problem().instances) == 4
    capsys.readouterr()

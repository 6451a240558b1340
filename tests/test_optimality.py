"""A claimed optimum is held against the solver's own bound: a gap that is open is not closed by calling it so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from instances.model import Model
from storage.records import Check, Claim, Configuration, Response, Run
from tests.followers.scene import saved
from tests.small_models import knapsack, milp
from tests.solver_process import SolverProcess
from tuner.cost import Cost, cost_of, solved
from tuner.follower.check import check_answer, contradicts
from tuner.follower.executor import LocalExecutor
from tuner.follower.optimality import held_to_gap, own_gap
from tuner.follower.solvers import SOLVERS, Adapter
from tuner.ports import Answer

HASTY = {"hasty": Adapter("hasty", "highspy", "tests.followers.hasty:Hasty")}


def executed(model: Model, folder: Path, gap: float) -> tuple[Run, Response]:
    instance = saved(model, folder)
    run = Run(Configuration("hasty"), instance.sha256, 0, 20.0, 20.0)
    with LocalExecutor({instance.sha256: instance}, 1, 500.0, gap, None, HASTY) as executor:
        executor.submit(run)
        (done,) = executor.wait(60.0)
    return run, done.response


def test_an_optimum_that_its_own_bound_contradicts_is_feasible_and_says_why(tmp_path: Path) -> None:
    run, response = executed(knapsack(60, 5), tmp_path, 1e-4)
    assert (response.claim, response.check) == (Claim.FEASIBLE, Check.CONFIRMED)
    assert response.gap is not None
    assert response.gap > 1e-3
    assert not solved(Cost.PAR10, run, response)
    assert cost_of(Cost.GAP, run, response) == response.gap
    assert cost_of(Cost.PAR10, run, response) == 200.0
    assert response.raw_status.startswith("Optimal, but its own bound ")
    assert response.raw_status.endswith("; 0.0001 counts as optimal")


def test_an_optimum_within_the_gap_that_was_asked_for_stands(tmp_path: Path) -> None:
    run, response = executed(knapsack(60, 5), tmp_path, 0.95)
    assert response.claim is Claim.OPTIMAL
    assert solved(Cost.PAR10, run, response)


COSTS = milp([3.0, 200.0], maximise=True)


@pytest.mark.parametrize("unit", [1e-9, 1e-4, 1.0, 1e12])
@pytest.mark.parametrize(
    ("objective", "bound", "gap", "claim"),
    [
        (100.0, 100.0, 0.0, Claim.OPTIMAL),
        (100.0, 100.00001, 0.0, Claim.OPTIMAL),  # what rounding leaves
        (0.0, 1e-6, 0.0, Claim.OPTIMAL),
        (0.0, 3.0, 1e-4, Claim.FEASIBLE),
        (100.0, 100.005, 1e-4, Claim.OPTIMAL),
        (100.0, 100.05, 1e-4, Claim.FEASIBLE),
        (100.0, 101.0, 0.0, Claim.FEASIBLE),
    ],
)
def test_the_gap_of_an_optimum_is_relative_to_the_objective(
    unit: float, objective: float, bound: float, gap: float, claim: Claim
) -> None:
    model = replace(COSTS, objective=COSTS.objective * unit)
    answer = Answer(Claim.OPTIMAL, "Optimal", objective * unit, bound * unit)
    assert held_to_gap(model, answer, gap).claim is claim


def test_what_has_no_bound_or_claims_no_optimum_is_left_alone() -> None:
    for answer in (Answer(Claim.OPTIMAL, "", 1.0), Answer(Claim.FEASIBLE, "", 1.0, 9.0), Answer(Claim.INFEASIBLE, "")):
        assert held_to_gap(COSTS, answer, 0.0) is answer
    assert own_gap(COSTS, Answer(Claim.FEASIBLE, "", 0.0, 9.0)) == 1.0


@pytest.mark.parametrize("unit", [1e-9, 1e-4, 1.0, 1e12])
def test_objectives_are_compared_in_the_unit_of_the_costs(unit: float) -> None:
    assert contradicts(12.0 * unit, 13.0 * unit, True, 1e-4, unit)
    assert contradicts(0.0, unit, True, 1e-4, unit)
    assert not contradicts(12.0 * unit, 12.0001 * unit, True, 1e-4, unit)
    assert not contradicts(0.0, 1e-9 * unit, True, 1e-6, unit)


def test_the_objective_that_a_point_has_is_compared_in_its_unit_too() -> None:
    model = replace(COSTS, objective=COSTS.objective * 1e-9)
    right = Answer(Claim.OPTIMAL, "Optimal", 2.03e-7, 2.03e-7, model.upper)
    assert check_answer(model, right) == (Check.CONFIRMED, "")
    check, reason = check_answer(model, replace(right, objective=1.03e-7))
    assert check is Check.REFUTED
    assert "the objective is claimed as 1.03e-07, but the point's is 2.03e-07" in reason


@pytest.fixture(scope="module", params=list(SOLVERS))
def solver(request: pytest.FixtureRequest) -> Iterator[SolverProcess]:
    process = SolverProcess(request.param)
    yield process
    process.close()


@pytest.mark.parametrize("unit", [1e-9, 1e-8, 1e-6, 1.0, 1e10])
def test_solvers_end_within_the_relative_gap_whatever_the_unit(solver: SolverProcess, unit: float) -> None:
    plain = replace(knapsack(40, 3), offset=0.0)
    optimum = solver("solve", plain, {}, 0, 60.0, 0.0).objective
    model = replace(plain, objective=plain.objective * unit)
    answer = solver("solve", model, {}, 0, 60.0, 1e-4)
    assert answer.claim is Claim.OPTIMAL
    assert held_to_gap(model, answer, 1e-4) is answer
    assert answer.objective == pytest.approx(optimum * unit, rel=2e-4)

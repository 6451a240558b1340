"""CP-SAT on large numbers: it is given exact whole numbers, and claims no more than is proven of the model itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from instances.reading import read_model
from storage.records import Claim
from tests.solver_process import SolverProcess
from tuner.follower.solvers.whole import impossible, is_harmless, whole
from tuner.ports import Answer

DATA = Path(__file__).parent / "data"
INTEGER = VariableKind.INTEGER


@pytest.fixture(scope="module")
def cp_sat() -> Iterator[SolverProcess]:
    process = SolverProcess("cp-sat")
    yield process
    process.close()


def answer(cp_sat: SolverProcess, model: Model) -> Answer:
    found = cp_sat("solve", model, {}, 0, 60.0, 0.0)
    assert isinstance(found, Answer)
    return found


def equality(coefficients: Sequence[float], total: float, top: float = 50.0, maximise: bool = False) -> Model:
    builder = Builder("equality", maximise=maximise, offset=2.5)
    columns = [builder.add_column(f"x{j}", 1.0, 0.0, top, INTEGER) for j in range(len(coefficients))]
    builder.add_row("total", zip(columns, coefficients, strict=True), lower=total, upper=total)
    return builder.build()


@pytest.mark.parametrize(
    ("coefficients", "total", "divisor"),
    [
        ([1e9, 1e9, 100.0], 999999998.0, "100"),
        ([2.0, 4.0, 6.0], 1e9 + 1, "2"),  # OR-Tools calls it an invalid model
        ([1e6, 2e6], 1000001.0, "1000000"),  # ... and solves this one with 1.000001
        ([0.1, 0.2], 0.35, "0.1"),
        ([6.0, 10.0], 7.0, "2"),
    ],
)
def test_an_equality_without_a_solution_by_divisibility_is_infeasible_and_named(
    cp_sat: SolverProcess, coefficients: list[float], total: float, divisor: str
) -> None:
    found = answer(cp_sat, equality(coefficients, total))
    assert found.claim is Claim.INFEASIBLE
    assert f"row total: its left side is a multiple of {divisor}, and none is in [" in found.raw_status


def test_the_equality_of_the_field_is_infeasible(cp_sat: SolverProcess) -> None:
    found = answer(cp_sat, read_model(DATA / "tolerance-integer-equality.lp"))
    assert (found.claim, found.point) == (Claim.INFEASIBLE, None)


def test_the_budget_of_the_field_is_kept(cp_sat: SolverProcess) -> None:
    found = answer(cp_sat, read_model(DATA / "tolerance-budget-overdrawn.lp"))
    assert (found.claim, found.objective, found.bound) == (Claim.OPTIMAL, 1.0, 1.0)


def test_large_numbers_without_a_divisor_are_solved_exactly(cp_sat: SolverProcess) -> None:
    assert answer(cp_sat, equality([1e9, 1e9, 101.0], 999999998.0)).claim is Claim.INFEASIBLE
    for maximise, objective in ((False, 8.5), (True, 8.5)):
        found = answer(cp_sat, equality([1e9, 1e9 + 1, 7.0], 3 * 10**9 + 23, 9.0, maximise))
        assert (found.claim, found.objective, found.bound) == (Claim.OPTIMAL, objective, objective)
        assert found.point is not None
        assert sum(a * x for a, x in zip((10**9, 10**9 + 1, 7), found.point.tolist(), strict=True)) == 3 * 10**9 + 23
        assert found.steps


def test_coefficients_of_all_sizes_are_solved_exactly(cp_sat: SolverProcess) -> None:
    builder = Builder("wide", maximise=True)  # row: at most one of x2, and then four of x0 + 2 x1
    columns = [builder.add_column(f"x{j}", 1.25, 0.0, 3.0, INTEGER) for j in range(3)]
    builder.add_row("row", zip(columns, (1e-7, 2e-7, 1e7), strict=True), upper=10000000.0000004)
    found = answer(cp_sat, builder.build())
    assert (found.claim, found.objective) == (Claim.OPTIMAL, 7.5)


def test_what_is_lost_in_scaling_is_claimed_feasible_at_most(cp_sat: SolverProcess) -> None:
    builder = Builder("computed")
    columns = [builder.add_column(f"x{j}", 1.0, 0.0, 9.0, INTEGER) for j in range(2)]
    builder.add_row("row", zip(columns, (1 / 3, 1e7 / 3), strict=True), lower=1e7 / 3 + 1 / 3)
    found = answer(cp_sat, builder.build())
    assert (found.claim, found.bound) == (Claim.FEASIBLE, None)
    assert "may lose digits" in found.raw_status


def test_infinite_bounds_are_no_proof_in_whole_numbers_either(cp_sat: SolverProcess) -> None:
    found = answer(cp_sat, equality([1e6, 1e6 + 1], 10**6, float("inf"), maximise=True))
    assert found.claim in (Claim.OPTIMAL, Claim.FEASIBLE)
    assert "truncated" in found.raw_status


def test_numbers_that_were_computed_divide_nothing() -> None:
    assert impossible(equality([0.1 + 0.2, 0.6], 0.9)) == ""
    assert whole(equality([0.1 + 0.2, 0.6], 0.9)) is None


@pytest.mark.parametrize(
    ("coefficients", "total", "harmless"),
    [
        ([1.0, 2.0], 3.0, True),
        ([0.25, 1.5], 100.0, True),
        ([1e5, 1.0], 99.0, True),
        ([1e5, 0.1], 99.0, False),
        ([1e6, 1.0], 99.0, False),
        ([1.0, 1.0], 1e6, False),
        ([1 / 3, 1.0], 1.0, False),
    ],
)
def test_only_rows_with_many_digits_are_scaled_here(coefficients: list[float], total: float, harmless: bool) -> None:
    assert is_harmless(equality(coefficients, total)) is harmless


def test_a_model_with_a_continuous_variable_is_not_made_whole() -> None:
    builder = Builder("mixed")
    builder.add_row("row", [(builder.add_column("x"), 1.0)], upper=1e9)
    assert whole(builder.build()) is None

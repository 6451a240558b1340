"""CP-SAT on large numbers: it is given exact whole numbers, and claims no more than is proven of the model itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from instances.reading import read_model
from storage.records import Claim
from tests.solver_process import SolverProcess
from tuner.follower.optimality import held_to_gap
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
    assert f"row total: its left side is a multiple of {divisor}, and none lies in [" in found.raw_status


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
        assert None not in (found.nodes, found.work)


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


@pytest.mark.parametrize("coefficients", [[2048852491.0, -1.0], [2.0, 1.0], [0.5, -1.0]])
def test_a_row_of_whole_numbers_between_which_its_sides_lie_is_infeasible_and_named(
    cp_sat: SolverProcess, coefficients: list[float]
) -> None:
    builder = Builder("between")
    columns = [builder.add_column(f"x{j}", 1.0, 0.0, 50.0, INTEGER) for j in range(2)]
    builder.add_row("between", zip(columns, coefficients, strict=True), lower=0.3, upper=0.4)
    found = answer(cp_sat, builder.build())
    assert found.claim is Claim.INFEASIBLE
    assert "row between: its left side is a multiple of" in found.raw_status


@pytest.mark.parametrize("size", [1e-7, 1e-8, 3e-12])
def test_rows_of_tiny_numbers_are_solved_exactly(cp_sat: SolverProcess, size: float) -> None:
    builder = Builder("tiny")  # in the solver's tolerance, zero meets this row
    columns = [builder.add_column(f"x{j}", 1.0, 0.0, 9.0, INTEGER) for j in range(2)]
    builder.add_row("row", [(columns[0], size), (columns[1], 2 * size)], lower=float(f"{5 * size:.3g}"))
    found = answer(cp_sat, builder.build())
    assert (found.claim, found.objective) == (Claim.OPTIMAL, 3.0)


def test_an_objective_of_zero_has_no_sign(cp_sat: SolverProcess) -> None:
    builder = Builder("switch", maximise=True)  # x is worth less than what its switch costs
    x, switch = builder.add_column("x", 1.0, 0.0, 50.0, INTEGER), builder.add_binary("switch", -1000.0)
    builder.add_row("link", [(x, 1.0), (switch, -1e8)], upper=0.0)
    found = answer(cp_sat, builder.build())
    assert (found.claim, str(found.objective), str(found.bound)) == (Claim.OPTIMAL, "0.0", "0.0")


def test_decimals_beyond_the_sixth_are_not_lost(cp_sat: SolverProcess) -> None:
    builder = Builder("budget", maximise=True)  # 5 x 0.01000005 is 0.05000025
    builder.add_row("budget", [(builder.add_column("x", 1.0, 0.0, 1000.0, INTEGER), 0.01000005)], upper=0.0500001)
    found = answer(cp_sat, builder.build())
    assert (found.claim, found.objective) == (Claim.OPTIMAL, 4.0)


def cancelling(seed: int) -> tuple[Model, Fraction | None]:
    """Make a model of three or four integers from 0 to 5 with costs of 1e-9 to 1e16, many of which cancel each other,
    and its optimum, in which costs are added up as the decimals that are written."""
    random = np.random.default_rng(seed)
    size = int(random.integers(3, 5))
    magnitudes = 10.0 ** random.uniform(-9, 16, size) * random.choice([-1, 1], size)
    costs = [float(f"{cost:.{random.integers(1, 16)}g}") for cost in magnitudes]
    if random.random() < 0.7:
        costs[1] = -costs[0]
    offset = float(random.choice([0.0, 7.0, -1e12]))
    builder = Builder(f"cancelling{seed}", maximise=bool(random.integers(2)), offset=offset)
    columns = [builder.add_column(f"x{j}", cost, 0.0, 5.0, INTEGER) for j, cost in enumerate(costs)]
    points = list(product(range(6), repeat=size))
    for i in range(2):
        row = random.integers(-4, 5, size).tolist()
        side = int(np.dot(row, random.integers(0, 6, size)))
        lower, upper = ((side, side), (side, math.inf), (-math.inf, side))[random.integers(3)]
        builder.add_row(f"r{i}", zip(columns, map(float, row), strict=True), lower=lower, upper=upper)
        points = [point for point in points if lower <= sum(a * x for a, x in zip(row, point, strict=True)) <= upper]
    exact = [Fraction(repr(cost)) for cost in costs]
    values = [sum(map(Fraction.__mul__, exact, map(Fraction, point)), Fraction(repr(offset))) for point in points]
    model = builder.build()
    return model, (max(values) if model.maximise else min(values)) if values else None


def test_costs_that_cancel_each_other_are_added_up_exactly(cp_sat: SolverProcess) -> None:
    claims = Counter[Claim]()
    for seed in range(200):
        model, best = cancelling(seed)
        found = held_to_gap(model, answer(cp_sat, model), 0.0)
        claims[found.claim] += 1
        if best is None:
            assert found.claim is Claim.INFEASIBLE, (seed, found)
            continue
        assert found.objective is not None, (seed, found)
        if found.claim is Claim.OPTIMAL:
            assert found.objective == pytest.approx(float(best), rel=1e-6, abs=0.0), (seed, found)
        if found.bound is not None:  # one that rounding has made weaker is still one
            beyond = Fraction(found.bound) - best
            assert (-beyond if model.maximise else beyond) <= Fraction(1e-12) * abs(best), (seed, found)
    assert claims[Claim.OPTIMAL] > 120


def test_an_objective_whose_large_terms_cancel_is_solved_in_whole_numbers(cp_sat: SolverProcess) -> None:
    builder = Builder("cancelling")  # a = b: the best is 4 c
    a, b, c = (
        builder.add_column(name, cost, 0.0, 100.0, INTEGER) for name, cost in (("a", 1e15), ("b", -1e15), ("c", 3.0))
    )
    builder.add_row("equal", [(a, 3.0), (b, -3.0)], lower=0.0, upper=0.0)
    builder.add_row("demand", [(a, 1.0), (c, 25.0)], lower=200.0)
    model = builder.build()
    assert not is_harmless(model)
    found = answer(cp_sat, model)
    assert (found.claim, found.objective, found.bound) == (Claim.OPTIMAL, 12.0, 12.0)
    assert found.steps
    assert found.steps[-1].objective == 12.0


def test_costs_that_take_more_digits_than_there_are_make_the_bound_weaker(cp_sat: SolverProcess) -> None:
    model = equality([1.0, 1.0, 1.0], 7.0)
    model = replace(model, objective=np.array([9851802991000001.0, 5.0919, -5.0919]))
    scaled = whole(model)
    assert scaled is not None
    assert scaled.error > 0
    found = answer(cp_sat, model)
    assert found.bound is not None
    assert found.objective == pytest.approx(2.5 - 7 * 5.0919)
    assert found.bound <= 2.5 - 7 * 5.0919
    assert found.bound == pytest.approx(found.objective - float(scaled.error), abs=float(scaled.error))


@pytest.mark.parametrize(
    ("low", "high", "claim", "value"),
    [
        (3.0000000000000004, 3.5, Claim.OPTIMAL, 3.0),  # computed: it may be meant as 3
        (2.5, 2.9999999999999996, Claim.OPTIMAL, 3.0),
        (3.0001, 3.5, Claim.INFEASIBLE, None),
        (3.00000000001, 3.5, Claim.INFEASIBLE, None),
        (-3.5, -3.0000000000000004, Claim.OPTIMAL, -3.0),
    ],
)
@pytest.mark.parametrize("size", [1.0, 1e9])
def test_the_last_digit_of_a_bound_proves_nothing(
    cp_sat: SolverProcess, low: float, high: float, claim: Claim, value: float | None, size: float
) -> None:
    builder = Builder("bounded")
    builder.add_row("row", [(builder.add_column("x", 1.0, low, high, INTEGER), size)], upper=11 * size)
    found = answer(cp_sat, builder.build())
    assert (found.claim, found.objective) == (claim, value)


def test_domains_whose_sizes_cp_sat_cannot_add_are_left_to_its_own_scaling() -> None:
    builder = Builder("wide")
    columns = [builder.add_column(f"x{j}", 1.0, 0.0, 9e15, INTEGER) for j in range(400)]
    builder.add_row("row", [(column, 1.0) for column in columns[:3]], lower=3e9 + 1)
    assert whole(builder.build()) is None


def any_magnitude(seed: int) -> tuple[Model, float | None]:
    """Make a model of two or three integers from 0 to 4 whose rows have numbers of 1e-9 to 1e9, and its optimum.

    Points are enumerated and rows added up as the decimals that are written.
    """
    random = np.random.default_rng(seed)
    builder = Builder(f"magnitude{seed}", maximise=bool(random.integers(2)))
    size = int(random.integers(2, 4))
    costs = [int(cost) for cost in random.integers(-5, 6, size)]
    columns = [builder.add_column(f"x{j}", float(cost), 0.0, 4.0, INTEGER) for j, cost in enumerate(costs)]
    points = list(product(range(5), repeat=size))
    for i in range(int(random.integers(1, 3))):
        exponents = np.where(random.random(size) < 0.7, random.uniform(-9, 8), random.uniform(-9, 8, size))
        row = [float(f"{number:.{random.integers(1, 10)}g}") for number in 10.0**exponents]
        target = float(sum(a * x for a, x in zip(row, random.integers(0, 5, size).tolist(), strict=True)))
        side = float(f"{target:.{random.integers(1, 14)}g}")
        lower, upper = ((side, side), (side, math.inf), (-math.inf, side))[random.integers(3)]
        builder.add_row(f"r{i}", zip(columns, row, strict=True), lower=lower, upper=upper)
        sums = [(sum(Fraction(repr(a)) * x for a, x in zip(row, point, strict=True)), point) for point in points]
        exact = Fraction(repr(side))
        points = [
            point for total, point in sums if (lower < side or total >= exact) and (upper > side or total <= exact)
        ]
    values = [sum(c * x for c, x in zip(costs, point, strict=True)) for point in points]
    model = builder.build()
    return model, float(max(values) if model.maximise else min(values)) if values else None


def test_claims_are_those_of_exact_enumeration_whatever_the_size_of_the_numbers(cp_sat: SolverProcess) -> None:
    claims = Counter[Claim]()
    for seed in range(200):
        model, best = any_magnitude(seed)
        found = answer(cp_sat, model)
        claims[found.claim] += 1
        if found.claim is Claim.OPTIMAL:
            assert found.objective == best, (seed, found.raw_status)
        elif found.claim is Claim.INFEASIBLE:
            assert best is None, (seed, found.raw_status)
    assert claims[Claim.OPTIMAL] > 100
    assert claims[Claim.INFEASIBLE] > 20


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
        ([1e-7, 1e-7], 1.0, False),
        ([0.01000005, 1.0], 1.0, False),
        ([0.01 + 0.02, 1.0], 1.0, True),  # 0.03, but for rounding
    ],
)
def test_only_rows_with_many_digits_are_scaled_here(coefficients: list[float], total: float, harmless: bool) -> None:
    assert is_harmless(equality(coefficients, total)) is harmless


def test_a_model_with_a_continuous_variable_is_not_made_whole() -> None:
    builder = Builder("mixed")
    builder.add_row("row", [(builder.add_column("x"), 1.0)], upper=1e9)
    assert whole(builder.build()) is None

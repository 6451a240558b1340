"""What is proven of a point beyond the tolerances: integers rounded, rows in exact numbers, continuous ones moved."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from instances.reading import read_model
from instances.writing import write_mps
from storage.records import Check, Claim
from tuner.app.execution import execute
from tuner.follower.certificate import Certificate, certify
from tuner.follower.check import check_point
from tuner.follower.exact import ExactRows, Row
from tuner.follower.repair import Ending, Repair
from tuner.follower.warm import Warm

DATA = Path(__file__).parent / "data"
INTEGER = VariableKind.INTEGER


def certified(model: Model, *values: float) -> Certificate:
    point = np.array(values, dtype=np.float64)
    objective = float(model.objective @ point) + model.offset
    assert check_point(model, point, objective).reason == "", "a certificate is for points within the tolerance"
    return certify(ExactRows(model), point, objective)


def budget(first: float, second: float, total: float) -> Model:
    builder = Builder("budget", maximise=True)
    columns = builder.add_binary("x", 1.0), builder.add_binary("y", 1.0)
    builder.add_row("budget", zip(columns, (first, second), strict=True), upper=total)
    return builder.build()


def test_a_budget_overdrawn_within_the_tolerance_is_not_proven_and_its_row_is_named():
    found = certified(read_model(DATA / "tolerance-budget-overdrawn.lp"), 1.0, 1.0)
    assert found == Certificate(None, "row budget is 50000020, 20 above its bound 50000000")


def test_an_equality_missed_within_the_tolerance_is_not_proven():
    found = certified(read_model(DATA / "tolerance-integer-equality.lp"), 0.0, 1.0, 0.0)
    assert found == Certificate(None, "row m is 1000000000, 2 above its bound 999999998")


@pytest.mark.parametrize(
    ("first", "total"),
    [
        (25000010.0, 50000000.0),
        (250000.1, 500000.0),  # money
        (273968.01, 547936.0),
        (0.5000002, 1.0),
        (0.5000001, 1.0000001),  # a limit, not an equation
        (5e-7, 0.0000009999),
    ],
)
def test_what_is_off_by_more_than_the_rounding_of_decimals_is_no_solution(first: float, total: float) -> None:
    found = certified(budget(first, first, total), 1.0, 1.0)
    assert "above its bound" in found.doubt
    assert found.is_no_solution


@pytest.mark.parametrize(("part", "digits"), [(1 / 3, 7), (1 / 7, 7), (1 / 3, 12)])
def test_decimals_that_may_have_been_rounded_are_given_the_benefit_of_the_doubt(part: float, digits: int) -> None:
    count = round(1 / part)
    builder = Builder("parts")
    columns = [builder.add_binary(f"x{j}", 1.0) for j in range(count)]
    builder.add_row("whole", [(column, round(part, digits)) for column in columns], lower=1.0, upper=1.0)
    found = certified(builder.build(), *[1.0] * count)
    assert found.objective is None
    assert "row whole is" in found.doubt
    assert not found.is_no_solution


@pytest.mark.parametrize(("rest", "is_no_solution"), [(3.0, True), (30.0, False)])
def test_a_budget_that_whole_numbers_overdraw_beyond_what_a_continuous_variable_gives_back_has_no_solution(
    rest: float, is_no_solution: bool
) -> None:
    builder = Builder("shared", maximise=True)
    columns = builder.add_binary("x", 1.0), builder.add_binary("y", 1.0)
    back = builder.add_column("back", 0.0, 0.0, rest)
    entries = [*((column, 25000010.0) for column in columns), (back, -1.0)]
    builder.add_row("budget", entries, lower=50000000.0, upper=50000000.0)
    found = certified(builder.build(), 1.0, 1.0, min(rest, 20.0))
    assert found.is_no_solution is is_no_solution


@pytest.mark.parametrize("cost", ["tolerance-budget-overdrawn.lp", "tolerance-several-budgets.lp"])
def test_an_optimum_that_is_no_solution_counts_as_unsolved_even_when_nobody_contradicts_it(cost: str) -> None:
    execution = execute(DATA / cost, "scip", [], 0, 5.0, 2048.0, 1e-4)
    response = execution.response
    assert (response.claim, response.check, response.proven_objective) == (Claim.OPTIMAL, Check.CONFIRMED, None)
    assert "above its bound" in response.doubt
    assert not execution.solved
    assert response.gap is None
    assert response.integral == 5.0


def test_a_point_that_holds_is_proven_with_its_objective():
    assert certified(budget(25000010.0, 25000010.0, 50000000.0), 1.0, 0.0) == Certificate(1.0)


def test_integers_are_rounded_before_anything_is_proven():
    model = budget(25000010.0, 25000010.0, 50000000.0)
    found = certified(model, 1.0, 0.9999996)
    assert found.objective == 1.0, "the other rounding holds"
    assert "row budget is 50000020 with its integers rounded" in found.doubt
    assert "the best point found that holds exactly has the objective 1" in found.doubt


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [
        (0.1, 0.2, 0.3),  # not in doubles
        (0.7, 0.1, 0.8),
        (1e-7, 1e7, 10000000.0000001),
        (0.1, 0.2, 0.1 + 0.2),  # a number that was computed, but three tenths at least
        (1 / 3, 2 / 3, 1.0000000000001),
        (2.0**50, 2.0**50, 2.0**51),
    ],
)
def test_numbers_mean_what_the_file_says(first, second, total):
    assert certified(budget(first, second, total), 1.0, 1.0) == Certificate(2.0)


@pytest.mark.parametrize(
    ("first", "second", "total"), [(1 / 3, 2 / 3, 1.0), (0.1, 0.7, 0.7 + 0.1), (2.0**60, 2.0**60, 2.0**61)]
)
def test_nothing_is_known_where_it_depends_on_the_last_digits_of_computed_numbers(first, second, total):
    assert certified(budget(first, second, total), 1.0, 1.0) == Certificate(None, "")


@pytest.mark.parametrize("total", [0.2999999, 10**-7 * 2.9999999])
def test_a_short_decimal_is_exact(total):
    model = budget(0.1, 0.2, total) if total > 0.1 else budget(1e-7, 2e-7, total)
    assert certified(model, 1.0, 1.0).objective is None


def test_a_bound_of_an_integer_variable_must_hold_exactly():
    builder = Builder("bound")
    builder.add_column("n", 1.0, 1e-7, 5.0, INTEGER)
    found = certified(builder.build(), 0.0)
    assert (found.objective, found.doubt) == (None, "column n is 0, outside [1e-07, 5]")


def test_a_continuous_variable_is_moved_until_its_rows_hold():
    builder = Builder("split")
    n = builder.add_column("n", 1.0, 0.0, 9.0, INTEGER)
    x, y = builder.add_column("x", 2.0), builder.add_column("y", 3.0, 0.0, 0.4)
    builder.add_row("equal", [(x, 3.0), (y, 7.0), (n, 0.1)], lower=1.0, upper=1.0)
    builder.add_row("other", [(x, 1.0), (y, -1.0)], lower=0.1)
    model = builder.build()
    found = certified(model, 1.0, 0.16 + 3e-7, 0.06 - 1e-7)
    assert found.doubt == ""
    assert found.objective == pytest.approx(1.0 + 2 * 0.16 + 3 * 0.06, abs=1e-6)


def test_a_trickle_through_a_closed_source_is_no_solution_but_opening_it_is_one():
    builder = Builder("trickle")
    is_open, flow = builder.add_binary("open", 100.0), builder.add_column("flow", 1.0)
    builder.add_row("big", [(flow, 1.0), (is_open, -1e6)], upper=0.0)
    builder.add_row("demand", [(flow, 1.0)], lower=0.5)
    found = certified(builder.build(), 5e-7, 0.5)
    assert found.objective == 100.5
    assert "row big is 0.5 with its integers rounded, 0.5 above its bound 0" in found.doubt


@pytest.mark.parametrize("big", [1e6, 1e8])
@pytest.mark.parametrize(("solver", "setting"), [("highs", "presolve=off"), ("scip", "presolving/maxrounds=0")])
def test_an_optimum_that_only_a_trickle_attains_counts_as_unsolved(
    solver: str, setting: str, big: float, tmp_path: Path
) -> None:
    builder = Builder("trickle")
    is_open, flow = builder.add_binary("open", 100.0), builder.add_column("flow", 1.0, 0.0, 100.0)
    builder.add_row("big", [(flow, 1.0), (is_open, -big)], upper=0.0)
    builder.add_row("demand", [(flow, 1.0)], lower=0.05)
    file = tmp_path / "trickle.mps"
    write_mps(builder.build(), file)
    execution = execute(file, solver, [setting], 0, 10.0, 2048.0, 1e-4)
    response = execution.response
    assert (response.claim, response.check) == (Claim.OPTIMAL, Check.CONFIRMED)
    assert response.objective == pytest.approx(0.05, abs=0.001)
    assert response.proven_objective == 100.05
    assert "row big is 0.05" in response.doubt
    assert not execution.solved
    assert response.gap == pytest.approx(0.9995, abs=1e-3), "of what is proven"
    assert response.integral == pytest.approx(10.0, abs=0.1)
    assert execute(file, solver, [], 0, 10.0, 2048.0, 1e-4).solved, "by default it finds the optimum"


def test_semi_continuous_variables_stay_on_their_side():
    builder = Builder("semi")
    builder.add_column("s", 1.0, 2.0, 8.0, VariableKind.SEMI_CONTINUOUS)
    model = builder.build()
    assert certified(model, 1e-8).objective == 0.0
    assert certified(model, 2.0 - 1e-8).objective == 2.0


def test_a_row_that_is_switched_off_proves_nothing_wrong_and_one_that_is_on_does():
    builder = Builder("indicator")
    on, n = builder.add_binary("on"), builder.add_column("n", 1.0, 0.0, 9.0, INTEGER)
    builder.add_indicator(builder.add_row("off", [(n, 25000010.0)], upper=50000000.0), on, 1)
    rows = ExactRows(builder.build())
    assert certify(rows, np.array([0.0, 2.0]), 2.0).objective == 2.0
    assert certify(rows, np.array([1.0, 2.0]), 2.0).objective is None


def test_a_special_ordered_set_holds_exactly():
    builder = Builder("set")
    columns = [builder.add_column(f"x{j}", 1.0, 0.0, 1.0) for j in range(3)]
    builder.add_set("one", 1, [(column, float(j)) for j, column in enumerate(columns)])
    rows = ExactRows(builder.build())
    assert certify(rows, np.array([1.0, 1e-8, 0.0]), 1.0).objective == 1.0
    assert "set one" in certify(rows, np.array([0.5, 0.5, 0.0]), 1.0).doubt


def test_a_member_of_a_set_that_cannot_be_zero_is_not_taken_to_be() -> None:
    builder = Builder("set")
    columns = builder.add_column("x", 1.0, 0.0, 1.0), builder.add_column("y", 1.0, 1e-7, 1.0)
    builder.add_set("one", 1, [(column, float(j)) for j, column in enumerate(columns)])
    found = certify(ExactRows(builder.build()), np.array([1.0, 1e-7]), 1.0)
    assert found == Certificate(None, "column y of set one cannot be zero, as it has to be")


def test_equations_that_say_the_same_and_were_computed_twice_are_neither_proven_nor_a_fault():
    builder = Builder("twice")
    x, y = builder.add_column("x", 1.0), builder.add_column("y", 1.0)
    builder.add_row("one", [(x, 1.0), (y, 1.0)], lower=0.3, upper=0.3)
    builder.add_row("two", [(x, 1.0), (y, 1.0)], lower=0.1 + 0.2, upper=0.1 + 0.2)
    assert certified(builder.build(), 0.1, 0.2) == Certificate(None, "")


@pytest.mark.parametrize(("total", "part"), [(2e12, 0.003), (2e9, 0.000003)])
def test_equations_that_contradict_each_other_in_short_decimals_are_never_proven(total, part):
    builder = Builder("twice", maximise=True)
    x, z = builder.add_column("x", 0.0, 0.0, 0.75 * total), builder.add_column("z", 0.0, 0.0, 0.75 * total)
    b = builder.add_binary("b", 1.0)
    builder.add_row("one", [(x, 1.0), (z, 1.0), (b, part)], lower=total, upper=total)
    builder.add_row("two", [(x, 1.0), (z, 1.0)], lower=total, upper=total)
    found = certified(builder.build(), total / 2, total / 2, 1.0)
    assert found == Certificate(None, f"row one is {total:.15g}, {part:g} above its bound {total:.15g}")
    assert certified(builder.build(), total / 2, total / 2, 0.0) == Certificate(0.0)


def test_what_is_proven_holds_whatever_the_model():
    """Random systems around a known point, told with errors of a solver's size: all are repaired."""
    draw = random.Random(5)
    for _ in range(60):
        builder = Builder("random")
        count = draw.randint(3, 12)
        kinds = [draw.random() < 0.4 for _ in range(count)]
        at = [
            float(draw.randint(0, 4))
            if whole
            else draw.choice([0.0, draw.randint(0, 40) / 8, draw.randint(1, 99) / 100])
            for whole in kinds
        ]
        for j, whole in enumerate(kinds):
            kind = INTEGER if whole else VariableKind.CONTINUOUS
            builder.add_column(f"x{j}", draw.randint(-5, 5), 0.0, 6.0, kind)
        for i in range(draw.randint(1, count)):
            chosen = draw.sample(range(count), draw.randint(2, min(4, count)))
            entries = [(j, draw.randint(-99, 99) / draw.choice([1, 10, 100]) or 1.0) for j in chosen]
            total = sum((Fraction(repr(a)) * Fraction(repr(at[j])) for j, a in entries), Fraction(0))
            if any(not kinds[j] for j in chosen) and draw.random() < 0.5:
                builder.add_row(f"r{i}", entries, lower=float(total), upper=float(total))
            else:
                builder.add_row(f"r{i}", entries, upper=float(total))
        model = builder.build()
        told = [value if whole else value + draw.uniform(-1e-9, 1e-9) for value, whole in zip(at, kinds, strict=True)]
        found = certify(ExactRows(model), np.array(told), float(model.objective @ np.array(told)))
        assert found.doubt == ""
        assert found.objective == pytest.approx(float(model.objective @ np.array(at)), abs=1e-5)


def test_a_repair_says_when_no_values_satisfy_the_rows():
    free = {0: (0, None), 1: (0, None)}
    repair = Repair(lambda _: 0, free.get, 1000)
    repair.hold(0, Row((0, 1), (1, 1), 2, None))
    assert repair.run() is Ending.REPAIRED
    repair.hold(1, Row((0, 1), (1, 1), None, 1))
    assert repair.run() is Ending.IMPOSSIBLE


def test_a_repair_stops_at_its_limit():
    repair = Repair(lambda _: 0, lambda _: (None, None), 10)
    for i in range(20):
        repair.hold(i, Row((i, i + 1), (1, Fraction(1, 3)), 1, 1))
    assert repair.run() is Ending.EXHAUSTED


def test_a_repair_begins_no_exchange_that_takes_more_operations_than_are_left():
    count = 30
    dense = tuple(range(count))

    def repair(operations: int) -> Repair:
        made = Repair(lambda _: 0, lambda _: (0, None), operations)
        for i in range(count):
            made.hold(i, Row(dense, tuple(1 + (i + j) % 7 for j in dense), 1, None))
        return made

    begun = repair(2 * count * count + count + 10)
    assert begun.run() is Ending.EXHAUSTED
    assert not any(begun.moved.values()), "an exchange takes some 900, and 10 were left"
    assert repair(100_000).run() is Ending.REPAIRED


def test_a_follower_s_answer_takes_the_operations_that_it_is_allowed_only():
    builder = Builder("split")
    x, y = builder.add_column("x", 2.0), builder.add_column("y", 3.0, 0.0, 0.4)
    builder.add_row("equal", [(x, 3.0), (y, 7.0)], lower=1.0, upper=1.0)
    builder.add_row("other", [(x, 1.0), (y, -1.0)], lower=0.1)
    rows, point = ExactRows(builder.build()), np.array([0.16 + 3e-7, 0.06 - 1e-7])
    claimed = float(rows.model.objective @ point)
    assert certify(rows, point, claimed, operations=100).objective is not None
    assert certify(rows, point, claimed, operations=1) == Certificate(None, "")


def test_followers_that_differ_in_bounds_only_share_what_is_exact_of_their_matrix():
    warm = Warm()
    tight, loose = budget(25000010.0, 25000010.0, 50000000.0), budget(25000010.0, 25000010.0, 50000020.0)
    other = budget(25000010.0, 25000011.0, 50000000.0)
    point = np.array([1.0, 1.0])
    first, second, third = warm.follower(tight), warm.follower(loose), warm.follower(other)
    assert certify(first, point, 2.0).doubt == "row budget is 50000020, 20 above its bound 50000000"
    assert certify(second, point, 2.0) == Certificate(2.0)
    assert certify(third, point, 2.0).doubt == "row budget is 50000021, 21 above its bound 50000000"
    assert second.matrix is first.matrix
    assert third.matrix is not first.matrix
    relaxed = replace(tight, kind=np.zeros_like(tight.kind))
    assert warm.follower(relaxed).matrix is not first.matrix, "rows of continuous variables are read differently"


def test_what_is_proven_within_the_tolerance_that_is_asked_for_is_no_doubt():
    builder = Builder("trickle")
    is_open, flow = builder.add_binary("open", 100.0), builder.add_column("flow", 1.0)
    builder.add_row("big", [(flow, 1.0), (is_open, -1e6)], upper=0.0)
    builder.add_row("demand", [(flow, 1.0)], lower=0.5)
    builder.add_row("fixed", [(builder.add_column("other", 1e6), 1.0)], lower=1.0)
    rows, point = ExactRows(builder.build()), np.array([5e-7, 0.5, 1.0])
    claimed = float(rows.model.objective @ point)
    assert certify(rows, point, claimed, 1e-3) == Certificate(1000100.5)
    assert certify(rows, point, claimed).doubt.endswith("has the objective 1000100.5")


# Models as they are made: demands that were computed, hundreds of continuous variables


def commitment(seed: int, units: int = 12, periods: int = 24) -> Model:
    """Return a unit commitment: what runs meets every period's demand to the last digit, within ramps."""
    draw = random.Random(seed)
    builder = Builder(f"commitment-{seed}")
    most = [draw.uniform(50, 200) for _ in range(units)]
    prices = [draw.uniform(10, 40) for _ in range(units)]
    before: list[tuple[int, int]] = []
    for t in range(periods):
        power = [builder.add_column(f"p{i},{t}", prices[i], 0.0, most[i]) for i in range(units)]
        on = [builder.add_binary(f"u{i},{t}", 5 * most[i]) for i in range(units)]
        start = [builder.add_binary(f"s{i},{t}", 20 * most[i]) for i in range(units)]
        demand = sum(capacity * draw.uniform(0.3, 0.6) for capacity in most)
        builder.add_row(f"demand{t}", [(p, 1.0) for p in power], lower=demand, upper=demand)
        for i in range(units):
            builder.add_row(f"most{i},{t}", [(power[i], 1.0), (on[i], -most[i])], upper=0.0)
            builder.add_row(f"least{i},{t}", [(power[i], 1.0), (on[i], -0.3 * most[i])], lower=0.0)
            if before:
                was, at = before[i]
                builder.add_row(f"start{i},{t}", [(on[i], 1.0), (was, -1.0), (start[i], -1.0)], upper=0.0)
                ramp = [(power[i], 1.0), (at, -1.0), (start[i], -most[i])]
                builder.add_row(f"ramp{i},{t}", ramp, upper=0.4 * most[i])
        before = list(zip(on, power, strict=True))
    return builder.build()


def lots(seed: int, items: int = 10, periods: int = 20) -> Model:
    """Return a lot sizing with setups: stock that loses two percent a period balances with orders summed up."""
    draw = random.Random(seed)
    builder = Builder(f"lots-{seed}")
    loads: list[list[tuple[int, float]]] = [[] for _ in range(periods)]
    total = 0.0
    for i in range(items):
        use, stock = draw.uniform(0.5, 2), None
        for t in range(periods):
            demand = sum(draw.uniform(0, 20) for _ in range(3)) if draw.random() < 0.7 else 0.0
            made = builder.add_column(f"x{i},{t}", draw.uniform(1, 3))
            setup = builder.add_binary(f"y{i},{t}", draw.uniform(100, 300))
            left = builder.add_column(f"s{i},{t}", draw.uniform(0.2, 1))
            balance = [(made, 1.0), (left, -1.0), *([] if stock is None else [(stock, 0.98)])]
            builder.add_row(f"balance{i},{t}", balance, lower=demand, upper=demand)
            builder.add_row(f"setup{i},{t}", [(made, 1.0), (setup, -200.0)], upper=0.0)
            loads[t] += [(made, use), (setup, 3.3 * use)]
            total += demand * use
            stock = left
    for t, load in enumerate(loads):
        builder.add_row(f"capacity{t}", load, upper=1.5 * total / periods + 60)
    return builder.build()


@pytest.mark.parametrize("solver", ["highs", "scip"])
@pytest.mark.parametrize("kind", [commitment, lots])
def test_optima_of_balances_with_computed_demands_are_proven(
    kind: Callable[[int], Model], solver: str, tmp_path: Path
) -> None:
    for seed in range(2):
        model = kind(seed)
        assert np.sum(model.kind == VariableKind.CONTINUOUS) >= 288
        file = tmp_path / f"{model.name}.mps"
        write_mps(model, file)
        response = execute(file, solver, [], 0, 60.0, 2048.0, 1e-2).response
        assert (response.claim, response.check, response.doubt) == (Claim.OPTIMAL, Check.CONFIRMED, "")
        assert response.proven_objective == pytest.approx(response.objective, rel=1e-6)


def transport(digits: int, sources: int = 8, sinks: int = 12) -> Model:
    """Return a transport with fixed charges, its supplies and demands written with so many digits."""
    draw = random.Random(0)
    builder = Builder("transport")
    supplies = [draw.uniform(10, 99) / 3 for _ in range(sources)]
    parts = [draw.random() for _ in range(sinks)]
    demands = [sum(supplies) * part / sum(parts) for part in parts]
    flows = {}
    for i, j in product(range(sources), range(sinks)):
        flows[i, j] = builder.add_column(f"flow{i},{j}", draw.uniform(1, 9))
        is_open = builder.add_binary(f"open{i},{j}", draw.uniform(5, 20))
        builder.add_row(f"open{i},{j}", [(flows[i, j], 1.0), (is_open, -100.0)], upper=0.0)
    for i, supply in enumerate(supplies):
        total = float(f"{supply:.{digits}g}")
        builder.add_row(f"supply{i}", [(flows[i, j], 1.0) for j in range(sinks)], lower=total, upper=total)
    for j, demand in enumerate(demands):
        total = float(f"{demand:.{digits}g}")
        builder.add_row(f"demand{j}", [(flows[i, j], 1.0) for i in range(sources)], lower=total, upper=total)
    return builder.build()


@pytest.mark.parametrize("solver", ["highs", "scip"])
@pytest.mark.parametrize(("digits", "may_hold"), [(12, False), (15, False), (17, True)])
def test_balances_that_are_written_with_few_digits_hold_for_no_point_and_with_all_nothing_is_known(
    digits: int, may_hold: bool, solver: str, tmp_path: Path
) -> None:
    file = tmp_path / "transport.mps"
    write_mps(transport(digits), file)
    response = execute(file, solver, [], 0, 60.0, 2048.0, 1e-2).response
    assert (response.claim, response.check) == (Claim.OPTIMAL, Check.CONFIRMED)
    assert response.solved, "nobody contradicts it"
    assert response.proven_objective is None
    if may_hold:
        assert response.doubt == "", "as the numbers were meant it may well hold"
    else:
        assert re.match(r"row (supply|demand)\d+ is [\d.]+, [\d.]+e-1\d (above|below) its bound", response.doubt)


def test_of_a_model_too_large_to_repair_nothing_is_known(monkeypatch):
    monkeypatch.setattr("tuner.follower.certificate.OPERATIONS", 0)
    monkeypatch.setattr("tuner.follower.certificate.PER_ENTRY", 0)
    builder = Builder("large")
    x, y = builder.add_column("x", 1.0), builder.add_column("y", 1.0)
    builder.add_row("equal", [(x, 0.1), (y, 0.2)], lower=0.3, upper=0.3)
    model = builder.build()
    assert certified(model, 1.0, 1.0) == Certificate(None, "")
    assert certified(model, 1.0, 1.0 + 1e-9) == Certificate(None, ""), "it may well hold, but that is not known"

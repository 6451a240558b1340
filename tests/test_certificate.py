"""What is proven of a point beyond the tolerances: integers rounded, rows in exact numbers, continuous ones moved."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from instances.reading import read_model
from tuner.follower.certificate import Certificate, certify
from tuner.follower.check import check_point
from tuner.follower.exact import ExactRows, Row
from tuner.follower.repair import Ending, Repair

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
        (0.1, 0.2, 0.1 + 0.2),  # a number that was computed
        (1 / 3, 2 / 3, 1.0),
        (2.0**60, 2.0**60, 2.0**61),
    ],
)
def test_numbers_mean_what_the_file_says(first, second, total):
    assert certified(budget(first, second, total), 1.0, 1.0) == Certificate(2.0)


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


def test_equations_that_say_the_same_and_were_computed_twice_are_no_contradiction():
    builder = Builder("twice")
    x, y = builder.add_column("x", 1.0), builder.add_column("y", 1.0)
    builder.add_row("one", [(x, 1.0), (y, 1.0)], lower=0.3, upper=0.3)
    builder.add_row("two", [(x, 1.0), (y, 1.0)], lower=0.1 + 0.2, upper=0.1 + 0.2)
    assert certified(builder.build(), 0.1, 0.2).objective == pytest.approx(0.3)


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


def test_a_model_too_large_to_repair_is_proven_to_the_last_places_only(monkeypatch):
    monkeypatch.setattr("tuner.follower.certificate.OPERATIONS", 0)
    monkeypatch.setattr("tuner.follower.certificate.PER_ENTRY", 0)
    builder = Builder("large")
    x, y = builder.add_column("x", 1.0), builder.add_column("y", 1.0)
    builder.add_row("equal", [(x, 0.1), (y, 0.2)], lower=0.3, upper=0.3)
    model = builder.build()
    assert certified(model, 1.0, 1.0).objective == 2.0
    assert certified(model, 1.0, 1.0 + 1e-9) == Certificate(None, ""), "it may well hold, but that is not known"

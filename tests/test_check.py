"""The check refutes wrong points by the name of what they violate; the referee overturns claims."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from storage.records import Check, Claim, Configuration, Response, Run, Termination
from tuner.follower.certificate import examine
from tuner.follower.check import check_answer, check_point
from tuner.follower.exact import ExactRows
from tuner.follower.referee import Referee
from tuner.gap import integral, relative_gap
from tuner.ports import Answer, Step


def model(**changes: object) -> Model:
    """Return: minimise x - 2 y + 3 z - w + 5 s.t. a: x + y <= 4; b: 1 <= 1000 z - y; none: no entries.

    x integer in [0, 3], y in [-1, 1000], z semi-continuous in [2, 8], w semi-integer in [1, 3].
    """
    base = Model(
        name="four",
        maximise=False,
        offset=5.0,
        objective=np.array([1.0, -2.0, 3.0, -1.0]),
        lower=np.array([0.0, -1.0, 2.0, 1.0]),
        upper=np.array([3.0, 1000.0, 8.0, 3.0]),
        kind=np.array([1, 0, 2, 3], dtype=np.uint8),
        row_lower=np.array([-np.inf, 1.0, -1.0]),
        row_upper=np.array([4.0, np.inf, 1.0]),
        row_start=np.array([0, 2, 4, 4], dtype=np.int32),
        column_index=np.array([0, 1, 2, 1], dtype=np.int32),
        value=np.array([1.0, 1.0, 1000.0, -1.0]),
        column_names=("x", "y", "z", "w"),
        row_names=("a", "b", "none"),
    )
    return replace(base, **changes)


GOOD = [1.0, 2.5, 2.0, 3.0]
OBJECTIVE = 1.0 - 5.0 + 6.0 - 3.0 + 5.0


def test_a_right_point_passes_and_its_objective_is_recomputed():
    checked = check_point(model(), np.array(GOOD), OBJECTIVE)
    assert (checked.reason, checked.objective) == ("", OBJECTIVE)


@pytest.mark.parametrize("point", [[0, -1, 0, 0], [3 + 9e-7, 1.0, 8 + 7e-6, 9e-7], [0, -1 - 9e-7, 2, 1]])
def test_semi_variables_may_be_zero_and_tolerances_are_granted(point):
    point = np.array(point, dtype=float)
    four = model(row_lower=np.full(3, -np.inf))
    assert check_point(four, point, float(four.objective @ point) + 5).reason == ""


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, 4.0, "column x is 4, outside [0, 3]"),
        (0, -2e-6, "column x is -2e-06, outside [0, 3]"),
        (0, 0.999, "column x is 0.999, not an integer"),
        (1, 4.0, "row a is 5, outside [-inf, 4]"),
        (1, 1000.002, "column y is 1000.002, outside [-1, 1000]"),
        (2, 1.0, "column z is 1, outside [2, 8] or zero"),
        (2, 0.0, "row b is -2.5, outside [1, inf]"),
        (3, 1.5, "column w is 1.5, not an integer"),
        (3, 0.5, "column w is 0.5, outside [1, 3] or zero"),
        (1, float("nan"), "column y is nan"),
        (1, float("inf"), "column y is inf"),
        (1, -1e308, "column y is -1e+308, outside [-1, 1000]"),
    ],
)
def test_a_wrong_point_is_refuted_by_name(place, value, reason):
    point = np.array(GOOD)
    point[place] = value
    assert check_point(model(), point, OBJECTIVE).reason == reason


def test_the_worst_violation_is_the_one_that_is_named():
    assert check_point(model(), np.array([3.5, -2.0, 2.0, 7.0]), 0.0).reason == "column w is 7, outside [1, 3] or zero"


@pytest.mark.parametrize("size", [0, 3, 5])
def test_a_point_of_another_length_is_refuted(size):
    assert check_point(model(), np.zeros(size), 0.0).reason == f"the point has {size} values, the model 4 columns"


@pytest.mark.parametrize("objective", [OBJECTIVE + 1e-4, -OBJECTIVE, None, float("nan"), float("inf")])
def test_a_wrong_objective_is_refuted(objective):
    assert "claimed" in check_point(model(), np.array(GOOD), objective).reason


def test_an_objective_may_differ_by_a_millionth():
    assert check_point(model(), np.array(GOOD), OBJECTIVE * (1 + 0.9e-6)).reason == ""


def test_a_model_without_columns_or_rows_can_be_checked():
    empty = model(
        objective=np.zeros(0),
        lower=np.zeros(0),
        upper=np.zeros(0),
        kind=np.zeros(0, dtype=np.uint8),
        row_lower=np.zeros(0),
        row_upper=np.zeros(0),
        row_start=np.zeros(1, dtype=np.int32),
        column_index=np.zeros(0, dtype=np.int32),
        value=np.zeros(0),
        column_names=(),
        row_names=(),
    )
    assert check_answer(empty, Answer(Claim.OPTIMAL, "", 5.0, 5.0, np.zeros(0))) == (Check.CONFIRMED, "")
    impossible = replace(
        empty,
        row_lower=np.ones(1),
        row_upper=np.ones(1),
        row_start=np.zeros(2, dtype=np.int32),
        row_names=("r",),
    )
    assert check_point(impossible, np.zeros(0), 5.0).reason == "row r is 0, outside [1, 1]"


def switched(value: int) -> Model:
    """Return: b binary, x and y in [0, 10]; "cap", x + y <= 3, must hold only where b has this value."""
    builder = Builder("switched")
    b, x, y = builder.add_binary("b"), builder.add_column("x", upper=10.0), builder.add_column("y", upper=10.0)
    builder.add_indicator(builder.add_row("cap", [(x, 1.0), (y, 1.0)], upper=3.0), b, value)
    return builder.build()


@pytest.mark.parametrize("value", [0, 1])
def test_a_row_with_an_indicator_must_hold_only_where_the_rounded_indicator_has_its_value(value: int) -> None:
    on, off = value + (1 - 2 * value) * 9e-7, 1.0 - value
    held = check_point(switched(value), np.array([on, 2.0, 2.0]), 0.0)
    assert held.reason == f"row cap, required because b = {value}, is 4, outside [-inf, 3]"
    assert check_point(switched(value), np.array([on, 2.0, 1.0]), 0.0).reason == ""
    assert check_point(switched(value), np.array([off, 9.0, 9.0]), 0.0).reason == ""


def ordered(type: int, *sizes: int) -> Model:
    """Return a model with sets of these sizes, one after the other, over as many columns from -9 to 9."""
    builder = Builder("ordered")
    for number, size in enumerate(sizes):
        members = [builder.add_column(f"x{number}{place}", lower=-9.0, upper=9.0) for place in range(size)]
        builder.add_set(f"s{number}", type, [(column, float(place)) for place, column in enumerate(members)])
    return builder.build()


@pytest.mark.parametrize(
    ("type", "point", "right"),
    [
        (1, [0, 0, 0], True),
        (1, [0, -5, 0], True),
        (1, [9e-7, -5, -9e-7], True),
        (1, [2e-6, -5, 0], False),
        (1, [0, 1, 1], False),
        (1, [1, 0, 1], False),
        (2, [0, 0, 0], True),
        (2, [1, 0, 0], True),
        (2, [1, -1, 0], True),
        (2, [0, 1, 1], True),
        (2, [1, 0, 1], False),
        (2, [1, 1, 1], False),
    ],
)
def test_a_set_may_have_one_nonzero_member_or_two_that_are_neighbours(
    type: int, point: list[float], right: bool
) -> None:
    assert (check_point(ordered(type, 3), np.array(point, dtype=float), 0.0).reason == "") is right


def test_the_set_that_a_point_breaks_is_named_with_its_members() -> None:
    checked = check_point(ordered(2, 0, 1, 3, 2), np.array([5.0, 1.0, 0.0, 2.0, 3.0, 3.0]), 0.0)
    assert checked.reason == (
        "special ordered set s2 has x20 = 1, x22 = 2, but may have at most two nonzero members, which are neighbours"
    )


def test_neighbours_in_a_set_are_told_by_its_weights_and_not_by_the_order_of_columns() -> None:
    builder = Builder()
    x, y, z = (builder.add_column(name, upper=1.0) for name in "xyz")
    builder.add_set("s", 2, [(x, 2.0), (y, -1.0), (z, 7.0)])
    model = builder.build()
    assert check_point(model, np.array([1.0, 1.0, 0.0]), 0.0).reason == ""
    assert "special ordered set s" in check_point(model, np.array([0.0, 1.0, 1.0]), 0.0).reason


@pytest.mark.parametrize("claim", [Claim.OPTIMAL, Claim.FEASIBLE])
def test_a_claim_with_a_right_point_is_confirmed_and_one_without_a_point_refuted(claim):
    answer = Answer(claim, "", OBJECTIVE, OBJECTIVE, np.array(GOOD))
    assert check_answer(model(), answer) == (Check.CONFIRMED, "")
    assert check_answer(model(), replace(answer, point=None))[0] is Check.REFUTED
    assert check_answer(model(), replace(answer, bound=None))[0] is Check.CONFIRMED


@pytest.mark.parametrize(("maximise", "wrong", "right"), [(False, 1.0, -1.0), (True, -1.0, 1.0)])
def test_a_bound_on_the_wrong_side_of_its_own_point_is_refuted(maximise, wrong, right):
    answer = Answer(Claim.FEASIBLE, "", OBJECTIVE, OBJECTIVE + wrong, np.array(GOOD))
    rows = ExactRows(model(maximise=maximise))
    check, reason, found = examine(rows, answer)
    assert check is Check.REFUTED
    assert reason == (
        f"claimed the bound {OBJECTIVE + wrong:g}, but its own point, which is feasible beyond doubt, has the "
        f"objective {OBJECTIVE:g}"
    )
    assert found.objective == OBJECTIVE
    infinite = replace(answer, bound=wrong * np.inf)
    assert examine(rows, infinite)[0] is Check.REFUTED
    for bound in (OBJECTIVE + right, right * np.inf, np.nan):
        assert examine(rows, replace(answer, bound=bound))[:2] == (Check.CONFIRMED, "")


def test_a_right_bound_is_not_refuted_by_a_point_of_its_own_that_holds_within_the_tolerance_only():
    builder = Builder("budget", maximise=True)
    first, second = builder.add_binary("a", 1000.0), builder.add_binary("b", 999.0)
    builder.add_row("r", [(first, 30000000.0), (second, 20000020.0)], upper=50000000.0)
    answer = Answer(Claim.FEASIBLE, "", 1999.0, 1000.0, np.array([1.0, 1.0]))
    check, reason, found = examine(ExactRows(builder.build()), answer)
    assert (check, reason) == (Check.CONFIRMED, "")
    assert found.doubt == "row r is 50000020, 20 above its bound 50000000"


def cancelling() -> Model:
    """Return: minimise 0.7 d + 3 c + 1e15 a - 1e15 b, all of them whole."""
    builder = Builder("cancelling")
    for name, cost in (("d", 0.7), ("c", 3.0), ("a", 1e15), ("b", -1e15)):
        builder.add_column(name, cost, 0.0, 100.0, VariableKind.INTEGER)
    return builder.build()


@pytest.mark.parametrize("off", [-2.0, 0.0, 2.0])
def test_an_objective_may_be_as_wrong_as_a_sum_of_large_doubles_that_cancel(off):
    checked = check_point(cancelling(), np.array([1.0, 1.0, 77.0, 77.0]), 3.7 + off)
    assert (checked.reason, checked.objective) == ("", 3.7), "the recomputed one is rounded once"


def test_an_objective_that_no_sum_of_doubles_explains_is_refuted():
    checked = check_point(cancelling(), np.array([1.0, 1.0, 77.0, 77.0]), 3.7 + 300.0)
    assert checked.reason == "the objective is claimed as 303.7, but the point's is 3.7"


def test_a_point_that_is_better_than_its_solver_says_is_no_fault_and_told():
    answer = Answer(Claim.OPTIMAL, "", 5.7, 5.7, np.array([1.0, 1.0, 77.0, 77.0]))
    check, reason, found = examine(ExactRows(cancelling()), answer)
    assert (check, reason) == (Check.CONFIRMED, "its point is better than it says: 3.7 in exact numbers")
    assert (found.objective, found.doubt) == (3.7, "")
    check, reason, found = examine(ExactRows(cancelling()), replace(answer, objective=1.7, bound=1.7))
    assert (check, reason) == (Check.CONFIRMED, "")
    assert found.doubt == "the best point found that holds exactly has the objective 3.7"


@pytest.mark.parametrize("claim", [Claim.INFEASIBLE, Claim.NOTHING])
def test_what_cannot_be_checked_is_unconfirmed(claim):
    assert check_answer(model(), Answer(claim, "")) == (Check.UNCONFIRMED, "")


def test_unbounded_is_refuted_where_bounds_forbid_it():
    unbounded = Answer(Claim.UNBOUNDED, "")
    assert check_answer(model(), unbounded)[0] is Check.REFUTED
    open_above = np.array([np.inf, np.inf, np.inf, 3.0])
    assert check_answer(model(upper=open_above), unbounded)[0] is Check.UNCONFIRMED
    only_upwards = np.array([np.inf, 1000.0, np.inf, 3.0])
    assert check_answer(model(upper=only_upwards), unbounded)[0] is Check.REFUTED
    assert check_answer(model(upper=only_upwards, maximise=True), unbounded)[0] is Check.UNCONFIRMED


def test_a_semi_continuous_variable_below_its_bounds_is_no_solution():
    assert model().kind[2] == VariableKind.SEMI_CONTINUOUS
    assert check_point(model(), np.array([0.0, 0.0, 2e-6, 0.0]), 5.0).reason.startswith("column z")


# The referee


def run(seed: int, instance: str = "i") -> Run:
    return Run(Configuration("highs"), instance, seed, 10.0, 10.0)


def said(claim: Claim, objective: float | None = None, bound: float | None = None) -> Response:
    check = Check.CONFIRMED if claim in (Claim.OPTIMAL, Claim.FEASIBLE) else Check.UNCONFIRMED
    proven = objective if check is Check.CONFIRMED else None
    return Response(Termination.EXITED, claim, check, objective, bound, proven_objective=proven)


@pytest.mark.parametrize(("maximise", "sign"), [(False, 1.0), (True, -1.0)])
@pytest.mark.parametrize("better", [Claim.OPTIMAL, Claim.FEASIBLE])
def test_a_better_verified_solution_overturns_an_earlier_optimum(better, maximise, sign):
    referee = Referee(1e-4)
    optimal, beaten = said(Claim.OPTIMAL, sign * 100.0, sign * 100.0), said(better, sign * 99.0, sign * 98.0)
    assert referee.judge(run(0), optimal, maximise) == [(run(0), optimal)]
    first, (earlier, refuted) = referee.judge(run(1), beaten, maximise)
    assert first == (run(1), beaten)
    assert (earlier, refuted.check) == (run(0), Check.REFUTED)
    assert refuted.reason.startswith(f"claimed {sign * 100:g} as optimal, but highs default with seed 1 found")
    later = referee.judge(run(2), said(Claim.FEASIBLE, sign * 98.5), maximise)
    assert run(0) not in [one for one, _ in later], "it is overturned once"


def test_an_earlier_verified_solution_refutes_a_later_claim():
    referee = Referee(1e-4)
    referee.judge(run(0), said(Claim.FEASIBLE, 10.0, 9.0), False)
    for wrong in (
        said(Claim.OPTIMAL, 10.5, 9.0),
        said(Claim.INFEASIBLE),
        said(Claim.FEASIBLE, 12.0, 10.1),
        said(Claim.NOTHING, None, 10.1),
    ):
        ((_, judged),) = referee.judge(run(1), wrong, False)
        assert (judged.check, judged.claim) == (Check.REFUTED, wrong.claim)
        assert "highs default with seed 0 found a verified solution of 10" in judged.reason


def test_a_difference_within_the_gap_overturns_nothing():
    referee = Referee(1e-2)
    referee.judge(run(0), said(Claim.OPTIMAL, 100.9, 100.9), False)
    assert len(referee.judge(run(1), said(Claim.OPTIMAL, 100.0, 99.5), False)) == 1
    assert len(referee.judge(run(2), said(Claim.OPTIMAL, 99.0, 99.0), False)) == 2


def test_an_infeasible_claim_falls_with_the_first_verified_solution():
    referee = Referee(0.0)
    referee.judge(run(0), said(Claim.INFEASIBLE), False)
    assert [r.check for _, r in referee.judge(run(1), said(Claim.FEASIBLE, 1.0), False)] == [
        Check.CONFIRMED,
        Check.REFUTED,
    ]


def test_a_refuted_solution_is_no_evidence():
    referee = Referee(0.0)
    referee.judge(run(0), said(Claim.OPTIMAL, 5.0, 5.0), False)
    liar = replace(
        said(Claim.OPTIMAL, 1.0, 1.0), check=Check.REFUTED, reason="row r is violated", proven_objective=None
    )
    assert referee.judge(run(1), liar, False) == [(run(1), liar)]


def test_instances_are_judged_apart():
    referee = Referee(0.0)
    referee.judge(run(0, "i"), said(Claim.FEASIBLE, 1.0), False)
    assert referee.judge(run(0, "j"), said(Claim.INFEASIBLE), False)[0][1].check is Check.UNCONFIRMED


def test_stored_responses_rebuild_the_referee():
    first, stored = Referee(0.0), []
    for seed, response in enumerate([said(Claim.OPTIMAL, 5.0), said(Claim.OPTIMAL, 4.0), said(Claim.OPTIMAL, 4.5)]):
        for one, judged in first.judge(run(seed), response, False):
            stored = [pair for pair in stored if pair[0] != one] + [(one, judged)]
    second = Referee(0.0)
    assert all(second.judge(one, judged, False) == [(one, judged)] for one, judged in stored)
    assert second.judge(run(9), said(Claim.OPTIMAL, 4.2), False)[0][1].check is Check.REFUTED


# The gap and its integral


@pytest.mark.parametrize(
    ("objective", "bound", "gap"),
    [(10.0, 9.0, 0.1), (9.0, 10.0, 0.1), (0.0, 0.0, 0.0), (1.0, -1.0, 1.0), (-4.0, -5.0, 0.2), (0.0, 3.0, 1.0)],
)
def test_the_relative_gap(objective, bound, gap):
    assert relative_gap(objective, bound) == pytest.approx(gap)


@pytest.mark.parametrize("pair", [(None, 1.0), (1.0, None), (1.0, np.inf), (np.nan, 1.0)])
def test_there_is_no_gap_without_two_numbers(pair):
    assert relative_gap(*pair) is None


@pytest.mark.parametrize(
    ("steps", "end", "final", "limit", "area"),
    [
        ((), 3.0, 0.0, 10.0, 3.0),
        ((), 3.0, 1.0, 10.0, 10.0),
        ((Step(1.0, 10.0, 5.0), Step(2.0, 10.0, 8.0)), 4.0, 0.0, 10.0, 1.0 + 0.5 + 2 * 0.2),
        ((Step(1.0, 10.0, 5.0),), 10.2, 0.3, 10.0, 1.0 + 9 * 0.5),
        ((Step(1.0, 10.0, 5.0),), 5.0, 0.3, 10.0, 1.0 + 4 * 0.5 + 5 * 0.3),
        ((Step(1.0, 10.0, -np.inf), Step(7.0, 10.0, 10.0)), 5.0, 0.0, 10.0, 5.0),
    ],
)
def test_the_integral_is_the_area_below_the_gap(steps, end, final, limit, area):
    assert integral(steps, end, final, limit) == pytest.approx(area)

"""Disputes: what is not proven refutes nobody, whatever the order of the answers."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations

import pytest

from storage.records import Check, Claim, Configuration, Response, Run, Termination
from tuner.cost import Cost, censored, cost_of
from tuner.follower.ray import DIRECTION
from tuner.follower.referee import Referee

HIGHS, SCIP, CPSAT, TUNED = (Configuration(name) for name in ("highs", "scip", "cp-sat", "tuned"))
ROW = "row budget is 50000020, 20 above its bound 50000000"


def run(configuration: Configuration) -> Run:
    return Run(configuration, "i", 0, 10.0, 10.0)


def proven(claim: Claim, objective: float, bound: float | None = None) -> Response:
    return Response(Termination.EXITED, claim, Check.CONFIRMED, objective, bound, proven_objective=objective)


def within_tolerance(objective: float, near: float | None = None) -> Response:
    return Response(
        Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, objective, objective, 0.0, proven_objective=near, doubt=ROW
    )


def no_solution(objective: float) -> Response:
    """Return an answer whose whole numbers are part of no solution: it has no gap."""
    return replace(within_tolerance(objective), gap=None)


def unexamined(objective: float, claim: Claim = Claim.OPTIMAL) -> Response:
    """Return an answer to a model that is too large to examine its point beyond the tolerance."""
    bound = objective if claim is Claim.OPTIMAL else None
    return Response(Termination.EXITED, claim, Check.CONFIRMED, objective, bound)


INFEASIBLE = Response(Termination.EXITED, Claim.INFEASIBLE)
UNBOUNDED = Response(Termination.EXITED, Claim.UNBOUNDED)
UNBOUNDED_WITH_RAY = Response(Termination.EXITED, Claim.UNBOUNDED, doubt=DIRECTION)
STORED_WITH_RAY = Response(Termination.EXITED, Claim.UNBOUNDED, Check.CONFIRMED)
"""As earlier versions stored a claim that comes with a direction."""
NOT_UNBOUNDED = Response(Termination.EXITED, Claim.UNBOUNDED, Check.REFUTED, reason="there is no direction")
BOUNDED = Response(Termination.EXITED, Claim.NOTHING, bound=1.0)


def checks(answers: dict[Configuration, Response]) -> dict[Configuration, Check]:
    """Return what becomes of answers, which must be the same in every order, and when it is rebuilt from there."""
    found = []
    for order in permutations(answers.items()):
        referee, final = Referee(1e-4), {}
        for configuration, response in order:
            final.update(referee.judge(run(configuration), response, True))
        rebuilt, stored = Referee(1e-4), dict(final)
        for each, response in stored.items():
            final.update(rebuilt.judge(each, response, True))
        assert {each: response.check for each, response in final.items()} == {
            each: response.check for each, response in stored.items()
        }
        found.append({each.configuration: response.check for each, response in final.items()})
    assert all(each == found[0] for each in found)
    return found[0]


@pytest.mark.parametrize("other", [proven(Claim.OPTIMAL, 1.0, 1.0), INFEASIBLE, BOUNDED])
def test_a_point_within_the_tolerance_refutes_nobody_and_is_disputed(other: Response) -> None:
    assert checks({SCIP: within_tolerance(2.0), HIGHS: other}) == {SCIP: Check.DISPUTED, HIGHS: other.check}


def test_a_dispute_says_who_disagrees_and_which_row_is_off() -> None:
    referee = Referee(1e-4)
    referee.judge(run(SCIP), within_tolerance(2.0), True)
    _, (_, disputed) = referee.judge(run(HIGHS), proven(Claim.OPTIMAL, 1.0, 1.0), True)
    assert disputed.check is Check.DISPUTED
    assert disputed.reason.startswith("highs default with seed 0 claims the bound 1; the better point of 2 holds")
    assert disputed.reason.endswith(f"within the solver's tolerance only: {ROW}")
    assert not disputed.solved
    assert disputed.feasible, "nobody has shown it to be wrong"


def test_a_dispute_is_lifted_when_what_caused_it_is_refuted() -> None:
    answers = {SCIP: within_tolerance(2.0), HIGHS: proven(Claim.OPTIMAL, 1.0, 1.0), CPSAT: proven(Claim.FEASIBLE, 2.0)}
    assert checks(answers) == {SCIP: Check.CONFIRMED, HIGHS: Check.REFUTED, CPSAT: Check.CONFIRMED}


def test_a_dispute_that_rests_on_another_claim_as_well_is_not_lifted() -> None:
    answers = {
        SCIP: within_tolerance(3.0),
        HIGHS: proven(Claim.OPTIMAL, 1.0, 1.0),
        CPSAT: proven(Claim.OPTIMAL, 2.0, 2.0),
    }
    assert checks(answers) == {SCIP: Check.DISPUTED, HIGHS: Check.REFUTED, CPSAT: Check.CONFIRMED}


def test_what_holds_within_the_tolerance_and_contradicts_nobody_is_confirmed() -> None:
    answers = {SCIP: within_tolerance(2.0), HIGHS: within_tolerance(2.0), CPSAT: proven(Claim.FEASIBLE, 1.0, 2.0)}
    assert set(checks(answers).values()) == {Check.CONFIRMED}


def test_what_is_proven_near_a_disputed_point_still_refutes() -> None:
    answers = {SCIP: within_tolerance(3.0, near=2.0), HIGHS: proven(Claim.OPTIMAL, 1.0, 1.0), CPSAT: INFEASIBLE}
    found = checks({**answers, TUNED: proven(Claim.OPTIMAL, 2.0, 2.0)})
    assert found == {
        SCIP: Check.DISPUTED,
        HIGHS: Check.REFUTED,
        CPSAT: Check.REFUTED,
        TUNED: Check.CONFIRMED,
    }


def test_of_two_that_overdraw_differently_the_better_one_is_disputed() -> None:
    assert checks({SCIP: within_tolerance(3.0), HIGHS: within_tolerance(2.0)}) == {
        SCIP: Check.DISPUTED,
        HIGHS: Check.CONFIRMED,
    }


# No limit, or an optimum


@pytest.mark.parametrize(
    "other", [proven(Claim.OPTIMAL, 1.0, 1.0), within_tolerance(1.0), unexamined(1.0), BOUNDED, INFEASIBLE], ids=str
)
def test_no_limit_and_an_optimum_are_both_disputed_where_nothing_proves_either(other: Response) -> None:
    assert checks({SCIP: UNBOUNDED, HIGHS: other}) == {SCIP: Check.DISPUTED, HIGHS: Check.DISPUTED}


def test_a_dispute_about_a_limit_says_who_claims_what() -> None:
    referee = Referee(1e-4)
    referee.judge(run(SCIP), UNBOUNDED, True)
    (_, optimal), (_, unbounded) = referee.judge(run(HIGHS), proven(Claim.OPTIMAL, 1.0), True)
    not_proven = "which of the two is right is not proven"
    assert optimal.reason == f"scip default with seed 0 claims that the objective has no limit; {not_proven}"
    assert unbounded.reason == f"highs default with seed 0 claims 1 as optimal; {not_proven}"
    assert not optimal.solved
    assert not unbounded.solved
    assert optimal.feasible
    assert unbounded.feasible


def test_a_point_alone_does_not_contradict_that_there_is_no_limit() -> None:
    assert checks({SCIP: UNBOUNDED, HIGHS: proven(Claim.FEASIBLE, 3.0)}) == {
        SCIP: Check.UNCONFIRMED,
        HIGHS: Check.CONFIRMED,
    }


def test_a_dispute_about_a_limit_is_settled_when_the_optimum_is_refuted() -> None:
    answers = {SCIP: UNBOUNDED, HIGHS: proven(Claim.OPTIMAL, 1.0, 1.0), CPSAT: proven(Claim.FEASIBLE, 2.0)}
    assert checks(answers) == {SCIP: Check.UNCONFIRMED, HIGHS: Check.REFUTED, CPSAT: Check.CONFIRMED}


def test_a_claim_of_no_limit_that_is_refuted_disputes_nothing() -> None:
    assert checks({SCIP: NOT_UNBOUNDED, HIGHS: proven(Claim.OPTIMAL, 1.0, 1.0)}) == {
        SCIP: Check.REFUTED,
        HIGHS: Check.CONFIRMED,
    }


def test_a_direction_without_limit_refutes_every_optimum() -> None:
    answers = {SCIP: UNBOUNDED_WITH_RAY, HIGHS: proven(Claim.OPTIMAL, 1.0, 1.0), CPSAT: within_tolerance(2.0)}
    assert checks({**answers, TUNED: UNBOUNDED}) == {
        SCIP: Check.UNCONFIRMED,
        HIGHS: Check.REFUTED,
        CPSAT: Check.REFUTED,
        TUNED: Check.UNCONFIRMED,
    }


@pytest.mark.parametrize("optimum", [within_tolerance(1.0), unexamined(1.0)], ids=str)
def test_a_direction_without_limit_refutes_an_optimum_whose_point_is_not_proven(optimum: Response) -> None:
    assert checks({SCIP: UNBOUNDED_WITH_RAY, HIGHS: optimum}) == {SCIP: Check.UNCONFIRMED, HIGHS: Check.REFUTED}


def test_a_bound_is_refuted_by_a_direction_only_where_there_is_a_point() -> None:
    with_ray = {SCIP: UNBOUNDED_WITH_RAY, HIGHS: BOUNDED}
    assert checks(with_ray) == {SCIP: Check.DISPUTED, HIGHS: Check.DISPUTED}
    assert checks({**with_ray, CPSAT: proven(Claim.FEASIBLE, 0.0)}) == {
        SCIP: Check.UNCONFIRMED,
        HIGHS: Check.REFUTED,
        CPSAT: Check.CONFIRMED,
    }


@pytest.mark.parametrize("other", [INFEASIBLE, BOUNDED, UNBOUNDED, proven(Claim.OPTIMAL, 1.0, 1.0)], ids=str)
def test_what_earlier_versions_stored_of_a_direction_means_the_same(other: Response) -> None:
    assert checks({SCIP: STORED_WITH_RAY, HIGHS: other}) == checks({SCIP: UNBOUNDED_WITH_RAY, HIGHS: other})


@pytest.mark.parametrize("point", [within_tolerance(5.0), unexamined(5.0, Claim.FEASIBLE)], ids=str)
def test_a_direction_without_a_proven_point_does_not_prove_that_there_is_no_limit(point: Response) -> None:
    """A model without a solution may have such a direction as well."""
    found = checks({SCIP: UNBOUNDED_WITH_RAY, CPSAT: INFEASIBLE})
    assert found == {SCIP: Check.DISPUTED, CPSAT: Check.DISPUTED}
    found = checks({SCIP: UNBOUNDED_WITH_RAY, CPSAT: INFEASIBLE, HIGHS: replace(point, claim=Claim.FEASIBLE)})
    assert (found[SCIP], found[CPSAT]) == (Check.DISPUTED, Check.DISPUTED)
    found = checks({SCIP: UNBOUNDED_WITH_RAY, CPSAT: INFEASIBLE, HIGHS: proven(Claim.FEASIBLE, 5.0)})
    assert found == {SCIP: Check.UNCONFIRMED, CPSAT: Check.REFUTED, HIGHS: Check.CONFIRMED}


# Answers that are worth more than they say


def underrated(objective: float, worth: float) -> Response:
    """Return an answer of a solver whose sums of large costs are wrong: its point is better than it says."""
    return replace(proven(Claim.OPTIMAL, objective, objective), proven_objective=worth)


def test_nobody_is_refuted_by_their_own_point() -> None:
    assert checks({HIGHS: underrated(1.0, 3.0)}) == {HIGHS: Check.CONFIRMED}
    answers = {HIGHS: underrated(1.0, 3.0), SCIP: proven(Claim.OPTIMAL, 3.0, 3.0), CPSAT: underrated(2.0, 3.0)}
    assert set(checks(answers).values()) == {Check.CONFIRMED}, "what they say is about the same point"


def test_an_answer_that_is_worth_more_than_it_says_is_refuted_by_what_is_better_still() -> None:
    answers = {HIGHS: underrated(1.0, 3.0), SCIP: proven(Claim.OPTIMAL, 4.0, 4.0), CPSAT: proven(Claim.OPTIMAL, 2.0)}
    assert checks(answers) == {HIGHS: Check.REFUTED, SCIP: Check.CONFIRMED, CPSAT: Check.REFUTED}


# Models that are too large to examine, or depend on the last digits of numbers that were computed


@pytest.mark.parametrize(
    "other", [proven(Claim.OPTIMAL, 1.0, 1.0), within_tolerance(1.0), unexamined(1.0), BOUNDED, INFEASIBLE], ids=str
)
@pytest.mark.parametrize("claim", [Claim.OPTIMAL, Claim.FEASIBLE])
def test_where_nothing_is_known_of_the_better_point_both_are_disputed(claim: Claim, other: Response) -> None:
    assert checks({SCIP: unexamined(2.0, claim), HIGHS: other}) == {SCIP: Check.DISPUTED, HIGHS: Check.DISPUTED}


def test_a_dispute_about_what_is_not_known_says_so_on_both_sides() -> None:
    referee = Referee(1e-4)
    referee.judge(run(SCIP), unexamined(2.0), True)
    (_, worse), (_, better) = referee.judge(run(HIGHS), unexamined(1.0), True)
    assert better.reason == (
        "highs default with seed 0 claims the bound 1; the better point of 2 is not proven: the model is too large to "
        "examine exactly, or it depends on the last digits of numbers that were computed"
    )
    assert worse.reason == (
        "it claims the bound 1, but scip default with seed 0 has a point of 2, and which is right is not known: the "
        "model is too large to examine exactly, or it depends on the last digits of numbers that were computed"
    )


def test_answers_that_agree_are_not_disputed_where_nothing_is_known() -> None:
    assert set(checks({SCIP: unexamined(2.0), HIGHS: unexamined(2.00001)}).values()) == {Check.CONFIRMED}


def test_a_dispute_about_what_is_too_large_is_settled_by_what_is_proven() -> None:
    answers = {SCIP: unexamined(2.0), HIGHS: proven(Claim.OPTIMAL, 1.0, 1.0), CPSAT: proven(Claim.FEASIBLE, 2.0)}
    assert checks(answers) == {SCIP: Check.CONFIRMED, HIGHS: Check.REFUTED, CPSAT: Check.CONFIRMED}


def test_all_orders_agree_whatever_is_claimed() -> None:
    pool = [
        *(
            proven(claim, value, bound)
            for claim in (Claim.OPTIMAL, Claim.FEASIBLE)
            for value, bound in ((1, 1), (2, 3))
        ),
        *(within_tolerance(value, near) for value, near in ((2.0, None), (3.0, 1.0), (4.0, 2.0))),
        *(no_solution(value) for value in (2.0, 4.0)),
        *(unexamined(value, claim) for value in (1.0, 3.0) for claim in (Claim.OPTIMAL, Claim.FEASIBLE)),
        *(Response(Termination.EXITED, Claim.NOTHING, bound=value) for value in (1.0, 2.5, float("inf"))),
        *(INFEASIBLE, UNBOUNDED, UNBOUNDED_WITH_RAY, STORED_WITH_RAY, NOT_UNBOUNDED),
        *(underrated(value, worth) for value, worth in ((1.0, 2.0), (0.5, 3.0))),
    ]
    draw = random.Random(0)
    seen = set()
    for _ in range(400):
        seen |= set(checks(dict(zip((HIGHS, SCIP, CPSAT, TUNED), draw.sample(pool, 4), strict=True))).values())
    assert seen == set(Check)


# What a claim earns


def test_of_two_that_overdraw_alike_neither_earns_credit() -> None:
    assert not within_tolerance(2.0, near=1.0).solved
    assert not no_solution(2.0).solved
    assert within_tolerance(2.0).solved, "its own whole numbers may be worth that, and nobody contradicts it"
    assert proven(Claim.OPTIMAL, 2.0).solved


@pytest.mark.parametrize(
    ("cost", "paid"), [(Cost.PAR10, 100.0), (Cost.WALL, 100.0), (Cost.GAP, 1.0), (Cost.INTEGRAL, 10.0)]
)
def test_an_answer_whose_whole_numbers_are_part_of_no_solution_costs_what_none_does(cost: Cost, paid: float) -> None:
    answer = replace(no_solution(2.0), cpu=0.1, wall=0.1, integral=10.0)
    assert cost_of(cost, run(SCIP), answer) == paid
    assert not censored(cost, Run(SCIP, "i", 0, 10.0, 5.0), answer), "with more time it would be the same"


@pytest.mark.parametrize(("cost", "paid"), [(Cost.PAR10, 100.0), (Cost.WALL, 100.0), (Cost.GAP, 0.5)])
def test_an_overstated_answer_costs_what_an_unsolved_one_does(cost: Cost, paid: float) -> None:
    overstated = replace(within_tolerance(2.0, near=1.0), gap=0.5, cpu=0.1, wall=0.1)
    assert cost_of(cost, run(SCIP), overstated) == paid
    capped = Run(SCIP, "i", 0, 10.0, 5.0)
    assert not censored(cost, capped, overstated), "with more time it would be the same"


@pytest.mark.parametrize(
    ("cost", "paid"), [(Cost.PAR10, 100.0), (Cost.WALL, 100.0), (Cost.GAP, 1.0), (Cost.INTEGRAL, 10.0)]
)
def test_a_disputed_answer_costs_what_none_does(cost: Cost, paid: float) -> None:
    disputed = Response(
        Termination.EXITED, Claim.OPTIMAL, Check.DISPUTED, 2.0, 2.0, 0.0, cpu=0.1, wall=0.1, integral=0.1
    )
    assert cost_of(cost, run(SCIP), disputed) == paid
    capped = Run(SCIP, "i", 0, 10.0, 5.0)
    assert not censored(cost, capped, disputed), "with more time it would be disputed as well"

"""Disputes: points that are better within the tolerance only contradict nobody, whatever the order of the answers."""

from __future__ import annotations

from itertools import permutations

import pytest

from storage.records import Check, Claim, Configuration, Response, Run, Termination
from tuner.cost import Cost, censored, cost_of
from tuner.follower.referee import Referee

HIGHS, SCIP, CPSAT, TUNED = (Configuration(name) for name in ("highs", "scip", "cp-sat", "tuned"))
ROW = "row budget is 50000020, 20 above its bound 50000000"


def run(configuration: Configuration) -> Run:
    return Run(configuration, "i", 0, 10.0, 10.0)


def proven(claim: Claim, objective: float, bound: float | None = None) -> Response:
    return Response(Termination.EXITED, claim, Check.CONFIRMED, objective, bound, proven_objective=objective)


def within_tolerance(objective: float, near: float | None = None) -> Response:
    return Response(
        Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, objective, objective, proven_objective=near, doubt=ROW
    )


INFEASIBLE = Response(Termination.EXITED, Claim.INFEASIBLE)
UNBOUNDED = Response(Termination.EXITED, Claim.UNBOUNDED)
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


@pytest.mark.parametrize("other", [proven(Claim.OPTIMAL, 1.0, 1.0), INFEASIBLE, UNBOUNDED, BOUNDED])
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

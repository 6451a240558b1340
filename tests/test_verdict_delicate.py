"""The verdict on models on which it depends on the solver's tolerance what is right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage.records import Check, Claim, Configuration, Purpose, Response, Run, StoredRun, Termination
from tests.verdict_runs import HIGHS, HOLDOUT, SCIP, SEED, TRAINING, job, solved_in, stopped_at, stored
from tuner.cost import Cost, Ties
from tuner.follower.solvers import default_space
from tuner.leader.race import Race
from tuner.verdict.decide import decide
from tuner.verdict.delicate import delicate, tallied
from tuner.verdict.report import write_report
from tuner.verdict.words import paragraph

BOTH = ("highs", "scip")
ROW = "row budget is 50000020, 20 above its bound 50000000"


def sound(seconds: float) -> Response:
    return replace(solved_in(seconds), proven_objective=1.0)


def disputed(seconds: float) -> Response:
    return replace(solved_in(seconds), check=Check.DISPUTED, objective=2.0, bound=2.0, reason="no", doubt=ROW)


def within_tolerance(seconds: float) -> Response:
    return replace(solved_in(seconds), objective=2.0, bound=2.0, doubt=ROW)


def no_solution(seconds: float) -> Response:
    """Return an answer whose whole numbers are part of no solution: it has no gap."""
    return replace(within_tolerance(seconds), gap=None)


def runs(configuration: Configuration, responses: list[Response]) -> list[StoredRun]:
    training = [stored(configuration, where, responses[0], 1, Purpose.RACE) for where in TRAINING[:5]]
    return [*training, *(stored(configuration, where, r) for where, r in zip(HOLDOUT, responses, strict=True))]


@pytest.mark.parametrize("default", [HIGHS, SCIP], ids=["the default is right", "the default is disputed"])
def test_disputed_answers_are_no_evidence_in_either_direction(default: Configuration) -> None:
    other = SCIP if default == HIGHS else HIGHS
    solvers = (default.solver, other.solver)
    told = [*runs(HIGHS, [sound(3.0)] * 8), *runs(SCIP, [disputed(0.001)] * 8)]
    verdict = decide(job(solvers), told, other)
    assert (verdict.outcome, verdict.recommended) == ("default kept", default)
    text = paragraph(verdict)
    assert "times faster" not in text
    assert (
        "13 models are numerically delicate: rosters/00, rosters/00, rosters/01, rosters/01, rosters/02 and 8" in text
    )
    assert "--cutoff" not in text, "time would not help"
    if default == SCIP:
        assert (
            "Warning: other answers contradict 8 of 8 answers of scip as it comes, and which are right is not" in text
        )
        assert "cannot be compared with scip as it comes: on every model held out, an answer is disputed" in text
    else:
        assert "gave answers to 13 models that are disputed or hold within the solver's tolerance only" in text


def test_the_other_models_are_compared_without_the_disputed_ones() -> None:
    told = [
        *runs(SCIP, [*[sound(s) for s in (3.0, 3.1, 2.9, 3.0, 3.2, 3.0)], disputed(0.001), disputed(0.001)]),
        *runs(HIGHS, [sound(1.0)] * 8),
    ]
    verdict = decide(job(("scip", "highs")), told, HIGHS)
    assert (verdict.outcome, verdict.recommended) == ("gain", HIGHS)
    found = verdict.comparison(HIGHS, SCIP)
    assert found is not None
    assert (found.pairs, found.candidate_solved, found.baseline_solved) == (6, 6, 6)
    assert found.ratio == pytest.approx(3.03, abs=0.05), "not thousands"
    assert "On 6 instances x 1 seed that were not tuned on" in paragraph(verdict)
    row = verdict.row(SCIP)
    assert (row.solved, row.runs, row.disputed, row.instances) == (6, 8, 2, 6)


def test_a_faster_configuration_with_disputed_answers_is_not_recommended() -> None:
    told = [
        *runs(HIGHS, [sound(3.0)] * 8),
        *runs(SCIP, [*[sound(1.0)] * 7, disputed(0.001)]),
    ]
    verdict = decide(job(BOTH), told, SCIP)
    assert (verdict.outcome, verdict.recommended) == ("default kept", HIGHS)
    assert verdict.objection == (
        "gave answers to 1 model that are disputed or hold within the solver's tolerance only, and highs as it comes "
        "did not"
    )


def test_what_only_a_tolerance_solves_is_no_credit_where_the_default_found_nothing() -> None:
    told = [
        *runs(HIGHS, [*[sound(3.0)] * 7, stopped_at(10.0)]),
        *runs(SCIP, [*[sound(2.9)] * 7, within_tolerance(0.1)]),
    ]
    verdict = decide(job(BOTH), told, SCIP)
    assert verdict.recommended == HIGHS
    found = verdict.comparison(SCIP, HIGHS)
    assert found is not None
    assert found.pairs == 7


def overstated(seconds: float) -> Response:
    return replace(within_tolerance(seconds), proven_objective=1.0, gap=0.5)


@pytest.mark.parametrize("candidate", [HIGHS, SCIP])
def test_an_answer_that_claims_more_than_is_proven_of_it_counts_as_unsolved(candidate: Configuration) -> None:
    other = SCIP if candidate == HIGHS else HIGHS
    told = [*runs(other, [sound(3.0)] * 8), *runs(candidate, [*[sound(2.9)] * 7, overstated(0.1)])]
    verdict = decide(job((other.solver, candidate.solver)), told, candidate)
    assert verdict.recommended == other
    row = verdict.row(candidate)
    assert (row.solved, row.runs, row.disputed) == (7, 8, 0)
    found = verdict.comparison(candidate, other)
    assert found is not None
    assert (found.pairs, found.candidate_solved, found.baseline_solved) == (8, 7, 8)
    page = write_report(job((other.solver, candidate.solver)), verdict, told, [], {})
    assert "<h2>Overstated answers</h2>" in page
    assert f"overstated: {ROW}" in page


def test_who_overdraws_alike_but_faster_is_not_recommended() -> None:
    told = [*runs(HIGHS, [no_solution(3.0)] * 8), *runs(SCIP, [no_solution(0.001)] * 8)]
    verdict = decide(job(BOTH), told, SCIP)
    assert verdict.recommended == HIGHS
    assert [verdict.row(each).solved for each in (HIGHS, SCIP)] == [0, 0]
    page = write_report(job(BOTH), verdict, told, [], {})
    assert f"overstated: {ROW}" in page


def test_a_default_that_claims_more_than_is_proven_is_warned_of() -> None:
    told = [*runs(HIGHS, [overstated(0.1)] * 8), *runs(SCIP, [overstated(0.1)] * 8)]
    text = paragraph(decide(job(BOTH), told, SCIP))
    assert "Warning: 8 of 8 answers of highs as it comes claim an objective that no exact point with" in text
    assert "--cutoff" not in text, "time would not help"


def test_the_race_counts_an_overstated_answer_as_unsolved() -> None:
    race = Race(
        {"highs": default_space("highs")},
        ["i"],
        cost=Cost.PAR10,
        ties=Ties.MEAN,
        cutoff=10.0,
        budget=60.0,
        slots=1,
        seed=0,
    )
    race.tell(Run(HIGHS, "i", 0, 10.0, 10.0), overstated(0.1))
    assert race.standing().solved == 0
    race.tell(Run(HIGHS, "i", 1, 10.0, 10.0), within_tolerance(0.1))
    assert race.standing().solved == 1


def test_two_that_agree_within_the_tolerance_are_compared_and_the_models_named() -> None:
    told = [*runs(HIGHS, [within_tolerance(3.0)] * 8), *runs(SCIP, [within_tolerance(1.0)] * 8)]
    verdict = decide(job(BOTH), told, SCIP)
    assert (verdict.outcome, verdict.recommended) == ("gain", SCIP)
    assert "Answers there hold within the solver's tolerance only." in paragraph(verdict)
    assert {model.disputed for model in verdict.delicate} == {False}


def test_nothing_is_delicate_where_everything_is_proven() -> None:
    verdict = decide(job(BOTH), [*runs(HIGHS, [sound(3.0)] * 8), *runs(SCIP, [sound(1.0)] * 8)], SCIP)
    assert verdict.delicate == ()
    assert "delicate" not in paragraph(verdict)


def test_the_report_lists_disputed_answers_apart_from_those_that_do_not_count() -> None:
    told = [*runs(HIGHS, [sound(3.0)] * 8), *runs(SCIP, [disputed(0.001)] * 8)]
    verdict = decide(job(BOTH), told, SCIP)
    page = write_report(job(BOTH), verdict, told, [], {})
    assert "<h2>Disputed answers</h2>" in page
    assert "disputed: no" in page
    assert "tuner execute models/rosters/00.mps --solver scip" in page
    assert "Responses that do not count" not in page


def test_a_response_without_a_point_is_not_delicate() -> None:
    nothing = Response(Termination.EXITED, Claim.INFEASIBLE)
    told = [stored(HIGHS, HOLDOUT[0], nothing, SEED)]
    assert delicate(job().members, tallied(told)) == ()

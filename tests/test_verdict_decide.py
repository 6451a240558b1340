"""The decision and its words."""

from __future__ import annotations

import pytest

from storage.records import Claim, Configuration, Purpose, Response, StoredRun, Termination
from tests.verdict_runs import (
    CPSAT,
    CRASHED,
    CUTOFF,
    HIGHS,
    HOLDOUT,
    REFUTED,
    SCIP,
    SEED,
    TRAINING,
    TUNED,
    held_out,
    job,
    raced,
    stopped_at,
    stored,
)
from tuner.cost import Cost
from tuner.verdict.compare import Measure
from tuner.verdict.decide import decide
from tuner.verdict.words import number, paragraph

BOTH = ("highs", "scip")
TIMES = [1.0, 1.3, 0.8, 1.1, 2.0, 0.9, 1.5, 1.2]
FLAT = [1.0] * 10


def scaled(factor: float) -> list[float]:
    """Return the baseline's times multiplied, with a little of every instance's own taste."""
    return [factor * seconds * (1.05 if place % 2 else 0.95) for place, seconds in enumerate(TIMES)]


def several(configuration: Configuration, seconds: list[float]) -> list[StoredRun]:
    return held_out(configuration, *seconds, seeds=2)


def test_a_clear_gain_is_recommended_with_its_numbers() -> None:
    verdict = decide(job(), [*several(HIGHS, TIMES), *several(TUNED, scaled(0.5))], TUNED)
    assert (verdict.outcome, verdict.recommended, verdict.objection) == ("gain", TUNED, "")
    found = verdict.comparison(TUNED, HIGHS)
    assert found is not None
    assert found.low > 1
    text = paragraph(verdict)
    assert text.startswith("Use highs with mip_heuristic_effort = 0.2, presolve = off. On 8 instances x 2 seeds")
    assert f"{number(found.ratio)} times faster (95 % interval {number(found.low)} to {number(found.high)})" in text
    assert "Both solved 16 of 16 runs" in text
    par10 = verdict.comparison(TUNED, HIGHS, Measure.PAR10)
    assert par10 is not None
    assert f"{number(par10.ratio)} times shorter" in text


def test_the_default_is_kept_when_the_interval_includes_1() -> None:
    uneven = [0.5 * cost if place % 2 else 1.6 * cost for place, cost in enumerate(TIMES)]
    verdict = decide(job(), [*several(HIGHS, TIMES), *several(TUNED, uneven)], TUNED)
    assert (verdict.outcome, verdict.recommended) == ("default kept", HIGHS)
    text = paragraph(verdict)
    assert text.startswith("Keep the default: use highs as it comes.")
    assert "the 95 % interval includes 1" in text
    assert "What may help" in text


def test_the_default_wins_a_tie() -> None:
    verdict = decide(job(), [*several(HIGHS, TIMES), *several(TUNED, TIMES)], TUNED)
    assert (verdict.outcome, verdict.recommended) == ("default kept", HIGHS)


def test_a_faster_configuration_that_solves_fewer_runs_is_not_recommended() -> None:
    slow = [9.0] * 8
    fast = [0.1] * 7 + [20.0]
    verdict = decide(job(), [*several(HIGHS, slow), *several(TUNED, fast)], TUNED)
    found = verdict.comparison(TUNED, HIGHS)
    assert found is not None
    assert found.low > 1
    assert verdict.outcome == "default kept"
    assert "solved fewer runs" in paragraph(verdict)
    assert "It solved 14 of 16 runs, highs as it comes 16" in paragraph(verdict)


def test_under_the_gap_a_smaller_gap_counts_though_fewer_runs_were_finished() -> None:
    runs = [stored(HIGHS, sha, stopped_at(CUTOFF, 0.4)) for sha in HOLDOUT[:7]] + held_out(HIGHS, *[1.0] * 8)[7:]
    runs += [stored(TUNED, sha, stopped_at(CUTOFF, 0.001)) for sha in HOLDOUT]
    verdict = decide(job(cost="gap"), runs, TUNED)
    found = verdict.comparison(TUNED, HIGHS)
    assert found is not None
    assert (found.candidate_solved, found.baseline_solved) == (0, 1)
    assert verdict.outcome == "gain"
    assert "times closer in gap" in paragraph(verdict)


@pytest.mark.parametrize("response", [CRASHED, REFUTED], ids=["crashed", "refuted"])
@pytest.mark.parametrize("purpose", [Purpose.RACE, Purpose.HOLDOUT])
def test_one_response_outside_c_rules_a_configuration_out(response: Response, purpose: Purpose) -> None:
    where = TRAINING[0] if purpose is Purpose.RACE else HOLDOUT[0]
    runs = [*several(HIGHS, TIMES), *several(TUNED, scaled(0.1)), stored(TUNED, where, response, 77, purpose)]
    verdict = decide(job(), runs, TUNED)
    assert (verdict.outcome, verdict.recommended) == ("default kept", HIGHS)
    assert "refuted, crashed or ran out of memory" in paragraph(verdict)


def test_a_kept_default_with_a_response_outside_c_is_told() -> None:
    runs = [*several(HIGHS, TIMES), *several(TUNED, TIMES), stored(HIGHS, TRAINING[0], REFUTED, 77, Purpose.RACE)]
    assert "Warning: highs as it comes itself gave a wrong answer, crashed or ran out of memory." in paragraph(
        decide(job(), runs, TUNED)
    )


def training(scip: float) -> list[StoredRun]:
    return [*raced(HIGHS, *FLAT), *raced(SCIP, *(scip * cost for cost in FLAT))]


def test_an_incumbent_must_beat_the_best_default_too() -> None:
    tuned = Configuration.of("scip", {"presolving/maxrounds": 0})
    runs = [*training(0.4), *several(HIGHS, TIMES), *several(SCIP, scaled(0.4)), *several(tuned, scaled(0.4))]
    verdict = decide(job(BOTH), runs, tuned)
    assert (verdict.outcome, verdict.recommended) == ("gain", SCIP)
    text = paragraph(verdict)
    assert text.startswith("Use scip as it comes, no parameter changed.")
    assert "scip presolving/maxrounds=0, is not recommended: it is not surely better than scip as it comes" in text


def test_an_incumbent_must_beat_the_baseline_even_if_training_misjudged_it() -> None:
    # Scip looked better in training, but on the holdout the baseline is the faster of the two.
    tuned = Configuration.of("scip", {"presolving/maxrounds": 0})
    runs = [*training(0.8), *several(HIGHS, scaled(0.3)), *several(SCIP, TIMES), *several(tuned, scaled(0.5))]
    verdict = decide(job(BOTH), runs, tuned)
    assert verdict.contenders.best_default == SCIP
    assert (verdict.outcome, verdict.recommended) == ("default kept", HIGHS)
    assert "is worse than highs as it comes" in verdict.objection


def test_a_gain_over_both_names_both() -> None:
    tuned = Configuration.of("scip", {"presolving/maxrounds": 0})
    runs = [*training(0.8), *several(HIGHS, TIMES), *several(SCIP, scaled(0.7)), *several(tuned, scaled(0.2))]
    verdict = decide(job(BOTH), runs, tuned)
    assert (verdict.outcome, verdict.recommended) == ("gain", tuned)
    text = paragraph(verdict)
    assert "than highs as it comes" in text
    assert "Of the solvers as they come scip did best in training" in text


def test_an_incumbent_that_is_another_solvers_default_is_used_as_it_comes() -> None:
    runs = [*training(0.4), *several(HIGHS, TIMES), *several(SCIP, scaled(0.4))]
    verdict = decide(job(BOTH), runs, SCIP)
    assert (verdict.outcome, verdict.recommended) == ("gain", SCIP)
    text = paragraph(verdict)
    assert text.startswith("Use scip as it comes, no parameter changed.")
    assert "not recommended" not in text


def test_an_incumbent_that_is_the_default_needs_no_holdout() -> None:
    verdict = decide(job(), [*raced(HIGHS, *FLAT), *raced(TUNED, *FLAT)], HIGHS)
    assert (verdict.outcome, verdict.recommended, verdict.comparisons) == ("default kept", HIGHS, ())
    assert f"On {len(TRAINING)} instances to tune on, none of 1 other configuration" in paragraph(verdict)


def test_a_race_that_had_no_time_for_anything_but_the_default_says_so() -> None:
    killed = stored(TUNED, TRAINING[0], Response(Termination.KILLED, wall=0.1), 1, Purpose.RACE)
    text = paragraph(decide(job(), [*raced(HIGHS, 1.0, 1.0), killed], HIGHS))
    assert f"no time to try anything else: the race's time went into the default, on 2 of {len(TRAINING)}" in text
    assert "a larger --budget" in text


def test_a_default_that_shines_on_the_holdout_alone_is_told_but_not_chosen() -> None:
    runs = [*raced(HIGHS, *FLAT), *raced(SCIP, *FLAT), *several(HIGHS, TIMES), *several(SCIP, scaled(0.2))]
    verdict = decide(job(BOTH), runs, HIGHS)
    assert (verdict.outcome, verdict.recommended) == ("default kept", HIGHS)
    assert "scip as it comes did better on the holdout" in paragraph(verdict)


def test_without_a_run_on_the_holdout_the_default_is_kept() -> None:
    verdict = decide(job(), [*raced(HIGHS, *FLAT), *raced(TUNED, *(0.1 for _ in FLAT))], TUNED)
    assert (verdict.outcome, verdict.recommended) == ("default kept", HIGHS)
    assert "has no run on the holdout" in paragraph(verdict)


def test_unsolved_runs_call_for_a_larger_cutoff() -> None:
    runs = [*several(HIGHS, [20.0] * 8), *several(TUNED, [20.0] * 8)]
    assert "a larger --cutoff" in paragraph(decide(job(), runs, TUNED))


def test_the_table_has_a_line_for_the_incumbent_and_every_default() -> None:
    runs = [*training(0.8), *raced(CPSAT, *(20.0 for _ in FLAT))]
    runs += [*several(HIGHS, TIMES), *several(SCIP, scaled(0.7)), *several(TUNED, scaled(0.2))]
    verdict = decide(job((*BOTH, "cp-sat")), runs, TUNED)
    rows = {row.configuration: row for row in verdict.rows}
    assert [row.role for row in verdict.rows] == [
        "incumbent",
        "baseline",
        "best default",
        "default, left out: worse in training",
    ]
    assert (rows[TUNED].runs, rows[TUNED].instances, rows[TUNED].seeds, rows[TUNED].solved) == (16, 8, 2, 16)
    assert rows[HIGHS].par10 == pytest.approx(sum(TIMES) / 8)
    assert rows[HIGHS].against_baseline is None
    assert rows[TUNED].against_baseline == verdict.comparison(TUNED, HIGHS)
    found, ours, theirs = rows[TUNED].against_baseline, rows[TUNED], rows[HIGHS]
    assert found is not None
    assert ours.shifted_geometric_mean is not None
    assert theirs.shifted_geometric_mean == pytest.approx(found.ratio * ours.shifted_geometric_mean)
    assert (rows[CPSAT].runs, rows[CPSAT].par10, rows[CPSAT].shifted_geometric_mean) == (0, None, None)


def test_numbers_have_three_significant_digits() -> None:
    written = [number(value) for value in (0.0, 0.01234, 1.4, 12.0, 999.4, 999.6, 1234.5, 2e6, 1e-9)]
    assert written == ["0", "0.0123", "1.40", "12.0", "999", "1,000", "1,230", "over 1,000,000", "under 0.001"]


@pytest.mark.parametrize("cost", ["par10", "wall", "gap", "integral"])
@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize(("cpu", "told"), [(0.4, True), (0.7, None), (0.95, False)])
def test_a_run_that_was_not_solved_for_want_of_cpu_time_is_told(
    cpu: float, told: bool | None, purpose: Purpose, cost: str
) -> None:
    told = Cost(cost).is_time if told is None else told
    unsolved = Response(Termination.EXITED, Claim.FEASIBLE, gap=0.1, cpu=cpu * CUTOFF, wall=CUTOFF, integral=1.0)
    where = HOLDOUT[7] if purpose is Purpose.HOLDOUT else TRAINING[0]
    runs = [*several(HIGHS, TIMES), *several(TUNED, scaled(0.5))[:-1]]
    text = paragraph(decide(job(cost=cost), [*runs, stored(TUNED, where, unsolved, SEED + 1, purpose)], TUNED))
    assert ("busy with other work: 1 run had to end" in text) is told


@pytest.mark.parametrize(
    "response",
    [
        Response(Termination.CUTOFF, cpu=0.1, wall=CUTOFF + 1),
        Response(Termination.EXITED, cpu=0.1, wall=0.2),
        Response(Termination.CRASHED, cpu=0.1, wall=CUTOFF),
    ],
    ids=["hangs asleep", "gives up", "crashes"],
)
def test_what_is_the_solvers_own_fault_is_not_blamed_on_the_machine(response: Response) -> None:
    runs = [*several(HIGHS, TIMES), *several(TUNED, scaled(0.5))[:-1], stored(TUNED, HOLDOUT[7], response, SEED + 1)]
    assert "busy" not in paragraph(decide(job(), runs, TUNED))


def test_a_capped_run_had_no_cutoff_to_use_up() -> None:
    capped = stored(TUNED, TRAINING[0], Response(Termination.EXITED, cpu=0.1, wall=CUTOFF), 1, Purpose.RACE, CUTOFF / 2)
    assert "busy" not in paragraph(decide(job(), [*several(HIGHS, TIMES), *several(TUNED, TIMES), capped], TUNED))

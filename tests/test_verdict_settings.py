"""The verdict of a job with the user's own settings: what is kept, what is a gain, and what is said of it."""

from __future__ import annotations

import re

from storage.records import Configuration, Purpose, StoredRun
from tests.verdict_runs import CRASHED, HIGHS, HOLDOUT, SCIP, SEED, TRAINING, TUNED, held_out, job, raced, stored
from tuner.verdict.decide import decide
from tuner.verdict.holdout import contenders, plan
from tuner.verdict.words import paragraph

OWN = Configuration.of("highs", {"mip_max_improving_sols": 5})
"""The user's settings, of a parameter that is in no space."""
JOB = job(base=OWN)
TIMES = [1.0, 1.3, 0.8, 1.1, 2.0, 0.9, 1.5, 1.2]
TRAINED = [1.0, 1.1, 0.9, 1.0, 1.2, 0.8, 1.0, 1.1, 0.9, 1.0]


def several(configuration: Configuration, factor: float) -> list[StoredRun]:
    """Return runs that take so many times as long as usual, with a little of every instance's own taste."""
    seconds = [factor * each * (1.05 if place % 2 else 0.95) for place, each in enumerate(TIMES)]
    return held_out(configuration, *seconds, seeds=2)


def runs(**factors: float) -> list[StoredRun]:
    of = {"default": HIGHS, "own": OWN, "tuned": TUNED}
    return [run for name, factor in factors.items() for run in several(of[name], factor)]


def test_a_gain_is_one_over_the_default_and_over_the_settings() -> None:
    verdict = decide(JOB, runs(default=1.0, own=0.7, tuned=0.3), TUNED)
    assert (verdict.outcome, verdict.recommended) == ("gain", TUNED)
    text = paragraph(verdict)
    assert text.startswith("Use highs with mip_heuristic_effort = 0.2, presolve = off.")
    assert re.search(r"it is 3\.3\d times faster \(95 % interval 2\.\d+ to 3\.\d+\) than highs as it comes", text)
    assert re.search(r"Your settings were compared, too: on 8 instances x 2 seeds it is 2\.3\d times faster", text)
    assert [row.role for row in verdict.rows] == ["incumbent", "your settings", "baseline, best default"]


def test_settings_are_kept_that_are_as_good_as_what_was_found() -> None:
    verdict = decide(JOB, runs(default=1.0, own=0.5, tuned=0.5), TUNED)
    assert (verdict.outcome, verdict.recommended) == ("settings kept", OWN)
    text = paragraph(verdict)
    assert re.match(
        r"Keep your settings: highs mip_max_improving_sols=5\. On 8 instances x 2 seeds held out they are 2\.00 times "
        r"faster \(95 % interval \S+ to \S+\) than highs as it comes",
        text,
    )
    assert "highs as it comes, the speed-up" not in text
    assert "is not surely better than your settings: the 95 % interval includes 1" in text
    assert "Both solved 16 of 16 runs" in text


def test_settings_that_the_race_ended_with_are_kept() -> None:
    verdict = decide(JOB, runs(default=1.0, own=0.5), OWN)
    assert (verdict.outcome, verdict.recommended, verdict.objection) == ("settings kept", OWN, "is what you have")
    assert "The best that tuning found" not in paragraph(verdict)
    assert verdict.tried == 0


def test_a_default_that_is_better_than_the_settings_is_a_gain_over_them() -> None:
    for incumbent in (TUNED, HIGHS):
        verdict = decide(JOB, runs(default=0.5, own=1.0, tuned=0.5), incumbent)
        assert (verdict.outcome, verdict.recommended) == ("gain", HIGHS)
        assert re.match(
            r"Use highs as it comes, no parameter changed\. On 8 instances x 2 seeds that were not tuned on it is "
            r"2\.00 times faster \(95 % interval \S+ to \S+\) than your settings",
            paragraph(verdict),
        )


def test_settings_win_a_tie_with_the_default() -> None:
    verdict = decide(JOB, runs(default=1.0, own=1.0, tuned=1.0), TUNED)
    assert (verdict.outcome, verdict.recommended) == ("settings kept", OWN)
    assert "Their speed-up over highs as it comes on 8 instances x 2 seeds held out is 1.00" in paragraph(verdict)


def test_settings_that_give_a_wrong_answer_are_not_kept() -> None:
    wrong = [stored(OWN, TRAINING[0], CRASHED, 77, Purpose.RACE)]
    verdict = decide(JOB, [*runs(default=1.0, own=0.1, tuned=1.0), *wrong], TUNED)
    assert (verdict.outcome, verdict.recommended) == ("default kept", HIGHS)
    assert "Warning: your settings themselves gave a wrong answer" in paragraph(verdict)
    assert decide(JOB, [*runs(default=1.0, own=0.1, tuned=0.5), *wrong], TUNED).recommended == TUNED


def test_another_solver_has_to_beat_the_settings_too() -> None:
    both = job(("highs", "scip"), base=OWN)
    trained = [*raced(HIGHS, *TRAINED), *raced(SCIP, *(0.5 * each for each in TRAINED))]
    found = [*trained, *runs(default=1.0, own=0.5, tuned=0.9), *several(SCIP, 0.5)]
    assert decide(both, found, TUNED).outcome == "settings kept"
    found = [*trained, *runs(default=1.0, own=0.5, tuned=0.9), *several(SCIP, 0.3)]
    verdict = decide(both, found, TUNED)
    assert (verdict.outcome, verdict.recommended) == ("gain", SCIP)
    text = paragraph(verdict)
    assert re.search(r"Your settings were compared, too: on 8 instances x 2 seeds it is 1\.6\d times", text)


def test_settings_without_a_run_on_the_holdout_are_no_baseline_that_was_beaten() -> None:
    verdict = decide(JOB, runs(default=1.0, tuned=0.3), TUNED)
    assert verdict.outcome == "settings kept"
    assert "has no run on the holdout to compare with your settings" in verdict.objection


def test_settings_are_executed_on_the_holdout_in_every_round_unless_they_are_far_worse() -> None:
    field = contenders(JOB, [*raced(HIGHS, *TRAINED), *raced(OWN, *TRAINED)], TUNED)
    assert field.first == (TUNED, HIGHS, OWN)
    assert field.later == (TUNED, HIGHS, OWN)
    rounds = plan(field, HOLDOUT, SEED, 10.0)
    assert {run.configuration for run in next(rounds)} == {TUNED, HIGHS, OWN}
    slow = [4.0 * each * (1.1 if n % 2 else 0.9) for n, each in enumerate(TRAINED)]
    far = contenders(JOB, [*raced(HIGHS, *TRAINED), *raced(OWN, *slow)], TUNED)
    assert (far.first, far.later) == ((TUNED, HIGHS, OWN), (TUNED, HIGHS))

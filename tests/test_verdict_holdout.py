"""What is executed on the holdout, in which order, and the time that is kept for it."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from storage.records import Configuration, Purpose, Response, StoredRun
from tests.verdict_runs import (
    CPSAT,
    CRASHED,
    CUTOFF,
    HIGHS,
    HOLDOUT,
    REFUTED,
    SCIP,
    TRAINING,
    TUNED,
    held_out,
    job,
    raced,
    stored,
)
from tuner.verdict.holdout import (
    FIRST_SEED,
    ROUNDS,
    Contenders,
    affordable,
    contenders,
    holdout_seeds,
    plan,
    reserve,
    round_seconds,
)

ALL = ("highs", "cp-sat", "scip")
FIELD = Contenders(TUNED, HIGHS, SCIP, first=(TUNED, HIGHS, SCIP, CPSAT), later=(TUNED, SCIP))
STEADY = [1.0, 1.1, 0.9, 1.0, 1.2, 0.8, 1.0, 1.1, 0.9, 1.0]


def test_the_seeds_are_fresh_different_and_the_same_again() -> None:
    seeds = list(islice(holdout_seeds(3), 1000))
    assert len(set(seeds)) == 1000
    assert all(FIRST_SEED <= seed < 2**31 for seed in seeds)
    assert seeds == list(islice(holdout_seeds(3), 1000))
    assert not set(seeds[:100]) & set(islice(holdout_seeds(4), 100))


def test_a_round_executes_every_contender_once_on_every_instance_under_one_seed() -> None:
    rounds = list(plan(FIELD, HOLDOUT, 3, CUTOFF))
    assert len(rounds) == ROUNDS
    for number, runs in enumerate(rounds):
        order = FIELD.later if number else FIELD.first
        assert Counter((run.configuration, run.instance) for run in runs) == Counter(
            (configuration, instance) for configuration in order for instance in HOLDOUT
        )
        assert len({run.seed for run in runs}) == 1
        assert {(run.cutoff, run.limit, run.purpose) for run in runs} == {(CUTOFF, CUTOFF, Purpose.HOLDOUT)}
    assert len({runs[0].seed for runs in rounds}) == ROUNDS


def test_contenders_are_neighbours_and_take_turns_at_going_first() -> None:
    runs = next(plan(FIELD, HOLDOUT, 3, CUTOFF))
    width = len(FIELD.first)
    blocks = [runs[start : start + width] for start in range(0, len(runs), width)]
    assert all(len({run.instance for run in block}) == 1 for block in blocks)
    for place in range(width):
        assert Counter(block[place].configuration for block in blocks) == Counter(dict.fromkeys(FIELD.first, 2))


def test_a_contender_alone_is_not_executed() -> None:
    assert list(plan(Contenders(HIGHS, HIGHS, HIGHS, (HIGHS,), (HIGHS,)), HOLDOUT, 3, CUTOFF)) == []
    reported = Contenders(HIGHS, HIGHS, HIGHS, (HIGHS, SCIP), (HIGHS,))
    assert len(list(plan(reported, HOLDOUT, 3, CUTOFF))) == 1


def test_one_solver_makes_two_contenders() -> None:
    field = contenders(job(), raced(HIGHS, *STEADY), TUNED)
    assert field == Contenders(TUNED, HIGHS, HIGHS, (TUNED, HIGHS), (TUNED, HIGHS), (HIGHS,))


def test_the_best_default_is_the_one_that_did_best_in_training() -> None:
    runs = [
        *raced(HIGHS, *STEADY),
        *raced(SCIP, *(0.7 * cost for cost in STEADY)),
        *raced(CPSAT, *(20.0 for _ in STEADY)),
    ]
    field = contenders(job(ALL), runs, TUNED)
    assert field.best_default == SCIP
    assert field.first == (TUNED, HIGHS, SCIP)
    assert field.later == (TUNED, SCIP, HIGHS)


def test_the_holdout_has_no_say_in_what_is_compared_on_it() -> None:
    runs = [*raced(HIGHS, *STEADY), *raced(SCIP, *(0.7 * cost for cost in STEADY)), *raced(CPSAT, *STEADY)]
    flattering = [*held_out(CPSAT, *(0.1 for _ in HOLDOUT)), *held_out(SCIP, *(20.0 for _ in HOLDOUT))]
    assert contenders(job(ALL), [*runs, *flattering], TUNED) == contenders(job(ALL), runs, TUNED)


def test_a_default_that_was_lucky_twice_is_not_the_best() -> None:
    runs = [*raced(HIGHS, *STEADY), *raced(SCIP, *(0.6 * cost for cost in STEADY)), *raced(CPSAT, 0.5, 0.55)]
    assert contenders(job(ALL), runs, TUNED).best_default == SCIP


def test_a_capped_default_counts_as_at_least_its_cap() -> None:
    runs = [*raced(HIGHS, *STEADY), *raced(CPSAT, 20.0, 20.0, 20.0, limit=3.0)]
    field = contenders(job(("highs", "cp-sat")), runs, TUNED)
    assert field.best_default == HIGHS
    assert CPSAT not in field.first


def test_a_default_that_may_be_as_good_joins_the_first_round() -> None:
    near = [0.95 * cost if number % 2 else 1.06 * cost for number, cost in enumerate(STEADY)]
    field = contenders(job(("highs", "scip")), [*raced(HIGHS, *STEADY), *raced(SCIP, *near)], TUNED)
    assert field.best_default == HIGHS
    assert (SCIP in field.first, SCIP in field.later) == (True, False)


def test_a_baseline_far_behind_the_best_default_is_executed_in_the_first_round_only() -> None:
    runs = [*raced(HIGHS, *STEADY), *raced(SCIP, *(0.2 * cost for cost in STEADY))]
    field = contenders(job(("highs", "scip")), runs, TUNED)
    assert (HIGHS in field.first, HIGHS in field.later) == (True, False)


@pytest.mark.parametrize("response", [CRASHED, REFUTED], ids=["crashed", "refuted"])
def test_a_default_with_a_response_outside_c_is_never_the_best(response: Response) -> None:
    fast = raced(SCIP, *(0.1 * cost for cost in STEADY[:-1]))
    runs = [*raced(HIGHS, *STEADY), *fast, stored(SCIP, TRAINING[-1], response, 1, Purpose.RACE)]
    field = contenders(job(("highs", "scip")), runs, TUNED)
    assert field.best_default == HIGHS
    assert SCIP not in field.first


def test_a_default_of_which_nothing_is_known_does_not_replace_a_refuted_baseline() -> None:
    runs = [*raced(HIGHS, *STEADY[:-1]), stored(HIGHS, TRAINING[-1], REFUTED, 1, Purpose.RACE)]
    assert contenders(job(("highs", "scip")), runs, TUNED).best_default == HIGHS


def test_without_a_response_the_baseline_is_the_best_default() -> None:
    field = contenders(job(ALL), [], HIGHS)
    assert field.best_default == HIGHS
    assert field.first == (HIGHS, CPSAT, SCIP)


def test_a_round_takes_what_its_runs_took_so_far() -> None:
    runs = [*raced(HIGHS, 2.0, 4.0), *raced(TUNED, 1.0, 20.0, limit=3.0)]
    # HiGHS 3 s a run; tuned 1 s, and a capped run that counts as 10: 5.5 s. Scip was never executed: 10 s.
    assert round_seconds((HIGHS, TUNED, SCIP), runs, 4, CUTOFF, 2) == pytest.approx(1.25 * (3 + 5.5 + 10) * 4 / 2)
    later = [*runs, *held_out(HIGHS, 1.0, 1.0)]
    assert round_seconds((HIGHS,), later, 4, CUTOFF, 1) == pytest.approx(1.25 * 4)


def test_a_round_takes_no_longer_than_if_every_run_ended_at_the_cutoff() -> None:
    runs = [*raced(HIGHS, *[20.0] * 5), *raced(TUNED, *[20.0] * 5)]
    assert round_seconds((HIGHS, TUNED), runs, 7, CUTOFF, 1) == pytest.approx(1.02 * 14 * CUTOFF)
    assert round_seconds((HIGHS, TUNED), runs, 7, CUTOFF, 4) == pytest.approx(1.02 * 4 * CUTOFF)


def test_what_a_round_may_take_says_on_how_many_instances_it_is_executed() -> None:
    quick = [*raced(HIGHS, *[1.0] * 5), *raced(TUNED, *[1.0] * 5)]
    slow = [*raced(HIGHS, *[20.0] * 5), *raced(TUNED, *[20.0] * 5)]

    def count(runs: list[StoredRun], seconds: float, slots: int = 1) -> int:
        return affordable((HIGHS, TUNED), runs, 8, CUTOFF, slots, seconds)

    assert [count(quick, seconds) for seconds in (-5.0, 0.0, 12.4, 12.6, 17.6, 19.9, 20.1)] == [0, 0, 0, 1, 3, 3, 8]
    assert [count(slow, seconds) for seconds in (20.0, 20.5, 60.0, 62.0, 163.0, 163.3)] == [0, 1, 2, 3, 7, 8]
    assert [count(slow, seconds, slots=4) for seconds in (10.0, 10.3, 20.5, 41.0)] == [0, 2, 4, 8]


def test_slots_that_stay_empty_do_not_shorten_a_round() -> None:
    assert round_seconds((HIGHS,), raced(HIGHS, 2.0), 2, CUTOFF, 64) == pytest.approx(1.25 * 2.0)


@pytest.mark.parametrize(("seconds", "kept"), [(0.5, 108.0), (8.0, 160.0), (9.9, 163.2)])
def test_a_share_of_the_budget_is_kept_and_more_when_a_round_takes_more(seconds: float, kept: float) -> None:
    runs = [*raced(HIGHS, *[seconds] * 10), *raced(TUNED, *[seconds] * 10)]
    field = contenders(job(), runs, TUNED)
    assert reserve(job(), field, runs, 16, True) == pytest.approx(kept)


def test_little_is_kept_while_there_is_nothing_to_compare() -> None:
    runs = [*raced(HIGHS, *[2.0] * 10), *raced(TUNED, *[1.0] * 10)]
    alone = contenders(job(), runs, HIGHS)
    assert reserve(job(), alone, runs, 16, True) == pytest.approx(0.09 * 600)
    assert reserve(job(), contenders(job(), runs, TUNED), runs, 16, True) == pytest.approx(0.18 * 600)
    slow = raced(HIGHS, *[9.9] * 10)
    assert reserve(job(budget=100.0), alone, slow, 16, True) == pytest.approx(1.02 * 2 * CUTOFF)
    assert reserve(job(budget=30.0), alone, slow, 16, True) == pytest.approx(0.5 * 30)
    several = contenders(job(("highs", "scip")), [*runs, *raced(SCIP, *[2.0] * 10)], HIGHS)
    assert reserve(job(("highs", "scip")), several, runs, 16, True) >= 0.18 * 600


def test_never_more_than_half_of_the_budget_is_kept() -> None:
    runs = [*raced(HIGHS, *[9.0] * 10), *raced(TUNED, *[9.0] * 10)]
    assert reserve(job(budget=100.0), contenders(job(), runs, TUNED), runs, 16, True) == 50.0


def test_nothing_solved_leaves_most_of_the_time_to_the_race() -> None:
    runs = raced(HIGHS, *[CUTOFF + 1] * 3)
    small = job(budget=30.0)
    for found in (runs, []):
        assert reserve(small, contenders(small, found, HIGHS), found, 16, False) == pytest.approx(0.09 * 30)
    gap = job(budget=30.0, cost="gap")
    assert reserve(gap, contenders(gap, runs, HIGHS), runs, 16, False) == 15.0
    once = [*runs, *raced(TUNED, 9.0)]
    assert reserve(small, contenders(small, once, TUNED), once, 16, True) == 15.0


def test_the_best_default_is_found_where_the_baseline_was_capped_everywhere() -> None:
    slow, fast = Configuration("highs"), Configuration("cp-sat")
    runs = [*raced(slow, 9.0, 9.0, 9.0, 9.0, 9.0, limit=0.5), *raced(fast, 0.1, 0.12, 0.09, 0.1, 0.11)]
    incumbent = Configuration.of("cp-sat", {"linearization_level": 2})
    field = contenders(job(("highs", "cp-sat")), runs, incumbent)
    assert field.best_default == fast
    assert fast in field.later

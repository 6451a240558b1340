"""The comparison of two configurations: what is paired, what a response costs, and how honest the interval is."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from storage.records import Comparison, Purpose, Response, StoredRun, Termination
from tests.verdict_runs import (
    CRASHED,
    CUTOFF,
    HIGHS,
    HOLDOUT,
    REFUTED,
    SEED,
    TUNED,
    held_out,
    raced,
    stopped_at,
    stored,
)
from tuner.cost import Cost, Ties
from tuner.verdict.compare import Measure, compare, interval
from tuner.verdict.student import above_zero, quantile, upper_tail

S = 0.01 * CUTOFF
"""The shift of the shifted geometric mean for these runs, in seconds."""


def shifted(runs: list[StoredRun], cost: Cost = Cost.PAR10, ties: Ties = Ties.MEAN) -> Comparison:
    return compare(TUNED, HIGHS, runs, cost, ties, CUTOFF)[0]


def test_the_ratios_are_those_of_the_two_means() -> None:
    runs = [*held_out(TUNED, 1.0, 2.0), *held_out(HIGHS, 4.0, 20.0)]
    by_shift, par10 = compare(TUNED, HIGHS, runs, Cost.PAR10, Ties.MEAN, CUTOFF)
    baseline = math.sqrt((S + 4.0) * (S + 100.0)) - S
    candidate = math.sqrt((S + 1.0) * (S + 2.0)) - S
    assert by_shift.ratio == pytest.approx(baseline / candidate, rel=1e-9)
    assert par10.ratio == pytest.approx(104.0 / 3.0, rel=1e-9)
    assert (by_shift.measure, par10.measure) == ("shifted geometric mean", "par10")
    assert (by_shift.candidate_solved, by_shift.baseline_solved, by_shift.pairs) == (2, 1, 2)


def test_only_costs_in_seconds_have_a_par10() -> None:
    runs = [*held_out(TUNED, 1.0, 2.0), *held_out(HIGHS, 4.0, 20.0)]
    for cost, count in ((Cost.PAR10, 2), (Cost.WALL, 2), (Cost.GAP, 1), (Cost.INTEGRAL, 1)):
        assert len(compare(TUNED, HIGHS, runs, cost, Ties.MEAN, CUTOFF)) == count


def test_a_run_without_its_counterpart_is_left_out() -> None:
    runs = [*held_out(TUNED, 1.0, 1.0, 9.0), *held_out(HIGHS, 2.0, 2.0)]
    found = shifted([*runs, stored(HIGHS, HOLDOUT[0], 9.0, seed=SEED + 99)])
    assert found.pairs == 2
    assert found.ratio == pytest.approx(2.0)


def test_the_race_and_cancelled_runs_do_not_count() -> None:
    runs = [*held_out(TUNED, 1.0, 1.0, 1.0), *held_out(HIGHS, 2.0, 2.0)]
    cancelled = stored(HIGHS, HOLDOUT[2], Response(Termination.KILLED, cpu=0.5, wall=0.5))
    found = shifted([*runs, cancelled, *raced(TUNED, 9.0, 9.0), *raced(HIGHS, 0.1, 0.1)])
    assert found.pairs == 2
    assert found.ratio == pytest.approx(2.0)


@pytest.mark.parametrize("response", [CRASHED, REFUTED], ids=["crashed", "refuted"])
def test_a_response_outside_c_costs_ten_cutoffs_however_fast_it_was(response: Response) -> None:
    runs = [*held_out(HIGHS, 1.0, 1.0), *held_out(TUNED, 1.0), stored(TUNED, HOLDOUT[1], response)]
    par10 = compare(TUNED, HIGHS, runs, Cost.PAR10, Ties.MEAN, CUTOFF)[1]
    assert par10.ratio == pytest.approx(2.0 / 101.0)
    assert par10.candidate_solved == 1


@pytest.mark.parametrize(("ties", "ratio"), [(Ties.MEAN, 2.0), (Ties.OPTIMISTIC, 4.0), (Ties.PESSIMISTIC, 4.0 / 3.0)])
def test_the_seeds_of_an_instance_are_joined_as_the_scenario_says(ties: Ties, ratio: float) -> None:
    runs = [*held_out(HIGHS, 4.0, 4.0, seeds=2), *held_out(TUNED, 1.0, 1.0)]
    runs += [stored(TUNED, instance, 3.0, SEED + 1) for instance in HOLDOUT[:2]]
    assert shifted(runs, ties=ties).ratio == pytest.approx(ratio)


def test_the_order_of_the_runs_does_not_matter() -> None:
    costs = [0.1 * 1.7**number for number in range(8)]
    runs = [*held_out(TUNED, *costs), *held_out(HIGHS, *reversed(costs))]
    runs += [*raced(TUNED, *costs[:4]), *raced(HIGHS, *costs[2:6])]
    assert shifted(runs) == shifted(random.Random(1).sample(runs, len(runs)))


def test_training_says_how_much_instances_scatter_and_nothing_else() -> None:
    runs = [*held_out(TUNED, 1.0, 1.1), *held_out(HIGHS, 2.0, 2.4)]
    alone = shifted(runs)
    alike = shifted([*runs, *raced(TUNED, 1.0, 1.0, 1.0, 1.0), *raced(HIGHS, 5.0, 5.0, 5.0, 5.0)])
    apart = shifted([*runs, *raced(TUNED, 1.0, 1.0, 1.0, 1.0), *raced(HIGHS, 0.1, 9.0, 0.1, 9.0)])
    only_one = shifted([*runs, *raced(TUNED, 1.0), *raced(HIGHS, 9.0)])
    assert alone.ratio == alike.ratio == apart.ratio == only_one.ratio
    assert apart.low < alone.low < alike.low
    assert apart.high > alone.high > alike.high
    assert only_one == alone
    cut_off = raced(HIGHS, 9.0, 9.0, 9.0, 9.0, limit=0.5)  # how long these would have taken is not known
    assert shifted([*runs, *raced(TUNED, 1.0, 1.0, 1.0, 1.0), *cut_off]) == alone


def test_the_worst_pairs_of_training_are_not_missing_because_a_run_was_cut_off() -> None:
    runs = [*held_out(TUNED, 1.0, 1.1), *held_out(HIGHS, 2.0, 2.4), *raced(HIGHS, 1.0, 1.0, 1.0, 1.0)]
    alike = shifted([*runs, *raced(TUNED, 1.0, 1.0, 1.0)])
    worse = shifted([*runs, *raced(TUNED, 1.0, 1.0, 1.0), raced(TUNED, 9.0, 9.0, 9.0, 9.0, limit=6.0)[3]])
    assert worse.low < 0.8 * alike.low
    better = shifted([*runs, *raced(TUNED, 1.0, 1.0, 1.0), raced(TUNED, 9.0, 9.0, 9.0, 9.0, limit=0.5)[3]])
    assert better == alike, "it may have been faster than the default or slower"


def test_training_has_no_more_seeds_than_the_holdout() -> None:
    runs = [*held_out(TUNED, 1.0, 1.1), *held_out(HIGHS, 2.0, 2.4)]
    own = [*raced(TUNED, 1.0, 1.0, 1.0, 1.0), *raced(HIGHS, 1.0, 4.0, 1.0, 4.0)]
    more = [
        stored(of, run.run.instance, cost, 2, Purpose.RACE)
        for of, cost in ((TUNED, 1.0), (HIGHS, 2.0))
        for run in own[:4]
    ]
    assert shifted([*runs, *own, *more]) == shifted([*runs, *own])
    twice = [*held_out(TUNED, 1.0, 1.1, seeds=2), *held_out(HIGHS, 2.0, 2.4, seeds=2)]
    assert shifted([*twice, *own, *more]).low > shifted([*twice, *own]).low


def test_one_instance_proves_nothing() -> None:
    found = shifted([*held_out(TUNED, 0.1, seeds=5), *held_out(HIGHS, 9.0, seeds=5)])
    assert found.ratio > 1
    assert (found.low, found.high) == (0.0, math.inf)


def test_no_pair_at_all_is_no_gain() -> None:
    found = shifted(held_out(TUNED, 1.0, 1.0))
    assert (found.ratio, found.low, found.high, found.pairs) == (1.0, 0.0, math.inf, 0)


def test_equal_costs_are_exactly_no_gain() -> None:
    costs = [0.1 * 1.7**number for number in range(8)]
    found = shifted([*held_out(TUNED, *costs), *held_out(HIGHS, *costs)])
    assert found.ratio == 1.0
    assert found.low < 1.0 < found.high


@pytest.mark.parametrize(("count", "low", "high"), [(2, 1.28, 3.13), (3, 1.77, 2.27), (8, 1.92, 2.09)])
def test_instances_that_happen_to_agree_are_no_certainty(count: int, low: float, high: float) -> None:
    ones = np.full(count, 1.0)
    found = interval(ones, 2.0 * ones, Measure.PAR10, Cost.PAR10, CUTOFF)
    assert found == pytest.approx((2.0, low, high), rel=0.005)
    gaps = interval(0.01 * ones, 0.02 * ones, Measure.SHIFTED, Cost.GAP, CUTOFF)
    assert gaps == pytest.approx((2.0, low, high), rel=0.005)


@pytest.mark.parametrize(("count", "factor"), [(2, 2.0854), (3, 1.5736), (8, 1.1628)])
def test_log_ratios_of_seconds_are_expected_to_scatter_as_usual(count: int, factor: float) -> None:
    # By hand: t(n + 1) sqrt(2 * 0.4^2 / (n + 1)) / sqrt(n), where the instances themselves do not scatter at all.
    ones = np.full(count, 1.0)
    for cost in (Cost.PAR10, Cost.WALL):
        found = interval(ones, 2.0 * ones, Measure.SHIFTED, cost, CUTOFF)
        assert found == pytest.approx((2.0, 2.0 / factor, 2.0 * factor), rel=1e-3)


def test_the_scatter_of_many_instances_is_their_own() -> None:
    rng = np.random.default_rng(3)
    logs = rng.normal(0.0, 0.1, 400)
    candidate, baseline = np.full(400, 1.0), np.exp(logs)
    ratio, low, high = interval(candidate, baseline, Measure.SHIFTED, Cost.PAR10, CUTOFF)
    assert math.log(high / ratio) == pytest.approx(1.96 * np.std(logs) / 20, rel=0.05)
    assert math.log(ratio / low) == pytest.approx(math.log(high / ratio))


def test_gaps_that_are_closed_give_a_finite_ratio() -> None:
    runs = [*held_out(TUNED, 1.0, 1.0, 1.0), *(stored(HIGHS, sha, stopped_at(CUTOFF, 0.2)) for sha in HOLDOUT[:3])]
    found = shifted(runs, cost=Cost.GAP)
    assert found.ratio == pytest.approx(0.2 / 1e-4)
    assert math.isfinite(found.high)
    both = [*held_out(TUNED, 1.0, 1.0), *held_out(HIGHS, 2.0, 2.0)]
    assert shifted(both, cost=Cost.GAP).ratio == 1.0


def draw(rng: np.random.Generator, instances: int, seeds: int, speed: float, interaction: float) -> np.ndarray:
    """Return costs over seeds, shape (2, n): candidate and baseline, log-normal seconds with timeouts."""
    size = rng.normal(-0.5, 1.0, (1, instances, 1))
    taste = rng.normal(0.0, interaction, (2, instances, 1))
    seconds = np.exp(size + taste + rng.normal(0.0, 0.3, (2, instances, seeds)))
    seconds[0] /= speed
    return np.where(seconds > CUTOFF, 10 * CUTOFF, seconds).mean(axis=2)


def gains(instances: int, seeds: int, speed: float, interaction: float, repeats: int) -> float:
    """Return how often the interval lies above 1."""
    rng = np.random.default_rng(instances)
    found = 0
    for _ in range(repeats):
        candidate, baseline = draw(rng, instances, seeds, speed, interaction)
        _, low, _ = interval(candidate, baseline, Measure.SHIFTED, Cost.PAR10, CUTOFF)
        found += low > 1
    return found / repeats


@pytest.mark.parametrize("instances", [3, 5, 10])
@pytest.mark.parametrize("seeds", [1, 3])
def test_noise_is_called_a_gain_in_at_most_one_of_twenty_jobs(instances: int, seeds: int) -> None:
    assert gains(instances, seeds, speed=1.0, interaction=0.2, repeats=500) <= 0.05


def test_even_two_instances_seldom_make_a_gain_of_noise() -> None:
    assert gains(2, 3, speed=1.0, interaction=0.2, repeats=500) <= 0.03


def test_a_real_gain_is_seen() -> None:
    assert gains(5, 3, speed=2.0, interaction=0.0, repeats=200) >= 0.95
    # Resampling seeds within instances as well would find this one in 0.6 of the jobs.
    assert gains(10, 3, speed=1.3, interaction=0.0, repeats=300) >= 0.75


@pytest.mark.parametrize("instances", [3, 5, 10])
def test_the_interval_covers_the_true_ratio(instances: int) -> None:
    rng = np.random.default_rng(instances)
    inside = 0
    for _ in range(400):
        # Seconds well above the shift and below the cutoff: there the true ratio is the speed, 1.5.
        size = rng.normal(0.5, 0.3, (1, instances))
        candidate, baseline = np.exp(size + rng.normal(0.0, 0.3, (2, instances))) / np.array([[1.5], [1.0]])
        _, low, high = interval(candidate, baseline, Measure.SHIFTED, Cost.PAR10, CUTOFF)
        inside += low < 1.5 < high
    assert 0.91 <= inside / 400 <= 0.99


def test_students_quantiles_are_those_of_the_printed_tables() -> None:
    printed = {1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 9: 2.2622, 10: 2.2281, 30: 2.0423, 100: 1.9840}
    for freedom, value in printed.items():
        assert quantile(0.975, freedom) == pytest.approx(value, abs=5e-5)
    assert upper_tail(-1.0, 1) == pytest.approx(0.75)
    assert upper_tail(0.0, 6) == pytest.approx(0.5)


def test_the_paired_test_needs_two_differences_and_sees_a_constant_one() -> None:
    assert above_zero([]) == above_zero([5.0]) == 1.0
    assert above_zero([0.5, 0.5]) == 0.0
    assert above_zero([0.0, 0.0]) == above_zero([-0.5, -0.5]) == 1.0
    # t = 2 / (1 / sqrt(3)) = 3.4641 with two degrees of freedom: p = 1/2 - t / (2 sqrt(2 + t^2))
    assert above_zero([1.0, 2.0, 3.0]) == pytest.approx(0.5 - math.sqrt(12) / (2 * math.sqrt(14)))

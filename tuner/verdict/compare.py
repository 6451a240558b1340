"""How much better a configuration is than another on the holdout, with an interval that is honest about few instances.

The ratio is the baseline's mean over the candidate's. Both means are over instances, of each instance's cost over its
seeds, on the (instance, seed) pairs that both have. The 95 % interval is Student's, on the log scale:

- What every instance contributes to the log ratio is found by Tukey's jackknife: the ratio is computed without it.
  These contributions scatter, and their sum of squares says how much. Seeds are not looked at one by one: the scatter
  of the instances has their noise already.
- A few instances say little about how much they scatter, and by luck they may agree. Two things say more. The race has
  executed the same two configurations on training instances: their sum of squares is added to that of the holdout.
  Nothing else of them is used, since the candidate was chosen for its mean there. And in recordings of many families
  log ratios scatter by `USUAL` or so, which counts like `WORTH` more instances.

docs/verdict.md has what was measured: how often the interval holds the truth, calls noise a gain, and sees a real one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from instances.model import Floats
from storage.records import Check, Comparison, Configuration, Purpose, StoredRun
from tuner.cost import Cost, Ties, censored, cost_of, exceeded, over_seeds, scale, shift, solved
from tuner.verdict.delicate import resting
from tuner.verdict.starved import is_starved
from tuner.verdict.student import quantile

CONFIDENCE = 0.95
NEGLIGIBLE = 1e-4
"""A mean below this share of the worst honest cost counts as this much, so that a ratio to zero stays finite."""
USUAL = 0.4
"""Standard deviation of log ratios over instances that is expected before any is seen, for costs in seconds. Half of
2,738 recorded configurations of 17 families have one below 0.41, nine of ten below 0.75."""
WORTH = 2
"""How many degrees of freedom that expectation is worth. With more, intervals are narrower, but where ratios scatter
by 1.0, noise would pass for a gain in 7 of 100 jobs with two instances; with 2 in 5 or 6."""
LEAST = 0.05
"""Standard deviation of log ratios over instances that an interval allows for at least, whatever is compared."""


class Measure(StrEnum):
    """The mean over instances that is compared."""

    SHIFTED = "shifted geometric mean"
    """exp(mean(log(s + cost))) - s: every instance counts alike, whatever its size; the verdict is decided by it."""
    PAR10 = "par10"
    """The arithmetic mean of seconds, unsolved runs at ten cutoffs: total time; for costs in seconds only."""


@dataclass(frozen=True, eq=False)
class Paired:
    """The costs of two configurations on the pairs that both have, n instances."""

    candidate: Floats  # (n,) cost over seeds
    baseline: Floats  # (n,)
    instances: tuple[str, ...]  # (n,) SHA-256
    seeds: tuple[int, ...]  # (n,) how many of an instance
    candidate_solved: int
    baseline_solved: int
    pairs: int


Outcomes = dict[tuple[str, int], tuple[float, bool]]
"""(instance, seed) -> (cost, solved)."""


def outcomes(
    configuration: Configuration, runs: Iterable[StoredRun], cost: Cost, purpose: Purpose = Purpose.HOLDOUT
) -> Outcomes:
    """Return cost and success of every run of this configuration on the holdout, or of the race.

    Runs that did not finish are left out, and those whose answer is disputed: who was faster to a right answer is not
    known there. So are those that were starved: their cost is the machine's doing.
    """
    return {
        (stored.run.instance, stored.run.seed): (
            cost_of(cost, stored.run, stored.response),
            solved(cost, stored.run, stored.response),
        )
        for stored in runs
        if stored.run.purpose is purpose
        and stored.run.configuration == configuration
        and stored.response.check is not Check.DISPUTED
        and not censored(cost, stored.run, stored.response)
        and not is_starved(stored, cost)
    }


def pair(
    candidate: Configuration, baseline: Configuration, runs: Iterable[StoredRun], cost: Cost, ties: Ties
) -> Paired:
    """Return the costs of both on the pairs of the holdout that both have; what one of them lacks is left out.

    So are pairs on which the answer of one is disputed, or on which only the candidate has one that rests on the
    solver's tolerance: that is no credit to it.
    """
    runs = list(runs)
    ours, theirs = outcomes(candidate, runs, cost), outcomes(baseline, runs, cost)
    rests = {(run.instance, run.seed) for run in resting(runs) if run.configuration == candidate}
    seeds: dict[str, list[int]] = {}
    for instance, seed in sorted(ours.keys() & theirs.keys()):
        if (instance, seed) in rests and not theirs[instance, seed][1]:
            continue
        seeds.setdefault(instance, []).append(seed)
    shared = [(instance, seed) for instance, own in seeds.items() for seed in own]
    return Paired(
        candidate=per_instance(ours, seeds, ties),
        baseline=per_instance(theirs, seeds, ties),
        instances=tuple(seeds),
        seeds=tuple(map(len, seeds.values())),
        candidate_solved=sum(ours[key][1] for key in shared),
        baseline_solved=sum(theirs[key][1] for key in shared),
        pairs=len(shared),
    )


def _raced(
    candidate: Configuration, baseline: Configuration, runs: Sequence[StoredRun], cost: Cost, ties: Ties, most: int
) -> tuple[Floats, Floats]:
    """Return the costs of both on the training instances that both were executed on, from ``most`` seeds at most.

    With more seeds than the holdout has, an instance would scatter less. A run that was cut off counts with what it
    is known to exceed where that says that it is the worse one, or else the worst pairs would be missing.
    """
    of = {each: outcomes(each, runs, cost, Purpose.RACE) for each in (candidate, baseline)}
    beyond: dict[Configuration, dict[tuple[str, int], float]] = {candidate: {}, baseline: {}}
    for stored in runs:
        run, response = stored.run, stored.response
        if run.configuration in beyond and run.purpose is Purpose.RACE and censored(cost, run, response):
            beyond[run.configuration][run.instance, run.seed] = exceeded(cost, run, response)
    for one, other in ((candidate, baseline), (baseline, candidate)):
        for key, least in beyond[one].items():
            if key not in of[one] and key in of[other] and least > of[other][key][0]:
                of[one][key] = (least, False)
    seeds: dict[str, list[int]] = {}
    for instance, seed in sorted(of[candidate].keys() & of[baseline].keys()):
        if len(own := seeds.setdefault(instance, [])) < most:
            own.append(seed)
    return per_instance(of[candidate], seeds, ties), per_instance(of[baseline], seeds, ties)


def per_instance(found: Outcomes, seeds: dict[str, list[int]], ties: Ties) -> Floats:
    """Return the cost of every instance over the seeds named for it, shape (n,)."""
    return np.array(
        [over_seeds(ties, [found[instance, seed][0] for seed in own]) for instance, own in seeds.items()],
        dtype=np.float64,
    )


def compare(
    candidate: Configuration,
    baseline: Configuration,
    runs: Iterable[StoredRun],
    cost: Cost,
    ties: Ties,
    cutoff: float,
) -> tuple[Comparison, ...]:
    """Compare two configurations on the holdout.

    Args:
        candidate: the one that is hoped to be better.
        baseline: what it is compared with.
        runs: of the job. Those of the race say how much instances scatter, those of other configurations nothing.
        cost: the scenario's.
        ties: the scenario's, over the seeds of an instance.
        cutoff: seconds.

    Returns:
        One comparison of the shifted geometric mean and, for costs in seconds, one of PAR10.

    """
    runs = list(runs)
    paired = pair(candidate, baseline, runs, cost, ties)
    training = _raced(candidate, baseline, runs, cost, ties, min(paired.seeds, default=1))
    measures = [Measure.SHIFTED] + ([Measure.PAR10] if cost.is_time else [])
    found = []
    for measure in measures:
        ratio, low, high = interval(paired.candidate, paired.baseline, measure, cost, cutoff, training)
        found.append(
            Comparison(
                candidate=candidate,
                baseline=baseline,
                measure=measure.value,
                ratio=ratio,
                low=low,
                high=high,
                candidate_solved=paired.candidate_solved,
                baseline_solved=paired.baseline_solved,
                pairs=paired.pairs,
            )
        )
    return tuple(found)


def interval(
    candidate: Floats,
    baseline: Floats,
    measure: Measure,
    cost: Cost,
    cutoff: float,
    training: tuple[Floats, Floats] | None = None,
) -> tuple[float, float, float]:
    """Return the ratio baseline to candidate of a mean over n instances, and its 95 % interval.

    Args:
        candidate: cost of each instance, shape (n,).
        baseline: the same of the baseline, shape (n,).
        measure: which mean.
        cost: what the costs are.
        cutoff: seconds.
        training: the costs of both on k other instances, each of shape (k,), which say how much instances scatter.

    Returns:
        (ratio, low, high): (1, 0, inf) without an instance, (ratio, 0, inf) with one.

    """
    count = len(candidate)
    if count == 0:
        return 1.0, 0.0, math.inf
    estimate = math.log(mean_cost(baseline, measure, cost, cutoff) / mean_cost(candidate, measure, cost, cutoff))
    if count == 1:
        return math.exp(estimate), 0.0, math.inf
    known = WORTH if measure is Measure.SHIFTED and cost.is_time else 0
    freedom, squares = known + count - 1, known * USUAL**2 + _squares(candidate, baseline, measure, cost, cutoff)
    if training is not None and len(training[0]) > 1:
        freedom += len(training[0]) - 1
        squares += _squares(*training, measure, cost, cutoff)
    scatter = max(LEAST, math.sqrt(squares / freedom))
    half = quantile((1 + CONFIDENCE) / 2, freedom) * scatter / math.sqrt(count)
    return math.exp(estimate), math.exp(estimate - half), math.exp(estimate + half)


def _squares(candidate: Floats, baseline: Floats, measure: Measure, cost: Cost, cutoff: float) -> float:
    """Return the sum of squares, about their mean, of what n >= 2 instances contribute to the log ratio.

    A contribution is a pseudo-value of Tukey's jackknife: n times the log ratio, less n - 1 times that of the others.
    """
    before, after = _mean(measure, cost, cutoff)
    others = len(candidate) - 1

    def without_each(costs: Floats) -> Floats:
        told = before(costs)
        return np.log(after((told.sum() - told) / others))

    values = others * (without_each(baseline) - without_each(candidate))
    return float(np.sum((values - values.mean()) ** 2))


def _mean(measure: Measure, cost: Cost, cutoff: float) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    """Return the mean as a function before and a function after averaging over instances."""
    least = NEGLIGIBLE * scale(cost, cutoff)
    if measure is Measure.PAR10:
        return lambda costs: costs, lambda means: np.maximum(means, least)
    by = shift(cost, cutoff)
    return lambda costs: np.log(by + costs), lambda means: np.maximum(np.exp(means) - by, least)


def mean_cost(costs: Floats, measure: Measure, cost: Cost, cutoff: float) -> float:
    """Return the mean of the costs of instances, shape (n,), n >= 1, by a measure."""
    before, after = _mean(measure, cost, cutoff)
    return float(after(np.mean(before(costs), keepdims=True))[0])

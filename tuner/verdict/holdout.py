"""Which runs the verdict needs: which configurations, on which seeds, in which order, and how long that takes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean

import numpy as np

from storage.records import Check, Configuration, Job, Purpose, Run, StoredRun, spell
from tuner.cost import Cost, censored, cost_of, shift
from tuner.verdict.starved import is_starved
from tuner.verdict.student import above_zero

FIRST_SEED = 2**30
"""The verdict's solver seeds are from here to 2**31 - 1; the race's are below."""
ROUNDS = 20
"""At most so many seeds: after that the interval's width comes from the instances."""
AGAIN = 2
"""How often an instance of the holdout is executed again, each time with another seed, as runs on it were starved."""
WORSE = 0.2
"""p-value of the test that a default is worse than the best default, below which it is not worth the holdout's time:
large, because such a default decides nothing."""
FAR_WORSE = 0.05
"""p-value of the test that the baseline costs more than twice the best default, below which one round shows it."""
SHARE = 0.18
"""Of the budget, kept for the verdict."""
MOST = 0.5
"""Of the budget: never keep more."""
SLACK = 1.25
"""A round takes this much longer than the mean of its runs says: slots wait for the last run, and means are noisy."""


FEWEST = 2
"""Instances that the first round has even when the budget is spent: with fewer there is no interval."""
LATE = 1.02
"""A run that ends at its cutoff takes this much longer: its process has to begin and to end."""


@dataclass(frozen=True)
class Contenders:
    """The configurations whose runs on the holdout decide, chosen from training alone."""

    incumbent: Configuration
    baseline: Configuration
    """The default of the scenario's first solver."""
    best_default: Configuration
    """Of the solver that does best on training as it comes: often the baseline."""
    first: tuple[Configuration, ...]
    """Executed in the first round."""
    later: tuple[Configuration, ...]
    """Executed in all others."""
    defaults: tuple[Configuration, ...] = ()
    """What every solver does without tuning, but for what is fixed."""
    base: Configuration | None = None
    """The user's own settings."""

    def is_default(self, configuration: Configuration) -> bool:
        """Whether a configuration is a solver as it comes, but for what is fixed."""
        return configuration in (self.baseline, self.best_default, *self.defaults)

    def name(self, configuration: Configuration) -> str:
        """Return how people call a configuration: the default of a solver is the solver as it comes."""
        if configuration == self.base:
            return "your settings"
        if not self.is_default(configuration):
            return str(configuration)
        fixed = ", ".join(f"{name} = {spell(value)}" for name, value in configuration.parameters)
        return f"{configuration.solver} as it comes" + (f" with {fixed}" if fixed else "")


def contenders(job: Job, runs: Iterable[StoredRun], incumbent: Configuration) -> Contenders:
    """Choose what is executed on the holdout, from the responses of the race.

    The incumbent and the best default are executed in every round. So is the baseline, unless training shows that it
    costs more than twice the best default: then the gain over it is beyond doubt after one round, and its slow runs
    would eat the time of the others. Any other default joins the first round, to be reported, unless it is worse in
    training: then training is all that is told of it. The tests are one-sided paired t tests on the logarithms of the
    costs. The user's own settings are executed like the baseline.

    Args:
        job: names the solvers, in the scenario's order, and the cost.
        runs: of the job; those of the holdout are passed over.
        incumbent: the race's.

    """
    defaults = job.defaults
    baseline = defaults[0]
    cost = Cost(job.cost)
    own = [] if job.base is None else [job.base]
    scores, flagged = _training({*defaults, *own}, runs, cost)
    behind = {default: _behind(scores[default], scores[baseline]) for default in defaults}
    sound = [default for default in defaults if default not in flagged and (behind[default] or default == baseline)]
    # Shrunk towards the baseline, so that a default that was lucky on two pairs does not look like the best.
    best = min(sound, key=lambda default: sum(behind[default]) / (len(behind[default]) + 4), default=baseline)
    gaps = {default: _behind(scores[default], scores[best]) for default in defaults}
    others = [default for default in defaults if default not in flagged and above_zero(gaps[default]) >= WORSE]
    first = [incumbent, baseline, best, *own, *others]
    later = [incumbent, best]
    for status_quo in (baseline, *own):
        far_worse = above_zero([gap - math.log(2) for gap in _behind(scores[status_quo], scores[best])]) < FAR_WORSE
        later += [] if far_worse else [status_quo]
    return Contenders(
        incumbent, baseline, best, tuple(dict.fromkeys(first)), tuple(dict.fromkeys(later)), defaults, job.base
    )


Scores = dict[tuple[str, int], tuple[float, bool]]
"""(instance, seed) -> (log(s + cost), whether the cost is only known to be at least that)."""


def _training(
    configurations: set[Configuration], runs: Iterable[StoredRun], cost: Cost
) -> tuple[dict[Configuration, Scores], set[Configuration]]:
    """Return the scores of these configurations in the race, and which of them had a response outside C.

    A response that is disputed has no score: it shows neither that a configuration is faster nor that it is slower.
    """
    scores: dict[Configuration, Scores] = defaultdict(dict)
    flagged = set()
    for stored in runs:
        run, response = stored.run, stored.response
        if run.purpose is not Purpose.RACE or run.configuration not in configurations:
            continue
        if not response.feasible:
            flagged.add(run.configuration)
        if response.check is Check.DISPUTED:
            continue
        by = shift(cost, run.cutoff)
        if not censored(cost, run, response):
            scores[run.configuration][run.instance, run.seed] = (math.log(by + cost_of(cost, run, response)), False)
        elif run.capped and cost.is_time:
            scores[run.configuration].setdefault((run.instance, run.seed), (math.log(by + run.limit), True))
    return scores, flagged


def _behind(scores: Scores, others: Scores) -> list[float]:
    """Return how far the scores are above the others', on the pairs both have; capped ones by what is known of them.

    Where the other was capped, what is below its cap is better by at least that much; what is not tells nothing.
    """
    return [
        score - others[pair][0]
        for pair, (score, capped) in scores.items()
        if pair in others and (not others[pair][1] or (not capped and score < others[pair][0]))
    ]


def holdout_seeds(seed: int) -> Iterator[int]:
    """Yield different solver seeds from 2**30 to 2**31 - 1, for ever; the same ones for the same scenario's seed."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(FIRST_SEED,)))
    seen: set[int] = set()
    while True:
        drawn = int(generator.integers(FIRST_SEED, 2**31))
        if drawn not in seen:
            seen.add(drawn)
            yield drawn


def plan(field: Contenders, instances: Sequence[str], seed: int, cutoff: float) -> Iterator[list[Run]]:
    """Yield the rounds of the holdout: each one seed, all instances, and all contenders next to each other.

    Their order rotates from instance to instance and from round to round, so that a machine that grows slower or
    faster meanwhile favours none. Execute the first round always, and others while there is time. Where a round is
    too long, execute it on the first instances: a round that is cut short by time has lost its slow runs. A round
    with a single contender would compare nothing and is not yielded.

    Args:
        field: the contenders.
        instances: SHA-256 of the holdout's instances.
        seed: the scenario's.
        cutoff: seconds; no run of the holdout is capped.

    """
    for number, solver_seed in zip(range(ROUNDS), holdout_seeds(seed), strict=False):
        order = field.later if number else field.first
        if len(order) < 2:
            return
        yield [
            Run(configuration, instance, solver_seed, cutoff, cutoff, Purpose.HOLDOUT)
            for place, instance in enumerate(instances)
            for configuration in _rotated(order, place + number)
        ]


def lacking(field: Contenders, runs: Iterable[StoredRun], cost: Cost) -> list[str]:
    """Return the instances of the holdout on which runs were starved, and which no seed has shown without that.

    Args:
        field: the contenders; those of the later rounds count.
        runs: of the job; those of the race are passed over.
        cost: the scenario's.

    """
    fair: dict[tuple[str, int], set[Configuration]] = defaultdict(set)
    starved: set[str] = set()
    for stored in runs:
        run = stored.run
        if run.purpose is not Purpose.HOLDOUT or run.configuration not in field.later:
            continue
        if is_starved(stored, cost):
            starved.add(run.instance)
        elif not censored(cost, run, stored.response):
            fair[run.instance, run.seed].add(run.configuration)
    shown = {instance for (instance, _), configurations in fair.items() if len(configurations) == len(field.later)}
    return sorted(starved - shown)


def repeated(field: Contenders, instances: Sequence[str], number: int, seed: int, cutoff: float) -> list[Run]:
    """Return the runs that show instances again, all contenders of the later rounds next to each other.

    Args:
        field: the contenders.
        instances: SHA-256 of those to show again.
        number: how often that was done before, from 0 to `AGAIN` - 1: each time has a solver seed of its own.
        seed: the scenario's.
        cutoff: seconds.

    """
    (solver_seed,) = islice(holdout_seeds(seed), ROUNDS + number, ROUNDS + number + 1)
    return [
        Run(configuration, instance, solver_seed, cutoff, cutoff, Purpose.HOLDOUT)
        for place, instance in enumerate(instances)
        for configuration in _rotated(field.later, place + number)
    ]


def _rotated(order: Sequence[Configuration], by: int) -> list[Configuration]:
    start = by % len(order)
    return [*order[start:], *order[:start]]


def round_seconds(
    configurations: Sequence[Configuration], runs: Iterable[StoredRun], instances: int, cutoff: float, slots: int
) -> float:
    """Estimate the wall seconds of one round.

    A configuration's runs are expected to take as long as its earlier ones, those on the holdout if there are any. A
    capped run counts as a whole cutoff, and so does a configuration that was never executed. A round never takes longer
    than if every run ended at its cutoff: under the gap, most do.

    Args:
        configurations: executed in the round.
        runs: of the job so far.
        instances: how many the holdout has.
        cutoff: seconds.
        slots: runs at a time.

    """
    spent: dict[tuple[Configuration, Purpose], list[float]] = defaultdict(list)
    for stored in runs:
        unfinished = stored.run.capped and not stored.response.solved
        seconds = cutoff if unfinished else stored.response.wall
        spent[stored.run.configuration, stored.run.purpose].append(seconds)
    total = 0.0
    for configuration in configurations:
        seen = spent[configuration, Purpose.HOLDOUT] or spent[configuration, Purpose.RACE]
        total += fmean(seen) if seen else cutoff
    usual = SLACK * total * instances / min(slots, max(1, len(configurations) * instances))
    return min(usual, longest_seconds(len(configurations), instances, cutoff, slots))


def longest_seconds(configurations: int, instances: int, cutoff: float, slots: int) -> float:
    """Return the wall seconds of a round of so many configurations in which every run ends at its cutoff."""
    return math.ceil(configurations * instances / slots) * cutoff * LATE


def affordable(
    configurations: Sequence[Configuration],
    runs: Iterable[StoredRun],
    instances: int,
    cutoff: float,
    slots: int,
    seconds: float,
) -> int:
    """Return on how many of some instances a round can be executed in so many seconds, as it is expected.

    All of them need what `round_seconds` says. Of a part the mean of its few runs says less, so that a cutoff is left,
    unless the part ends in time whatever its runs take.

    Args:
        configurations: executed in the round.
        runs: of the job so far.
        instances: how many there are.
        cutoff: seconds.
        slots: runs at a time.
        seconds: that there are; may be negative.

    """
    runs = list(runs)
    if round_seconds(configurations, runs, instances, cutoff, slots) <= seconds:
        return instances

    def needed(count: int) -> float:
        usual = round_seconds(configurations, runs, count, cutoff, slots) + cutoff
        return min(usual, longest_seconds(len(configurations), count, cutoff, slots))

    return bisect_right(range(1, instances), seconds, key=needed)


def reserve(job: Job, field: Contenders, runs: Iterable[StoredRun], instances: int, is_solved: bool) -> float:
    """Return how many seconds of the budget to keep for the verdict.

    That is 18 % of it, or more when the first round is expected to take longer, but at most half. Then the first round
    has only a part of the instances. As long as there is nothing to compare, since the only default leads the race,
    it is 9 %, or what the shortest verdict takes if that is more: a challenger may still be found, and otherwise there
    is nothing to execute. As long as nothing is solved, where solving is what counts, it is 9 %: without that, there is
    no verdict.

    Args:
        job: its budget, cutoff and slots.
        field: the contenders as they stand.
        runs: of the race so far; those of the contenders suffice.
        instances: how many the holdout has.
        is_solved: whether any run of the race, of whatever configuration, was.

    """
    if Cost(job.cost).is_time and not is_solved:
        return SHARE / 2 * job.budget
    runs = list(runs)
    first = round_seconds(field.first, runs, instances, job.cutoff, job.slots)
    wanted = min(max(SHARE * job.budget, first), MOST * job.budget)
    if len(field.first) > 1:
        return wanted
    both = (field.baseline, field.baseline)  # a challenger takes as long, as far as is known
    least = round_seconds(both, runs, min(FEWEST, instances), job.cutoff, job.slots)
    return min(wanted, max(SHARE / 2 * job.budget, least))

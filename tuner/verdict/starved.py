"""Runs that hardly got their core, because something else used it: they show the machine, and decide no verdict.

The cutoff is enforced in wall time. A run that gets a quarter of its core has a quarter of the cutoff for its model,
and the slower of two configurations fails first: a small gain looks like one of ten cutoffs. So a pair of runs of which
one was starved is left out of every comparison on the holdout, and executed again where there is time for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from storage.records import Configuration, Purpose, StoredRun, Termination
from tuner.cost import Cost, shift, solved

STARVED = 0.9
"""A run that had less than this share of its core until the cutoff shared it with something else."""
FAR = 0.5
"""With less than this share of its core a run takes more than twice the time that it takes alone."""


def is_starved(stored: StoredRun, cost: Cost) -> bool:
    """Whether what a run cost is the doing of something else that used its core.

    It had to end at the cutoff, unsolved, without having used the cutoff up in CPU time: nine tenths of it where the
    cost is seconds, half of it where the cost is how far it came. Or it was solved, its cost counts wall seconds, and
    for more than half of them it did not compute. A run that was ended from outside may have
    slept, which is its own fault, and one that was capped had no cutoff to use up: neither is starved.
    """
    run, response = stored.run, stored.response
    if response.termination is not Termination.EXITED or run.capped:
        return False
    if not solved(cost, run, response):
        least = STARVED if cost.is_time else FAR  # a gap is a little larger for a little less time
        return response.cpu < least * run.cutoff and response.wall >= STARVED * run.cutoff
    is_long = response.wall > shift(Cost.WALL, run.cutoff)  # shorter ones count for nothing in the mean
    return cost in (Cost.WALL, Cost.INTEGRAL) and is_long and response.cpu < FAR * response.wall


@dataclass(frozen=True)
class Unfair:
    """The (instance, seed) pairs of the holdout that are left out of a comparison since a run there was starved."""

    pairs: int
    candidate_solved: int
    """Pairs that only the candidate solved."""
    baseline_solved: int
    """Pairs that only the baseline solved: who needs more than it got, where the other needed less, is no faster."""


def unfair(candidate: Configuration, baseline: Configuration, runs: Iterable[StoredRun], cost: Cost) -> Unfair:
    """Return what of the holdout is left out of the comparison of two configurations for want of a core."""
    solves: dict[Configuration, dict[tuple[str, int], bool]] = {candidate: {}, baseline: {}}
    starved = set()
    for stored in runs:
        run = stored.run
        if run.purpose is not Purpose.HOLDOUT or run.configuration not in solves:
            continue
        solves[run.configuration][run.instance, run.seed] = solved(cost, run, stored.response)
        if is_starved(stored, cost):
            starved.add((run.instance, run.seed))
    ours, theirs = solves[candidate], solves[baseline]
    pairs = starved & ours.keys() & theirs.keys()
    return Unfair(
        len(pairs),
        sum(ours[pair] and not theirs[pair] for pair in pairs),
        sum(theirs[pair] and not ours[pair] for pair in pairs),
    )

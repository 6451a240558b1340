"""What a response costs the leader, and how costs are aggregated over seeds and instances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import fmean

from storage.records import Check, Response, Run, Termination


class Cost(StrEnum):
    """What is minimised."""

    PAR10 = "par10"
    """CPU seconds to a proven optimum; ten cutoffs for a run that was not solved within the cutoff."""
    WALL = "wall"
    """The same in wall seconds."""
    GAP = "gap"
    """The gap between objective and bound when the run ends, from 0 to 1; 1 without a point."""
    INTEGRAL = "integral"
    """The primal-dual integral: the gap integrated over the cutoff, in seconds."""

    @property
    def is_time(self) -> bool:
        """Whether it is the time to a proof: then runs can be capped, and an unsolved one is penalised."""
        return self in (Cost.PAR10, Cost.WALL)


class Ties(StrEnum):
    """What the leader assumes of a follower that has several answers: here, one per solver seed."""

    MEAN = "mean"
    OPTIMISTIC = "optimistic"
    PESSIMISTIC = "pessimistic"


PENALTY = 10.0
"""An unsolved run costs this many cutoffs under PAR10; a run outside C costs this many times the worst honest cost."""


def scale(cost: Cost, cutoff: float) -> float:
    """Return the worst cost that an honest run can have before penalties: the cutoff in seconds, or a gap of 1."""
    return 1.0 if cost is Cost.GAP else cutoff


def shift(cost: Cost, cutoff: float) -> float:
    """Return the shift s of the shifted geometric mean, exp(mean(log(s + cost))) - s: 1 % of `scale`."""
    return 0.01 * scale(cost, cutoff)


def worst(cost: Cost, cutoff: float) -> float:
    """Return the cost of a response outside C: crashed, out of memory, or refuted."""
    return PENALTY * scale(cost, cutoff)


def seconds(cost: Cost, response: Response) -> float:
    """Return the seconds of this response that count against the cutoff: wall under ``wall``, else CPU."""
    return response.wall if cost is Cost.WALL else response.cpu


def solved(cost: Cost, run: Run, response: Response) -> bool:
    """Whether the run was solved within its cutoff."""
    return response.solved and seconds(cost, response) <= run.cutoff


def cost_of(cost: Cost, run: Run, response: Response) -> float:
    """Return the cost of a run that was not capped, or that was solved within its cap.

    A response that is disputed costs what one does that found nothing: no better objective, gap or time is its own.
    A capped run that was not solved has no cost yet: it is known to cost more than its limit (see `censored`).
    """
    if not response.feasible:
        return worst(cost, run.cutoff)
    if response.check is Check.DISPUTED:
        return PENALTY * run.cutoff if cost.is_time else scale(cost, run.cutoff)
    if cost is Cost.GAP:
        if solved(cost, run, response):
            return 0.0
        return 1.0 if response.gap is None else min(1.0, response.gap)
    if cost is Cost.INTEGRAL:
        return run.cutoff if response.integral is None else min(response.integral, run.cutoff)
    if solved(cost, run, response):
        return seconds(cost, response)
    return PENALTY * run.cutoff


def censored(cost: Cost, run: Run, response: Response) -> bool:
    """Whether all that is known of the cost is what it has `exceeded`: the run was capped, cancelled, or ended for
    being behind, and is unsolved.

    An answer that counts as unsolved although the solver was done is known: with more time it would be the same.
    """
    if not response.feasible or response.check is Check.DISPUTED or response.is_overstated:
        return False
    if solved(cost, run, response):
        return False
    return run.capped or response.termination is Termination.KILLED


def exceeded(cost: Cost, run: Run, response: Response) -> float:
    """Return what the cost of a `censored` run exceeds: the floor of one that was behind, else the seconds it had.

    Without a floor that is 0 where the cost is no time.
    """
    if response.floor is not None:
        return response.floor
    return min(run.limit, seconds(cost, response)) if cost.is_time else 0.0


def over_seeds(ties: Ties, costs: Sequence[float]) -> float:
    """Return the cost of one instance from its costs over seeds."""
    if ties is Ties.OPTIMISTIC:
        return min(costs)
    return max(costs) if ties is Ties.PESSIMISTIC else fmean(costs)


def shifted_geometric_mean(costs: Sequence[float], by: float) -> float:
    """Return exp(mean(log(by + cost))) - by."""
    return math.exp(fmean(math.log(by + cost) for cost in costs)) - by

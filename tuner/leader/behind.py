"""Runs that are clearly behind while they run, under costs that are known only at the end: the gap and the integral.

Of the integral a part is certain at every second: what has accumulated. A run whose integral exceeds already what it
may cost is of no use, and its cost exceeds what it has: that is its floor.

The gap at the end is not bounded by the gap now. So a run is cut on a statistical ground: at two looks, after half of
its time, and `APART` of it apart, it had at least `TIMES` the incumbent's gap at the same second. Its floor is the
incumbent's gap at the end: it is taken to be no better. (`bench.behind` measures how often that is wrong.) Where the
incumbent's run ended with next to no gap nothing is cut: who is slower to get there is as good in the end. What the
incumbent's gap was at a second is known of runs that this process has seen run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from storage.records import Configuration, Response, Run, Termination
from tuner.cost import Cost, shift
from tuner.gap import gap_at, integral
from tuner.ports import Activity, Allowance, Leader, Step

HALF = 0.5
"""The part of a run's time before which a gap says little."""
APART = 0.1
"""The part of a run's time between the two looks."""
TIMES = 2.0
"""Times the incumbent's gap at the same second that a run has to be behind ..."""
SLACK = 1.0
"""... and, by so many shifts of the cost (a gap of 0.01), so that small gaps do not count."""


@dataclass
class _Past:
    """What is known of a run by its reports."""

    steps: tuple[Step, ...] = ()
    seconds: float = 0.0
    """For how long it has run."""
    behind_since: float | None = field(default=None)
    """Seconds of its first look that found it behind, without one since that did not."""


class Behind:
    """Watches the runs of a race. Not thread-safe."""

    def __init__(self, cost: Cost, cutoff: float) -> None:
        """Watch a race with this cost, whose runs have ``cutoff`` seconds."""
        self._cost, self._cutoff = cost, cutoff
        self._least = SLACK * shift(cost, cutoff)
        self._past: dict[tuple[Configuration, str, int], _Past] = {}
        self._floors: dict[Run, float] = {}

    def look(self, leader: Leader, activities: Sequence[Activity | None], now: float) -> list[Run]:
        """Return the runs that are behind from now on, each once: cancel them.

        Args:
            leader: says what each may cost.
            activities: of the executor.
            now: `time.monotonic()`.

        """
        if self._cost.is_time:
            return []
        found = []
        for activity in activities:
            if activity is None or activity.began is None or activity.run in self._floors:
                continue
            past = self._past.setdefault(_key(activity.run), _Past())
            past.steps, past.seconds = activity.steps, now - activity.began
            allowance = leader.allowance(activity.run)
            floor = None if allowance is None else self._floor(activity.run, past, allowance)
            if floor is not None:
                self._floors[activity.run] = floor
                found.append(activity.run)
        return found

    def settle(self, run: Run, response: Response) -> Response:
        """Return the response of a run that has ended, with its floor if it was ended for being behind."""
        floor = self._floors.pop(run, None)
        past = self._past.get(_key(run))
        if past is not None and response.solver_wall is not None:  # it was executed to its end
            past.seconds = response.solver_wall
        if floor is None or response.termination is not Termination.KILLED:
            return response
        reason = f"behind the incumbent; its {self._cost} is taken to exceed {floor:.4g}"
        return replace(response, floor=floor, reason=reason)

    def _floor(self, run: Run, past: _Past, allowance: Allowance) -> float | None:
        """Return what a run's cost exceeds that is behind; None for one that is not."""
        if self._cost is Cost.INTEGRAL:
            known = integral(past.steps, past.seconds, 0.0, run.limit)
            return known if known > allowance.most else None
        rival = self._past.get((allowance.incumbent, run.instance, run.seed))
        if rival is None or rival.seconds <= 0 or allowance.cost < self._least:
            return None
        theirs = allowance.cost if past.seconds >= rival.seconds else gap_at(rival.steps, past.seconds)
        if gap_at(past.steps, past.seconds) < max(TIMES * theirs, theirs + self._least):
            past.behind_since = None
            return None
        if past.seconds < HALF * run.limit:
            return None
        if past.behind_since is None:
            past.behind_since = past.seconds
        return allowance.cost if past.seconds - past.behind_since >= APART * run.limit else None


def _key(run: Run) -> tuple[Configuration, str, int]:
    return run.configuration, run.instance, run.seed

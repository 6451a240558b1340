"""When a race has done enough before its time is over: its target is reached, or nothing better came for long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from storage.records import Job
from tuner.commands import duration
from tuner.cost import Cost
from tuner.leader.loop import Ending
from tuner.ports import Leader
from tuner.verdict.compare import Measure, interval
from tuner.verdict.holdout import SHARE
from tuner.verdict.words import BETTER, number

ENDED = "race ended"
"""The kind of the event that says why a race ended before its time was over, or that it ended short of its target."""
EXPLORED = "explored"
"""The kind of the event that says that a job did not race."""
FEWEST = 5
"""Instances of training that incumbent and default share, or all of them, without which no target is reached: the
incumbent was chosen on these, and looks better there than it is."""
EARLY = (Ending.TARGET, Ending.PATIENCE)
"""Endings before the time is over: then the verdict has no more of the rest than it would have had."""


@dataclass(frozen=True)
class Gain:
    """How many times better the incumbent is than the default on what both were executed on in training."""

    ratio: float
    low: float
    """The lower end of its 95 % interval over instances."""
    instances: int


FEW_RUNS = (
    "the budget was worth few runs of the default, so that each run was the one expected to tell most, and no "
    "configuration was dropped on a test; the choice depends on what is known of other models as much as on runs"
)
"""What is told of a job that explored."""


class Goals:
    """The target and the patience of a job."""

    def __init__(self, job: Job, since: float | None) -> None:
        """Watch a race that has reached nothing yet.

        Args:
            job: has a target, a patience, both or none.
            since: seconds of the budget that were spent when the last incumbent came; None while there is none.

        """
        self._job, self._since = job, since
        self._training = sum(member.part == "training" for member in job.members)
        self._seen: tuple[object, ...] = ()
        self._gain: Gain | None = None

    def reached(self, leader: Leader, elapsed: float) -> Ending | None:
        """Return which goal ends the race now; None for none.

        Args:
            leader: of the race.
            elapsed: seconds of the budget that are spent.

        """
        job = self._job
        if job.target is not None:
            gain = self._look(leader)
            if gain.instances >= self._needed and gain.low >= job.target:
                return Ending.TARGET
        is_over = job.stop_after is not None and self._since is not None and elapsed - self._since >= job.stop_after
        return Ending.PATIENCE if is_over else None

    def stepped(self, elapsed: float) -> None:
        """Take note that there is a new incumbent."""
        self._since = elapsed

    def words(self, ending: Ending, leader: Leader) -> str:
        """Say why the race ended before its time was over, or how far it was from its target; empty for neither."""
        if self._job.target is not None:
            self._look(leader)
        if ending is Ending.TARGET:
            gain = self._gain
            assert gain is not None and self._job.target is not None, "a target was reached"
            return (
                f"the target is reached: on {gain.instances} training instances the incumbent is {number(gain.ratio)} "
                f"{BETTER[Cost(self._job.cost)]} than the default, and at least {number(gain.low)} times by the lower "
                f"end of the 95 % interval; {number(self._job.target)} were wanted. The holdout tells whether it holds"
            )
        if ending is Ending.PATIENCE:
            assert self._job.stop_after is not None, "patience was over"
            waited = duration(self._job.stop_after)
            return f"no new incumbent came for {waited}, which is as long as was to be waited{self._short()}"
        if ending is Ending.NOTHING_LEFT:
            return f"there was nothing left to execute{self._short()}"
        return f"its time was over{self._short()}" if ending is Ending.DEADLINE and self._job.target is not None else ""

    def line(self, elapsed: float) -> str:
        """Say how far the goals are, for a line of progress; empty where there are none."""
        parts = []
        if self._job.target is not None:
            parts.append(f"target {number(self._job.target)}x: {self._far()}")
        if self._job.stop_after is not None:
            waited = 0.0 if self._since is None else elapsed - self._since
            parts.append(f"no new incumbent for {duration(waited)} of {duration(self._job.stop_after)}")
        return "; ".join(parts)

    @property
    def _needed(self) -> int:
        """On how many training instances incumbent and default have to be compared before a target counts."""
        return min(FEWEST, self._training)

    def _far(self) -> str:
        """Say how far the target is; both ends of what decides: the interval, and on how many instances it rests."""
        gain = self._gain
        if gain is None or not gain.instances:
            return "the incumbent and the default share no training model yet"
        if gain.instances < self._needed:
            return f"{number(gain.ratio)}x on {gain.instances} of the {self._needed} training models that it takes"
        return f"{number(gain.ratio)}x, at least {number(gain.low)}x by the 95 % interval"

    def _short(self) -> str:
        """Say that the target was not reached, where there is one."""
        target = self._job.target
        return "" if target is None else f"; the target of {number(target)}x was not reached: {self._far()}"

    def _look(self, leader: Leader) -> Gain:
        """Return how much better the incumbent is; looked at again only when something was told of it."""
        pairs = leader.paired()
        seen = (leader.incumbent, *pairs)
        if self._gain is None or seen != self._seen:
            ours, theirs = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
            job = self._job
            ratio, low, _ = interval(ours, theirs, Measure.SHIFTED, Cost(job.cost), job.cutoff)
            self._seen, self._gain = seen, Gain(ratio, low, len(pairs))
        return self._gain


def verdict_end(ending: Ending, elapsed: float, budget: float) -> float:
    """Return by which second of the budget the verdict's later rounds are to end.

    A race that ended early leaves its verdict as much as if the budget had been no longer than it needed.
    """
    return min(budget, elapsed / (1.0 - SHARE)) if ending in EARLY else budget

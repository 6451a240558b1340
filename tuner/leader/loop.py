"""The loop that brings leader and executor together until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from threading import Event

from storage.records import Response, Run
from tuner.ports import Executor, Leader

QUEUE = 2
"""Runs outstanding for every slot: one executes and one waits, so that a slot that falls free goes on at once."""
ATTENTION = 0.25
"""Seconds after which the loop looks at ``stop`` and at runs that take too long while nothing finishes."""
PATIENCE = 10.0
"""Seconds for the executor to end the runs that were cancelled."""

Keep = Callable[[Run, Response], Sequence[tuple[Run, Response]]]
"""Checks a response against those of other runs and stores it. Returns what the leader has to be told: the response,
and earlier ones that it overturns."""


class Ending(StrEnum):
    """Why a race is over."""

    DEADLINE = "deadline"
    STOPPED = "stopped"
    HOPELESS = "hopeless"
    """Nothing can be solved within the cutoff."""
    NOTHING_LEFT = "nothing left"
    """The leader has nothing more to execute."""
    TARGET = "target"
    """The incumbent is as much better than the default as was wanted."""
    PATIENCE = "patience"
    """No new incumbent came for as long as was to be waited."""


def race(
    leader: Leader,
    executor: Executor,
    keep: Keep,
    deadline: Callable[[], float],
    *,
    stop: Event | None = None,
    watch: Callable[[], None] | None = None,
    enough: Callable[[], Ending | None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    attention: float = ATTENTION,
) -> Ending:
    """Race until the deadline, keeping every response before the leader acts on it.

    What is still under way at the end is cancelled: the deadline holds. When this returns, nothing is outstanding.

    Args:
        leader: says what to execute.
        executor: executes it.
        keep: see `Keep`; called for runs that were cancelled, too.
        deadline: when to end, by ``clock``; asked at every step, because what has to be left for the verdict
            depends on the incumbent.
        stop: ends the race early when it is set.
        watch: called after every step, to show progress.
        enough: asked at every step which goal ends the race early; None for none.
        clock: seconds.
        attention: seconds after which it looks again while nothing finishes.

    """
    under_way: set[Run] = set()
    try:
        while True:
            ending = _ending(leader, deadline() - clock(), stop) or (enough() if enough is not None else None)
            if ending is not None:
                return ending
            for run in leader.due(QUEUE * executor.slots - executor.outstanding, deadline() - clock()):
                under_way.add(run)
                executor.submit(run)
            if not executor.outstanding:
                return Ending.NOTHING_LEFT
            leader.prepare()
            _collect(leader, executor, keep, under_way, max(0.0, min(attention, deadline() - clock())))
            elapsed = {activity.run: activity.seconds for activity in executor.activity() if activity is not None}
            for run in leader.lost(elapsed):
                executor.cancel(run)
            if watch is not None:
                watch()
    finally:
        _end(leader, executor, keep, under_way, clock)


def _ending(leader: Leader, remaining: float, stop: Event | None) -> Ending | None:
    if stop is not None and stop.is_set():
        return Ending.STOPPED
    if leader.hopeless:
        return Ending.HOPELESS
    return Ending.DEADLINE if remaining <= 0 else None


def _collect(leader: Leader, executor: Executor, keep: Keep, under_way: set[Run], timeout: float) -> None:
    for finished in executor.wait(timeout):
        under_way.discard(finished.run)
        for run, response in keep(finished.run, finished.response):
            leader.tell(run, response)


def _end(leader: Leader, executor: Executor, keep: Keep, under_way: set[Run], clock: Callable[[], float]) -> None:
    """Cancel what is under way and wait for it; what finished in the meantime is kept."""
    for run in list(under_way):
        executor.cancel(run)
    patience = clock() + PATIENCE
    while executor.outstanding and clock() < patience:
        _collect(leader, executor, keep, under_way, ATTENTION)

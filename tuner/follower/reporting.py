"""How a solver tells, while it runs, how far it is: from the child of a run through the zygote to the leader.

A child executes one run, so there is one channel: a pipe that only a run has whose reports somebody wants. An adapter
calls `report` wherever its solver comes by, as often as that is; most calls return at once. What cannot be written at
the moment is dropped: nothing waits for a reader.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

EVERY = 0.1
"""Seconds between two reports of which neither is an improvement of the solution."""
LONGEST = 512
"""Bytes of a report; a pipe takes as many whole or not at all."""
MOST = 20_000
"""Reports of a run that are passed on."""

_pipe = -1
_started = _told = 0.0


def open_to(descriptor: int) -> None:
    """Report to this pipe from now on; the clock of the reports begins here."""
    global _pipe, _started, _told  # a child has one run
    os.set_blocking(descriptor, False)
    _pipe, _started, _told = descriptor, time.perf_counter(), 0.0
    _write(0.0, None, None)


def is_wanted() -> bool:
    """Whether anybody listens: else a solver need not be asked for what takes time."""
    return _pipe >= 0


def report(objective: float | None, bound: float | None, is_improvement: bool = False) -> None:
    """Tell the objective of the best solution and the bound, as the solver sees them; None or infinite for none yet."""
    global _told  # noqa: PLW0603
    if _pipe < 0:
        return
    now = time.perf_counter() - _started
    if is_improvement or now - _told >= EVERY:
        _told = now
        _write(now, objective, bound)


def _write(now: float, objective: float | None, bound: float | None) -> None:
    with suppress(OSError):  # full, or nobody reads any more
        os.write(_pipe, json.dumps([round(now, 4), objective, bound]).encode()[: LONGEST - 1] + b"\n")


class Reports:
    """What a zygote has heard of its child, some lines at a time; what is no report is passed over."""

    def __init__(self) -> None:
        """Have heard nothing."""
        self._rest = b""
        self._heard: list[list[float | None]] = []
        self._count = 0

    def take(self, chunk: bytes) -> None:
        """Take in what came through the pipe."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:LONGEST]
        for line in lines[: MOST - self._count]:
            if (found := _parsed(line)) is not None:
                self._heard.append(found)
                self._count += 1

    def news(self) -> list[list[float | None]]:
        """Return what was heard since this was asked last: seconds since the start, objective, bound."""
        heard, self._heard = self._heard, []
        return heard


def _parsed(line: bytes) -> list[float | None] | None:
    try:
        seconds, objective, bound = json.loads(line)
        values = [None if value is None else float(value) for value in (objective, bound)]
        return [float(seconds), *values]
    except (ValueError, TypeError, RecursionError):
        return None

"""The zygote: a warm process that imports one solver library once and forks one child per task.

Started as ``python -m tuner.follower.zygote`` with a pipe from the leader as its standard input and a pipe to it as its
standard output. It ends, and everything below it, when the leader does.
"""

from __future__ import annotations

import gc
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from storage.records import Termination
from tuner.follower import processes, tasks
from tuner.follower.link import Link
from tuner.follower.outcome import Outcome
from tuner.follower.supervisor import LeaderGone, supervise
from tuner.follower.warm import Warm


def main() -> None:
    """Serve the leader's tasks, one at a time, until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = _take_pipes()
    processes.adopt_orphans()
    processes.die_with_parent(signal.SIGTERM)
    with suppress(OSError):  # inherited: when memory runs out the kernel shall take a solver, never the leader
        Path("/proc/self/oom_score_adj").write_text("1000")
    gc.disable()  # a collection here would touch, and so copy, the pages that are shared with the child
    warm = Warm()
    try:
        while (message := link.next()) is not None:
            outcome = _perform(message, link, warm)
            link.reply({"id": message["id"], "outcome": outcome.to_json()})
    except (LeaderGone, BrokenPipeError):
        pass


def _perform(message: dict[str, Any], link: Link, warm: Warm) -> Outcome:
    try:
        task = tasks.from_json(message["task"])
        work = task.prepare(warm)
    except Exception as error:  # noqa: BLE001 (an adapter that cannot be imported, arrays that cannot be loaded)
        return Outcome(Termination.CRASHED, f"could not be prepared: {type(error).__name__}: {error}")
    return task.conclude(warm, supervise(work, task.limits, message["core"], link, task.reports))


def _take_pipes() -> Link:
    """Move the leader's pipes away from where libraries print, and close that to them."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return Link(requests, replies)


if __name__ == "__main__":
    main()

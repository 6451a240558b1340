"""What ends a worker whose job does not end: solving has steps that nobody interrupts, and some problems are huge."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from storage.errors import StoreError
from storage.lease import Lease
from storage.store import Store

STUCK = 75
"""The exit code of a worker that had to end; whoever keeps workers running starts another."""
LOOK_EVERY = 1.0
"""Seconds between two looks."""
PATIENCE = 30.0
"""Seconds in which a job has to end once it is told to."""


@contextmanager
def watched(
    store: Store,
    lease: Lease,
    stop: threading.Event,
    seconds: float,
    say: Callable[[str], None],
    end: Callable[[int], object] = os._exit,
) -> Iterator[None]:
    """End this process when a job does not end within `PATIENCE` of being told to.

    One that was stopped is given back, for others to go on with if nobody wants it paused or cancelled; one that had
    its time fails, so that no other worker is lost to it.

    Args:
        store: whose job it is; it does not wait while its database is away.
        lease: of the job.
        stop: tells the job to end; set here, too, when it had its time.
        seconds: that it may take; infinite for a job that keeps to its budget by itself.
        say: told why the process ends.
        end: ends the process with an exit code.

    """
    over = threading.Event()
    deadline = time.monotonic() + seconds

    def watch() -> None:
        told: float | None = None
        while not over.wait(LOOK_EVERY):
            now, is_late = time.monotonic(), time.monotonic() > deadline
            if is_late:
                stop.set()
            if told is None and stop.is_set():
                told = now
            if told is not None and now > told + PATIENCE:
                reason = (
                    f"it did not end within {PATIENCE:.0f} s of being told to; it may be too large to be solved here"
                )
                with suppress(StoreError):
                    if is_late:
                        store.fail(lease, f"it had its time, and {reason}")
                    else:
                        store.release(lease)
                say(f"job {lease.job_id}: {reason}; this worker ends, and with it what it does")
                end(STUCK)
                return

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

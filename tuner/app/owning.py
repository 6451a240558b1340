"""Owning a job while it is worked on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from storage.errors import JobBusy, StoreError, UnknownJob
from storage.lease import Lease, this_process
from storage.records import Job
from storage.store import Store
from tuner.errors import TunerError

LEASE_SECONDS = 20.0
"""Others may take a job over when its owner was silent for so long."""
LONGEST = 2000
"""Characters of a failure's reason: what was handed in may be quoted in it."""
LOOK_EVERY = 1.0
"""Seconds between two looks at whether somebody wants the job paused or cancelled."""


@contextmanager
def owned(store: Store, job: Job, stop: threading.Event, *failures: type[TunerError]) -> Iterator[Lease]:
    """Claim a job and keep its lease for as long as the context lasts; the rest is as in `kept`.

    Of a job that is deleted meanwhile nothing is left at the end: no worker or server may ever come by.

    Raises:
        storage.errors.JobOver: it is finished.
        storage.errors.JobBusy: another process works on it.
        storage.errors.UnknownJob: it was deleted meanwhile.

    """
    lease = store.claim(job.id, this_process(), LEASE_SECONDS)
    try:
        with kept(store, lease, stop, *failures):
            yield lease
    except BaseException as error:
        if _is_deleted(store, lease) and isinstance(error, Exception):  # else somebody has pressed Ctrl-C
            raise UnknownJob(f"job {job.name!r} was deleted while it was worked on") from error
        raise


def _is_deleted(store: Store, lease: Lease) -> bool:
    """Whether a job was deleted; if so, let go of it, and of all that it has left."""
    try:
        store.standing(lease.job_id)
    except UnknownJob:
        store.release(lease)
        store.sweep()
        return True
    except StoreError:
        return False  # which has been said already
    return False


@contextmanager
def kept(store: Store, lease: Lease, stop: threading.Event, *failures: type[TunerError]) -> Iterator[Lease]:
    """Keep a job's lease for as long as the context lasts.

    Args:
        store: that has the job.
        lease: of the job.
        stop: is set when the lease is lost, or when somebody wants the job paused or cancelled.
        failures: the errors that fail the job; any other but the store's own leaves it interrupted.

    """
    try:
        with _renewed(store, lease, stop):
            yield lease
    except failures as error:
        store.fail(lease, str(error)[:LONGEST])
        raise
    except StoreError:
        raise
    except BaseException:
        store.release(lease)
        raise


@contextmanager
def _renewed(store: Store, lease: Lease, stop: threading.Event) -> Iterator[None]:
    over = threading.Event()

    def look() -> None:
        renewed = time.monotonic()
        while not over.wait(LOOK_EVERY):
            try:
                if store.held(lease.job_id) is not None:
                    stop.set()
                if time.monotonic() > renewed + LEASE_SECONDS / 4:  # by the clock: at once where the store was away
                    store.renew(lease, LEASE_SECONDS)
                    renewed = time.monotonic()
            except JobBusy:
                stop.set()
                return
            except StoreError:
                continue  # the next write of a response says so, or the store is back by then

    thread = threading.Thread(target=look, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

"""Owning a job while it is worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from storage.errors import JobBusy, StoreError
from storage.lease import Lease, this_process
from storage.store import Store
from tuner.errors import TunerError

LEASE_SECONDS = 30.0
"""Others may take a job over when its owner was silent for so long."""


@contextmanager
def owned(store: Store, job_id: int, stop: threading.Event, *failures: type[TunerError]) -> Iterator[Lease]:
    """Claim a job and keep its lease for as long as the context lasts.

    Args:
        store: that has the job.
        job_id: of the job.
        stop: is set when the lease is lost.
        failures: the errors that fail the job; any other but the store's own leaves it interrupted.

    Raises:
        storage.errors.JobOver: it is finished.
        storage.errors.JobBusy: another process works on it.

    """
    lease = store.claim(job_id, this_process(), LEASE_SECONDS)
    try:
        with _renewed(store, lease, stop):
            yield lease
    except failures as error:
        store.fail(lease, str(error))
        raise
    except StoreError:
        raise
    except BaseException:
        store.release(lease)
        raise


@contextmanager
def _renewed(store: Store, lease: Lease, stop: threading.Event) -> Iterator[None]:
    """Keep the lease for as long as the context lasts; a lease that is lost stops the work."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(LEASE_SECONDS / 4):
            try:
                store.renew(lease, LEASE_SECONDS)
            except JobBusy:
                stop.set()
                return
            except StoreError:
                continue  # the next write of a response says so, or the store is back by then

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

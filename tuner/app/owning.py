"""Owning a job while it is worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from storage.errors import JobBusy, StoreError
from storage.lease import Lease
from storage.store import Store

LEASE_SECONDS = 30.0
"""Others may take a job over when its owner was silent for so long."""


@contextmanager
def renewed(store: Store, lease: Lease, stop: threading.Event) -> Iterator[None]:
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

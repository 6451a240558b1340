"""A store that waits: while its database is away, every call is made again until it is there."""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from storage.errors import StoreUnavailable
from storage.store import Store

EVERY = 1.0
"""Seconds between two attempts."""
PATIENCE = 900.0
"""Seconds after which a call gives up."""


def patient(store: Store, say: Callable[[str], None], stop: threading.Event) -> Store:
    """Return the store with methods that make a call again while the database cannot be reached.

    What a method writes is there once, however often it is called: every write names the run, the job and the lease.
    (An event may come twice when the database went away between its commit and its answer.)

    Args:
        store: the store.
        say: told once for every time that the database is away, and again when it is back.
        stop: once set, nobody waits any more.

    """
    return cast(Store, _Patient(store, say, stop))


class _Patient:
    def __init__(self, store: Store, say: Callable[[str], None], stop: threading.Event) -> None:
        self._store, self._say, self._stop = store, say, stop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found
        is_iterating = inspect.isgeneratorfunction(getattr(type(self._store), name, None))

        @functools.wraps(found)
        def call(*arguments: Any, **named: Any) -> Any:
            give_up, has_said = time.monotonic() + PATIENCE, False
            while True:
                try:
                    result = found(*arguments, **named)
                    if is_iterating:
                        result = iter(list(result))
                except StoreUnavailable as error:
                    if not has_said:
                        self._say(f"{error}; what finishes meanwhile is kept here, and delivered when it is back")
                        has_said = True
                    if time.monotonic() > give_up or self._stop.wait(EVERY):
                        raise
                else:
                    if has_said:
                        self._say("the store is back")
                    return result

        return call

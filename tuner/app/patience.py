"""A store that waits: while its database is away, every call is made again until it is there."""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Callable
from contextlib import suppress
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
        say: told once for every time that the database is away, whoever waits for it, and again when it is back.
        stop: once set, nobody waits any more.

    """
    return cast(Store, _Patient(store, say, stop))


def clock(store: Store) -> float:
    """Return seconds like `time.monotonic`, but without those for which this thread has waited for the store."""
    return time.monotonic() - (store.waited if isinstance(store, _Patient) else 0.0)


class _Patient:
    def __init__(self, store: Store, say: Callable[[str], None], stop: threading.Event) -> None:
        self._store, self._say, self._stop = store, say, stop
        self._lock = threading.Lock()
        self._waiting = 0
        """Calls that wait at the moment."""
        self._own = threading.local()

    @property
    def waited(self) -> float:
        """Seconds for which this thread has waited so far."""
        return getattr(self._own, "waited", 0.0)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found
        is_iterating = inspect.isgeneratorfunction(getattr(type(self._store), name, None))

        @functools.wraps(found)
        def call(*arguments: Any, **named: Any) -> Any:
            result = found(*arguments, **named)
            return iter(list(result)) if is_iterating else result

        @functools.wraps(found)
        def insist(*arguments: Any, **named: Any) -> Any:
            try:
                return call(*arguments, **named)
            except StoreUnavailable as error:
                return self._again(functools.partial(call, *arguments, **named), error)

        return insist

    def _again(self, call: Callable[[], Any], error: StoreUnavailable) -> Any:
        """Make a call that has failed again and again, and return what comes of it in the end."""
        began = time.monotonic()
        with self._lock:
            self._waiting += 1
            if self._waiting == 1:
                self._say(f"{error}; what finishes meanwhile is kept here, and delivered when it is back")
        is_back = False
        try:
            while time.monotonic() <= began + PATIENCE and not self._stop.wait(EVERY):
                with suppress(StoreUnavailable):
                    result = call()
                    is_back = True
                    return result
            raise error
        finally:
            self._own.waited = self.waited + time.monotonic() - began
            with self._lock:
                self._waiting -= 1
                if is_back and not self._waiting:
                    self._say("the store is back")

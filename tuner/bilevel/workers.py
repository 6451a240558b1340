"""The processes that a solve shares: followers are answered and masters solved in the same slots."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Hashable
from types import TracebackType
from typing import Any

from tuner.follower.outcome import Outcome
from tuner.follower.pool import Pool
from tuner.follower.tasks import Task

POLL = 0.1
"""Seconds between two looks at whether somebody wants it to stop."""


class Workers:
    """Slots for the tasks of several clients. For one thread; leaving its context closes them."""

    def __init__(self, slots: int = 1, stop: threading.Event | None = None) -> None:
        """Make the slots; their processes start when first needed.

        Args:
            slots: how many tasks execute at a time.
            stop: once set, what is under way is ended.

        """
        self._stop = stop or threading.Event()
        self._pool: Pool[tuple[str, Hashable]] = Pool(slots)
        self._inbox: dict[str, deque[tuple[Any, Outcome]]] = {}
        self._outstanding: dict[str, int] = {}
        self._under_way: set[tuple[str, Hashable]] = set()

    def __enter__(self) -> Workers:
        """Return the workers themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        self._pool.close()

    @property
    def slots(self) -> int:
        """How many tasks execute at a time."""
        return self._pool.slots

    def outstanding(self, client: str) -> int:
        """How many tasks of a client were submitted and not yet returned by `wait`."""
        return self._outstanding.get(client, 0)

    def submit(self, client: str, subject: Hashable, task: Task) -> None:
        """Queue a task of a client."""
        self._outstanding[client] = self.outstanding(client) + 1
        self._under_way.add((client, subject))
        self._pool.submit((client, subject), task)

    def wait(self, client: str, timeout: float | None = None) -> list[tuple[Any, Outcome]]:
        """Return what is done of a client's tasks, waiting for at least one while any is outstanding."""
        until = None if timeout is None else time.monotonic() + timeout
        inbox = self._inbox.setdefault(client, deque())
        while not inbox and self.outstanding(client):
            left = POLL if until is None else min(POLL, max(0.0, until - time.monotonic()))
            for each in self._pool.wait(left):
                whose, subject = each.subject
                self._under_way.discard(each.subject)
                self._inbox.setdefault(whose, deque()).append((subject, each.outcome))
            if self._stop.is_set():
                for whole in list(self._under_way):
                    self._pool.cancel(whole)
            if until is not None and time.monotonic() >= until:
                break
        found = list(inbox)
        inbox.clear()
        self._outstanding[client] = self.outstanding(client) - len(found)
        return found

"""Places for work: so many in all, and so many of one owner, so that nobody takes all of them."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

TURN = "turn"
"""Under this name the state of a request has what waits for a place to work on it, given its owner."""


class Places:
    """Places, of which an owner has a few at a time; who waits longest comes first."""

    def __init__(self, count: int, each: int = 1) -> None:
        """Have all of them free.

        Args:
            count: how many there are.
            each: how many of them one owner may have.

        """
        self._free, self._each = asyncio.Semaphore(count), each
        self._waiting: dict[str, tuple[asyncio.Semaphore, int]] = {}
        """Each owner that has a place or waits for one: its turns, and how many requests it has here."""

    async def taken_by(self, owner: str) -> ExitStack:
        """Wait for a place; it is free again when the stack is closed."""
        with ExitStack() as stack:
            turns, count = self._waiting.get(owner, (asyncio.Semaphore(self._each), 0))
            self._waiting[owner] = turns, count + 1
            stack.callback(self._leave, owner)
            await turns.acquire()
            stack.callback(turns.release)
            await self._free.acquire()
            stack.callback(self._free.release)
            return stack.pop_all()

    def has(self, owner: str) -> bool:
        """Whether an owner has a place or waits for one."""
        return owner in self._waiting

    def _leave(self, owner: str) -> None:
        turns, count = self._waiting.pop(owner)
        if count > 1:
            self._waiting[owner] = turns, count - 1

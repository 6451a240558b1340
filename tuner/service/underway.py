"""Uploads under way: what they may take of a server's threads and disk, so that no owner takes all of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool

from instances.caps import MIB, spelled
from tuner.service.problems import Refused
from tuner.service.uploads import Spool

T = TypeVar("T")
AT_ONCE = 4
"""Uploads that are unpacked at a time: fewer than the server has threads, so that others are answered meanwhile."""
STEP = 16 * MIB
"""Bytes of an upload after which it is asked again whether there is room for it."""


class Underway:
    """The uploads of all owners."""

    def __init__(self, most: int) -> None:
        """Have none.

        Args:
            most: bytes that one owner's uploads may have on disk while they are sent and unpacked.

        """
        self._most = most
        self._sizes: Counter[str] = Counter()
        self._all = asyncio.Semaphore(AT_ONCE)
        self._own: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @contextmanager
    def _counted(self, owner: str) -> Iterator[Callable[[int], None]]:
        """Yield what counts bytes of an upload; they are under way until the context ends."""
        size = 0

        def count(more: int) -> None:
            nonlocal size
            if self._sizes[owner] + more > self._most:
                raise Refused(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"uploads: those of {owner} that are under way have {spelled(self._most)} together at most; wait "
                    "until one is finished, then send this one again",
                )
            self._sizes[owner] += more
            size += more

        try:
            yield count
        finally:
            self._sizes[owner] -= size
            if not self._sizes[owner]:
                del self._sizes[owner]

    async def handled(
        self, owner: str, stream: AsyncIterator[bytes], check: Callable[[int], None], handle: Callable[[Spool], T]
    ) -> T:
        """Take in an upload, and return what becomes of it.

        Args:
            owner: whose it is. One of an owner's uploads is handled at a time.
            stream: its bytes.
            check: raises when there is no room for so many bytes; called in a thread, at first before any is read.
            handle: called in a thread with what was taken in.

        Raises:
            Refused: the owner has too many bytes under way.
            StoreFull, StoreUnavailable: the disk for temporary files cannot take it.

        """
        await run_in_threadpool(check, 1)
        size, asked = 0, 0
        with self._counted(owner) as count, Spool() as spool:
            async for block in stream:
                count(len(block))
                size += len(block)
                if size > asked + STEP:
                    asked = size
                    await run_in_threadpool(check, size)
                await run_in_threadpool(spool.write, block)
            await run_in_threadpool(spool.rewind)
            own = self._own.setdefault(owner, asyncio.Semaphore(1))
            async with own, self._all:
                return await run_in_threadpool(handle, spool)

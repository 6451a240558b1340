"""Uploads under way: one owner takes neither the disk for temporary files nor the threads that answer others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from storage.records import OwnerLimits, Scope
from storage.store import Store
from tests.archives import MPS, zipped
from tests.service import CAPS, bearer, refused
from tuner.service.problems import Refused
from tuner.service.underway import AT_ONCE, Underway
from tuner.service.uploads import Spool


async def pieces(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


def anything(_: int) -> None:
    """Have room for everything."""


def size_of(spool: Spool) -> int:
    return len(spool.file.read())


def test_of_one_owners_uploads_one_is_handled_at_a_time_beside_those_of_others() -> None:
    release, begun = threading.Event(), {who: threading.Event() for who in ("ann", "bob")}
    handled: list[str] = []

    async def run() -> None:
        underway = Underway(100)

        def handling(who: str) -> None:
            handled.append(who)
            begun[who].set()
            assert release.wait(30)

        async def upload(who: str) -> None:
            await underway.handled(who, pieces(b"a"), anything, lambda _: handling(who))

        own = [asyncio.create_task(upload("ann")) for _ in range(2 * AT_ONCE)]
        assert await asyncio.to_thread(begun["ann"].wait, 30)
        other = asyncio.create_task(upload("bob"))
        assert await asyncio.to_thread(begun["bob"].wait, 30)
        seen = sorted(handled)
        release.set()
        await asyncio.gather(other, *own)
        assert seen == ["ann", "bob"]
        assert len(handled) == 2 * AT_ONCE + 1

    asyncio.run(run())


def test_one_owner_has_so_many_bytes_under_way_and_gets_them_back() -> None:
    async def run() -> None:
        underway = Underway(10)
        begun, release = threading.Event(), threading.Event()

        def handling(_: Spool) -> None:
            begun.set()
            assert release.wait(30)

        first = asyncio.create_task(underway.handled("ann", pieces(b"a" * 5, b"a" * 3), anything, handling))
        assert await asyncio.to_thread(begun.wait, 30)
        with pytest.raises(Refused, match="those of ann that are under way have"):
            await underway.handled("ann", pieces(b"a" * 3), anything, size_of)
        assert await underway.handled("bob", pieces(b"a" * 10), anything, size_of) == 10
        release.set()
        await first
        assert await underway.handled("ann", pieces(b"a" * 10), anything, size_of) == 10

    asyncio.run(run())


def test_nothing_is_read_of_an_upload_for_which_there_is_no_room() -> None:
    def full(_: int) -> None:
        raise MemoryError

    async def never() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    with pytest.raises(MemoryError):
        asyncio.run(Underway(10).handled("ann", never(), full, size_of))


def test_an_upload_that_outgrows_its_room_is_refused_before_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.service.underway.STEP", 10)
    read = 0

    def check(size: int) -> None:
        if size > 30:
            raise MemoryError

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"a"

    with pytest.raises(MemoryError):
        asyncio.run(Underway(1000).handled("ann", endless(), check, size_of))
    assert read < 50


@pytest.mark.parametrize("kind", ["announced", "in pieces", "an archive"])
def test_who_has_used_up_the_space_cannot_fill_the_disk_for_temporary_files(
    open_client: httpx.Client, store: Store, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    ann = bearer(store, "ann", Scope.SUBMIT)
    assert open_client.post("/v1/models?suffix=.mps", content=MPS, headers=ann).status_code == 201
    room = 0 if kind == "an archive" else 10
    store.limit_owners(OwnerLimits(stored=len(MPS) + room))
    written: list[int] = []
    monkeypatch.setattr(Spool, "write", lambda _, block: written.append(len(block)))
    monkeypatch.setattr("tuner.service.underway.STEP", 2 * room)
    if kind == "an archive":
        answer = open_client.post("/v1/archives?name=x", content=zipped({"a.mps": MPS + b"*\n"}), headers=ann)
    else:
        body = b"a" * (CAPS.model // 2)
        blocks: Iterator[bytes] = iter((body, body))
        content = body if kind == "announced" else blocks
        answer = open_client.post("/v1/models?suffix=.mps", content=content, headers=ann)
    refused(answer, 507, "delete instance sets and jobs that are no longer needed")
    assert sum(written) == 0

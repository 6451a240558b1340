"""Following jobs by server-sent events: one job, or all that a browser's pages show by one connection."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from storage.errors import StoreUnavailable, UnknownJob
from storage.records import Job, JobKind
from storage.store import Store
from tuner.app.job_data import Data, answers_data, bracket_data, event_data, finite, step_data
from tuner.service.access import Caller
from tuner.service.connections import GIVES_WAY
from tuner.service.endpoints import ALWAYS, NONE, Described, Reader, Reference, Served
from tuner.service.problems import Refused

LOOK_EVERY = 1.0
"""Seconds between two looks at the jobs that are followed."""
KNOWN_EVERY = 15.0
"""Seconds between two checks that the token of a follower still counts."""
KEPT_ALIVE_EVERY = 15.0
"""Seconds without an event after which a comment is sent, so that nothing on the way takes the connection for dead."""
MOST_FOLLOWED = 100
"""Jobs of one connection."""
MOST_STREAMS = 20
"""Connections by which one owner's jobs are followed at a time; a browser needs one."""
_OVER = ("finished", "failed", "cancelled")
_STREAM: Described = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}

router = APIRouter(prefix="/v1", responses=ALWAYS, tags=["jobs"])


class Streams:
    """The connections by which jobs are followed; each job is looked at once for all of them."""

    def __init__(self, store: Store) -> None:
        """Have none yet."""
        self.looks = _Looks(store)
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    @contextmanager
    def one(self, owner: str) -> Iterator[None]:
        """Count a connection of an owner for as long as the context lasts; Refused when there are too many."""
        if self._open[owner] >= MOST_STREAMS:
            words = (
                f"{owner} follows jobs over {MOST_STREAMS} connections already, the most that an owner may have: "
                f"close one, or follow up to {MOST_FOLLOWED} jobs over one by GET /v1/events?job=1&job=2"
            )
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, words)
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]


@dataclass(frozen=True)
class _Look:
    """What was seen of a job."""

    at: float
    """Seconds of the monotonic clock."""
    owner: str
    event: str
    over: str
    """The event of its end; empty before."""


class _Looks:
    """Looks at jobs, at each once in `LOOK_EVERY`, and never at several at a time: others want the database, too."""

    def __init__(self, store: Store) -> None:
        self._store, self._turn = store, asyncio.Lock()
        self._seen: dict[int, _Look | None] = {}
        """By job; None for one that is not there."""
        self._since = -math.inf
        """When what is older was forgotten last."""
        self._failed = -math.inf
        """When the store could not be read last."""

    async def at(self, numbers: Sequence[int]) -> dict[int, _Look | None]:
        """Return what is known of jobs, for `LOOK_EVERY` at most; nothing while the store cannot be read."""
        async with self._turn:
            now = time.monotonic()
            if now < self._failed + LOOK_EVERY:
                return {}
            if now >= self._since + LOOK_EVERY:
                self._seen = {number: look for number, look in self._seen.items() if _is_fresh(look, now)}
                self._since = now
            wanted = [number for number in numbers if not _is_fresh(self._seen.get(number), now)]
            try:
                if wanted:
                    self._seen |= await run_in_threadpool(self._look, wanted)
            except StoreUnavailable:  # the followers need not notice
                self._failed = time.monotonic()
                return {}
            return {number: self._seen[number] for number in numbers}

    def _look(self, numbers: Sequence[int]) -> dict[int, _Look | None]:
        found: dict[int, _Look | None] = {}
        for number in numbers:
            try:
                job = self._store.standing(number)
                data = _standing(self._store, job)
            except UnknownJob:
                found[number] = None
                continue
            is_over = data["state"] in _OVER
            over = _event("over", {"id": number, "state": data["state"]}) if is_over else ""
            found[number] = _Look(time.monotonic(), job.owner, _event("job", finite(data)), over)
        return found


def _is_fresh(look: _Look | None, now: float) -> bool:
    return look is not None and now < look.at + LOOK_EVERY


@router.get("/jobs/{job}/events", responses={**NONE, **_STREAM}, response_class=StreamingResponse)
def follow_job(service: Served, who: Reader, job: Reference, request: Request) -> StreamingResponse:
    """Follow a job as server-sent events: `job` when something has changed, `over` at its end, `gone` if deleted."""
    return _Stream(who, [service.view(who).job(job).id], request)


@router.get("/events", responses=_STREAM, response_class=StreamingResponse)
def follow_jobs(
    service: Served,
    who: Reader,
    request: Request,
    job: Annotated[list[Annotated[int, Query(ge=1, lt=2**63)]], Query(min_length=1, max_length=MOST_FOLLOWED)],
) -> StreamingResponse:
    """Follow several jobs, by their ids, over one connection.

    Events are `job` and `over` as of one job, and `gone` for one that is not there (any more). Their data have the
    job's `id`. The connection ends with the last job.
    """
    with suppress(UnknownJob):
        service.store.job(job[0])  # an answer that has begun could not say any more that the store is away
    return _Stream(who, list(dict.fromkeys(job)), request)


class _Stream(StreamingResponse):
    """Events, counted among those of an owner while they are sent."""

    def __init__(self, who: Caller, numbers: Sequence[int], request: Request) -> None:
        super().__init__(_events(who.seen, numbers, request), media_type="text/event-stream")
        self._owner, self._streams = who.owner, request.app.state.streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them; Refused when the owner has too many connections."""
        with self._streams.one(self._owner):
            scope["state"][GIVES_WAY] = True
            await super().__call__(scope, receive, send)


async def _events(seen: str | None, numbers: Sequence[int], request: Request) -> AsyncIterator[str]:
    """Yield an event for each change of a job until all are over, the client has left, or the token is revoked.

    Args:
        seen: whose jobs are there; None for everybody's.
        numbers: of jobs.
        request: which asks for them.

    """
    access, looks = request.app.state.service.access, request.app.state.streams.looks
    last, followed = dict.fromkeys(numbers, ""), list(numbers)
    beat, known = time.monotonic(), time.monotonic()
    while not await request.is_disconnected():
        try:
            if time.monotonic() - known > KNOWN_EVERY:
                await run_in_threadpool(access.caller, request)
                known = time.monotonic()
        except StoreUnavailable:  # the followers need not notice
            pass
        except Refused:
            return
        for number, look in (await looks.at(followed)).items():
            if look is None or seen not in (None, look.owner):
                yield _event("gone", {"id": number})
                followed.remove(number)
                continue
            if look.event != last[number]:
                yield look.event
                last[number], beat = look.event, time.monotonic()
            if look.over:
                yield look.over
                followed.remove(number)
        if not followed:
            return
        if time.monotonic() - beat > KEPT_ALIVE_EVERY:
            yield ": still here\n\n"
            beat = time.monotonic()
        await asyncio.sleep(LOOK_EVERY)


def _event(kind: str, data: Data) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _standing(store: Store, job: Job) -> Data:
    events = store.events(job.id, last=1)
    data = {
        "id": job.id,
        "name": job.name,
        "kind": job.kind.value,
        "state": job.state.value,
        "outcome": job.outcome,
        "spent_s": job.spent,
        "budget_s": job.budget,
        "event": event_data(events[-1]) if events else None,
    }
    if job.kind is JobKind.SOLVE:
        bracket = store.bracket(job.id)
        return {
            **data,
            "answers": answers_data(store.count_answers(job.id)),
            "bracket": bracket and {**bracket_data(bracket), "best": bracket.best},
        }
    steps = store.incumbents(job.id, last=1)
    return {**data, "runs": store.count(job.id), "incumbent": step_data(steps[-1]) if steps else None}

"""Following jobs by server-sent events: one job, or all that a browser's pages show by one connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from storage.errors import StoreUnavailable, UnknownJob
from storage.records import Job, JobKind
from storage.store import Store
from tuner.app.views import Data, StoredView, answers_data, bracket_data, event_data, finite, step_data
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
_OVER = ("finished", "failed", "cancelled")
_STREAM: Described = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}

router = APIRouter(prefix="/v1", responses=ALWAYS, tags=["jobs"])


class Streams:
    """Counts the connections by which jobs are followed."""

    def __init__(self) -> None:
        """Count from 0."""
        self._open = 0

    def __len__(self) -> int:
        return self._open

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a connection for as long as the context lasts."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


@router.get("/jobs/{job}/events", responses={**NONE, **_STREAM}, response_class=StreamingResponse)
def follow_job(service: Served, who: Reader, job: Reference, request: Request) -> StreamingResponse:
    """Follow a job as server-sent events: `job` when something has changed, `over` at its end, `gone` if deleted."""
    own = service.view(who)
    return _streamed(own, [own.job(job).id], request)


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
    return _streamed(service.view(who), list(dict.fromkeys(job)), request)


def _streamed(own: StoredView, numbers: Sequence[int], request: Request) -> StreamingResponse:
    return StreamingResponse(_events(own, numbers, request), media_type="text/event-stream")


async def _events(own: StoredView, numbers: Sequence[int], request: Request) -> AsyncIterator[str]:
    """Yield an event for each change of a job until all are over, the client has left, or the token is revoked."""
    access, streams = request.app.state.service.access, request.app.state.streams
    last, followed = dict.fromkeys(numbers, ""), list(numbers)
    beat, known = time.monotonic(), time.monotonic()
    with streams.one():
        while followed and not await request.is_disconnected():
            try:
                if time.monotonic() - known > KNOWN_EVERY:
                    await run_in_threadpool(access.caller, request)
                    known = time.monotonic()
                found = await run_in_threadpool(_standings, own, followed)
            except StoreUnavailable:  # the followers need not notice
                found = {}
            except Refused:
                return
            for number, data in found.items():
                if data is None:
                    yield _event("gone", {"id": number})
                    followed.remove(number)
                    continue
                event = _event("job", finite(data))
                if event != last[number]:
                    yield event
                    last[number], beat = event, time.monotonic()
                if data["state"] in _OVER:
                    yield _event("over", {"id": number, "state": data["state"]})
                    followed.remove(number)
            if not followed:
                return
            if time.monotonic() - beat > KEPT_ALIVE_EVERY:
                yield ": still here\n\n"
                beat = time.monotonic()
            await asyncio.sleep(LOOK_EVERY)


def _event(kind: str, data: Data) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _standings(own: StoredView, numbers: Sequence[int]) -> dict[int, Data | None]:
    """Return the state of each job; None for one that does not exist or belongs to another owner."""
    found: dict[int, Data | None] = {}
    for number in numbers:
        try:
            found[number] = _standing(own.store, own.standing(number))
        except UnknownJob:
            found[number] = None
    return found


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

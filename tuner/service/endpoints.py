"""What every endpoint of the API has: the service, who asks, and how a refusal is described."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from instances.caps import Caps
from storage.errors import UnknownSet
from storage.records import InstanceSet
from storage.store import Store
from tuner.app.views import StoredView
from tuner.service.access import SUBMIT, Access, Caller
from tuner.service.places import TURN, Places
from tuner.service.problems import MEDIA_TYPE
from tuner.service.underway import Underway

Number = Annotated[int, Path(ge=1, lt=2**63)]
Reference = Annotated[str, Path(min_length=1, max_length=200, description="the job's name or id")]
PAGE, LARGEST_PAGE = 100, 1000
"""Rows of a page."""


class Problem(BaseModel):
    """Why a request was not fulfilled (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = Field(
        default=None, description="of what went wrong inside: the server's log has the reason"
    )


Described = dict[int | str, dict[str, Any]]
"""Answers by their status, as FastAPI takes them."""


def problems(*statuses: HTTPStatus) -> Described:
    """Describe refusals."""
    schema = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {int(status): {"description": status.phrase, "model": Problem, **schema} for status in statuses}


def answers(shape: Any, *media_types: str) -> Described:
    """Describe an answer that is JSON of a shape, or a file of one of these types."""
    return {200: {"model": shape, "content": {each: {"schema": {"type": "string"}} for each in media_types}}}


ALWAYS = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
NONE = problems(HTTPStatus.NOT_FOUND)
CONFLICT = problems(HTTPStatus.CONFLICT)
TOO_MANY = problems(HTTPStatus.TOO_MANY_REQUESTS)
LARGE = problems(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@dataclass(frozen=True)
class Service:
    """What the endpoints have."""

    store: Store
    access: Access
    caps: Caps
    underway: Underway
    reuse: bool
    """Whether jobs that do not say so start from earlier jobs of their owner."""
    looks: Places = field(default_factory=lambda: Places(1))
    """For advice: a set's models are read in processes beside those whose runs are measured, one set at a time."""

    def view(self, who: Caller) -> StoredView:
        """Return what somebody may see."""
        return StoredView(self.store, who.seen)

    def own_set(self, who: Caller, number: int) -> InstanceSet:
        """Return a set that somebody may see; UnknownSet for another owner's, too."""
        found = self.store.instance_set(number)
        if who.seen not in (None, found.owner):
            raise UnknownSet(f"there is no instance set {number}")
        return found


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def caller(request: Request) -> Caller:
    """Return who makes a request, once one more of its owner's may be worked on; Refused as `Access.caller` does."""
    who = await run_in_threadpool(_service(request).access.caller, request)
    if (turn := request.scope["state"].get(TURN)) is not None:
        await turn(who.owner)
    return who


def _writer(who: Annotated[Caller, Depends(caller)]) -> Caller:
    who.may(SUBMIT)
    return who


Served = Annotated[Service, Depends(_service)]
Reader = Annotated[Caller, Depends(caller)]
Writer = Annotated[Caller, Depends(_writer)]

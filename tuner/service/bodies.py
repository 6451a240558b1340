"""Bodies of requests: one with a document is read as a stream under a cap, and not believed before it is JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from instances.caps import Caps, TooLarge
from storage.names import fault, unseen
from storage.records import ALL_SLOTS
from tuner.documents import once, read_json
from tuner.scenario import LARGEST_TARGET, LEAST_BUDGET, LEAST_CUTOFF, LEAST_PATIENCE
from tuner.service.problems import TOO_LARGE, UNFIT, Refused

_ONE = threading.Lock()
"""One document is read at a time: each may take some hundred MiB while it is."""
LONGEST = 30 * 24 * 3600.0
"""Seconds."""


def _fitting(name: str) -> str:
    if name and (wrong := fault(name)):
        raise ValueError(f"{name!r} {wrong}")
    return name


def seen(text: str) -> str:
    """Return a text; ValueError when a character of it cannot be seen."""
    if wrong := unseen(text):
        raise ValueError(f"{text[:100]!r} {wrong}")
    return text


class NewSet(BaseModel):
    """A set of models that were uploaded before."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    members: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(
        min_length=1, description="name in the set, a relative path without suffix: SHA-256 of the unpacked model"
    )


class Hashes(BaseModel):
    """Models by the SHA-256 of their unpacked content."""

    model_config = ConfigDict(extra="forbid")
    sha256: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(max_length=10_000)


class NewJob(BaseModel):
    """A scenario on a set of models."""

    model_config = ConfigDict(extra="forbid", strict=True)
    instance_set: int = Field(ge=1, lt=2**63)
    name: str = Field(default="", max_length=100, description="empty: made from the set's")
    solvers: list[Literal["highs", "cp-sat", "scip", "any"]] = Field(default=["any"], min_length=1, max_length=4)
    budget_s: float = Field(default=600.0, ge=LEAST_BUDGET, le=LONGEST, allow_inf_nan=False)
    cutoff_s: float = Field(default=30.0, ge=LEAST_CUTOFF, le=LONGEST, allow_inf_nan=False)
    cost: Literal["par10", "wall", "gap", "integral"] = "par10"
    ties: Literal["mean", "optimistic", "pessimistic"] = "mean"
    holdout: float = Field(default=0.3, gt=0, lt=1, description="the fraction of the models that is held out")
    slots: int | None = Field(default=None, ge=1, le=ALL_SLOTS, description="runs at a time; null: a worker's all")
    memory_mib: int = Field(default=2048, ge=1, le=2**20)
    gap: float = Field(default=1e-4, ge=0, lt=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    reuse: bool | None = Field(
        default=None, description="start from earlier jobs of the same owner; null: as the server's operator decided"
    )
    fix: list[Annotated[str, Field(max_length=300), AfterValidator(seen)]] = Field(
        default=[], max_length=200, description="name=value or solver:name=value: has this value in every run"
    )
    target: float | None = Field(
        default=None, gt=1, le=LARGEST_TARGET, description="times better than the default, at which the race ends"
    )
    stop_after_s: float | None = Field(
        default=None, ge=LEAST_PATIENCE, le=LONGEST, description="without a new incumbent, after which the race ends"
    )
    base: str = Field(
        default="",
        max_length=2**16,
        description="the user's own settings: the text of a HiGHS options file, a SCIP .set file, a CP-SAT text proto, "
        "or JSON with solver and parameters",
    )
    priority: int = Field(default=0, ge=-1000, le=1000)

    _fits = field_validator("name")(_fitting)


class NewProblem(BaseModel):
    """A bilevel problem, and how to solve it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    problem: dict[str, Any] = Field(
        description="as in a file for tuner solve, with its kind; of kinds that need no other file"
    )
    name: str = Field(default="", max_length=100, description="empty: the problem's own")
    ties: Literal["optimistic", "pessimistic"] = "optimistic"
    solver: Literal["highs", "cp-sat", "scip"] = Field(default="highs", description="of the follower")
    budget_s: float = Field(default=600.0, ge=LEAST_BUDGET, le=LONGEST, allow_inf_nan=False)
    slots: int | None = Field(default=None, ge=1, le=ALL_SLOTS, description="responses at a time; null: a worker's all")
    seed: int = Field(default=0, ge=0, lt=2**31 - 1)
    priority: int = Field(default=0, ge=-1000, le=1000)

    _fits = field_validator("name")(_fitting)


class Once(APIRoute):
    """A route that takes a JSON body only by its type, and none in which a name is there twice in one object."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle, takes_json = super().get_route_handler(), self.body_field is not None

        async def handler(request: Request) -> Response:
            if takes_json:
                check_json(request)
            return await handle(_Once(request.scope, request.receive))

        return handler


class _Once(Request):
    async def json(self) -> Any:
        try:
            return json.loads(await self.body(), object_pairs_hook=once)
        except json.JSONDecodeError:  # which FastAPI knows
            raise
        except RecursionError:
            raise HTTPException(UNFIT, "the body: not valid JSON: it is nested too deeply") from None
        except UnicodeDecodeError as error:
            raise HTTPException(UNFIT, f"the body is no UTF-8: {error.reason} at byte {error.start}") from None
        except ValueError as error:
            raise HTTPException(UNFIT, f"the body: not valid JSON: {error}") from None


def check_json(request: Request) -> None:
    """Raise Refused for a request whose body is not JSON by its type; one without a body has no type either."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON, with Content-Type: application/json")


def read_document(body: bytes, caps: Caps) -> dict[str, Any]:
    """Return the document in a body.

    Raises:
        Refused: it is no text, or has too many values.
        UsageError: it is no JSON object, or says something twice.

    """
    try:
        caps.check_document(body, "the body")
    except TooLarge as error:
        raise Refused(TOO_LARGE, str(error)) from None
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Refused(UNFIT, f"the body is no UTF-8: {error.reason} at byte {error.start}") from None
    with _ONE:
        return read_json(text, "the body")

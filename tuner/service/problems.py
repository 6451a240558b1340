"""What is answered to a request that cannot be fulfilled: one table, in the form of RFC 9457."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from instances.visible import escaped
from storage import errors as kept
from tuner import errors as ours
from tuner.commands import command

MEDIA_TYPE = "application/problem+json"
LONGEST = 2000
"""Characters of a detail: what was sent may be quoted in it."""


class Refused(Exception):
    """A request that cannot be fulfilled.

    Args:
        status: of the answer.
        detail: what is wrong, where, and what to do.
        more: further members of the answer, such as a list of what is missing.

    """

    def __init__(self, status: HTTPStatus, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.more = status, detail, more


STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (kept.UnknownJob, HTTPStatus.NOT_FOUND),
    (kept.UnknownSet, HTTPStatus.NOT_FOUND),
    (kept.UnknownToken, HTTPStatus.NOT_FOUND),
    (ours.NotFound, HTTPStatus.NOT_FOUND),
    (kept.NameTaken, HTTPStatus.CONFLICT),
    (kept.JobOver, HTTPStatus.CONFLICT),
    (kept.JobHeld, HTTPStatus.CONFLICT),
    (kept.JobBusy, HTTPStatus.CONFLICT),
    (kept.RequestDiffers, HTTPStatus.UNPROCESSABLE_ENTITY),
    (kept.StoreRefused, HTTPStatus.CONFLICT),
    (ours.UsageError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ours.MissingExtra, HTTPStatus.NOT_IMPLEMENTED),
    (ours.Failed, HTTPStatus.CONFLICT),
    (kept.AboveLimit, HTTPStatus.FORBIDDEN),
    (kept.TooManyJobs, HTTPStatus.TOO_MANY_REQUESTS),
    (kept.StorageUsedUp, HTTPStatus.INSUFFICIENT_STORAGE),
    (kept.StoreFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (kept.StoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (kept.StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The first line that fits an error counts."""
_INSIDE: tuple[tuple[type[kept.StoreError], HTTPStatus, str], ...] = (
    (
        kept.StoreFull,
        HTTPStatus.INSUFFICIENT_STORAGE,
        "the server's disk is full; free space on it, then send it again",
    ),
    (kept.StoreRefused, HTTPStatus.CONFLICT, "the request contradicts what is kept, or has text that cannot be kept"),
    (
        kept.StoreError,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the database cannot be used at the moment; try again in a moment",
    ),
)
"""What strangers are told of what goes wrong inside."""
_LOG = logging.getLogger(__name__)


def problem(status: int, detail: str, **more: Any) -> JSONResponse:
    """Return the answer to a request that cannot be fulfilled."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": int(status), "detail": escaped(detail[:LONGEST])}
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers["Retry-After"] = "5"
    return JSONResponse({**content, **more}, int(status), headers, MEDIA_TYPE)


async def refused(request: Request, error: Exception) -> Response:
    """Answer what `Refused` says."""
    assert isinstance(error, Refused)
    return answer(request, error.status, error.detail, **error.more)


def answer(request: Request, status: int, detail: str, **more: Any) -> Response:
    """Answer as a page to a browser that looks at one, else as a problem."""
    if not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", ""):
        from tuner.service.pages import error_page  # which needs this module

        return error_page(status, detail)
    return problem(status, detail, **more)


async def failed(request: Request, error: Exception) -> Response:
    """Answer an error of the store or of ours by the table."""
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    is_inside = status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, kept.StorageUsedUp)
    if isinstance(error, kept.StoreError) and (is_inside or error.is_drivers):
        return unavailable(request, error)
    where = request.app.state.service.store.where
    detail = str(error).removeprefix(f"{where}: ").replace(where, "the store")
    if isinstance(error, ours.TunerError) and error.go_on:
        return answer(request, status, f"{detail}: {command(*error.go_on)}", go_on=list(error.go_on))
    return answer(request, status, detail)


def unavailable(request: Request, error: kept.StoreError) -> Response:
    """Answer what the database or its driver has said, which is for the log: it tells of hosts, tables and paths."""
    status, words = next((status, words) for kind, status, words in _INSIDE if isinstance(error, kind))
    number = request.scope["state"]["number"]
    _LOG.warning("request %s: %s %s: %s", number, request.method, request.url.path[:200], error)
    return answer(request, status, f"{words} (the server's log has more under {number})", request_id=number)


async def unrouted(request: Request, error: Exception) -> Response:
    """Answer a request for what is not there, or by a method that is not."""
    assert isinstance(error, HTTPException)
    told = answer(request, error.status_code, str(error.detail))
    told.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        told.headers["Allow"] = ", ".join(allowed(request.app.state.routes, request.url.path))
    return told


def allowed(routes: Sequence[Route], path: str) -> list[str]:
    """Return the methods that a path can be asked by: each has a route of its own; none when there is no such path."""
    found = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    return sorted(found | ({"HEAD"} if "GET" in found else set()) | ({"OPTIONS"} if found else set()))

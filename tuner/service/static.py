"""Files that the pages need, each at an address with the hash of its content: what changed has another address."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tuner.extras import PLOTS

_JS, _CSS = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
FILES = {
    "style.css": ("tuner.service", "static", _CSS),
    "hold.js": ("tuner.service", "static", _JS),
    "job.js": ("tuner.service", "static", _JS),
    "jobs.js": ("tuner.service", "static", _JS),
    "live.js": ("tuner.service", "static", _JS),
    "live-worker.js": ("tuner.service", "static", _JS),
    "login.js": ("tuner.service", "static", _JS),
    "problem.js": ("tuner.service", "static", _JS),
    "set.js": ("tuner.service", "static", _JS),
    "sets.js": ("tuner.service", "static", _JS),
    "submit.js": ("tuner.service", "static", _JS),
    "plotly.min.js": ("plotly", "package_data", _JS),
}
"""Package, folder and type of each, by name."""
FOR_GOOD = "public, max-age=31536000, immutable"
DIGITS = 16
"""Of the hash."""

router = APIRouter(include_in_schema=False)


def address(name: str) -> str:
    """Return where a file is found, whose content never changes there."""
    return f"/static/{_hash(name)}/{name}"


@cache
def _content(name: str) -> bytes:
    """Return a file's content: one copy for all who read it, since some read slowly."""
    package, folder, _ = FILES[name]
    return (files(package) / folder / name).read_bytes()


def _need(name: str) -> None:
    """Raise MissingExtra where the package that has a file is not installed."""
    if FILES[name][0] == "plotly":
        PLOTS.need()


@cache
def _hash(name: str) -> str:
    return hashlib.sha256(_content(name)).hexdigest()[:DIGITS]


def _current(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def current(request: Request) -> Response:
        """Return a file at the address without a hash: whoever has it asks whether it is still the same."""
        _need(name)
        headers = {"ETag": f'"{_hash(name)}"', "Cache-Control": "no-cache"}
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(_content(name), media_type=FILES[name][2], headers=headers)

    return current


def _versioned(name: str) -> Callable[[str], Awaitable[Response]]:
    async def versioned(version: str) -> Response:
        """Return a file; of another version there is none any more, and what is there now is not kept as that one."""
        _need(name)
        kept = FOR_GOOD if version == _hash(name) else "no-store"
        return Response(_content(name), media_type=FILES[name][2], headers={"Cache-Control": kept})

    return versioned


for name in FILES:
    router.add_api_route(f"/static/{name}", _current(name), methods=["GET"])
    router.add_api_route(f"/static/{{version}}/{name}", _versioned(name), methods=["GET"])

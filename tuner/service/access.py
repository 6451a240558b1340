"""Who may do what: tokens with scopes, and which hosts and origins a request may come by."""

from __future__ import annotations

import asyncio
import ipaddress
import math
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage import records
from storage.store import Store
from tuner.app.views import LOCAL
from tuner.service.problems import Refused, problem

READ, SUBMIT, ADMIN = records.Scope.READ, records.Scope.SUBMIT, records.Scope.ADMIN
_RANK = {READ: 0, SUBMIT: 1, ADMIN: 2}
COOKIE = "tuner_token"
SAFE = ("GET", "HEAD", "OPTIONS")
SMALL = 64 * 2**10
"""Bytes of a request that is read into memory as a whole, before anybody asks whose it is."""
LISTS = 4 * 2**20
"""Bytes of one with the 10,000 models of a set."""
LARGEST = {
    "/v1/instance-sets": LISTS,
    "/v1/models/missing": LISTS,
    "/v1/models": math.inf,
    "/v1/archives": math.inf,
    "/v1/problems": math.inf,
}
"""What else the paths take, in bytes; those that have no end here are read as streams, under caps of their own."""
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""What a proxy adds to the requests of others."""


@dataclass(frozen=True)
class Caller:
    """Who makes a request."""

    owner: str
    scope: records.Scope
    has_token: bool = True

    @property
    def seen(self) -> str | None:
        """Whose jobs it sees; None for everybody's."""
        return None if self.scope is ADMIN else self.owner

    @property
    def may_submit(self) -> bool:
        """Whether it may hand in, pause, resume and cancel."""
        return _RANK[self.scope] >= _RANK[SUBMIT]

    def may(self, scope: records.Scope) -> None:
        """Raise Refused unless the scope is the caller's or a smaller one."""
        if _RANK[self.scope] < _RANK[scope]:
            raise Refused(HTTPStatus.FORBIDDEN, f"this takes a token for {scope.value}, not {self.scope.value}")


class Access:
    """Finds out who makes a request."""

    def __init__(self, store: Store, needs_token: bool) -> None:
        """Ask for tokens, or take everybody for the local user: only where nobody else reaches the server.

        Whoever comes by a proxy is somebody else, and is asked for one all the same.
        """
        self._store, self._needs_token = store, needs_token

    def caller(self, request: Request) -> Caller:
        """Return who makes a request.

        Raises Refused when there is no token where one is needed, or one that is not known.
        """
        told = _secret(request.headers)
        secret = told or request.cookies.get(COOKIE, "")
        token = self._store.token(secret) if secret else None
        is_local = not self._needs_token and not any(name in request.headers for name in FORWARDED)
        if token is None and is_local and not told:  # a cookie may be another server's: a browser tells no ports apart
            return Caller(LOCAL, ADMIN, has_token=False)
        if token is None:
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "the token is not known, or was revoked"
                if secret
                else "a token is needed: Authorization: Bearer TOKEN; tuner token create makes one at the server",
            )
        return Caller(token.owner, token.scope)


def _secret(headers: Headers) -> str:
    kind, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Gate:
    """Refuses what a browser was tricked into: requests by another host's name, or changes from another origin.

    Refuses, too, what would fill the memory, and says when a request is not waited for because the server is stopped.

    Adds the headers that keep a page to what the server itself sent.
    """

    STYLED = (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data: blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    )
    """For pages with figures: Plotly sets styles of its own making."""
    HEADERS = (
        (
            b"content-security-policy",
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            b"connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
    )

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        """Let only requests through that name one of these hosts, without ports; all where there are none."""
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._hosts and _hostname(host) not in self._hosts:
            answer = problem(HTTPStatus.MISDIRECTED_REQUEST, "this server is not known by that host's name; see --name")
            await answer(scope, receive, send)
            return
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in SAFE and _netloc(origin) != host:
            await problem(HTTPStatus.FORBIDDEN, "the request comes from another site")(scope, receive, send)
            return

        has_begun, taken = False, 0
        most = LARGEST.get(scope["path"], SMALL)

        async def receiving() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise ClientDisconnect  # nothing more of it is read; what the endpoint says to that, nobody hears
            return message

        async def sending(message: object) -> None:
            nonlocal has_begun
            assert isinstance(message, dict)
            if taken > most and not has_begun:
                return
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"] = [*message["headers"], *self._own(scope["path"])]
            await send(message)

        try:
            await self._app(scope, receiving, sending)
            if taken > most and not has_begun:
                words = f"a request to {scope['path'][:100]} has {most / 2**10:.0f} KiB at most"
                await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)(scope, receive, send)
        except asyncio.CancelledError:  # the server is stopped, and the request took longer than it waits for any
            if not has_begun:
                words = "the server is being stopped, and nothing of the request was kept; send it again in a moment"
                await problem(HTTPStatus.SERVICE_UNAVAILABLE, words)(scope, receive, send)

    def _own(self, path: str) -> list[tuple[bytes, bytes]]:
        policy, *others = self.HEADERS
        return [self.STYLED if path.startswith(("/jobs/", "/dashboard")) else policy, *others]


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""

"""What stands in front of the application: who is let in, how much is read of a request, and what every answer carries.

No byte of a body is asked for before it is known who sends it. A body that the application needs as a whole is taken in
first, on disk where it is longer, so that many that never end fill no memory.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from instances.caps import Caps, spelled
from storage.errors import StoreError
from storage.files import PIECE
from tuner.service.access import SAFE, Access
from tuner.service.places import TURN, Places
from tuner.service.problems import TOO_LARGE, Refused, problem, refused, unavailable
from tuner.service.uploads import Spool

HELD = 16 * 2**10
"""Bytes of a body that are kept in memory while more of it comes."""
AT_A_TIME = 2**14
"""Bytes of an answer that are sent at a time."""
LARGE_AT_ONCE = 2
"""Requests with larger bodies that are worked on at a time: the application reads these as a whole."""
AT_WORK, AT_WORK_OF_ONE = 32, 8
"""Requests that are worked on at a time, in all and of one owner: fewer than the server has threads (40), some of which
are for uploads, which have limits of their own, and for finding out who asks."""
OPEN = ("/login",)
"""What is asked by people who are not known yet, though not by GET."""
STREAMED = ("/v1/models", "/v1/archives")
"""Paths whose bodies the application reads piece by piece."""
INTERNAL = "something went wrong in the server; its log says what"
STATIC = "/static/"
_LOG = logging.getLogger(__name__)


def most_of(path: str, caps: Caps) -> int:
    """Return how many bytes a request to a path may have."""
    return {
        "/v1/models": caps.upload,
        "/v1/archives": caps.upload,
        "/v1/problems": caps.document,
        "/v1/instance-sets": caps.lists,
        "/v1/models/missing": caps.lists,
        "/login": caps.form,
    }.get(path, caps.request)


class Gate:
    """Refuses what a browser was tricked into: requests by another host's name, or changes from another origin.

    Refuses, too, what would fill the memory, asks who sends a body before it is read, answers OPTIONS, hides what goes
    wrong inside, and says when a request is not waited for because the server is stopped.

    Adds the headers that keep a page to what the server itself sent, and the number that the log has for the request.
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

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str],
        access: Access,
        caps: Caps,
        allowed: Callable[[str], list[str]],
    ) -> None:
        """Stand in front of an application.

        Args:
            app: the application.
            hosts: only requests that name one of these hosts, without ports, are let through; all where there are none.
            access: finds out who makes a request.
            caps: of bodies.
            allowed: returns the methods that a path can be asked by; none when there is no such path.

        """
        self._app, self._hosts, self._access, self._caps, self._allowed = app, hosts, access, caps, allowed
        self._large, self._working = Places(LARGE_AT_ONCE), Places(AT_WORK, AT_WORK_OF_ONE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {}).update(number=secrets.token_hex(8), method=scope["method"])
        body = _Body(receive, Headers(scope=scope), most_of(scope["path"], self._caps), scope["path"])
        with ExitStack() as held:
            if scope["path"] not in STREAMED:
                scope["state"][TURN] = partial(self._wait, held)
            await self._answered(scope, receive, body, _Answer(send, scope, body, self._own(scope["path"]), held))

    async def _wait(self, held: ExitStack, owner: str) -> None:
        """Wait until one more request of an owner may be worked on; it counts until its answer is there."""
        held.enter_context(await self._working.taken_by(owner))

    async def _answered(self, scope: Scope, receive: Receive, body: _Body, answer: _Answer) -> None:
        try:
            if (response := await self._without_body(scope)) is not None:
                await response(scope, receive, answer)
                return
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}  # what a GET would be answered with, but for its body
            await self._handed_on(scope, body, answer)
        except ClientDisconnect:
            return
        except Refused as error:
            await (await refused(Request(scope), error))(scope, receive, answer)
        except StoreError as error:
            await unavailable(Request(scope), error)(scope, receive, answer)
        except asyncio.CancelledError:  # the server is stopped, and the request took longer than it waits for any
            if not answer.has_begun:
                words = "the server is being stopped, and nothing of the request was kept; send it again in a moment"
                await problem(HTTPStatus.SERVICE_UNAVAILABLE, words)(scope, receive, answer)
        except Exception:
            number = scope["state"]["number"]
            _LOG.exception("request %s: %s %s failed", number, scope["method"], scope["path"][:200])
            if answer.has_begun:
                raise  # which ends the connection: the answer must not look whole
            told = problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"{INTERNAL} under {number}", request_id=number)
            await told(scope, receive, answer)

    async def _without_body(self, scope: Scope) -> Response | None:
        """Return the answer to a request whose body nobody has to see; None for one that may be handed on."""
        headers, method = Headers(scope=scope), scope["method"]
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._hosts and _hostname(host) not in self._hosts:
            return problem(HTTPStatus.MISDIRECTED_REQUEST, "this server is not known by that host's name; see --name")
        if method == "OPTIONS" and (methods := self._allowed(scope["path"])):
            return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": ", ".join(methods)})
        if method in SAFE:
            return None
        if origin is not None and _netloc(origin) != host:
            return problem(HTTPStatus.FORBIDDEN, "the request comes from another site")
        if scope["path"] not in OPEN:
            scope["state"]["owner"] = (await run_in_threadpool(self._access.caller, Request(scope))).owner
        return None

    async def _handed_on(self, scope: Scope, body: _Body, answer: _Answer) -> None:
        if scope["method"] in SAFE:
            await self._app(scope, body.unread, answer)
            return
        body.check()
        if scope["path"] in STREAMED:
            await self._app(scope, body, answer)
            return
        with Spool(HELD) as spool:
            if await body.taken_in(spool) <= HELD:
                await self._app(scope, body, answer)
                return
            answer.held.enter_context(await self._large.taken_by(scope["state"].get("owner", "")))
            await self._app(scope, body, answer)

    def _own(self, path: str) -> list[tuple[bytes, bytes]]:
        policy, *others = self.HEADERS
        return [self.STYLED if path.startswith(("/jobs/", "/dashboard")) else policy, *others]


class _Body:
    """A request's body on its way to the application."""

    def __init__(self, receive: Receive, headers: Headers, most: int, path: str) -> None:
        self._receive, self._most, self._path = receive, most, path
        length = headers.get("content-length", "0")
        self._announced = int(length) if length.isdecimal() else math.inf
        self.is_whole = self._announced == 0 and "transfer-encoding" not in headers
        """Whether nothing of it is left to be read."""
        self._taken = 0
        self._kept: Spool | None = None

    def check(self) -> None:
        """Raise Refused for one that says itself that it is too large."""
        if self._announced > self._most:
            raise self._too_large()

    async def __call__(self) -> Message:
        """Return the next piece: of what was taken in, or as it comes."""
        if self._kept is not None:
            piece = (
                await run_in_threadpool(self._kept.file.read, PIECE) if self._taken > HELD else self._kept.file.read()
            )
            self._taken -= len(piece)
            if not self._taken:
                self._kept = None
            return {"type": "http.request", "body": piece, "more_body": self._kept is not None}
        message = await self._receive()
        if message["type"] == "http.request":
            self.is_whole = not message.get("more_body", False)
            self._taken += len(message.get("body", b""))
            if self._taken > self._most:
                raise self._too_large()
        return message

    async def taken_in(self, spool: Spool) -> int:
        """Read all of it, to be handed on then; return its bytes.

        Raises:
            Refused: it is too large, or there is no room for it.
            ClientDisconnect: its end does not come.

        """
        while not self.is_whole:
            message = await self()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece = message.get("body", b"")
            if self._taken > HELD:
                await run_in_threadpool(spool.write, piece)
            else:
                spool.write(piece)
        spool.rewind()
        self._kept = spool
        return self._taken

    async def unread(self) -> Message:
        """Return nothing of a body that a request by this method should not have."""
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken > self._most:
            raise ClientDisconnect
        return message if message["type"] == "http.disconnect" else {"type": "http.request", "body": b""}

    def _too_large(self) -> Refused:
        what = "an upload" if self._path in STREAMED else f"a request to {self._path[:100]}"
        return Refused(TOO_LARGE, f"{what} has {spelled(self._most)} at most")


class _Answer:
    """An answer on its way out."""

    def __init__(self, send: Send, scope: Scope, body: _Body, own: list[tuple[bytes, bytes]], held: ExitStack) -> None:
        self._send, self._body, self._own = send, body, own
        self.held = held
        """What is let go when the answer is there: who reads it slowly must not keep others waiting."""
        self._path, self._number = scope["path"], scope["state"]["number"]
        self._is_head = scope["method"] == "HEAD"
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        """Send a part of it, with our headers; to HEAD, nothing behind them."""
        if message["type"] != "http.response.start":
            if not self._is_head:
                await self._send_in_pieces(message)
            return
        self.has_begun = True
        self.held.close()
        headers = [*message["headers"], *self._own, (b"x-request-id", self._number.encode())]
        if not self._path.startswith(STATIC) and all(name.lower() != b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"no-store"))
        if not self._body.is_whole:
            headers.append((b"connection", b"close"))  # what is left of the body would be read to find the next request
        await self._send({**message, "headers": headers})
        if self._is_head:  # now, since an answer that is a stream may have no end
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_in_pieces(self, message: Message) -> None:
        """Send a body so that what a slow reader has not taken yet is not kept for it a second time."""
        whole, begin = message.get("body", b""), 0
        while len(whole) - begin > AT_A_TIME:
            piece = whole[begin : begin + AT_A_TIME]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            begin += AT_A_TIME
            await asyncio.sleep(0)  # else it goes on without noticing that nobody is there any more
        await self._send({**message, "body": whole[begin:]})


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

"""Connections that end: those that send or read nothing, or too slowly, and those that are too many.

Uvicorn waits for a request as long as it takes. Here a request's header, its body, the next request and the reading of
an answer each have a time limit, and connections are counted, for each peer and in all. When there are too many, one
that waits for its peer, or follows jobs, makes room for the new one, so that these lock nobody out.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import os
import resource
import socket
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, ClassVar

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from tuner.service.problems import problem

HEADER = 16 * 2**10
"""Bytes of a request's header, at most."""
FIRST = 4 * 2**10
"""Bytes that are taken from a connection at a time, before the application asks for a body."""
READ = 64 * 2**10
"""Bytes of a body that are taken from a connection at a time, when the application asks for them."""
UNSENT = 16 * 2**10
"""Bytes of an answer that wait for a slow reader before no more are asked for."""
LINGER_SECONDS = 2.0
"""How long a peer may go on sending a body that is not read any more, so that it gets to read the answer."""
LINGER = 64 * 2**10
"""Bytes of that, at most; they are thrown away."""
SLOWEST = 100
"""Bytes a second, of a body; whoever sends fewer is taken for one who only wants to keep a connection."""
FILES, OTHER_FILES = 3, 200
"""Open files of a connection, at most, and of everything else."""
STALLED = 1.0
"""Seconds after which a connection may have to make room whose peer sends nothing of a body, or reads nothing."""
GIVES_WAY = "gives_way"
"""The name in a request's state by which the application says that its connection may be ended to make room."""
_PLAIN = (
    "HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nRetry-After: 5\r\nConnection: close\r\n\r\n{}"
)


@dataclass(frozen=True)
class Limits:
    """Limits of a server's connections."""

    header: float = 10.0
    """Seconds from the beginning of a connection, or of a later request on it, to the end of the request's header."""
    body: float = 30.0
    """Seconds in which `SLOWEST` bytes a second of a body must arrive."""
    idle: float = 30.0
    """Seconds between two requests on a connection."""
    reading: float = 60.0
    """Seconds in which the peer must read something of an answer that is ready."""
    peer: int = 200
    """Connections from one address; of those who come through a trusted proxy, requests of one address under way."""
    total: int = 1000
    """Connections in all."""


class Guard:
    """The connections of one server."""

    def __init__(self, limits: Limits, proxies: list[str] | str) -> None:
        """Have none yet.

        Args:
            limits: of theirs.
            proxies: addresses and networks of proxies, whose connections are those of many; "*" is every one.

        """
        self.limits = limits
        self._proxies = ProxyHeadersMiddleware(_nothing, proxies).trusted_hosts
        self._open: dict[Guarded, str] = {}
        """Each with its peer, in the order of what was heard of them last."""
        self._peers: Counter[str] = Counter()

    def protocol(self) -> type[Guarded]:
        """Return the class that uvicorn is to make its connections of."""
        return type("Guarded", (Guarded,), {"guard": self})

    def counting(self, app: ASGIApp) -> ASGIApp:
        """Return the application, which refuses an address that has too many requests under way behind a proxy."""
        under_way: Counter[str] = Counter()

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            address = (scope.get("client") or ("",))[0]
            if scope["type"] != "http" or not address or address in self._proxies:
                await app(scope, receive, send)
                return
            peer = network_of(address)
            if under_way[peer] >= self.limits.peer:
                words = f"more than {self.limits.peer} requests of your address are under way; try again in a moment"
                await problem(HTTPStatus.TOO_MANY_REQUESTS, words)(scope, receive, send)
                return
            under_way[peer] += 1
            try:
                await app(scope, receive, send)
            finally:
                under_way[peer] -= 1
                if not under_way[peer]:
                    del under_way[peer]

        return counted

    def admit(self, connection: Guarded, address: str | None) -> bool:
        """Count a connection; where there are too many, another one is ended. False when all are busy."""
        peer = "" if address is None or address in self._proxies else network_of(address)
        if peer and self._peers[peer] >= self.limits.peer and not self._make_room(peer):
            return False
        if len(self._open) >= self.limits.total and not self._make_room(None):
            return False
        self._open[connection] = peer
        self._peers[peer] += 1
        return True

    def heard(self, connection: Guarded) -> None:
        """Note that a connection's peer has sent something."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def forget(self, connection: Guarded) -> None:
        """Count a connection no more."""
        peer = self._open.pop(connection, None)
        if peer is not None:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    def _make_room(self, peer: str | None) -> bool:
        """End a connection of a peer, or of anybody; False when all are busy.

        The first to go is one that waits for a request that does not come, then one that follows jobs, whose client
        connects again; then one that has only begun, and one whose peer has stopped. Of each kind it is the one that
        has sent nothing for longest.
        """
        now = asyncio.get_running_loop().time()
        own = [connection for connection, whose in self._open.items() if peer in (None, whose)]
        for gives_way in (Guarded.is_idle, Guarded.is_stream, Guarded.is_vacant, Guarded.has_stalled):
            for connection in own:
                if gives_way(connection, now):
                    self.forget(connection)
                    connection.transport.abort()
                    return True
        return False


def configured(app: ASGIApp, limits: Limits | None = None, **more: Any) -> uvicorn.Config:
    """Return how uvicorn is to serve an application.

    Args:
        app: the application.
        limits: of its connections; as `Limits` has them where there are none.
        more: for `uvicorn.Config`.

    """
    proxies = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")  # as uvicorn itself has it
    guard = Guard(limits or Limits(), proxies)
    return uvicorn.Config(
        guard.counting(app),
        http=guard.protocol(),
        ws="none",
        loop="asyncio",  # whose transports `Guarded` knows
        forwarded_allow_ips=proxies,
        h11_max_incomplete_event_size=HEADER,
        log_level="warning",
        server_header=False,
        **more,
    )


def with_room(limits: Limits) -> Limits:
    """Return limits that this process has files enough for; it is allowed as many of these as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES * limits.total + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return replace(limits, total=max(1, min(limits.total, (soft - OTHER_FILES) // FILES)))
    return limits


class Guarded(H11Protocol):
    """A connection with limits."""

    guard: ClassVar[Guard]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._limits = self.guard.limits
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._stage = ""
        self._heard, self._stuck = 0.0, math.inf
        """When the peer sent something last, and since when it has read nothing of what waits for it."""
        self._received = 0
        """Bytes of a body, since its timer was started."""
        self._lingers: int | None = None
        """Bytes that are thrown away still; None for a connection that goes on."""
        self._paused_for: object = None
        """The request whose body was not read on with its header."""

    def is_idle(self, now: float) -> bool:
        """Whether no request is under way, and the peer has been silent, by the time of the loop."""
        return self.is_vacant(now) and now > self._heard + STALLED

    def is_stream(self, _: float) -> bool:
        """Whether a request is answered whose client connects again when the answer is cut off."""
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete and GIVES_WAY in cycle.scope["state"]

    def is_vacant(self, _: float) -> bool:
        """Whether no request is under way."""
        return self._stage in ("header", "idle", "over")

    def has_stalled(self, now: float) -> bool:
        """Whether the body of a request does not come, or its answer is not read, by the time of the loop."""
        is_silent = self._stage == "body" and not self.flow.read_paused and now > self._heard + STALLED
        return is_silent or now > self._stuck + STALLED

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, or end at once."""
        transport.set_write_buffer_limits(high=UNSENT)
        super().connection_made(_Lingering(transport, self))  # type: ignore[arg-type]
        self._heard = self.loop.time()
        if not self.guard.admit(self, None if self.client is None else self.client[0]):
            self.connections.discard(self)
            self._say("503 Service Unavailable", "too many connections; try again later")
            transport.close()
            return
        own: socket.socket | None = transport.get_extra_info("socket")
        if own is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with suppress(OSError):  # of a socket that is not TCP's
                own.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * self._limits.reading))
        self._wait_for("header")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self.guard.forget(self)
        self._stop(self._timer, self._unread)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless nothing more is read."""
        if self._lingers is not None:
            self._lingers -= len(data)
            if self._lingers < 0:
                self.transport.abort()
            return
        self._heard = self.loop.time()
        self._received += len(data)
        self.guard.heard(self)
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless the body of this one was not read: what follows is no request."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()
        self._look()

    def timeout_keep_alive_handler(self) -> None:
        """Do nothing: the timer here ends the connection."""

    def pause_writing(self) -> None:
        """Wait until the peer has read some of the answer."""
        super().pause_writing()
        self._stuck = self.loop.time()
        self._stop(self._unread)
        self._unread = self.loop.call_later(self._limits.reading, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        self._stuck = math.inf
        self._stop(self._unread)

    def listen(self) -> None:
        """Count from now on for how long the peer has been silent."""
        self._heard = self.loop.time()

    def end(self, transport: asyncio.Transport) -> None:
        """Close, if the peer has sent all; else tell it that nothing more comes, and give it time to read that."""
        if transport.is_closing():
            return
        self._stop(self._timer, self._unread)
        if self._lingers is None and self.conn.their_state is h11.SEND_BODY and transport.can_write_eof():
            self._lingers, self._stage = LINGER, "over"
            self.cycle.body.clear()  # nobody will ask for it
            transport.max_size = FIRST  # type: ignore[attr-defined]
            self.flow.resume_reading()
            transport.write_eof()
            self._timer = self.loop.call_later(LINGER_SECONDS, transport.abort)
        else:
            self._unread = self.loop.call_later(self._limits.reading, transport.abort)
            transport.close()

    def _look(self) -> None:
        """See what is waited for now; the time for it begins once, and not with every byte."""
        if self._lingers is not None or self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            stage = "body" if self.conn.their_state is h11.SEND_BODY else "answer"
        else:
            stage = "header" if self.cycle is None or self.conn.trailing_data[0] else "idle"
        if stage != self._stage:
            self._wait_for(stage)
        if stage == "body" and (self.cycle is not self._paused_for or self.cycle.message_event.is_set()):
            self._paused_for = self.cycle  # it has not asked for any of its body yet, or has not taken what is there
            self.flow.pause_reading()  # until it does: uvicorn itself would read 64 KiB ahead

    def _wait_for(self, stage: str) -> None:
        self._stop(self._timer)
        self._stage, self._received = stage, 0
        own: _Lingering = self.transport  # type: ignore[assignment]
        own.take(READ if stage == "body" else FIRST)
        seconds = {"header": self._limits.header, "body": self._limits.body, "idle": self._limits.idle}.get(stage)
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        """End the connection, if what was waited for is still missing."""
        if self._stage == "body":
            if self.flow.read_paused or self._received >= SLOWEST * self._limits.body:
                self._wait_for("body")
                return
            if not self.cycle.response_started:
                self._say("408 Request Timeout", "the body of the request did not come in time")
        elif self._stage == "header" and self.conn.trailing_data[0]:
            self._say("408 Request Timeout", "the header of the request did not come in time")
        self.guard.forget(self)
        self.transport.close()

    def _say(self, status: str, words: str) -> None:
        self.transport.write(_PLAIN.format(status, len(words), words).encode())

    @staticmethod
    def _stop(*timers: asyncio.TimerHandle | None) -> None:
        for timer in timers:
            if timer is not None:
                timer.cancel()


class _Lingering:
    """A transport whose end is its connection's affair."""

    def __init__(self, transport: asyncio.Transport, connection: Guarded) -> None:
        self._transport, self._connection = transport, connection

    def close(self) -> None:
        """Close, but not before the peer could read why."""
        self._connection.end(self._transport)

    def take(self, most: int) -> None:
        """Read so many bytes at a time, at most: asyncio would read 256 KiB of each connection."""
        self._transport.max_size = most  # type: ignore[attr-defined]

    def resume_reading(self) -> None:
        """Go on reading; until now the peer could not be heard."""
        self._connection.listen()
        self._transport.resume_reading()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def network_of(address: str) -> str:
    """Return what one peer's address is counted as: of IPv6, everybody has at least a /64 of his own."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


async def _nothing(*_: Any) -> None:
    """Answer nothing: uvicorn is only asked which proxies it trusts."""

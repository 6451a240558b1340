"""The sockets that a server listens on: bound before anything is said of it, or else the reason why they cannot be."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tuner.errors import Failed, UsageError

BACKLOG = 2048
"""Connections that wait to be accepted, at most; the server's own number while it starts."""
_ELSEWHERE = "this machine has no such address; name one of its own with --host, such as 127.0.0.1"
_FIXES = {
    errno.EADDRINUSE: "is the port in use? Choose another with --port",
    errno.EADDRNOTAVAIL: _ELSEWHERE,
    errno.EAFNOSUPPORT: _ELSEWHERE,
    errno.EACCES: "this user may not use the port; choose one above 1023 with --port",
}


@contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Listen on every address of a host, and close the sockets at the end.

    Args:
        host: an address or a name; empty for all addresses of this machine.
        port: from 1 to 65535.

    Raises:
        UsageError: the host is no address and no name, such as one with a port.
        Failed: it is not possible; the message says where, why, and what to do.

    """
    _check(host)
    where = address(host, port)
    try:
        found = socket.getaddrinfo(host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise Failed(f"cannot listen on {where}: the name does not resolve; name another host with --host") from None
    with ExitStack() as stack:
        sockets, missing = [], None
        for family, kind, protocol, _, place in dict.fromkeys(found):
            try:
                own = stack.enter_context(socket.socket(family, kind, protocol))
                own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                own.bind(place)
                own.listen(BACKLOG)  # two that have bound the same port find out only now
                sockets.append(own)
            except OSError as error:
                if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # as ::1 of localhost without IPv6
                    missing = error
                    continue
                raise _refused(where, error) from None
        if not sockets and missing is not None:
            raise _refused(where, missing) from None
        yield sockets


def address(host: str, port: int) -> str:
    """Return host and port as a URL has them; an empty host, which is every address, by the name of this machine."""
    plain = host.strip("[]") or socket.gethostname()
    return f"[{plain}]:{port}" if ":" in plain else f"{plain}:{port}"


def _check(host: str) -> None:
    """Raise UsageError for what is neither an address nor a name, such as a URL, or a name with a port."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        if any(letter in host for letter in ":/[]"):
            raise UsageError(
                f"--host {host}: an address or a name is needed, such as 127.0.0.1; the port is named with --port"
            ) from None


def _refused(where: str, error: OSError) -> Failed:
    number = error.errno or 0
    fix = _FIXES.get(number, f"{os.strerror(number)}; choose another address with --host or --port")
    return Failed(f"cannot listen on {where}: {fix}")

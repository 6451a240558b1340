"""A server under attack: how soon it answers beside clients that send or read nothing more, and its memory.

    python -m bench attack          about a minute

`tuner serve --tokens` is attacked by real sockets of this process: 2,000 requests whose header does not end, 500 bodies
with a token and 500 without one that do not end either, and 500 clients that read nothing of a large answer. Without a
token, as much is sent of a body as the server takes. Beside each, /livez is asked on new connections.
Each has a server of its own. The targets: an answer within a second, and memory within 50 MiB of before.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from storage.records import Scope
from storage.store import Store

ASKED = 40
"""Times that /livez is asked beside an attack."""
SECOND, GROWTH = 1.0, 50.0
"""The targets: seconds for an answer, and MiB more."""
BODY = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n%s\r\n"
SENT = b"x" * 60_000
"""What is sent of a body with a token."""
MORE = b"x" * 200_000
"""What is sent at once where as much is sent as the server takes, and again with every round of questions."""


@dataclass(frozen=True)
class Attack:
    """Many connections that all do the same."""

    name: str
    count: int
    sent: bytes
    reads: bool = True
    """Whether the answer's bytes are taken: else a small window is offered, and nothing read."""
    floods: bool = False
    """Whether `MORE` is sent, for as long as the server takes it."""
    beside: Attack | None = None
    """Another one whose connections are opened first, and held."""


@dataclass(frozen=True)
class Beside:
    """What was seen beside an attack."""

    slowest: float
    """Seconds of the slowest answer of /livez."""
    memory: float
    """MiB that the server had at most."""
    left: int
    """Connections that the server has not ended."""


def attacks(secret: str, share: float = 1.0) -> list[Attack]:
    """Return the attacks, or smaller ones."""
    token = b"Authorization: Bearer %s\r\n" % secret.encode()
    half = round(250 * share)
    long = Attack("long headers without an end", 8 * half, b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 15_000)
    unknown = Attack("bodies without an end, no token", 2 * half, BODY % (b"/v1/problems", b""), floods=True)
    return [
        Attack("headers without an end", round(2000 * share), b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nX-Slow: "),
        long,
        unknown,
        replace(unknown, name="such bodies beside long headers", beside=long),
        Attack("bodies without an end, of problems", half, BODY % (b"/v1/problems", token) + SENT),
        Attack("bodies without an end, of models", half, BODY % (b"/v1/models?suffix=.mps", token) + SENT),
        Attack("readers of nothing", 2 * half, b"GET /static/plotly.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n", False),
    ]


def carry_out(attack: Attack, port: int, pid: int) -> Beside:
    """Attack a server, ask /livez meanwhile, and return what was seen."""
    sockets: list[socket.socket] = []
    slowest, peak = 0.0, memory_of(pid)
    try:
        if attack.beside is not None:
            sockets += [_opened(attack.beside, port) for _ in range(attack.beside.count)]
        for number in range(attack.count):
            sockets.append(_opened(attack, port))
            if number % max(1, attack.count // ASKED) == 0:
                if attack.floods:
                    _push(sockets[-number - 1 :])
                slowest, peak = max(slowest, livez(port)), max(peak, memory_of(pid))
        left = sum(_is_open(each) for each in sockets)
    finally:
        for each in sockets:
            each.close()
    return Beside(slowest, peak, left)


def livez(port: int) -> float:
    """Ask /livez on a new connection; return the seconds until its answer was there."""
    began = time.perf_counter()
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as own:
        own.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while block := own.recv(65536):
            answer += block
    assert b" 200 " in answer.partition(b"\r\n")[0], answer
    return time.perf_counter() - began


def memory_of(pid: int) -> float:
    """Return the resident MiB of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def _opened(attack: Attack, port: int) -> socket.socket:
    own = socket.socket()
    if not attack.reads:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.settimeout(5)
    with suppress(OSError):  # the server may have ended it already, or take no more of it
        own.connect(("127.0.0.1", port))
        own.sendall(attack.sent)
    own.setblocking(False)
    if attack.floods:
        _push([own])
    return own


def _push(sockets: list[socket.socket]) -> None:
    """Send more of a body on each, as far as the server takes it and has not ended the connection."""
    for own in sockets:
        with suppress(OSError):
            own.send(MORE)


def _is_open(own: socket.socket) -> bool:
    """Whether the server has not ended a connection, once all is read that it has sent."""
    try:
        while own.recv(65536):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def main() -> None:
    """Attack a server, and print what was seen."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'store.db'}"
        with Store.open(url) as store:
            _, secret = store.create_token("bench", "bench", Scope.SUBMIT)
        for attack in attacks(secret):
            with serving(url, folder) as (port, pid):  # one of its own: what an attack took is not given back
                alone, before = max(livez(port) for _ in range(ASKED)), memory_of(pid)
                seen = carry_out(attack, port, pid)
            is_met = seen.slowest <= SECOND and seen.memory <= before + GROWTH
            print(
                f"{f'{attack.count:,} {attack.name}':<39} /livez {1000 * alone:3.0f} -> {1000 * seen.slowest:4.0f} ms "
                f"  memory {before:6.1f} -> {seen.memory:6.1f} MiB   {seen.left:>4} left open   "
                f"{'met' if is_met else 'MISSED'}",
                flush=True,
            )


@contextmanager
def serving(url: str, folder: str) -> Iterator[tuple[int, int]]:
    """Serve a store by the command; yield the port and the process."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "tuner", "serve", "--tokens", "--without-worker", "--port", str(port)]
    server = subprocess.Popen(words, env={**os.environ, "TUNER_STORE": url}, cwd=folder)
    try:
        give_up = time.monotonic() + 60
        while True:
            try:
                livez(port)
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < give_up
                time.sleep(0.1)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()

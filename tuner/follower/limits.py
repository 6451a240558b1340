"""Which limits can really be enforced on this machine: each is tried, in a child."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Mapping

from tuner.follower.processes import adopt_orphans, descendants, die_with_parent, memory


def enforceable() -> Mapping[str, tuple[bool, str]]:
    """Return, for each limit by name, whether it can be enforced, and a remark."""
    return {
        "pinned core": (_works(_pin), "one core for each slot"),
        "time": (_works(_kill), "a process that ignores its limit is killed from outside"),
        "memory": (_works(_limit_memory), "by sampling the resident set, and by the address space as a backstop"),
        "escaped processes": (_works(_adopt), "orphans of a solver are found and killed"),
        "death of the leader": (_works(_die_with_parent), "a solver ends with the process that watches it"),
    }


def _works(attempt: Callable[[], object]) -> bool:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            attempt()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _pin() -> None:
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    assert os.sched_getaffinity(0) == {core}


def _kill() -> None:
    stubborn = os.fork()
    if stubborn == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
    os.kill(stubborn, signal.SIGKILL)
    assert os.waitpid(stubborn, 0)[1] == signal.SIGKILL


def _limit_memory() -> None:
    assert memory(os.getpid())[1] > 0
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    try:
        bytearray(2**31)
    except MemoryError:
        return
    raise AssertionError


def _adopt() -> None:
    adopt_orphans()
    reader, writer = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            os.write(writer, b"x")
            signal.pause()
        os._exit(0)
    os.wait()
    os.read(reader, 1)
    (orphan,) = descendants(os.getpid())
    os.kill(orphan, signal.SIGKILL)
    assert os.waitpid(orphan, 0)[0] == orphan


def _die_with_parent() -> None:
    die_with_parent(signal.SIGKILL)

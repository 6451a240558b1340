"""The child: from fork to exit. It confines itself, works, writes one JSON message to its own pipe, and is gone."""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tuner.follower import processes
from tuner.follower.outcome import ERROR, MEMORY, RESULT
from tuner.follower.processes import MIB

Work = Callable[[], Any]
"""What a child does; returns what JSON can hold."""

ADDRESS_SLACK = 256 * MIB
"""Address space is reserved far beyond what is used (a thread's heap alone takes 128 MiB): room above the limit."""
CPU_SLACK = 3.0
"""Seconds of CPU beyond the wall limit: a backstop that works even when nobody is left to enforce that one."""


ANSWER_LIMIT = 64 * MIB
"""How long a child's message may be: room for the point of a model with six million columns."""


@dataclass(frozen=True)
class Limits:
    """What one child may use."""

    wall: float
    """Seconds after which it is ended from outside, after a short grace."""
    memory_mib: float
    """MiB that it and its descendants may hold, beyond what the process it is forked from holds."""


@dataclass(frozen=True)
class Pipes:
    """The child's ends of its two pipes, and what it inherits but must not hold."""

    answer: int
    output: int
    foreign: Sequence[int]


def live(work: Work, limits: Limits, core: int | None, pipes: Pipes, parent: int) -> NoReturn:
    """Do everything a child does; call it right after the fork, in the child."""
    code = 1
    try:
        _write(pipes.answer, _message(work, limits, core, pipes, parent))
        code = 0
    except MemoryError:
        with suppress(OSError):
            os.write(pipes.answer, b'{"%s": true}' % MEMORY.encode())
            code = 0
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)  # no destructors, no atexit: what the zygote set up is not ours to tear down


def _message(work: Work, limits: Limits, core: int | None, pipes: Pipes, parent: int) -> bytes:
    try:
        _confine(limits, core, pipes, parent)
        gc.enable()
        return json.dumps({RESULT: work()}).encode()
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 (whatever ends it, sys.exit included, is what happened)
        return json.dumps({ERROR: f"{type(error).__name__}: {error}"[:2000]}).encode()


def _confine(limits: Limits, core: int | None, pipes: Pipes, parent: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    processes.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel knew
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(pipes.output, 1)
    os.dup2(pipes.output, 2)
    for descriptor in (nothing, pipes.output, *pipes.foreign):
        os.close(descriptor)
    if core is not None:
        with suppress(OSError):  # the core may have been taken from this process meanwhile: execute anywhere
            os.sched_setaffinity(0, {core})
    with suppress(OSError):  # when memory runs out the kernel shall take the solver, never the leader
        Path("/proc/self/oom_score_adj").write_text("1000")
    size, _ = processes.memory(os.getpid())
    space = address_limit(size, limits)
    seconds = math.ceil(limits.wall + CPU_SLACK)
    _limit(resource.RLIMIT_AS, space, space)
    _limit(resource.RLIMIT_CPU, seconds, seconds + 1)
    _limit(resource.RLIMIT_CORE, 0, 0)


def address_limit(size: int, limits: Limits) -> int:
    """Return the bytes of address space for a child that starts with ``size`` of them."""
    return size + int(limits.memory_mib * MIB) + ADDRESS_SLACK


def _limit(kind: int, soft: int, hard: int) -> None:
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(kind, (soft, hard))


def _write(descriptor: int, message: bytes) -> None:
    rest = memoryview(message)
    while rest:
        rest = rest[os.write(descriptor, rest) :]

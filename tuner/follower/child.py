"""The child: from fork to exit. It confines itself, works, writes one JSON message to its own pipe, and is gone."""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from tuner.follower import processes, reporting
from tuner.follower.outcome import ERROR, MEMORY, RESULT
from tuner.follower.processes import MIB

Work = Callable[[], Any]
"""What a child does; returns what JSON can hold."""

ADDRESS_SLACK = 256 * MIB
"""Address space is reserved far beyond what is used (a thread's heap alone takes 128 MiB): room above the limit."""
CPU_SLACK = 3.0
"""Seconds of CPU beyond the wall limit: a backstop that works even when nobody is left to enforce that one."""


MOST_DESCRIPTORS = 2**31 - 1
"""Above every descriptor that there can be; the kernel closes a range in one call."""
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
class Cell:
    """What a child confines itself to, computed before the fork: each page a child touches is copied for it."""

    address_space: int
    """Bytes."""
    cpu_seconds: int
    core: int | None
    """The core it is pinned to; None for any."""
    parent: int
    """The process id of the zygote."""
    answer: int
    """Its end of the pipe for its message."""
    output: int
    """Its end of the pipe for whatever it prints."""
    reports: int | None = None
    """Its end of the pipe for how far it is; None when nobody wants to know."""


def cell(limits: Limits, core: int | None, answer: int, output: int, reports: int | None = None) -> Cell:
    """Return the cell for a child of this process."""
    parent = os.getpid()
    size, _ = processes.memory(parent)
    space = size + int(limits.memory_mib * MIB) + ADDRESS_SLACK
    return Cell(space, math.ceil(limits.wall + CPU_SLACK), core, parent, answer, output, reports)


def live(work: Work, own: Cell) -> NoReturn:
    """Do everything a child does; call it right after the fork, in the child."""
    code = 1
    try:
        _write(own.answer, _message(work, own))
        code = 0
    except MemoryError:
        with suppress(OSError):
            os.write(own.answer, b'{"%s": true}' % MEMORY.encode())
            code = 0
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)  # no destructors, no atexit: what the zygote set up is not ours to tear down


def _message(work: Work, own: Cell) -> bytes:
    try:
        _confine(own)
        gc.enable()
        return json.dumps({RESULT: work()}).encode()
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 (whatever ends it, sys.exit included, is what happened)
        return json.dumps({ERROR: f"{type(error).__name__}: {error}"[:2000]}).encode()


def _confine(own: Cell) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    processes.die_with_parent(signal.SIGKILL)
    if os.getppid() != own.parent:  # it died before the kernel knew
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(own.output, 1)
    os.dup2(own.output, 2)
    last = 2
    for kept in sorted(filter(None, (own.answer, own.reports))):
        os.closerange(last + 1, kept)  # whoever opened them: the child holds its pipes, and nothing else
        last = kept
    os.closerange(last + 1, MOST_DESCRIPTORS)
    if own.reports is not None:
        reporting.open_to(own.reports)
    if own.core is not None:
        with suppress(OSError):  # the core may have been taken from this process meanwhile: execute anywhere
            os.sched_setaffinity(0, {own.core})
    _limit(resource.RLIMIT_AS, own.address_space, own.address_space)
    _limit(resource.RLIMIT_CPU, own.cpu_seconds, own.cpu_seconds + 1)
    _limit(resource.RLIMIT_CORE, 0, 0)


def _limit(kind: int, soft: int, hard: int) -> None:
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(kind, (soft, hard))


def _write(descriptor: int, message: bytes) -> None:
    rest = memoryview(message)
    while rest:
        rest = rest[os.write(descriptor, rest) :]

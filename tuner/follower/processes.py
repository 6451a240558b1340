"""What Linux tells of processes and lets one process do to others: prctl, /proc, signals to a whole tree."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

MIB = 2**20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_GONE = (FileNotFoundError, ProcessLookupError)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}, {value}): {os.strerror(code)}")


def die_with_parent(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when the *thread* that started it ends."""
    _prctl(_PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Make every descendant whose parent ends a child of this process, whatever session it went to."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants(root: int) -> list[int]:
    """Return the process ids below ``root``, parents before their children.

    The kernel promises a complete list only of processes that hold still: who wants them all gone asks again.
    """
    found: list[int] = []
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        with suppress(*_GONE):
            for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 (every 50 ms beside a solver: the plain call)
                with suppress(*_GONE):
                    children = [int(word) for word in _read(f"/proc/{pid}/task/{task}/children").split()]
                    found += children
                    waiting += children
    return found


def memory(pid: int) -> tuple[int, int]:
    """Return the virtual and the resident size of a process in bytes; zeros when it is gone."""
    try:
        size, resident, *_ = _read(f"/proc/{pid}/statm").split()
    except _GONE:
        return 0, 0
    return int(size) * _PAGE, int(resident) * _PAGE


def send(number: signal.Signals, pids: list[int]) -> None:
    """Send a signal to each of these processes that still exists and that may be sent one."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def marked(marker: str) -> list[int]:
    """Return the processes, zombies excepted, that were started with this ``NAME=value`` in their environment."""
    sought = marker.encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(*_GONE, PermissionError):
                if sought in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill_marked(marker: str) -> None:
    """Kill every process with this marker, also those that are forked meanwhile."""
    for _ in range(100):
        pids = marked(marker)
        if not pids:
            return
        send(signal.SIGKILL, pids)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)

"""Who works on a job: one process at a time, known by a lease with a fencing token.

A lease ends when it is given back, when it expires, or, seen from the same machine, when its process is gone. Whoever
takes the job over gets a higher token, and everything the former owner still tries to write is refused.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """A process, told apart from every other one, also from a later one with the same number."""

    host: str
    machine: str
    """This boot and this process namespace of the host: only inside it can a process be looked up by its number."""
    pid: int
    started: int
    """When the process started, in clock ticks since boot."""

    @property
    def is_gone(self) -> bool:
        """Whether this process certainly exists no more; False when that cannot be told from here."""
        if not self.machine or self.machine != _machine():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it exists, and is somebody else's
        state = _state(self.pid)
        return state is not None and (state[0] in "ZX" or state[1] != self.started)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True)
class Lease:
    """The right to work on a job and to write about it."""

    job_id: int
    token: int
    """Grows with every owner: a write with an older one is refused."""
    owner: Owner
    expires_at: datetime
    """When others may take the job over, unless the lease is renewed before."""


def this_process() -> Owner:
    """Return the owner that this process is."""
    pid = os.getpid()
    state = _state(pid)
    return Owner(socket.gethostname(), _machine() if state else "", pid, state[1] if state else 0)


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return f"{boot} {namespace}"


def _state(pid: int) -> tuple[str, int] | None:
    """Return a process's state letter and start time, or None when the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()  # the name before it, in brackets, may hold anything
    return fields[0], int(fields[19])

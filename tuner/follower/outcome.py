"""The outcome of one task in a child: how its process ended, what it cost and what it answered."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, dataclass
from typing import Any

from storage.records import Termination

RESULT, ERROR, MEMORY = "result", "error", "memory"
"""The keys of a child's message: what its task returned, the exception that ended it, or its lack of memory."""


@dataclass(frozen=True)
class Outcome:
    """What came of a task."""

    termination: Termination
    reason: str = ""
    """Why there is no result, for people; empty when there is one."""
    cpu: float = 0.0
    """CPU seconds of the child and all its descendants."""
    wall: float = 0.0
    """Seconds from fork to reaped."""
    peak_mib: float | None = None
    """Largest resident set of the child or a descendant."""
    result: Any = None
    """What the task returned, as JSON has it; only with the termination exited."""
    killed_by_others: bool = False
    """Whether a SIGKILL ended the process that nobody here sent: executed again, it may well end otherwise."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Outcome:
        """Read what `to_json` returned."""
        return cls(**{**fields, "termination": Termination(fields["termination"])})


@dataclass(frozen=True)
class Remains:
    """What a process that nobody ended from outside left behind."""

    status: int
    """As wait4 returns it."""
    message: bytes
    """What it wrote to its own pipe."""
    output: bytes
    """The end of what it printed."""
    starved: bool
    """Whether its address space had grown up to the limit."""
    exhausted: bool
    """Whether its CPU time had reached the limit."""

    @property
    def killed_by_others(self) -> bool:
        """Whether it was ended by a SIGKILL, and not for what it had taken."""
        is_killed = os.waitstatus_to_exitcode(self.status) == -signal.SIGKILL
        return is_killed and not self.starved and not self.exhausted


def judge(remains: Remains) -> tuple[Termination, str, Any]:
    """Return how a process ended that was not ended from outside, why, and its result."""
    code = os.waitstatus_to_exitcode(remains.status)
    printed = last_words(remains.output)
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and remains.exhausted):
        return Termination.CUTOFF, "used up its CPU time", None
    if code < 0:
        if b"bad_alloc" in remains.output or remains.starved:
            return Termination.MEMORY, f"ran into the memory limit and ended by {_name(-code)}{printed}", None
        return Termination.CRASHED, f"ended by {_name(-code)}{_HINTS.get(-code, '')}{printed}", None
    if code > 0:
        return Termination.CRASHED, f"exit code {code}{printed}", None
    if not remains.message:
        return Termination.CRASHED, f"exited without an answer{printed}", None
    try:
        message = json.loads(remains.message)
        (kind,) = message
        content = message[kind]
    except (ValueError, TypeError, KeyError, RecursionError):
        return Termination.CRASHED, f"answered garbage: {remains.message[:80]!r}", None
    if kind == RESULT:
        return Termination.EXITED, "", content
    if kind == MEMORY:
        return Termination.MEMORY, "asked for more memory than the limit", None
    return Termination.CRASHED, f"{content}{printed}" if kind == ERROR else f"answered garbage: {kind!r}", None


def last_words(output: bytes) -> str:
    """Return the last lines that a process printed, to be put behind a reason; empty when it printed nothing."""
    lines = output.decode(errors="replace").strip().splitlines()[-5:]
    text = " | ".join(line.strip() for line in lines)[-400:]
    return f"; it printed: {text}" if text else ""


_HINTS = {signal.SIGKILL.value: " that this program did not send (is the machine out of memory?)"}


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

"""What messages have in common: a command as it can be pasted into a shell, and a number of things."""

from __future__ import annotations

import shlex


def command(*words: str) -> str:
    """Return the command line ``tuner WORDS``."""
    return shlex.join(["tuner", *words])


def counted(count: int, noun: str) -> str:
    """Write how many there are of something: 1 slot, 2 slots."""
    return f"{count} {noun}{'' if count == 1 else 's'}"

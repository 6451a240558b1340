"""What messages have in common: a command as it can be pasted into a shell, and a number of things."""

from __future__ import annotations

import shlex


def command(*words: str) -> str:
    """Return the command line ``tuner WORDS``."""
    return shlex.join(["tuner", *words])


def counted(count: int, noun: str) -> str:
    """Write how many there are of something: 1 slot, 2 slots."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Write seconds as 8 s, 2:05 or 1:02:05."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"

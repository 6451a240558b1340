"""How a message names a command: so that it can be pasted into a shell, whatever a job is called."""

from __future__ import annotations

import shlex


def command(*words: str) -> str:
    """Return the command line ``tuner WORDS``."""
    return shlex.join(["tuner", *words])

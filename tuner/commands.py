"""How a message names a command: so that it can be pasted into a shell, whatever a job is called."""

from __future__ import annotations

import shlex


def command(*words: str, store: str | None = None) -> str:
    """Return the command line ``tuner WORDS``, with ``--store`` when one was named on the present one."""
    return shlex.join(["tuner", *words, *(["--store", store] if store else [])])

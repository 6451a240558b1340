"""The command that a message ends with: what can be pasted to go on, with the options that were given here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from storage.database import has_password
from tuner.commands import command


def told(message: str, words: Sequence[str], arguments: argparse.Namespace) -> str:
    """Return the message, and behind a colon the command ``tuner WORDS``, if any, as it goes on with the present one.

    ``--store`` and, where the command takes it too, ``--out`` are added as they were given. A store's URL with a
    password is not: the message says to name it otherwise.
    """
    if not words:
        return message
    store, out = getattr(arguments, "store", None), getattr(arguments, "out", None)
    given: list[str] = []
    if store and has_password(store):
        message += " (name the store in $TUNER_STORE: its URL has a password, which is not printed)"
    elif store:
        given += ["--store", store]
    if out and (words[0] == "resume" or "--files" in words):
        given += [f"--out={out}"] if out.startswith("-") else ["--out", out]
    return f"{message}: {command(*words, *given)}"

"""The command that a message ends with: what can be pasted to go on, with the options that were given here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from storage.database import has_password
from tuner.commands import command


def told(message: str, words: Sequence[str], arguments: argparse.Namespace) -> str:
    """Return the message, and behind a colon the command ``tuner WORDS``, if any, as `again` writes it.

    Where that leaves out a URL with a password, the message says to name it otherwise.
    """
    if not words:
        return message
    for name in ("store", "server"):
        if _is_secret(name, getattr(arguments, name, None)):
            variable = f"$TUNER_{name.upper()}"
            message += f" (name the {name} in {variable}: its URL has a password, which is not printed)"
    return f"{message}: {again(words, arguments)}"


def again(words: Sequence[str], arguments: argparse.Namespace) -> str:
    """Return the command ``tuner WORDS`` as it goes on with the present one.

    ``--store``, ``--server`` and, where the command takes it too, ``--out`` are added as they were given; a URL with a
    password is not.
    """
    given: list[str] = []
    for name in ("store", "server"):
        url = getattr(arguments, name, None)
        if url and not _is_secret(name, url):
            given += [f"--{name}", url]
    out = getattr(arguments, "out", None)
    if out and (words[0] == "resume" or "--files" in words):
        given += [f"--out={out}"] if out.startswith("-") else ["--out", out]
    return command(*words, *given)


def _is_secret(name: str, url: str | None) -> bool:
    if not url:
        return False
    return has_password(url) if name == "store" else "@" in url

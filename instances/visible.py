"""Text from outside: which of its characters are not seen as what they are, and how people are shown them."""

from __future__ import annotations

import re

_MARKS = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""Joiners, fillers and variation selectors: printable for Python, and invisible (Default_Ignorable_Code_Point)."""
_INVISIBLE = re.compile(f"[{_MARKS}]")


def hidden(text: str) -> str:
    """Return the first character of a text that is not seen as what it is, such as U+202E; empty when there is none.

    These are control characters and line breaks of every kind, marks that change the direction of writing or have no
    width, blanks other than the space, halves of characters, and what Unicode has not assigned.
    """
    if text.isprintable() and not _INVISIBLE.search(text):
        return ""
    return next(f"U+{ord(letter):04X}" for letter in text if _is_hidden(letter))


def escaped(text: str) -> str:
    r"""Return a text as a terminal or a page may show it: hidden characters as Python spells them (\x1b, \u202e).

    Line breaks (\n) stay.
    """
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    return "".join(_spelled(letter) if letter != "\n" and _is_hidden(letter) else letter for letter in text)


def one_line(text: str) -> str:
    r"""Return a text as `escaped` does, with line breaks spelled as \n."""
    return escaped(text).replace("\n", r"\n")


def _is_hidden(letter: str) -> bool:
    return not letter.isprintable() or _INVISIBLE.match(letter) is not None


def _spelled(letter: str) -> str:
    return letter.encode("unicode_escape").decode()

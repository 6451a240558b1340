"""Characters of two bytes in an LP file that is read byte for byte.

Shift-JIS, GBK and Big5 have characters whose second byte is a backslash or a bracket. Read as bytes such a character
would begin a comment, or a name that goes on behind the next signs: the file would be another model without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from instances.errors import UnreadableModel

_HALF = re.compile(r"[^\x00-\x7f](?:\\|\[(?![^\] \t\r\n+\-*<>=]*\]))")
"""A letter beyond ASCII and a backslash, or a bracket with a sign in it or without an end."""
_SHOWN = 60
"""Characters of a word that a message shows."""


def whole_characters(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines; UnreadableModel, with the line, where half a character may stand outside of a comment."""
    for number, line in enumerate(lines, 1):
        if not line.isascii():
            text, backslash, _ = line.partition("\\")
            if half := _HALF.search(text + backslash):
                raise UnreadableModel(f"line {number}: {_refusal(half)}")
        yield line


def _refusal(half: re.Match[str]) -> str:
    what = "backslash" if half[0].endswith("\\") else "bracket"
    before = half.string[: half.start() + 1].split(" ")[-1]
    return (
        f"a {what} stands directly behind {before[-_SHOWN:]!r}: the file is probably in a multi-byte code page "
        "(Shift-JIS, GBK, Big5); save it as UTF-8"
    )

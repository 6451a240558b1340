"""A piece of a line of an LP file, and a problem with it."""

from __future__ import annotations

from typing import NamedTuple

SPACE = " \t\r\n"
"""White space of an LP file. What Unicode adds may be part of a name, as may any byte of an older encoding."""
NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A number, as a regular expression."""
_CLOSING = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
SHOWN = 60
"""Characters of a file's text that a message shows."""


class Problem(Exception):
    """What is wrong, in a line that is known, or otherwise in the line of the token that was taken last."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.line = line


class Token(NamedTuple):
    """A piece of a line."""

    kind: str
    """number, infinity, operator, label, name, sign, header or other."""
    text: str
    """A header's is its key in _HEADERS, an operator's is one of < > = -> <->."""
    line: int
    source: str
    """The line without its comment."""
    start: int
    """Where in it."""

    @property
    def glued(self) -> bool:
        """Whether something stands directly before it."""
        return self.start > 0 and self.source[self.start - 1] not in SPACE

    @property
    def word(self) -> str:
        """What stands around it without white space, but up to a bracket that closes one opened in it."""
        begin = self.start
        while begin > 0 and self.source[begin - 1] not in SPACE:
            begin -= 1
        open_brackets: list[str] = []
        end = begin
        while end < len(self.source) and (open_brackets or self.source[end] not in SPACE):
            character = self.source[end]
            if open_brackets and character == open_brackets[-1]:
                open_brackets.pop()
            elif character in "([{" or (character in "\"'" and end == begin):
                open_brackets.append(_CLOSING[character])
            end += 1
        return (self.source[begin : self._end_of_word(begin)] if open_brackets else self.source[begin:end])[:SHOWN]

    def _end_of_word(self, begin: int) -> int:
        end = begin
        while end < len(self.source) and self.source[end] not in SPACE:
            end += 1
        return end

"""LP files as tokens: words that begin sections, names, numbers, signs and comparisons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from instances.lp.reasons import other_section, reason, with_colon
from instances.lp.token import NUMBER, SHOWN, SPACE, Problem, Token

# By what the reader calls them; the longer ones first where one begins another.
_HEADERS = {
    "several objectives": r"(?:min|max)\w*[ \t]+multi-?objectives?",
    "minimize": r"min(?:imi[sz]e|imum)?",
    "maximize": r"max(?:imi[sz]e|imum)?",
    "rows": r"subject[ \t]+to|such[ \t]+that|s\.t\.|st\.?",
    "lazy constraints": r"lazy[ \t]+constraints?",
    "user cuts": r"user[ \t]+cuts?",
    "general constraints": r"general[ \t]+constraints?|gencons?",
    "piecewise-linear objectives": r"pwlobj",
    "bounds": r"bounds?",
    "general": r"generals?|gen|integers?|int",
    "binary": r"binary|binaries|bin",
    "semi": r"semi-continuous|semis?",
    "sets": r"sos",
    "numbered sets": r"sos[12]",
    "end": r"end",
}
_KEYS = tuple(_HEADERS)
_HEADER = re.compile(
    rf"(?:{'|'.join(f'(?P<h{number}>{words})' for number, words in enumerate(_HEADERS.values()))})(?![^ \t\r\n<>=+-])",
    re.IGNORECASE,
)
_BEFORE_SIGNS = ("minimize", "maximize", "rows", "bounds")
"""What follows these may begin with a sign; a sign behind another makes it a name that was not meant to begin one."""
_OFTEN_NAMES = ("int", "sos1", "sos2")
"""Most readers take these for names when a sign or a comparison follows."""

_NO_NAME = r"\x00-\x20\x7f+\-*^<>=:\\\[\]"
_SIGNS = r"+\-*^<>=\[\]"
_NAME_REST = rf"[^{_NO_NAME}]*"
_BRACKETED = r"[^\x00-\x20\x7f*^:\\\[\]]*"
_BRACKETS = rf"\[{_BRACKETED}(?:\[{_BRACKETED}\]{_BRACKETED})*\]"
_NAME = rf"(?:[^{_NO_NAME}0-9./]|\.(?![0-9])){_NAME_REST}(?:{_BRACKETS}{_NAME_REST})*"
_NUMERIC_LABEL = re.compile(rf"[ \t]*({NUMBER})[ \t]*:(?!:)")
"""At the beginning of a line, or behind its header."""
_TOKEN = re.compile(
    rf"(?P<number>{NUMBER})|(?P<operator><->|->|[<>]=?|=[<=>]?)"
    rf"|(?P<name>{_NAME})(?P<label>[ \t]*:)?|(?P<sign>[+-])|(?P<other>[^{SPACE}])"
)

_WRITERS = {
    "LP format - for model browsing": "Gurobi",
    "SCIP STATISTICS": "SCIP",
    "File written by HiGHS": "HiGHS",
}
"""By what they say in a comment at the top. Their files have spaces around all but names, which may hold anything."""
_LP_SOLVE = re.compile(r"/\*|//|(?:max|min)(?:imi[sz]e)?[ \t]*:.*;", re.IGNORECASE)
"""How files in lp_solve's format begin: with a comment, or an objective with a colon and a semicolon."""
_LP_SOLVE_FIX = "write it as MPS with 'lp_solve -S1 -parse model.lp -wfmps model.mps'"
_INFINITE = ("inf", "infinity")
_INFINITE_LENGTHS = frozenset(map(len, _INFINITE))
COMPARISONS = ("<", ">", "=")
_BEGINNINGS = ("header", "label", "name", "infinity", "number")
"""What may begin a line."""


class Tokens:
    """The tokens of a file, the next one in sight once it is started."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.writer = ""
        """The program that says it wrote the file, if it is one of those known to write any name as it is."""
        self._tokens = self._scan(lines)
        self._last: Token | None = None
        """The one taken last."""
        self.line = 1
        """Of the next token; the last line that has one at the end."""
        self.next: Token | None = None
        self.new_line = True
        """Whether the next token is the first of its line."""

    def start(self) -> None:
        """Bring the first token in sight."""
        self.next = next(self._tokens, None)
        self.line = 1 if self.next is None else self.next.line

    @property
    def last_line(self) -> int:
        """The line of the token taken last, which most problems are with."""
        return self.line if self._last is None else self._last.line

    def at(self, *kinds: str) -> bool:
        """Whether the next token is of one of these kinds."""
        return self.next is not None and self.next.kind in kinds

    def take(self, *kinds: str) -> str | None:
        """Return the next token's text and go on, if it is of one of these kinds."""
        token = self.next
        if token is None or token.kind not in kinds:
            return None
        self._last = token
        self.next = next(self._tokens, None)
        if self.next is not None:
            self.line = self.next.line
        self.new_line = self.line > token.line
        return token.text

    def need(self, what: str, *kinds: str) -> str:
        """As `take`, but say ``what`` was needed when it is not there."""
        text = self.take(*kinds)
        if text is None:
            raise self.unexpected(what)
        return text

    def follow(self, what: str, *kinds: str) -> str:
        """As `need`, where it goes on with what came before: when the line ended too early, that line is named."""
        if self._last is not None and self.new_line and self.at(*_BEGINNINGS) and not self.at(*kinds):
            raise Problem(f"the line ends where {what} should follow{other_section(self._last)}", self._last.line)
        return self.need(what, *kinds)

    def unexpected(self, wanted: str) -> Problem:
        """Return the problem that something else than ``wanted`` comes next."""
        token = self.next
        if token is None:
            return Problem(f"the file ends where {wanted} should follow: is it complete?")
        if label := _spaced_label(token):
            return Problem(with_colon(label) if is_header(label) else f"a name has no spaces: '{label}:'", token.line)
        return Problem(f"{wanted} should stand where {token.text[:SHOWN]!r} does{reason(token)}", token.line)

    def other_format(self) -> str:
        """Return what else a file seems to be that begins with the next token, to be put behind a message."""
        token = self.next
        if token is not None and _LP_SOLVE.match(token.source.strip(SPACE)):
            return f"; this looks like lp_solve's own format: {_LP_SOLVE_FIX}"
        if token is not None and token.kind == "label" and is_header(token.text):
            return f"; write {token.text!r} without a colon, or, if this is lp_solve's own format: {_LP_SOLVE_FIX}"
        return ""

    def _scan(self, lines: Iterable[str]) -> Iterator[Token]:
        for number, line in enumerate(lines, 1):
            text, backslash, comment = line.partition("\\")
            if backslash and not text.strip(SPACE):
                self.writer = next((name for mark, name in _WRITERS.items() if mark in comment), self.writer)
            elif backslash and self.writer and text[-1] not in SPACE:
                raise self._cut(Token("other", "", number, line, len(text)))
            last = None
            for token in _tokens_of(text, number):
                if self.writer and last is not None and token.glued and _inside_a_word(last, token):
                    raise self._cut(token)
                yield token
                last = token

    def _cut(self, token: Token) -> Problem:
        return Problem(
            f"{token.word!r} is one name where {self.writer} wrote it, but others read several things: rename it",
            token.line,
        )


def _inside_a_word(last: Token, token: Token) -> bool:
    """Whether two tokens without a space between them can only be parts of one name in a file with spaces."""
    return last.kind in ("name", "number", "infinity") or (last.kind == "sign" and token.kind in ("name", "label"))


def _spaced_label(token: Token) -> str:
    """Return what stands before the first colon of the token's line when that is several words without any sign."""
    start = header.end() if (header := _HEADER.match(token.source.lstrip(SPACE))) else 0
    text, colon, _ = token.source.lstrip(SPACE)[start:].partition(":")
    label = text.strip(SPACE)
    spaced = colon and len(label.split()) > 1 and re.fullmatch(rf"[^{_NO_NAME}0-9.][^{_SIGNS}]*", label)
    return label if spaced and token.start < token.source.index(":") else ""


def is_header(name: str) -> bool:
    """Whether a name is also a word that begins a section."""
    return _HEADER.fullmatch(name) is not None


def _tokens_of(text: str, line: int) -> Iterator[Token]:
    start = len(text) - len(text.lstrip(SPACE))
    header = _HEADER.match(text, start)
    if header is not None:
        key = _KEYS[int(str(header.lastgroup)[1:])]
        if _begins_section(key, header[0], text[header.end() :], line):
            yield Token("header", key, line, text, start)
            start = header.end()
    if (numbered := _NUMERIC_LABEL.match(text, start)) is not None:
        yield Token("label", numbered[1], line, text, numbered.start(1))
        start = numbered.end()
    for match in _TOKEN.finditer(text, start):
        kind = str(match.lastgroup)
        word = match["name"] if kind == "label" else match[0]
        if kind == "name":
            if len(word) in _INFINITE_LENGTHS and word.lower() in _INFINITE:
                kind = "infinity"
        elif kind == "operator" and word not in ("->", "<->"):
            word = word.replace("=", "") or "="
        yield Token(kind, word, line, text, match.start())


def _begins_section(key: str, word: str, following: str, line: int) -> bool:
    rest = following.strip(SPACE)
    if rest.startswith(":"):
        return False
    signed = following.startswith(("+", "-")) or (rest.startswith(("+", "-")) and key not in _BEFORE_SIGNS)
    if signed or rest.startswith(("<", ">", "=")):
        if word.lower() in _OFTEN_NAMES:
            return False
        raise Problem(f"{word!r} begins a section: rename the variable or row that has this name", line)
    return not rest or key != "numbered sets"

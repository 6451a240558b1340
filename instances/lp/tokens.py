"""LP files as tokens: words that begin sections, names, numbers, signs and comparisons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

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

SPACE = " \t\r\n"
"""White space of an LP file. What Unicode adds may be part of a name, as may any byte of an older encoding."""
_NO_NAME = r"\x00-\x20\x7f+\-*^<>=:\\\[\]"
_SIGNS = r"+\-*^<>=\[\]"
_NAME_REST = rf"[^{_NO_NAME}]*"
_BRACKETED = r"[^\x00-\x20\x7f*^:\\\[\]]*"
_BRACKETS = rf"\[{_BRACKETED}(?:\[{_BRACKETED}\]{_BRACKETED})*\]"
_NAME = rf"(?:[^{_NO_NAME}0-9./]|\.(?![0-9])){_NAME_REST}(?:{_BRACKETS}{_NAME_REST})*"
_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMERIC_LABEL = re.compile(rf"[ \t]*({_NUMBER})[ \t]*:(?!:)")
"""At the beginning of a line, or behind its header."""
_SEPARATED = re.compile(r"\d{1,3}(?:([,._'])\d{3}(?:\1\d{3})*)")
"""A number with something between its thousands, as people write it."""
_TOKEN = re.compile(
    rf"(?P<number>{_NUMBER})|(?P<operator><->|->|[<>]=?|=[<=>]?)"
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
_CLOSING = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
INDICATORS = "indicator constraints are written 'b = 1 -> x + y <= 3'"
_INFINITE = ("inf", "infinity")
_INFINITE_LENGTHS = frozenset(map(len, _INFINITE))
COMPARISONS = ("<", ">", "=")
_SHOWN = 60
"""Characters of a file's text that a message shows."""


class Problem(Exception):
    """What is wrong, in a line that is known or else where the reader stands."""

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
        return (self.source[begin : self._end_of_word(begin)] if open_brackets else self.source[begin:end])[:_SHOWN]

    def _end_of_word(self, begin: int) -> int:
        end = begin
        while end < len(self.source) and self.source[end] not in SPACE:
            end += 1
        return end


class Tokens:
    """The tokens of a file, the next one in sight once it is started."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.writer = ""
        """The program that says it wrote the file, if it is one of those known to write any name as it is."""
        self._tokens = self._scan(lines)
        self.line = 1
        """Of the next token; the last line that has one at the end."""
        self.next: Token | None = None
        self.new_line = True
        """Whether the next token is the first of its line."""

    def start(self) -> None:
        """Bring the first token in sight."""
        self.next = next(self._tokens, None)
        self.line = 1 if self.next is None else self.next.line

    def at(self, *kinds: str) -> bool:
        """Whether the next token is of one of these kinds."""
        return self.next is not None and self.next.kind in kinds

    def take(self, *kinds: str) -> str | None:
        """Return the next token's text and go on, if it is of one of these kinds."""
        token = self.next
        if token is None or token.kind not in kinds:
            return None
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

    def unexpected(self, wanted: str) -> Problem:
        """Return the problem that something else than ``wanted`` comes next."""
        token = self.next
        if token is None:
            return Problem(f"the file ends where {wanted} should follow: is it complete?")
        if label := _spaced_label(token):
            if is_header(label):
                return Problem(f"'{label}:' is no section: write {label!r}, without a colon")
            return Problem(f"a name has no spaces: '{label}:'")
        return Problem(f"{wanted} should stand where {token.text[:_SHOWN]!r} does{_reason(token)}")

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


def _reason(token: Token) -> str:
    """Return why a token may stand where another was expected."""
    last = token.source[token.start - 1] if token.glued else ""
    if token.text == "[" and not _part_of_name(last):
        return ": quadratic terms are not part of a MILP"
    if token.text == "[" and "*" in token.word:
        return f": {token.word!r} is a name to Gurobi and a product to SCIP, which is no part of a MILP: rename it"
    if token.text in ("^", "*"):
        return f": products and powers are not part of a MILP (in {token.word!r})"
    if token.text in ("->", "<->"):
        return f": {INDICATORS}"
    if last and (problem := separators(token.word)):
        return f": {problem}"
    if last and token.kind != "header":
        return f": {token.word!r} is no name in an LP file; if it was meant to be one, rename it"
    return ""


def separators(word: str) -> str:
    """Return what is wrong with a number that has something between its thousands; empty when the word is none."""
    if not (found := _SEPARATED.fullmatch(word)):
        return ""
    decimal = f", or {word.replace(',', '.')} if the comma is a decimal one" if word.count(",") == 1 else ""
    return f"{word!r} has {found[1]!r} between its digits; write {re.sub(r'[^0-9]', '', word)}{decimal}"


def _part_of_name(character: str) -> bool:
    return character != "" and character not in "0123456789+-*/<>=:"


def is_header(name: str) -> bool:
    """Whether a name is also a word that begins a section."""
    return _HEADER.fullmatch(name) is not None


def cut_name(token: Token) -> str | None:
    """Return the whole word when a name's token is only a part of it: a bracket or quote opened in it is not closed."""
    name = token.text
    quoted = name[0] in "\"'" and (len(name) == 1 or name[-1] != name[0])
    if quoted or any(name.count(opening) > name.count(_CLOSING[opening]) for opening in "({"):
        return token.word
    return None


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

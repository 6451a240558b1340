"""Reading LP files (CPLEX's format), strictly: what is not understood is refused with its line, never guessed.

HiGHS 1.15 reads ``1 <= 2 x + 3 y <= 8`` as two other rows, ignores the constant of ``x + 3 >= 2`` and takes a file of
another kind for an empty model, all without a word. Here a file means one thing or is refused. Where readers disagree:

- A bound that is given again replaces the one before (CPLEX).
- The default lower bound of 0 stays when only a negative upper bound is given (CPLEX): no number meets these two.
- Binary cuts the bounds down to 0 .. 1, so that a fixed binary stays fixed (SCIP).
- A variable that occurs more than once in a row or in the objective has the sum of its coefficients.
- ``<`` and ``>`` mean ``<=`` and ``>=``; numbers from 1e20 on are infinite as bounds and right-hand sides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from instances.builder import INFINITY, Builder, bounded
from instances.errors import UnreadableModel
from instances.model import Model, VariableKind

_HEADERS = {
    "minimize": r"min(imi[sz]e|imum)?",
    "maximize": r"max(imi[sz]e|imum)?",
    "rows": r"subject\s+to|such\s+that|s\.t\.|st\.?",
    "bounds": r"bounds?",
    "general": r"generals?|gen|integers?|int",
    "binary": r"binary|binaries|bin",
    "semi": r"semi-continuous|semis?",
    "end": r"end",
    "special ordered sets": r"sos[12]?",
    "lazy constraints": r"lazy\s+constraints",
    "user cuts": r"user\s+cuts",
    "general constraints": r"general\s+constraints?|gencons?",
    "piecewise-linear objectives": r"pwlobj",
}
# The first three may be followed by their first expression; the others stand alone on their line.
_ALONE, _FOLLOWED = r"$", r"(?!\S)"
_HEADER = re.compile(
    "|".join(
        f"(?P<h{number}>{words}){_FOLLOWED if number < 3 else _ALONE}" for number, words in enumerate(_HEADERS.values())
    ),
    re.IGNORECASE,
)
_UNSUPPORTED = tuple(_HEADERS)[8:]

_NAME = r"[^\s\d.+\-*/^<>=:\\\[\]][^\s+\-*/^<>=:\\]*"
_TOKEN = re.compile(
    rf"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<operator>->|[<>]=?|=[<>]?)|(?P<label>{_NAME})\s*:"
    rf"|(?P<name>{_NAME})|(?P<sign>[+-])|(?P<other>\S)"
)


_REASONS = {
    "[": ": quadratic terms are not part of a MILP",
    "->": ": indicator constraints are not part of a MILP",
}
_UNNAMED = " "
"""Begins the name of a row without a label, as no label can."""
_MIRRORED = {"<": ">", ">": "<", "=": "="}


class _Token(NamedTuple):
    kind: str
    """number, infinity, operator, label, name, sign, header or other."""
    text: str
    """A header's is its key in _HEADERS, an operator's is one of < > = ->."""
    line: int


class _Expression(NamedTuple):
    terms: dict[int, float]
    """Column to coefficient."""
    constant: float
    broken: bool
    """Whether a line ends between the first coefficient and its variable."""


class _Problem(Exception):
    """What is wrong where the reader stands."""


def read_lp(lines: Iterable[str]) -> Model:
    """Read a model from the lines of an LP file.

    Raises:
        UnreadableModel: says what is wrong and in which line.

    """
    tokens = _Tokens(lines)
    reader = _Reader(tokens)
    try:
        reader.read()
    except _Problem as problem:
        raise UnreadableModel(f"line {tokens.line}: {problem}") from None
    try:
        return reader.model()
    except ValueError as problem:
        raise UnreadableModel(str(problem)) from None


def _tokens(lines: Iterable[str]) -> Iterator[_Token]:
    for number, line in enumerate(lines, 1):
        text = line.partition("\\")[0].strip()
        header = _HEADER.match(text)
        if header is not None and header.lastgroup is not None:
            yield _Token("header", list(_HEADERS)[int(header.lastgroup[1:])], number)
            text = text[header.end() :]
        for match in _TOKEN.finditer(text):
            kind = str(match.lastgroup)
            word = match[kind]
            if kind == "name" and word.lower() in ("inf", "infinity"):
                kind = "infinity"
            if kind == "operator" and word != "->":
                word = word.replace("=", "") or "="
            yield _Token(kind, word, number)


class _Tokens:
    """The tokens of a file, the next one in sight."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._tokens = _tokens(lines)
        self.next = next(self._tokens, None)
        self.line = 1 if self.next is None else self.next.line
        """Of the next token; the last line that has one at the end."""
        self.new_line = True
        """Whether the next token is the first of its line."""

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

    def unexpected(self, wanted: str) -> _Problem:
        """Return the problem that something else than ``wanted`` comes next."""
        if self.next is None:
            return _Problem(f"the file ends where {wanted} should follow: is it complete?")
        return _Problem(f"{wanted} should stand where {self.next.text[:60]!r} does{_REASONS.get(self.next.text, '')}")


class _Reader:
    """What has been read so far."""

    def __init__(self, tokens: _Tokens) -> None:
        self._tokens = tokens
        self._builder = Builder()
        self._integer: set[int] = set()
        self._binary: set[int] = set()
        self._semi: set[int] = set()

    def read(self) -> None:
        """Read all there is."""
        self._read_objective()
        if self._header() is None:
            raise self._tokens.unexpected("a sign or a section")
        sections: dict[str, Callable[[], None]] = {
            "rows": self._read_row,
            "bounds": self._read_bound,
            "general": partial(self._read_member, self._integer),
            "binary": partial(self._read_member, self._binary),
            "semi": partial(self._read_member, self._semi),
        }
        while (header := self._header()) != "end":
            if header is None or header not in sections:
                raise self._tokens.unexpected("another section")
            self._tokens.take("header")
            while self._header() is None:
                sections[header]()
        self._tokens.take("header")
        if self._tokens.next is not None:
            raise self._tokens.unexpected("nothing more, after 'End',")

    def model(self) -> Model:
        """Return the model, once all is read."""
        self._settle_kinds()
        self._settle_names()
        return self._builder.build()

    def _header(self) -> str | None:
        """Return the header that comes next, None when something else does."""
        if self._tokens.next is None:
            raise self._tokens.unexpected("another section or 'End'")
        if self._tokens.next.kind != "header":
            return None
        name = self._tokens.next.text
        if name in _UNSUPPORTED:
            raise _Problem(f"{name} are not part of a MILP")
        return name

    def _read_objective(self) -> None:
        sense = self._tokens.take("header")
        if sense not in ("minimize", "maximize"):
            raise _Problem("an LP file begins with Minimize or Maximize")
        self._builder.maximise = sense == "maximize"
        self._tokens.take("label")
        terms, self._builder.offset, _ = self._expression()
        for column, value in terms.items():
            self._builder.objective[column] = value

    def _read_row(self) -> None:
        # A row without a label gets its name at the end, when those that are taken are known.
        name = self._tokens.take("label") or f"{_UNNAMED}{len(self._builder.rows) + 1}"
        if name in self._builder.rows:
            raise _Problem(f"a second row {name!r}")
        first = self._expression()
        operator = self._operator()
        if first.terms:
            expression, sides = first, [(operator, self._number())]
            if self._tokens.at("name", "sign") and not self._tokens.new_line:
                raise self._tokens.unexpected("the next row, since a right-hand side is one number,")
        else:
            # side <= expression, or side <= expression <= side
            expression, sides = self._expression(), [(_MIRRORED[operator], first.constant)]
            if expression.broken:
                raise _Problem(f"row {name!r}: does the number before this line multiply what follows, or end the row?")
            if self._tokens.at("operator"):
                sides.append((self._operator(), self._number()))
                if {operator for operator, _ in sides} != {"<", ">"}:
                    raise _Problem(f"row {name!r} needs a lower and an upper side around its expression")
        lower, upper = -INFINITY, INFINITY
        for operator, side in sides:
            bound = bounded(side) - expression.constant
            lower = bound if operator in ">=" else lower
            upper = bound if operator in "<=" else upper
        self._builder.add_row(name, expression.terms.items(), lower=lower, upper=upper)

    def _expression(self) -> _Expression:
        terms: dict[int, float] = {}
        constant = 0.0
        broken = False
        first = True
        while first or self._tokens.at("sign"):
            sign, signed = self._sign()
            if self._tokens.at("number", "infinity"):
                value = sign * self._magnitude()
                if not self._tokens.at("name"):
                    constant += value
                else:
                    broken |= first and self._tokens.new_line
                    column = self._column()
                    terms[column] = terms.get(column, 0.0) + value
            elif self._tokens.at("name"):
                column = self._column()
                terms[column] = terms.get(column, 0.0) + sign
            elif signed:
                raise self._tokens.unexpected("a number or a variable")
            first = False
        return _Expression(terms, constant, broken)

    def _sign(self) -> tuple[float, bool]:
        """Take any signs; return their product and whether there were any."""
        sign, signed = 1.0, False
        while (text := self._tokens.take("sign")) is not None:
            sign, signed = (-sign if text == "-" else sign), True
        return sign, signed

    def _magnitude(self) -> float:
        infinite = self._tokens.at("infinity")
        text = self._tokens.need("a number", "number", "infinity")
        return INFINITY if infinite else float(text)

    def _number(self) -> float:
        sign, _ = self._sign()
        return sign * self._magnitude()

    def _operator(self) -> str:
        operator = self._tokens.need("<=, >= or =", "operator")
        if operator not in _MIRRORED:
            raise _Problem(f"{operator!r} is no comparison{_REASONS.get(operator, '')}")
        return operator

    def _column(self) -> int:
        """Take a variable's name; one not seen before becomes a new column."""
        name = self._tokens.need("a variable", "name")
        index = self._builder.columns.get(name)
        return self._builder.add_column(name) if index is None else index

    def _read_bound(self) -> None:
        if not self._tokens.at("name"):
            side = self._number()
            operator = self._operator()
            column = self._column()
            self._bound(column, _MIRRORED[operator], side)
            if self._tokens.at("operator"):
                self._bound(column, self._operator(), self._number())
            return
        column = self._column()
        if self._tokens.next is not None and self._tokens.at("name") and self._tokens.next.text.lower() == "free":
            self._tokens.take("name")
            self._builder.lower[column], self._builder.upper[column] = -INFINITY, INFINITY
        else:
            self._bound(column, self._operator(), self._number())

    def _bound(self, column: int, operator: str, value: float) -> None:
        if operator in ">=":
            self._builder.lower[column] = bounded(value)
        if operator in "<=":
            self._builder.upper[column] = bounded(value)

    def _read_member(self, kind: set[int]) -> None:
        kind.add(self._column())

    def _settle_names(self) -> None:
        rows = self._builder.rows
        names = []
        for name in rows:
            if name.startswith(_UNNAMED):
                name = f"R{name.removeprefix(_UNNAMED)}"
                while name in rows:
                    name += "_"
            names.append(name)
        self._builder.rows = {name: index for index, name in enumerate(names)}

    def _settle_kinds(self) -> None:
        builder = self._builder
        for column in self._binary:
            builder.lower[column] = max(builder.lower[column], 0.0)
            builder.upper[column] = min(builder.upper[column], 1.0)
        integer = self._integer | self._binary
        for column in integer:
            builder.kind[column] = VariableKind.INTEGER
        for column in self._semi:
            builder.kind[column] = VariableKind.SEMI_INTEGER if column in integer else VariableKind.SEMI_CONTINUOUS

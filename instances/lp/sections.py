"""The sections of an LP file."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from typing import NamedTuple

from instances.builder import INFINITE, INFINITY, Builder, bounded
from instances.lp.expressions import Expression, Expressions, ambiguous
from instances.lp.reasons import reason, with_colon
from instances.lp.token import Problem
from instances.lp.tokens import Tokens, is_header
from instances.model import Model, VariableKind

_SEVERAL = "the file has several objectives"
_REFUSED = {
    "several objectives": f"{_SEVERAL}; tuner takes one: keep it, or weigh them into one",
    "lazy constraints": "lazy constraints are not read: move them to 'Subject To', where they mean the same",
    "user cuts": "user cuts are not read: remove them, which changes no solution",
    "general constraints": "general constraints (MAX, ABS, AND, ...) are not part of a MILP: write them as rows",
    "piecewise-linear objectives": "piecewise-linear objectives are not part of a MILP: write them as rows",
    "numbered sets": "special ordered sets stand in a section 'SOS', each as 'name: S1:: x:1 y:2'",
}
_UNNAMED = " "
"""Begins the name of a row without a label, as no label can."""
_MIRRORED = {"<": ">", ">": "<", "=": "="}
_TYPES = {"S1": 1, "S2": 2}
_STRAYS_SHOWN = 3
_NO_BOUND = "a bound is one variable and numbers, without a coefficient; anything else is a row, in 'Subject To'"


class _Comparison(NamedTuple):
    """``lower <= expression <= upper``, constants moved to the sides."""

    expression: Expression
    lower: float
    upper: float


class Sections:
    """What has been read so far."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._builder = Builder()
        self._expressions = Expressions(tokens, self._builder)
        self._integer: set[int] = set()
        self._binary: set[int] = set()
        self._semi: set[int] = set()
        self._sets: list[tuple[str, int, list[tuple[int, float]]]] = []
        """Name or nothing, type, members."""
        self._bound_line = 0
        """Where the last bound begins."""

    def read(self) -> None:
        """Read all there is."""
        self._read_objective()
        sections: dict[str, Callable[[], None]] = {
            "rows": self._read_row,
            "bounds": self._read_bound,
            "general": partial(self._read_member, self._integer),
            "binary": partial(self._read_member, self._binary),
            "semi": partial(self._read_member, self._semi),
            "sets": self._read_sets,
        }
        if self._header() is None:
            if self._tokens.at("label") and self._tokens.new_line:
                raise self._no_rows()
            raise self._tokens.unexpected("a sign or a section")
        section = ""
        while (header := self._header()) not in ("end", "nothing"):
            if header not in sections:
                raise self._tokens.unexpected("another section, as a file has one objective,")
            self._take_header(again=header == section)
            section = header
            while self._header() is None:
                sections[section]()
            if section in ("general", "binary", "semi"):
                self._check_no_member()
        if header == "nothing":
            self._builder.warnings.append("has no 'End': read to its last line; is it complete?")
        self._tokens.take("header")
        if self._tokens.next is not None:
            raise self._tokens.unexpected("nothing more, after 'End',")

    def model(self) -> Model:
        """Return the model, once all is read."""
        self._settle_kinds()
        self._settle_names()
        self._settle_sets()
        self._tell_strays()
        return self._builder.build()

    def _no_rows(self) -> Problem:
        """Return the problem that a label follows the objective."""
        label = "" if self._tokens.next is None else self._tokens.next.text
        missing = f"'Subject To' is missing before '{label}:', or {_SEVERAL}; tuner takes one"
        return Problem(with_colon(label) if is_header(label) else missing, self._tokens.line)

    def _header(self) -> str | None:
        """Return the header that comes next, "nothing" at the end of the file, None when something else does."""
        token = self._tokens.next
        if token is None:
            if not self._builder.columns:
                raise self._tokens.unexpected("another section or 'End'")
            return "nothing"
        if token.kind != "header":
            return None
        if token.text in _REFUSED:
            raise Problem(_REFUSED[token.text], token.line)
        return token.text

    def _take_header(self, *, again: bool) -> None:
        token = self._tokens.next
        self._tokens.take("header")
        if again and token is not None and self._tokens.at("sign") and not self._tokens.new_line:
            raise Problem(f"{token.word!r} begins a section: rename the variable that has this name", token.line)

    def _check_no_member(self) -> None:
        """Refuse a header that may be a member of the section before it; ``end`` is the end to all readers."""
        token = self._tokens.next
        if token is None or token.text == "end":
            return
        if token.word in self._builder.columns:
            raise Problem(f"{token.word!r} is a variable and begins a section: rename the variable", token.line)
        if token.word.lower() == "int":
            raise Problem(
                f"{token.word!r} is a variable to Gurobi and HiGHS, and begins a section to others: write Generals",
                token.line,
            )

    def _read_objective(self) -> None:
        header = None if self._tokens.next is None or not self._tokens.at("header") else self._header()
        if header == "rows":
            return
        if header not in ("minimize", "maximize"):
            raise Problem(
                "an LP file begins with Minimize or Maximize, or, without an objective, with Subject To"
                f"{self._tokens.other_format()}",
                self._tokens.line,
            )
        self._tokens.take("header")
        self._builder.maximise = header == "maximize"
        self._tokens.take("label")
        expression = self._expressions.take()
        if expression.infinite:
            raise self._tokens.unexpected("a sign or a section")
        self._builder.offset = expression.constant
        for column, value in expression.terms.items():
            self._builder.objective[column] = value

    def _read_row(self) -> None:
        # A row without a label gets its name at the end, when those that are taken are known.
        line, label = self._tokens.line, self._tokens.take("label")
        is_word = label is not None and self._tokens.new_line and is_header(label)
        name = label or f"{_UNNAMED}{len(self._builder.rows) + 1}"
        if name in self._builder.rows:
            raise Problem(f"a second row {name!r}")
        if is_word:
            self._builder.warnings.append(
                f"line {line}: '{label}:' is read as a row's name; a section's begins without a colon"
            )
        try:
            comparison = self._read_comparison(label)
        except Problem:
            if label is not None and is_header(label) and (is_word or self._tokens.new_line):
                raise Problem(with_colon(label), line) from None
            raise
        indicator = None
        if self._tokens.next is not None and self._tokens.next.text == "->":
            indicator = _indicator(comparison)
            self._tokens.take("operator")
            comparison = self._read_comparison(label)
        row = self._builder.add_row(
            name, comparison.expression.terms.items(), lower=comparison.lower, upper=comparison.upper
        )
        if indicator is not None:
            self._builder.add_indicator(row, *indicator)
        self._end_line("the next row, since a right-hand side is one number,")

    def _read_comparison(self, label: str | None) -> _Comparison:
        named = f"row {label!r}" if label else "a row"
        if self._tokens.at("operator"):
            return _compared(Expression({}), [(self._expressions.operator(), self._expressions.number())])
        first = self._expressions.take()
        operator = self._expressions.operator()
        if first.terms:
            return _compared(first, [(operator, self._expressions.number())])
        # side <= expression, or side <= expression <= side; where a number stands alone, a variable may be called inf
        expression = self._expressions.take()
        if not expression.terms:
            if not first.infinite or expression.infinite:
                raise Problem(f"{named} has no variable")
            column = self._expressions.named(first.infinite)
            terms = {column: 1.0 if first.constant > 0 else -1.0}
            return _compared(Expression(terms), [(operator, expression.constant)])
        if expression.doubt:
            raise Problem(f"{named}: {expression.doubt}")
        sides = [(_MIRRORED[operator], first.constant)]
        if self._tokens.at("operator"):
            sides.append((self._expressions.operator(), self._expressions.number()))
            if {operator for operator, _ in sides} != {"<", ">"}:
                raise Problem(f"{named} needs a lower and an upper side around its expression")
        return _compared(expression, sides)

    def _read_bound(self) -> None:
        self._bound_line = self._tokens.line
        if self._tokens.at("label"):
            raise Problem("a bound has no name: remove what stands before the colon", self._bound_line)
        if self._tokens.at("name"):
            self._read_bound_of(self._bounded_column())
        else:
            self._read_bounds_around()
        if self._tokens.at("sign") and not self._tokens.new_line:
            raise self._no_bound()
        self._end_line("the next bound, on a line of its own,")

    def _read_bound_of(self, column: int) -> None:
        if self._tokens.next is not None and self._tokens.at("name") and self._tokens.next.text.lower() == "free":
            self._tokens.take("name")
            self._free(column)
        elif self._tokens.at("sign"):
            raise self._no_bound()
        else:
            self._bound(column, self._expressions.operator(), self._side())

    def _read_bounds_around(self) -> None:
        word = self._tokens.next
        if not self._tokens.at("number", "infinity", "sign"):
            raise self._tokens.unexpected("a variable or a number")
        side = self._side()
        if word is not None and word.kind == "infinity" and not self._tokens.at("operator"):
            raise Problem(_number(word.text))
        if self._tokens.at("name") and not self._tokens.new_line:
            raise self._no_bound()
        operator = self._expressions.operator()
        if word is not None and word.kind == "infinity" and not self._tokens.at("name", "infinity"):
            raise Problem(_number(word.text))
        column = self._bounded_column()
        self._bound(column, _MIRRORED[operator], side)
        if self._tokens.at("operator"):
            second = self._expressions.operator()
            if second != operator or operator == "=":
                raise Problem("two bounds around a variable need <= twice, or >= twice")
            self._bound(column, second, self._side())

    def _side(self) -> float:
        try:
            return self._expressions.number()
        except Problem:
            if self._tokens.at("name") and not self._tokens.new_line:
                raise self._no_bound() from None
            raise

    def _no_bound(self) -> Problem:
        """Return the problem that the next token makes more of a bound than one variable and its numbers."""
        return Problem(f"{_NO_BOUND}{'' if self._tokens.next is None else reason(self._tokens.next)}")

    def _bounded_column(self) -> int:
        known = len(self._builder.columns)
        column = self._expressions.column()
        if column >= known:
            self._expressions.strays.add(column)
        return column

    def _bound(self, column: int, operator: str, value: float) -> None:
        none = operator == "<" and value == INFINITY
        if column in self._binary and not (0 <= value <= 1 or none):
            self._refuse_bound_of_binary(column, f"the bound {value:g}")
        _check_side(operator, value, "bound")
        if operator in ">=":
            self._builder.lower[column] = bounded(value)
        if operator in "<=":
            self._builder.upper[column] = bounded(value)

    def _refuse_bound_of_binary(self, column: int, bound: str) -> None:
        raise Problem(
            f"{self._expressions.name(column)!r} is binary and has {bound} behind Binaries: HiGHS and SCIP read that, "
            "CPLEX ignores it, and Gurobi refuses the file; remove the bound, or list the variable in Generals instead",
            self._bound_line,
        )

    def _free(self, column: int) -> None:
        if column in self._binary:
            self._refuse_bound_of_binary(column, "'free'")
        upper = self._builder.upper[column]
        if upper < INFINITY:
            name = self._expressions.name(column)
            raise Problem(
                f"{name!r} has the upper bound {upper:g} and is then free: Gurobi and SCIP keep that bound, CPLEX and "
                f"HiGHS drop it; write '-inf <= {name} <= {upper:g}', or remove one of the two"
            )
        self._builder.lower[column] = -INFINITY

    def _read_member(self, kind: set[int]) -> None:
        token = self._tokens.next
        if token is not None and token.kind == "name" and is_header(token.text):
            raise Problem(
                f"{token.text!r} is a variable to some readers and begins a section to others: rename it", token.line
            )
        known = len(self._builder.columns)
        column = self._expressions.column()
        if column in self._binary and kind is not self._binary and self._has_wide_bounds(column):
            lower, upper = self._builder.lower[column], self._builder.upper[column]
            raise Problem(
                f"{self._expressions.name(column)!r} has the bounds {lower:g} .. {upper:g} and is in Binaries, and "
                "then in another list: CPLEX keeps these bounds, and SCIP reads 0 .. 1; list it once",
                0 if token is None else token.line,
            )
        kind.add(column)
        if column >= known and token is not None:
            if token.text.strip(",;") != token.text or "," in token.text:
                raise Problem(f"there is no variable {token.text!r}; names are separated by spaces alone")
            self._expressions.strays.add(column)

    def _read_sets(self) -> None:
        """Read all sets of a section: only what follows a name tells whether it is a member's or the next set's."""
        beginning: str | None = self._tokens.need("a set such as 's1: S1:: x:1 y:2'", "label")
        while beginning is not None:
            type = self._tokens.take("label")
            name, type = ("", beginning) if type is None else (beginning, type)
            if type not in _TYPES:
                raise Problem(f"{type!r} is no type of special ordered set: 'S1::' or 'S2::' stands before the members")
            if self._tokens.next is None or self._tokens.next.text != ":":
                raise self._tokens.unexpected("a second ':'")
            self._tokens.take("other")
            members: list[tuple[int, float]] = []
            beginning = None
            while beginning is None and (member := self._tokens.take("label")) is not None:
                if not self._tokens.at("label", "other"):
                    if member not in self._builder.columns:
                        raise Problem(f"there is no variable {member!r}, which a special ordered set names")
                    members.append((self._builder.columns[member], self._expressions.number()))
                else:
                    beginning = member
            self._sets.append((name, _TYPES[type], members))
        if self._header() is None:
            raise self._tokens.unexpected("a member of a set, such as x:1, or a section")

    def _end_line(self, wanted: str) -> None:
        if self._tokens.next is not None and not self._tokens.new_line:
            raise self._tokens.unexpected(wanted)

    def _has_wide_bounds(self, column: int) -> bool:
        """Whether the bounds given so far ask for more than a binary has; no upper bound is none that was given."""
        return self._builder.lower[column] < 0 or 1 < self._builder.upper[column] < INFINITY

    def _settle_names(self) -> None:
        rows = self._builder.rows
        names = []
        for name in rows:
            if name.startswith(_UNNAMED):
                name = _free_name(f"R{name.removeprefix(_UNNAMED)}", rows)
            names.append(name)
        self._builder.rows = {name: index for index, name in enumerate(names)}

    def _settle_sets(self) -> None:
        names = {name for name, _, _ in self._sets}
        for number, (name, type, members) in enumerate(self._sets, 1):
            if members:
                self._builder.add_set(name or _free_name(f"SOS{number}", names), type, members)

    def _settle_kinds(self) -> None:
        builder = self._builder
        for column in self._binary:
            lower, upper = builder.lower[column], builder.upper[column]
            name = self._expressions.name(column)
            if lower > 1 or upper < 0:
                raise Problem(
                    f"{name!r} is binary and has the bounds {lower:g} .. {upper:g}, which neither 0 nor 1 meets; "
                    "remove them, or list it in Generals"
                )
            if self._has_wide_bounds(column):
                builder.warnings.append(
                    f"{name!r} is binary and has the bounds {lower:g} .. {upper:g}: read as 0 .. 1, as CPLEX, Gurobi "
                    "and SCIP do; HiGHS keeps the bounds"
                )
            lower = builder.lower[column] = max(lower, 0.0)
            builder.upper[column] = min(upper, 1.0)
            if column in self._semi and lower > 0:
                raise Problem(
                    f"{name!r} is binary, semi-continuous and not 0 by its bounds: to HiGHS "
                    "it may be 0, to Gurobi if Binaries come first, to others never; remove it from one of the sections"
                )
        integer = self._integer | self._binary
        for column in integer:
            builder.kind[column] = VariableKind.INTEGER
        # A binary that may be 0 anyway is no more than that.
        for column in self._semi - self._binary:
            builder.kind[column] = VariableKind.SEMI_INTEGER if column in integer else VariableKind.SEMI_CONTINUOUS

    def _tell_strays(self) -> None:
        names = [self._expressions.name(column) for column in sorted(self._expressions.strays)]
        if names:
            shown = ", ".join(map(repr, names[:_STRAYS_SHOWN]))
            rest = len(names) - _STRAYS_SHOWN
            more = f" and {rest} other{'s' if rest > 1 else ''}" if rest > 0 else ""
            self._builder.warnings.append(
                f"only bounds, or lists of integer, binary or semi-continuous variables, have {shown}{more}: CPLEX "
                "leaves them out; check the spelling"
            )


def _compared(expression: Expression, sides: list[tuple[str, float]]) -> _Comparison:
    if expression.glued:
        raise Problem(ambiguous(expression.glued))
    if abs(expression.constant) >= INFINITE:
        raise Problem(f"a row has the infinite constant {expression.constant:g}")
    lower, upper = -INFINITY, INFINITY
    for operator, side in sides:
        _check_side(operator, side, "row")
        bound = bounded(side) - expression.constant
        lower = bound if operator in ">=" else lower
        upper = bound if operator in "<=" else upper
    return _Comparison(expression, lower, upper)


def _check_side(operator: str, value: float, what: str) -> None:
    if (operator in ">=" and bounded(value) == INFINITY) or (operator in "<=" and bounded(value) == -INFINITY):
        raise Problem(
            f"nothing meets a {what} {operator}{'=' if operator != '=' else ''} {value:g}: correct the number"
        )


def _indicator(comparison: _Comparison) -> tuple[int, int]:
    """Return the column and the value of what stands before ``->``."""
    terms, value = comparison.expression.terms, comparison.lower
    if list(terms.values()) != [1.0] or value not in (0.0, 1.0) or comparison.upper != value:
        raise Problem("before '->' stands a binary variable that equals 0 or 1: 'b = 1 -> x + y <= 3'")
    return next(iter(terms)), int(value)


def _free_name(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _number(word: str) -> str:
    return f"{word!r} is infinity to HiGHS and SCIP, and a variable to CPLEX and Gurobi here: rename the variable"

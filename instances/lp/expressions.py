"""Linear expressions of an LP file, its comparisons, numbers and variables."""

from __future__ import annotations

from typing import NamedTuple

from instances.builder import INFINITE, INFINITY, Builder
from instances.lp.reasons import INDICATORS, cut_name, digit_first, no_decimal, separators
from instances.lp.token import Problem, Token
from instances.lp.tokens import COMPARISONS, Tokens


class Expression(NamedTuple):
    """A sum of terms and constants."""

    terms: dict[int, float]
    """Column to coefficient."""
    constant: float = 0.0
    doubt: str = ""
    """The question that a line's end leaves open for a row that begins with a number; empty when there is none."""
    infinite: str = ""
    """The spelling of the only word it has, when that may be infinity or a variable's name; empty otherwise."""
    glued: str = ""
    """A word in which a constant follows a name without a space, such as ``x-1``; empty when there is none."""


class Expressions:
    """Takes expressions from tokens; their variables become columns."""

    def __init__(self, tokens: Tokens, builder: Builder) -> None:
        self._tokens = tokens
        self._builder = builder
        self._names: list[str] = []
        """By column; kept here as asking the builder's dictionary for the name of a column is a walk through all."""
        self.strays: set[int] = set()
        """Columns that have occurred in no expression so far, but in bounds or where kinds are listed."""

    def take(self) -> Expression:
        """Take an expression; where none begins it is empty."""
        tokens = self._tokens
        terms: dict[int, float] = {}
        constant, doubt, glued = 0.0, "", ""
        first = True
        while first or tokens.at("sign"):
            if glued:
                raise Problem(ambiguous(glued))
            begin = tokens.next
            if not first and tokens.new_line:
                doubt = doubt or "does this line go on with it, or begin the next row?"
            sign, signed = self._sign()
            if tokens.at("number"):
                coefficient = tokens.next
                value = sign * self._magnitude()
                if tokens.at("name", "infinity"):
                    if first and tokens.new_line:
                        doubt = "does the number before this line multiply what follows, or end the row?"
                    self._add(terms, self._multiplied(coefficient), value)
                else:
                    glued = self._glued_constant(begin, coefficient)
                    constant += value
            elif tokens.at("infinity"):
                word = tokens.need("a variable", "infinity")
                if first and tokens.at("operator"):
                    return Expression({}, sign * INFINITY, infinite=word)
                if tokens.at("name") and not tokens.new_line:
                    self._add(terms, self.column(), sign * INFINITY)
                else:
                    self._add(terms, self.named(word), sign)
            elif tokens.at("name"):
                self._add(terms, self.column(), sign)
            elif signed:
                raise tokens.unexpected("a number or a variable")
            first = False
        return Expression(terms, constant, doubt, glued=glued)

    def number(self) -> float:
        """Take a number with its signs."""
        sign, _ = self._sign()
        return sign * self._magnitude()

    def operator(self) -> str:
        """Take a comparison."""
        operator = self._tokens.follow("<=, >= or =", "operator")
        if operator not in COMPARISONS:
            raise Problem(f"{operator!r} is no comparison: {INDICATORS}")
        return operator

    def column(self) -> int:
        """Take a variable; one not seen before becomes a new column."""
        token = self._tokens.next
        name = self._tokens.need("a variable", "name", "infinity")
        index = self._builder.columns.get(name)
        if index is None:
            if token is not None and (word := cut_name(token)):
                message = f"{word!r} is no name in an LP file, where signs and spaces end a name: rename it"
                raise Problem(message, token.line)
            index = self._add_column(name)
        return index

    def named(self, name: str) -> int:
        """Return the column of a variable; one not seen before becomes a new one."""
        index = self._builder.columns.get(name)
        return self._add_column(name) if index is None else index

    def name(self, column: int) -> str:
        """Return the name of a column."""
        return self._names[column]

    def _add_column(self, name: str) -> int:
        self._names.append(name)
        return self._builder.add_column(name)

    def _add(self, terms: dict[int, float], column: int, value: float) -> None:
        if column in terms and self._tokens.writer == "Gurobi":
            raise Problem(
                f"{self.name(column)!r} occurs twice in one expression: Gurobi writes '_' for spaces and colons in "
                "names, so that two variables have the same; rename them"
            )
        if abs(value) == INFINITY:
            raise Problem(f"the coefficient of {self.name(column)!r} is infinite: write a smaller one")
        if abs(value) >= INFINITE:
            raise Problem(
                f"the coefficient {value:g} of {self.name(column)!r} is infinite to HiGHS and SCIP, but a number to "
                "CPLEX and Gurobi; write a smaller one"
            )
        self.strays.discard(column)
        terms[column] = terms.get(column, 0.0) + value

    def _multiplied(self, coefficient: Token | None) -> int:
        """Take the variable behind its coefficient."""
        variable = self._tokens.next
        if coefficient is not None and variable is not None and variable.glued:
            # ``3x`` is three times x to all but Gurobi; ``2e``, ``1.x`` and ``3,5x`` are not to several.
            unclear = coefficient.text.endswith(".") or variable.text in ("e", "E") or variable.text[0] in ",;"
            if unclear:
                wrong = f"{variable.word!r} is neither a number nor a name: put a space into it, or rename it"
                raise Problem(separators(variable.word) or wrong, variable.line)
        column = self.column()
        if variable is not None and self._tokens.at("name", "infinity") and (wrong := no_decimal(variable)):
            raise Problem(wrong)
        return column

    def _glued_constant(self, begin: Token | None, number: Token | None) -> str:
        """Return the word in which a constant follows a name without a space; empty when there is none.

        Args:
            begin: the constant's first token, a sign if it has any.
            number: the token of its number.

        """
        if begin is None or number is None:
            return ""
        following = self._tokens.next
        beside = following is not None and following.kind == "number" and not self._tokens.new_line
        if following is not None and beside and (wrong := digit_first(following)):
            raise Problem(wrong, following.line)
        if self._tokens.writer == "Gurobi":
            raise Problem(f"{number.word!r} is a variable where Gurobi wrote it, but a number to others: rename it")
        return begin.word if begin.glued else ""

    def _sign(self) -> tuple[float, bool]:
        """Take any signs; return their product and whether there were any."""
        sign, signed = 1.0, False
        while (text := self._tokens.take("sign")) is not None:
            sign, signed = (-sign if text == "-" else sign), True
        return sign, signed

    def _magnitude(self) -> float:
        infinite = self._tokens.at("infinity")
        text = self._tokens.follow("a number", "number", "infinity")
        return INFINITY if infinite else float(text)


def ambiguous(word: str) -> str:
    """Say that a word may be a name or a sum."""
    return f"{word!r} is one name to Gurobi and a sum to HiGHS, and CPLEX and SCIP refuse it: add spaces, or rename it"

"""The rows of a model in exact numbers.

A number means what the file says: 0.1 is one tenth, although no double is. So a double is read as the shortest decimal
that stands for it. A number of sixteen digits or more was computed. It stands for every number that is rounded to the
same double, and only what holds for all of these is proven.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from instances.model import Floats, Model, VariableKind

Exact = int | Fraction
"""A number without a rounding error."""

COMPUTED = 16
"""A number that takes this many digits to write was computed. Every decimal of fifteen digits survives in a double."""
ROUNDED = 6
"""A decimal fraction of this many digits may have been rounded when it was written: C's %g writes six."""
_MONEY = 2
"""Decimals of an amount of money."""
_OUTWARDS = 1 + 2.0**-40
"""Makes up for the rounding of a few sums and products of doubles."""
KEPT = 200_000
"""Entries of exact rows that are kept from point to point: some 50 MiB."""
_LARGEST = 2.0**53
"""Whole numbers up to this, and sums of them, are exact in doubles."""
_EPSILON = 2.0**-52


@lru_cache(maxsize=65536)
def written(number: float) -> Exact:
    """Return a finite double as the decimal that it is written as."""
    if number.is_integer() and abs(number) < _LARGEST:
        return int(number)
    return Fraction(repr(number))


def integer_columns(model: Model) -> NDArray[np.bool_]:
    """Return which variables take whole numbers only, shape (n,)."""
    return np.asarray((model.kind == VariableKind.INTEGER) | (model.kind == VariableKind.SEMI_INTEGER))


def size(number: Exact) -> Exact:
    """Return the absolute value."""
    return -number if number < 0 else number


@lru_cache(maxsize=65536)
def uncertainty(number: float) -> float:
    """Return how far what is meant may be from the decimal that is written: 0 for a number that was not computed.

    For one that was, it reaches as far as numbers are rounded to the same double; at most a unit in the last place.
    """
    if not math.isfinite(number) or (number.is_integer() and abs(number) < _LARGEST):
        return 0.0
    digits = repr(abs(number)).split("e")[0].replace(".", "").strip("0")
    if len(digits) < COMPUTED:
        return 0.0
    return (float(abs(written(number) - Fraction(number))) + math.ulp(number) / 2) * _OUTWARDS


@lru_cache(maxsize=65536)
def rounding_of(number: float) -> Exact:
    """Return by how much a number may have been rounded when it was written: half a unit of its last digit.

    A decimal fraction of `ROUNDED` digits or more may stand for one of more digits, as 0.3333333 does for a third.
    Whole numbers, amounts of money (two decimals) and fractions of few digits, such as 1e-7, are taken to be meant: 0.
    """
    if not math.isfinite(number) or number.is_integer():
        return 0
    digits, _, exponent = repr(abs(number)).partition("e")
    whole, _, decimals = digits.partition(".")
    decimals = "" if decimals == "0" else decimals
    place = int(exponent or 0) - len(decimals)
    if len(f"{whole}{decimals}".strip("0")) < ROUNDED or place >= -_MONEY:
        return 0
    return Fraction(10) ** place / 2


def limit(number: float) -> Exact | None:
    """Return a bound as it is written; None for an infinite one."""
    return written(number) if math.isfinite(number) else None


@dataclass(frozen=True)
class Row:
    """A constraint: low <= coefficients @ x[columns] <= high; None for a side without a bound."""

    columns: tuple[int, ...]
    coefficients: tuple[Exact, ...]
    low: Exact | None
    high: Exact | None

    def activity(self, value: Callable[[int], Exact]) -> Exact:
        """Return the sum of the row's terms, with this value for each column."""
        return sum((a * value(j) for j, a in zip(self.columns, self.coefficients, strict=True)), 0)

    def excess(self, activity: Exact) -> Exact:
        """Return by how much this activity is above (positive) or below (negative) what is allowed; 0 within."""
        if self.high is not None and activity > self.high:
            return activity - self.high
        if self.low is not None and activity < self.low:
            return activity - self.low
        return 0


class ExactMatrix:
    """The coefficients of a model's rows, which models that differ in bounds and objective only have in common."""

    def __init__(self, model: Model) -> None:
        """Take a model."""
        self._model = model
        self._rows: dict[int, tuple[tuple[int, ...], tuple[Exact, ...]]] = {}
        self._entries = 0

    @cached_property
    def counts(self) -> Floats:
        """How many entries each row has, shape (m,)."""
        return np.diff(self._model.row_start).astype(np.float64)

    @cached_property
    def continuous(self) -> NDArray[np.bool_]:
        """Whether each row has a continuous variable, shape (m,)."""
        model = self._model
        return np.asarray(_sums(model, np.where(integer_columns(model), 0.0, 1.0)[model.column_index]) > 0)

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """Whether all of a row's variables and coefficients are whole numbers."""
        fractional = _sums(self._model, np.where(self._model.value == np.rint(self._model.value), 0.0, 1.0))
        return np.asarray((fractional == 0) & ~self.continuous)

    def row(self, i: int) -> tuple[tuple[int, ...], tuple[Exact, ...]]:
        """Return the columns of row i, and their coefficients as they are written."""
        if i not in self._rows:
            model = self._model
            entries = slice(model.row_start[i], model.row_start[i + 1])
            columns = tuple(model.column_index[entries].tolist())
            self._rows[i] = columns, tuple(written(value) for value in model.value[entries].tolist())
            self._entries += len(columns)
        return self._rows[i]

    def vague(self, i: int) -> list[tuple[int, float]]:
        """Return the columns of row i whose coefficients were computed, with the uncertainty of each."""
        model = self._model
        entries = slice(model.row_start[i], model.row_start[i + 1])
        offs = map(uncertainty, model.value[entries].tolist())
        return [(j, off) for j, off in zip(model.column_index[entries].tolist(), offs, strict=True) if off]

    def forget(self) -> bool:
        """Drop the rows of earlier points where they have become many; return whether they had."""
        if self._entries <= KEPT:
            return False
        self._rows.clear()
        self._entries = 0
        return True


class ExactRows:
    """The rows of one model, each made exact when it is first needed."""

    def __init__(self, model: Model, matrix: ExactMatrix | None = None) -> None:
        """Take the model, and the matrix of one with the same coefficients and kinds of variables if there is one."""
        self.model = model
        self.matrix = ExactMatrix(model) if matrix is None else matrix
        self._rows: dict[int, Row] = {}

    @property
    def counts(self) -> Floats:
        """How many entries each row has, shape (m,)."""
        return self.matrix.counts

    @property
    def continuous(self) -> NDArray[np.bool_]:
        """Whether each row has a continuous variable, shape (m,)."""
        return self.matrix.continuous

    def with_any(self, columns: Floats) -> NDArray[np.bool_]:
        """Whether each row has a column that is marked by a number above 0, shape (m,)."""
        return np.asarray(_sums(self.model, columns[self.model.column_index]) > 0)

    @cached_property
    def _sides(self) -> tuple[Floats, Floats]:
        """The rows' bounds, moved inwards by what the doubles may differ from the decimals."""
        low, high = self.model.row_lower, self.model.row_upper
        return (
            low + _EPSILON * np.where(np.isfinite(low), np.abs(low), 0.0),
            high - _EPSILON * np.where(np.isfinite(high), np.abs(high), 0.0),
        )

    def row(self, i: int) -> Row:
        """Return row i in the decimals that it is written in."""
        if i not in self._rows:
            low, high = limit(float(self.model.row_lower[i])), limit(float(self.model.row_upper[i]))
            self._rows[i] = Row(*self.matrix.row(i), low, high)
        return self._rows[i]

    def vagueness(self, i: int, reach: Callable[[int], float]) -> float:
        """Return by how much the computed numbers of row i may change its activity, compared with a bound of it.

        Args:
            i: the row.
            reach: what the absolute value of a column does not exceed.

        """
        model = self.model
        found = max(uncertainty(float(model.row_lower[i])), uncertainty(float(model.row_upper[i])))
        for column, off in self.matrix.vague(i):
            found += off * reach(column)
        return found * _OUTWARDS

    def forget(self) -> None:
        """Drop the exact rows of earlier points where they have become many."""
        if self.matrix.forget():
            self._rows.clear()

    def doubtful(self, x: Floats, sway: Floats | None = None) -> NDArray[np.int64]:
        """Return the rows that doubles cannot tell to hold, whatever the computed numbers of the model stand for.

        The error of a sum in any order is at most (terms - 1) units of roundoff of the sum of the absolute terms; the
        products and the point add one each, coefficients up to two. Twice that is allowed for.

        Args:
            x: the point, whose numbers are right to their last place.
            sway: how far each column may be from there.

        """
        model = self.model
        activity, weight = self.activity(x)
        with np.errstate(over="ignore", invalid="ignore"):
            error = (self.counts + 3) * _EPSILON * weight
            if sway is not None:
                error += 2 * _sums(model, np.abs(model.value) * sway[model.column_index])
            exact = self.matrix.whole & (weight < _LARGEST)
            low, high = self._sides
            inside = (activity - error >= low) & (activity + error <= high)
            holds = np.where(exact, (activity >= model.row_lower) & (activity <= model.row_upper), inside)
        return np.flatnonzero(~holds)

    def activity(self, x: Floats) -> tuple[Floats, Floats]:
        """Return the sums of the rows' terms, and of their absolute values, in doubles; shape (m,) each."""
        with np.errstate(over="ignore", invalid="ignore"):
            products = self.model.value * x[self.model.column_index]
            return _sums(self.model, products), _sums(self.model, np.abs(products))


def _sums(model: Model, entries: Floats) -> Floats:
    """Return the sums of matrix entries by row, shape (m,)."""
    sums = np.zeros(model.rows)
    filled = model.row_start[:-1] < model.row_start[1:]
    if filled.any():
        sums[filled] = np.add.reduceat(entries, model.row_start[:-1][filled])
    return sums

"""The rows of a model in exact numbers.

A number means what the file says: 0.1 is one tenth, although no double is. So a double is read as the shortest decimal
that stands for it. A number of sixteen digits or more was computed by somebody, and is known to its last digit only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from instances.model import Floats, Model, VariableKind

Exact = int | Fraction
"""A number without a rounding error."""

COMPUTED = 16
"""A number that takes this many digits to write was rounded: it stands for all that round to it. Every decimal of
fifteen digits survives in a double."""
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
def uncertainty(number: float) -> Exact:
    """Return how far a number may be from the one that was meant: its last place if it was computed, else nothing."""
    if number.is_integer() and abs(number) < _LARGEST:
        return 0
    digits = repr(abs(number)).split("e")[0].replace(".", "").strip("0")
    return Fraction(math.ulp(number)) if len(digits) >= COMPUTED else 0


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

    def excess(self, activity: Exact) -> Exact:
        """Return by how much this activity is above (positive) or below (negative) what is allowed; 0 within."""
        if self.high is not None and activity > self.high:
            return activity - self.high
        if self.low is not None and activity < self.low:
            return activity - self.low
        return 0


class ExactRows:
    """The rows of one model, each made exact when it is first needed."""

    def __init__(self, model: Model) -> None:
        """Take the model."""
        self.model = model
        self._rows: dict[int, Row] = {}
        self._entries = 0

    @cached_property
    def counts(self) -> Floats:
        """How many entries each row has, shape (m,)."""
        return np.diff(self.model.row_start).astype(np.float64)

    @cached_property
    def continuous(self) -> NDArray[np.bool_]:
        """Whether each row has a continuous variable, shape (m,)."""
        model = self.model
        return np.asarray(_sums(model, np.where(integer_columns(model), 0.0, 1.0)[model.column_index]) > 0)

    def with_any(self, columns: Floats) -> NDArray[np.bool_]:
        """Whether each row has a column that is marked by a number above 0, shape (m,)."""
        return np.asarray(_sums(self.model, columns[self.model.column_index]) > 0)

    @cached_property
    def _whole(self) -> NDArray[np.bool_]:
        """Whether all of a row's variables and coefficients are whole numbers."""
        fractional = _sums(self.model, np.where(self.model.value == np.rint(self.model.value), 0.0, 1.0))
        return np.asarray((fractional == 0) & ~self.continuous)

    @cached_property
    def _sides(self) -> tuple[Floats, Floats]:
        """The rows' bounds, moved inwards by what the doubles may differ from the decimals."""
        low, high = self.model.row_lower, self.model.row_upper
        return (
            low + _EPSILON * np.where(np.isfinite(low), np.abs(low), 0.0),
            high - _EPSILON * np.where(np.isfinite(high), np.abs(high), 0.0),
        )

    def row(self, i: int) -> Row:
        """Return row i in the numbers that it is written in."""
        if i not in self._rows:
            model = self.model
            entries = slice(model.row_start[i], model.row_start[i + 1])
            low, high = float(model.row_lower[i]), float(model.row_upper[i])
            at_least, at_most = limit(low), limit(high)
            if self.continuous[i]:  # those of integer variables have `tolerates`
                at_least = None if at_least is None else at_least - uncertainty(low)
                at_most = None if at_most is None else at_most + uncertainty(high)
            self._entries += len(model.column_index[entries])
            self._rows[i] = Row(
                tuple(model.column_index[entries].tolist()),
                tuple(written(value) for value in model.value[entries].tolist()),
                at_least,
                at_most,
            )
        return self._rows[i]

    def forget(self) -> None:
        """Drop the exact rows of earlier points where they have become many."""
        if self._entries > KEPT:
            self._rows.clear()
            self._entries = 0

    def doubtful(self, x: Floats) -> NDArray[np.int64]:
        """Return the rows that doubles cannot tell to hold at a point, whose numbers are right to their last place.

        The error of a sum in any order is at most (terms - 1) units of roundoff of the sum of the absolute terms; the
        coefficients, which are read as decimals, the point and the products add one each. Twice that is allowed for.
        """
        model = self.model
        activity, weight = self.activity(x)
        with np.errstate(over="ignore", invalid="ignore"):
            error = (self.counts + 3) * _EPSILON * weight
            exact = self._whole & (weight < _LARGEST)
            low, high = self._sides
            inside = (activity - error >= low) & (activity + error <= high)
            holds = np.where(exact, (activity >= model.row_lower) & (activity <= model.row_upper), inside)
        return np.flatnonzero(~holds)

    def activity(self, x: Floats) -> tuple[Floats, Floats]:
        """Return the sums of the rows' terms, and of their absolute values, in doubles; shape (m,) each."""
        with np.errstate(over="ignore", invalid="ignore"):
            products = self.model.value * x[self.model.column_index]
            return _sums(self.model, products), _sums(self.model, np.abs(products))

    def tolerates(self, i: int, x: list[Exact], excess: Exact) -> bool:
        """Whether an excess of a row of integer variables is within the last places of numbers that were computed.

        Or comes from reading them as decimals: the row holds in the doubles themselves.

        Args:
            i: the row.
            x: the values of its columns, in their order.
            excess: by how much it is above or below what is allowed.

        """
        model = self.model
        entries = slice(model.row_start[i], model.row_start[i + 1])
        terms: list[tuple[float, Exact]] = list(zip(model.value[entries].tolist(), x, strict=True))
        bound = float(model.row_upper[i] if excess > 0 else model.row_lower[i])
        margin = sum((uncertainty(value) * size(at) for value, at in terms), uncertainty(bound))
        if size(excess) <= margin:
            return True
        over = sum((Fraction(value) * at for value, at in terms), Fraction(0)) - Fraction(bound)
        return over <= 0 if excess > 0 else over >= 0


def _sums(model: Model, entries: Floats) -> Floats:
    """Return the sums of matrix entries by row, shape (m,)."""
    sums = np.zeros(model.rows)
    filled = model.row_start[:-1] < model.row_start[1:]
    if filled.any():
        sums[filled] = np.add.reduceat(entries, model.row_start[:-1][filled])
    return sums

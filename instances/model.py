"""The one canonical form of a MILP: plain arrays that every solver is handed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]
Kinds = NDArray[np.uint8]
Flags = NDArray[np.bool_]


class VariableKind(IntEnum):
    """What values a variable may take besides its bounds."""

    CONTINUOUS = 0
    INTEGER = 1
    SEMI_CONTINUOUS = 2
    """Zero, or between its bounds."""
    SEMI_INTEGER = 3
    """Zero, or integer and between its bounds."""


def _no_floats() -> Floats:
    return np.zeros(0, dtype=np.float64)


def _no_indices() -> Indices:
    return np.zeros(0, dtype=np.int32)


def _one_start() -> Indices:
    return np.zeros(1, dtype=np.int32)


def _no_kinds() -> Kinds:
    return np.zeros(0, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Model:
    """A MILP: optimise ``objective @ x + offset`` s.t. ``row_lower <= A x <= row_upper``, ``lower <= x <= upper``.

    With n columns, m rows and k nonzeros. Infinite bounds are ``+-inf``. The matrix A is kept row-wise (CSR):
    row i has the columns ``column_index[row_start[i]:row_start[i + 1]]`` with the values at the same places.

    With t indicator constraints: row ``indicator_row[k]`` must hold only where the binary column
    ``indicator_column[k]`` takes the value ``indicator_value[k]``. A row has at most one indicator.

    With s special ordered sets of q members in all: set k has the columns
    ``sos_column[sos_start[k]:sos_start[k + 1]]``, in the order of their weights. At most one of them may be nonzero
    (type 1), or at most two that are neighbours (type 2).

    Whatever reads rows as if each of them always held must look at `is_linear` first. Which rows a point has to meet,
    and which sets it breaks, `binding` and `broken_sets` tell.
    """

    name: str
    maximise: bool
    offset: float
    objective: Floats  # (n,)
    lower: Floats  # (n,)
    upper: Floats  # (n,)
    kind: Kinds  # (n,) VariableKind
    row_lower: Floats  # (m,)
    row_upper: Floats  # (m,)
    row_start: Indices  # (m + 1,)
    column_index: Indices  # (k,)
    value: Floats  # (k,)
    column_names: tuple[str, ...]  # (n,)
    row_names: tuple[str, ...]  # (m,)
    indicator_row: Indices = field(default_factory=_no_indices)  # (t,) increasing
    indicator_column: Indices = field(default_factory=_no_indices)  # (t,)
    indicator_value: Kinds = field(default_factory=_no_kinds)  # (t,) 0 or 1
    sos_type: Kinds = field(default_factory=_no_kinds)  # (s,) 1 or 2
    sos_start: Indices = field(default_factory=_one_start)  # (s + 1,)
    sos_column: Indices = field(default_factory=_no_indices)  # (q,)
    sos_weight: Floats = field(default_factory=_no_floats)  # (q,) increasing in a set; may be equal in type 1
    sos_names: tuple[str, ...] = ()  # (s,)
    warnings: tuple[str, ...] = ()
    """What its file left open, and how it was read: whoever asked for the file is told."""

    @property
    def is_linear(self) -> bool:
        """Whether linear rows and kinds of variables say all: no indicator constraint, no special ordered set."""
        return not len(self.indicator_row) and not len(self.sos_type)

    @property
    def columns(self) -> int:
        """The number of variables, n."""
        return len(self.objective)

    @property
    def rows(self) -> int:
        """The number of constraints, m."""
        return len(self.row_lower)

    @property
    def nonzeros(self) -> int:
        """The number of matrix entries, k."""
        return len(self.value)

    @property
    def integers(self) -> int:
        """The number of integer variables, semi-integer ones included."""
        return int(np.count_nonzero((self.kind == VariableKind.INTEGER) | (self.kind == VariableKind.SEMI_INTEGER)))

    def row(self, i: int) -> dict[int, float]:
        """Return the entries of row i: column to value."""
        entries = slice(self.row_start[i], self.row_start[i + 1])
        return dict(zip(self.column_index[entries].tolist(), self.value[entries].tolist(), strict=True))

    def activity(self, x: Floats) -> Floats:
        """Return A x, shape (m,), for a point x of shape (n,)."""
        products = self.value * x[self.column_index]
        sums = np.zeros(self.rows)
        # reduceat has no notion of an empty segment: it is given the rows with entries only.
        filled = self.row_start[:-1] < self.row_start[1:]
        if filled.any():
            sums[filled] = np.add.reduceat(products, self.row_start[:-1][filled])
        return sums

    @property
    def unconditional(self) -> Flags:
        """Which rows have no indicator and hold at every point, shape (m,)."""
        always = np.ones(self.rows, dtype=np.bool_)
        always[self.indicator_row] = False
        return always

    def binding(self, point: Floats) -> Flags:
        """Return which rows must hold at a point of shape (n,), shape (m,): all but those whose indicator is off.

        An indicator is rounded to the next integer first.
        """
        held = self.unconditional
        held[self.indicator_row] = np.rint(point[self.indicator_column]) == self.indicator_value
        return held

    def broken_sets(self, nonzero: Flags) -> Indices:
        """Return the special ordered sets that have too many nonzero members, or two that are no neighbours.

        Args:
            nonzero: which variables are not zero, shape (n,); the tolerance, if any, is the caller's.

        """
        owner = np.repeat(np.arange(len(self.sos_type)), np.diff(self.sos_start))
        places = np.flatnonzero(nonzero[self.sos_column])
        first = np.full(len(self.sos_type), len(self.sos_column))
        last = np.full(len(self.sos_type), -1)
        np.minimum.at(first, owner[places], places)
        np.maximum.at(last, owner[places], places)
        return np.flatnonzero(last - first >= self.sos_type).astype(np.int32)

    def save(self, path: Path) -> None:
        """Write the arrays to ``path`` (NumPy's .npz, not compressed); read them back with `load`."""
        with path.open("wb") as file:
            np.savez(
                file,
                name=np.array(self.name),
                sense=np.array([self.maximise]),
                offset=np.array([self.offset]),
                objective=self.objective,
                lower=self.lower,
                upper=self.upper,
                kind=self.kind,
                row_lower=self.row_lower,
                row_upper=self.row_upper,
                row_start=self.row_start,
                column_index=self.column_index,
                value=self.value,
                column_names=_packed(self.column_names),
                row_names=_packed(self.row_names),
                indicator_row=self.indicator_row,
                indicator_column=self.indicator_column,
                indicator_value=self.indicator_value,
                sos_type=self.sos_type,
                sos_start=self.sos_start,
                sos_column=self.sos_column,
                sos_weight=self.sos_weight,
                sos_names=_packed(self.sos_names),
                warnings=_packed(self.warnings),
            )

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(
                name=str(arrays["name"]),
                maximise=bool(arrays["sense"][0]),
                offset=float(arrays["offset"][0]),
                objective=arrays["objective"],
                lower=arrays["lower"],
                upper=arrays["upper"],
                kind=arrays["kind"],
                row_lower=arrays["row_lower"],
                row_upper=arrays["row_upper"],
                row_start=arrays["row_start"],
                column_index=arrays["column_index"],
                value=arrays["value"],
                column_names=_unpacked(arrays["column_names"]),
                row_names=_unpacked(arrays["row_names"]),
                indicator_row=arrays["indicator_row"],
                indicator_column=arrays["indicator_column"],
                indicator_value=arrays["indicator_value"],
                sos_type=arrays["sos_type"],
                sos_start=arrays["sos_start"],
                sos_column=arrays["sos_column"],
                sos_weight=arrays["sos_weight"],
                sos_names=_unpacked(arrays["sos_names"]),
                warnings=_unpacked(arrays["warnings"]),
            )


def _packed(names: tuple[str, ...]) -> NDArray[np.uint8]:
    return np.frombuffer("".join(f"{name}\n" for name in names).encode(), dtype=np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> tuple[str, ...]:
    return tuple(packed.tobytes().decode().split("\n")[:-1])

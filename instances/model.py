"""The one canonical form of a MILP: plain arrays that every solver is handed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]
Kinds = NDArray[np.uint8]


class VariableKind(IntEnum):
    """What values a variable may take besides its bounds."""

    CONTINUOUS = 0
    INTEGER = 1
    SEMI_CONTINUOUS = 2
    """Zero, or between its bounds."""
    SEMI_INTEGER = 3
    """Zero, or integer and between its bounds."""


@dataclass(frozen=True, eq=False)
class Model:
    """A MILP: optimise ``objective @ x + offset`` s.t. ``row_lower <= A x <= row_upper``, ``lower <= x <= upper``.

    With n columns, m rows and k nonzeros. Infinite bounds are ``+-inf``. The matrix A is kept row-wise (CSR):
    row i has the columns ``column_index[row_start[i]:row_start[i + 1]]`` with the values at the same places.
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
            )


def _packed(names: tuple[str, ...]) -> NDArray[np.uint8]:
    return np.frombuffer("".join(f"{name}\n" for name in names).encode(), dtype=np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> tuple[str, ...]:
    return tuple(packed.tobytes().decode().split("\n")[:-1])

"""Building a model column by column and row by row, by name."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from instances.model import Floats, Indices, Model, VariableKind

INFINITY = float("inf")
INFINITE = 1e20
"""In model files numbers from here on mean infinity, where bounds and right-hand sides stand."""


def bounded(value: float) -> float:
    """Return a bound as read from a file, infinite from `INFINITE` on."""
    if abs(value) >= INFINITE:
        return INFINITY if value > 0 else -INFINITY
    return value


class Builder:
    """A model under construction. Names are unique among columns and among rows."""

    def __init__(self, name: str = "", *, maximise: bool = False, offset: float = 0.0) -> None:
        self.name = name
        self.maximise = maximise
        self.offset = offset
        self.columns: dict[str, int] = {}
        self.rows: dict[str, int] = {}
        self.objective = array("d")
        self.lower = array("d")
        self.upper = array("d")
        self.kind = array("B")
        self.row_lower = array("d")
        self.row_upper = array("d")
        self._entry_row = array("i")
        self._entry_column = array("i")
        self._entry_value = array("d")
        self.warnings: list[str] = []
        """What the reader of a file has to say about it, one sentence each; see `Model.warnings`."""
        self._indicators: dict[int, tuple[int, int]] = {}
        self._sets: dict[str, tuple[int, list[tuple[float, int]]]] = {}

    def add_column(
        self,
        name: str,
        objective: float = 0.0,
        lower: float = 0.0,
        upper: float = INFINITY,
        kind: VariableKind = VariableKind.CONTINUOUS,
    ) -> int:
        """Add a variable and return its index; ValueError when the name is taken."""
        index = self.columns.setdefault(name, len(self.columns))
        if index < len(self.objective):
            raise ValueError(f"there are two columns {name!r}")
        self.objective.append(objective)
        self.lower.append(lower)
        self.upper.append(upper)
        self.kind.append(kind)
        return index

    def add_binary(self, name: str, objective: float = 0.0) -> int:
        """Add a variable that is 0 or 1 and return its index; ValueError when the name is taken."""
        return self.add_column(name, objective, 0.0, 1.0, VariableKind.INTEGER)

    def add_row(
        self,
        name: str,
        entries: Iterable[tuple[int, float]] = (),
        *,
        lower: float = -INFINITY,
        upper: float = INFINITY,
    ) -> int:
        """Add ``lower <= sum of value * column <= upper`` and return its index; ValueError when the name is taken."""
        index = self.rows.setdefault(name, len(self.rows))
        if index < len(self.row_lower):
            raise ValueError(f"there are two rows {name!r}")
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        for column, value in entries:
            self.add_entry(index, column, value)
        return index

    def add_entry(self, row: int, column: int, value: float) -> None:
        """Put a value into the matrix; each place takes one."""
        self._entry_row.append(row)
        self._entry_column.append(column)
        self._entry_value.append(value)

    def add_indicator(self, row: int, column: int, value: int) -> None:
        """Make a row hold only where a column takes the value 0 or 1.

        Raises ValueError for another value, and when the row has an indicator already.

        That the column is a binary variable is checked when all is known, by `build`.
        """
        if value not in (0, 1):
            raise ValueError(f"row {list(self.rows)[row]!r} has an indicator of value {value}; write 0 or 1")
        if row in self._indicators:
            raise ValueError(f"row {list(self.rows)[row]!r} has two indicators")
        self._indicators[row] = column, value

    def add_set(self, name: str, type: int, members: Iterable[tuple[int, float]]) -> None:
        """Add a special ordered set of type 1 or 2 from pairs of column and weight, in any order.

        Members of equal weight keep the order in which they come: in a set of type 1 the order means nothing.

        Raises ValueError when there is no such type, the name is taken, a column occurs twice, a weight is not finite,
        or two weights of a set of type 2 are equal.
        """
        if type not in (1, 2):
            raise ValueError(f"special ordered set {name!r} has the type {type}; there are 1 and 2")
        if name in self._sets:
            raise ValueError(f"there are two special ordered sets {name!r}")
        given = [(float(weight), column) for column, weight in members]
        for weight, column in given:
            if not math.isfinite(weight):
                raise ValueError(f"special ordered set {name!r} has the weight {weight} at {self._column_name(column)}")
        if len({column for _, column in given}) < len(given):
            twice = next(c for place, (_, c) in enumerate(given) if c in [other for _, other in given[:place]])
            raise ValueError(f"special ordered set {name!r} has {self._column_name(twice)} twice")
        ordered = sorted(given, key=lambda member: member[0])
        for (weight, column), (following, other) in pairwise(ordered):
            if type == 2 and weight == following:
                raise ValueError(
                    f"special ordered set {name!r} has the weight {weight:g} at both {self._column_name(column)} and "
                    f"{self._column_name(other)}: which members are neighbours is not defined"
                )
        self._sets[name] = type, ordered

    def build(self) -> Model:
        """Return the model: entries by row, then by column, zeros left out.

        Raises ValueError, naming the place, for two entries in one place, for coefficients that are not finite, for
        bounds that no number meets, and for indicators that are not binary.
        """
        column_names, row_names = tuple(self.columns), tuple(self.rows)
        self._check_numbers(column_names, row_names)
        start, index, value = self._matrix(column_names, row_names)
        indicators = sorted(self._indicators.items())
        self._check_indicators(column_names, row_names)
        members = [member for _, own in self._sets.values() for member in own]
        sizes = [len(own) for _, own in self._sets.values()]
        return Model(
            name=self.name,
            maximise=self.maximise,
            offset=self.offset,
            objective=np.array(self.objective, dtype=np.float64),
            lower=np.array(self.lower, dtype=np.float64),
            upper=np.array(self.upper, dtype=np.float64),
            kind=np.array(self.kind, dtype=np.uint8),
            row_lower=np.array(self.row_lower, dtype=np.float64),
            row_upper=np.array(self.row_upper, dtype=np.float64),
            row_start=start,
            column_index=index,
            value=value,
            column_names=column_names,
            row_names=row_names,
            indicator_row=np.array([row for row, _ in indicators], dtype=np.int32),
            indicator_column=np.array([column for _, (column, _) in indicators], dtype=np.int32),
            indicator_value=np.array([value for _, (_, value) in indicators], dtype=np.uint8),
            sos_type=np.array([type for type, _ in self._sets.values()], dtype=np.uint8),
            sos_start=np.cumsum([0, *sizes]).astype(np.int32),
            sos_column=np.array([column for _, column in members], dtype=np.int32),
            sos_weight=np.array([weight for weight, _ in members], dtype=np.float64),
            sos_names=tuple(self._sets),
            warnings=tuple(self.warnings),
        )

    def _column_name(self, column: int) -> str:
        return repr(list(self.columns)[column])

    def _check_indicators(self, column_names: Sequence[str], row_names: Sequence[str]) -> None:
        for row, (column, _) in self._indicators.items():
            binary = self.kind[column] == VariableKind.INTEGER and self.lower[column] >= 0 and self.upper[column] <= 1
            if not binary:
                raise ValueError(
                    f"row {row_names[row]!r} has the indicator {column_names[column]!r}, which is not binary: list it "
                    "in Binaries (LP), or give it a bound BV (MPS)"
                )

    def _check_numbers(self, column_names: Sequence[str], row_names: Sequence[str]) -> None:
        if not np.isfinite(self.offset):
            raise ValueError(f"the objective's constant is {self.offset}")
        place = _first(~np.isfinite(self.objective))
        if place is not None:
            raise ValueError(f"the objective has the coefficient {self.objective[place]} at {column_names[place]!r}")
        place = _first(~np.isfinite(self._entry_value))
        if place is not None:
            row, column = row_names[self._entry_row[place]], column_names[self._entry_column[place]]
            raise ValueError(f"row {row!r} has the coefficient {self._entry_value[place]} at {column!r}")
        for what, names, lower, upper in (
            ("column", column_names, self.lower, self.upper),
            ("row", row_names, self.row_lower, self.row_upper),
        ):
            low, high = np.array(lower), np.array(upper)
            place = _first(np.isnan(low) | np.isnan(high) | (low == INFINITY) | (high == -INFINITY))
            if place is not None:
                raise ValueError(f"{what} {names[place]!r} has the bounds {lower[place]:g} .. {upper[place]:g}")

    def _matrix(self, column_names: Sequence[str], row_names: Sequence[str]) -> tuple[Indices, Indices, Floats]:
        row = np.array(self._entry_row, dtype=np.int32)
        column = np.array(self._entry_column, dtype=np.int32)
        value = np.array(self._entry_value, dtype=np.float64)
        order = np.lexsort((column, row))
        row, column, value = row[order], column[order], value[order]
        place = _first((row[1:] == row[:-1]) & (column[1:] == column[:-1]))
        if place is not None:
            raise ValueError(f"row {row_names[row[place]]!r} has two entries at {column_names[column[place]]!r}")
        present = value != 0.0
        counts = np.bincount(row[present], minlength=len(row_names))
        start = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        return start, column[present], value[present]


def _first(places: np.typing.NDArray[np.bool_]) -> int | None:
    """Return the index of the first true one, if any."""
    return int(np.argmax(places)) if places.any() else None

"""Between which values the columns of a model lie: by their bounds, and where these are infinite by the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from instances.model import Floats, Indices, Model, VariableKind

ROUNDS = 10
"""How often the bounds that rows imply are looked for in each other's light."""
ROUNDING = 1e-12
"""No sum of doubles here is off by more than this, relative to the sum of their magnitudes: it is added outwards."""


class Bounds:
    """Bounds of columns that hold at every feasible point.

    Those of a semi-continuous column include zero, those of an integer one are integers.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        semi = (model.kind == VariableKind.SEMI_CONTINUOUS) | (model.kind == VariableKind.SEMI_INTEGER)
        self._whole = (model.kind == VariableKind.INTEGER) | (model.kind == VariableKind.SEMI_INTEGER)
        self._lower = np.where(semi, np.minimum(model.lower, 0.0), model.lower)
        self._upper = np.where(semi, np.maximum(model.upper, 0.0), model.upper)
        self._lower = np.where(self._whole, np.ceil(self._lower), self._lower)
        self._upper = np.where(self._whole, np.floor(self._upper), self._upper)
        self._extended = False

    @property
    def lower(self) -> Floats:
        """The lower bounds, shape (n,)."""
        return self._lower

    @property
    def upper(self) -> Floats:
        """The upper bounds, shape (n,)."""
        return self._upper

    @property
    def largest(self) -> float:
        """The largest magnitude of a bound; infinite where a column has none."""
        return float(np.maximum(np.abs(self._lower), np.abs(self._upper)).max(initial=0.0))

    def limit(self, objective: Floats, *, maximise: bool) -> bool:
        """Whether they keep an objective from improving without end."""
        up, down = (objective > 0, objective < 0) if maximise else (objective < 0, objective > 0)
        return bool(np.isfinite(self._upper[up]).all() and np.isfinite(self._lower[down]).all())

    def extend(self) -> None:
        """Put what rows imply in place of infinite bounds, as far as rows imply any."""
        if self._extended:
            return
        self._extended = True
        model = self._model
        row = np.repeat(np.arange(model.rows), np.diff(model.row_start)).astype(np.int32)
        kept = model.unconditional[row]
        row, column, value = row[kept], model.column_index[kept], model.value[kept]
        for _ in range(ROUNDS):
            before = np.isinf(self._lower).sum() + np.isinf(self._upper).sum()
            self._imply(row, column, value, model.row_upper)
            self._imply(row, column, -value, -model.row_lower)
            if np.isinf(self._lower).sum() + np.isinf(self._upper).sum() == before:
                return

    def _imply(self, row: Indices, column: Indices, value: Floats, side: Floats) -> None:
        """Take into account: the sum of ``value`` times column in each row is at most its side."""
        least = value * np.where(value > 0, self._lower[column], self._upper[column])
        open_ = np.isinf(least)
        finite = np.where(open_, 0.0, least)
        total = np.bincount(row, finite, minlength=len(side))
        size = np.bincount(row, np.abs(finite), minlength=len(side))
        others_open = np.bincount(row, open_, minlength=len(side))[row] - open_
        target = np.where(value > 0, self._upper[column], self._lower[column])
        found = np.isinf(target) & (others_open == 0) & np.isfinite(side[row])
        row, column, value, finite = row[found], column[found], value[found], finite[found]
        room = side[row] - (total[row] - finite) + ROUNDING * (np.abs(side[row]) + size[row])
        bound = room / value
        bound += np.sign(value) * ROUNDING * np.abs(bound)
        up = value > 0
        np.minimum.at(self._upper, column[up], self._rounded(column[up], bound[up], np.floor))
        np.maximum.at(self._lower, column[~up], self._rounded(column[~up], bound[~up], np.ceil))

    def _rounded(self, column: Indices, bound: Floats, to_integer: np.ufunc) -> Floats:
        return np.where(self._whole[column], to_integer(bound), bound)


def bounds_to_improve(model: Model, objective: float | None) -> float:
    """Return the largest magnitude that a column can have at a point which is better than an objective.

    At any feasible point where the objective is None. Infinite where neither bounds nor rows limit a column.
    """
    if objective is not None and model.is_linear:
        used = np.flatnonzero(model.objective).astype(np.int32)
        side = objective - model.offset
        model = replace(
            model,
            row_lower=np.append(model.row_lower, side if model.maximise else -np.inf),
            row_upper=np.append(model.row_upper, np.inf if model.maximise else side),
            row_start=np.append(model.row_start, model.row_start[-1] + len(used)).astype(np.int32),
            column_index=np.append(model.column_index, used).astype(np.int32),
            value=np.append(model.value, model.objective[used]),
            row_names=(*model.row_names, ""),
        )
    bounds = Bounds(model)
    bounds.extend()
    return bounds.largest


def has_row_out_of_reach(model: Model) -> bool:
    """Whether the bounds of the columns alone keep a row from its sides, beyond any rounding: there is no point."""
    if not model.is_linear:
        return False
    bounds = Bounds(model)
    row = np.repeat(np.arange(model.rows), np.diff(model.row_start))
    low, high = bounds.lower, bounds.upper
    up = model.value > 0
    least = model.value * np.where(up, low[model.column_index], high[model.column_index])
    most = model.value * np.where(up, high[model.column_index], low[model.column_index])
    for sums, side in ((most, model.row_lower), (-least, -model.row_upper)):
        total = np.bincount(row, sums, minlength=model.rows)
        size = np.bincount(row, np.abs(sums), minlength=model.rows)
        with np.errstate(invalid="ignore"):
            if np.any(side > total + ROUNDING * (size + np.abs(np.where(np.isfinite(side), side, 0.0)))):
                return True
    return False

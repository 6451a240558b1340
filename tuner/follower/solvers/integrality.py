"""Continuous variables that need no other values than whole numbers: what CP-SAT, which has no others, may prove.

OR-Tools looks for such variables itself, but takes one that a row holds below 2.5 for whole. Here it is decided from
the model's own numbers: exactly, and no more than is certain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instances.model import Floats, Model, VariableKind


def needs_whole_numbers_only(model: Model) -> bool:
    """Whether the best of a model's points, if it has any, are reached with whole numbers alone.

    A variable is a whole number in every point where an equation of whole numbers says so, with it as the only one
    that is not known to be. The others may take other values, but need none where each row has one of them at most,
    with whole numbers beside it: given the rest, each ranges between two whole numbers of its own, and some best value
    of a linear objective is at one of them.
    """
    loose = model.kind != VariableKind.INTEGER
    if not loose.any():
        return True
    entries = np.repeat(np.arange(model.rows), np.diff(model.row_start))
    equations = model.row_lower == model.row_upper
    while True:
        counts = _counts(model, entries, loose)
        fit = (counts == 1) & _fit(model, entries, loose)
        known = loose[model.column_index] & (fit & equations)[entries]
        if not known.any():
            break
        loose[model.column_index[known]] = False
    if np.any(counts > 1) or np.any((counts == 1) & ~fit):
        return False
    return bool(_are_whole(model.lower[loose]).all() and _are_whole(model.upper[loose]).all())


def _counts(model: Model, entries: NDArray[np.int64], loose: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many loose variables each row has, shape (m,)."""
    return np.bincount(entries[loose[model.column_index]], minlength=model.rows)


def _fit(model: Model, entries: NDArray[np.int64], loose: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows have whole numbers only, as multiples of the coefficient of their one loose variable."""
    units = np.ones(model.rows)
    own = loose[model.column_index]
    units[entries[own]] = np.abs(model.value[own])
    fit = np.ones(model.rows, dtype=np.bool_)
    fit[entries[~_are_multiples(model.value, units[entries])]] = False
    for side in (model.row_lower, model.row_upper):
        fit &= _are_multiples(side, units)
    return fit


def _are_multiples(numbers: Floats, units: Floats) -> NDArray[np.bool_]:
    """Return which numbers are whole multiples of their units, to the last bit; infinite ones are."""
    finite = np.isfinite(numbers)
    times = np.rint(np.where(finite, numbers, 0.0) / units)
    return np.asarray(~finite | ((times * units == numbers) & (np.abs(times) < 2.0**53)))


def _are_whole(numbers: Floats) -> NDArray[np.bool_]:
    return _are_multiples(numbers, np.ones(len(numbers)))

"""Rows and objective of a model as whole numbers, exactly: what CP-SAT solves, without its own scaling.

OR-Tools scales a model to integers within a tolerance, and presolves it in doubles before that: a row of 1e9 a + 1e9 b
+ 100 d = 999999998 is lost on the way. Where numbers are large enough for that, the rows are scaled here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from instances.model import Floats, Model, VariableKind
from tuner.follower.exact import Exact, uncertainty, written

HARMLESS = 1e5
"""Whole numbers up to this survive OR-Tools' own scaling: its tolerance is 1e-6 of them."""
_MOST_DECIMALS = 6
_SAME = 1e-12
"""Relative to it, by how much a number may differ from one of so many decimals and be meant as that."""
UNBOUNDED = 10**7
"""What stands in place of an infinite bound of a variable, as in OR-Tools."""
_LARGEST = 2**61
"""CP-SAT's sums, that of the sizes of all domains too, must stay below 2**63."""
_EXACT = 2**53
"""Whole numbers up to this are exact in doubles."""
_COSTS = 1e9
"""What all terms of an objective may come to, in multiples of its smallest coefficient, for OR-Tools' own scaling to be
as precise as solvers are."""


@dataclass(frozen=True)
class WholeRow:
    """low <= coefficients @ x[columns] <= high, the coefficients without a common divisor; None for no bound."""

    columns: tuple[int, ...]
    coefficients: tuple[int, ...]
    low: int | None
    high: int | None


@dataclass(frozen=True)
class WholeModel:
    """A model of integer variables in whole numbers."""

    bounds: tuple[tuple[int, int], ...]
    """Of the variables."""
    truncated: bool
    """Whether one of them stands for an infinite one."""
    rows: tuple[WholeRow, ...]
    costs: tuple[int, ...]
    scale: Fraction
    """The objective is this times the sum of costs, plus the model's offset, ..."""
    error: Fraction
    """... to within this at any point: costs that take larger numbers than there are were rounded."""


def is_harmless(model: Model) -> bool:
    """Whether no row has numbers that OR-Tools' own scaling may lose, nor the objective.

    Those are numbers that, as multiples of the row's last decimal place, take more than `HARMLESS`. In the objective
    they are terms of such different sizes that the large ones may cancel where the small ones decide.
    """
    places = np.zeros(model.rows)
    largest = np.zeros(model.rows)
    entries = np.repeat(np.arange(model.rows), np.diff(model.row_start))
    everything = (
        (entries, model.value),
        (np.arange(model.rows), np.where(np.isfinite(model.row_lower), model.row_lower, 0.0)),
        (np.arange(model.rows), np.where(np.isfinite(model.row_upper), model.row_upper, 0.0)),
    )
    for rows, numbers in everything:
        np.maximum.at(largest, rows, np.abs(numbers))
        np.maximum.at(places, rows, _decimals(numbers))
    return bool(np.all(largest * 10.0**places <= HARMLESS)) and _has_harmless_objective(model)


def _has_harmless_objective(model: Model) -> bool:
    costs = np.abs(model.objective)
    if not costs.any():
        return True
    reach = np.maximum(np.abs(model.lower), np.abs(model.upper))
    total = float(costs @ np.where(np.isfinite(reach), reach, 1.0))
    return total <= _COSTS * float(costs[costs > 0].min())


def _decimals(numbers: Floats) -> Floats:
    """Return how many decimals numbers have; infinity for those that have more than can be harmless."""
    found = np.zeros(len(numbers))
    for place in range(_MOST_DECIMALS):
        found[numbers != np.round(numbers, place)] = place + 1
    found[np.abs(numbers - np.round(numbers, _MOST_DECIMALS)) > _SAME * np.abs(numbers)] = np.inf
    return found


def with_whole_bounds(model: Model) -> Model:
    """Return a model in which bounds of integer columns that may be meant as whole numbers are whole.

    The last place of a number of sixteen digits is not known: from 3.0000000000000004 on may be from 3 on. What is
    proven of the model returned holds either way, since its bounds are no tighter.
    """
    lower, upper = np.floor(model.lower), np.ceil(model.upper)
    integer = model.kind == VariableKind.INTEGER
    with np.errstate(invalid="ignore"):  # infinite bounds
        down = integer & (model.lower > lower) & (model.lower - lower <= np.spacing(np.abs(model.lower)))
        up = integer & (model.upper < upper) & (upper - model.upper <= np.spacing(np.abs(model.upper)))
    if not down.any() and not up.any():
        return model
    return replace(model, lower=np.where(down, lower, model.lower), upper=np.where(up, upper, model.upper))


def impossible(model: Model) -> str:
    """Return which integer column, or row of integer columns, no whole numbers satisfy; empty for none."""
    empty = (model.kind == VariableKind.INTEGER) & (np.ceil(model.lower) > np.floor(model.upper))
    if empty.any():
        j = int(np.argmax(empty))
        return f"column {model.column_names[j]}: no whole number lies in {_range(model.lower[j], model.upper[j])}"
    whole_rows = _integer_rows(model)
    entries = np.repeat(np.arange(model.rows), np.diff(model.row_start))
    # Where there is a coefficient of one, any whole number is a multiple of the divisor.
    has_one = np.zeros(model.rows, dtype=np.bool_)
    has_one[entries[np.abs(model.value) == 1.0]] = True
    whole_rows &= ~(has_one & (np.ceil(model.row_lower) <= np.floor(model.row_upper)))
    whole_rows &= np.isfinite(model.row_lower) & np.isfinite(model.row_upper)
    for i in np.flatnonzero(whole_rows).tolist():
        row, divisor = _whole_row(model, i)
        if row is not None and row.low is not None and row.high is not None and row.low > row.high:
            return (
                f"row {model.row_names[i]}: its left side is a multiple of {float(divisor):.12g}, and none lies in "
                f"{_range(model.row_lower[i], model.row_upper[i])}"
            )
    return ""


def _range(low: float, high: float) -> str:
    return f"[{_plain(low)}, {_plain(high)}]"


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(float(number))


def whole(model: Model) -> WholeModel | None:
    """Return a model of integer variables in whole numbers; None when it has others, or numbers that are too large."""
    if not model.is_linear or np.any(model.kind != VariableKind.INTEGER):
        return None
    lower = np.where(np.isinf(model.lower), -UNBOUNDED, np.ceil(model.lower))
    upper = np.where(np.isinf(model.upper), UNBOUNDED, np.floor(model.upper))
    if np.any(np.abs(lower) >= _EXACT) or np.any(np.abs(upper) >= _EXACT) or np.any(lower > upper):
        return None
    bounds = tuple((int(low), int(high)) for low, high in zip(lower, upper, strict=True))
    if sum(high - low for low, high in bounds) >= _LARGEST:
        return None
    rows = []
    for i in range(model.rows):
        row, _ = _whole_row(model, i)
        if row is None or _reach(row.columns, row.coefficients, bounds) >= _LARGEST:
            return None
        rows.append(row)
    truncated = bool(np.isinf(model.lower).any() or np.isinf(model.upper).any())
    return WholeModel(bounds, truncated, tuple(rows), *_whole_objective(model, bounds))


def _whole_objective(model: Model, bounds: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], Fraction, Fraction]:
    """Return the objective's coefficients in whole numbers, their scale, and how far off the sum may be."""
    numbers = model.objective.tolist()
    exact = [written(cost) for cost in numbers]
    costs, scale = _whole_numbers(exact)
    reach = _reach(range(model.columns), costs, bounds)
    if reach >= _LARGEST:
        step = 2 * (reach // _LARGEST + 1)
        scale *= step
        costs = [round(Fraction(cost, step)) for cost in costs]
    error = Fraction(0)
    for number, meant, cost, (low, high) in zip(numbers, exact, costs, bounds, strict=True):
        error += (abs(meant - cost * scale) + Fraction(uncertainty(number))) * max(abs(low), abs(high))
    return tuple(costs), scale, error


def _integer_rows(model: Model) -> NDArray[np.bool_]:
    entries = np.repeat(np.arange(model.rows), np.diff(model.row_start))
    mixed = np.zeros(model.rows, dtype=np.bool_)
    mixed[entries[model.kind[model.column_index] != VariableKind.INTEGER]] = True
    mixed[model.indicator_row] = True
    return np.asarray(~mixed)


def _whole_row(model: Model, i: int) -> tuple[WholeRow | None, Exact]:
    """Return row i without the coefficients' greatest common divisor, and that.

    No row for one that has a number which was rounded when it was computed, or whose bounds get too large.
    """
    values = model.value[model.row_start[i] : model.row_start[i + 1]].tolist()
    low, high = float(model.row_lower[i]), float(model.row_upper[i])
    if any(uncertainty(number) for number in (*values, low, high) if math.isfinite(number)):
        return None, 1
    coefficients, divisor = _whole_numbers([written(value) for value in values])
    row = WholeRow(
        tuple(model.column_index[model.row_start[i] : model.row_start[i + 1]].tolist()),
        tuple(coefficients),
        math.ceil(Fraction(written(low)) / divisor) if math.isfinite(low) else None,
        math.floor(Fraction(written(high)) / divisor) if math.isfinite(high) else None,
    )
    return (None if max(abs(row.low or 0), abs(row.high or 0)) >= _LARGEST else row), divisor


def _whole_numbers(numbers: list[Exact]) -> tuple[list[int], Fraction]:
    """Return numbers as multiples of the largest number that divides them all, and that; 1 for none but zeros."""
    denominator = math.lcm(*(number.denominator for number in numbers))
    scaled = [int(number * denominator) for number in numbers]
    divisor = math.gcd(*scaled) or 1
    return [number // divisor for number in scaled], Fraction(divisor, denominator)


def _reach(columns: Sequence[int], coefficients: Sequence[int], bounds: Sequence[tuple[int, int]]) -> int:
    """Return what the absolute terms of a sum may come to."""
    return sum(
        abs(coefficient) * max(abs(bounds[column][0]), abs(bounds[column][1]))
        for column, coefficient in zip(columns, coefficients, strict=True)
    )

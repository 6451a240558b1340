"""Rays: is there a direction in which the objective improves without limit? Decided in exact numbers.

A mixed-integer model of rational numbers that has a point is unbounded exactly when its linear relaxation has a
direction that no row and no bound stops and that improves the objective. (R. R. Meyer, "On the existence of optimal
solutions to integer and mixed-integer programming problems", 1974.) Such a direction is a point of a system of rows, so
`tuner.follower.repair` looks for it, from zero, row by row where one is violated: it finds one or shows that there is
none. Without one a claim that the objective has no limit is wrong, whatever the other answers say.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from instances.model import Floats, Model
from storage.records import Check
from tuner.follower.certificate import OPERATIONS, operations_for
from tuner.follower.exact import ExactRows, Row, rounding_of, size, uncertainty, written
from tuner.follower.repair import Bounds, Ending, Repair
from tuner.follower.solvers.unbounded import may_be_unbounded
from tuner.follower.solvers.whole import impossible, with_whole_bounds

DIRECTION = "a direction in which the objective improves without limit is proven; that there is a solution is not"
"""What is proven of a claim that the objective has no limit."""


def check_unbounded(rows: ExactRows) -> tuple[Check, str, str]:
    """Return what the check says of a claim that the objective has no limit, why when it is refuted, and its doubt.

    No direction refutes it, and so does a row that whole numbers cannot satisfy by divisibility. A direction alone does
    not confirm it: a model without a solution may have one, too. Then the doubt says so. It is empty where nothing is
    known: where it takes too many operations, where it depends on the last digits of numbers that were computed, and
    where indicator constraints or special ordered sets may stop the direction.
    """
    if why := impossible(with_whole_bounds(rows.model)):
        return Check.REFUTED, f"claimed unbounded, but there is no solution: {why}", ""
    found = has_ray(rows)
    if found is False:
        reason = "claimed unbounded, but there is no direction in which the objective improves without limit"
        return Check.REFUTED, reason, ""
    return Check.UNCONFIRMED, "", DIRECTION if found else ""


def beyond_optimum(rows: ExactRows) -> str:
    """Return why no objective can be optimal: there is a direction in which it improves without limit.

    Solvers stop at a gain that is within their tolerance. Empty where there is none, and where it takes more than a
    small number of operations to tell, since this is asked of every optimum. Told once for a model.
    """
    if rows not in _BEYOND:
        small = rows.model.nonzeros <= OPERATIONS and may_be_unbounded(rows.model)
        _BEYOND[rows] = bool(small and has_ray(rows, OPERATIONS))
    return "there is a direction in which the objective improves without limit" if _BEYOND[rows] else ""


_BEYOND: WeakKeyDictionary[ExactRows, bool] = WeakKeyDictionary()


def has_ray(rows: ExactRows, operations: int | None = None) -> bool | None:
    """Return whether the linear relaxation has a direction that improves the objective; None when it is not known.

    Rows that an indicator switches, and special ordered sets, are left out of the relaxation.

    Args:
        rows: of the model.
        operations: how many it may take; None for as many as `operations_for` says.

    """
    model = rows.model
    used = np.flatnonzero(model.objective)
    if not len(used):
        return False
    repair = Repair(lambda _: 0, _freedom(model), operations_for(model) if operations is None else operations)
    gain = tuple(written(float(model.objective[j])) for j in used.tolist())
    improves = Row(tuple(used.tolist()), gain, *((1, None) if model.maximise else (None, -1)))
    repair.hold(model.rows, improves)
    always = np.ones(model.rows, dtype=np.bool_)
    always[model.indicator_row] = False
    computed = _computed(model.value)
    is_certain = not _computed(model.objective).any()
    pending: list[int] = []
    while True:
        for i in pending:
            repair.hold(i, _homogeneous(rows, i))
            is_certain &= not computed[model.row_start[i] : model.row_start[i + 1]].any()
        ending = repair.run()
        if ending is Ending.EXHAUSTED:
            return None
        if ending is Ending.IMPOSSIBLE:
            return False if is_certain else None
        moved = np.zeros(model.columns)
        moved[[column for column, value in repair.moved.items() if value]] = 1.0
        touched = np.flatnonzero(rows.with_any(moved) & always)
        repair.charge(int(rows.counts[touched].sum()))
        if repair.is_exhausted:
            return None
        pending = [i for i in touched.tolist() if not repair.holds(i) and _stops(_homogeneous(rows, i), repair)]
        if not pending:
            is_certain &= not computed[moved[model.column_index] > 0].any()
            return True if is_certain and model.is_linear and _is_meant(rows, touched, repair) else None


def _freedom(model: Model) -> Callable[[int], Bounds | None]:
    """Return how far a column may go in a direction: not at all on a side with a bound, else as far as it takes."""

    def bounds(column: int) -> Bounds | None:
        low, high = (None if np.isinf(bound[column]) else 0 for bound in (model.lower, model.upper))
        return None if low == high == 0 else (low, high)

    return bounds


def _homogeneous(rows: ExactRows, i: int) -> Row:
    """Return what row i says of a direction."""
    row = rows.row(i)
    return Row(row.columns, row.coefficients, None if row.low is None else 0, None if row.high is None else 0)


def _is_meant(rows: ExactRows, touched: NDArray[np.intp], repair: Repair) -> bool:
    """Whether a direction is one for all numbers of which the model's may have been rounded (see `rounding_of`)."""
    model = rows.model
    length = {column: size(value) for column, value in repair.moved.items() if value}
    lost = sum(rounding_of(float(model.objective[j])) * way for j, way in length.items())
    gain = sum(written(float(model.objective[j])) * value for j, value in repair.moved.items())
    if lost >= size(gain):
        return False
    for i in touched.tolist():
        entries = slice(model.row_start[i], model.row_start[i + 1])
        columns, numbers = model.column_index[entries].tolist(), model.value[entries].tolist()
        off = sum(rounding_of(number) * length.get(j, 0) for j, number in zip(columns, numbers, strict=True))
        row = _homogeneous(rows, i)
        activity = row.activity(repair.value)
        if off and (row.excess(activity - off) or row.excess(activity + off)):
            return False
    return True


def _stops(row: Row, repair: Repair) -> bool:
    return bool(row.excess(row.activity(repair.value)))


def _computed(numbers: Floats) -> NDArray[np.bool_]:
    """Return which numbers were computed, so that their last place is not known."""
    distinct, places = np.unique(numbers, return_inverse=True)
    return np.array([uncertainty(float(number)) > 0 for number in distinct], dtype=np.bool_)[places]

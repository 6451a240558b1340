"""The certificate: is there a point that is feasible beyond doubt where a solver says that there is one?

The check (`tuner.follower.check`) accepts what solvers promise: a budget of 50,000,000 may be overdrawn by 50. Such a
point proves nothing against anybody. So its integers are rounded, every row is evaluated in exact numbers, and where
continuous variables are in the way they are moved until all rows hold (`tuner.follower.repair`). The objective of the
point found is a fact about the model, whoever claims what.

Most rows need no exact numbers: doubles with a bound on their error settle them. What is left is limited by a number of
operations, so that the same answer gets the same certificate anywhere. A model that is too large for that is certified
only where rows of integer variables hold exactly, and the others to a few units in the last place of their own terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instances.model import Floats, Model, VariableKind
from tuner.follower.check import FEASIBILITY, OBJECTIVE, contradicts
from tuner.follower.exact import Exact, ExactRows, Row, integer_columns, limit, written
from tuner.follower.repair import Bounds, Ending, Repair

SNAP = 1e-9
"""A continuous variable this close to a bound, or to a number of few decimals, relative to it above 1, is taken to be
there."""
DECIMALS = 6
"""What few decimals are."""
OPERATIONS = 50_000
"""Operations on small rational numbers that one point may take ..."""
PER_ENTRY = 5
"""... and how many more for every entry of the matrix ..."""
MOST = 1_000_000
"""... up to so many in all: about two seconds."""
LAST_PLACES = 8 * 2.0**-52
"""What a row may be off in a model that is too large to repair, as a part of the sum of its absolute terms ..."""
WELL_SCALED = 1e-10
"""... and, at the same time, relative to its bound above 1."""


@dataclass(frozen=True)
class Certificate:
    """What was proven of a point that holds within the tolerances."""

    objective: float | None = None
    """Of a point near it that is feasible beyond doubt; None when none was found."""
    doubt: str = ""
    """Why the claim holds within the tolerance only, for people: which row is off, and by how much. Empty when the
    claim is proven, and when the model is too large to tell."""


def certify(rows: ExactRows, point: Floats, claimed: float) -> Certificate:
    """Certify a point that `tuner.follower.check.check_point` accepts.

    Args:
        rows: of the model, made once for all points.
        point: the one claimed, shape (n,).
        claimed: its objective.

    """
    model = rows.model
    rows.forget()
    best: float | None = None
    doubt = ""
    for number, rounded in enumerate(_roundings(model, point)):
        found = _Search(rows, rounded, moved=bool(np.any(np.abs(rounded - point) > SNAP))).run()
        if found.objective is not None:
            if not _worse(model, found.objective, claimed):
                return Certificate(found.objective)
            if best is None or _worse(model, best, found.objective):
                best = found.objective
        doubt = doubt if number else found.doubt
    if best is None:
        return Certificate(None, doubt)
    nearest = f"the best point found that holds exactly has the objective {best:.12g}"
    return Certificate(best, f"{doubt}; {nearest}" if doubt else nearest)


def _operations(model: Model) -> int:
    return min(MOST, OPERATIONS + PER_ENTRY * model.nonzeros)


def _worse(model: Model, objective: float, claimed: float) -> bool:
    return contradicts(objective, claimed, model.maximise, OBJECTIVE)


def _roundings(model: Model, point: Floats) -> Iterator[Floats]:
    """Yield the point with its integers rounded: to the nearest, then those that were moved the other way."""
    integer = integer_columns(model)
    nearest = np.where(integer, np.rint(point), point)
    yield nearest
    off = point - nearest
    moved = integer & (np.abs(off) > SNAP)
    other = np.where(moved, nearest + np.sign(off), nearest)
    if moved.any() and bool(np.all((other >= model.lower) & (other <= model.upper) | ~moved)):
        yield other


class _Search:
    """One search for a point that holds exactly, with given values of the integer variables."""

    def __init__(self, rows: ExactRows, rounded: Floats, moved: bool) -> None:
        model = rows.model
        self._model, self._rows = model, rows
        self._raw = rounded
        self._why = " with its integers rounded" if moved else ""
        self._integer = integer_columns(model)
        self._lower, self._upper = model.lower.copy(), model.upper.copy()
        self._known: dict[int, Exact] = {}
        self._left = _operations(model)

    def run(self) -> Certificate:
        doubt = self._choose() or self._place()
        if doubt:
            return Certificate(None, doubt)
        suspects = self._suspects(self._at)
        entries = int(self._rows.counts[suspects].sum())
        if entries > self._left:
            return self._in_doubles()
        self._left -= entries
        wrong = self._wrong(suspects)
        fixed = [(i, excess) for i, excess in wrong if not self._rows.continuous[i]]
        if fixed:
            return Certificate(None, self._worst(fixed))
        if not wrong:
            return Certificate(self._objective(self._at, {}))
        return self._repaired(wrong)

    # What the integers decide

    def _choose(self) -> str:
        """Put variables that are zero or within bounds on one side, and take rows that are switched off away."""
        model, x = self._model, self._raw
        semi = model.kind >= VariableKind.SEMI_CONTINUOUS
        zero = semi & (np.abs(x) <= FEASIBILITY)
        zero &= ~((self._lower <= 0) & (self._upper >= 0))
        for k in range(len(model.sos_type)):
            members = model.sos_column[model.sos_start[k] : model.sos_start[k + 1]]
            used = np.flatnonzero(np.abs(x[members]) > FEASIBILITY)
            if len(used) > model.sos_type[k] or (len(used) == 2 and used[1] - used[0] != 1):
                return f"set {model.sos_names[k]} has more variables that are not zero than it allows"
            others = np.delete(members, used)
            never = others[((model.lower[others] > 0) | (model.upper[others] < 0)) & ~semi[others]]
            if len(never):
                return (
                    f"column {model.column_names[never[0]]} of set {model.sos_names[k]} cannot be zero, as it has to be"
                )
            zero[others] = True
        self._lower[zero] = self._upper[zero] = 0.0
        self._active = np.ones(model.rows, dtype=np.bool_)
        if len(model.indicator_row):
            on = x[model.indicator_column] == model.indicator_value
            self._active[model.indicator_row[~on]] = False
        return ""

    def _place(self) -> str:
        """Put every variable within its bounds, continuous ones on the number that is meant."""
        x, low, high = self._raw, self._lower, self._upper
        outside = self._integer & ((x < low) | (x > high))
        if outside.any():
            j = int(np.argmax(outside))
            return f"column {self._model.column_names[j]} is {x[j]:.12g}, outside [{low[j]:.12g}, {high[j]:.12g}]"
        self._raw = np.where(self._integer, x, np.clip(x, low, high))
        at = self._raw.copy()
        for target in (np.rint(at), np.round(at, DECIMALS), low, high):
            near = ~self._integer & np.isfinite(target) & (target >= low) & (target <= high)
            near &= np.abs(at - np.where(near, target, 0.0)) <= SNAP * np.maximum(1.0, np.abs(at))
            at = np.where(near, target, at)
        self._at = at
        return ""

    # Exact numbers

    def _exact(self, column: int) -> Exact:
        if column not in self._known:
            self._known[column] = written(float(self._at[column]))
        return self._known[column]

    def _bounds(self, column: int) -> Bounds | None:
        """Return a continuous column's bounds; None for one that stays where it is."""
        if self._integer[column] or self._lower[column] == self._upper[column]:
            return None
        return limit(float(self._lower[column])), limit(float(self._upper[column]))

    def _suspects(self, x: Floats) -> NDArray[np.int64]:
        doubtful = self._rows.doubtful(x)
        return doubtful[self._active[doubtful]]

    def _wrong(self, suspects: NDArray[np.int64], values: Repair | None = None) -> list[tuple[int, Exact]]:
        """Return which of these rows do not hold, and by how much they exceed a bound."""
        value = self._exact if values is None else values.value
        found = []
        for i in suspects.tolist():
            row = self._rows.row(i)
            excess = row.excess(_activity(row, [value(column) for column in row.columns]))
            if excess and not (
                not self._rows.continuous[i]
                and self._rows.tolerates(i, [self._exact(column) for column in row.columns], excess)
            ):
                found.append((i, excess))
        return found

    def _worst(self, wrong: list[tuple[int, Exact]]) -> str:
        model = self._model

        def scaled(entry: tuple[int, Exact]) -> float:
            i, excess = entry
            bound = float(model.row_upper[i] if excess > 0 else model.row_lower[i])
            return abs(float(excess)) / max(1.0, abs(bound))

        i, excess = max(wrong, key=scaled)
        above = excess > 0
        bound = float(model.row_upper[i] if above else model.row_lower[i])
        row = self._rows.row(i)
        activity = float(_activity(row, [self._exact(column) for column in row.columns]))
        return (
            f"row {model.row_names[i]} is {activity:.15g}{self._why}, {abs(float(excess)):.6g} "
            f"{'above' if above else 'below'} its bound {bound:.15g}"
        )

    def _objective(self, x: Floats, moved: dict[int, Exact]) -> float:
        """Return the objective of a point, exactly where sums of doubles might be off."""
        model = self._model
        used = np.flatnonzero(model.objective)
        terms = model.objective[used] * x[used]
        total = math.fsum([*terms.tolist(), model.offset])
        if float(np.abs(terms).sum()) * LAST_PLACES <= SNAP * max(1.0, abs(total)) or len(used) > OPERATIONS:
            return total
        exact: Exact = written(model.offset)
        for j in used.tolist():
            exact += written(float(model.objective[j])) * moved.get(j, self._exact(j))
        return float(exact)

    # Continuous variables that are in the way

    def _repaired(self, wrong: list[tuple[int, Exact]]) -> Certificate:
        repair = Repair(self._exact, self._bounds, self._left)
        pending = [i for i, _ in wrong]
        x = self._at
        while pending:
            for i in pending:
                repair.hold(i, self._rows.row(i))
            ending = repair.run()
            if ending is Ending.IMPOSSIBLE:  # equations that say the same, computed twice, may differ in the last place
                in_doubles = self._in_doubles()
                return in_doubles if in_doubles.objective is not None else Certificate(None, self._worst(wrong))
            if ending is Ending.EXHAUSTED:
                return self._in_doubles()
            x = self._at.copy()
            for column, value in repair.moved.items():
                x[column] = float(value)
            changed = np.zeros(self._model.columns)
            changed[[column for column, value in repair.moved.items() if value != self._exact(column)]] = 1.0
            suspects = self._suspects(x)
            suspects = suspects[self._rows.with_any(changed)[suspects]]  # the others were found to hold at the start
            again = np.array([i for i in suspects.tolist() if not repair.holds(i)], dtype=np.int64)
            repair.charge(int(self._rows.counts[again].sum()))
            pending = [i for i, _ in self._wrong(again, repair)]
        return Certificate(self._objective(x, repair.moved))

    def _in_doubles(self) -> Certificate:
        """Certify the point as it is if all that is wrong is beyond what doubles can tell."""
        model, rows = self._model, self._rows
        suspects = self._suspects(self._raw)
        of_integers = suspects[~rows.continuous[suspects]]
        if int(rows.counts[of_integers].sum()) > _operations(model) or self._wrong(of_integers):
            return Certificate()
        activity, weight = rows.activity(self._raw)
        excess = np.maximum(model.row_lower - activity, activity - model.row_upper)[suspects]
        bound = np.where(activity > model.row_upper, model.row_upper, model.row_lower)[suspects]
        scale = np.maximum(1.0, np.abs(np.where(np.isfinite(bound), bound, 0.0)))
        mixed = rows.continuous[suspects]
        off = mixed & ((excess > LAST_PLACES * weight[suspects]) | (excess > WELL_SCALED * scale))
        return Certificate() if off.any() else Certificate(self._objective(self._raw, {}))


def _activity(row: Row, values: list[Exact]) -> Exact:
    return sum((a * x for a, x in zip(row.coefficients, values, strict=True)), 0)

"""The search for a point that is feasible beyond doubt, with given values of the integer variables.

Every row is evaluated in exact numbers, and where it does not hold continuous variables are moved until all rows do
(`tuner.follower.repair`). A number that was computed stands for all that are rounded to the same double. So a bound
is moved inwards by what it may be off, and a row is evaluated with the least favourable of its numbers; an equation
needs values of the continuous variables for everything that it may mean. What fails this way may still hold as
somebody meant it: then nothing is known.

Most rows need no exact numbers: doubles with a bound on their error settle them. What is left is limited by a number of
operations, so that the same answer gets the same result anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from instances.model import Floats, VariableKind
from tuner.follower.check import FEASIBILITY
from tuner.follower.exact import (
    Exact,
    ExactRows,
    Row,
    integer_columns,
    limit,
    rounding_of,
    size,
    uncertainty,
    written,
)
from tuner.follower.repair import Bounds, Ending, Repair, coarse

SNAP = 1e-9
"""A continuous variable this close to a bound, or to a number of few decimals, relative to it above 1, is taken to be
there."""
DECIMALS = 6
"""What few decimals are."""
LAST_PLACES = 8
"""A row that is off by no more than so many times the uncertainty of its numbers may hold as it was meant: sums are
computed in several steps."""
ATTEMPTS = 3
"""How often a search begins again because a variable went further than what the uncertainty was calculated for."""
_EPSILON = 2.0**-52


@dataclass(frozen=True)
class Found:
    """What came of a search."""

    objective: float | None = None
    """Of a point that is feasible beyond doubt; None when none was found."""
    doubt: str = ""
    """Which row is off when there is none with these integers, and by how much. Without an objective and a doubt
    nothing is known: the model is too large, or it depends on the last digits of numbers that were computed."""
    wrong: tuple[tuple[int, Exact], ...] = ()
    """The rows that do not hold before anything is moved, and by how much."""
    may_be_rounded: bool = False
    """Of one with a doubt: whether it may hold for numbers of which the model's were rounded when it was written."""

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known."""
        return self.objective is None and not self.doubt


class Search:
    """One search, with given values of the integer variables."""

    def __init__(self, rows: ExactRows, rounded: Floats, moved: bool, operations: int) -> None:
        """Start from a point.

        Args:
            rows: of the model.
            rounded: the point, its integers rounded, shape (n,).
            moved: whether any was clearly moved by that.
            operations: how many are allowed.

        """
        model = rows.model
        self._model, self._rows = model, rows
        self._raw = rounded
        self._why = " with its integers rounded" if moved else ""
        self._integer = integer_columns(model)
        self._lower, self._upper = model.lower.copy(), model.upper.copy()
        self._known: dict[int, Exact] = {}
        self._allowed = self._left = operations
        self._reached: dict[int, float] = {}
        """How far from zero columns may go before what computed coefficients make of them is calculated again."""
        self._is_vague = False
        """Whether the point depends on what computed bounds stand for, so that nothing can be proven."""
        self._is_narrow = False
        """Whether rows or bounds were narrowed because their numbers were computed."""

    def run(self) -> Found:
        """Search."""
        doubt = self._choose() or self._place()
        if doubt:
            return Found(None, doubt)
        suspects = self._suspects(self._at)
        entries = int(self._rows.counts[suspects].sum())
        if entries > self._left:
            return Found()
        self._left -= entries
        wrong = self._wrong(suspects)
        found = self._found(wrong)
        return replace(found, wrong=tuple(wrong))

    def _found(self, wrong: list[tuple[int, Exact]]) -> Found:
        whole = [(i, excess) for i, excess in wrong if not self._rows.continuous[i]]
        beyond = [(i, excess) for i, excess in whole if size(excess) > self._leeway(i)]
        if beyond:
            return Found(None, self._worst(beyond), may_be_rounded=self._may_be_rounded(wrong))
        ending, objective = Ending.SENSITIVE, None
        if not whole and not self._is_vague:
            ending, objective = self._repaired([i for i, _ in wrong])
        if ending is Ending.REPAIRED:
            return Found(objective)
        if ending is not Ending.EXHAUSTED and not self._may_be_meant([i for i, _ in wrong if self._rows.continuous[i]]):
            return Found(None, self._worst(wrong), may_be_rounded=self._may_be_rounded(wrong))
        return Found()

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
        for j in np.flatnonzero(outside).tolist():
            bound = float(low[j] if x[j] < low[j] else high[j])
            if abs(x[j] - bound) > LAST_PLACES * uncertainty(bound):
                name = self._model.column_names[j]
                return f"column {name} is {_in_full(x[j])}, outside [{_in_full(low[j])}, {_in_full(high[j])}]"
            self._is_vague = True
        large = self._integer & (np.abs(x) >= 2.0**53) & ((x == low) | (x == high))
        self._is_vague |= any(uncertainty(number) > 0 for number in x[large].tolist())
        self._raw = np.where(self._integer, x, np.clip(x, low, high))
        at = self._raw.copy()
        for target in (np.rint(at), np.round(at, DECIMALS), low, high):
            near = ~self._integer & np.isfinite(target) & (target >= low) & (target <= high)
            near &= np.abs(at - np.where(near, target, 0.0)) <= SNAP * np.maximum(1.0, np.abs(at))
            at = np.where(near, target, at)
        self._at = self._inside(at)
        return ""

    def _inside(self, at: Floats) -> Floats:
        """Move continuous variables away from bounds that were computed."""
        low, high = self._lower, self._upper
        room = ~self._integer & (low < high)
        for bound, direction in ((low, 4.0), (high, -4.0)):
            known = np.where(np.isfinite(bound), bound, 0.0)
            place = np.spacing(np.abs(known))
            close = room & np.isfinite(bound) & (np.abs(at - known) <= 4 * place) & (known != np.rint(known))
            for j in np.flatnonzero(close).tolist():
                if uncertainty(float(bound[j])):
                    at[j] = bound[j] + direction * place[j]
                    self._is_vague |= not low[j] <= at[j] <= high[j]
        return at

    # Exact numbers

    def _exact(self, column: int) -> Exact:
        if column not in self._known:
            self._known[column] = written(float(self._at[column]))
        return self._known[column]

    def _bounds(self, column: int) -> Bounds | None:
        """Return a continuous column's bounds, whatever they stand for; None for one that stays where it is."""
        lower, upper = float(self._lower[column]), float(self._upper[column])
        if self._integer[column] or lower == upper:
            return None
        low, high = limit(lower), limit(upper)
        above, below = coarse(uncertainty(lower)), coarse(uncertainty(upper))
        self._is_narrow |= bool(above or below)
        return None if low is None else low + above, None if high is None else high - below

    def _generous(self, column: int) -> Bounds | None:
        """Return a continuous column's bounds, further out by some last places; None for one that stays."""
        lower, upper = float(self._lower[column]), float(self._upper[column])
        if self._integer[column] or lower == upper:
            return None
        low, high = limit(lower), limit(upper)
        return (
            None if low is None else low - LAST_PLACES * coarse(uncertainty(lower)),
            None if high is None else high + LAST_PLACES * coarse(uncertainty(upper)),
        )

    def _written_wider(self, column: int) -> Bounds | None:
        """Return a continuous column's bounds as they were before they were rounded; None for one that stays."""
        found = self._generous(column)
        if found is None:
            return None
        lower, upper = float(self._lower[column]), float(self._upper[column])
        low, high = found
        return None if low is None else low - rounding_of(lower), None if high is None else high + rounding_of(upper)

    def _suspects(self, x: Floats, sway: Floats | None = None) -> NDArray[np.int64]:
        doubtful = self._rows.doubtful(x, sway)
        return doubtful[self._active[doubtful]]

    def _vagueness(self, i: int) -> float:
        """Return by how much the activity of a row may differ from what it is as it is written."""
        found = self._rows.vagueness(i, self._reach)
        row = self._rows.row(i)
        for j, a in zip(row.columns, row.coefficients, strict=True):
            if self._lower[j] == self._upper[j]:  # fixed at a number that was computed
                found += abs(float(a)) * 1.001 * uncertainty(float(self._lower[j]))
        self._is_narrow |= found > 0
        return found

    def _reach(self, column: int) -> float:
        """Return what the absolute value of a column may be; the search ends by looking whether it was enough."""
        at = abs(float(self._at[column]))
        if self._integer[column] or self._lower[column] == self._upper[column]:
            return at
        return self._reached.setdefault(column, 2 * at + 1)

    def _leeway(self, i: int) -> Exact:
        """Return how far off a row may be and yet hold as it was meant."""
        return LAST_PLACES * coarse(self._vagueness(i))

    def _rounded(self, i: int) -> Exact:
        """Return how far off a row may be because its numbers were rounded when they were written."""
        model, row = self._model, self._rows.row(i)
        sides = float(model.row_lower[i]), float(model.row_upper[i])
        found = max(self._leeway(i), *map(rounding_of, sides))
        entries = slice(model.row_start[i], model.row_start[i + 1])
        for j, a, number in zip(row.columns, row.coefficients, model.value[entries].tolist(), strict=True):
            if off := rounding_of(number):
                found += off * (size(self._exact(j)) if self._integer[j] else coarse(self._reach(j)))
            if self._lower[j] == self._upper[j]:
                found += size(a) * rounding_of(float(self._lower[j]))
        return found

    def _wrong(self, suspects: NDArray[np.int64]) -> list[tuple[int, Exact]]:
        """Return which of these rows do not hold, or not for whatever they mean, and what exceeds a bound."""
        found = []
        for i in suspects.tolist():
            row = self._rows.row(i)
            activity = row.activity(self._exact)
            if not _holds(row, activity, self._vagueness(i)):
                found.append((i, row.excess(activity)))
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
        activity = float(self._rows.row(i).activity(self._exact))
        return (
            f"row {model.row_names[i]} is {activity:.15g}{self._why}, {abs(float(excess)):.6g} "
            f"{'above' if above else 'below'} its bound {bound:.15g}"
        )

    def _objective(self, x: Floats, moved: dict[int, Exact], sway: dict[int, float]) -> float | None:
        """Return the objective of a point; None where it depends on the last digits of numbers that were computed."""
        model = self._model
        used = np.flatnonzero(model.objective)
        terms = model.objective[used] * x[used]
        total = math.fsum([*terms.tolist(), model.offset])
        off = math.fsum(abs(float(model.objective[j])) * far for j, far in sway.items())
        slack = SNAP * max(1.0, abs(total))
        if float(np.abs(terms).sum()) * 8 * _EPSILON + off <= slack:
            return total
        if len(used) > self._allowed:
            return None
        exact: Exact = written(model.offset)
        for j in used.tolist():
            exact += written(float(model.objective[j])) * moved.get(j, self._exact(j))
            off += uncertainty(float(model.objective[j])) * (abs(float(x[j])) + sway.get(j, 0.0))
        return float(exact) if off <= SNAP * max(1.0, abs(float(exact))) else None

    # Continuous variables that are in the way

    def _repaired(self, wrong: list[int]) -> tuple[Ending, float | None]:
        """Move continuous variables until all rows hold, whatever their numbers stand for; return the objective."""
        for _ in range(ATTEMPTS):
            repair = Repair(self._exact, self._bounds, self._left)
            ending, x = self._hold(repair, wrong)
            if ending is not Ending.REPAIRED:
                return ending, None
            sway = repair.sway()
            further = {
                j: 4 * far + 1
                for j in self._reached
                if (far := abs(float(repair.value(j))) * 1.001 + sway.get(j, 0.0)) > self._reached[j]
            }
            if not further:
                objective = self._objective(x, repair.moved, sway)
                return Ending.EXHAUSTED if objective is None else Ending.REPAIRED, objective
            self._reached.update(further)
        return Ending.EXHAUSTED, None

    def _hold(self, repair: Repair, wrong: list[int]) -> tuple[Ending, Floats]:
        """Have more rows repaired until no other row fails; return how it ended, and the point."""
        pending, x = wrong, self._at
        while pending:
            for i in pending:
                row, vagueness = self._rows.row(i), self._vagueness(i)
                if row.low == row.high:
                    repair.hold(i, row, vagueness)
                else:
                    narrow = _moved(row, coarse(vagueness))
                    if narrow.low is not None and narrow.high is not None and narrow.low > narrow.high:
                        return Ending.SENSITIVE, x
                    repair.hold(i, narrow)
            ending = repair.run()
            if ending is not Ending.REPAIRED:
                return ending, x
            x, sway, moves = self._at.copy(), np.zeros(self._model.columns), np.zeros(self._model.columns)
            for column, value in repair.moved.items():
                x[column] = float(value)
                moves[column] = value != self._exact(column)
            for column, far in repair.sway().items():
                sway[column] = far
                moves[column] = 1.0
            suspects = self._suspects(x, sway)
            suspects = suspects[self._rows.with_any(moves)[suspects]]  # the others were found to hold at the start
            again = np.array([i for i in suspects.tolist() if not repair.holds(i)], dtype=np.int64)
            repair.charge(int(self._rows.counts[again].sum()))
            if repair.is_exhausted:
                return Ending.EXHAUSTED, x
            pending = [i for i in again.tolist() if self._fails(i, repair.value, sway)]
        return Ending.REPAIRED, x

    def _fails(self, i: int, value: Callable[[int], Exact], sway: Floats) -> bool:
        row = self._rows.row(i)
        swayed = math.fsum(
            abs(float(a)) * 1.001 * sway[j] for j, a in zip(row.columns, row.coefficients, strict=True) if sway[j]
        )
        return not _holds(row, row.activity(value), self._vagueness(i) + swayed)

    def _may_be_meant(self, wrong: list[int]) -> bool:
        """Whether rows may hold as they were meant: every bound further out by some last places of its numbers.

        Also where that takes too many operations to tell.
        """
        return (self._is_narrow or self._is_vague) and self._may_hold(wrong, self._generous, self._leeway)

    def _may_be_rounded(self, wrong: list[tuple[int, Exact]]) -> bool:
        """Whether rows may hold for numbers of which the model's were rounded when they were written.

        Also where that takes too many operations to tell. A limit on whole numbers alone is held to what is written:
        it leaves others to choose.
        """
        continuous = self._rows.continuous
        low, high = self._model.row_lower, self._model.row_upper
        if any(
            size(excess) > (self._rounded(i) if low[i] == high[i] else self._leeway(i))
            for i, excess in wrong
            if not continuous[i]
        ):
            return False
        return self._may_hold([i for i, _ in wrong if continuous[i]], self._written_wider, self._rounded)

    def _may_hold(
        self, wrong: list[int], bounds: Callable[[int], Bounds | None], leeway: Callable[[int], Exact]
    ) -> bool:
        """Whether rows with continuous variables hold for some values of them, each bound further out by a leeway."""
        repair = Repair(self._exact, bounds, self._left)
        pending, x = wrong, self._at
        while pending:
            for i in pending:
                repair.hold(i, _moved(self._rows.row(i), -leeway(i)))
            ending = repair.run()
            if ending is not Ending.REPAIRED:
                return ending is not Ending.IMPOSSIBLE
            x = self._at.copy()
            for column, value in repair.moved.items():
                x[column] = float(value)
            again = [i for i in self._suspects(x).tolist() if self._rows.continuous[i] and not repair.holds(i)]
            repair.charge(sum(int(self._rows.counts[i]) for i in again))
            pending = [
                i for i in again if size((row := self._rows.row(i)).excess(row.activity(repair.value))) > leeway(i)
            ]
        return True


def _holds(row: Row, activity: Exact, vagueness: float) -> bool:
    """Whether a row holds when its activity may be off by so much, compared with its bounds."""
    if not vagueness:
        return not row.excess(activity)
    return (row.low is None or vagueness <= float(activity - row.low)) and (
        row.high is None or vagueness <= float(row.high - activity)
    )


def _moved(row: Row, inwards: Exact) -> Row:
    """Return a row with its bounds moved inwards; outwards by a negative number."""
    low, high = row.low, row.high
    return Row(
        row.columns,
        row.coefficients,
        None if low is None else low + inwards,
        None if high is None else high - inwards,
    )


def _in_full(number: float) -> str:
    """Return a number with all its digits."""
    return repr(float(number)).removesuffix(".0")

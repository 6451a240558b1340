"""Continuous variables moved until rows hold exactly: the general simplex method of SMT solvers, in rational numbers.

Every row gets a variable of its own, the activity, which is basic at first: it is written as a sum of the others. One
that is outside its bounds is moved onto the nearer one by exchanging it with a variable that can make up for it. (B.
Dutertre and L. de Moura, "A fast linear-arithmetic solver for DPLL(T)", 2006.) From a point that a solver has found,
nearly all variables stay where they are. By Bland's rule, used after some pivots, it ends: with a point, or with a row
that no values of the continuous variables satisfy together with the others.

An equation whose numbers were computed stands for many. Its activity is made nonbasic, so it can be set to whatever the
equation may ask for, and how far the basic variables follow is read off the tableau. They are kept that far inside
their bounds. So there are values that satisfy the rows for whatever the numbers stand for, although not the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum, auto
from fractions import Fraction

from tuner.follower.exact import Exact, Row, size

PATIENCE = 4
"""After this many pivots for every row, entering variables are chosen by Bland's rule."""
ROUNDS = 30
"""How often variables may be moved further inside their bounds."""
_DIGIT = 128
"""Bits of a number that cost as much as one operation on small ones."""

Bounds = tuple[Exact | None, Exact | None]


class Ending(Enum):
    """How a repair ended."""

    REPAIRED = auto()
    IMPOSSIBLE = auto()
    """No values of the continuous variables satisfy these rows."""
    SENSITIVE = auto()
    """Some do, but none were found for everything that the computed numbers of equations may stand for."""
    EXHAUSTED = auto()
    """It would take more operations than are allowed."""


class Repair:
    """Values of the continuous variables, and the rows that hold for them exactly. Variables of rows are ~row."""

    def __init__(self, start: Callable[[int], Exact], bounds: Callable[[int], Bounds | None], operations: int) -> None:
        """Start from a point.

        Args:
            start: the value of a column; of one that may be moved, within its bounds.
            bounds: of a column; None for one that may not be moved.
            operations: how many may be done, counted in small rational numbers.

        """
        self._start, self._bounds_of = start, bounds
        self._at: dict[int, Exact] = {}
        self._bounds: dict[int, Bounds] = {}
        self._left = operations
        self._basic: dict[int, dict[int, Exact]] = {}
        self._users: dict[int, set[int]] = {}
        """Which basic variables a nonbasic one is a part of."""
        self._outside: dict[int, None] = {}
        """Basic variables that may be outside their bounds, in the order in which they got there."""
        self._vagueness: dict[int, float] = {}
        """By how much the activity of an equation may have to differ from what it says as it is written."""
        self._rounds = 0
        self._pivots = 0
        self._rows = 0

    @property
    def moved(self) -> dict[int, Exact]:
        """The columns that may have been moved, with their values."""
        return {variable: value for variable, value in self._at.items() if variable >= 0}

    def value(self, column: int) -> Exact:
        """Return where a column is now."""
        return self._at[column] if column in self._at else self._start(column)

    def holds(self, i: int) -> bool:
        """Whether row i was added."""
        return ~i in self._bounds

    def charge(self, operations: int) -> None:
        """Count operations that were done elsewhere."""
        self._left -= operations

    @property
    def is_exhausted(self) -> bool:
        """Whether more operations were done than are allowed."""
        return self._left < 0

    def hold(self, i: int, row: Row, vagueness: float = 0.0) -> None:
        """Add a row that is to hold; if it is an equation, for every right-hand side up to so far away."""
        fixed: Exact = 0
        terms: dict[int, Exact] = {}
        for column, coefficient in zip(row.columns, row.coefficients, strict=True):
            if not self._may_move(column):
                fixed += coefficient * self._start(column)
            elif column in self._basic:
                for other, factor in self._basic[column].items():
                    terms[other] = terms.get(other, 0) + coefficient * factor
            else:
                terms[column] = terms.get(column, 0) + coefficient
        self._left -= len(row.columns) + len(terms)
        terms = {column: coefficient for column, coefficient in terms.items() if coefficient}
        new = ~i
        if vagueness:
            self._vagueness[new] = vagueness
        low, high = row.low, row.high
        self._bounds[new] = (None if low is None else low - fixed, None if high is None else high - fixed)
        self._at[new] = sum((coefficient * self._at[column] for column, coefficient in terms.items()), 0)
        self._basic[new] = terms
        for column in terms:
            self._users.setdefault(column, set()).add(new)
        self._outside[new] = None
        self._rows += 1

    def _may_move(self, column: int) -> bool:
        if column not in self._bounds:
            bounds = self._bounds_of(column)
            if bounds is None:
                return False
            self._bounds[column], self._at[column] = bounds, self._start(column)
        return True

    def run(self) -> Ending:
        """Move variables until every row that was added holds, whatever equations of computed numbers ask for."""
        while True:
            ending = self._move()
            if ending is not Ending.REPAIRED or not self._vagueness:
                return ending
            settled = self._settle()
            if settled is not None:
                return settled

    def sway(self) -> dict[int, float]:
        """Return how far columns have to move, at most, for what equations of computed numbers may ask for."""
        return {variable: far for variable, far in self._swaying().items() if variable >= 0}

    def _settle(self) -> Ending | None:
        """Make room for what equations of computed numbers may ask for; None when variables have to be moved again."""
        if self.is_exhausted:
            return Ending.EXHAUSTED
        dependent = [equation for equation in self._vagueness if equation in self._basic]
        swaying = self._swaying()
        dependent += [v for v in swaying if v < 0 and v not in self._vagueness and self._is_fixed(v)]
        for equation in dependent:
            if equation not in self._basic:
                continue
            entering = self._free(equation)
            if entering is None:
                if equation in self._vagueness or equation in self._swaying():
                    return Ending.SENSITIVE
                continue
            if len(self._basic[equation]) * len(self._users[entering]) > self._left:
                return Ending.EXHAUSTED
            self._exchange(equation, entering, self._at[equation])
        if dependent:
            swaying = self._swaying()
        is_done = True
        for variable, far in swaying.items():
            if self._is_fixed(variable):  # an equation that another one's exchange has tied to a third
                is_done = False
                continue
            low, high = self._bounds[variable]
            at = self._at[variable]
            if (low is None or far <= float(at - low)) and (high is None or far <= float(high - at)):
                continue
            margin = coarse(2 * far)
            low, high = None if low is None else low + margin, None if high is None else high - margin
            if low is not None and high is not None and low > high:
                return Ending.SENSITIVE
            self._bounds[variable] = low, high
            self._outside[variable] = None
            is_done = False
        if is_done:
            return Ending.REPAIRED
        self._rounds += 1
        return Ending.SENSITIVE if self._rounds > ROUNDS else None

    def _swaying(self) -> dict[int, float]:
        """Return how far basic variables follow the equations of computed numbers, at most."""
        found: dict[int, float] = {}
        for equation, vagueness in self._vagueness.items():
            users = self._users.get(equation, ()) if equation not in self._basic else ()
            for variable in users:
                far = abs(float(self._basic[variable][equation])) * vagueness * 1.001
                found[variable] = found.get(variable, 0.0) + far
            self._left -= len(users)
        return found

    def _is_fixed(self, variable: int) -> bool:
        low, high = self._bounds[variable]
        return low is not None and low == high

    def _free(self, leaving: int) -> int | None:
        """Return the nonbasic variable that can follow in place of a basic one best; None when all are fixed."""
        found: tuple[bool, int, Exact, int] | None = None
        for variable, coefficient in self._basic[leaving].items():
            if self._is_fixed(variable):
                continue
            at_bound = self._at[variable] in self._bounds[variable]
            rank = (at_bound, len(self._users[variable]), -size(coefficient), variable)
            if found is None or rank < found:
                found = rank
        self._left -= len(self._basic[leaving])
        return None if found is None else found[3]

    def _move(self) -> Ending:
        """Move variables until every row that was added holds as it is written."""
        while self._outside:
            if self._left < 0:
                return Ending.EXHAUSTED
            bland = self._pivots > PATIENCE * self._rows
            leaving = min(self._outside) if bland else next(iter(self._outside))
            target = self._target(leaving)
            if target is None:
                del self._outside[leaving]
                continue
            entering = self._entering(leaving, target - self._at[leaving], bland)
            if entering is None:
                return Ending.IMPOSSIBLE
            if len(self._basic[leaving]) * len(self._users[entering]) > self._left:
                return Ending.EXHAUSTED
            self._exchange(leaving, entering, target)
            self._pivots += 1
        return Ending.REPAIRED

    def _target(self, variable: int) -> Exact | None:
        """Return the bound that a variable is to be moved to; None when it is within its bounds."""
        low, high = self._bounds[variable]
        at = self._at[variable]
        if low is not None and at < low:
            return low
        return high if high is not None and at > high else None

    def _entering(self, leaving: int, change: Exact, bland: bool) -> int | None:
        """Return the nonbasic variable that makes up for the change best; None when none can.

        Best: it stays within its bounds, and few other rows notice.
        """
        found: tuple[bool, bool, int, Exact, int] | None = None
        for variable, coefficient in self._basic[leaving].items():
            low, high = self._bounds[variable]
            bound = high if (coefficient > 0) == (change > 0) else low
            room = None if bound is None else size(bound - self._at[variable])
            if room == 0:
                continue
            if bland:
                rank: tuple[bool, bool, int, Exact, int] = (False, False, 0, 0, variable)
            else:
                reach = size(coefficient)
                rank = (
                    room is not None and room * reach < size(change),
                    self._at[variable] in (low, high),
                    len(self._users[variable]),
                    -reach,
                    variable,
                )
            if found is None or rank < found:
                found = rank
        self._left -= len(self._basic[leaving])
        return None if found is None else found[4]

    def _exchange(self, leaving: int, entering: int, target: Exact) -> None:
        """Make the one nonbasic, at the target, and the other basic."""
        terms = self._basic.pop(leaving)
        pivot = terms.pop(entering)
        step = _ratio(target - self._at[leaving], pivot)
        for column in terms:
            self._users[column].discard(leaving)
        users = self._users.pop(entering)
        users.discard(leaving)
        solved: dict[int, Exact] = {column: _ratio(-coefficient, pivot) for column, coefficient in terms.items()}
        solved[leaving] = _ratio(1, pivot)
        self._at[leaving], self._at[entering] = target, self._at[entering] + step
        self._outside.pop(leaving, None)
        cost = len(terms) + 1
        for basic in users:
            own = self._basic[basic]
            factor = own.pop(entering)
            for column, coefficient in solved.items():
                new = own.get(column, 0) + factor * coefficient
                if new:
                    own[column] = new
                    self._users.setdefault(column, set()).add(basic)
                elif column in own:
                    del own[column]
                    self._users[column].discard(basic)
            self._at[basic] += factor * step
            self._outside[basic] = None
            cost += len(solved) + 1
        self._basic[entering] = solved
        for column in solved:
            self._users.setdefault(column, set()).add(entering)
        self._outside[entering] = None
        self._left -= cost * (1 + _bits(step) // _DIGIT)


def coarse(number: float) -> Exact:
    """Return a power of two that is not below a number, and at most twice as large; 0 for 0."""
    if not number:
        return 0
    exponent = math.frexp(number)[1]
    return Fraction(2) ** exponent


def _ratio(one: Exact, other: Exact) -> Exact:
    if other == 1 or other == -1:
        return one * other
    found = Fraction(one) / other
    return found.numerator if found.denominator == 1 else found


def _bits(number: Exact) -> int:
    return number.numerator.bit_length() + number.denominator.bit_length()

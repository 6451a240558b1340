"""One leader's variable and a follower that is a linear program: everything about F as a function of x.

Where x enters the follower's rows only, the follower's value is piecewise linear and convex in x (for a minimiser). On
each piece one vertex of the dual is optimal, and there the worst of the reactions is concave in x for a leader that
minimises: so a pessimistic leader's best x is at an end of a piece. The pieces are found from their lines: two lines
cross where a third one is higher, or at a break (Eisner and Severance 1976).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from instances.model import VariableKind
from storage.records import Claim
from tuner.bilevel.duality import Side, dual, has_linear_follower, sides
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.master import Limits
from tuner.bilevel.optimiser import Optimiser
from tuner.bilevel.result import Bound
from tuner.bilevel.state import State

SAME = 1e-9
"""Two values are the same when they differ by this times max(1, their size)."""
PIECES = 10_000


@dataclass(frozen=True)
class Line:
    """The follower's value on a piece: ``slope * x + value``."""

    slope: float
    value: float

    def at(self, x: float) -> float:
        """Return its height."""
        return self.slope * x + self.value


def applies(problem: LinearProblem) -> bool:
    """Whether the follower is a linear program, x one continuous variable of its rows only, and C is without y."""
    joint = problem.joint
    follower = set(problem.y.tolist())
    coupled = any(follower & joint.row(row).keys() for row in problem.upper_rows.tolist())
    return (
        len(problem.x) == 1
        and joint.kind[problem.x[0]] == VariableKind.CONTINUOUS
        and has_linear_follower(problem)
        and not problem.lower_products
        and not problem.upper_products
        and not coupled
    )


def look_at_pieces(problem: LinearProblem, limits: Limits, state: State) -> None:
    """Answer the ends of all pieces: a pessimistic leader's best x is among them."""
    (column,) = problem.x.tolist()
    ends = []
    for maximise in (False, True):
        found = state.optimiser.extreme(problem.joint, column, maximise, state.left)
        if found.claim is not Claim.OPTIMAL:
            return
        ends.append(min(max(found.bound, float(limits.lower[column])), float(limits.upper[column])))
    places = breaks(problem, ends[0], ends[1], state.optimiser, lambda: state.left)
    for place in places or ():
        if state.left <= 0:
            return
        state.respond((problem.variables[0].nearest(place),))
    if places is not None and all(response.proven for response in state.known.values()):
        state.close(Bound.PIECES)


def breaks(
    problem: LinearProblem, low: float, high: float, optimiser: Optimiser, seconds: Callable[[], float]
) -> list[float] | None:
    """Return the ends of all pieces between two x at which the follower is feasible; None when time ran out."""
    of = sides(problem)

    def line(x: float) -> Line | None:
        found = optimiser.solve(dual(problem, of, (x,)), seconds())
        if found.claim is not Claim.OPTIMAL or found.point is None:
            return None
        slope, value = 0.0, 0.0
        for multiplier, side in zip(found.point.tolist(), of, strict=True):
            value += multiplier * side.bound
            slope -= multiplier * _slope(problem, side)
        return Line(slope, value)

    found = {low, high}
    first, last = line(low), line(high)
    if first is None or last is None:
        return None
    waiting = [(low, first, high, last)]
    while waiting:
        a, left, b, right = waiting.pop()
        if len(found) > PIECES:
            return None
        if abs(left.slope - right.slope) <= SAME * max(1.0, abs(left.slope)):
            continue
        crossing = (right.value - left.value) / (left.slope - right.slope)
        if not a < crossing < b:
            continue
        middle = line(crossing)
        if middle is None:
            return None
        found.add(crossing)  # a break, unless the line there is higher; and then it may be one by chance
        height = left.at(crossing)
        if abs(middle.at(crossing) - height) > SAME * max(1.0, abs(height)):
            waiting += [(a, left, crossing, middle), (crossing, middle, b, right)]
    return sorted(found)


def _slope(problem: LinearProblem, side: Side) -> float:
    return side.terms.get(int(problem.x[0]), 0.0)

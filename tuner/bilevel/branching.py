"""Branching on complementarity: exact for a follower that is a linear program (Bard and Moore 1990).

Each node is the master problem with the follower's optimality conditions, in which some pairs are settled: a multiplier
is 0, or its side is met with equality. No big numbers are needed. A node in which all pairs are complementary is
bilevel feasible for an optimistic leader.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from instances.model import Floats, Model
from storage.records import Claim
from tuner.bilevel.duality import Side, add_balance, sides
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.master import Limits, Master
from tuner.bilevel.optimiser import Optimiser, Optimum
from tuner.bilevel.result import Bound
from tuner.bilevel.state import State
from tuner.cost import Ties

MET = 1e-7
"""A pair is complementary when the product of its two, each divided by max(1, its size), is no more than this."""


def branch(problem: LinearProblem, limits: Limits, state: State) -> None:
    """Branch until value and bound meet; for a pessimistic leader the bound is that of an optimistic one."""
    tree = Tree(problem, Master(problem, limits, Ties.OPTIMISTIC), state.optimiser)
    tree.begin(state.left)
    left_open: float | None = None
    while state.left > 0:
        bound = tree.bound
        if bound is None or state.is_met(bound):
            if left_open is None:
                state.close(Bound.BRANCHING, bound)
            else:
                state.tighten(left_open, Bound.BRANCHING)
            return
        state.tighten(state.weaker(bound, left_open), Bound.BRANCHING)
        node = tree.pop()
        if node.found.point is None:
            left_open = state.weaker(bound, left_open)
            continue
        response = state.respond(problem.x_of(node.found.point))
        if not tree.branch(node, lambda: state.left):
            tie = response.tie(state.ties)
            if tie is None or state.leaves_room(bound, tie.objective):
                left_open = state.weaker(bound, left_open)


@dataclass(frozen=True)
class Node:
    """A part of the problem: of each settled pair, whether the side is met with equality or the multiplier is 0."""

    settled: tuple[tuple[int, bool], ...]
    found: Optimum
    """Of its relaxation."""


class Tree:
    """The nodes that are open."""

    def __init__(self, problem: LinearProblem, master: Master, optimiser: Optimiser) -> None:
        """Add the follower's optimality conditions to a master problem."""
        self._problem, self._optimiser = problem, optimiser
        self._sides = sides(problem)
        builder = master.builder
        self._multipliers = add_balance(builder, problem, self._sides)
        self._rows: list[int] = []
        for number, side in enumerate(self._sides):
            self._rows.append(len(builder.rows))
            builder.add_row(f"side {number}", side.terms.items(), lower=side.bound)
        self._model = builder.build()
        self._open: list[tuple[float, int, Node]] = []
        self._count = itertools.count()
        self._sign = -1.0 if problem.maximise else 1.0

    @property
    def bound(self) -> float | None:
        """The best that any open node may have; None when there is none."""
        return self._sign * self._open[0][0] if self._open else None

    def begin(self, seconds: float) -> Optimum:
        """Solve the root and return what was found."""
        return self._enter((), seconds)

    def pop(self) -> Node:
        """Return the best open node, which is open no more."""
        return heapq.heappop(self._open)[2]

    def branch(self, node: Node, seconds: Callable[[], float]) -> bool:
        """Split a node at the pair that is furthest from complementary; False when all are complementary."""
        assert node.found.point is not None
        pair = self._worst(node.found.point, {number for number, _ in node.settled})
        if pair is None:
            return False
        for is_met in (True, False):
            self._enter((*node.settled, (pair, is_met)), seconds())
        return True

    def _enter(self, settled: tuple[tuple[int, bool], ...], seconds: float) -> Optimum:
        found = self._optimiser.solve(self._settled_model(settled), seconds)
        if found.claim is Claim.OPTIMAL:
            heapq.heappush(self._open, (self._sign * found.bound, next(self._count), Node(settled, found)))
        elif found.claim is not Claim.INFEASIBLE:
            heapq.heappush(self._open, (-np.inf, next(self._count), Node(settled, found)))
        return found

    def _settled_model(self, settled: tuple[tuple[int, bool], ...]) -> Model:
        upper, row_upper = self._model.upper.copy(), self._model.row_upper.copy()
        for number, is_met in settled:
            if is_met:
                row_upper[self._rows[number]] = self._model.row_lower[self._rows[number]]
            else:
                upper[self._multipliers[number]] = 0.0
        return replace(self._model, upper=upper, row_upper=row_upper)

    def _worst(self, point: Floats, settled: set[int]) -> int | None:
        worst, place = MET, None
        for number, side in enumerate(self._sides):
            if not side.is_equation and number not in settled:
                missed = self._missed(point, side, number)
                if missed > worst:
                    worst, place = missed, number
        return place

    def _missed(self, point: Floats, side: Side, number: int) -> float:
        activity = sum(value * point[column] for column, value in side.terms.items())
        slack = max(0.0, activity - side.bound) / max(1.0, abs(side.bound))
        multiplier = max(0.0, float(point[self._multipliers[number]]))
        return float(min(slack, 1.0) * min(multiplier, 1.0))

"""What solving a bilevel problem yields."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import optuna

from tuner.bilevel.problem import Problem, X
from tuner.bilevel.responder import Response
from tuner.cost import Ties


class Bound(StrEnum):
    """What a bound rests on."""

    NONE = "none"
    EXHAUSTION = "exhaustion"
    """Every x was answered."""
    RELAXATION = "high-point relaxation"
    CUTS = "value-function cuts"
    """The high-point relaxation with cuts from the follower's answers, and without the x that were looked at."""
    BRANCHING = "branching on complementarity"
    PIECES = "pieces of the follower's value"
    """Every x was looked at where a pessimistic leader's best one can be."""


class Ending(StrEnum):
    """How solving ended."""

    OPTIMAL = "optimal"
    """Proven: value and bound meet."""
    FEASIBLE = "feasible"
    """The best x so far is bilevel feasible; whether it is optimal is open."""
    INFEASIBLE = "bilevel infeasible"
    """Proven: no x has a reaction that satisfies C."""
    NOTHING = "nothing found"
    """No bilevel feasible x was found; whether there is one is open."""


@dataclass(frozen=True)
class Result:
    """The leader's best choice, and how good it can be at most."""

    problem: Problem
    ties: Ties
    ending: Ending
    x: X | None
    """The best choice; None when none is bilevel feasible."""
    response: Response | None
    """The follower's response to it, both ends of its ties, from another process and another seed than the search."""
    objective: float | None
    """F, with ties as the leader assumes them."""
    bound: float
    """No bilevel feasible choice is better; infinite when nothing is known."""
    bound_kind: Bound
    responses: int
    """How many choices were answered."""
    infeasible: int
    """To how many the follower had no feasible answer."""
    outside: int
    """To how many no reaction (pessimistic: not every reaction) satisfied C."""
    unproven: int
    """To how many the follower was not solved to proof."""
    seconds: float
    study: optuna.Study
    """Every choice as a trial."""
    remarks: tuple[str, ...] = ()
    """What somebody who relies on the answer should know."""

    @property
    def is_proven(self) -> bool:
        """Whether nothing is left to find out."""
        return self.ending in (Ending.OPTIMAL, Ending.INFEASIBLE)

    @property
    def gap(self) -> float:
        """How much better the bound is than F, relative to F, at least to 1; infinite without either."""
        if self.objective is None or not math.isfinite(self.bound):
            return 0.0 if self.ending is Ending.INFEASIBLE else math.inf
        return max(0.0, abs(self.bound - self.objective)) / max(1.0, abs(self.objective))

    @property
    def spread(self) -> float | None:
        """How much of F hangs on how the follower breaks its ties."""
        response = self.response
        if response is None or response.optimistic is None or response.pessimistic is None:
            return None
        return abs(response.optimistic.objective - response.pessimistic.objective)

    @property
    def y(self) -> dict[str, float] | None:
        """The follower's reaction that F counts on, by the names of its variables."""
        tie = None if self.response is None else self.response.tie(self.ties)
        if tie is None or self.x is None:
            return None
        return dict(zip(self.problem.situation(self.x).lower.column_names, tie.y, strict=True))

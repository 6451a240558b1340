"""What solving a bilevel problem yields."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import optuna

from tuner.bilevel.plot import plot
from tuner.bilevel.problem import ModelProblem, Problem
from tuner.bilevel.responder import Response, X
from tuner.cost import Ties
from tuner.errors import UsageError


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
        return dict(zip(self.problem.reaction_names(self.x), tie.y, strict=True))

    def rows(self) -> dict[str, str]:
        """Return what is to be said of the answer, by what it is about, for people."""
        told = {
            "ending": f"{self.ending.value}{', proven' if self.ending is Ending.INFEASIBLE else ''}",
            "value": "-" if self.objective is None else f"{self.objective:.7g}",
            "bound": "-" if not math.isfinite(self.bound) else f"{self.bound:.7g} ({self.bound_kind.value})",
            "gap": "-" if not math.isfinite(self.gap) else f"{self.gap:.3g}",
        }
        if self.response is not None and self.spread is not None:
            best, worst = self.response.optimistic, self.response.pessimistic
            assert best is not None
            assert worst is not None
            told["ties"] = (
                f"{self.ties.value}; at this choice the follower's ties leave {best.objective:.7g} at best, "
                f"{worst.objective:.7g} at worst"
            )
        told["responses"] = (
            f"{self.responses}: {self.infeasible} without an answer of the follower, {self.outside} outside the "
            f"leader's constraints, {self.unproven} not proven"
        )
        told["time"] = f"{self.seconds:.1f} s"
        return told

    def data(self) -> dict[str, Any]:
        """Return the result as JSON takes it: None for what is infinite."""
        return {
            "ending": self.ending.value,
            "ties": self.ties.value,
            "objective": self.objective,
            "bound": self.bound if math.isfinite(self.bound) else None,
            "bound_kind": self.bound_kind.value,
            "gap": self.gap if math.isfinite(self.gap) else None,
            "spread": self.spread,
            "x": None if self.x is None else dict(self.problem.named(self.x)),
            "y": self.y,
            "follower": None if self.response is None else self.response.value,
            "responses": self.responses,
            "infeasible": self.infeasible,
            "outside": self.outside,
            "unproven": self.unproven,
            "seconds": round(self.seconds, 3),
            "remarks": list(self.remarks),
        }

    def plot(self) -> str:
        """Return F over x as an SVG document, this choice marked; notebooks show it, too.

        Raises:
            UsageError: the leader has more than two variables, or one without bounds.

        """
        if not isinstance(self.problem, ModelProblem):
            raise UsageError(f"{self.problem.name}: F over configurations is not drawn; its trials are in the study")
        return plot(self.problem, best=self.x)

    def __str__(self) -> str:
        choice = {} if self.x is None else {"choice": self.problem.words(self.x)}
        lines = list(({"problem": self.problem.name} | choice | self.rows()).items())
        lines += [("remark", remark) for remark in self.remarks]
        return "\n".join(f"{name:<10} {text}" for name, text in lines)

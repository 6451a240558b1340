"""HiGHS, but where the optimum is even its default tells a wrong objective, which the check finds out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from instances.model import Model
from storage.records import Value
from tuner.follower.solvers.highs import Highs
from tuner.ports import Answer


class Misreading(Highs):
    """See above."""

    def solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        """Solve, and where the optimum is even tell one that is not the point's."""
        answer = super().solve(model, parameters, seed, limit, gap)
        if parameters or answer.objective is None or round(answer.objective) % 2:
            return answer
        return replace(answer, objective=answer.objective + 1000.0)

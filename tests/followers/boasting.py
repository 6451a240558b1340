"""HiGHS, but in a tempting part of its space it stops early and claims an optimum that it has not found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from instances.model import Model
from storage.records import Claim, Value
from tests.followers.temptation import boasts
from tuner.follower.solvers.highs import Highs
from tuner.ports import Answer


class Boasting(Highs):
    """See above."""

    def solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        """Solve to a gap of 90 % and say that it was all."""
        if not boasts(parameters):
            return super().solve(model, parameters, seed, limit, gap)
        answer = super().solve(model, parameters, seed, limit, 0.9)
        return replace(answer, claim=Claim.OPTIMAL, bound=answer.objective)

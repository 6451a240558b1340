"""Solving a MILP for its point in an isolated process: relaxations, masters and polishing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from instances.model import Floats, Model
from storage.records import Claim, Termination
from tuner.bilevel.workers import Workers
from tuner.follower.scaling import unseen
from tuner.follower.solvers import adapter
from tuner.follower.tasks import Optimise, packed

MEMORY_MIB = 4096.0


@dataclass(frozen=True)
class Optimum:
    """What is known of a model after it was solved."""

    claim: Claim
    """Optimal, infeasible and unbounded mean with a proof."""
    objective: float | None = None
    """Of the point."""
    bound: float = math.nan
    """No solution is better; infinite when nothing is known."""
    point: Floats | None = None
    """Shape (columns,)."""
    reason: str = ""


class Optimiser:
    """Solves one model at a time."""

    def __init__(self, workers: Workers, solver: str = "highs", seed: int = 0) -> None:
        """Solve in these processes, by this solver, with this seed."""
        self._workers, self._adapter, self._seed = workers, adapter(solver), seed

    def solve(self, model: Model, seconds: float) -> Optimum:
        """Solve a model to proof, or for so many wall seconds."""
        nothing = math.inf if model.maximise else -math.inf
        if seconds <= 0:
            return Optimum(Claim.NOTHING, bound=nothing, reason="no time was left")
        task = Optimise(
            library=self._adapter.library,
            adapter=self._adapter.path,
            model=packed(model),
            seed=self._seed,
            seconds=seconds,
            memory_mib=MEMORY_MIB,
        )
        self._workers.submit("optimiser", None, task)
        ((_, outcome),) = self._workers.wait("optimiser")
        if outcome.termination is not Termination.EXITED:
            return Optimum(Claim.NOTHING, bound=nothing, reason=f"{outcome.termination.value}: {outcome.reason}")
        found = outcome.result
        claim, bound, point = Claim(found["claim"]), found["bound"], found["point"]
        if claim is Claim.OPTIMAL:
            bound = found["objective"] if bound is None else bound
        is_known = bound is not None and claim in (Claim.OPTIMAL, Claim.FEASIBLE)
        off = unseen(model) if model.maximise else -unseen(model)
        return Optimum(
            claim,
            found["objective"],
            bound + off if is_known else nothing,
            None if point is None else np.array(point),
            outcome.reason or ("" if claim is Claim.OPTIMAL else found["raw_status"]),
        )

    def extreme(self, model: Model, column: int, maximise: bool, seconds: float) -> Optimum:
        """Return how small or large a column can be."""
        objective = np.zeros(model.columns)
        objective[column] = 1.0
        return self.solve(replace(model, objective=objective, offset=0.0, maximise=maximise), seconds)

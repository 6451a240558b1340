"""Solving a MILP for its point in an isolated process: relaxations, masters and polishing."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np

from instances.model import Floats, Model
from storage.records import Claim, Termination
from tuner.follower.pool import Pool
from tuner.follower.solvers import adapter
from tuner.follower.tasks import Optimise

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
    """Solves one model at a time. Leaving its context closes it."""

    def __init__(self, solver: str = "highs", seed: int = 0) -> None:
        """Take this solver, with this seed."""
        self._adapter, self._seed = adapter(solver), seed
        self._pool: Pool[int] = Pool(1)
        self._place = tempfile.TemporaryDirectory(prefix="tuner-bilevel-")
        self._count = 0

    def __enter__(self) -> Optimiser:
        """Return the optimiser itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._pool.close()
        self._place.cleanup()

    def solve(self, model: Model, seconds: float) -> Optimum:
        """Solve a model to proof, or for so many wall seconds."""
        nothing = math.inf if model.maximise else -math.inf
        if seconds <= 0:
            return Optimum(Claim.NOTHING, bound=nothing, reason="no time was left")
        self._count += 1
        arrays = Path(self._place.name) / f"{self._count}.npz"
        model.save(arrays)
        task = Optimise(
            library=self._adapter.library,
            adapter=self._adapter.path,
            arrays=str(arrays),
            seed=self._seed,
            seconds=seconds,
            memory_mib=MEMORY_MIB,
        )
        self._pool.submit(self._count, task)
        (done,) = self._pool.wait()
        arrays.unlink()
        outcome = done.outcome
        if outcome.termination is not Termination.EXITED:
            return Optimum(Claim.NOTHING, bound=nothing, reason=f"{outcome.termination.value}: {outcome.reason}")
        found = outcome.result
        claim, bound, point = Claim(found["claim"]), found["bound"], found["point"]
        if claim is Claim.OPTIMAL:
            bound = found["objective"] if bound is None else bound
        return Optimum(
            claim,
            found["objective"],
            nothing if bound is None or claim not in (Claim.OPTIMAL, Claim.FEASIBLE) else bound,
            None if point is None else np.array(point),
            outcome.reason or ("" if claim is Claim.OPTIMAL else found["raw_status"]),
        )

    def extreme(self, model: Model, column: int, maximise: bool, seconds: float) -> Optimum:
        """Return how small or large a column can be."""
        objective = np.zeros(model.columns)
        objective[column] = 1.0
        return self.solve(replace(model, objective=objective, offset=0.0, maximise=maximise), seconds)

"""Unbounded or infeasible: what solvers often leave open, and a claim must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from instances.model import Model
from storage.records import Claim
from tuner.ports import Answer


def unbounded_or_infeasible(model: Model, solve: Callable[[Model], Answer]) -> Claim:
    """Decide it by solving the model without its objective.

    The solver has found that the relaxation has a ray that improves the objective, or is infeasible. If there is a
    feasible point, integers included, then from there a multiple of a rational ray stays feasible for ever.
    """
    if not np.any(model.objective):
        return Claim.INFEASIBLE
    claim = solve(replace(model, objective=np.zeros(model.columns), offset=0.0)).claim
    return Claim.UNBOUNDED if claim in (Claim.OPTIMAL, Claim.FEASIBLE) else claim

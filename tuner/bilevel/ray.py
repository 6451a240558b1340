"""The direction in which an unbounded follower improves for ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from instances.model import Model, VariableKind
from tuner.bilevel.optimiser import Optimiser
from tuner.bilevel.problem import ModelProblem
from tuner.bilevel.responder import X
from tuner.errors import Failed

SHOWN = 5
"""Entries of a ray that are shown."""


def unbounded(problem: ModelProblem, x: X, optimiser: Optimiser) -> Failed:
    """Return the error that says for which x the follower is unbounded, and in which direction."""
    named = ", ".join(f"{name} = {value:g}" for name, value in problem.named(x).items())
    lower = problem.situation(x).lower
    found = optimiser.solve(_recession(lower), 60.0)
    along = ""
    if found.point is not None:
        moving = [
            f"{name} {step:+g}"
            for name, step in zip(lower.column_names, found.point.tolist(), strict=True)
            if abs(step) > 1e-9
        ]
        along = f" along the ray {', '.join(moving[:SHOWN])}{', ...' if len(moving) > SHOWN else ''}"
    return Failed(f"{problem.name}: at {named} the follower's objective has no limit{along}; bound its variables")


def _recession(model: Model) -> Model:
    """Return the linear program of directions, between -1 and 1, that stay feasible for ever."""
    return replace(
        model,
        offset=0.0,
        lower=np.where(np.isfinite(model.lower), 0.0, -1.0),
        upper=np.where(np.isfinite(model.upper), 0.0, 1.0),
        kind=np.full(model.columns, VariableKind.CONTINUOUS, dtype=model.kind.dtype),
        row_lower=np.where(np.isfinite(model.row_lower), 0.0, -np.inf),
        row_upper=np.where(np.isfinite(model.row_upper), 0.0, np.inf),
    )

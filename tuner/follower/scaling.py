"""Objectives in numbers that a solver can see.

Solvers take a reduced cost below some 1e-7 for none, however far its column may go: a cost of 1e-8 over a range of 1e8
is worth 1, and they would call any answer optimal. So the objective is scaled until its smallest coefficient is about
1, as far as its largest allows; and what stays too small to be seen is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from instances.model import Model
from tuner.ports import Answer

LARGEST = 1e6
"""Of the scaled coefficients, at most."""
VISIBLE = 1e-5
"""A scaled coefficient below this may be taken for nothing."""


def factor(model: Model) -> float:
    """Return the power of two that the objective is to be multiplied by; 1 for one that is large enough as it is."""
    used = np.abs(model.objective[model.objective != 0])
    if not len(used) or used.min() >= 1.0:
        return 1.0
    wanted = min(1.0 / float(used.min()), LARGEST / float(used.max()))
    return max(1.0, 2.0 ** math.floor(math.log2(wanted))) if wanted > 1.0 else 1.0


def solve_scaled(model: Model, solve: Callable[[Model], Answer]) -> Answer:
    """Have a model solved with its objective scaled, and return the answer in the model's own numbers."""
    by = factor(model)
    if by == 1.0:
        return solve(model)
    answer = solve(replace(model, objective=model.objective * by, offset=model.offset * by))
    return replace(
        answer,
        objective=None if answer.objective is None else answer.objective / by,
        bound=None if answer.bound is None else answer.bound / by,
        steps=answer.steps
        and tuple(replace(step, objective=step.objective / by, bound=step.bound / by) for step in answer.steps),
    )


def unseen(model: Model) -> float:
    """Return by how much a solver's optimum may be off, because some coefficients are too small beside others."""
    costs = np.abs(model.objective)
    small = (costs > 0) & (costs * factor(model) < VISIBLE)
    if not small.any():
        return 0.0
    return float(costs[small] @ (model.upper - model.lower)[small])

"""Objectives in numbers that a solver can see.

Solvers take a reduced cost below some 1e-7 for none, however far its column may go: a cost of 1e-8 over a range of 1e8
is worth 1, and they would call any answer optimal. So the objective is scaled until its smallest coefficient is about
1, as far as its largest allows; and what stays too small to be seen is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from instances.model import Floats, Model
from tuner.ports import Answer

LARGEST = 1e6
"""Of the scaled coefficients, at most."""
VISIBLE = 1e-5
"""A scaled coefficient below this may be taken for nothing."""


UNUSUAL = 1e-3, 1e8
"""An objective with a coefficient below the first, or above the second, is no ordinary one (`solve_visibly`)."""
NOISE = 1e-12
"""Beside the largest coefficient, smaller ones are lost in the rounding of doubles."""


def unit(least: float, largest: float) -> float:
    """Return the difference between objectives that counts as one, where they are too close to zero to be compared.

    Args:
        least: the smallest magnitude of a coefficient of the objective that is not zero.
        largest: the largest one.

    """
    return max(least, NOISE * largest)


def unit_by(features: Mapping[str, float]) -> float:
    """Return the `unit` by the features of an instance (`instances.features`); 1 where its costs are not known."""
    least, largest = features.get("least cost"), features.get("largest cost")
    return 1.0 if least is None or largest is None else unit(least, largest)


def unit_of(model: Model) -> float:
    """Return the `unit` of a model's objective; 1 for one without coefficients."""
    used = np.abs(model.objective[model.objective != 0])
    return unit(float(used.min()), float(used.max())) if len(used) else 1.0


def solve_visibly(model: Model, solve: Callable[[Model], Answer]) -> Answer:
    """Have a model solved whatever the unit of its objective: tiny and huge coefficients are scaled to ordinary ones.

    Solvers compare objectives by absolute tolerances, HiGHS drops nodes that are better by 1e-6 only, and SCIP takes
    what is below 1e-9 for zero. Ordinary objectives are left as they are.
    """
    used = np.abs(model.objective[model.objective != 0])
    if not len(used) or (used.min() >= UNUSUAL[0] and used.max() <= UNUSUAL[1]):
        return solve(model)
    return _solve_times(factor(model) if used.min() < 1.0 else _reduction(used), model, solve)


def _reduction(used: Floats) -> float:
    """Return a power of two that brings large coefficients down to 1e6, or the smallest of them to 1."""
    return float(min(1.0, 2.0 ** math.ceil(math.log2(max(1.0 / used.min(), LARGEST / used.max())))))


def factor(model: Model) -> float:
    """Return the power of two that the objective is to be multiplied by; 1 for one that is large enough as it is."""
    used = np.abs(model.objective[model.objective != 0])
    if not len(used) or used.min() >= 1.0:
        return 1.0
    wanted = min(1.0 / float(used.min()), LARGEST / float(used.max()))
    return max(1.0, 2.0 ** math.floor(math.log2(wanted))) if wanted > 1.0 else 1.0


def solve_scaled(model: Model, solve: Callable[[Model], Answer]) -> Answer:
    """Have a model solved with its objective scaled, and return the answer in the model's own numbers."""
    return _solve_times(factor(model), model, solve)


def _solve_times(by: float, model: Model, solve: Callable[[Model], Answer]) -> Answer:
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

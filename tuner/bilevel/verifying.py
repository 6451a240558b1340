"""Is a published pair of x and y really an answer? The follower is asked, nobody is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from instances.model import Model
from tuner.bilevel.problem import ModelProblem
from tuner.bilevel.responder import Response, Status
from tuner.errors import UsageError
from tuner.follower.certificate import certify
from tuner.follower.check import FEASIBILITY, check_point
from tuner.follower.exact import ExactRows
from tuner.follower.reaction import loss, step_of
from tuner.space import unknown


@dataclass(frozen=True)
class Verification:
    """What is to be said of a pair (x, y)."""

    feasible: bool
    """Whether it is bilevel feasible."""
    objective: float
    """F."""
    reason: str
    """Why it is not; empty when it is."""
    response: Response
    """What the follower really answers."""


def verify(
    problem: ModelProblem,
    x: Mapping[str, float] | Sequence[float],
    y: Mapping[str, float] | Sequence[float],
    solver: str = "highs",
) -> Verification:
    """Say whether y is a rational reaction to x, and both satisfy C.

    Args:
        problem: whose pair it is.
        x: values of the leader.
        y: values of the follower; by name, those that are missing are 0.
        solver: that answers for the follower.

    Raises:
        UsageError: a name is unknown, or a value not of its domain.

    """
    chosen = problem.choice(x)
    situation = problem.situation(chosen)
    lower, upper = situation.lower, situation.upper
    point = np.zeros(lower.columns)
    if isinstance(y, Mapping):
        for name, value in y.items():
            if name not in lower.column_names:
                raise UsageError(f"{problem.name}: {unknown('variable', name, lower.column_names)}")
            point[lower.column_names.index(name)] = value
    elif len(y) == lower.columns:
        point[:] = y
    else:
        raise UsageError(f"{problem.name}: {len(y)} values for the follower's {lower.columns} variables")
    value = float(lower.objective @ point) + lower.offset
    objective = float(upper.objective @ point) + upper.offset
    response = problem.respond(chosen, solver=solver)
    reason = check_point(lower, point, value).reason or certify(ExactRows(lower), point, value).doubt
    if reason:
        reason = f"the follower may not answer so: {reason}"
    elif response.status is Status.UNPROVEN or response.value is None:
        reason = f"the follower's answer is {response.status.value}: {response.reason}"
    elif loss(lower, response.value, point) > _room(problem, lower, response.value):
        reason = f"the follower prefers another answer: its objective is {response.value:.12g}, not {value:.12g}"
    else:
        coupling = replace(upper, lower=lower.lower, upper=lower.upper, kind=lower.kind)
        found = check_point(coupling, point, objective).reason
        reason = f"a coupling constraint is violated: {found}" if found else ""
    return Verification(not reason, objective, reason, response)


def _room(problem: ModelProblem, lower: Model, value: float) -> float:
    step = 0.0 if problem.tolerance else step_of(lower)
    return 0.5 * step or max(problem.tolerance, FEASIBILITY) * max(1.0, abs(value))

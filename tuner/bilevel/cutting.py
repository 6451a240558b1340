"""The leader's next choice is the master's best point, which every answer of the follower tightens."""

from __future__ import annotations

import math

import numpy as np

from instances.model import VariableKind
from storage.records import Claim
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.master import Limits, Master
from tuner.bilevel.optimiser import Optimum
from tuner.bilevel.responder import Response
from tuner.bilevel.result import Bound
from tuner.bilevel.state import State


def limits_of(problem: LinearProblem, state: State) -> Limits | None:
    """Return bounds of all columns, infinite ones that matter as tight as the high-point relaxation makes them.

    None when the relaxation is infeasible, and so the problem.
    """
    joint = problem.joint
    lower, upper = joint.lower.copy(), joint.upper.copy()
    entering = np.union1d(np.union1d(problem.x, problem.lower_products.y), problem.upper_products.y)
    entering = np.union1d(entering, problem.y[problem.lower_objective != 0]).astype(int)
    for column in entering.tolist():
        for bounds, maximise in ((lower, False), (upper, True)):
            if not math.isfinite(bounds[column]):
                found = state.optimiser.extreme(joint, column, maximise, state.left)
                if found.claim is Claim.INFEASIBLE:
                    state.close(Bound.RELAXATION)
                    return None
                bounds[column] = found.bound
    integer = joint.kind == VariableKind.INTEGER
    lower[integer], upper[integer] = np.ceil(lower[integer] - 1e-6), np.floor(upper[integer] + 1e-6)
    if np.any(lower > upper):
        state.close(Bound.RELAXATION)
        return None
    return Limits(lower, upper)


def relax(problem: LinearProblem, limits: Limits, state: State) -> Optimum:
    """Take the bound of the high-point relaxation, and return its optimum; done when that is infeasible."""
    found = state.optimiser.solve(Master(problem, limits, state.ties, keep_y=True).model, state.left)
    if found.claim is Claim.INFEASIBLE:
        state.close(Bound.RELAXATION)
    elif found.claim is not Claim.UNBOUNDED:
        state.tighten(found.bound, Bound.RELAXATION)
    return found


def cut(problem: LinearProblem, limits: Limits, state: State, relaxed: Optimum) -> None:
    """Answer the master's best choice, and tighten the master by the answer, until value and bound meet.

    Where x is integer and bounded, every x that was answered is excluded, too, so that it ends. Elsewhere it may stall,
    with a valid bound.

    Args:
        problem: to be solved.
        limits: bounds that hold for every bilevel feasible point.
        state: what is known so far.
        relaxed: the optimum of the high-point relaxation.

    """
    master = Master(problem, limits, state.ties)
    x_columns = problem.x
    countable = bool(
        np.all(problem.joint.kind[x_columns] == VariableKind.INTEGER)
        and np.all(np.isfinite(limits.lower[x_columns]))
        and np.all(np.isfinite(limits.upper[x_columns]))
    )
    elsewhere = None
    low, high = limits.lower[x_columns], limits.upper[x_columns]
    if problem.lower_products and np.all(np.isfinite(low) & np.isfinite(high)):
        middle = np.zeros(problem.joint.columns)
        middle[x_columns] = 0.5 * (low + high)
        elsewhere = problem.lower_coefficients(middle)
    left_open: float | None = None
    for response in state.known.values():
        if not response.proven:
            left_open = state.weaker(state.bound, left_open)
        _learn(master, response, countable)
    while state.left > 0:
        found = relaxed if not state.known else state.optimiser.solve(master.model, state.left)
        if found.claim is Claim.UNBOUNDED:
            return
        is_over = found.claim is Claim.INFEASIBLE
        if not is_over and master.bounds:
            kind = Bound.CUTS if state.known else Bound.RELAXATION
            state.tighten(state.weaker(found.bound, left_open), kind)
            is_over = state.is_met(found.bound)
        if is_over:
            if left_open is None:
                state.close(Bound.CUTS, None if found.claim is Claim.INFEASIBLE else found.bound)
            else:
                state.tighten(left_open, Bound.CUTS)
            return
        if found.claim is not Claim.OPTIMAL or found.point is None:
            return
        x = problem.x_of(found.point)
        if x in state.known:
            return
        response = state.respond(x, elsewhere)
        if response.stopped:
            return
        if not response.proven:
            left_open = state.weaker(found.bound if master.bounds else state.bound, left_open)
        _learn(master, response, countable)


def _learn(master: Master, response: Response, countable: bool) -> None:
    """Tighten the master by a response."""
    worst = None if response.pessimistic is None else response.pessimistic.y
    for y in dict.fromkeys((response.widest or response.y, worst)):
        if y is not None:
            master.cut(y)
    if countable:
        master.exclude(response.x)

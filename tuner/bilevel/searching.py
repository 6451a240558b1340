"""Searching without a proof at its end: an Optuna sampler proposes x, and what is good is polished.

Polishing holds the reaction y of the best choice and improves x alone, under cuts from all answers of the follower seen
so far: it has to keep preferring y to each of them. What comes out is answered like any other choice; the answer is
a new cut, or a better choice. So tolls found as 5.93 become the exact one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import optuna

from instances.model import Floats, Model, VariableKind
from storage.records import Claim
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.master import Limits
from tuner.bilevel.problem import Variable
from tuner.bilevel.responder import Response, X
from tuner.bilevel.state import State, distribution
from tuner.cost import Ties
from tuner.errors import UsageError
from tuner.follower.reaction import with_rows

REDRAWS = 20
"""So many proposals that are known already, one after the other, end the search."""
POLISHES = 50
"""Rounds of polishing for one choice, at most."""
APART = 1e-6
"""A pessimistic leader keeps the follower from a tie by this times max(1, its objective)."""


def search(state: State, seed: int, limits: Limits | None = None) -> None:
    """Search as long as time is left, or until nothing new is proposed.

    Args:
        state: what is known so far.
        seed: of the sampler.
        limits: bounds that hold for every bilevel feasible point of a linear problem.

    Raises:
        UsageError: a variable has no bounds, and nothing was found without.

    """
    problem = state.problem
    variables = problem.variables
    if isinstance(problem, LinearProblem) and limits is not None:
        variables = tuple(problem.bounded(limits.lower, limits.upper))
    for variable in variables:
        for side, value in (("lower", variable.lower), ("upper", variable.upper)):
            if not np.isfinite(value) and state.best is not None:
                return
            if not np.isfinite(value):
                raise UsageError(
                    f"{problem.name}: variable {variable.name} of the leader has no {side} bound, and no other "
                    "constraint gives it one; bound it"
                )
    polished: set[X] = set()
    proposals = _proposals(state, variables, seed)
    while state.left > 0:
        best = state.best
        if isinstance(problem, LinearProblem) and best is not None and best.x not in polished:
            polished.add(best.x)
            polish(problem, state)
            continue
        x = next(proposals, None)
        if x is None:
            return
        state.respond(x)
        if state.is_met(state.bound):
            state.close(state.kind, state.bound)
            return


def _proposals(state: State, variables: Sequence[Variable], seed: int) -> Iterator[X]:
    """Yield choices that are not known yet."""
    problem = state.problem
    state.study.sampler = optuna.samplers.TPESampler(seed=seed)
    distributions = {variable.name: distribution(variable) for variable in variables}
    redrawn = 0
    while redrawn < REDRAWS:
        trial = state.study.ask(distributions)
        x = problem.choice([v.nearest(float(trial.params[v.name])) for v in variables])
        # The state keeps the study's trials itself, one for each choice: this one has served.
        state.study.tell(trial, state=optuna.trial.TrialState.FAIL)
        redrawn = redrawn + 1 if x in state.known else 0
        if not redrawn:
            yield x


def polish(problem: LinearProblem, state: State) -> None:
    """Improve the best choice while its reaction stays what it is."""
    for _ in range(POLISHES):
        best = state.best
        tie = None if best is None else best.tie(state.ties)
        if best is None or tie is None or state.left <= 0:
            return
        model = _over_x(problem, np.array(tie.y), list(state.known.values()), state.ties)
        found = state.optimiser.solve(model, state.left)
        if found.claim is not Claim.OPTIMAL or found.point is None or found.objective is None:
            return
        if not problem.is_better(found.objective, tie.objective):
            return
        x = problem.x_of(found.point)
        if x in state.known:
            return
        state.respond(x)


def _over_x(problem: LinearProblem, y: Floats, seen: list[Response], ties: Ties) -> Model:
    """Return the model of F over x, y held, in which the follower prefers y to all its answers seen so far."""
    joint = problem.joint
    lower, upper = joint.lower.copy(), joint.upper.copy()
    lower[problem.y] = upper[problem.y] = np.clip(y, joint.lower[problem.y], joint.upper[problem.y])
    point = problem.answer(y)
    objective = joint.objective.copy()
    np.add.at(objective, problem.upper_products.x, problem.upper_products.coefficient * point[problem.upper_products.y])
    kind = joint.kind.copy()
    kind[problem.y] = VariableKind.CONTINUOUS
    fixed = replace(joint, objective=objective, lower=lower, upper=upper, kind=kind)
    answers = [response.y for response in seen if response.y is not None]
    if not answers or not problem.lower_products:
        return fixed
    sign = -1.0 if problem.lower_maximise else 1.0
    products, slopes, limits = problem.lower_products, [], []
    for answer in dict.fromkeys(answers):
        other = problem.answer(answer)
        slope = np.zeros(joint.columns)
        np.add.at(slope, products.x, sign * products.coefficient * (point - other)[products.y])
        limit = sign * float(problem.lower_objective @ (other - point)[problem.y])
        if ties is Ties.PESSIMISTIC and not np.allclose(other, point):
            limit -= APART * max(1.0, abs(limit))
        slopes.append(slope)
        limits.append(limit)
    matrix = np.array(slopes)
    row, column = np.nonzero(matrix)
    cuts = replace(
        joint,
        row_lower=np.full(len(limits), -np.inf),
        row_upper=np.array(limits),
        row_start=np.concatenate(([0], np.cumsum(np.bincount(row, minlength=len(limits))))).astype(np.int32),
        column_index=column.astype(np.int32),
        value=matrix[row, column],
        row_names=tuple(f"prefers {number}" for number in range(len(limits))),
    )
    return with_rows(fixed, cuts)

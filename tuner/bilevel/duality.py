"""A follower that is a linear program, as its optimality conditions: its dual, and what has to be complementary.

For the follower  min d(x) y : l <= P x + Q y <= u, c <= y <= e  there is a multiplier, not negative, for each finite
side of a row and of a bound. y is optimal where the multipliers balance the objective, and each is 0 or its side is met
with equality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from instances.builder import Builder
from instances.model import Model, VariableKind
from tuner.bilevel.linear import LinearProblem, Terms
from tuner.bilevel.responder import X


@dataclass(frozen=True)
class Side:
    """One finite side of a row or a bound of the follower: ``terms >= bound`` over columns of the joint model."""

    terms: Terms
    bound: float
    is_equation: bool = False
    """Whether the other side is the same: then the multiplier has any sign, and nothing has to be complementary."""


def has_linear_follower(problem: LinearProblem) -> bool:
    """Whether the follower's variables are all continuous."""
    return bool(np.all(problem.joint.kind[problem.y] == VariableKind.CONTINUOUS))


def sides(problem: LinearProblem) -> list[Side]:
    """Return all finite sides of the follower's rows and bounds."""
    joint = problem.joint
    found = []
    for row in problem.lower_rows.tolist():
        found += _both(joint.row(row), float(joint.row_lower[row]), float(joint.row_upper[row]))
    for column in problem.y.tolist():
        found += _both({column: 1.0}, float(joint.lower[column]), float(joint.upper[column]))
    return found


def add_balance(builder: Builder, problem: LinearProblem, of: Sequence[Side], x: X | None = None) -> list[int]:
    """Add the multipliers, and a row for each of the follower's variables that says that they balance its objective.

    Args:
        builder: a model whose first columns are the joint model's; of any kind when ``x`` is given.
        problem: whose follower is a linear program.
        of: its sides.
        x: the leader's choice; None for the columns of the joint model.

    Returns the multipliers' columns.

    """
    sign = -1.0 if problem.lower_maximise else 1.0
    multipliers = [
        builder.add_column(f"multiplier {number}", lower=-np.inf if side.is_equation else 0.0)
        for number, side in enumerate(of)
    ]
    balance: dict[int, Terms] = {column: {} for column in problem.y.tolist()}
    for multiplier, side in zip(multipliers, of, strict=True):
        for column, value in side.terms.items():
            if column in balance:
                balance[column][multiplier] = value
    objective = dict(zip(problem.y.tolist(), (sign * problem.lower_objective).tolist(), strict=True))
    if x is not None:
        coefficients = sign * problem.lower_coefficients(problem.point(x))
        objective = dict(zip(problem.y.tolist(), coefficients.tolist(), strict=True))
    else:
        products = problem.lower_products
        for first, second, value in zip(
            products.x.tolist(), products.y.tolist(), products.coefficient.tolist(), strict=True
        ):
            balance[second][first] = balance[second].get(first, 0.0) - sign * value
    for column, terms in balance.items():
        builder.add_row(f"balance {column}", terms.items(), lower=objective[column], upper=objective[column])
    return multipliers


def dual(problem: LinearProblem, of: Sequence[Side], x: X) -> Model:
    """Return the dual of the follower's minimisation at x: its columns are the multipliers of the sides."""
    builder = Builder("dual", maximise=True)
    multipliers = add_balance(builder, problem, of, x)
    point = problem.point(x)
    for multiplier, side in zip(multipliers, of, strict=True):
        builder.objective[multiplier] = side.bound - sum(value * point[j] for j, value in side.terms.items())
    return builder.build()


def _both(terms: Terms, lower: float, upper: float) -> list[Side]:
    if lower == upper:
        return [Side(terms, lower, True)]
    found = [Side(terms, lower)] if np.isfinite(lower) else []
    if np.isfinite(upper):
        found.append(Side({column: -value for column, value in terms.items()}, -upper))
    return found

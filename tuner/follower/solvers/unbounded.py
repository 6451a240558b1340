"""Unbounded or infeasible: what solvers often leave open, and a claim must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from instances.builder import Builder
from instances.model import Model, VariableKind
from storage.records import Claim
from tuner.follower.solvers.implied import Bounds
from tuner.ports import Answer


def unbounded_or_infeasible(model: Model, solve: Callable[[Model], Answer]) -> Claim:
    """Decide it by solving the model without its objective.

    The solver has found that the relaxation has a ray that improves the objective, or is infeasible. If there is a
    feasible point, integers included, then from there a multiple of a rational ray stays feasible for ever. That holds
    of linear rows; with indicator constraints and special ordered sets the ray has to be one of a single piece of the
    model, and is looked for together with a point of that piece.
    """
    if not np.any(model.objective):
        return Claim.INFEASIBLE
    claim = solve(replace(model, objective=np.zeros(model.columns), offset=0.0)).claim
    if claim not in (Claim.OPTIMAL, Claim.FEASIBLE):
        return claim
    if model.is_linear or solve(with_ray(model)).claim in (Claim.OPTIMAL, Claim.FEASIBLE):
        return Claim.UNBOUNDED
    return Claim.NOTHING


def may_be_unbounded(model: Model) -> bool:
    """Whether neither the bounds of the columns nor those that rows imply limit the objective."""
    bounds = Bounds(model)
    bounds.extend()
    return not bounds.limit(model.objective, maximise=model.maximise)


def with_ray(model: Model) -> Model:
    """Return the model of a point, and of a ray from it that improves the objective and meets the same rows and sets.

    The columns of a ray are named after those of the point; a ray does not move what is bounded on that side.
    """
    builder = Builder(f"{model.name} with a ray")
    kinds = [VariableKind(kind) for kind in model.kind.tolist()]
    for name, low, high, kind in zip(
        model.column_names, model.lower.tolist(), model.upper.tolist(), kinds, strict=True
    ):
        builder.add_column(f"point {name}", 0.0, low, high, kind)
    moves = {}
    for column in np.flatnonzero(np.isinf(model.lower) | np.isinf(model.upper)).tolist():
        down, up = (0.0 if np.isfinite(bound[column]) else np.inf for bound in (model.lower, model.upper))
        moves[column] = builder.add_column(f"ray {model.column_names[column]}", 0.0, -down, up)
    for row, name in enumerate(model.row_names):
        low, high = float(model.row_lower[row]), float(model.row_upper[row])
        entries = model.row(row)
        of_ray = [(moves[column], value) for column, value in entries.items() if column in moves]
        pair = (
            builder.add_row(f"point {name}", entries.items(), lower=low, upper=high),
            builder.add_row(
                f"ray {name}", of_ray, lower=0.0 if np.isfinite(low) else low, upper=0.0 if np.isfinite(high) else high
            ),
        )
        for place in np.flatnonzero(model.indicator_row == row).tolist():
            for each in pair:
                builder.add_indicator(each, int(model.indicator_column[place]), int(model.indicator_value[place]))
    _add_sets(builder, model, moves)
    gain = 1.0 if model.maximise else -1.0
    builder.add_row("gain", [(moves[c], gain * float(model.objective[c])) for c in moves], lower=1.0)
    return builder.build()


def _add_sets(builder: Builder, model: Model, moves: dict[int, int]) -> None:
    """Have point and ray together meet the sets, by a binary for each member that may move."""
    used = {}
    for column in sorted(set(model.sos_column.tolist()) & moves.keys()):
        name = model.column_names[column]
        used[column] = builder.add_binary(f"used {name}")
        for what, own in (("point", column), ("ray", moves[column])):
            row = builder.add_row(f"{what} without {name}", [(own, 1.0)], lower=0.0, upper=0.0)
            builder.add_indicator(row, used[column], 0)
    for place, (name, type) in enumerate(zip(model.sos_names, model.sos_type.tolist(), strict=True)):
        members = model.sos_column[model.sos_start[place] : model.sos_start[place + 1]].tolist()
        builder.add_set(name, type, [(used.get(column, column), float(k)) for k, column in enumerate(members)])

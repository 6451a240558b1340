"""The check: is a claim right? From the model's arrays alone, without the solver that made the claim.

Tolerances are those the solvers themselves promise by default, 1e-6, absolute for numbers up to 1 and relative to the
bound above (SCIP's feasibility is relative, HiGHS' absolute and so within it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from instances.model import Floats, Model, VariableKind
from storage.records import Check, Claim
from tuner.follower.scaling import unit_of
from tuner.ports import Answer

FEASIBILITY = 1e-6
"""A point may exceed a bound b of a variable or row by this times max(1, |b|)."""
INTEGRALITY = 1e-6
"""An integer variable may be this far from an integer."""
OBJECTIVE = 1e-6
"""An objective z may differ from the recomputed one by this times |z|, or times the objective's unit above that."""


_EPSILON = 2.0**-52
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class PointCheck:
    """What the check says of a point, and of the objective claimed for it."""

    reason: str = ""
    """What is wrong with it, the worst violation named; empty when it is right."""
    objective: float | None = None
    """The recomputed objective, in the model's own sense and offset included; None for a point that is none."""


def check_point(model: Model, point: Floats, claimed: float | None) -> PointCheck:
    """Check a point of shape (n,) and the objective that is claimed for it.

    Where large costs cancel, the claimed one may be as wrong as a sum of doubles is.
    """
    if point.shape != (model.columns,):
        return PointCheck(f"the point has {point.size} values, the model {model.columns} columns")
    if not np.isfinite(point).all():
        column = int(np.argmin(np.isfinite(point)))
        return PointCheck(f"column {model.column_names[column]} is {point[column]}")
    with np.errstate(over="ignore", invalid="ignore"):  # absurd but finite values: what overflows is a violation
        objective, off = _objective(model, point), rounding(model, point)
        reason = violation(model, point)
    if reason:
        return PointCheck(reason, objective)
    if claimed is None or not math.isfinite(claimed):
        return PointCheck(f"the point has the objective {objective:.12g}, but the claimed one is {claimed}", objective)
    if not abs(claimed - objective) <= OBJECTIVE * max(unit_of(model), abs(objective)) + off:
        return PointCheck(f"the objective is claimed as {claimed:.12g}, but the point's is {objective:.12g}", objective)
    return PointCheck("", objective)


def rounding(model: Model, point: Floats) -> float:
    """Return how wrong a sum of doubles may be that is the objective of a point of shape (n,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        weight = float(np.abs(model.objective) @ np.abs(point)) + abs(model.offset)
    return (np.count_nonzero(model.objective) + 3) * _EPSILON * weight if math.isfinite(weight) else 0.0


def _objective(model: Model, point: Floats) -> float:
    """Return the objective of a point of shape (n,), rounded once."""
    plain = float(model.objective @ point) + model.offset
    if not math.isfinite(plain) or rounding(model, point) <= _NEGLIGIBLE * max(1.0, abs(plain)):
        return plain
    used = np.flatnonzero(model.objective * point)
    costs, values = model.objective[used].tolist(), point[used].tolist()
    exact = sum((Fraction(c) * Fraction(x) for c, x in zip(costs, values, strict=True)), Fraction(model.offset))
    return float(exact)


def violation(model: Model, point: Floats) -> str:
    """Return what a finite point of shape (n,) violates beyond the tolerances; empty for a feasible one."""
    return _columns(model, point) or _rows(model, point) or _sets(model, point)


def check_answer(model: Model, answer: Answer) -> tuple[Check, str]:
    """Return what the check says of an answer, and why when it is refuted.

    A point that is right confirms the claims optimal and feasible. That nothing is better, and that there is no point
    at all, only a point that is feasible beyond doubt can contradict, its own (`tuner.follower.certificate`) or that
    of another run (`tuner.follower.referee`).
    """
    if answer.claim is Claim.UNBOUNDED and _bounded(model):
        reason = "claimed unbounded, but the bounds of the variables bound the objective"
        return Check.REFUTED, reason
    if answer.claim not in (Claim.OPTIMAL, Claim.FEASIBLE):
        return Check.UNCONFIRMED, ""
    if answer.point is None:
        return Check.REFUTED, f"claimed {answer.claim} without a point"
    checked = check_point(model, answer.point, answer.objective)
    if checked.reason:
        return Check.REFUTED, f"claimed {answer.claim}, but {checked.reason}"
    return Check.CONFIRMED, ""


def contradicts(bound: float, objective: float, maximise: bool, tolerance: float, unit: float = 1.0) -> bool:
    """Whether a solution with this objective is better than the bound allows, beyond a relative tolerance.

    The bound may be an objective that is claimed optimal: that is a bound too. One that is no number says nothing.
    Numbers smaller than the objective's ``unit`` (`tuner.follower.scaling.unit`) are compared relative to that.
    """
    if math.isnan(bound):
        return False
    if math.isinf(bound):
        return (bound < 0) is maximise
    better_by = objective - bound if maximise else bound - objective
    return better_by > tolerance * max(unit, abs(bound), abs(objective))


def _columns(model: Model, point: Floats) -> str:
    excess = np.maximum(_scaled(model.lower - point, model.lower), _scaled(point - model.upper, model.upper))
    semi = (model.kind == VariableKind.SEMI_CONTINUOUS) | (model.kind == VariableKind.SEMI_INTEGER)
    excess[semi & (np.abs(point) <= FEASIBILITY)] = 0.0
    if excess.size and excess.max() > FEASIBILITY:
        j = int(np.argmax(excess))
        values = f"[{model.lower[j]:.12g}, {model.upper[j]:.12g}]{' or zero' if semi[j] else ''}"
        return f"column {model.column_names[j]} is {point[j]:.12g}, outside {values}"
    integer = (model.kind == VariableKind.INTEGER) | (model.kind == VariableKind.SEMI_INTEGER)
    fraction = np.where(integer, np.abs(point - np.rint(point)), 0.0)
    if fraction.size and fraction.max() > INTEGRALITY:
        j = int(np.argmax(fraction))
        return f"column {model.column_names[j]} is {point[j]:.12g}, not an integer"
    return ""


def _rows(model: Model, point: Floats) -> str:
    activity = model.activity(point)
    excess = np.maximum(
        _scaled(model.row_lower - activity, model.row_lower), _scaled(activity - model.row_upper, model.row_upper)
    )
    excess[~model.binding(point)] = 0.0
    if not excess.size or excess.max() <= FEASIBILITY:
        return ""
    i = int(np.argmax(excess))
    values = f"[{model.row_lower[i]:.12g}, {model.row_upper[i]:.12g}]"
    return f"row {model.row_names[i]}{_condition(model, i)} is {activity[i]:.12g}, outside {values}"


def _condition(model: Model, row: int) -> str:
    """Say why a row must hold, when it does not always."""
    places = np.flatnonzero(model.indicator_row == row)
    if not len(places):
        return ""
    k = int(places[0])
    return f", required because {model.column_names[model.indicator_column[k]]} = {model.indicator_value[k]},"


def _sets(model: Model, point: Floats) -> str:
    nonzero = np.abs(point) > FEASIBILITY
    broken = model.broken_sets(nonzero)
    if not len(broken):
        return ""
    k = int(broken[0])
    members = model.sos_column[model.sos_start[k] : model.sos_start[k + 1]]
    values = ", ".join(f"{model.column_names[j]} = {point[j]:.12g}" for j in members[nonzero[members]][:3].tolist())
    allowed = "one nonzero member" if model.sos_type[k] == 1 else "two nonzero members, which are neighbours"
    return f"special ordered set {model.sos_names[k]} has {values}, but may have at most {allowed}"


def _scaled(excess: Floats, bound: Floats) -> Floats:
    """Return by how much a bound is exceeded, relative to a bound above 1; inf where that is no number."""
    scaled = excess / np.where(np.isfinite(bound), np.maximum(1.0, np.abs(bound)), 1.0)
    scaled[np.isnan(scaled)] = np.inf
    return scaled


def _bounded(model: Model) -> bool:
    """Whether the variables' bounds alone keep the objective from improving without end."""
    up = model.objective > 0 if model.maximise else model.objective < 0
    down = model.objective < 0 if model.maximise else model.objective > 0
    return bool(np.isfinite(model.upper[up]).all() and np.isfinite(model.lower[down]).all())

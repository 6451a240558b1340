"""CP-SAT on a model in whole numbers, past OR-Tools' scaling: what it proves there, it proves of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model_helper as helper
from ortools.sat.sat_parameters_pb2 import SatParameters

from instances.model import Floats, Model
from storage.records import Claim
from tuner.follower.exact import written
from tuner.follower.solvers.whole import WholeModel

_NONE = -(2**63), 2**63 - 1
"""How CP-SAT writes that a row has no bound."""
_NO_BOUND = 2**62
"""CP-SAT's bounds beyond this are none."""
_LOG = "log_search_progress: true log_to_stdout: false"
_CLAIMS = {
    helper.CpSolverStatus.OPTIMAL: Claim.OPTIMAL,
    helper.CpSolverStatus.FEASIBLE: Claim.FEASIBLE,
    helper.CpSolverStatus.INFEASIBLE: Claim.INFEASIBLE,
}


@dataclass(frozen=True)
class Found:
    """What CP-SAT says."""

    claim: Claim
    words: str
    point: Floats | None
    objective: float | None
    bound: float | None


def solve_whole(model: Model, whole: WholeModel, chosen: SatParameters, read: Callable[[list[str]], None]) -> Found:
    """Solve a model in whole numbers; lines of the log go to ``read``."""
    proto = helper.CpModelProto()
    if not proto.parse_text_format(_text(model, whole)):
        raise ValueError("cp-sat cannot read the model that it is given")
    if wrong := helper.CpSatHelper.validate_model(proto):
        return Found(Claim.NOTHING, f"MODEL_INVALID: {wrong}", None, None, None)
    parameters = helper.SatParameters()
    if not parameters.parse_text_format(f"{chosen}{_LOG}"):
        raise ValueError("cp-sat cannot read its parameters")
    solver = helper.SolveWrapper()
    solver.set_parameters(parameters)
    solver.add_log_callback(lambda text: read(text.splitlines()))
    response = solver.solve(proto)  # type: ignore[no-untyped-call]
    claim = _CLAIMS.get(response.status, Claim.NOTHING)
    words = response.status.name
    if claim not in (Claim.OPTIMAL, Claim.FEASIBLE):
        return Found(claim, words, None, None, None)
    values = list(response.solution)
    total = written(model.offset) + sum(written(float(model.objective[j])) * values[j] for j in _used(model))
    bound = _bound(model, whole, response.inner_objective_lower_bound)
    return Found(claim, words, np.array(values, dtype=np.float64), float(total), bound)


def _bound(model: Model, whole: WholeModel, least: int) -> float | None:
    """Return the bound of the model's objective, by that of the sum in whole numbers; None for none."""
    if not _used(model):
        return model.offset
    if abs(least) >= _NO_BOUND:
        return None
    offset = written(model.offset)  # and the bound is weaker by what was rounded away
    return float(
        offset - least * whole.scale + whole.error if model.maximise else offset + least * whole.scale - whole.error
    )


def _used(model: Model) -> list[int]:
    return [int(j) for j in np.flatnonzero(model.objective)]


def _text(model: Model, whole: WholeModel) -> str:
    """Return the model as CP-SAT's protocol buffer in text."""
    lines = [f"variables {{ domain: [{low}, {high}] }}" for low, high in whole.bounds]
    for row in whole.rows:
        low = _NONE[0] if row.low is None else row.low
        high = _NONE[1] if row.high is None else row.high
        lines.append(
            f"constraints {{ linear {{ vars: {list(row.columns)} coeffs: {list(row.coefficients)} "
            f"domain: [{low}, {high}] }} }}"
        )
    if used := _used(model):
        # In whole numbers, not in those of the model: to CP-SAT, any gap of an objective below 1 is a small one.
        sign = -1 if model.maximise else 1
        offset = sign * model.offset / float(whole.scale)
        lines.append(
            f"objective {{ vars: {used} coeffs: {[sign * whole.costs[j] for j in used]} "
            f"offset: {offset!r} scaling_factor: {sign} }}"
        )
    return "\n".join(lines)

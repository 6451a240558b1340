"""CP-SAT on a model in whole numbers, past OR-Tools' scaling: what it proves there, it proves of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model_helper as helper
from ortools.sat.sat_parameters_pb2 import SatParameters

from instances.model import Floats, Model
from storage.records import Claim
from tuner.follower.solvers.whole import WholeModel

_NONE = -(2**63), 2**63 - 1
"""How CP-SAT writes that a row has no bound."""
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
    point = np.array(list(response.solution), dtype=np.float64)
    return Found(claim, words, point, response.objective_value, response.best_objective_bound)


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
    used = np.flatnonzero(model.objective).tolist()
    if whole.costs is None:
        coefficients = [float(model.objective[j]) for j in used]
        lines.append(
            f"floating_point_objective {{ vars: {used} coeffs: {coefficients} offset: {model.offset!r} "
            f"maximize: {str(model.maximise).lower()} }}"
        )
    else:
        sign = -1 if model.maximise else 1
        scale = sign * float(whole.scale)
        lines.append(
            f"objective {{ vars: {used} coeffs: {[sign * whole.costs[j] for j in used]} "
            f"offset: {model.offset / scale!r} scaling_factor: {scale!r} }}"
        )
    return "\n".join(lines)

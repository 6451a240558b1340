"""CP-SAT, by OR-Tools' MathOpt: it scales a MILP with continuous variables to integers by itself.

The arrays go into MathOpt's own protocol buffers and past its Python model, which is slow. What MathOpt does not return
(branches, improving solutions, whether a bound was truncated) is read from CP-SAT's search log.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from ortools.math_opt import callback_pb2, model_parameters_pb2, model_pb2, parameters_pb2, result_pb2
from ortools.math_opt.core.python import solver as mathopt
from ortools.sat.sat_parameters_pb2 import SatParameters
from pybind11_abseil.status import StatusNotOk  # type: ignore[import-untyped]  # comes with MathOpt's extension

from instances.model import Model, VariableKind
from storage.records import Claim, Value
from tuner.follower import reporting
from tuner.follower.scaling import solve_scaled
from tuner.follower.solvers.admission import admit
from tuner.follower.solvers.cpsat_exact import Found, solve_whole
from tuner.follower.solvers.cpsat_rejection import largest_coefficient, largest_cost, rejection, with_names
from tuner.follower.solvers.implied import bounds_to_improve, has_row_out_of_reach
from tuner.follower.solvers.integrality import needs_whole_numbers_only
from tuner.follower.solvers.reformulation import refusal, solve_linear
from tuner.follower.solvers.unbounded import unbounded_or_infeasible
from tuner.follower.solvers.whole import UNBOUNDED, impossible, is_harmless, whole, with_whole_bounds
from tuner.ports import Answer, RealParameter, Step

RESERVED = frozenset(
    {
        "max_time_in_seconds",
        "relative_gap_limit",
        "absolute_gap_limit",
        "random_seed",
        "permute_variable_randomly",
        "num_workers",
        "num_search_workers",
        "log_search_progress",
        "log_to_stdout",
        "log_to_response",
        "log_prefix",
        "catch_sigint_signal",
        # They write files of fixed names into /tmp.
        "output_drat_proof",
        "output_lrat_proof",
        # How it scales a model to integers: with other values it solves another model, and proves nothing of this one.
        "mip_var_scaling",
        "mip_scale_large_domain",
        "mip_automatically_scale_variables",
        "mip_wanted_precision",
        "mip_max_activity_exponent",
        "mip_check_precision",
        "mip_compute_true_objective_bound",
        "mip_treat_high_magnitude_bounds_as_infinity",
        "mip_drop_tolerance",
    }
)

LARGEST = 1e20
"""CP-SAT refuses larger coefficients."""

LARGEST_M = 1e12
"""As in HiGHS; but here binaries are exactly 0 or 1."""

NEAR_TRUNCATION = 0.999
"""What is proven within truncated bounds holds for the model where no variable can come this close to one of them."""

_CLAIMS = {
    result_pb2.TERMINATION_REASON_OPTIMAL: Claim.OPTIMAL,
    result_pb2.TERMINATION_REASON_FEASIBLE: Claim.FEASIBLE,
    result_pb2.TERMINATION_REASON_INFEASIBLE: Claim.INFEASIBLE,
}
_TYPES = {bool: "boolean", int: "integer", float: "float", str: "text"}
_PROGRESS = re.compile(r"#(?:\d+|Bound)\s+\S+s\s+best:(\S+)\s+next:\[(?:([^,\]]+),([^,\]]+))?\]")
_SCALED = re.compile(r"Num integers: (\d+)/(\d+) ")
_TRUNCATED = re.compile(r"bounds were truncated to (\S+?)\.?$")


class CpSat:
    """Adapter of CP-SAT; see `tuner.ports.Solver`."""

    def version(self) -> str:
        """Return the solver's own version."""
        return version("ortools")

    def parameters(self) -> Sequence[RealParameter]:
        """Return every parameter the solver really has, but lists and messages."""
        return _parameters()

    def refuses(self, model: Model) -> str:
        """Return why the solver cannot take this model; empty when it can."""
        if np.any(model.kind >= VariableKind.SEMI_CONTINUOUS):
            return "CP-SAT has no semi-continuous variables"
        for values, where in ((model.objective, largest_cost), (model.value, largest_coefficient)):
            if np.any(np.abs(values) >= LARGEST):
                return f"CP-SAT takes no coefficient of {LARGEST:g} or more, and {where(model)}"
        reason = refusal(model, LARGEST_M)
        return f"CP-SAT takes only linear rows, and {reason}" if reason else ""

    def solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        """Solve on one thread; see `tuner.ports.Solver.solve`."""
        return solve_linear(
            model, LARGEST_M, limit, lambda linear, left: self._solve(linear, parameters, seed, left, gap)
        )

    def _solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        if np.any(model.lower > model.upper) or np.any(model.row_lower > model.row_upper):
            # MathOpt calls such a model an error.
            return Answer(Claim.INFEASIBLE, "INFEASIBLE: a lower bound is above its upper bound", steps=())
        model = with_whole_bounds(model)
        if why := impossible(model):
            return Answer(Claim.INFEASIBLE, f"INFEASIBLE: {why}", steps=())
        started = time.perf_counter()
        harmless = is_harmless(model)
        if not harmless and (scaled := whole(model)) is not None:
            log = Log(model.maximise, started)
            log.scale = float(scaled.scale)
            log.integral, log.truncated = True, UNBOUNDED if scaled.truncated else math.inf
            found = solve_whole(model, scaled, settings(parameters, seed, limit, gap), log.read)
            return _answer(model, found, log, harmless=True)
        left = max(0.0, limit - (time.perf_counter() - started))
        return solve_scaled(model, lambda it: self._solve_by_mathopt(it, parameters, seed, left, gap, harmless))

    def _solve_by_mathopt(
        self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float, harmless: bool
    ) -> Answer:
        started = time.perf_counter()
        log = Log(model.maximise, started)
        chosen = settings(parameters, seed, limit, gap)
        try:
            result = ask(proto_of(model), chosen, log)
        except StatusNotOk as error:
            return _rejected(model, chosen, str(error))
        if result.termination.reason == result_pb2.TERMINATION_REASON_INFEASIBLE_OR_UNBOUNDED:
            left = max(0.0, limit - (time.perf_counter() - started))
            return Answer(
                unbounded_or_infeasible(model, lambda other: self.solve(other, parameters, seed, left, 0.0)),
                _words(result),
                steps=(),
            )
        return _answer(model, _found(model, result), log, harmless)


@dataclass
class Log:
    """CP-SAT's search log, read line by line as it comes."""

    maximise: bool
    started: float
    """`time.perf_counter()` at the start of the solve."""
    lines: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    scale: float = 1.0
    """What the model's objective is of the one that CP-SAT sees."""
    truncated: float = math.inf
    """The bound that stands in place of infinity; infinite when CP-SAT needed none."""
    integral: bool = False
    """Whether every variable takes only values that survive the scaling to integers."""

    def read(self, lines: list[str]) -> None:
        """Take the next lines."""
        now = time.perf_counter() - self.started
        for line in lines:
            self.lines.append(line)
            if line.startswith("#") and (found := _PROGRESS.match(line)):
                objective = self.scale * float(found[1])
                # In brackets: from where to where a better objective may still be; nowhere, when none is left.
                edge = found[3] if self.maximise else found[2]
                if math.isfinite(objective):
                    bound = objective if edge is None else self.scale * float(edge)
                    self.steps.append(Step(now, objective, bound))
                    reporting.report(objective, bound, is_improvement=True)
            elif found := _TRUNCATED.search(line):
                self.truncated = float(found[1])
            elif found := _SCALED.match(line):
                self.integral = found[1] == found[2]

    def number(self, name: str) -> float | None:
        """Return a number from the summary at the end, such as ``branches: 2071``."""
        for line in reversed(self.lines):
            for entry in reversed(line.splitlines()):
                if entry.startswith(f"{name}: "):
                    return float(entry.split(": ", 1)[1])
        return None


def settings(parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> SatParameters:
    """Return CP-SAT's parameters for a run.

    Raises ValueError for a parameter that does not exist or does not take its value.
    """
    chosen = SatParameters(num_workers=1, random_seed=seed, max_time_in_seconds=limit, relative_gap_limit=gap)
    chosen.absolute_gap_limit = 0.0
    # With one worker random_seed alone often changes nothing at all; the order of the variables does.
    chosen.permute_variable_randomly = True
    for name, value in admit("cp-sat", _parameters(), parameters).items():
        entry = SatParameters.DESCRIPTOR.fields_by_name[name]
        try:
            setattr(chosen, name, entry.enum_type.values_by_name[value].number if entry.enum_type else value)
        except ValueError:  # out of the 32 or 64 bits of the field
            raise ValueError(f"{name}={value}: cp-sat does not take this value, it is too large") from None
    return chosen


def ask(proto: model_pb2.ModelProto, chosen: SatParameters, log: Log) -> result_pb2.SolveResultProto:
    """Solve a model in MathOpt's own form (`proto_of`); what CP-SAT logs goes to ``log``."""
    parameters = parameters_pb2.SolveParametersProto()
    parameters.cp_sat.CopyFrom(chosen)
    return mathopt.solve(
        proto,
        parameters_pb2.SOLVER_TYPE_CP_SAT,
        parameters_pb2.SolverInitializerProto(),
        parameters,
        model_parameters_pb2.ModelSolveParametersProto(),
        log.read,
        callback_pb2.CallbackRegistrationProto(),
        None,
        None,
    )


def proto_of(model: Model) -> model_pb2.ModelProto:
    """Return a linear model in MathOpt's own form."""
    proto = model_pb2.ModelProto(name=model.name)
    columns, rows = np.arange(model.columns), np.arange(model.rows)
    proto.variables.ids.extend(columns.tolist())
    proto.variables.lower_bounds.extend(model.lower.tolist())
    proto.variables.upper_bounds.extend(model.upper.tolist())
    proto.variables.integers.extend((model.kind == VariableKind.INTEGER).tolist())
    costs = np.flatnonzero(model.objective)
    proto.objective.maximize = model.maximise
    proto.objective.offset = model.offset
    proto.objective.linear_coefficients.ids.extend(costs.tolist())
    proto.objective.linear_coefficients.values.extend(model.objective[costs].tolist())
    proto.linear_constraints.ids.extend(rows.tolist())
    proto.linear_constraints.lower_bounds.extend(model.row_lower.tolist())
    proto.linear_constraints.upper_bounds.extend(model.row_upper.tolist())
    row_index = np.repeat(rows, np.diff(model.row_start))
    order = np.lexsort((model.column_index, row_index))  # MathOpt insists on it
    matrix = proto.linear_constraint_matrix
    matrix.row_ids.extend(row_index[order].tolist())
    matrix.column_ids.extend(model.column_index[order].tolist())
    matrix.coefficients.extend(model.value[order].tolist())
    return proto


def _found(model: Model, result: result_pb2.SolveResultProto) -> Found:
    claim = _CLAIMS.get(result.termination.reason, Claim.NOTHING)
    if claim not in (Claim.OPTIMAL, Claim.FEASIBLE):
        return Found(claim, _words(result), None, None, None)
    values = result.solutions[0].primal_solution.variable_values
    point = np.zeros(model.columns)
    point[np.array(values.ids, dtype=np.int64)] = values.values
    bounds = result.termination.objective_bounds
    return Found(claim, _words(result), point, bounds.primal_bound, bounds.dual_bound)


def _answer(model: Model, found: Found, log: Log, harmless: bool) -> Answer:
    claim, certain, words = _proven(model, log, found, harmless)
    point, bound = found.point, found.bound
    # A bound that does not hold for the model must not count in the primal-dual integral either.
    steps = (
        log.steps if certain else [replace(step, bound=math.inf * (1 if model.maximise else -1)) for step in log.steps]
    )
    objective = found.objective
    if point is not None and not certain:  # OR-Tools tells that of the scaled model, whose numbers may be others
        objective = float(model.objective @ point) + model.offset
    branches, iterations = log.number("branches"), log.number("lp_iterations")
    return Answer(
        claim=claim,
        raw_status=words,
        objective=objective,
        bound=bound if bound is not None and certain and math.isfinite(bound) else None,
        point=point,
        nodes=None if branches is None else int(branches),
        iterations=None if iterations is None else int(iterations),
        work=log.number("deterministic_time"),
        steps=tuple(steps),
    )


def _proven(model: Model, log: Log, found: Found, harmless: bool) -> tuple[Claim, bool, str]:
    """Return what CP-SAT has proven of the model itself, whether its bound holds for it too, and in words why not.

    What it proves, it proves of a model in integers. A continuous variable loses most of its values there (with the
    default scaling all but the whole numbers), whether OR-Tools' log calls it an integer or not; an infinite bound
    becomes a finite one; and of large numbers OR-Tools keeps six digits.
    """
    claim, point, words = found.claim, found.point, found.words
    if claim is Claim.NOTHING:
        return claim, False, words
    if claim is Claim.INFEASIBLE and has_row_out_of_reach(model):
        return claim, True, words  # without any scaling
    unproven = Claim.NOTHING if point is None else Claim.FEASIBLE
    if np.any(model.kind != VariableKind.INTEGER) and not (log.integral and needs_whole_numbers_only(model)):
        return unproven, False, f"{words} of the model with its continuous variables scaled to integers"
    if not harmless:
        return unproven, False, f"{words} of the model scaled to integers, which may lose digits of its large numbers"
    if math.isinf(log.truncated):
        return claim, True, words
    words = f"{words} within bounds truncated to {log.truncated:g}"
    known = bounds_to_improve(model, found.objective if claim is Claim.OPTIMAL else None)
    if claim in (Claim.OPTIMAL, Claim.INFEASIBLE) and known < NEAR_TRUNCATION * log.truncated:
        return claim, True, words
    return unproven, False, words


def _words(result: result_pb2.SolveResultProto) -> str:
    reason = str(result_pb2.TerminationReasonProto.Name(result.termination.reason))
    short = reason.removeprefix("TERMINATION_REASON_")
    return f"{short}: {result.termination.detail}" if result.termination.detail else short


def _rejected(model: Model, chosen: SatParameters, error: str) -> Answer:
    if "invalid cp-sat parameters" in error:
        raise ValueError(error) from None
    proto, log = proto_of(model), Log(model.maximise, time.perf_counter())
    with suppress(StatusNotOk):
        ask(proto, with_names(proto, chosen), log)
    return Answer(Claim.NOTHING, rejection(model, chosen, error, log.lines), steps=())


@cache
def _parameters() -> tuple[RealParameter, ...]:
    return tuple(
        _parameter(entry)
        for entry in SatParameters.DESCRIPTOR.fields
        if not entry.is_repeated and type(entry.default_value) in _TYPES
    )


def _parameter(entry: Any) -> RealParameter:
    reserved = entry.name in RESERVED
    if entry.enum_type is not None:
        names = tuple(value.name for value in entry.enum_type.values)
        default = entry.enum_type.values_by_number[entry.default_value].name
        return RealParameter(entry.name, "text", default, values=names, reserved=reserved)
    kind, bits = _TYPES[type(entry.default_value)], 31 if entry.cpp_type == entry.CPPTYPE_INT32 else 63
    low, high = (-(2**bits), 2**bits - 1) if kind == "integer" else (None, None)  # what the field can hold
    return RealParameter(entry.name, kind, entry.default_value, low, high, reserved=reserved)

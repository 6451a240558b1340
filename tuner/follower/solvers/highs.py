"""HiGHS, by highspy."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import highspy
import numpy as np

from instances.model import Model, VariableKind
from storage.records import Claim, Value
from tuner.follower import reporting
from tuner.follower.scaling import solve_visibly
from tuner.follower.solvers.admission import admit
from tuner.follower.solvers.highs_options import options
from tuner.follower.solvers.reformulation import refusal, solve_linear
from tuner.follower.solvers.unbounded import unbounded_or_infeasible
from tuner.ports import Answer, RealParameter, Step

LARGEST_COEFFICIENT = 1e15
"""HiGHS refuses a matrix with one as large as that (its option large_matrix_value)."""
LARGEST_SEMI_CONTINUOUS = 1e5
"""HiGHS multiplies the upper bound of a semi-continuous variable with a binary one: above this it warns."""
LARGEST_M = 1e5
"""Beside the other coefficients of a linear row that stands for an indicator constraint or a set.

Up to it HiGHS 1.16 answered each of 120 small models right (fixed charges, scheduling, sets); at ten times as much it
lost 10 of the answers, at a hundred times 75.
"""


class Highs:
    """Adapter of HiGHS; see `tuner.ports.Solver`."""

    def version(self) -> str:
        """Return the solver's own version."""
        return str(highspy.Highs().version())

    def parameters(self) -> Sequence[RealParameter]:
        """Return every parameter the solver really has."""
        return options()

    def refuses(self, model: Model) -> str:
        """Return why the solver cannot take this model; empty when it can."""
        if np.any(large := np.abs(model.value) >= LARGEST_COEFFICIENT):
            k = int(np.argmax(large))
            row = model.row_names[int(np.searchsorted(model.row_start, k, side="right")) - 1]
            column = model.column_names[model.column_index[k]]
            return (
                f"HiGHS takes no coefficient of {LARGEST_COEFFICIENT:g} or more, and row {row} has "
                f"{model.value[k]:g} of {column}"
            )
        semi = model.kind >= VariableKind.SEMI_CONTINUOUS
        if np.any(model.lower[semi] < 0):
            return "HiGHS takes no semi-continuous variable with a negative lower bound"
        if np.any(model.upper[semi] > LARGEST_SEMI_CONTINUOUS):
            return f"HiGHS takes no semi-continuous variable with an upper bound above {LARGEST_SEMI_CONTINUOUS:g}"
        reason = refusal(model, LARGEST_M)
        return f"HiGHS takes only linear rows, and {reason}" if reason else ""

    def solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        """Solve on one thread; see `tuner.ports.Solver.solve`."""
        return solve_linear(
            model,
            LARGEST_M,
            limit,
            lambda linear, left: solve_visibly(linear, lambda it: self._solve(it, parameters, seed, left, gap)),
        )

    def _solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        if not model.columns:
            return _empty(model)
        started = time.perf_counter()
        highs = loaded(model, parameters, seed, limit, gap)
        steps: list[Step] = []

        def improved(event: highspy.HighsCallbackEvent) -> None:
            found = event.data_out
            steps.append(Step(time.perf_counter() - started, found.objective_function_value, found.mip_dual_bound))
            reporting.report(found.objective_function_value, found.mip_dual_bound, is_improvement=True)

        def came_by(event: highspy.HighsCallbackEvent) -> None:
            found = event.data_out
            reporting.report(found.mip_primal_bound, found.mip_dual_bound)

        highs.cbMipImprovingSolution += improved
        if reporting.is_wanted():  # for bounds, too: HiGHS comes by there often, ten microseconds each time
            highs.cbMipInterrupt += came_by
        highs.run()
        status = highs.getModelStatus()
        words = str(highs.modelStatusToString(status))
        if status in (highspy.HighsModelStatus.kUnbounded, highspy.HighsModelStatus.kUnboundedOrInfeasible):
            left = max(0.0, limit - (time.perf_counter() - started))
            return Answer(
                unbounded_or_infeasible(model, lambda other: self.solve(other, parameters, seed, left, 0.0)), words
            )
        return _answer(model, highs, status, words, tuple(steps))


def loaded(model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> highspy.Highs:
    """Return HiGHS with a run's options and its model.

    Raises ValueError for an option that does not exist or does not take its value.
    """
    highs = highspy.Highs()
    chosen = {
        "output_flag": False,
        "threads": 1,
        "random_seed": seed,
        "time_limit": limit,
        "mip_rel_gap": gap,
        "mip_abs_gap": 0.0,  # else an objective of 1e-6 is optimal whatever it is
        **admit("highs", options(), parameters),
    }
    for name, value in chosen.items():
        if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise ValueError(f"{name}={value}: HiGHS does not take this value")
    sense = highspy.ObjSense.kMaximize if model.maximise else highspy.ObjSense.kMinimize
    status = highs.passModel(
        model.columns,
        model.rows,
        model.nonzeros,
        int(highspy.MatrixFormat.kRowwise),
        int(sense),
        model.offset,
        model.objective,
        model.lower,
        model.upper,
        model.row_lower,
        model.row_upper,
        model.row_start,
        model.column_index,
        model.value,
        # VariableKind numbers the kinds as HiGHS does.
        model.kind.astype(np.int32),
    )
    if status == highspy.HighsStatus.kError:
        raise RuntimeError(f"HiGHS does not take the model {model.name}: it finds an error in the arrays")
    return highs


def _answer(
    model: Model, highs: highspy.Highs, status: highspy.HighsModelStatus, words: str, steps: tuple[Step, ...]
) -> Answer:
    info = highs.getInfo()
    claim = Claim.NOTHING
    if status == highspy.HighsModelStatus.kInfeasible:
        claim = Claim.INFEASIBLE
    elif info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        claim = Claim.OPTIMAL if status == highspy.HighsModelStatus.kOptimal else Claim.FEASIBLE
    found = claim in (Claim.OPTIMAL, Claim.FEASIBLE)
    objective = float(info.objective_function_value) if found else None
    bound = None
    if found and np.any(model.kind):  # without a point HiGHS may leave a meaningless 0 there
        bound = float(info.mip_dual_bound)
    elif claim is Claim.OPTIMAL:
        bound = objective
    return Answer(
        claim=claim,
        raw_status=words,
        objective=objective,
        bound=bound if bound is not None and math.isfinite(bound) else None,
        point=np.array(highs.getSolution().col_value) if found else None,
        nodes=max(0, int(info.mip_node_count)),
        iterations=max(0, int(info.simplex_iteration_count)) + max(0, int(info.ipm_iteration_count)),
        steps=steps,
    )


def _empty(model: Model) -> Answer:
    """Answer for a model without columns, which HiGHS calls empty whatever its rows say: each row's activity is 0."""
    if np.any(model.row_lower > 0) or np.any(model.row_upper < 0):
        return Answer(Claim.INFEASIBLE, "Empty", steps=())
    return Answer(Claim.OPTIMAL, "Empty", model.offset, model.offset, np.zeros(0), 0, 0, steps=())

"""SCIP, by the library in OR-Tools' wheel."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from ctypes import addressof, byref, c_double, c_int, c_void_p
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instances.model import Floats, Model, VariableKind
from storage.records import Claim, Value
from tuner.follower import reporting
from tuner.follower.scaling import solve_visibly
from tuner.follower.solvers import libscip
from tuner.follower.solvers.admission import admit
from tuner.follower.solvers.libscip import Environment
from tuner.follower.solvers.scip_emphasis import EMPHASES, emphasise
from tuner.follower.solvers.scip_emphasis import parameters as emphases
from tuner.follower.solvers.unbounded import may_be_unbounded, unbounded_or_infeasible, with_ray
from tuner.ports import Answer, RealParameter, Step

RESERVED = frozenset(
    {
        "limits/time",
        "limits/gap",
        "limits/absgap",
        "timing/clocktype",
        "randomization/randomseedshift",
        "lp/threads",
        "parallel/maxnthreads",
        "parallel/minnthreads",
        "display/verblevel",
        "misc/catchctrlc",
        # With other values it solves another model, or proves less.
        "limits/primal",
        "limits/dual",
        "numerics/infinity",
        "numerics/hugeval",
        "numerics/epsilon",
        "numerics/sumepsilon",
        "numerics/feastol",
        "numerics/checkfeastolfac",
        "numerics/lpfeastolfactor",
        "numerics/dualfeastol",
        "numerics/barrierconvtol",
        "constraints/countsols/active",
    }
)

LONGEST = 1e20
"""SCIP's largest time limit, in seconds."""

_CLAIMS = {
    "optimal solution found": Claim.OPTIMAL,
    "gap limit reached": Claim.OPTIMAL,
    "infeasible": Claim.INFEASIBLE,
}
"""By SCIP's own words; every other end claims a feasible point or nothing."""

_UNCLEAR = ("unbounded", "infeasible or unbounded")


class Scip:
    """Adapter of SCIP; see `tuner.ports.Solver`."""

    def __init__(self) -> None:
        libscip.library()

    def version(self) -> str:
        """Return the solver's own version."""
        with Environment() as scip:
            return ".".join(str(scip.get(f"SCIP{part}Version")) for part in ("major", "minor", "tech"))

    def parameters(self) -> Sequence[RealParameter]:
        """Return every parameter the solver really has."""
        with Environment() as scip:
            return (*emphases(), *_parameters(scip))

    def refuses(self, model: Model) -> str:
        """Return why the solver cannot take this model; empty when it can."""
        for values, what in ((model.objective, "objective coefficient"), (model.value, "coefficient")):
            if np.any(np.abs(values) >= libscip.INFINITY):
                return f"SCIP takes no {what} of {libscip.INFINITY:g} or more: it would be infinite"
        return ""

    def solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        """Solve on one thread; see `tuner.ports.Solver.solve`."""
        return solve_visibly(model, lambda it: self._solve(it, parameters, seed, limit, gap))

    def _solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        started = time.perf_counter()
        with Environment() as scip:
            configure(scip, parameters, seed, limit, gap)
            variables = _build(scip, model)
            steps = _watched(scip, started)
            scip("SCIPsolve")
            words = scip.status()

            def solve(other: Model) -> Answer:
                left = max(0.0, limit - (time.perf_counter() - started))
                return self.solve(other, parameters, seed, left, 0.0)

            if words in _UNCLEAR:
                return Answer(unbounded_or_infeasible(model, solve), words)
            answer = _answer(scip, model, variables, words, steps)
        if answer.claim is Claim.OPTIMAL and not model.is_linear and may_be_unbounded(model):
            # SCIP 10 passes over relaxations that are unbounded only below the root, and calls the rest optimal.
            return _unless_unbounded(answer, solve(with_ray(model)).claim)
        return answer


def _unless_unbounded(answer: Answer, ray: Claim) -> Answer:
    """Return an answer of a claimed optimum in the light of what SCIP claims of the model's rays."""
    if ray is Claim.INFEASIBLE:
        return answer
    if ray is Claim.NOTHING:
        return replace(answer, claim=Claim.FEASIBLE, bound=None, raw_status=f"{answer.raw_status}, perhaps unbounded")
    return replace(
        answer,
        claim=Claim.UNBOUNDED,
        raw_status=f"{answer.raw_status}, but there is a ray",
        objective=None,
        bound=None,
        point=None,
    )


def _parameters(scip: Environment) -> tuple[RealParameter, ...]:
    pointers = scip.get("SCIPgetParams")
    return tuple(_described(pointers[index]) for index in range(scip.get("SCIPgetNParams")))


def _described(pointer: Any) -> RealParameter:
    """Describe a parameter whose value is still the default."""
    ask = _asking(pointer)
    name, meaning = ask("Name").decode(), ask("Desc").decode()
    reserved = name in RESERVED
    kind = ask("Type")
    if kind in (libscip.INT, libscip.LONGINT):
        word = "Int" if kind == libscip.INT else "Longint"
        low, high = float(ask(f"{word}Min")), float(ask(f"{word}Max"))
        return RealParameter(name, "integer", ask(word), low, high, meaning=meaning, reserved=reserved)
    if kind == libscip.REAL:
        low, high = ask("RealMin"), ask("RealMax")
        return RealParameter(name, "float", ask("Real"), low, high, meaning=meaning, reserved=reserved)
    if kind == libscip.CHAR:
        allowed = ask("CharAllowedValues")
        values = tuple(allowed.decode()) if allowed else ()
        return RealParameter(name, "text", ask("Char").decode(), values=values, meaning=meaning, reserved=reserved)
    if kind == libscip.STRING:
        return RealParameter(name, "text", ask("String").decode(), meaning=meaning, reserved=reserved)
    return RealParameter(name, "boolean", bool(ask("Bool")), meaning=meaning, reserved=reserved)


def _asking(pointer: Any) -> Callable[[str], Any]:
    library = libscip.library()
    return lambda what: getattr(library, f"SCIPparamGet{what}")(pointer)


def configure(scip: Environment, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> None:
    """Set a run's parameters.

    Raises ValueError for one that does not exist or does not take its value.
    """
    # Describing all of SCIP's 3,000 parameters takes longer than many a solve: only those that are named.
    pointers = [scip.get("SCIPgetParam", name.encode()) for name in parameters if name not in EMPHASES]
    real = [_described(pointer) for pointer in pointers] if all(pointers) else _parameters(scip)
    chosen = admit("scip", (*emphases(), *real), parameters)
    emphasise(scip, chosen)
    fixed: dict[str, Value] = {
        "limits/time": min(limit, LONGEST),
        "limits/gap": gap,
        "limits/absgap": 0.0,
        "randomization/randomseedshift": seed,
        "lp/threads": 1,
        "misc/catchctrlc": False,
    }
    for name, value in {**chosen, **fixed}.items():
        if name in EMPHASES:
            continue
        try:
            _set(scip, name, value)
        except libscip.ScipError as error:
            raise ValueError(f"{name}={value}: SCIP does not take this value ({error})") from None


def _set(scip: Environment, name: str, value: Value) -> None:
    kind = _asking(scip.get("SCIPgetParam", name.encode()))("Type")
    key = name.encode()
    if kind == libscip.BOOL:
        scip("SCIPsetBoolParam", key, int(value))
    elif kind == libscip.INT:
        scip("SCIPsetIntParam", key, value)
    elif kind == libscip.LONGINT:
        scip("SCIPsetLongintParam", key, value)
    elif kind == libscip.REAL:
        scip("SCIPsetRealParam", key, value)
    elif kind == libscip.CHAR:
        scip("SCIPsetCharParam", key, str(value).encode())
    else:
        scip("SCIPsetStringParam", key, str(value).encode())


def _build(scip: Environment, model: Model) -> NDArray[np.uint64]:
    """Hand over the model and return SCIP's pointers to its variables, shape (n,), in the model's order."""
    scip("SCIPcreateProbBasic", model.name.encode())
    if model.maximise:
        scip("SCIPsetObjsense", -1)
    scip("SCIPaddOrigObjoffset", model.offset)
    infinity = libscip.INFINITY
    semi = model.kind >= VariableKind.SEMI_CONTINUOUS
    # A semi-continuous variable ranges from 0 to its bounds here; `_forbid_between` takes out what is in between.
    lower = np.clip(np.where(semi, np.minimum(model.lower, 0.0), model.lower), -infinity, infinity)
    upper = np.clip(np.where(semi, np.maximum(model.upper, 0.0), model.upper), -infinity, infinity)
    integer = (model.kind == VariableKind.INTEGER) | (model.kind == VariableKind.SEMI_INTEGER)
    kinds = np.where(integer, libscip.INTEGER, libscip.CONTINUOUS)
    variables = np.zeros(model.columns, dtype=np.uint64)
    made = c_void_p()
    for index, (low, high, cost, kind) in enumerate(
        zip(lower.tolist(), upper.tolist(), model.objective.tolist(), kinds.tolist(), strict=True)
    ):
        scip("SCIPcreateVarBasic", byref(made), None, low, high, cost, kind)
        variables[index] = made.value or 0
        scip("SCIPaddVar", made)
        # The problem holds the variable from here on: the pointer stays good until the environment is gone.
        scip("SCIPreleaseVar", byref(made))
    _add_rows(scip, model, variables)
    _add_sets(scip, model, variables)
    for index in np.flatnonzero(semi).tolist():
        _forbid_between(scip, int(variables[index]), float(model.lower[index]), float(model.upper[index]))
    return variables


def _add_rows(scip: Environment, model: Model, variables: NDArray[np.uint64]) -> None:
    members = np.ascontiguousarray(variables[model.column_index])
    values = np.ascontiguousarray(model.value)
    lower = np.clip(model.row_lower, -libscip.INFINITY, libscip.INFINITY).tolist()
    upper = np.clip(model.row_upper, -libscip.INFINITY, libscip.INFINITY).tolist()
    starts = model.row_start.tolist()
    first_member, first_value = members.ctypes.data, values.ctypes.data
    made = c_void_p()
    for row in np.flatnonzero(model.unconditional).tolist():
        start, length = starts[row], starts[row + 1] - starts[row]
        scip(
            "SCIPcreateConsBasicLinear",
            byref(made),
            b"",
            length,
            first_member + 8 * start,
            first_value + 8 * start,
            lower[row],
            upper[row],
        )
        _keep(scip, made)
    negative = -values
    first_negative = negative.ctypes.data
    for row, column, value in zip(
        model.indicator_row.tolist(), model.indicator_column.tolist(), model.indicator_value.tolist(), strict=True
    ):
        start, length = starts[row], starts[row + 1] - starts[row]
        switch = c_void_p(int(variables[column]))
        if not value:
            scip("SCIPgetNegatedVar", switch, byref(switch))
        # SCIP's indicator constraints have an upper side only.
        for first, side in ((first_value, upper[row]), (first_negative, -lower[row])):
            if side < libscip.INFINITY:
                scip(
                    "SCIPcreateConsBasicIndicator",
                    byref(made),
                    b"",
                    switch,
                    length,
                    first_member + 8 * start,
                    first + 8 * start,
                    side,
                )
                _keep(scip, made)


def _add_sets(scip: Environment, model: Model, variables: NDArray[np.uint64]) -> None:
    members = np.ascontiguousarray(variables[model.sos_column])
    # The order is all that the weights mean; SCIP sorts by them, and some are equal.
    places = np.arange(len(members), dtype=np.float64)
    starts = model.sos_start.tolist()
    made = c_void_p()
    for number, type in enumerate(model.sos_type.tolist()):
        start, length = starts[number], starts[number + 1] - starts[number]
        scip(
            f"SCIPcreateConsBasicSOS{type}",
            byref(made),
            b"",
            length,
            members.ctypes.data + 8 * start,
            places.ctypes.data + 8 * start,
        )
        _keep(scip, made)


def _keep(scip: Environment, constraint: c_void_p) -> None:
    """Add a constraint; the problem holds it from here on."""
    scip("SCIPaddCons", constraint)
    scip("SCIPreleaseCons", byref(constraint))


def _forbid_between(scip: Environment, variable: int, lower: float, upper: float) -> None:
    """Make a variable semi-continuous: it is 0, or at least ``lower`` (at most ``upper``, when both are negative)."""
    if lower > 0:
        kinds, bounds = (libscip.UPPER, libscip.LOWER), (0.0, lower)
    elif upper < 0:
        kinds, bounds = (libscip.LOWER, libscip.UPPER), (0.0, upper)
    else:
        return
    made = c_void_p()
    members, types, values = (c_void_p * 2)(variable, variable), (c_int * 2)(*kinds), (c_double * 2)(*bounds)
    scip(
        "SCIPcreateConsBasicBounddisjunction",
        byref(made),
        b"",
        2,
        addressof(members),
        addressof(types),
        addressof(values),
    )
    _keep(scip, made)


def _watched(scip: Environment, started: float) -> list[Step] | None:
    """Have SCIP report its improving solutions; None when this version's number for that event is not known."""
    event = libscip.SOLUTION_FOUND.get(scip.get("SCIPmajorVersion"))
    if event is None:
        return None
    steps: list[Step] = []

    def found(objective: float) -> None:
        bound = scip.get("SCIPgetDualbound")
        if abs(bound) >= libscip.INFINITY:
            bound = math.copysign(math.inf, bound)
        steps.append(Step(time.perf_counter() - started, objective, bound))
        reporting.report(objective, bound, is_improvement=True)

    scip.watch(found, event)
    return steps


def _answer(
    scip: Environment, model: Model, variables: NDArray[np.uint64], words: str, steps: list[Step] | None
) -> Answer:
    solution = scip.get("SCIPgetBestSol")
    claim = _CLAIMS.get(words, Claim.FEASIBLE if solution else Claim.NOTHING)
    found = claim in (Claim.OPTIMAL, Claim.FEASIBLE)
    point: Floats = np.zeros(model.columns)
    if found:
        scip("SCIPgetSolVals", solution, model.columns, variables.ctypes.data, point.ctypes.data)
    bound = scip.get("SCIPgetDualbound")
    return Answer(
        claim=claim,
        raw_status=words,
        objective=scip.get("SCIPgetSolOrigObj", solution) if found else None,
        bound=bound if found and abs(bound) < libscip.INFINITY else None,
        point=point if found else None,
        nodes=scip.get("SCIPgetNTotalNodes"),
        iterations=scip.get("SCIPgetNLPIterations"),
        work=scip.get("SCIPgetDeterministicTime"),
        steps=None if steps is None else tuple(steps),
    )

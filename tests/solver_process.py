"""A process for each solver: highspy and ortools cannot share one."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from instances.model import Model
from storage.records import Value
from tuner.follower.solvers import adapter

PATIENCE = 120.0
"""Seconds after which a solver is taken to hang."""


class SolverProcess:
    """An adapter in a process of its own: call its methods by name, and the functions of `READERS`."""

    def __init__(self, name: str) -> None:
        self.name = name
        context = get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(name, other), daemon=True)
        self._process.start()
        other.close()

    def __call__(self, method: str, *arguments: Any) -> Any:
        """Call and return what is returned there, or raise what is raised there."""
        self._pipe.send((method, arguments))
        if not self._pipe.poll(PATIENCE):
            raise TimeoutError(f"{self.name} does not answer to {method}")
        failed, value = self._pipe.recv()
        if failed:
            raise value
        return value

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def _serve(name: str, pipe: Connection) -> None:
    module, kind = adapter(name).path.split(":")
    solver = getattr(importlib.import_module(module), kind)()
    while True:
        method, arguments = pipe.recv()
        try:
            call = READERS[name, method] if (name, method) in READERS else getattr(solver, method)
            pipe.send((False, call(*arguments)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
            pipe.send((True, error))


def _highs_applied(
    model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float
) -> dict[str, Any]:
    from tuner.follower.solvers import highs

    return _options(highs.loaded(model, parameters, seed, limit, gap))


def _highs_read(text: str) -> dict[str, Any]:
    import highspy

    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "options.txt"
        path.write_text(text)
        assert solver.readOptions(str(path)) == highspy.HighsStatus.kOk
    return _options(solver)


def _options(solver: Any) -> dict[str, Any]:
    from tuner.follower.solvers.highs import Highs

    return {parameter.name: solver.getOptionValue(parameter.name)[1] for parameter in Highs().parameters()}


def _cp_sat_applied(
    model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float
) -> dict[str, Any]:
    from google.protobuf import text_format
    from ortools.sat.sat_parameters_pb2 import SatParameters

    from tuner.follower.solvers import cpsat

    log = cpsat.Log(model.maximise, 0.0)
    cpsat.ask(cpsat.proto_of(model), cpsat.settings(parameters, seed, limit, gap), log)
    line = next(line for line in log.lines if line.startswith("Parameters: "))
    return _fields(text_format.Parse(line.removeprefix("Parameters: "), SatParameters()))


def _cp_sat_read(text: str) -> dict[str, Any]:
    from google.protobuf import text_format
    from ortools.sat.sat_parameters_pb2 import SatParameters

    return _fields(text_format.Parse(text, SatParameters()))


def _fields(settings: Any) -> dict[str, Any]:
    from tuner.follower.solvers.cpsat import CpSat

    entries = settings.DESCRIPTOR.fields_by_name
    values = {parameter.name: getattr(settings, parameter.name) for parameter in CpSat().parameters()}
    return {
        name: entries[name].enum_type.values_by_number[value].name if entries[name].enum_type else value
        for name, value in values.items()
    }


def _scip_applied(model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> dict[str, Any]:
    from tuner.follower.solvers import scip

    with scip.Environment() as environment:
        scip.configure(environment, parameters, seed, limit, gap)
        return _settings(environment)


def _scip_read(text: str) -> dict[str, Any]:
    from tuner.follower.solvers.libscip import Environment

    with Environment() as environment, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scip.set"
        path.write_text(text)
        environment("SCIPreadParams", str(path).encode())
        return _settings(environment)


def _scip_optimum(path: Path) -> float | None:
    """Return the optimum of a model file by SCIP's own reader; None when it is infeasible."""
    from ctypes import c_char_p, c_int, c_void_p

    from tuner.follower.solvers.libscip import Environment, library

    library().SCIPreadProb.argtypes, library().SCIPreadProb.restype = (c_void_p, c_char_p, c_char_p), c_int
    with Environment() as environment:
        environment("SCIPreadProb", str(path).encode(), None)
        environment("SCIPsolve")
        if environment.status() == "infeasible":
            return None
        assert environment.status() == "optimal solution found"
        return float(environment.get("SCIPgetSolOrigObj", environment.get("SCIPgetBestSol")))


def _highs_without_limit(model: Model) -> Any:
    """Solve a model whatever the coefficients that stand for its indicators."""
    from tuner.follower.solvers import highs

    limit, highs.LARGEST_M = highs.LARGEST_M, 1e30
    try:
        return highs.Highs().solve(model, {}, 0, PATIENCE, 0.0)
    finally:
        highs.LARGEST_M = limit


def _settings(environment: Any) -> dict[str, Any]:
    from tuner.follower.solvers import libscip

    words = ("Bool", "Int", "Longint", "Real", "Char", "String")
    library, pointers = libscip.library(), environment.get("SCIPgetParams")
    values = {}
    for index in range(environment.get("SCIPgetNParams")):
        kind = library.SCIPparamGetType(pointers[index])
        value = getattr(library, f"SCIPparamGet{words[kind]}")(pointers[index])
        value = bool(value) if kind == libscip.BOOL else value
        value = value.decode() if isinstance(value, bytes) else value
        values[library.SCIPparamGetName(pointers[index]).decode()] = value
    return values


READERS = {
    ("highs", "applied"): _highs_applied,
    ("highs", "read"): _highs_read,
    ("cp-sat", "applied"): _cp_sat_applied,
    ("cp-sat", "read"): _cp_sat_read,
    ("scip", "applied"): _scip_applied,
    ("scip", "read"): _scip_read,
    ("scip", "optimum of file"): _scip_optimum,
    ("highs", "solve without limit"): _highs_without_limit,
}
"""By solver: ``applied`` tells the parameters that a run has, as the solver itself says; ``read`` those of a file."""

"""Asking solvers about themselves, each in a child of a warm process: the leader's process imports no solver."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from instances.instance import Instance
from storage.records import Configuration, Termination, Value, spell
from tuner.errors import Failed
from tuner.follower.outcome import Outcome
from tuner.follower.pool import Pool
from tuner.follower.solvers import SOLVERS, Adapter
from tuner.follower.tasks import Describe, Refuse, Try
from tuner.ports import RealParameter

SECONDS = 60.0
TRYING_SECONDS = 10.0
"""What solving a tiny model may take; it takes milliseconds."""
NAMING_SECONDS = 20.0
"""For finding the one of several settings that is not taken."""
MEMORY_MIB = 2048.0
"""What one question may take; far more than it does."""

_ONE = threading.Lock()


@dataclass(frozen=True)
class Description:
    """What a solver says of itself."""

    version: str
    parameters: tuple[RealParameter, ...]
    """All it really has."""


def describe(solver: str, adapters: Mapping[str, Adapter] = SOLVERS) -> Description:
    """Return a solver's version and parameters.

    Raises:
        Failed: its library is not installed or does not work here; says why.

    """
    adapter = adapters[solver]
    pool: Pool[str] = Pool(1)
    try:
        pool.submit(
            solver,
            Describe(library=adapter.library, adapter=adapter.path, seconds=SECONDS, memory_mib=MEMORY_MIB),
        )
        (done,) = pool.wait()
    finally:
        pool.close()
    answer = _answer(done.outcome, solver)
    return Description(answer["version"], tuple(_parameter(fields) for fields in answer["parameters"]))


@lru_cache(maxsize=64)
def untaken(configuration: Configuration) -> tuple[str, str] | None:
    """Return what of a configuration this build of its solver does not take, and why; None when it takes all.

    A solver may list a value that it was built without: a tiny model is solved with the parameters, and where that
    fails, with each of them alone, for `NAMING_SECONDS`. What takes too long or is killed is not refused: a busy
    machine may be the reason. One configuration is tried at a time, whoever asks: a server has other things to do.

    Returns:
        (setting, reason): ``name=value``; all, joined by commas, where only all of them together are not taken, or
        finding the one takes too long.

    Raises:
        Failed: the solver's library is not installed.

    """
    with _ONE:
        reason = _tried(configuration.solver, configuration.values)
        if not reason:
            return None
        give_up = time.monotonic() + NAMING_SECONDS
        for name, value in configuration.parameters:
            if time.monotonic() > give_up:
                break
            if alone := _tried(configuration.solver, {name: value}):
                return f"{name}={spell(value)}", alone
    return ", ".join(f"{name}={spell(value)}" for name, value in configuration.parameters), reason


def _tried(solver: str, parameters: Mapping[str, Value]) -> str:
    """Return why a solver does not solve a tiny model with these parameters; empty when it does."""
    adapter = SOLVERS[solver]
    pool: Pool[str] = Pool(1)
    try:
        task = Try(
            library=adapter.library,
            adapter=adapter.path,
            seconds=TRYING_SECONDS,
            memory_mib=MEMORY_MIB,
            parameters=dict(parameters),
        )
        pool.submit(solver, task)
        (done,) = pool.wait()
    finally:
        pool.close()
    if done.outcome.termination is Termination.EXITED:
        return str(done.outcome.result)
    has_failed = done.outcome.termination in (Termination.CRASHED, Termination.MEMORY)
    return f"solving a model of two variables failed: {done.outcome.reason}" if has_failed else ""


def refusals(
    solvers: Sequence[str], instances: Sequence[Instance], slots: int = 1, adapters: Mapping[str, Adapter] = SOLVERS
) -> dict[tuple[str, str], str]:
    """Return which solver cannot take which instance: (solver, SHA-256) to the reason; pairs that fit are not in it.

    Raises:
        Failed: a solver's library is not installed or does not work here; says why.

    """
    pool: Pool[tuple[str, str]] = Pool(slots)
    found: dict[tuple[str, str], str] = {}
    try:
        for solver in solvers:
            adapter = adapters[solver]
            for instance in instances:
                task = Refuse(
                    library=adapter.library,
                    adapter=adapter.path,
                    arrays=str(instance.arrays.absolute()),
                    seconds=SECONDS,
                    memory_mib=MEMORY_MIB,
                )
                pool.submit((solver, instance.sha256), task)
        while finished := pool.wait():
            found.update((done.subject, _answer(done.outcome, done.subject[0])) for done in finished)
    finally:
        pool.close()
    return {pair: reason for pair, reason in found.items() if reason}


def _answer(outcome: Outcome, solver: str) -> Any:
    if outcome.termination is not Termination.EXITED:
        raise Failed(f"{solver} does not work here: {outcome.reason}; `tuner doctor` shows what is installed")
    return outcome.result


def _parameter(fields: Mapping[str, Any]) -> RealParameter:
    return RealParameter(**{**fields, "values": tuple(fields["values"])})

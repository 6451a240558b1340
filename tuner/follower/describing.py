"""Asking solvers about themselves, each in a child of a warm process: the leader's process imports no solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instances.instance import Instance
from storage.records import Termination
from tuner.errors import Failed
from tuner.follower.outcome import Outcome
from tuner.follower.pool import Pool
from tuner.follower.solvers import SOLVERS, Adapter
from tuner.follower.tasks import Describe, Refuse
from tuner.ports import RealParameter

SECONDS = 60.0
MEMORY_MIB = 2048.0
"""What one question may take; far more than it does."""


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

"""Responses as rows of a table: the runs of a tuning job, and the follower's answers to a bilevel problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from storage.records import Job, Member, StoredAnswer, StoredRun, spell
from tuner.app.job_data import Data
from tuner.cost import Cost, censored, cost_of

RESPONSE_COLUMNS = (
    "id",
    "instance",
    "sha256",
    "part",
    "solver",
    "configuration",
    "parameters",
    "seed",
    "cutoff",
    "limit",
    "termination",
    "claim",
    "check",
    "cost",
    "objective",
    "proven_objective",
    "bound",
    "gap",
    "cpu_s",
    "wall_s",
    "solver_wall_s",
    "peak_mib",
    "nodes",
    "iterations",
    "work",
    "integral",
    "raw_status",
    "reason",
    "doubt",
    "elapsed_s",
    "host",
    "processor",
    "cores",
    "software",
    "stored_at",
)
"""Of a run with its response."""
ANSWER_COLUMNS = (
    "id",
    "x",
    "status",
    "follower",
    "optimistic",
    "pessimistic",
    "violations",
    "cpu_s",
    "wall_s",
    "solver_wall_s",
    "reason",
    "elapsed_s",
    "host",
    "processor",
    "cores",
    "software",
    "stored_at",
)
"""Of the follower's answer to a choice, of a bilevel problem."""


@dataclass(frozen=True)
class Rows:
    """A table that is read row by row."""

    columns: tuple[str, ...]
    rows: Iterator[Data]


def run_row(job: Job, stored: StoredRun, member: Member) -> Data:
    """Return the row of a run with its response."""
    run, response = stored.run, stored.response
    cost = Cost(job.cost)
    return {
        "id": stored.id,
        "instance": member.name,
        "sha256": run.instance,
        "part": member.part,
        "solver": run.configuration.solver,
        "configuration": run.configuration.key,
        "parameters": " ".join(f"{name}={spell(value)}" for name, value in run.configuration.parameters),
        "seed": run.seed,
        "cutoff": run.cutoff,
        "limit": run.limit,
        "termination": response.termination.value,
        "claim": response.claim.value,
        "check": response.check.value,
        "cost": None if censored(cost, run, response) else cost_of(cost, run, response),
        "objective": response.objective,
        "proven_objective": response.proven_objective,
        "bound": response.bound,
        "gap": response.gap,
        "cpu_s": response.cpu,
        "wall_s": response.wall,
        "solver_wall_s": response.solver_wall,
        "peak_mib": response.peak_mib,
        "nodes": response.nodes,
        "iterations": response.iterations,
        "work": response.work,
        "integral": response.integral,
        "raw_status": response.raw_status,
        "reason": response.reason,
        "doubt": response.doubt,
        "elapsed_s": stored.elapsed,
        "host": stored.environment.host,
        "processor": stored.environment.processor,
        "cores": stored.environment.cores,
        "software": stored.environment.software,
        "stored_at": stored.stored_at.isoformat(),
    }


def answer_rows(stored: Iterable[StoredAnswer]) -> Iterator[Data]:
    """Yield the rows of `ANSWER_COLUMNS`."""
    for each in stored:
        answer = each.answer
        yield {
            "id": each.id,
            "x": " ".join(f"{name}={value:.12g}" for name, value in answer.x),
            "status": answer.status,
            "follower": answer.value,
            "optimistic": answer.optimistic,
            "pessimistic": answer.pessimistic,
            "violations": " ".join(f"{name}={amount:.6g}" for name, amount in answer.violations),
            "cpu_s": answer.cpu,
            "wall_s": answer.wall,
            "solver_wall_s": answer.solver_wall,
            "reason": answer.reason,
            "elapsed_s": each.elapsed,
            "host": each.environment.host,
            "processor": each.environment.processor,
            "cores": each.environment.cores,
            "software": each.environment.software,
            "stored_at": each.stored_at.isoformat(),
        }


def cell(value: Any) -> str:
    """Return a value as a table for people shows it."""
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)

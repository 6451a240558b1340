"""How records become rows, and rows records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from storage.lease import Owner
from storage.records import (
    Check,
    Claim,
    Comparison,
    Configuration,
    Environment,
    Event,
    Incumbent,
    Job,
    JobKind,
    JobState,
    Member,
    Purpose,
    Response,
    Run,
    StoredRun,
    Submission,
    Termination,
    Value,
    spell,
)

_TYPES = {bool: "boolean", int: "integer", float: "float", str: "text"}  # in this order: a bool is an int as well
_READERS: dict[str, Callable[[str], Value]] = {
    "boolean": lambda text: text == "true",
    "integer": int,
    "float": float,
    "text": str,
}


def parameter_rows(configuration: Configuration) -> list[dict[str, str]]:
    """Return the rows of a configuration's parameters, each value as text beside its type."""
    return [
        {"configuration": configuration.key, "name": name, "type": _type_of(value), "value": spell(value)}
        for name, value in configuration.parameters
    ]


def _type_of(value: Value) -> str:
    return next(name for kind, name in _TYPES.items() if isinstance(value, kind))


def configuration_of(solver: str, rows: Iterable[Row[Any]]) -> Configuration:
    """Return the configuration of this solver with the parameters in these rows."""
    return Configuration.of(solver, {row.name: _READERS[row.type](row.value) for row in rows})


def submission_row(submission: Submission) -> dict[str, Any]:
    """Return what a new job's row says about what was handed in; the name is the store's affair."""
    return {
        "folder": submission.folder,
        "holdout": submission.holdout,
        "cost": str(submission.cost),
        "ties": str(submission.ties),
        "cutoff": submission.cutoff,
        "budget": submission.budget,
        "slots": submission.slots,
        "memory_mib": submission.memory_mib,
        "gap": submission.gap,
        "seed": submission.seed,
        "space": submission.space,
        "kind": submission.kind.value,
        "document": submission.document,
        "document_bytes": len(submission.document.encode("utf-8", "replace")),
        "problem": submission.problem,
        "owner": submission.owner,
        "served": submission.served,
        "priority": submission.priority,
        "instance_set": submission.instance_set,
        "base": submission.base and submission.base.key,
        "target": submission.target,
        "stop_after": submission.stop_after,
    }


def owner_row(owner: Owner | None) -> dict[str, Any]:
    """Return the columns of a job that say who works on it."""
    return {
        "owner_host": owner and owner.host,
        "owner_machine": owner and owner.machine,
        "owner_pid": owner and owner.pid,
        "owner_started": owner and owner.started,
    }


def holder_of(row: Row[Any]) -> Owner | None:
    """Return who works on the job of this row, which also has ``now``: None when nobody does any more."""
    if row.owner_pid is None or row.owned_until <= row.now:
        return None
    owner = Owner(row.owner_host, row.owner_machine, row.owner_pid, row.owner_started)
    return None if owner.is_gone else owner


def state_of(row: Row[Any]) -> JobState:
    """Return the state of the job of this row, which also has ``now``: a running one whose process died is interrupted.

    One that somebody wants stopped is so once its worker has let go of it.
    """
    state = JobState(row.state)
    if state is JobState.RUNNING and holder_of(row) is None:
        state = JobState.INTERRUPTED
    if row.hold and state in (JobState.QUEUED, JobState.INTERRUPTED):
        return JobState(row.hold)
    return state


def job_of(
    row: Row[Any],
    solvers: tuple[str, ...],
    best: Configuration | None,
    members: tuple[Member, ...] = (),
    document: str = "",
    fixed: tuple[Configuration, ...] = (),
    base: Configuration | None = None,
) -> Job:
    """Return the job of this row, which also has ``now``, with what lies beside the row or takes long to read."""
    return Job(
        id=row.id,
        name=row.name,
        state=state_of(row),
        folder=row.folder,
        holdout=row.holdout,
        solvers=solvers,
        cost=row.cost,
        ties=row.ties,
        cutoff=row.cutoff,
        budget=row.budget,
        slots=row.slots,
        memory_mib=row.memory_mib,
        gap=row.gap,
        seed=row.seed,
        space=row.space,
        reuse=row.reuse_upto is not None,
        reuse_upto=row.reuse_upto,
        fixed=fixed,
        base=base,
        target=row.target,
        stop_after=row.stop_after,
        created_at=row.created_at,
        spent=row.spent,
        outcome=row.outcome,
        report=row.report,
        best=best,
        members=members,
        kind=JobKind(row.kind),
        document=document,
        problem=row.problem,
        owner=row.owner,
        served=row.served,
        priority=row.priority,
        instance_set=row.instance_set,
        finished_at=row.finished_at,
    )


def instance_row(member: Member) -> dict[str, Any]:
    """Return the row of a member's instance: what is the same in every job."""
    return {
        "sha256": member.sha256,
        "columns": member.columns,
        "rows": member.rows,
        "nonzeros": member.nonzeros,
        "integers": member.integers,
        "features": json.dumps(dict(member.features)) if member.features else None,
    }


def member_row(job_id: int, position: int, member: Member) -> dict[str, Any]:
    """Return the row of an instance's part in a job."""
    return {
        "job_id": job_id,
        "instance": member.sha256,
        "part": str(member.part),
        "name": member.name,
        "path": member.path,
        "position": position,
    }


def member_of(row: Row[Any]) -> Member:
    """Return the member of a row of both, its part in a job and its instance."""
    return Member(
        row.sha256,
        row.name,
        row.path,
        row.part,
        row.columns,
        row.rows,
        row.nonzeros,
        row.integers,
        json.loads(row.features) if row.features else {},
    )


def run_key(job_id: int, run: Run) -> dict[str, Any]:
    """Return what tells a run of a job apart from every other one."""
    return {
        "job_id": job_id,
        "configuration": run.configuration.key,
        "instance": run.instance,
        "seed": run.seed,
        "run_limit": run.limit,
        "purpose": run.purpose.value,
    }


def run_row(job_id: int, run: Run, response: Response, elapsed: float, stored_at: datetime) -> dict[str, Any]:
    """Return the row of a run with its response; its environment is to be added."""
    return {
        **run_key(job_id, run),
        "cutoff": run.cutoff,
        "termination": response.termination.value,
        "claim": response.claim.value,
        "checked": response.check.value,
        "objective": response.objective,
        "bound": response.bound,
        "gap": response.gap,
        "cpu": response.cpu,
        "wall": response.wall,
        "solver_wall": response.solver_wall,
        "peak_mib": response.peak_mib,
        "nodes": response.nodes,
        "iterations": response.iterations,
        "work": response.work,
        "integral": response.integral,
        "raw_status": response.raw_status,
        "reason": response.reason,
        "proven_objective": response.proven_objective,
        "doubt": response.doubt,
        "floor": response.floor,
        "elapsed": elapsed,
        "stored_at": stored_at,
    }


def stored_run_of(row: Row[Any], configuration: Configuration, environment: Environment) -> StoredRun:
    """Return the run with its response of this row."""
    run = Run(configuration, row.instance, row.seed, row.cutoff, row.run_limit, Purpose(row.purpose))
    response = Response(
        termination=Termination(row.termination),
        claim=Claim(row.claim),
        check=Check(row.checked),
        objective=row.objective,
        bound=row.bound,
        gap=row.gap,
        cpu=row.cpu,
        wall=row.wall,
        solver_wall=row.solver_wall,
        peak_mib=row.peak_mib,
        nodes=row.nodes,
        iterations=row.iterations,
        work=row.work,
        integral=row.integral,
        raw_status=row.raw_status,
        reason=row.reason,
        proven_objective=row.proven_objective,
        doubt=row.doubt,
        floor=row.floor,
    )
    return StoredRun(row.id, run, response, row.elapsed, environment, row.stored_at)


def incumbent_row(job_id: int, incumbent: Incumbent) -> dict[str, Any]:
    """Return the row of a step of a job's trajectory."""
    return {
        "job_id": job_id,
        "configuration": incumbent.configuration.key,
        "elapsed": incumbent.elapsed,
        "cost": incumbent.cost,
        "default_cost": incumbent.default_cost,
        "pairs": incumbent.pairs,
    }


def comparison_row(job_id: int, comparison: Comparison) -> dict[str, Any]:
    """Return the row of a comparison of the verdict."""
    return {
        "job_id": job_id,
        "candidate": comparison.candidate.key,
        "baseline": comparison.baseline.key,
        "measure": comparison.measure,
        "ratio": comparison.ratio,
        "low": comparison.low,
        "high": comparison.high,
        "candidate_solved": comparison.candidate_solved,
        "baseline_solved": comparison.baseline_solved,
        "pairs": comparison.pairs,
    }


def event_of(row: Row[Any]) -> Event:
    """Return something that happened to a job, as the row has it."""
    return Event(row.elapsed, row.kind, row.text, row.id)


def event_row(job_id: int, event: Event, stored_at: datetime) -> dict[str, Any]:
    """Return the row of something that happened to a job."""
    return {
        "job_id": job_id,
        "elapsed": event.elapsed,
        "kind": event.kind,
        "text": event.text,
        "stored_at": stored_at,
    }


def comparison_of(row: Row[Any], configurations: Mapping[str, Configuration]) -> Comparison:
    """Return the comparison of this row between two of these configurations, which are given by key."""
    return Comparison(
        candidate=configurations[row.candidate],
        baseline=configurations[row.baseline],
        measure=row.measure,
        ratio=row.ratio,
        low=row.low,
        high=row.high,
        candidate_solved=row.candidate_solved,
        baseline_solved=row.baseline_solved,
        pairs=row.pairs,
    )

"""Jobs and their parts as plain data: the same for the command line, a server's answers and its client."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from storage.records import ALL_SLOTS, Bracket, Comparison, Configuration, Event, Incumbent, InstanceSet, Job, Member
from tuner.verdict.delicate import Delicate

Data = dict[str, Any]
"""What JSON has: names with values."""
MODELS = "models"
"""Kind of the events that say what became of the models that were submitted."""


def bracket_data(bracket: Bracket) -> Data:
    """Return where a job that solves a bilevel problem stands."""
    value, bound = bracket.objective, bracket.bound
    gap = None if value is None or not math.isfinite(bound) else abs(bound - value) / max(1.0, abs(value))
    return {
        "objective": value,
        "bound": bound if math.isfinite(bound) else None,
        "bound_kind": bracket.bound_kind,
        "gap": gap,
    }


def answers_data(counts: Mapping[str, int]) -> Data:
    """Return how many choices of the leader were answered, and how many of them are out of the question."""
    from tuner.bilevel.responder import Status  # here: what is told of tuning needs none of it

    return {
        "all": sum(counts.values()),
        "infeasible": counts.get(Status.INFEASIBLE, 0),
        "outside": counts.get(Status.OUTSIDE, 0),
        "unproven": counts.get(Status.UNPROVEN, 0),
    }


def configuration_data(configuration: Configuration) -> Data:
    """Return a configuration as data."""
    return {
        "key": configuration.key,
        "solver": configuration.solver,
        "parameters": configuration.values,
        "default": configuration.is_default,
    }


def instance_data(member: Member) -> Data:
    """Return a model of a job, with its features."""
    sizes = {"rows": member.rows, "columns": member.columns, "nonzeros": member.nonzeros, "integers": member.integers}
    return {
        "name": member.name,
        "sha256": member.sha256,
        "part": member.part,
        **sizes,
        "features": dict(member.features),
    }


def comparison_data(found: Comparison) -> Data:
    """Return how a configuration compared with a default."""
    names = ("ratio", "low", "high", "pairs", "candidate_solved", "baseline_solved")
    return {"baseline": found.baseline.solver, **{name: getattr(found, name) for name in names}}


def delicate_data(models: Iterable[Delicate]) -> list[Data]:
    """Return the models that are numerically delicate."""
    return [{"name": model.name, "sha256": model.instance, "disputed": model.disputed} for model in models]


def step_data(step: Incumbent) -> Data:
    """Return a step of a trajectory."""
    return {
        "elapsed_s": step.elapsed,
        "configuration": configuration_data(step.configuration),
        "cost": step.cost,
        "default_cost": step.default_cost,
        "pairs": step.pairs,
    }


def event_data(event: Event) -> Data:
    """Return something that happened."""
    return {"id": event.id, "elapsed_s": event.elapsed, "kind": event.kind, "text": event.text}


def set_data(found: InstanceSet) -> Data:
    """Return an instance set without its members."""
    return {
        "id": found.id,
        "name": found.name,
        "owner": found.owner,
        "created_at": found.created_at.isoformat(),
        "models": found.size,
    }


def job_data(job: Job) -> Data:
    """Return a job as data."""
    return {
        "id": job.id,
        "name": job.name,
        "kind": job.kind.value,
        "state": job.state.value,
        "outcome": job.outcome,
        "folder": job.folder,
        "holdout": job.holdout,
        "solvers": list(job.solvers),
        "cost": job.cost,
        "ties": job.ties,
        "cutoff_s": job.cutoff,
        "budget_s": job.budget,
        "spent_s": job.spent,
        "slots": None if job.slots == ALL_SLOTS else job.slots,
        "memory_mib": job.memory_mib,
        "gap": job.gap,
        "seed": job.seed,
        "reuse": job.reuse,
        "target": job.target,
        "stop_after_s": job.stop_after,
        "base": configuration_data(job.base) if job.base else None,
        "fixed": {each.solver: each.values for each in job.fixed},
        "owner": job.owner,
        "priority": job.priority,
        "instance_set": job.instance_set,
        "problem": job.problem or None,
        "created_at": job.created_at.isoformat(),
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "best": configuration_data(job.best) if job.best else None,
        "report": job.report,
    }


def finite(value: Any) -> Any:
    """Return data whose numbers JSON has; "inf", "-inf" and "nan" for the others, as the command line prints them."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {name: finite(entry) for name, entry in value.items()}
    return [finite(entry) for entry in value] if isinstance(value, list | tuple) else value

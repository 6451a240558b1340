"""What is told of jobs, as plain data: the same for the command line, a server's answers and its client."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from storage.errors import UnknownJob
from storage.records import (
    ALL_SLOTS,
    Bracket,
    Comparison,
    Configuration,
    Event,
    Incumbent,
    Job,
    JobKind,
    JobState,
    Member,
    Purpose,
    StoredAnswer,
    StoredRun,
    spell,
)
from storage.store import Store
from tuner.app.files import parameter_file, python_file
from tuner.cost import Cost, censored, cost_of
from tuner.errors import NotFound, UsageError
from tuner.verdict.compare import Measure
from tuner.verdict.delicate import Delicate, delicate

Data = dict[str, Any]
"""What JSON has: names with values."""

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
TIES, REMARK = "ties", "remark"
"""Kinds of events of a bilevel problem: what hangs on the follower's ties, and what somebody who relies on the answer
should know."""
OPTIMAL, INFEASIBLE = "optimal", "bilevel infeasible"
"""Outcomes of a bilevel problem that are proven."""
PURPOSES = {"training": Purpose.RACE, "holdout": Purpose.HOLDOUT}
"""What the runs on each part of a job's models are for: the leader sees no other part, and the verdict none but its."""
RESUMABLE = (JobState.INTERRUPTED, JobState.FAILED, JobState.QUEUED, JobState.PAUSED)


@dataclass(frozen=True)
class Filters:
    """Which runs of a job are wanted; empty for all."""

    part: str = ""
    """training or holdout."""
    instance: str = ""
    """A name or a SHA-256."""
    configuration: str = ""
    """A key, or "best"."""
    since: int = 0
    """Only rows with a greater id."""


@dataclass(frozen=True)
class Rows:
    """A table that is read row by row."""

    columns: tuple[str, ...]
    rows: Iterator[Data]


@dataclass(frozen=True)
class Page:
    """A part of a long table."""

    rows: list[Data]
    next: int | None
    """The id that the next part is read from; None for the last one."""

    @classmethod
    def of(cls, rows: list[Data], limit: int) -> Page:
        """Return the first ``limit`` of the rows; one more tells that there are more."""
        return cls(rows[:limit], rows[limit - 1]["id"] if len(rows) > limit else None)


class View(Protocol):
    """What can be asked about jobs, here or at a server. Jobs are named by name or id.

    Every method that takes a job raises storage.errors.UnknownJob when there is none.
    """

    def jobs(self) -> list[Data]:
        """Return all jobs, the newest first."""
        ...

    def show(self, job: str) -> Data:
        """Return a job with its trajectory and events; of a bilevel problem, with its bracket."""
        ...

    def best(self, job: str) -> Data:
        """Return a job's best configuration, or choice of the leader, so far; NotFound when there is none."""
        ...

    def responses(self, job: str, filters: Filters) -> Rows:
        """Return a job's runs, or the follower's answers, in the order they were stored."""
        ...

    def export(self, job: str, configuration: str, python: bool) -> str:
        """Return a configuration as the solver itself reads it, or as a program."""
        ...

    def hold(self, job: str, wanted: JobState | None) -> Data:
        """Have a job paused or cancelled, or gone on with; return it."""
        ...


class StoredView:
    """The view of a store; of one owner's jobs only, if so wanted."""

    def __init__(self, store: Store, owner: str | None = None) -> None:
        """Look at a store; for everybody's jobs where ``owner`` is None."""
        self.store, self._owner = store, owner

    def jobs(self) -> list[Data]:
        """Return all jobs, the newest first."""
        return [job_data(job) for job in self.store.jobs(owner=self._owner)]

    def job_page(self, before: int, limit: int) -> Page:
        """Return some jobs, the newest first: those with a smaller id than ``before``, if that is not 0."""
        found = self.store.jobs(owner=self._owner, before=before or None, limit=limit + 1)
        return Page.of([job_data(job) for job in found], limit)

    def recommended(self, family: str, solver: str = "") -> list[Data]:
        """Return what the latest finished jobs on a family of models recommend, one line for each solver.

        With each comes how it compared with the default of its job's first solver, on models that were not tuned on.

        Args:
            family: the name of a set, or of a local folder without those it is in.
            solver: the only one that is wanted; empty for all.

        Raises NotFound when there is none.
        """
        lines: dict[str, Data] = {}
        for job in sorted(self.store.jobs(owner=self._owner, is_finished=True), key=_ended, reverse=True):
            best = job.best
            if best is None or job.folder.rstrip("/").rpartition("/")[2] != family or solver not in ("", best.solver):
                continue
            if best.solver not in lines:
                names = ("outcome", "cost", "cutoff_s", "created_at", "finished_at")
                told = {name: value for name, value in job_data(job).items() if name in names}
                gain = self.gain(job.id, best.key)
                against = None if gain is None else comparison_data(gain)
                lines[best.solver] = {"job": job.name, **told, **configuration_data(best), "against_default": against}
        if not lines:
            raise NotFound(f"no finished job on {family!r} recommends {solver or 'anything'}")
        return list(lines.values())

    def job(self, reference: str) -> Job:
        """Return a job itself; UnknownJob for another owner's, too."""
        return self.store.job(reference, self._owner)

    def standing(self, number: int) -> Job:
        """Return a job as `Store.standing` does, by its id; UnknownJob for another owner's, too."""
        job = self.store.standing(number)
        if self._owner not in (None, job.owner):
            raise UnknownJob(f"there is no job {number}")
        return job

    def show(self, reference: str) -> Data:
        """Return a job with its trajectory and events; of a bilevel problem, with its bracket."""
        job = self.job(reference)
        data = job_data(job)
        if job.kind is JobKind.SOLVE:
            bracket = self.store.bracket(job.id)
            data["bracket"] = None if bracket is None else self._choice(job, bracket)
            data["answers"] = answers_data(self.store.count_answers(job.id))
            data["events"] = [event_data(event) for event in self.store.events(job.id)]
            return data
        data["models"] = {part: sum(member.part == part for member in job.members) for part in ("training", "holdout")}
        data["runs"] = self.store.count(job.id)
        data["delicate"] = delicate_data(delicate(job.members, self.store.tallies(job.id)))
        data["trajectory"] = self.trajectory(job)
        data["events"] = [event_data(event) for event in self.store.events(job.id)]
        return data

    def instances(self, job: Job) -> list[Data]:
        """Return a job's models with their features."""
        return [instance_data(member) for member in job.members]

    def trajectory(self, job: Job) -> list[Data]:
        """Return a job's incumbents, the first one first."""
        return [step_data(step) for step in self.store.incumbents(job.id)]

    def gain(self, job_id: int, key: str) -> Comparison | None:
        """Return how a configuration compared with the job's first default on the holdout; None when it did not."""
        for found in self.store.comparisons(job_id):
            if found.candidate.key == key and found.baseline.is_default and found.measure == Measure.SHIFTED:
                return found
        return None

    def best(self, reference: str) -> Data:
        """Return a job's best configuration, or choice of the leader, so far."""
        job = self.job(reference)
        if job.kind is JobKind.SOLVE:
            bracket = self.store.bracket(job.id)
            if bracket is None or bracket.best is None:
                raise NotFound(
                    f"{job.name} has no best choice: it is {job.state.value}, and no choice is bilevel feasible so far"
                )
            return {**self._choice(job, bracket), "final": job.state is JobState.FINISHED}
        return {**configuration_data(self._best(job)), "final": job.best is not None}

    def _choice(self, job: Job, bracket: Bracket) -> Data:
        """Return a bracket with the leader's best choice and the follower's answer to it."""
        data = {**bracket_data(bracket), "best": bracket.best, "x": None, "y": None, "follower": None}
        if bracket.best is None:
            return data
        answer = next(self.store.answers(job.id, since=bracket.best - 1)).answer
        y, names = dict(answer.reactions).get(job.ties), self.store.reaction_names(job.id)
        data["x"] = dict(answer.x)
        data["y"] = dict(zip(names, y, strict=True)) if y and names else None  # of jobs of earlier versions, no names
        data["follower"] = answer.value
        return data

    def _best(self, job: Job) -> Configuration:
        if job.best is not None:
            return job.best
        steps = self.store.incumbents(job.id, last=1)
        if not steps:
            raise NotFound(
                f"{job.name} has no best configuration yet: it is {job.state.value} and nothing was executed"
            )
        return steps[-1].configuration

    def _chosen(self, job: Job, key: str) -> Configuration:
        if key in ("", "best"):
            return self._best(job)
        for stored in self.store.responses(job.id, configuration=key):
            return stored.run.configuration
        raise NotFound(
            f"{job.name} has executed no configuration {key!r}; keys are in the table of", "responses", job.name
        )

    def response_page(self, reference: str, filters: Filters, limit: int) -> Page:
        """Return some of what `responses` does, without reading the rest."""
        return Page.of(list(self.responses(reference, filters, limit + 1).rows), limit)

    def responses(self, reference: str, filters: Filters, limit: int | None = None) -> Rows:
        """Return a job's runs, or the follower's answers, in the order they were stored; at most ``limit``."""
        job = self.job(reference)
        if job.kind is JobKind.SOLVE:
            if filters.part or filters.instance or filters.configuration:
                raise UsageError(f"{job.name} solves a bilevel problem: it has no parts, instances or configurations")
            return Rows(ANSWER_COLUMNS, answer_rows(self.store.answers(job.id, since=filters.since, limit=limit)))
        return Rows(RESPONSE_COLUMNS, self._run_rows(job, filters, limit))

    def _run_rows(self, job: Job, filters: Filters, limit: int | None) -> Iterator[Data]:
        members = {member.sha256: member for member in job.members}
        key = self._chosen(job, filters.configuration).key if filters.configuration else None
        instance = None
        if filters.instance:
            matching = [sha for sha, member in members.items() if filters.instance in (member.name, sha)]
            if not matching:
                raise NotFound(f"{job.name} has no instance {filters.instance!r}; see", "responses", job.name)
            instance = matching[0]
        if filters.part and filters.part not in PURPOSES:
            raise UsageError(f"part: {filters.part!r} is neither training nor holdout")
        purpose = PURPOSES.get(filters.part)
        stored = self.store.responses(
            job.id, configuration=key, instance=instance, purpose=purpose, since=filters.since, limit=limit
        )
        return (run_row(job, each, members[each.run.instance]) for each in stored)

    def export(self, reference: str, configuration: str, python: bool) -> str:
        """Return a configuration as the solver itself reads it, or as a program."""
        job = self.job(reference)
        if job.kind is JobKind.SOLVE:
            raise UsageError(
                f"{job.name} solves a bilevel problem: there are no parameters to export; see", "best", job.name
            )
        return (python_file if python else parameter_file)(job, self._chosen(job, configuration))

    def hold(self, reference: str, wanted: JobState | None) -> Data:
        """Have a job paused or cancelled, or gone on with; return it."""
        return job_data(self.store.hold(self.job(reference).id, wanted))


def _ended(job: Job) -> datetime:
    """Return when a job finished; for one of which that was not kept, when it was handed in."""
    return job.finished_at or job.created_at


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


def result_rows(job: Data) -> list[tuple[str, str]]:
    """Return what is to be said of a job that solves a bilevel problem, as `tuner.bilevel.Result.rows` says it."""
    rows = []
    if job["state"] == JobState.FINISHED:
        rows.append(("ending", f"{job['outcome']}{', proven' if job['outcome'] == INFEASIBLE else ''}"))
    bracket, answers = job["bracket"], job["answers"]
    if bracket is not None:
        value, bound = ("-" if bracket[name] is None else f"{bracket[name]:.7g}" for name in ("objective", "bound"))
        rows.append(("value", value))
        rows.append(("bound", bound if bound == "-" else f"{bound} ({bracket['bound_kind']})"))
        rows.append(("gap", "-" if bracket["gap"] is None else f"{bracket['gap']:.3g}"))
    rows += [(event["kind"], event["text"]) for event in job["events"] if event["kind"] == TIES]
    rows.append(
        (
            "responses",
            f"{answers['all']}: {answers['infeasible']} without an answer of the follower, "
            f"{answers['outside']} outside the leader's constraints, {answers['unproven']} not proven",
        )
    )
    rows.append(("time", f"{job['spent_s']:.1f} s"))
    return rows + [(event["kind"], event["text"]) for event in job["events"] if event["kind"] == REMARK]


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
    return {"elapsed_s": event.elapsed, "kind": event.kind, "text": event.text}


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
        "owner": job.owner,
        "priority": job.priority,
        "instance_set": job.instance_set,
        "problem": job.problem or None,
        "created_at": job.created_at.isoformat(),
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "best": configuration_data(job.best) if job.best else None,
        "report": job.report,
    }


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


def finite(value: Any) -> Any:
    """Return data whose numbers JSON has; "inf", "-inf" and "nan" for the others, as the command line prints them."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {name: finite(entry) for name, entry in value.items()}
    return [finite(entry) for entry in value] if isinstance(value, list | tuple) else value

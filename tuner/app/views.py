"""What can be asked about jobs, of a store or of a server: the same for the command line, a server and its client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from storage.errors import UnknownJob
from storage.records import Bracket, Comparison, Configuration, Job, JobKind, JobState, Purpose
from storage.store import Store
from tuner.app.files import parameter_file, python_file
from tuner.app.job_data import (
    Data,
    answers_data,
    bracket_data,
    comparison_data,
    configuration_data,
    delicate_data,
    event_data,
    instance_data,
    job_data,
    set_data,
    step_data,
)
from tuner.app.proof import unproven
from tuner.app.response_rows import ANSWER_COLUMNS, RESPONSE_COLUMNS, Rows, answer_rows, run_row
from tuner.errors import NotFound, UsageError
from tuner.verdict.compare import Measure
from tuner.verdict.delicate import delicate

PURPOSES = {"training": Purpose.RACE, "holdout": Purpose.HOLDOUT}
"""What the runs on each part of a job's models are for: the leader sees no other part, and the verdict none but its."""
LOCAL = "local"
"""The owner of what is uploaded without a token."""
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

    def sets(self) -> list[Data]:
        """Return the instance sets, the newest first."""
        ...

    def delete(self, job: str, cancel: bool) -> None:
        """Delete a job with all that it has; one that is running only where it is to be cancelled first."""
        ...

    def delete_set(self, number: int) -> None:
        """Delete an instance set that no job uses, with the models that are in no other one."""
        ...

    def delete_model(self, sha256: str) -> None:
        """Delete a model that is in no instance set."""
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
                gain = self.gain(job, best.key)
                against = None if gain is None else comparison_data(gain)
                proven = not unproven(job, best)
                lines[best.solver] = {
                    "job": job.name,
                    **told,
                    **configuration_data(best),
                    "proven": proven,
                    "against_default": against,
                }
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

    def event_page(self, reference: str, since: int, limit: int) -> Page:
        """Return some of what happened to a job: events with a greater id than ``since``."""
        found = self.store.events_since(self.job(reference).id, since, limit + 1)
        return Page.of([event_data(event) for event in found], limit)

    def instances(self, job: Job) -> list[Data]:
        """Return a job's models with their features."""
        return [instance_data(member) for member in job.members]

    def trajectory(self, job: Job) -> list[Data]:
        """Return a job's incumbents, the first one first."""
        return [step_data(step) for step in self.store.incumbents(job.id)]

    def gain(self, job: Job, key: str) -> Comparison | None:
        """Return how a configuration compared with the job's first default on the holdout; None when it did not."""
        for found in self.store.comparisons(job.id):
            if found.candidate.key == key and found.baseline == job.defaults[0] and found.measure == Measure.SHIFTED:
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
            return {**self._choice(job, bracket), **_proof_data(job.state is JobState.FINISHED, unproven(job))}
        best = self._best(job)
        return {**configuration_data(best), **_proof_data(job.best is not None, unproven(job, best))}

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

    def sets(self) -> list[Data]:
        """Return the instance sets, the newest first."""
        return [set_data(each) for each in self.store.instance_sets(self._owner)]

    def delete(self, job: str, cancel: bool) -> None:
        """Delete a job with all that it has; one that is running only where it is to be cancelled first."""
        self.store.delete_job(self.job(job).id, cancel)
        self.store.sweep()

    def delete_set(self, number: int) -> None:
        """Delete an instance set that no job uses, with the models that are in no other one."""
        self.store.delete_instance_set(number)

    def delete_model(self, sha256: str) -> None:
        """Delete a model that is in no instance set."""
        self.store.delete_model(self._owner or LOCAL, sha256)

    def hold(self, reference: str, wanted: JobState | None) -> Data:
        """Have a job paused or cancelled, or gone on with; return it."""
        return job_data(self.store.hold(self.job(reference).id, wanted))


def _proof_data(is_final: bool, note: str) -> Data:
    """Return how far to rely on what a job has found."""
    return {"final": is_final, "proven": not note, "note": note}


def _ended(job: Job) -> datetime:
    """Return when a job finished; for one of which that was not kept, when it was handed in."""
    return job.finished_at or job.created_at

"""Solving a bilevel problem as a job: every answer is kept before anything is made of it, and asked for once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from storage.lease import Lease
from storage.names import fault, fitted
from storage.records import Answer, Event, Job, JobKind, Submission
from storage.records import Bracket as KeptBracket
from storage.store import Store
from tuner.app.discretion import without_places
from tuner.app.owning import owned
from tuner.app.patience import clock
from tuner.app.result_rows import REMARK, TIES
from tuner.app.study_page import solved_note
from tuner.bilevel import Bound, ModelProblem, Response, Result, Status, Ties, solve
from tuner.bilevel.applications import Application, restored
from tuner.bilevel.mirror import StudyMirror
from tuner.bilevel.state import Bracket, trial_of
from tuner.errors import Failed, UsageError
from tuner.follower.environment import environment_of
from tuner.follower.reaction import Tie
from tuner.leader.mirror import Description

MEMORY_MIB = 2048
MIRROR_SECONDS = 20.0
"""What Optuna's tables may take at the end."""
OWN, WIDEST, OPTIMISTIC, PESSIMISTIC = "own", "widest", "optimistic", "pessimistic"
"""Which of the follower's solutions is kept as what."""


@dataclass(frozen=True)
class Solved:
    """How carrying out a job ended."""

    job: Job
    application: Application
    result: Result
    interrupted: bool
    """Whether it was stopped before its end; it can be resumed."""


def hand_in(
    store: Store,
    application: Application,
    *,
    source: str,
    name: str,
    ties: Ties,
    solver: str,
    budget: float,
    slots: int,
    seed: int,
) -> Job:
    """Make a job of a problem.

    Args:
        store: where it is kept.
        application: the problem.
        source: the file it was read from, for people.
        name: of the job; empty for the problem's own.
        ties: what the leader assumes.
        solver: of the follower.
        budget: wall seconds.
        slots: responses at a time.
        seed: of the solvers.

    Raises storage.errors.NameTaken when another job has the name that was asked for.
    """
    submission = submission_of(
        application.document(),
        source=source if name else application.name,
        name=name,
        ties=ties,
        solver=solver,
        budget=budget,
        slots=slots,
        seed=seed,
    )
    return store.create_job(submission)


def submission_of(
    document: Mapping[str, Any],
    *,
    source: str,
    name: str,
    ties: Ties,
    solver: str,
    budget: float,
    slots: int,
    seed: int,
) -> Submission:
    """Return what is handed in of a problem whose document this is; ``source`` also names a job that has no name."""
    if name and (wrong := fault(name)):
        raise UsageError(f"name: {name!r} {wrong}; choose another, such as {fitted(name)!r}")
    return Submission(
        name=name,
        folder=source if name else fitted(source),
        holdout="",
        solvers=(solver,),
        cost="",
        ties=ties.value,
        cutoff=budget,
        budget=budget,
        slots=slots,
        memory_mib=MEMORY_MIB,
        gap=0.0,
        seed=seed,
        space="",
        kind=JobKind.SOLVE,
        document=json.dumps(document),
        problem=str(document["kind"]),
    )


def carry_out(
    store: Store, job: Job, watch: Callable[[Bracket], None], say: Callable[[str], None], stop: threading.Event
) -> Solved:
    """Solve a job's problem from where it stands to its end, or until ``stop`` is set.

    Raises:
        storage.errors.JobOver: it is finished.
        storage.errors.JobBusy: another process works on it.
        storage.errors.UnknownJob: it was deleted meanwhile.
        TunerError: it cannot be solved; the message says what to do.

    """
    with owned(store, job, stop, Failed, UsageError) as lease:
        return carry_out_own(store, job, lease, watch, say, stop)


def carry_out_own(
    store: Store,
    job: Job,
    lease: Lease,
    watch: Callable[[Bracket], None],
    say: Callable[[str], None],
    stop: threading.Event,
) -> Solved:
    """Solve the problem of a job that this process owns."""
    return _Work(store, job, watch, say, stop).carry_out(lease)


class _Work:
    """One job in the hands of this process."""

    def __init__(
        self,
        store: Store,
        job: Job,
        watch: Callable[[Bracket], None],
        say: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._store, self._job, self._watch, self._say, self._stop = store, job, watch, say, stop
        self._began = clock(store) - job.spent
        self._application = restored(job.document)
        self._problem = self._application.problem(Ties(job.ties))
        self._numbers: dict[tuple[float, ...], int] = {}
        self._kept: KeptBracket | None = store.bracket(job.id)

    def carry_out(self, lease: Lease) -> Solved:
        """Solve, and keep what comes of it."""
        job, problem, ties = self._job, self._problem, self._problem.ties
        mirror = StudyMirror(self._store.url, job.name, problem.maximise, self._say)
        self._store.name_reactions(lease, [problem.joint.column_names[column] for column in problem.y])
        known = []
        for stored in self._store.answers(job.id):
            response = response_of(problem, stored.answer)
            self._numbers[response.x] = stored.id
            mirror.offer(trial_of(problem, ties, response))
            if response.proven:
                known.append(response)
        environment = environment_of(job.solvers[0])

        def keep(response: Response) -> None:
            answer = answer_of(problem, ties, response)
            if job.served:  # what a solver or its process says may name files of this machine
                answer = replace(answer, reason=without_places(answer.reason))
            self._numbers[response.x] = self._store.record_answer(lease, answer, self._elapsed(), environment)
            mirror.offer(trial_of(problem, ties, response))

        def watch(bracket: Bracket) -> None:
            self._keep_bracket(lease, bracket.value, bracket.bound, bracket.kind.value, bracket.x)
            self._watch(bracket)

        try:
            result = solve(
                problem,
                solver=job.solvers[0],
                budget=max(0.0, job.budget - job.spent),
                slots=job.slots,
                seed=job.seed,
                stop=self._stop,
                watch=watch,
                keep=keep,
                known=known,
                proven=None if self._kept is None else (self._kept.bound, Bound(self._kept.bound_kind)),
            )
            sentence = f"{self._application.sentence(result)}."
            mirror.describe(Description(solved_note(job, sentence, result.rows())))
        finally:
            mirror.close(MIRROR_SECONDS)
        self._keep_bracket(lease, result.objective, result.bound, result.bound_kind.value, result.x)
        self._store.spend(lease, self._elapsed())
        interrupted = self._stop.is_set() and not result.is_proven
        if interrupted:
            self._store.interrupt(lease)
        else:
            for kind, text in remarks_of(result):
                self._store.add_event(lease, Event(self._elapsed(), kind, text))
            self._store.finish(lease, result.ending.value, sentence, None)
        return Solved(self._store.job(job.id), self._application, result, interrupted)

    def _elapsed(self) -> float:
        """Return the seconds of the budget that are spent; waiting for the store costs none."""
        return clock(self._store) - self._began

    def _keep_bracket(
        self, lease: Lease, value: float | None, bound: float, kind: str, x: tuple[float, ...] | None
    ) -> None:
        bracket = KeptBracket(value, bound, kind, None if x is None else self._numbers[x])
        if bracket != self._kept:
            self._store.set_bracket(lease, bracket, self._elapsed())
            self._kept = bracket


def remarks_of(result: Result) -> Iterator[tuple[str, str]]:
    """Yield what is to be kept of a result besides its answers and its bracket, each text with its kind."""
    rows = result.rows()
    if TIES in rows:
        yield TIES, rows[TIES]
    for remark in result.remarks:
        yield REMARK, remark


def answer_of(problem: ModelProblem, ties: Ties, response: Response) -> Answer:
    """Return a response as the store keeps it."""
    best, worst = response.optimistic, response.pessimistic
    solutions = {
        OWN: response.y,
        WIDEST: response.widest,
        OPTIMISTIC: None if best is None else best.y,
        PESSIMISTIC: None if worst is None else worst.y,
    }
    return Answer(
        x=tuple(problem.named(response.x).items()),
        ties=ties.value,
        status=response.status.value,
        value=response.value,
        optimistic=None if best is None else best.objective,
        pessimistic=None if worst is None else worst.objective,
        reactions=tuple((role, y) for role, y in solutions.items() if y is not None),
        violations=tuple((response.violations or {}).items()),
        reason=response.reason,
        cpu=response.cpu,
        wall=response.wall,
        solver_wall=response.solver,
    )


def response_of(problem: ModelProblem, answer: Answer) -> Response:
    """Return a kept answer as the response it was."""
    solutions = dict(answer.reactions)
    best, worst = answer.optimistic, answer.pessimistic
    return Response(
        x=problem.choice(dict(answer.x)),
        status=Status(answer.status),
        value=answer.value,
        y=solutions.get(OWN),
        widest=solutions.get(WIDEST),
        optimistic=None if best is None else Tie(best, solutions.get(OPTIMISTIC, ())),
        pessimistic=None if worst is None else Tie(worst, solutions.get(PESSIMISTIC, ())),
        violations=dict(answer.violations) if answer.ties == Ties.PESSIMISTIC else None,
        reason=answer.reason,
        cpu=answer.cpu,
        wall=answer.wall,
        solver=answer.solver_wall,
    )

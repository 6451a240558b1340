"""The store: jobs, the responses of their runs, and what came of them. One transaction per method.

What a method wrote is kept when it returns, also when the process is killed in the next instant; what it did not
finish is not there at all. (SQLite is not synced on every write: a loss of power may take the last seconds.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from storage import answers, deletion, jobs, limits, schema
from storage.configurations import Configurations
from storage.database import Database
from storage.environments import Environments
from storage.errors import JobBusy, NameTaken, StoreRefused
from storage.lease import Lease, Owner
from storage.migrations import bring_up_to_date, is_there
from storage.ownership import Ownership
from storage.records import (
    Answer,
    Bracket,
    Check,
    Comparison,
    Configuration,
    Environment,
    Event,
    Incumbent,
    Job,
    JobState,
    Purpose,
    Response,
    Run,
    StoredAnswer,
    StoredRun,
    Submission,
    Tally,
    Termination,
)
from storage.rows import (
    comparison_of,
    comparison_row,
    event_row,
    incumbent_row,
    run_key,
    run_row,
    stored_run_of,
)

CHUNK = 1000
"""Runs that are read at a time."""

_RUN_KEY = ("job_id", "configuration", "instance", "seed", "run_limit", "purpose")
_THIS_RUN = and_(*(schema.runs.c[name] == bindparam(f"its_{name}") for name in _RUN_KEY))


class Store(Ownership):
    """A database of jobs, in SQLite or PostgreSQL.

    Every method may raise `StoreUnavailable`: nothing that was kept is lost, and the same call may be made again.
    Those that take a lease raise `JobBusy` when the job was given back, or another process took it over.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._configurations = Configurations(database)
        self._environments = Environments(database)
        self._insert_run = database.insert_missing(schema.runs).inline()

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the store at a URL such as ``sqlite:///tuner.db``; create it, or upgrade its schema, where needed.

        Raises:
            StoreUnusable: the URL is none, or names the database of another program or of a newer version.
            StoreUnavailable: the database cannot be reached or written.

        """
        database = Database(url)
        try:
            bring_up_to_date(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @classmethod
    def exists(cls, url: str) -> bool:
        """Whether there is a store at the URL already: nothing is made or changed.

        Raises as `open`: also where there is none yet, and none could be made.
        """
        database = Database(url)
        try:
            return is_there(database)
        finally:
            database.close()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The URL with its driver, and its password if any: what Optuna is to be given for the same database."""
        return self._database.url.render_as_string(hide_password=False)

    @property
    def where(self) -> str:
        """What messages begin with that say which store it is: its URL without a password."""
        return self._database.where

    # Jobs

    def create_job(self, submission: Submission) -> Job:
        """Queue a job. Without a name it is called as its folder, or ``folder-2`` and so on where that is taken.

        Raises:
            NameTaken: another job has the name that was asked for.
            StoreRefused: an instance is there twice, or a limit is not above zero.

        """
        with self._database.writing() as connection:
            job_id = self._insert(connection, submission)
            return jobs.read_job(connection, self._database, self._configurations, job_id)

    def job(self, reference: int | str, owner: str | None = None) -> Job:
        """Return a job with its members, by its id or its name; a name that reads like an id is a name first.

        Args:
            reference: the id, or, as text, the name or the id.
            owner: whose jobs are looked through for a text; None for everybody's.

        Raises UnknownJob with similar names.
        """
        with self._database.reading() as connection:
            if isinstance(reference, str):
                reference = jobs.find_job(connection, self._database, reference, owner)
            return jobs.read_job(connection, self._database, self._configurations, reference)

    def standing(self, job_id: int) -> Job:
        """Return where a job stands: without its solvers, members, document and best configuration, so in no time."""
        with self._database.reading() as connection:
            return jobs.read_own(connection, self._database, job_id)

    def jobs(
        self,
        *,
        owner: str | None = None,
        before: int | None = None,
        limit: int | None = None,
        is_finished: bool = False,
    ) -> list[Job]:
        """Return jobs, the newest first, without their members and documents.

        Args:
            owner: only those of this owner.
            before: only those with a smaller id.
            limit: at most so many.
            is_finished: only those with a verdict, or an answer.

        """
        with self._database.reading() as connection:
            return jobs.read_jobs(
                connection,
                self._database,
                self._configurations,
                owner=owner,
                before=before,
                limit=limit,
                is_finished=is_finished,
            )

    def states(self) -> dict[JobState, int]:
        """Return how many jobs there are in each state; a running one whose process died counts as interrupted."""
        with self._database.reading() as connection:
            return jobs.count_states(connection, self._database)

    def submit(self, submission: Submission, key: str = "", digest: str = "") -> tuple[Job, bool]:
        """Queue a job that workers take; a request that comes again makes no other one.

        Args:
            submission: what is handed in, with its owner.
            key: what the client tells its requests apart by; empty for none.
            digest: of the request: another one with the same key is refused.

        Returns:
            The job, and whether it is new.

        Raises:
            NameTaken: another job has the name that was asked for.
            RequestDiffers: the key came with another request before.
            StoreRefused: the instance set is not there, or a limit is not above zero.
            AboveLimit, TooManyJobs, StorageUsedUp: one owner may not have so much.

        """
        try:
            return self._submitted(submission, key, digest)
        except (NameTaken, StoreRefused):
            if not key:
                raise
        return self._submitted(submission, key, digest)  # perhaps it was the same request, a moment before

    def _submitted(self, submission: Submission, key: str, digest: str) -> tuple[Job, bool]:
        with self._database.writing() as connection:
            job_id = jobs.earlier(connection, self._database, submission.owner, key, digest) if key else None
            is_new = job_id is None
            if job_id is None:
                submission = limits.permitted(connection, self._database, submission)
                job_id = self._insert(connection, submission)
                if key:
                    row = {"owner": submission.owner, "key": key, "digest": digest, "job_id": job_id}
                    connection.execute(insert(schema.requests), row)
            return jobs.read_job(connection, self._database, self._configurations, job_id), is_new

    def _insert(self, connection: Connection, submission: Submission) -> int:
        deletion.free_name(connection, self._database, jobs.stem_of(submission))
        return jobs.insert_job(connection, self._database, submission)

    def hold(self, job_id: int, wanted: JobState | None) -> Job:
        """Have a job paused or cancelled, or gone on with; its worker, if any, looks at that every second.

        Args:
            job_id: of the job.
            wanted: paused, cancelled, or None to go on.

        Raises:
            JobOver: it is finished.
            JobHeld: it was cancelled, which is for good.
            UnknownJob: there is none with this id.

        """
        with self._database.writing() as connection:
            jobs.hold(connection, self._database, job_id, wanted)
            return jobs.read_job(connection, self._database, self._configurations, job_id)

    def held(self, job_id: int) -> JobState | None:
        """Return whether somebody wants the job paused or cancelled."""
        with self._database.reading() as connection:
            return jobs.held(connection, job_id)

    # Who works on a job

    def claim(self, job_id: int, owner: Owner, seconds: float) -> Lease:
        """Take a job, which is running then: one that nobody works on, or whose owner is gone or went silent.

        Args:
            job_id: of the job.
            owner: the process that takes it, usually `storage.lease.this_process`.
            seconds: for how long, unless the lease is renewed.

        Raises:
            JobBusy: another process works on it: which one, where and since when.
            JobOver: it is finished.
            UnknownJob: there is none with this id.

        """
        with self._database.writing() as connection:
            return jobs.claim(connection, self._database, job_id, owner, seconds)

    def claim_next(self, owner: Owner, seconds: float, slots: int) -> Lease | None:
        """Take the most urgent of the jobs that wait for a worker, those of workers that died included.

        Args:
            owner: a worker.
            seconds: for how long, unless the lease is renewed.
            slots: how many runs may execute at a time on the worker's host, over all of its workers.

        Returns None when none waits, or the most urgent one needs more slots than are left.
        """
        with self._database.writing() as connection:
            return jobs.claim_next(connection, self._database, owner, seconds, slots)

    def settle(self, lease: Lease, submission: Submission) -> None:
        """Replace the solvers, members and slots of a job of ours that has no runs yet."""
        with self._database.writing() as connection:
            jobs.settle(connection, self._database, lease, submission)

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Return the lease, extended to that many seconds from now; needed again well before they are over."""
        with self._database.writing() as connection:
            now = connection.scalars(select(self._database.now)).one()
            renewed = replace(lease, expires_at=now + timedelta(seconds=seconds))
            jobs.change_own(connection, self._database, lease, owned_until=renewed.expires_at)
            return renewed

    def interrupt(self, lease: Lease) -> None:
        """Give a job back before its end; it can be claimed again."""
        with self._database.writing() as connection:
            jobs.give_back(connection, self._database, lease, JobState.INTERRUPTED)

    def release(self, lease: Lease) -> None:
        """Interrupt a job if it is still ours, and do nothing when it was given back or taken over: for clean-up."""
        try:
            self.interrupt(lease)
        except JobBusy:
            return

    def fail(self, lease: Lease, reason: str) -> None:
        """Give a job back that cannot go on as things are; it can be claimed again when they are mended."""
        with self._database.writing() as connection:
            jobs.give_back(connection, self._database, lease, JobState.FAILED, outcome=reason)

    def finish(
        self,
        lease: Lease,
        outcome: str,
        report: str,
        best: Configuration | None,
        comparisons: Sequence[Comparison] = (),
    ) -> None:
        """End a job for good with its verdict.

        Args:
            lease: of the job.
            outcome: "gain" or "default kept"; how solving ended, of a bilevel problem.
            report: the verdict in words.
            best: what it recommends; None for a bilevel problem, whose bracket says it.
            comparisons: what it measured.

        """
        concerned = [*(c.candidate for c in comparisons), *(c.baseline for c in comparisons)]
        if best is not None:
            concerned.append(best)
        now = self._database.now  # the finished jobs of all hosts are put in order by it
        verdict = {"outcome": outcome, "report": report, "best": best and best.key, "finished_at": now}
        with self._database.writing() as connection:
            fresh = self._configurations.keep(connection, concerned)
            jobs.give_back(connection, self._database, lease, JobState.FINISHED, **verdict)
            if comparisons:
                connection.execute(insert(schema.comparisons), [comparison_row(lease.job_id, c) for c in comparisons])
        self._configurations.remember(fresh)

    # Runs and responses

    def record(self, lease: Lease, run: Run, response: Response, elapsed: float, environment: Environment) -> bool:
        """Keep the response of a run.

        Every run is kept once, whatever is recorded again; only the response of a run that was killed on request makes
        place for another one, and then the run is the newest of all.

        Args:
            lease: of the job.
            run: on one of the job's instances.
            response: what it yielded.
            elapsed: seconds of the job's budget that are spent.
            environment: where the run was executed.

        Returns:
            Whether it was kept; False for a run that was there already.

        Raises:
            StoreRefused: the instance is no member of the job.

        """
        row = run_row(lease.job_id, run, response, elapsed, datetime.now(UTC))
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, elapsed)
            fresh = self._configurations.keep(connection, (run.configuration,))
            row["environment"] = number = self._environments.keep(connection, environment)
            new = connection.execute(self._insert_run, row).rowcount == 1
            if not new and response.termination is not Termination.KILLED:
                killed = and_(_THIS_RUN, schema.runs.c.termination == Termination.KILLED)
                if connection.execute(delete(schema.runs).where(killed), _this(lease, run)).rowcount == 1:
                    connection.execute(self._insert_run, row)
                    new = True
        self._configurations.remember(fresh)
        self._environments.remember(environment, number)
        return new

    def overturn(self, lease: Lease, run: Run, response: Response) -> None:
        """Replace check and reason of a run's response: another run contradicts its claim, or confirms it.

        Raises StoreRefused when the run was never recorded.
        """
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, 0.0)
            change = update(schema.runs).where(_THIS_RUN).values(checked=response.check, reason=response.reason)
            if connection.execute(change, _this(lease, run)).rowcount != 1:
                raise StoreRefused(f"{self._database.where}: the run to overturn was never recorded: {run}")

    def responses(
        self,
        job_id: int,
        *,
        configuration: str | None = None,
        instance: str | None = None,
        purpose: Purpose | None = None,
        since: int = 0,
        upto: int | None = None,
        like: Sequence[Environment] = (),
        limit: int | None = None,
    ) -> Iterator[StoredRun]:
        """Iterate over a job's runs with their responses in the order they were stored, also while more are.

        Args:
            job_id: of the job.
            configuration: only runs of the configuration with this key.
            instance: only runs on the instance with this SHA-256.
            purpose: only runs for this purpose.
            since: only runs with a greater id.
            upto: only runs with this or a smaller id.
            like: only runs that were executed in an environment like one of these, by `Environment.is_like`.
            limit: at most so many.

        """
        chosen = _chosen(job_id, configuration, instance, purpose)
        if upto is not None:
            chosen = and_(chosen, schema.runs.c.id <= upto)
        if like:
            chosen = and_(chosen, schema.runs.c.environment.in_(_alike(like)))
        for wanted in _chunks(limit):
            with self._database.reading() as connection:
                rows = connection.execute(
                    select(schema.runs).where(chosen, schema.runs.c.id > since).order_by(schema.runs.c.id).limit(wanted)
                ).all()
                known = self._configurations.read(connection, (row.configuration for row in rows))
                places = self._environments.read(connection, (row.environment for row in rows))
            for row in rows:
                yield stored_run_of(row, known[row.configuration], places[row.environment])
            if len(rows) < wanted:
                return
            since = rows[-1].id

    def count(
        self,
        job_id: int,
        *,
        configuration: str | None = None,
        instance: str | None = None,
        purpose: Purpose | None = None,
    ) -> int:
        """Return how many runs `responses` would yield."""
        chosen = _chosen(job_id, configuration, instance, purpose)
        with self._database.reading() as connection:
            return connection.scalars(select(func.count()).select_from(schema.runs).where(chosen)).one()

    def tallies(self, job_id: int) -> list[Tally]:
        """Return what is proven of the answers, by instance; instances without a run are left out."""
        runs = schema.runs.c
        counts = [
            func.count(case((runs.checked == Check.DISPUTED, 1))),
            func.count(case((and_(runs.checked == Check.CONFIRMED, runs.doubt != ""), 1))),
        ]
        wanted = select(runs.instance, *counts).where(runs.job_id == job_id).group_by(runs.instance)
        with self._database.reading() as connection:
            return [Tally(*row) for row in connection.execute(wanted)]

    def parts(self) -> dict[int, dict[str, set[str]]]:
        """Return the SHA-256 of every job's instances, by its id and by part, "training" or "holdout"."""
        members = schema.job_members.c
        found: dict[int, dict[str, set[str]]] = {}
        with self._database.reading() as connection:
            there = select(members.job_id, members.part, members.instance).join(schema.jobs)
            for job_id, part, instance in connection.execute(there.where(schema.jobs.c.deleted_at.is_(None))):
                found.setdefault(job_id, {"training": set(), "holdout": set()})[part].add(instance)
        return found

    def spend(self, lease: Lease, elapsed: float) -> None:
        """Note that so many seconds of the job's budget are spent; it never becomes less."""
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, elapsed)

    # Answers to a bilevel problem

    def record_answer(self, lease: Lease, answer: Answer, elapsed: float, environment: Environment) -> int:
        """Keep the follower's answer to a choice and return its id.

        Args:
            lease: of a job that solves a bilevel problem.
            answer: what was answered.
            elapsed: seconds of the job's budget that are spent.
            environment: where the follower was executed.

        """
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, elapsed)
            place = self._environments.keep(connection, environment)
            number = answers.insert_answer(connection, lease.job_id, answer, elapsed, place, datetime.now(UTC))
        self._environments.remember(environment, place)
        return number

    def set_bracket(self, lease: Lease, bracket: Bracket, elapsed: float) -> None:
        """Note where a job that solves a bilevel problem stands."""
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, elapsed)
            answers.replace_bracket(connection, lease.job_id, bracket)

    def bracket(self, job_id: int) -> Bracket | None:
        """Return where a job that solves a bilevel problem stands; None before its first answer."""
        with self._database.reading() as connection:
            return answers.read_bracket(connection, job_id)

    def answers(self, job_id: int, *, since: int = 0, limit: int | None = None) -> Iterator[StoredAnswer]:
        """Iterate over the answers of a job in the order they were stored.

        Args:
            job_id: of the job.
            since: only those with a greater id.
            limit: at most so many.

        """
        for wanted in _chunks(limit):
            with self._database.reading() as connection:
                rows = answers.read_answers(connection, job_id, since, wanted)
                places = self._environments.read(connection, (row.environment for row in rows))
                found = answers.stored_answers(connection, rows, places)
            yield from found
            if len(rows) < wanted:
                return
            since = rows[-1].id

    def count_answers(self, job_id: int) -> dict[str, int]:
        """Return how many choices of a job were answered, by what became of them."""
        with self._database.reading() as connection:
            return answers.count_answers(connection, job_id)

    def name_reactions(self, lease: Lease, names: Sequence[str]) -> None:
        """Note what the follower's variables are called, in the order that answers have their values in."""
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, 0.0)
            answers.replace_names(connection, lease.job_id, names)

    def reaction_names(self, job_id: int) -> list[str]:
        """Return what the follower's variables are called; nothing before somebody has read the problem."""
        with self._database.reading() as connection:
            return answers.read_names(connection, job_id)

    # The trajectory, events, and the verdict's numbers

    def add_incumbent(self, lease: Lease, incumbent: Incumbent) -> None:
        """Add a step to the job's trajectory."""
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, incumbent.elapsed)
            fresh = self._configurations.keep(connection, (incumbent.configuration,))
            connection.execute(insert(schema.incumbents), incumbent_row(lease.job_id, incumbent))
        self._configurations.remember(fresh)

    def incumbents(self, job_id: int, last: int | None = None) -> list[Incumbent]:
        """Return the job's trajectory, the first incumbent first, or only the last few of it."""
        with self._database.reading() as connection:
            rows = connection.execute(_of_job(schema.incumbents, job_id, last)).all()[::-1]
            known = self._configurations.read(connection, (row.configuration for row in rows))
        return [Incumbent(known[r.configuration], r.elapsed, r.cost, r.default_cost, r.pairs) for r in rows]

    def add_event(self, lease: Lease, event: Event) -> None:
        """Add something worth telling that happened to the job."""
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, event.elapsed)
            connection.execute(insert(schema.events), event_row(lease.job_id, event, datetime.now(UTC)))

    def events(self, job_id: int, last: int | None = None) -> list[Event]:
        """Return what happened to the job, the first event first, or only the last few of them."""
        with self._database.reading() as connection:
            rows = connection.execute(_of_job(schema.events, job_id, last)).all()[::-1]
        return [Event(row.elapsed, row.kind, row.text) for row in rows]

    def comparisons(self, job_id: int) -> list[Comparison]:
        """Return what the verdict of a finished job measured, in the order it was told."""
        columns = schema.comparisons.c
        chosen = select(schema.comparisons).where(columns.job_id == job_id).order_by(columns.id)
        with self._database.reading() as connection:
            rows = connection.execute(chosen).all()
            keys = {key for row in rows for key in (row.candidate, row.baseline)}
            known = self._configurations.read(connection, keys)
        return [comparison_of(row, known) for row in rows]


def _chunks(limit: int | None) -> Iterator[int]:
    """Yield how many rows are to be read at a time, without end where there is no limit."""
    while limit is None:
        yield CHUNK
    while limit > 0:
        yield min(CHUNK, limit)
        limit -= CHUNK


def _of_job(table: Table, job_id: int, last: int | None) -> Select[Any]:
    """Select what a table has of a job, the newest first, and no more than so much."""
    return select(table).where(table.c.job_id == job_id).order_by(table.c.id.desc()).limit(last)


def _this(lease: Lease, run: Run) -> dict[str, Any]:
    return {f"its_{name}": value for name, value in run_key(lease.job_id, run).items()}


def _alike(environments: Sequence[Environment]) -> Select[int]:
    """Return the ids of the environments that are like one of these."""
    columns = schema.environments.c
    kinds = [
        and_(columns.processor == one.processor, columns.cores == one.cores, columns.software == one.software)
        for one in environments
        if one.is_like(one)
    ]
    return select(columns.id).where(or_(false(), *kinds))


def _chosen(
    job_id: int, configuration: str | None, instance: str | None, purpose: Purpose | None
) -> ColumnElement[bool]:
    wanted = {"job_id": job_id, "configuration": configuration, "instance": instance, "purpose": purpose}
    return and_(*(schema.runs.c[name] == value for name, value in wanted.items() if value is not None))

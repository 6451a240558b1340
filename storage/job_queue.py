"""Jobs in a store: submitted, read, claimed by workers, and ended. A part of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, insert, select

from storage import deletion, jobs, limits, schema
from storage.backend import Backend
from storage.errors import JobBusy, NameTaken, StoreRefused
from storage.lease import Lease, Owner
from storage.records import Comparison, Configuration, Job, JobState, Submission
from storage.rows import comparison_row


class JobQueue(Backend):
    """The jobs of a store, and who works on them."""

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
        named = [*submission.fixed, *([submission.base] if submission.base else [])]
        self._configurations.keep(connection, named)
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
            outcome: "gain", "default kept" or "settings kept"; how solving ended, of a bilevel problem.
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

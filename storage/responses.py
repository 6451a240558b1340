"""The runs of tuning jobs with their responses. A part of the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, delete, false, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import jobs, schema
from storage.backend import Backend
from storage.chunks import chunks
from storage.errors import StoreRefused
from storage.lease import Lease
from storage.records import Check, Environment, Purpose, Response, Run, StoredRun, Tally, Termination
from storage.rows import run_key, run_row, stored_run_of

_RUN_KEY = ("job_id", "configuration", "instance", "seed", "run_limit", "purpose")
_THIS_RUN = and_(*(schema.runs.c[name] == bindparam(f"its_{name}") for name in _RUN_KEY))


class Responses(Backend):
    """The runs of tuning jobs."""

    @cached_property
    def _insert_run(self) -> sqlite.Insert | postgresql.Insert:
        return self._database.insert_missing(schema.runs).inline()

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
        for wanted in chunks(limit):
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

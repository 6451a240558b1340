"""What happened to a job and came of it: incumbents, events, and what its verdict measured. A part of the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, Table, insert, select

from storage import jobs, schema
from storage.backend import Backend
from storage.lease import Lease
from storage.records import Comparison, Event, Incumbent
from storage.rows import comparison_of, event_of, event_row, incumbent_row


class History(Backend):
    """Trajectories, events and comparisons."""

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
        return [event_of(row) for row in rows]

    def events_since(self, job_id: int, since: int, limit: int) -> list[Event]:
        """Return what happened to the job after the event with this id, the first event first.

        Args:
            job_id: of the job.
            since: the id of an event; 0 for the beginning.
            limit: at most so many.

        """
        columns = schema.events.c
        chosen = select(schema.events).where(columns.job_id == job_id, columns.id > since).order_by(columns.id)
        with self._database.reading() as connection:
            return [event_of(row) for row in connection.execute(chosen.limit(limit))]

    def comparisons(self, job_id: int) -> list[Comparison]:
        """Return what the verdict of a finished job measured, in the order it was told."""
        columns = schema.comparisons.c
        chosen = select(schema.comparisons).where(columns.job_id == job_id).order_by(columns.id)
        with self._database.reading() as connection:
            rows = connection.execute(chosen).all()
            keys = {key for row in rows for key in (row.candidate, row.baseline)}
            known = self._configurations.read(connection, keys)
        return [comparison_of(row, known) for row in rows]


def _of_job(table: Table, job_id: int, last: int | None) -> Select[Any]:
    """Select what a table has of a job, the newest first, and no more than so much."""
    return select(table).where(table.c.job_id == job_id).order_by(table.c.id.desc()).limit(last)

"""What owners have in a store, and may have: jobs that are deleted, limits, hosts of workers. A part of the store."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from storage import deletion, limits, schema
from storage.backend import Backend
from storage.records import OwnerLimits

HOSTS_SEEN = timedelta(hours=1)
"""A host whose workers have said nothing for so long carries nothing out."""


class Ownership(Backend):
    """Jobs that are deleted, and the limits of owners."""

    def delete_job(self, job_id: int, cancel: bool = False) -> None:
        """Delete a job with its responses, events, trajectory and Optuna study: from now on it is there for nobody.

        Its rows go by `sweep`, some at a time. Its instance set stays.

        Args:
            job_id: of the job.
            cancel: whether one that is being worked on is cancelled first.

        Raises:
            JobBusy: it is being worked on, and is not to be cancelled.
            UnknownJob: there is none with this id.

        """
        with self._database.writing() as connection:
            deletion.mark(connection, self._database, job_id, cancel)

    def owner_limits(self) -> OwnerLimits:
        """Return what one owner may have."""
        with self._database.reading() as connection:
            return limits.read_limits(connection)

    def limit_owners(self, wanted: OwnerLimits) -> None:
        """Say what one owner may have, for every server and worker of this store."""
        with self._database.writing() as connection:
            limits.write_limits(connection, wanted)

    def stored_bytes(self, owner: str) -> int:
        """Return the bytes of an owner's models, instance sets and bilevel problems."""
        with self._database.reading() as connection:
            return limits.stored_bytes(connection, owner)

    def check_stored(self, owner: str, more: int) -> None:
        """Raise StorageUsedUp when an owner may not have this many bytes more."""
        with self._database.reading() as connection:
            limits.check_stored(connection, self._database, owner, more)

    def note_worker(self, host: str, slots: int) -> None:
        """Note that workers on a host carry jobs out, and how many runs execute there at a time."""
        hosts = schema.worker_hosts
        with self._database.writing() as connection:
            now = connection.scalars(select(self._database.now)).one()
            row = {"host": host, "slots": slots, "seen_at": now}
            if connection.execute(self._database.insert_missing(hosts).inline(), row).rowcount != 1:
                connection.execute(update(hosts).where(hosts.c.host == host).values(slots=slots, seen_at=now))

    def most_slots(self) -> int | None:
        """Return the slots of the largest host whose workers carry jobs out; None where none is known."""
        hosts = schema.worker_hosts.c
        with self._database.reading() as connection:
            now = connection.scalars(select(self._database.now)).one()
            found = connection.scalar(select(func.max(hosts.slots)).where(hosts.seen_at > now - HOSTS_SEEN))
        return None if found is None else int(found)

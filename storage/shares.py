"""Fair shares: what owners have had of the workers lately. All inside the caller's transaction.

One slot for one second counts as one; what was used counts half after `HALF_LIFE`, as in the schedulers of clusters.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from storage import schema
from storage.database import Database
from storage.records import ALL_SLOTS

HALF_LIFE = timedelta(days=1)

_usage = schema.owner_usage.c


def charge(connection: Connection, database: Database, row: Row[Any], until: datetime) -> None:
    """Add what a job has used of the workers since it was taken to what its owner has used.

    Args:
        connection: of the caller's transaction.
        database: that has the job.
        row: of the job, as it was while it was worked on.
        until: when that ended.

    """
    if not row.served or row.owned_since is None:
        return
    first = {"owner": row.owner, "slot_seconds": 0.0, "counted_at": until}
    connection.execute(database.insert_missing(schema.owner_usage).inline(), first)
    own = _usage.owner == row.owner
    kept = connection.execute(select(schema.owner_usage).where(own).with_for_update()).one()
    total = _left(kept, until) + used(row, until)
    connection.execute(update(schema.owner_usage).where(own).values(slot_seconds=total, counted_at=until))


def used(row: Row[Any], until: datetime) -> float:
    """Return the seconds of slots that a job has used since it was taken."""
    slots = 1 if row.slots == ALL_SLOTS else row.slots  # whose models are still being read
    return float(slots * max(0.0, (until - row.owned_since).total_seconds()))


def read_usage(connection: Connection, owners: Collection[str], now: datetime) -> dict[str, float]:
    """Return the seconds of slots that owners have used, by owner; older ones count less."""
    rows = connection.execute(select(schema.owner_usage).where(_usage.owner.in_(owners)))
    return {**dict.fromkeys(owners, 0.0), **{row.owner: _left(row, now) for row in rows}}


def _left(row: Row[Any], now: datetime) -> float:
    """Return what counts now of what was used before."""
    age = max(timedelta(), now - row.counted_at)
    return float(row.slot_seconds * 0.5 ** (age / HALF_LIFE))

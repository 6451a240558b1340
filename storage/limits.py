"""What one owner may have of a server: the limits, and what is used of them. All inside the caller's transaction.

They are kept in the store, so that every server and worker of it goes by the same ones.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace

from sqlalchemy import ColumnElement, Connection, LargeBinary, cast, delete, func, insert, select

from storage import schema
from storage.database import Database
from storage.errors import AboveLimit, StorageUsedUp, TooManyJobs
from storage.records import ALL_SLOTS, JobState, OwnerLimits, Submission

MIB = 2**20
SET_BYTES, MEMBER_BYTES = 100, 300
"""What an instance set, and a model in one, take besides their names: a row, and its entries in the indexes."""
_jobs = schema.jobs.c
_UNFINISHED = (JobState.QUEUED, JobState.RUNNING, JobState.INTERRUPTED)


def read_limits(connection: Connection) -> OwnerLimits:
    """Return the limits of every owner."""
    columns = schema.owner_limits.c
    kept = {row.name: row.value for row in connection.execute(select(columns.name, columns.value))}
    found = {name: value if name == "budget" else int(value) for name, value in kept.items()}
    return OwnerLimits(**{field.name: found.get(field.name) for field in fields(OwnerLimits)})


def write_limits(connection: Connection, limits: OwnerLimits) -> None:
    """Replace the limits of every owner."""
    connection.execute(delete(schema.owner_limits))
    rows = [{"name": name, "value": float(value)} for name, value in asdict(limits).items() if value is not None]
    if rows:
        connection.execute(insert(schema.owner_limits), rows)


def permitted(connection: Connection, database: Database, submission: Submission) -> Submission:
    """Return a submission as its owner's limits let it through: one that takes all slots takes as many as there are.

    Raises:
        AboveLimit: it asks for more than anybody may.
        TooManyJobs: its owner has too many unfinished jobs.
        StorageUsedUp: its problem does not fit into what is left of its owner's space.

    """
    limits = read_limits(connection)
    if limits == OwnerLimits():
        return submission
    for what, asked, most, unit in (
        ("priority", submission.priority, limits.priority, ""),
        ("budget", submission.budget, limits.budget, " s"),
        ("slots", 0 if submission.slots == ALL_SLOTS else submission.slots, limits.slots, ""),
    ):
        if most is not None and asked > most:
            raise AboveLimit(
                f"{what}: {asked:g}{unit} is above the limit of {most:g}{unit} for one owner; ask for less, or ask "
                f"those who run the server to raise it (tuner serve --max-{what})"
            )
    check_jobs(connection, database, submission.owner, limits)
    check_stored(connection, database, submission.owner, len(submission.document.encode("utf-8", "replace")), limits)
    if submission.slots == ALL_SLOTS and limits.slots is not None:
        return replace(submission, slots=limits.slots)
    return submission


def check_jobs(connection: Connection, database: Database, owner: str, limits: OwnerLimits | None = None) -> None:
    """Raise TooManyJobs when an owner may have no more unfinished jobs."""
    most = (limits or read_limits(connection)).jobs
    if most is None:
        return
    database.one_at_a_time(connection, f"jobs of {owner}")
    waiting = _jobs.owner == owner, _jobs.served, _jobs.deleted_at.is_(None), _jobs.hold != JobState.CANCELLED
    count = connection.scalar(select(func.count()).where(*waiting, _jobs.state.in_(_UNFINISHED))) or 0
    if count >= most:
        raise TooManyJobs(
            f"jobs: {owner} has {count} unfinished jobs, the limit is {most}; wait until one is finished, cancel one "
            "(tuner cancel JOB), or ask those who run the server to raise the limit (tuner serve --max-jobs)"
        )


def stored_bytes(connection: Connection, owner: str) -> int:
    """Return the bytes of an owner's models, as they are kept, of his sets, and of the problems of his jobs."""
    owners, files, pieces = schema.model_owners.c, schema.model_files.c, schema.model_pieces.c
    models = connection.scalar(
        select(func.coalesce(func.sum(func.length(pieces.data)), 0))
        .join(schema.model_files, files.id == pieces.file)
        .join(schema.model_owners, owners.sha256 == files.sha256)
        .where(owners.owner == owner, files.upload.is_(None))
    )
    sets, members = schema.instance_sets.c, schema.instance_set_members.c
    own = sets.owner == owner
    names = connection.scalar(select(func.sum(_bytes_of(connection, sets.name) + SET_BYTES)).where(own))
    rows = select(func.sum(_bytes_of(connection, members.name) + MEMBER_BYTES))
    in_sets = connection.scalar(rows.join(schema.instance_sets, sets.id == members.set_id).where(own))
    documents = connection.scalar(
        select(func.coalesce(func.sum(_jobs.document_bytes), 0)).where(_jobs.owner == owner, _jobs.deleted_at.is_(None))
    )
    return sum(int(part or 0) for part in (models, names, in_sets, documents))


def _bytes_of(connection: Connection, text: ColumnElement[str]) -> ColumnElement[int]:
    """Return how many bytes a text takes, which SQLite tells of a BLOB only, and PostgreSQL of a text."""
    if connection.dialect.name == "sqlite":
        return func.length(cast(text, LargeBinary))
    return func.octet_length(text)


def check_stored(
    connection: Connection, database: Database, owner: str, more: int = 0, limits: OwnerLimits | None = None
) -> None:
    """Raise StorageUsedUp when an owner has, or would have with more bytes, more than he may."""
    most = (limits or read_limits(connection)).stored
    if most is None:
        return
    used = stored_bytes(connection, owner)
    if used + more > most:
        raise StorageUsedUp(
            f"stored bytes: {(used + more) / MIB:.1f} MiB would be used by {owner}, the limit is {most / MIB:.1f} MiB; "
            "delete instance sets and jobs that are no longer needed (tuner delete), or ask those who run the server "
            "to raise the limit (tuner serve --max-stored)"
        )

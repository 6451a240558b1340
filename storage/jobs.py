"""Jobs in the database: handing in, finding, and who may write about them. All inside the caller's transaction."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NoReturn

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from storage import limits, schema, shares
from storage.configurations import Configurations
from storage.database import Database
from storage.errors import JobBusy, JobHeld, JobOver, NameTaken, RequestDiffers, UnknownJob
from storage.lease import Lease, Owner
from storage.names import fitted, named_after
from storage.records import Job, JobKind, JobState, Submission
from storage.rows import holder_of, instance_row, job_of, member_of, member_row, owner_row, state_of, submission_row

_jobs = schema.jobs.c
_OWN: Select[Any] = select(*(column for column in _jobs if column is not _jobs.document))
"""What a row is read for, most of the time: a document may be large."""
_THERE = _jobs.deleted_at.is_(None)
"""Jobs that were deleted are there for nobody, also while their rows still are."""
_elapsed = bindparam("its_elapsed", type_=schema.Number)
_SPEND = (
    update(schema.jobs)
    .where(_jobs.id == bindparam("its_id"), _jobs.token == bindparam("its_token"))
    .values(spent=case((_jobs.spent < _elapsed, _elapsed), else_=_jobs.spent))
)

_DESCRIBE = (
    update(schema.instances)
    .where(schema.instances.c.sha256 == bindparam("its_sha256"), schema.instances.c.features.is_(None))
    .values(features=bindparam("its_features"))
)
"""For instances that were there before features were kept."""


def insert_job(connection: Connection, database: Database, submission: Submission) -> int:
    """Queue a job with its solvers and members; return its id. The configurations that it names are there.

    Raises NameTaken when another job has the name that was asked for.
    """
    job_id = _insert_named(connection, database, submission)
    _insert_parts(connection, database, job_id, submission)
    if submission.fixed:
        rows = [{"job_id": job_id, "configuration": each.key} for each in submission.fixed]
        connection.execute(insert(schema.job_fixed), rows)
    return job_id


def _insert_parts(connection: Connection, database: Database, job_id: int, submission: Submission) -> None:
    if submission.solvers:
        connection.execute(
            insert(schema.job_solvers),
            [{"job_id": job_id, "position": n, "solver": solver} for n, solver in enumerate(submission.solvers)],
        )
    if submission.members:
        instances = sorted(map(instance_row, submission.members), key=lambda row: str(row["sha256"]))
        # sorted: two writers never wait crosswise
        connection.execute(database.insert_missing(schema.instances).inline(), instances)
        connection.execute(
            _DESCRIBE, [{"its_sha256": row["sha256"], "its_features": row["features"]} for row in instances]
        )
        connection.execute(
            insert(schema.job_members), [member_row(job_id, n, m) for n, m in enumerate(submission.members)]
        )


def stem_of(submission: Submission) -> str:
    """Return the name that a job gets where it is free."""
    # What a server is handed is no path: ".." is not to be called after the server's own folder.
    return submission.name or (fitted if submission.served else named_after)(submission.folder)


def _insert_named(connection: Connection, database: Database, submission: Submission) -> int:
    stem = stem_of(submission)
    row = submission_row(submission)
    if submission.reuse:
        row["reuse_upto"] = connection.scalar(select(func.coalesce(func.max(schema.runs.c.id), 0)))
    row.update(state=JobState.QUEUED, created_at=datetime.now(UTC), spent=0.0, outcome="", report="", token=0)
    insertion = database.insert_missing(schema.jobs).returning(_jobs.id)
    taken = set(connection.scalars(select(_jobs.name)))
    for n in count(1):
        name = stem if n == 1 else f"{stem}-{n}"
        if name not in taken:
            job_id = connection.scalar(insertion, {**row, "name": name})
            if job_id is not None:  # else another process took the name a moment ago
                return int(job_id)
        if submission.name:
            break
    raise _taken(connection, database, submission)


def _taken(connection: Connection, database: Database, submission: Submission) -> NameTaken:
    """Return what is wrong with a job's name, which tells of others' jobs that the name is taken, and no more."""
    taken = select(_jobs.owner, _jobs.deleted_at).where(_jobs.name == submission.name)
    row = connection.execute(taken).first()
    if row is None or row.owner != submission.owner:
        told = f"the name {submission.name!r} is taken; choose another"
    elif row.deleted_at is not None:
        told = f"job {submission.name!r} is being deleted; try again in a moment, or choose another name"
    else:
        told = f"there is a job {submission.name!r} already; choose another name, or resume that one"
    return NameTaken(f"{database.where}: {told}")


def find_job(connection: Connection, database: Database, reference: str, owner: str | None = None) -> int:
    """Return the id of the job with this name, or else with this id; of one owner's jobs only, if so wanted.

    Raises UnknownJob with similar names, none of them another owner's.
    """
    own = _THERE if owner is None else and_(_THERE, _jobs.owner == owner)
    job_id = connection.scalar(select(_jobs.id).where(_jobs.name == reference, own))
    if job_id is None and reference.isdecimal() and len(reference) < 19:
        job_id = connection.scalar(select(_jobs.id).where(_jobs.id == int(reference), own))
    if job_id is None:
        _raise_unknown(connection, database, reference, own)
    return int(job_id)


def read_job(connection: Connection, database: Database, configurations: Configurations, job_id: int) -> Job:
    """Return a job with its members and its document; UnknownJob when there is none with this id."""
    row = _row(connection, database, job_id)
    document = connection.scalar(select(_jobs.document).where(_jobs.id == job_id)) if row.kind == JobKind.SOLVE else ""
    solvers, members = schema.job_solvers.c, schema.job_members.c
    names = connection.scalars(select(solvers.solver).where(solvers.job_id == job_id).order_by(solvers.position))
    rows = connection.execute(
        select(schema.job_members, schema.instances)
        .join(schema.instances)
        .where(members.job_id == job_id)
        .order_by(members.position)
    )
    fixed = _fixed(connection, job_id, job_id).get(job_id, [])
    known = configurations.read(connection, (key for key in (row.best, row.base, *fixed) if key))
    return job_of(
        row,
        tuple(names),
        known.get(row.best),
        tuple(map(member_of, rows)),
        document or "",
        tuple(known[key] for key in fixed),
        known.get(row.base),
    )


def _fixed(connection: Connection, first: int, last: int) -> dict[int, list[str]]:
    """Return the keys of the configurations that say what is fixed in each of these jobs, by the job's id."""
    columns, found = schema.job_fixed.c, dict[int, list[str]]()
    rows = select(columns.job_id, columns.configuration).where(columns.job_id.between(first, last))
    for job_id, key in connection.execute(rows.order_by(columns.configuration)):
        found.setdefault(job_id, []).append(key)
    return found


def read_jobs(
    connection: Connection,
    database: Database,
    configurations: Configurations,
    *,
    owner: str | None,
    before: int | None,
    limit: int | None,
    is_finished: bool,
) -> list[Job]:
    """Return jobs, the newest first, without their members and documents."""
    chosen = _OWN.add_columns(database.now.label("now")).where(_THERE).order_by(_jobs.id.desc()).limit(limit)
    if owner is not None:
        chosen = chosen.where(_jobs.owner == owner)
    if before is not None:
        chosen = chosen.where(_jobs.id < before)
    if is_finished:
        chosen = chosen.where(_jobs.state == JobState.FINISHED)
    rows = connection.execute(chosen).all()
    solvers: dict[int, list[str]] = {}
    fixed: dict[int, list[str]] = {}
    if rows:
        fixed = _fixed(connection, rows[-1].id, rows[0].id)
        columns = schema.job_solvers.c
        of_these = columns.job_id.between(rows[-1].id, rows[0].id)
        found = select(columns.job_id, columns.solver).where(of_these).order_by(columns.position)
        for job_id, solver in connection.execute(found):
            solvers.setdefault(job_id, []).append(solver)
    keys = (key for row in rows for key in (row.best, row.base, *fixed.get(row.id, ())) if key)
    known = configurations.read(connection, keys)
    return [
        job_of(
            row,
            tuple(solvers.get(row.id, ())),
            known.get(row.best),
            fixed=tuple(known[key] for key in fixed.get(row.id, ())),
            base=known.get(row.base),
        )
        for row in rows
    ]


def read_own(connection: Connection, database: Database, job_id: int) -> Job:
    """Return a job without its solvers, members, document and best configuration; UnknownJob when there is none."""
    return job_of(_row(connection, database, job_id), (), None)


def count_states(connection: Connection, database: Database) -> dict[JobState, int]:
    """Return how many jobs there are in each state."""
    owner = (_jobs.owner_host, _jobs.owner_machine, _jobs.owner_pid, _jobs.owner_started, _jobs.owned_until)
    rows = connection.execute(select(_jobs.state, _jobs.hold, *owner, database.now.label("now")).where(_THERE))
    return Counter(state_of(row) for row in rows)


def claim(connection: Connection, database: Database, job_id: int, owner: Owner, seconds: float) -> Lease:
    """Make ``owner`` the one that works on a job, if nobody does.

    Raises JobBusy, JobOver or UnknownJob.
    """
    row = locked(connection, database, job_id)
    if row.hold == JobState.CANCELLED:
        raise JobHeld(f"job {row.name!r} was cancelled: there is nothing to go on with; hand it in again")
    if row.state == JobState.FINISHED:
        raise JobOver(f"job {row.name!r} is finished ({row.outcome}): there is nothing to go on with; see its verdict")
    holder = holder_of(row)
    if holder is not None:
        raise JobBusy(
            f"job {row.name!r} is being worked on by {holder} since {_spelled(row.owned_since)}; "
            "wait until it ends, or end that process first"
        )
    if row.owned_since is not None:  # whoever worked on it is gone
        shares.charge(connection, database, row, min(row.now, row.owned_until))
    lease = Lease(job_id, row.token + 1, owner, row.now + timedelta(seconds=seconds))
    change = {"state": JobState.RUNNING, "outcome": "", "token": lease.token, **owner_row(owner)}
    change.update(owned_since=row.now, owned_until=lease.expires_at)
    connection.execute(update(schema.jobs).where(_jobs.id == job_id).values(change))
    return lease


def claim_next(connection: Connection, database: Database, owner: Owner, seconds: float, slots: int) -> Lease | None:
    """Make ``owner`` the one that works on the most urgent job that waits for a worker.

    Args:
        connection: of the caller's transaction.
        database: whose jobs they are.
        owner: a worker.
        seconds: for how long.
        slots: how many runs may execute at a time on the owner's host; what its jobs use already is taken off.

    Of jobs with the same priority, that of the owner goes first who uses the fewest slots, then of who has used the
    least lately (`storage.shares`), then the oldest.

    Returns None when none waits, or the most urgent one needs more slots than are left.
    """
    waiting = (JobState.QUEUED, JobState.INTERRUPTED, JobState.RUNNING)
    most = limits.read_limits(connection).slots
    database.one_at_a_time(connection, f"claim {owner.host}" if most is None else "claim")  # else two workers might
    rows = connection.execute(  # both take the last slots; without locks: a job whose worker writes now counts, too
        _OWN.add_columns(database.now.label("now")).where(_jobs.served, _jobs.state.in_(waiting))
    ).all()
    holders = {row.id: holder_of(row) if row.state == JobState.RUNNING else None for row in rows}
    left = slots - sum(row.slots for row in rows if (who := holders[row.id]) is not None and who.host == owner.host)
    held = [row for row in rows if holders[row.id] is not None]
    running: Counter[str] = Counter()
    for row in held:
        running[row.owner] += row.slots
    free = [row for row in rows if holders[row.id] is None and not row.hold and row.deleted_at is None]
    for row in _in_turn(connection, free, held, running):
        if running[row.owner] and most is not None and running[row.owner] + min(row.slots, slots) > most:
            continue  # its owner's limit, which is no reason for others to wait
        if min(row.slots, slots) > left:
            return None  # what is less urgent waits, too: else a job that needs many slots might wait for ever
        if _lock_unchanged(connection, row):
            return claim(connection, database, row.id, owner, seconds)
    return None


def _in_turn(
    connection: Connection, free: Sequence[Row[Any]], held: Sequence[Row[Any]], running: Mapping[str, int]
) -> list[Row[Any]]:
    """Return the jobs that wait in the order in which they are to be taken."""
    owners = {row.owner for row in free}
    used = dict.fromkeys(owners, 0.0)
    if len(owners) > 1:
        used = shares.read_usage(connection, owners, free[0].now)
        for row in held:
            if row.owner in owners:
                used[row.owner] += shares.used(row, row.now)
    return sorted(free, key=lambda row: (-row.priority, running[row.owner], used[row.owner], row.id))


def _lock_unchanged(connection: Connection, row: Row[Any]) -> bool:
    """Keep everybody else from a job's row; False when somebody writes it, or has taken or held the job meanwhile."""
    same = select(_jobs.id).where(_jobs.id == row.id, _jobs.token == row.token, _jobs.hold == row.hold, _THERE)
    return connection.scalar(same.with_for_update(skip_locked=True)) is not None


def settle(connection: Connection, database: Database, lease: Lease, submission: Submission) -> None:
    """Replace what a job's models and solvers turned out to be, before its first run."""
    change_own(connection, database, lease, slots=submission.slots)
    for table in (schema.job_solvers, schema.job_members):
        connection.execute(delete(table).where(table.c.job_id == lease.job_id))
    _insert_parts(connection, database, lease.job_id, submission)


def hold(connection: Connection, database: Database, job_id: int, wanted: JobState | None) -> None:
    """Note that a job is to be paused or cancelled, or neither any more.

    Raises JobOver for one that is finished, JobHeld for one that was cancelled, UnknownJob.
    """
    row = locked(connection, database, job_id)
    if row.state == JobState.FINISHED:
        raise JobOver(f"job {row.name!r} is finished ({row.outcome}): it cannot be {wanted or 'resumed'} any more")
    if row.hold == JobState.CANCELLED and wanted is not JobState.CANCELLED:
        raise JobHeld(f"job {row.name!r} was cancelled: it cannot be {wanted or 'resumed'}; hand it in again")
    change: dict[str, Any] = {"hold": "" if wanted is None else wanted.value}
    if wanted is None and row.state == JobState.FAILED:
        if row.served:
            limits.check_jobs(connection, database, row.owner)
        change["state"] = JobState.QUEUED  # what it failed by may be mended by now
    connection.execute(update(schema.jobs).where(_jobs.id == job_id).values(change))


def held(connection: Connection, job_id: int) -> JobState | None:
    """Return whether somebody wants a job paused or cancelled."""
    wanted = connection.scalar(select(_jobs.hold).where(_jobs.id == job_id))
    return JobState(wanted) if wanted else None


def earlier(connection: Connection, database: Database, owner: str, key: str, digest: str) -> int | None:
    """Return the job that was made by a request with this idempotency key; None when there was none.

    Raises RequestDiffers when that was another request.
    """
    columns = schema.requests.c
    found = connection.execute(select(schema.requests).where(columns.owner == owner, columns.key == key)).first()
    if found is None:
        return None
    if found.digest != digest:
        raise RequestDiffers(f"{database.where}: the idempotency key {key!r} came with another request before")
    return int(found.job_id)


def give_back(connection: Connection, database: Database, lease: Lease, state: JobState, **values: Any) -> None:
    """End the lease and leave the job in this state; JobBusy when the lease is over already."""
    nobody = {**owner_row(None), "owned_since": None, "owned_until": None}
    change_own(connection, database, lease, token=lease.token)  # from here on it is there, and ours
    before = _row(connection, database, lease.job_id, is_deleted=True)
    change_own(connection, database, lease, state=state, token=lease.token + 1, **nobody, **values)
    shares.charge(connection, database, before, before.now)


def change_own(connection: Connection, database: Database, lease: Lease, **values: Any) -> None:
    """Change the row of a job that we own; JobBusy when we do not any more."""
    ours = update(schema.jobs).where(_jobs.id == lease.job_id, _jobs.token == lease.token)
    if connection.execute(ours.values(**values)).rowcount != 1:
        _raise_lost(connection, database, lease)


def spend(connection: Connection, database: Database, lease: Lease, elapsed: float) -> None:
    """Raise what is spent of the job's budget to ``elapsed`` seconds; JobBusy when we do not own the job any more.

    Writing the job's row keeps every other owner out until the end of the transaction.
    """
    whose = {"its_id": lease.job_id, "its_token": lease.token, "its_elapsed": elapsed}
    if connection.execute(_SPEND, whose).rowcount != 1:
        _raise_lost(connection, database, lease)


def locked(connection: Connection, database: Database, job_id: int, is_deleted: bool = False) -> Row[Any]:
    """Return a job's row and the time as ``now``; nobody else changes it until the end of the transaction."""
    connection.execute(select(_jobs.id).where(_jobs.id == job_id).with_for_update())
    return _row(connection, database, job_id, is_deleted)


def _row(connection: Connection, database: Database, job_id: int, is_deleted: bool = False) -> Row[Any]:
    """Return a job's row and the time as ``now``; of one that was deleted only if so wanted."""
    chosen = _OWN.add_columns(database.now.label("now")).where(_jobs.id == job_id)
    row = connection.execute(chosen if is_deleted else chosen.where(_THERE)).first()
    if row is None:
        _raise_unknown(connection, database, str(job_id), _THERE)
    return row


def _raise_lost(connection: Connection, database: Database, lease: Lease) -> NoReturn:
    try:
        row = _row(connection, database, lease.job_id)
    except UnknownJob:
        raise JobBusy(f"job {lease.job_id} was deleted; nothing more is written from here") from None
    holder = holder_of(row)
    if holder is None:
        raise JobBusy(f"job {row.name!r} was given back meanwhile and is {row.state}; claim it again to go on")
    raise JobBusy(
        f"job {row.name!r} was taken over by {holder} at {_spelled(row.owned_since)}, because this process "
        "did not renew its lease in time; nothing more is written from here"
    )


def _raise_unknown(connection: Connection, database: Database, reference: str, own: ColumnElement[bool]) -> NoReturn:
    names = list(connection.scalars(select(_jobs.name).where(own).order_by(_jobs.id.desc())))
    close = difflib.get_close_matches(reference, names, n=3, cutoff=0.5)
    if close:
        advice = f"did you mean {' or '.join(close)}?"
    elif names:
        advice = f"the newest are {', '.join(names[:3])}"
    else:
        advice = "it has no jobs yet"
    raise UnknownJob(f"{database.where}: there is no job {reference!r}; {advice}")


def _spelled(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"

"""Deleting jobs: gone for everybody at once, and from the tables some rows at a time, so that others can write.

Configurations, instances' sizes and features, and environments stay: they say nothing of a job, and others share them.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    column,
    delete,
    inspect,
    select,
    table,
    update,
)
from sqlalchemy.sql.selectable import TableClause

from storage import jobs, schema
from storage.database import Database
from storage.errors import JobBusy, StoreError, UnknownJob
from storage.records import JobState
from storage.rows import holder_of, owner_row

ROWS = 1000
"""Rows that are deleted in one transaction, at most."""
TRIALS = 10
"""Trials of Optuna's, each with some hundred rows, that are deleted in one transaction."""
TRIES, AGAIN = 3, 0.1
"""How often a job is swept away where somebody else comes in between, and after how many seconds again."""
STUDY_OF = "tuner job"
"""The user attribute of a study that names the job whose mirror it is."""

_jobs = schema.jobs.c
_studies = table("studies", column("study_id"), column("study_name"))
_attributes = table("study_user_attributes", column("study_id"), column("key"), column("value_json"))
_trials = table("trials", column("trial_id"), column("study_id"))
_PARTS_OF_TRIALS = (
    "trial_params",
    "trial_values",
    "trial_user_attributes",
    "trial_system_attributes",
    "trial_intermediate_values",
    "trial_heartbeats",
)
_PARTS_OF_STUDIES = ("study_directions", "study_user_attributes", "study_system_attributes")


def mark(connection: Connection, database: Database, job_id: int, cancel: bool) -> None:
    """Make a job one that is there for nobody any more; `sweep` deletes what it has.

    Args:
        connection: of the caller's transaction.
        database: whose job it is.
        job_id: of the job.
        cancel: whether one that is being worked on is cancelled first. It goes once its worker has let go of it; its
            name is taken until then.

    Raises:
        JobBusy: it is being worked on, and is not to be cancelled.
        UnknownJob: there is none with this id.

    """
    row = jobs.locked(connection, database, job_id)
    change: dict[str, object] = {"deleted_at": row.now, "instance_set": None}
    is_running = holder_of(row) is not None
    if is_running and not cancel:
        raise JobBusy(
            f"job {row.name!r} is running: cancel it first, or do both at once (tuner delete --cancel, ?cancel=true)"
        )
    if is_running:
        change["hold"] = JobState.CANCELLED.value
    connection.execute(update(schema.jobs).where(_jobs.id == job_id).values(change))
    connection.execute(delete(schema.requests).where(schema.requests.c.job_id == job_id))
    if not is_running:
        _detach(connection, row)


def free_name(connection: Connection, database: Database, name: str) -> None:
    """Take a name from a deleted job that nobody works on any more: its worker may be gone for good."""
    job_id = connection.scalar(select(_jobs.id).where(_jobs.name == name, _jobs.deleted_at.is_not(None)))
    if job_id is not None:
        with suppress(UnknownJob):  # else it is swept away at this moment
            _is_free(connection, database, job_id)


def sweep(database: Database, seconds: float = math.inf) -> None:
    """Delete what deleted jobs have left that nobody works on, some rows in each transaction.

    Half of the time is for others who want to write. What cannot be deleted now is by the next sweep.
    """
    end = time.monotonic() + seconds
    with suppress(StoreError):
        with database.reading() as connection:
            found = connection.scalars(select(_jobs.id).where(_jobs.deleted_at.is_not(None)).order_by(_jobs.id)).all()
        for job_id in found:
            for _ in range(TRIES):
                try:
                    _sweep_one(database, job_id, end)
                    break
                except UnknownJob:  # somebody else has swept it away
                    break
                except StoreError:  # somebody else is at it, too, and the database has ended one of the two
                    time.sleep(AGAIN)


def _sweep_one(database: Database, job_id: int, end: float) -> None:
    with database.writing() as connection:
        is_free = _is_free(connection, database, job_id)
    if is_free:
        _delete(database, job_id, end)


def _is_free(connection: Connection, database: Database, job_id: int) -> bool:
    """Whether nobody works on a deleted job any more; if so, nobody can from then on."""
    row = jobs.locked(connection, database, job_id, is_deleted=True)
    if holder_of(row) is not None:
        return False
    _detach(connection, row)
    return True


def _detach(connection: Connection, row: Row[tuple[object, ...]]) -> None:
    """Take a deleted job's name and study from it, and the right to write from whoever worked on it."""
    name = _gone(row.id)
    if row.name == name:
        return
    nobody = {**owner_row(None), "owned_since": None, "owned_until": None}
    connection.execute(update(schema.jobs).where(_jobs.id == row.id).values(name=name, token=row.token + 1, **nobody))
    if not inspect(connection).has_table(_studies.name):
        return
    its = and_(_attributes.c.key == STUDY_OF, _attributes.c.value_json == json.dumps(row.name))
    for study in connection.scalars(select(_attributes.c.study_id).where(its)).all():
        connection.execute(update(_studies).where(_studies.c.study_id == study).values(study_name=f"{name}/{study}"))
    connection.execute(delete(_attributes).where(its))  # else the next job of this name would go on with it


def _gone(job_id: int) -> str:
    """Return the name of a job that was deleted, which no other one can have: it has a slash."""
    return f"deleted/{job_id}"


def _delete(database: Database, job_id: int, end: float) -> None:
    for rows, which in _tables(job_id):
        while (began := time.monotonic()) < end and _delete_some(database, rows, which):
            time.sleep(time.monotonic() - began)
    while (began := time.monotonic()) < end and _delete_trials(database, _gone(job_id)):
        time.sleep(time.monotonic() - began)
    if time.monotonic() < end:
        with database.writing() as connection:
            connection.execute(delete(schema.jobs).where(_jobs.id == job_id))


def _tables(job_id: int) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Yield the tables that have rows of a job, and which rows; those that others refer to come later."""
    answers = select(schema.answers.c.id).where(schema.answers.c.job_id == job_id)
    yield schema.brackets, schema.brackets.c.job_id == job_id
    for parts in (schema.answer_choices, schema.answer_reactions, schema.answer_violations):
        yield parts, parts.c.answer_id.in_(answers)
    for rows in (
        *(schema.answers, schema.reaction_names, schema.runs, schema.incumbents, schema.events),
        *(schema.comparisons, schema.requests, schema.job_members, schema.job_solvers, schema.job_fixed),
    ):
        yield rows, rows.c.job_id == job_id


def _delete_some(database: Database, rows: Table, which: ColumnElement[bool]) -> bool:
    """Delete some of these rows of a table; return whether there may be more."""
    key = list(rows.primary_key.columns)
    with database.writing() as connection:
        found = connection.execute(select(*key).where(which).limit(ROWS)).all()
        if found:
            these = and_(*(part == bindparam(f"its_{part.name}") for part in key))
            named = [{f"its_{part.name}": value for part, value in zip(key, row, strict=True)} for row in found]
            connection.execute(delete(rows).where(these), named)
    return len(found) == ROWS


def _delete_trials(database: Database, name: str) -> bool:
    """Delete some trials of the studies of a deleted job, or the studies once they have none; whether there is more."""
    with database.writing() as connection:
        if not inspect(connection).has_table(_studies.name):
            return False
        own = _studies.c.study_name.startswith(f"{name}/", autoescape=True)
        studies = connection.scalars(select(_studies.c.study_id).where(own)).all()
        if not studies:
            return False
        trials = connection.scalars(
            select(_trials.c.trial_id).where(_trials.c.study_id.in_(studies)).limit(TRIALS)
        ).all()
        for part in _PARTS_OF_TRIALS if trials else _PARTS_OF_STUDIES:
            _delete_by(connection, part, "trial_id" if trials else "study_id", trials or studies)
        if trials:
            connection.execute(delete(_trials).where(_trials.c.trial_id.in_(trials)))
            return True
        connection.execute(delete(_studies).where(_studies.c.study_id.in_(studies)))
        return False


def _delete_by(connection: Connection, name: str, key: str, values: object) -> None:
    part: TableClause = table(name, column(key))
    connection.execute(delete(part).where(part.c[key].in_(values)))  # type: ignore[arg-type]

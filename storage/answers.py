"""Answers of a bilevel problem's follower in the database. All inside the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select

from storage import schema
from storage.records import Answer, Bracket, Environment, StoredAnswer

_answers = schema.answers.c


def insert_answer(
    connection: Connection, job_id: int, answer: Answer, elapsed: float, environment: int, stored_at: datetime
) -> int:
    """Keep an answer and return its id."""
    row = {
        "job_id": job_id,
        "ties": answer.ties,
        "status": answer.status,
        "value": answer.value,
        "optimistic": answer.optimistic,
        "pessimistic": answer.pessimistic,
        "reason": answer.reason,
        "cpu": answer.cpu,
        "wall": answer.wall,
        "solver_wall": answer.solver_wall,
        "elapsed": elapsed,
        "stored_at": stored_at,
        "environment": environment,
    }
    number = int(connection.execute(insert(schema.answers).returning(_answers.id), row).scalar_one())
    choices = [{"position": place, "name": name, "value": value} for place, (name, value) in enumerate(answer.x)]
    reactions = [
        {"role": role, "position": place, "value": value}
        for role, values in answer.reactions
        for place, value in enumerate(values)
    ]
    violations = [{"name": name, "amount": amount} for name, amount in answer.violations]
    for table, rows in (
        (schema.answer_choices, choices),
        (schema.answer_reactions, reactions),
        (schema.answer_violations, violations),
    ):
        if rows:
            connection.execute(insert(table), [{"answer_id": number, **row} for row in rows])
    return number


def read_answers(connection: Connection, job_id: int, since: int, limit: int) -> list[Row[Any]]:
    """Return the rows of a job's answers with a greater id, in the order they were stored."""
    chosen = select(schema.answers).where(_answers.job_id == job_id, _answers.id > since)
    return list(connection.execute(chosen.order_by(_answers.id).limit(limit)))


def stored_answers(
    connection: Connection, rows: Sequence[Row[Any]], environments: dict[int, Environment]
) -> list[StoredAnswer]:
    """Return the answers of these rows, in their order."""
    numbers = [row.id for row in rows]
    choices = _parts(connection, schema.answer_choices, numbers, "position")
    reactions = _parts(connection, schema.answer_reactions, numbers, "role", "position")
    violations = _parts(connection, schema.answer_violations, numbers, "name")
    found = []
    for row in rows:
        by_role: dict[str, list[float]] = defaultdict(list)
        for reaction in reactions[row.id]:
            by_role[reaction.role].append(reaction.value)
        answer = Answer(
            x=tuple((choice.name, choice.value) for choice in choices[row.id]),
            ties=row.ties,
            status=row.status,
            value=row.value,
            optimistic=row.optimistic,
            pessimistic=row.pessimistic,
            reactions=tuple((role, tuple(values)) for role, values in by_role.items()),
            violations=tuple((violation.name, violation.amount) for violation in violations[row.id]),
            reason=row.reason,
            cpu=row.cpu,
            wall=row.wall,
            solver_wall=row.solver_wall,
        )
        found.append(StoredAnswer(row.id, answer, row.elapsed, environments[row.environment], row.stored_at))
    return found


def _parts(connection: Connection, table: Table, numbers: Sequence[int], *order: str) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    chosen = select(table).where(table.c.answer_id.in_(numbers)).order_by(*(table.c[name] for name in order))
    for row in connection.execute(chosen):
        found[row.answer_id].append(row)
    return found


def count_answers(connection: Connection, job_id: int) -> dict[str, int]:
    """Return how many answers of a job have which status."""
    counted = select(_answers.status, func.count()).where(_answers.job_id == job_id).group_by(_answers.status)
    return {str(status): int(count) for status, count in connection.execute(counted)}


def replace_names(connection: Connection, job_id: int, names: Sequence[str]) -> None:
    """Make these the names of the follower's variables."""
    connection.execute(delete(schema.reaction_names).where(schema.reaction_names.c.job_id == job_id))
    rows = [{"job_id": job_id, "position": place, "name": name} for place, name in enumerate(names)]
    if rows:
        connection.execute(insert(schema.reaction_names), rows)


def read_names(connection: Connection, job_id: int) -> list[str]:
    """Return the names of the follower's variables in their order."""
    columns = schema.reaction_names.c
    chosen = select(columns.name).where(columns.job_id == job_id).order_by(columns.position)
    return list(connection.scalars(chosen))


def replace_bracket(connection: Connection, job_id: int, bracket: Bracket) -> None:
    """Make this the job's bracket."""
    connection.execute(delete(schema.brackets).where(schema.brackets.c.job_id == job_id))
    row = {
        "job_id": job_id,
        "objective": bracket.objective,
        "bound": bracket.bound,
        "bound_kind": bracket.bound_kind,
        "best": bracket.best,
    }
    connection.execute(insert(schema.brackets), row)


def read_bracket(connection: Connection, job_id: int) -> Bracket | None:
    """Return a job's bracket; None while it has none."""
    row = connection.execute(select(schema.brackets).where(schema.brackets.c.job_id == job_id)).first()
    return None if row is None else Bracket(row.objective, row.bound, row.bound_kind, row.best)

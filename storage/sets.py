"""Models that were uploaded, and sets of them. All inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from instances.formats import parts_of
from storage import schema
from storage.database import Database
from storage.errors import StoreRefused, UnknownSet
from storage.files import take_away
from storage.records import InstanceSet, ModelContent

UNUSED = timedelta(days=7)
"""Models that are in no set for so long are not kept."""
AT_ONCE = 10_000
"""Of them that are deleted at a time."""
NAMED = 3
"""Jobs and sets that a message names."""

_sets, _members = schema.instance_sets.c, schema.instance_set_members.c
_models, _owners = schema.models.c, schema.model_owners.c
_SIZE = select(func.count()).where(_members.set_id == _sets.id).scalar_subquery().label("size")


def insert_models(connection: Connection, database: Database, owner: str, models: Iterable[ModelContent]) -> None:
    """Keep what models are, and that the owner has them.

    The format counts for this owner, also where the file is there with another one; that, and the time, of its latest
    upload do.
    """
    ordered = list({model.sha256: model for model in models}.values())
    if not ordered:
        return
    rows = [{"sha256": model.sha256, "suffix": model.suffix, "size": model.size} for model in ordered]
    connection.execute(database.insert_missing(schema.models).inline(), rows)
    now = datetime.now(UTC)
    whose = [{"sha256": model.sha256, "owner": owner, "uploaded_at": now} for model in ordered]
    connection.execute(database.insert_missing(schema.model_owners).inline(), whose)
    for spelling in sorted({parts_of(model.suffix).format for model in ordered}):
        own = [model.sha256 for model in ordered if parts_of(model.suffix).format == spelling]
        these = update(schema.model_owners).where(_owners.owner == owner, _owners.sha256.in_(own))
        connection.execute(these.values(format=spelling, uploaded_at=now))


def _content(row: Row[Any]) -> ModelContent:
    """Return a model as its owner said what it is, packed as it is kept."""
    kept = parts_of(row.suffix)
    return ModelContent(row.sha256, (row.format or kept.format) + kept.packing, row.size)


def owned(connection: Connection, owner: str, sha256s: Iterable[str]) -> dict[str, ModelContent]:
    """Return those of some models that an owner has uploaded, by SHA-256."""
    chosen = (
        select(schema.models, _owners.format)
        .join(schema.model_owners, _owners.sha256 == _models.sha256)
        .where(_owners.owner == owner, _models.sha256.in_(list(sha256s)))
    )
    return {row.sha256: _content(row) for row in connection.execute(chosen)}


def insert_set(
    connection: Connection, database: Database, owner: str, name: str, members: Sequence[tuple[str, str]]
) -> InstanceSet:
    """Make a set of models that the owner has uploaded, given by name and SHA-256.

    The same set is made once: where the owner has one of this name with just these models, that is it.

    Raises StoreRefused when a model was not uploaded, or a name comes twice.
    """
    known = owned(connection, owner, (sha256 for _, sha256 in members))
    for each, sha256 in members:
        if sha256 not in known:
            raise StoreRefused(f"{database.where}: model {each!r} ({sha256}) was not uploaded")
    same = select(_sets.id).where(_sets.owner == owner, _sets.name == name).order_by(_sets.id.desc())
    for candidate in connection.scalars(same).all():
        columns = select(_members.name, _members.sha256).where(_members.set_id == candidate)
        if {(each, sha256) for each, sha256 in connection.execute(columns)} == set(members):
            return read_set(connection, database, int(candidate))
    row = {"owner": owner, "name": name, "created_at": datetime.now(UTC)}
    number = connection.execute(insert(schema.instance_sets).values(row).returning(_sets.id)).scalar_one()
    if members:
        rows = [
            {"set_id": number, "position": position, "sha256": sha256, "name": each}
            for position, (each, sha256) in enumerate(members)
        ]
        connection.execute(insert(schema.instance_set_members), rows)
    return read_set(connection, database, int(number))


def read_sets(connection: Connection, owner: str | None) -> list[InstanceSet]:
    """Return an owner's sets, or everybody's, the newest first, without their members."""
    chosen = select(schema.instance_sets, _SIZE).order_by(_sets.id.desc())
    if owner is not None:
        chosen = chosen.where(_sets.owner == owner)
    return [InstanceSet(row.id, row.owner, row.name, row.created_at, row.size) for row in connection.execute(chosen)]


def read_set(connection: Connection, database: Database, number: int) -> InstanceSet:
    """Return a set with its members; UnknownSet when there is none with this id."""
    row = connection.execute(select(schema.instance_sets).where(_sets.id == number)).first()
    if row is None:
        raise UnknownSet(f"{database.where}: there is no instance set {number}")
    members = tuple(_read_members(connection, number))
    return InstanceSet(row.id, row.owner, row.name, row.created_at, len(members), members)


def _read_members(connection: Connection, number: int) -> Iterator[tuple[str, ModelContent]]:
    chosen = (
        select(_members.name, schema.models, _owners.format)
        .join(schema.models, _models.sha256 == _members.sha256)
        .join(schema.instance_sets, _sets.id == _members.set_id)
        .outerjoin(schema.model_owners, (_owners.sha256 == _members.sha256) & (_owners.owner == _sets.owner))
        .where(_members.set_id == number)
        .order_by(_members.position)
    )
    for row in connection.execute(chosen):
        yield row.name, _content(row)


def delete_set(connection: Connection, database: Database, number: int) -> None:
    """Delete a set, and the models of its owner that are in none of the owner's others.

    A model that others have uploaded, too, stays theirs.

    Raises StoreRefused when a job needs it, UnknownSet when it is not there.
    """
    jobs = schema.jobs.c
    users = connection.scalars(select(jobs.name).where(jobs.instance_set == number).order_by(jobs.id)).all()
    if users:
        named = ", ".join(users[:NAMED]) + (f" and {len(users) - NAMED} more" if len(users) > NAMED else "")
        raise StoreRefused(
            f"{database.where}: instance set {number} is used by the jobs {named}; delete them first (tuner delete)"
        )
    owner = connection.scalar(select(_sets.owner).where(_sets.id == number))
    members = set(connection.scalars(select(_members.sha256).where(_members.set_id == number)))
    connection.execute(delete(schema.instance_set_members).where(_members.set_id == number))
    if connection.execute(delete(schema.instance_sets).where(_sets.id == number)).rowcount != 1:
        raise UnknownSet(f"{database.where}: there is no instance set {number}")
    assert owner is not None  # the set was there
    _let_go(connection, owner, members)


def delete_model(connection: Connection, database: Database, owner: str, sha256: str) -> None:
    """Take a model from its owner that is in none of his sets; it goes when it is nobody's then.

    Raises StoreRefused when it is in a set, or is none of his.
    """
    if sha256 not in owned(connection, owner, [sha256]):
        raise StoreRefused(f"{database.where}: {owner} has uploaded no model {sha256}")
    in_sets = select(_sets.id).join(schema.instance_set_members, _members.set_id == _sets.id)
    users = connection.scalars(
        in_sets.where(_sets.owner == owner, _members.sha256 == sha256).order_by(_sets.id).distinct()
    ).all()
    if users:
        named = ", ".join(map(str, users[:NAMED]))
        raise StoreRefused(f"{database.where}: model {sha256} is in the instance sets {named}; delete them first")
    _let_go(connection, owner, {sha256})


def delete_unused(connection: Connection, owner: str) -> None:
    """Delete the models that an owner uploaded and has made no set of in `UNUSED`."""
    used = (
        select(_members.sha256)
        .join(schema.instance_sets, _sets.id == _members.set_id)
        .where(_sets.owner == owner, _members.sha256 == _owners.sha256)
    )
    before = datetime.now(UTC) - UNUSED
    old = select(_owners.sha256).where(_owners.owner == owner, _owners.uploaded_at < before, ~used.exists())
    _let_go(connection, owner, connection.scalars(old.limit(AT_ONCE)))


def _let_go(connection: Connection, owner: str, sha256s: Iterable[Any]) -> None:
    """Take those of some models from their owner that are in none of his sets; delete those that are nobody's then."""
    concerned = set(sha256s)
    in_sets = select(_members.sha256).join(schema.instance_sets, _sets.id == _members.set_id).distinct()
    kept = connection.scalars(in_sets.where(_sets.owner == owner, _members.sha256.in_(concerned)))
    own = sorted(concerned - set(kept))
    if not own:
        return
    connection.execute(delete(schema.model_owners).where(_owners.owner == owner, _owners.sha256.in_(own)))
    others = connection.scalars(select(_owners.sha256).where(_owners.sha256.in_(own)))
    gone = sorted(set(own) - set(others) - set(connection.scalars(in_sets.where(_members.sha256.in_(own)))))
    if gone:
        take_away(connection, gone)
        connection.execute(delete(schema.models).where(_models.sha256.in_(gone)))

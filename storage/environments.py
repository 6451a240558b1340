"""Environments in the database: each one once, whatever was executed there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import Connection, select

from storage import schema
from storage.database import Database
from storage.records import Environment


class Environments:
    """Keeps and reads environments, and remembers the numbers of those that certainly are in the database."""

    def __init__(self, database: Database) -> None:
        self._insertion = database.insert_missing(schema.environments).inline()
        self._known: dict[int, Environment] = {}
        self._numbers: dict[Environment, int] = {}

    def keep(self, connection: Connection, environment: Environment) -> int:
        """Return the environment's number; it is inserted first when it is new.

        Once the transaction is committed, hand both to `remember`.
        """
        number = self._numbers.get(environment)
        if number is not None:
            return number
        fields = asdict(environment)
        connection.execute(self._insertion, fields)
        columns = schema.environments.c
        chosen = select(columns.id).where(*(columns[name] == value for name, value in fields.items()))
        return int(connection.scalars(chosen).one())

    def remember(self, environment: Environment, number: int) -> None:
        """Take note that this environment is in the database."""
        self._numbers[environment] = number
        self._known[number] = environment

    def read(self, connection: Connection, numbers: Iterable[int]) -> dict[int, Environment]:
        """Return the environments with these numbers, which are in the database, by number."""
        wanted = set(numbers)
        unknown = sorted(wanted - self._known.keys())
        if unknown:
            table = schema.environments
            for row in connection.execute(select(table).where(table.c.id.in_(unknown))):
                self._known[row.id] = Environment(row.host, row.processor, row.cores, row.software)
        return {number: self._known[number] for number in wanted}

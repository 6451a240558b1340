"""Configurations in the database: each one once, whatever job, run or incumbent it belongs to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select

from storage import schema
from storage.database import Database
from storage.records import Configuration
from storage.rows import configuration_of, parameter_rows

KNOWN = 5000
"""How many are remembered: one takes some KiB, and a store may have any number."""


class Configurations:
    """Keeps and reads configurations, and remembers the latest of those that certainly are in the database."""

    def __init__(self, database: Database) -> None:
        self._insertion = database.insert_missing(schema.configurations).inline()
        self._known: OrderedDict[str, Configuration] = OrderedDict()

    def keep(self, connection: Connection, configurations: Iterable[Configuration]) -> dict[str, Configuration]:
        """Insert those that are not known to be there.

        Returns:
            The inserted ones by key: hand them to `remember` once the transaction is committed.

        """
        by_key = {configuration.key: configuration for configuration in configurations}
        fresh = {key: configuration for key, configuration in sorted(by_key.items()) if key not in self._known}
        for key, configuration in fresh.items():  # sorted: two writers never wait crosswise
            inserted = connection.execute(self._insertion, {"key": key, "solver": configuration.solver})
            if inserted.rowcount == 1 and configuration.parameters:
                connection.execute(insert(schema.configuration_parameters), parameter_rows(configuration))
        return fresh

    def remember(self, configurations: dict[str, Configuration]) -> None:
        """Take note that these are in the database."""
        for key, configuration in configurations.items():
            self._known[key] = configuration
            self._known.move_to_end(key)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)

    def read(self, connection: Connection, keys: Iterable[str]) -> dict[str, Configuration]:
        """Return the configurations with these keys, which are in the database, by key."""
        wanted = set(keys)
        found = {key: self._known[key] for key in wanted if key in self._known}
        unknown = sorted(wanted - found.keys())
        if unknown:
            table = schema.configuration_parameters
            parameters: dict[str, list[Any]] = {}
            for row in connection.execute(select(table).where(table.c.configuration.in_(unknown))):
                parameters.setdefault(row.configuration, []).append(row)
            columns = schema.configurations.c
            solvers = connection.execute(select(columns.key, columns.solver).where(columns.key.in_(unknown)))
            found.update((key, configuration_of(solver, parameters.get(key, ()))) for key, solver in solvers)
        self.remember(found)
        return found

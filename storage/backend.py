"""What every part of the store works on: one database, and what is remembered of its rows."""

from __future__ import annotations

from storage.configurations import Configurations
from storage.database import Database
from storage.environments import Environments


class Backend:
    """The database of a store. Each part of `storage.store.Store` adds methods to it, and needs no other part."""

    def __init__(self, database: Database) -> None:
        """Take the database, whose tables are there."""
        self._database = database
        self._configurations = Configurations(database)
        self._environments = Environments(database)

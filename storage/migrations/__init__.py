"""The schema's history: opening a store creates it or brings it up to date, in one transaction.

To change the schema, change `storage.schema`, raise its VERSION, and write the next revision into ``versions/`` by
hand: a released revision never changes. Tests hold the migrated schema against the tables, and upgrade the databases
of all earlier revisions that are kept in ``tests/data``.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from storage.database import BUSY_SECONDS, Database
from storage.errors import StoreUnusable
from storage.schema import OPTUNA_TABLES, VERSION, VERSION_TABLE

_LOCK = 0x74756E6572
"""The advisory lock of PostgreSQL under which a store is upgraded: "tuner"."""


def bring_up_to_date(database: Database) -> None:
    """Create the tables in an empty database, or upgrade them to this version's.

    Raises:
        StoreUnusable: the database belongs to another program or to a newer version; it was not touched.
        StoreUnavailable: it cannot be reached or written.

    """
    with database.reading() as connection:
        if _version(connection, database.where) == VERSION:
            return
    if database.is_sqlite:
        _use_write_ahead_log(database)
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        _upgrade(connection)  # which does nothing when another process was faster


def is_there(database: Database) -> bool:
    """Whether the database has our tables; where it has none yet, whether they could be made is looked into.

    Nothing is made or changed. Raises as `bring_up_to_date`.
    """
    if not database.has_file():
        return False
    with database.reading() as connection:
        found = _version(connection, database.where) is not None
    if found:
        with database.writing() as connection:  # no row: but where nothing may be written, that is refused
            connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = version_num WHERE 1 = 0"))
    return found


def _version(connection: Connection, where: str) -> str | None:
    """Return the revision of our tables; None when there are none and they may be created."""
    inspector = inspect(connection)
    tables = set(inspector.get_table_names())  # by one query: between two, another process may create all of ours
    if VERSION_TABLE in tables:
        version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
        if version is None or not version.isdigit() or version > VERSION:
            raise StoreUnusable(
                f"{where}: was written by a newer tuner (schema {version}, this one knows up to {VERSION}); "
                "upgrade tuner, or name another store"
            )
        return str(version)
    foreign = (tables or set(inspector.get_view_names())) - OPTUNA_TABLES
    if foreign:
        names = ", ".join(sorted(foreign)[:5])
        raise StoreUnusable(f"{where}: is the database of another program, with the tables {names}; name another store")
    return None


def _use_write_ahead_log(database: Database) -> None:
    """Switch a file of SQLite to WAL, for good: readers and the one writer no longer wait for each other."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        with database.outside_transactions() as connection:
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchall()
            except sqlite3.OperationalError as error:  # this switch does not wait for others by itself
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
            else:
                return
        time.sleep(0.01)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # here, because it takes longer to import than an up-to-date store to open
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

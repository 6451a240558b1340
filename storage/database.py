"""The database behind the store: its URL, its transactions, and the one place where its errors become ours."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import unquote

import psycopg
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    exc,
    func,
    literal,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.errors import StoreError, StoreFull, StoreRefused, StoreUnavailable, StoreUnusable
from storage.schema import Moment

BUSY_SECONDS = 15
"""How long a writer of SQLite waits for another one."""

_LOCKS = 0x74756E6572
"""What our advisory locks of PostgreSQL are told apart by from those of other programs: "tuner"."""

_SECRETS = ("password", "sslpassword")
"""What the query of a URL of PostgreSQL may have that nobody else may read."""

EXAMPLES = "a store is named by a URL such as sqlite:///tuner.db or postgresql://user@host/database"


class Database:
    """An engine with transactions whose errors say what, where and what to do.

    Args:
        url: of SQLite or PostgreSQL, with or without a driver.

    Raises:
        StoreUnusable: the URL names no database that can be a store.

    """

    def __init__(self, url: str) -> None:
        self.url = _parsed(url)
        self.where = _printed(self.url)
        try:
            self._engine = _engine(self.url)
        except (exc.ArgumentError, ImportError, TypeError, ValueError) as error:
            raise StoreUnusable(f"{self.where}: cannot be used as a store: {error}; {EXAMPLES}") from None
        self._writers = self._engine.execution_options(begin="BEGIN IMMEDIATE")

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file of SQLite, else a server of PostgreSQL."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def now(self) -> ColumnElement[datetime]:
        """The time by the one clock that all users of this database share, as an SQL expression."""
        if self.is_sqlite:
            return literal(datetime.now(UTC), Moment)
        return func.timezone("utc", func.clock_timestamp(), type_=Moment)

    def insert_missing(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT that leaves alone the rows that are there already, and whose rowcount tells if it did."""
        insertion = sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)
        return insertion.on_conflict_do_nothing().execution_options(preserve_rowcount=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with self._errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes: all of it is kept at the end, or nothing.

        SQLite is locked at once, so that what was read before a write still holds then.
        """
        with self._errors(), self._writers.begin() as connection:
            yield connection

    def one_at_a_time(self, connection: Connection, what: str) -> None:
        """Wait until no other transaction that writes is at this; the next one waits until the end of ours."""
        if not self.is_sqlite:  # there, every transaction that writes is alone
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, _LOCKS))))

    @contextmanager
    def outside_transactions(self) -> Iterator[sqlite3.Connection]:
        """Lend the driver's own connection to SQLite, for what cannot be done in a transaction."""
        with self._errors():
            connection = self._engine.raw_connection()
            try:
                yield connection.driver_connection  # type: ignore[misc]
            except sqlite3.Error as error:
                raise _translated(error, self.where, self.url) from error
            finally:
                connection.close()

    def has_file(self) -> bool:
        """Whether the file of SQLite is there, and true of a server; StoreUnavailable when it could not be made."""
        path = self._path
        if not self.is_sqlite or os.path.exists(path):  # noqa: PTH110  pathlib's raises where a folder is not ours
            return True
        try:
            with TemporaryFile(dir=path.parent):
                return False
        except OSError:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN  # what SQLite would say
            raise _translated_sqlite(error, self.where, path) from None

    def room(self) -> float:
        """Return the bytes that can still be kept in a file of SQLite; infinity where nobody here can tell."""
        if not self.is_sqlite:
            return math.inf
        with self.reading() as connection:
            free, page = (
                connection.exec_driver_sql(f"PRAGMA {of}").scalar_one() for of in ("freelist_count", "page_size")
            )
        return float(free * page + shutil.disk_usage(self._path.parent).free)

    @property
    def _path(self) -> Path:
        name = self.url.database or ""
        return Path(unquote(name.removeprefix("file:")) if self.url.query.get("uri") else name)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise _translated(error.orig, self.where, self.url) from error
        except exc.SQLAlchemyError as error:
            raise StoreUnavailable(f"{self.where}: {error}") from error
        except UnicodeError as error:
            raise StoreRefused(f"{self.where}: text that no database keeps: {error}", is_drivers=True) from error


def has_password(url: str) -> bool:
    """Whether there is a password in the URL; False for text that is no URL."""
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        return False
    return parsed.password is not None or any(name in parsed.query for name in _SECRETS)


def printable(url: str) -> str:
    """Return the URL as it was written, but for what nobody else may read."""
    return _printed(make_url(url)) if has_password(url) else url


def _printed(url: URL) -> str:
    return url.difference_update_query(_SECRETS).render_as_string(hide_password=True)


def _parsed(text: str) -> URL:
    if "://" not in text:
        path = Path(text.removeprefix("sqlite:")).as_posix()
        raise StoreUnusable(f"{text!r} is no URL: write sqlite:///{path} for a file; {EXAMPLES}")
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError) as error:
        raise StoreUnusable(f"not a URL that can be understood: {error}; {EXAMPLES}") from None
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StoreUnusable(f"{backend}: stores are kept in SQLite or PostgreSQL; {EXAMPLES}")
    if url.host:
        path = "/".join(part for part in (url.host, url.database) if part)
        raise StoreUnusable(f"{text}: has too few slashes, write sqlite:///{path}; {EXAMPLES}")
    if url.database in (None, "", ":memory:"):
        raise StoreUnusable(f"{text}: keeps nothing, because it names no file; {EXAMPLES}")
    return url.set(drivername="sqlite")


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late: before the first write, not read
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: a killed process loses nothing
        # Else what is deleted is written over, in the log first: from a full disk nothing could be deleted.
        connection.execute("PRAGMA secure_delete = FAST")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _translated(error: BaseException | None, where: str, url: URL) -> StoreError:
    """Turn a driver's error into ours, which is named by what can be done about it."""
    if isinstance(error, sqlite3.Error):
        return _translated_sqlite(error, where, Path(url.database or ""))
    state = getattr(error, "sqlstate", None) or ""
    words = " ".join(str(error).split())
    if not state and isinstance(error, psycopg.DataError):
        return StoreRefused(
            f"{where}: cannot hold that: {words}", is_drivers=True
        )  # the driver says so itself, as of a NUL
    if state.startswith(("22", "23")):
        return StoreRefused(f"{where}: contradicts what is kept: {words}", is_drivers=True)
    if state in ("42P01", "42703"):
        return StoreUnusable(
            f"{where}: tables of the store are missing or changed: {words}; restore it or name another"
        )
    if state == "53100":
        return StoreFull(f"{where}: the server's disk is full: {words}; free space on it, then go on")
    if state.startswith("53"):
        return StoreUnavailable(f"{where}: the server has no room: {words}; free some, then go on")
    if state.startswith("40"):
        return StoreUnavailable(f"{where}: somebody else wrote the same at the same time: {words}; try again")
    if state == "42501" or state.startswith("25"):
        return StoreUnavailable(f"{where}: cannot be written: {words}; grant the right to, or name another store")
    return StoreUnavailable(f"{where}: cannot be reached: {words}; see that the server runs and the URL is right")


def _translated_sqlite(error: sqlite3.Error, where: str, path: Path) -> StoreError:
    detailed = getattr(error, "sqlite_errorcode", 0)
    code = detailed & 0xFF
    folder = path.parent
    if path.is_dir():
        return StoreUnusable(f"{where}: is a folder; name a file in it, such as sqlite:///{path / 'tuner.db'}")
    if code == sqlite3.SQLITE_NOTADB:
        return StoreUnusable(f"{where}: is a file of another kind, not a database; name another file")
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreUnusable(f"{where}: is damaged ({error}); restore it from a copy or name another file")
    if code in (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG) or isinstance(
        error, (sqlite3.InterfaceError, sqlite3.ProgrammingError)
    ):
        return StoreRefused(f"{where}: contradicts what is kept: {error}", is_drivers=True)
    if code == sqlite3.SQLITE_ERROR:
        return StoreUnusable(
            f"{where}: tables of the store are missing or changed: {error}; restore it or name another"
        )
    if code == sqlite3.SQLITE_CANTOPEN and not folder.is_dir():
        return StoreUnavailable(
            f"{where}: cannot be opened, there is no folder {folder}; create it or name another file"
        )
    if code == sqlite3.SQLITE_FULL or detailed == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StoreFull(f"{where}: {error}; free space on its disk, then go on")
    advice = {
        sqlite3.SQLITE_BUSY: "another process is writing, and did not end in time; wait for it or end it, then go on",
        sqlite3.SQLITE_LOCKED: "another process is writing; wait for it or end it, then go on",
        sqlite3.SQLITE_IOERR: "see that its disk works and has space, then go on",
        sqlite3.SQLITE_READONLY: "make the file and its folder writable, or name another file",
        sqlite3.SQLITE_CANTOPEN: f"make it and its folder {folder} readable and writable, or name another file",
    }.get(code, "mend that, then go on")
    return StoreUnavailable(f"{where}: {error}; {advice}")

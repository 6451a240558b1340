"""Fixtures that several test modules share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser
from psycopg.sql import SQL, Identifier

from instances.families import FAMILIES, generate
from storage.store import Store
from tests.browsing import CHROMIUM, launched
from tests.postgresql import NotInstalled, private_server
from tests.service import CAPS, served
from tuner.service.server import application

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for processes that tests start
_numbers = count(1)
VERSIONS = ("tuner_version", "alembic_version", "version_info")
"""Tables of a store that say which schema it has."""


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a private server of PostgreSQL; skips where none is installed."""
    server = private_server()
    try:
        url = server.__enter__()
    except NotInstalled as reason:
        pytest.skip(f"PostgreSQL is not tested: {reason}")
    try:
        yield url
    finally:
        server.__exit__(None, None, None)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The URL of an empty schema in the private server: as good as an empty database, and made at once."""
    return _new_schema(postgresql_server)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file of SQLite that does not exist yet."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once in each of the two kinds."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def _sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "empty.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def _postgresql_store(postgresql_server: str) -> str:
    url = _new_schema(postgresql_server)
    Store.open(url).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store with nothing in it, once in each of the two kinds; it was created before, which takes time."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copyfile(request.getfixturevalue("_sqlite_store"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("_postgresql_store")
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")  # rows may be deleted in any order
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"):
            if table not in VERSIONS:
                connection.execute(SQL("DELETE FROM {}").format(Identifier(table)))
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open store with nothing in it, once of each kind."""
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def client(store: Store) -> Iterator[httpx.Client]:
    """A client without a token, of a server that needs none."""
    with served(application(store, caps=CAPS)) as found:
        yield found


@pytest.fixture
def open_client(store: Store) -> Iterator[httpx.Client]:
    """A client of a server that everybody reaches."""
    with served(application(store, needs_token=True, caps=CAPS)) as found:
        yield found


def _new_schema(server: str) -> str:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server}&options=-csearch_path%3D{name}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped, also when pytest is quiet."""
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()) if report.longrepr}
    for reason in sorted(reasons):
        terminalreporter.write_line(str(reason))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six small models, for jobs; nobody changes it."""
    folder = tmp_path_factory.mktemp("models") / "assignments"
    generate(FAMILIES["generalised-assignment"], 6, folder, seed=3, size=0.4)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser; skips where none is installed."""
    if CHROMIUM is None:
        pytest.skip("no browser is installed: Debian's is the package chromium")
    with launched() as found:
        yield found

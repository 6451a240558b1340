"""Opening a store: what is created, upgraded or refused, and how it lives beside Optuna in one database."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from optuna.storages._rdb.models import BaseModel
from optuna_dashboard import wsgi
from sqlalchemy import Engine, Inspector, create_engine, inspect, text

import storage.migrations
from storage import schema
from storage.errors import StoreUnavailable, StoreUnusable
from storage.lease import this_process
from storage.limits import MEMBER_BYTES, SET_BYTES
from storage.records import Bracket, JobKind, JobState, OwnerLimits, Scope
from storage.store import Store
from tests.store_samples import (
    ANSWER,
    COMPARISON,
    EVENT,
    HERE,
    INCUMBENT,
    LONG,
    NODE7,
    RESPONSE,
    SUBMISSION,
    TUNED,
    UNNAMED,
    holdout_run,
    run,
)

DATA = Path(__file__).parent / "data"


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    """Reach the database under a store without the store."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


# URLs


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("tuner.db", "no URL: write sqlite:///tuner.db for a file"),
        ("/data/tuner.db", "write sqlite:////data/tuner.db"),
        ("sqlite:tuner.db", "write sqlite:///tuner.db"),
        ("sqlite://tuner.db", "too few slashes, write sqlite:///tuner.db"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://me@host/db", "mysql: stores are kept in SQLite or PostgreSQL"),
        ("postgresql://host:port/db", "not a URL that can be understood"),
        ("", "no URL"),
    ],
)
def test_a_url_that_names_no_store_is_refused_with_one_that_would(url: str, words: str) -> None:
    with pytest.raises(StoreUnusable) as refused:
        Store.open(url)
    assert words in str(refused.value)
    assert "sqlite:///tuner.db or postgresql://user@host/database" in str(refused.value)


def test_a_server_that_cannot_be_reached_is_unavailable_and_the_password_stays_secret(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached") as unavailable:
        Store.open(f"postgresql://me:secret@/db?host={tmp_path}")
    assert "me:***@" in str(unavailable.value)
    assert "secret" not in str(unavailable.value)


def test_a_database_that_does_not_exist_is_unavailable(postgresql_server: str) -> None:
    with pytest.raises(StoreUnavailable, match='database "nowhere" does not exist'):
        Store.open(postgresql_server.replace("/postgres?", "/nowhere?"))


# Databases that are not ours


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Rows of text, and many of them.\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match=r"notes\.txt: is a file of another kind, not a database"):
        Store.open(f"sqlite:///{path}")
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_is_refused_with_a_file_in_it(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match=rf"is a folder; name a file in it, such as sqlite:///{tmp_path}/tuner.db"):
        Store.open(f"sqlite:///{tmp_path}")


def test_the_database_of_another_program_is_refused_and_left_alone(database_url: str) -> None:
    with engine_of(database_url) as engine, engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (name TEXT)"))
    with pytest.raises(StoreUnusable, match="of another program, with the tables customers; name another store"):
        Store.open(database_url)
    with engine_of(database_url) as engine:
        assert inspect(engine).get_table_names() == ["customers"]
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                assert connection.scalar(text("PRAGMA journal_mode")) == "delete"


@pytest.mark.parametrize("version", ["9999", "4a5b6c"])
def test_a_store_of_a_newer_version_is_refused_and_left_alone(database_url: str, version: str) -> None:
    Store.open(database_url).close()
    with engine_of(database_url) as engine, engine.begin() as connection:
        connection.execute(text("UPDATE tuner_version SET version_num = :version"), {"version": version})
    with pytest.raises(StoreUnusable, match=f"newer tuner .*{version}.* upgrade tuner"):
        Store.open(database_url)
    with engine_of(database_url) as engine, engine.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM tuner_version")) == version


def test_a_store_without_a_table_is_refused(database_url: str) -> None:
    with Store.open(database_url) as store:
        with engine_of(database_url) as engine, engine.begin() as connection:
            connection.execute(text("DROP TABLE events"))
        with pytest.raises(StoreUnusable, match="missing or changed"):
            store.events(1)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=f"there is no folder {tmp_path}/none; create it"):
        Store.open(f"sqlite:///{tmp_path}/none/tuner.db")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, a folder that not even root can write")
def test_a_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="make it and its folder /proc readable and writable"):
        Store.open("sqlite:////proc/tuner.db")


# Looking before anything is made


def test_looking_for_a_store_makes_none(database_url: str, tmp_path: Path) -> None:
    assert not Store.exists(database_url)
    assert list(tmp_path.iterdir()) == []
    with engine_of(database_url) as engine:
        assert inspect(engine).get_table_names() == []
    Store.open(database_url).close()
    assert Store.exists(database_url)


def test_looking_for_a_store_finds_what_opening_it_would_refuse(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Rows of text, and many of them.\n" * 100)
    (tmp_path / "file").write_text("")
    Store.open(f"sqlite:///{tmp_path}/newer.db").close()
    Store.open(f"sqlite:///{tmp_path}/read-only.db").close()
    with engine_of(f"sqlite:///{tmp_path}/newer.db") as engine, engine.begin() as connection:
        connection.execute(text("UPDATE tuner_version SET version_num = '9999'"))
    before = sorted(tmp_path.iterdir())
    for place, error, words in (
        (tmp_path, StoreUnusable, "is a folder"),
        (tmp_path / "notes.txt", StoreUnusable, "is a file of another kind"),
        (tmp_path / "newer.db", StoreUnusable, "newer tuner"),
        (tmp_path / "none" / "x.db", StoreUnavailable, f"there is no folder {tmp_path}/none"),
        (tmp_path / "file" / "x.db", StoreUnavailable, f"there is no folder {tmp_path}/file"),
        (f"file:{tmp_path}/read-only.db?mode=ro&uri=true", StoreUnavailable, "make the file and its folder writable"),
    ):
        with pytest.raises(error, match=words):
            Store.exists(f"sqlite:///{place}")
    # SQLite itself leaves these two beside a file that it may only read.
    assert sorted(path for path in tmp_path.iterdir() if not path.name.endswith(("-shm", "-wal"))) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, a folder that not even root can write")
def test_looking_for_a_store_finds_a_folder_that_cannot_be_written() -> None:
    with pytest.raises(StoreUnavailable, match="make it and its folder /proc readable and writable"):
        Store.exists("sqlite:////proc/tuner.db")


def test_a_store_that_may_only_be_read_can_be_read_and_says_so_when_written(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store:
        store.create_job(SUBMISSION)
        path = sqlite_url.removeprefix("sqlite:///")
        with Store.open(f"sqlite:///file:{path}?mode=ro&uri=true") as reader:
            assert reader.job("unit commitment").name == "unit commitment"
            with pytest.raises(StoreUnavailable, match="make the file and its folder writable"):
                reader.create_job(UNNAMED)


def test_a_role_that_may_only_read_is_told_so(postgresql_url: str) -> None:
    Store.open(postgresql_url).close()
    with Store.open(f"{postgresql_url}%20-cdefault_transaction_read_only%3Don") as reader:
        assert reader.jobs() == []
        with pytest.raises(StoreUnavailable, match=r"cannot be written: .*read-only transaction.*grant the right"):
            reader.create_job(SUBMISSION)


# The schema and its history


def test_the_newest_revision_is_the_one_this_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(storage.migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.VERSION]


def test_migrated_tables_are_those_that_the_code_describes(database_url: str) -> None:
    Store.open(database_url).close()
    with engine_of(database_url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, schema.metadata) == []
        migrated = constraints(inspect(connection))
    with engine_of(database_url) as engine, engine.begin() as connection:
        for name in reversed(schema.metadata.sorted_tables):
            name.drop(connection)
        schema.metadata.create_all(connection)
        assert constraints(inspect(connection)) == migrated


def test_the_tables_of_which_no_id_is_used_twice_are_those_that_the_code_names(sqlite_url: str) -> None:
    Store.open(sqlite_url).close()
    with engine_of(sqlite_url) as engine, engine.connect() as connection:
        query = text("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'")
        migrated = set(connection.scalars(query))
    described = {
        name for name, table in schema.metadata.tables.items() if table.dialect_options["sqlite"]["autoincrement"]
    }
    assert migrated == described
    assert "jobs" in migrated


def constraints(inspector: Inspector) -> dict[str, Any]:
    """Return what alembic does not compare; of a reference that was added later, SQLite does not tell the name."""
    return {
        name: (
            sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(name)),
            inspector.get_pk_constraint(name),
            sorted(({**key, "name": None} for key in inspector.get_foreign_keys(name)), key=str),
            sorted(inspector.get_unique_constraints(name), key=str),
        )
        for name in schema.metadata.tables
    }


def test_a_file_of_sqlite_is_in_write_ahead_mode_for_whoever_opens_it(sqlite_url: str) -> None:
    Store.open(sqlite_url).close()
    with engine_of(sqlite_url) as engine, engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"


@pytest.mark.parametrize("dump", sorted(DATA.glob("store-*.sql")), ids=lambda path: path.stem)
def test_a_store_of_every_earlier_schema_is_upgraded_and_read(tmp_path: Path, dump: Path) -> None:
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    connection.close()
    with Store.open(f"sqlite:///{path}") as store:
        job = store.job("unit commitment")
        assert (job.state, job.outcome, job.best, job.spent) == (JobState.FINISHED, "gain", TUNED, 61.5)
        for field in SUBMISSION.__dataclass_fields__:
            assert getattr(job, field) == getattr(SUBMISSION, field)
        stored = list(store.responses(job.id))
        assert [s.run for s in stored] == [run(0), run(1, TUNED, limit=2.5), holdout_run(2, TUNED)]
        before = replace(RESPONSE, proven_objective=None, doubt="")
        assert [s.response for s in stored] == [RESPONSE if dump.stem >= "store-0010" else before] * 3
        assert [s.environment for s in stored] == [NODE7 if dump.stem == "store-0001" else HERE] * 3
        assert store.incumbents(job.id) == [INCUMBENT]
        assert store.events(job.id) == [EVENT]
        assert store.comparisons(job.id) == [COMPARISON]
        assert (job.kind, job.document) == (JobKind.TUNE, "")
        if dump.stem >= "store-0003":
            answered = store.job("tolls")
            assert answered.kind is JobKind.SOLVE
            (answer,) = store.answers(answered.id)
            assert answer.answer == replace(ANSWER, violations=(("noise", 0.25),))
            assert store.bracket(answered.id) == Bracket(5.5, 6.0, "value-function cuts", answer.id)
            assert answered.problem == "toll"
        if dump.stem >= "store-0004":
            served = store.job("served")
            assert (served.owner, served.served, served.priority, served.state) == ("me", True, 3, JobState.PAUSED)
            assert served.instance_set is not None
            ((name, model),) = store.instance_set(served.instance_set).members
            assert (name, b"".join(store.model(model.sha256))) == ("a", b"NAME a\n")
            assert store.submit(replace(SUBMISSION, owner="me"), "key", "0" * 64) == (served, False)
            token = store.token("tuner_secret")
            assert token is not None
            assert (token.owner, token.scope) == ("me", Scope.SUBMIT)
        if dump.stem >= "store-0006":
            assert store.reaction_names(store.job("tolls").id) == ["commuters: A", "commuters: B", "order"]
        if dump.stem >= "store-0011":
            assert store.owner_limits() == OwnerLimits(jobs=1000, slots=4)
        if dump.stem >= "store-0013":
            long = store.job("long runs")
            for field in LONG.__dataclass_fields__:
                assert getattr(long, field) == getattr(LONG, field)
        of_set = SET_BYTES + len("spring") + MEMBER_BYTES + len("a")
        assert store.stored_bytes("me") == (7 + of_set if dump.stem >= "store-0004" else 0)
        lease = store.claim(store.create_job(UNNAMED).id, this_process(), 9)
        assert store.record(lease, run(0), RESPONSE, 1.0, HERE)
    with engine_of(f"sqlite:///{path}") as engine, engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM tuner_version")) == schema.VERSION


def test_there_is_a_database_of_every_schema_to_upgrade() -> None:
    kept = {path.stem.removeprefix("store-") for path in DATA.glob("store-*.sql")}
    assert kept == {f"{number:04}" for number in range(1, int(schema.VERSION) + 1)}


def test_a_store_opened_by_many_for_the_first_time_is_created_once(database_url: str) -> None:
    barrier = threading.Barrier(4, timeout=60)

    def first() -> None:
        barrier.wait()
        with Store.open(database_url) as store:
            store.create_job(UNNAMED)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(first) for _ in range(4)]:
            future.result()
    with Store.open(database_url) as store:
        assert len(store.jobs()) == 4


def test_an_up_to_date_store_is_opened_without_alembic(sqlite_url: str) -> None:
    Store.open(sqlite_url).close()
    program = "from storage.store import Store; import sys; Store.open(sys.argv[1]); sys.exit('alembic' in sys.modules)"
    subprocess.run([sys.executable, "-c", program, sqlite_url], check=True)


# Beside Optuna


def test_our_tables_never_clash_with_those_of_optuna() -> None:
    assert set(BaseModel.metadata.tables) <= schema.OPTUNA_TABLES
    assert not {*schema.metadata.tables, schema.VERSION_TABLE} & schema.OPTUNA_TABLES


@pytest.mark.parametrize("ours_first", [True, False])
def test_optuna_and_its_dashboard_work_in_the_same_database(database_url: str, ours_first: bool) -> None:
    if ours_first:
        with Store.open(database_url) as store:
            store.create_job(SUBMISSION)
            url = store.url
    else:
        url = database_url.replace("postgresql://", "postgresql+psycopg://")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=url, study_name="day")
    study.tell(study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}), 0.5)
    with Store.open(database_url) as store:
        if not ours_first:
            store.create_job(SUBMISSION)
        assert [job.name for job in store.jobs()] == ["unit commitment"]
    again = optuna.load_study(storage=url, study_name="day")
    assert again.best_value == 0.5
    assert "day" in answer_of(wsgi(optuna.storages.RDBStorage(url)), "/api/studies")
    with engine_of(database_url) as engine, engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM tuner_version")) == schema.VERSION
        assert connection.scalar(text("SELECT version_num FROM alembic_version")).startswith("v")


def answer_of(application: Any, path: str) -> str:
    """Return what a WSGI application answers to a GET."""
    statuses: list[str] = []
    environment = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr,
    }  # fmt: skip
    body = b"".join(application(environment, lambda status, headers, *_: statuses.append(status)))
    assert statuses == ["200 OK"]
    return body.decode()

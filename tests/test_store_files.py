"""How the files of models come into the store and go: seen as wholes, written and deleted piece by piece."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from storage import files
from storage.errors import StoreRefused, StoreUnavailable
from storage.files import BATCH, PIECE, Upload
from storage.records import ModelContent, Scope
from storage.store import Store
from tests.test_store_opening import engine_of

PIECES = [bytes([number]) * PIECE for number in range(3 * BATCH // PIECE)]
"""Of a model that takes several transactions."""
LARGE = ModelContent(hashlib.sha256(b"".join(PIECES)).hexdigest(), ".mps", len(PIECES) * PIECE)
TABLES = ("uploads", "model_files", "model_pieces", "models", "model_owners", "instance_sets")

KILLED = """
import os, signal, sys
from storage.store import Store
from tests.test_store_files import LARGE, PIECES

def pieces():
    yield from PIECES[:-1]
    os.kill(os.getpid(), signal.SIGKILL)

Store.open(sys.argv[1]).keep_model("me", LARGE, pieces())
"""


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with Store.open(database_url) as opened:
        yield opened


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    with engine_of(database_url) as opened:
        yield opened


def rows(engine: Engine) -> dict[str, int]:
    """Return how many rows there are in the tables that have some."""
    with engine.connect() as connection:
        found = {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in TABLES}
    return {name: count for name, count in found.items() if count}


def small(word: str) -> ModelContent:
    return ModelContent(hashlib.sha256(word.encode()).hexdigest(), ".mps", len(word))


def test_others_write_while_a_large_model_comes_in_and_see_nothing_of_it(store: Store, database_url: str) -> None:
    seen = []

    def pieces() -> Iterator[bytes]:
        with Store.open(database_url) as other:
            for number, piece in enumerate(PIECES):
                other.create_token(f"token {number}", "me", Scope.READ)
                seen.append((other.models("me", [LARGE.sha256]), list(other.model(LARGE.sha256))))
                yield piece

    made = store.keep_set(
        "me",
        "spring",
        [("large", LARGE), ("small", small("x"))],
        [(LARGE.sha256, pieces()), (small("x").sha256, [b"x"])],
    )
    assert seen == [({}, [])] * len(PIECES)
    assert list(store.model(LARGE.sha256)) == PIECES
    assert [name for name, _ in made.members] == ["large", "small"]


def test_nothing_is_left_of_an_upload_that_breaks_off(store: Store, engine: Engine) -> None:
    def pieces() -> Iterator[bytes]:
        yield from PIECES[:-1]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.keep_model("me", LARGE, pieces())
    assert rows(engine) == {}
    with pytest.raises(StoreRefused):
        store.keep_set(
            "me", "twice", [("a", LARGE), ("a", small("x"))], [(LARGE.sha256, PIECES), (small("x").sha256, [b"x"])]
        )
    assert rows(engine) == {}
    assert store.keep_set("me", "none", [], []).members == ()


def test_what_a_killed_upload_has_left_is_deleted_by_a_later_one(
    store: Store, engine: Engine, database_url: str
) -> None:
    written = 2 * (BATCH // (PIECE + files.ROW) + 1)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", KILLED, database_url], check=False, env=environment)
    assert ended.returncode == -signal.SIGKILL
    assert rows(engine) == {"uploads": 1, "model_files": 1, "model_pieces": written}
    store.keep_model("me", small("x"), [b"x"])
    assert rows(engine)["uploads"] == 1, "it may still go on"
    with engine.begin() as connection:
        connection.execute(text("UPDATE uploads SET touched_at = '2001-01-01 00:00:00'"))
    store.keep_model("me", small("y"), [b"y"])
    assert rows(engine) == {"model_files": 2, "model_pieces": 2, "models": 2, "model_owners": 2}
    store.keep_model("me", LARGE, PIECES)
    assert list(store.model(LARGE.sha256)) == PIECES


def test_an_upload_that_others_gave_up_is_not_published(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pieces() -> Iterator[bytes]:
        yield from PIECES[:-1]
        with engine.begin() as connection:
            connection.execute(text("UPDATE uploads SET touched_at = '2001-01-01 00:00:00'"))
        store.keep_model("me", small("x"), [b"x"])
        yield PIECES[-1]

    with pytest.raises(StoreUnavailable, match="stood still for too long; send it again"):
        store.keep_model("me", LARGE, pieces())
    assert store.models("me", [LARGE.sha256]) == {}
    assert rows(engine) == {"model_files": 1, "model_pieces": 1, "models": 1, "model_owners": 1}


def test_of_a_model_that_two_send_at_once_one_file_is_kept(store: Store, engine: Engine, database_url: str) -> None:
    barrier = threading.Barrier(2, timeout=60)

    def send(owner: str) -> None:
        def pieces() -> Iterator[bytes]:
            yield from PIECES[:-1]
            barrier.wait()
            yield PIECES[-1]

        with Store.open(database_url) as own:
            own.keep_model(owner, LARGE, pieces())

    threads = [threading.Thread(target=send, args=(owner,)) for owner in ("me", "you")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(store.model(LARGE.sha256)) == PIECES
    assert rows(engine) == {"model_files": 1, "model_pieces": len(PIECES), "models": 1, "model_owners": 2}


def test_an_upload_that_fails_does_no_harm_to_another_one(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH", PIECE)

    def broken() -> Iterator[bytes]:
        with pytest.raises(StoreUnavailable), monkeypatch.context() as patch:
            patch.setattr(Upload, "_write", fails)
            other.keep_model("you", small("x"), [b"x" * PIECE])
        yield from PIECES

    write = Upload._write

    def fails(upload: Upload, connection: Connection) -> None:
        write(upload, connection)
        raise StoreUnavailable("the disk")

    with Store.open(database_url) as other:
        store.keep_model("me", LARGE, broken())
    assert list(store.model(LARGE.sha256)) == PIECES


def test_a_model_that_is_deleted_while_it_is_read_is_not_taken_for_whole(store: Store) -> None:
    made = store.keep_set("me", "spring", [("large", LARGE)], [(LARGE.sha256, PIECES)])
    pieces = store.model(LARGE.sha256)
    assert next(pieces) == PIECES[0]
    store.delete_instance_set(made.id)
    with pytest.raises(StoreRefused, match="was deleted while it was read"):
        list(pieces)


def test_a_model_that_is_deleted_while_it_is_sent_again_is_sent_once_more(store: Store, engine: Engine) -> None:
    made = store.keep_set("me", "spring", [("large", LARGE)], [(LARGE.sha256, PIECES)])

    def contents() -> Iterator[tuple[str, list[bytes]]]:
        yield LARGE.sha256, PIECES
        store.delete_instance_set(made.id)
        yield small("x").sha256, [b"x"]

    with pytest.raises(StoreRefused, match="was deleted while it was uploaded; send it again"):
        store.keep_set("me", "summer", [("large", LARGE), ("small", small("x"))], contents())
    assert rows(engine) == {}
    store.keep_set("me", "summer", [("large", LARGE)], [(LARGE.sha256, PIECES)])
    assert list(store.model(LARGE.sha256)) == PIECES


def test_a_set_is_deleted_with_its_files_some_at_a_time(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DELETED", 5)
    words = [f"model {number}" for number in range(12)]
    contents = [(small(word).sha256, [word.encode()]) for word in words]
    kept = store.keep_set("me", "kept", [("x", small(words[0]))], contents[:1])
    gone = store.keep_set("me", "gone", [(word, small(word)) for word in words], contents)
    store.delete_instance_set(gone.id)
    assert rows(engine) == {"model_files": 1, "model_pieces": 1, "models": 1, "model_owners": 1, "instance_sets": 1}
    store.delete_instance_set(kept.id)
    assert rows(engine) == {}


def test_models_that_no_set_is_made_of_in_a_week_are_deleted(store: Store, engine: Engine) -> None:
    for owner, word in (("me", "unused"), ("me", "used"), ("me", "theirs"), ("you", "theirs"), ("me", "again")):
        store.keep_model(owner, small(word), [word.encode()])
    with engine.begin() as connection:
        connection.execute(text("UPDATE model_owners SET uploaded_at = '2001-01-01 00:00:00'"))
    store.keep_model("me", small("again"), [b"again"])
    store.keep_model("me", small("fresh"), [b"fresh"])
    store.create_instance_set("me", "spring", [("used", small("used").sha256)])
    words = ("unused", "used", "theirs", "again", "fresh")
    mine = store.models("me", [small(word).sha256 for word in words])
    assert set(mine) == {small(word).sha256 for word in ("used", "again", "fresh")}
    assert set(store.models("you", [small("theirs").sha256])) == {small("theirs").sha256}
    there = [word for word in words if list(store.model(small(word).sha256))]
    assert there == ["used", "theirs", "again", "fresh"]
    assert rows(engine)["model_pieces"] == 4

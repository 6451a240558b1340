"""Disks that are full: the store's, the server's for what comes in, and the worker's for its models."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import text

from instances.families import FAMILIES, generate
from storage import files
from storage.records import JobState
from storage.store import Store
from tests.archives import MPS, zipped
from tests.disks import Disk, NotPermitted, small_disk
from tests.processes import until
from tests.service import handed_in, served, uploaded
from tests.test_store_opening import engine_of
from tuner.app import working
from tuner.app.working import Worker
from tuner.follower.reading import cache_directory
from tuner.service.server import application

LARGE = [MPS + b"".join(b"*%064x\n" % (seed << 200 | line) for line in range(20_000)) for seed in range(3)]
"""Models of 1.3 MB."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        with small_disk(tmp_path / "disk", kib=16384) as made:
            yield made
    except NotPermitted as reason:
        pytest.skip(str(reason))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, disk: Disk) -> Iterator[str]:
    """The URL of a store on the small disk: its file, or its tables, of which the server has none left at the end."""
    if request.param == "sqlite":
        yield f"sqlite:///{disk.folder / 'store.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    url: str = request.getfixturevalue("postgresql_url")
    with psycopg.connect(server, autocommit=True) as connection:
        owner = Path(connection.execute("SHOW data_directory").fetchone()[0]).stat()  # type: ignore[index]
        place = disk.folder / "tables"
        place.mkdir()
        os.chown(place, owner.st_uid, owner.st_gid)
        for folder in disk.folder.parents:  # pytest keeps its folders to itself
            if folder.stat().st_mode & 0o777 == 0o700:
                folder.chmod(0o711)
        schema = url.rpartition("%3D")[2]
        connection.execute(f"CREATE TABLESPACE of_{schema} LOCATION '{place}'")
        yield f"{url}%20-cdefault_tablespace%3Dof_{schema}"
        disk.free()
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
        connection.execute(f"DROP TABLESPACE of_{schema}")


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 507, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "free space" in answer.json()["detail"]


def test_a_store_on_a_full_disk_refuses_what_is_new_and_shows_what_is_there(store_url: str, disk: Disk) -> None:
    with Store.open(store_url) as store, served(application(store)) as client:
        sent = client.post("/v1/archives?name=spring", content=zipped({f"{n}.mps": MPS + b"*%d\n" % n for n in (0, 1)}))
        number = sent.json()["id"]
        assert client.post("/v1/jobs", json={"instance_set": number, "name": "first"}).status_code == 201
        disk.fill()
        refused(client.post("/v1/models?suffix=.mps", content=LARGE[0]))
        refused(client.post("/v1/archives?name=large", content=zipped({"a.mps": LARGE[1], "b.mps": LARGE[2]})))
        jobs = handed_in_until_refused(client, number)
        for path in ("/v1/jobs", "/v1/jobs/first", f"/v1/instance-sets/{number}", "/readyz", "/livez", "/", "/metrics"):
            assert client.get(path).status_code == 200, path
        assert [found.name for found in store.instance_sets()] == ["spring"]
        digests = [sha256(each).hexdigest() for each in LARGE]
        assert store.models("local", digests) == {}
        disk.free()
        assert client.post("/v1/models?suffix=.mps", content=LARGE[0]).json()["sha256"] == digests[0]
        again = client.post("/v1/archives?name=large", content=zipped({"a.mps": LARGE[1], "b.mps": LARGE[2]}))
        assert again.status_code == 201, again.text
        assert [b"".join(store.model(digest)) for digest in digests] == LARGE
        assert client.post("/v1/jobs", json={"instance_set": number}).status_code == 201
        assert len(client.get("/v1/jobs").json()["rows"]) == jobs + 2


def test_nothing_is_left_of_an_archive_for_which_there_is_no_room(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left free on the disk of PostgreSQL is another matter: only vacuuming gives it back."""
    monkeypatch.setattr(files, "BATCH", 2 * files.PIECE)
    monkeypatch.setattr(files, "SPARE", 6 * files.PIECE)
    models = {f"{number}.mps": MPS + b"*" + os.urandom(3_000_000).hex().encode() for number in range(5)}
    with Store.open(store_url) as store, served(application(store)) as client:
        for _ in range(2):
            refused(client.post("/v1/archives?name=large", content=zipped(models)))
        if store_url.startswith("sqlite"):
            assert client.post("/v1/archives?name=small", content=zipped({"a.mps": LARGE[0]})).status_code == 201
    with engine_of(store_url) as engine, engine.connect() as connection:
        left = connection.scalar(text("SELECT count(*) FROM model_files WHERE upload IS NOT NULL"))
        assert left == connection.scalar(text("SELECT count(*) FROM uploads")) == 0


def handed_in_until_refused(client: httpx.Client, number: int) -> int:
    """Hand jobs in until there is no room for another one, which is refused cleanly; return how many there was for."""
    for count in range(1000):
        answer = client.post("/v1/jobs", json={"instance_set": number, "name": f"job {count} {'x' * 80}"})
        if answer.status_code != 201:
            refused(answer)
            return count
    raise AssertionError("the disk is never full")


@pytest.mark.parametrize("content", [MPS, LARGE[0]], ids=["small", "large"])
def test_a_full_disk_for_what_comes_in_is_no_fault_of_who_sends(
    sqlite_url: str, disk: Disk, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(disk.folder))
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        sends: list[Callable[[], httpx.Response]] = [
            lambda: client.post("/v1/models?suffix=.mps", content=content),
            lambda: client.post("/v1/archives?name=x", content=zipped({"a.mps": content})),
        ]
        disk.fill()
        for send in sends:
            refused(send())
        assert store.instance_sets() == []
        disk.free()
        for send in sends:
            assert send().status_code == 201
    assert list(disk.folder.iterdir()) == []


def test_an_archive_that_does_not_fit_when_it_is_unpacked_is_no_damaged_one(
    sqlite_url: str, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(disk.folder))
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        large = MPS + b"".join(b"*%064d\n" % number for number in range(300_000))  # not too many times larger
        refused(client.post("/v1/archives?name=x", content=zipped({"a.mps": large})))
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("what", ["models", "cache"])
def test_a_worker_on_a_full_disk_gives_its_job_back_and_goes_on_when_there_is_space(
    sqlite_url: str, tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(working, "REST", 0.5)
    place = {"models": tmp_path, "cache": tmp_path, what: disk.folder}
    monkeypatch.setenv("TUNER_CACHE", str(place["cache"] / "cache"))
    generate(FAMILIES["generalised-assignment"], 6, tmp_path / "assignments", seed=3, size=0.4)
    with Store.open(sqlite_url) as store:
        job = handed_in(store, uploaded(store, tmp_path / "assignments"), budget=6.0)
        said: list[str] = []
        worker = Worker(store, place["models"] / "work", 2, said.append)
        assert cache_directory().is_relative_to(place["cache"])
        disk.fill()
        thread = threading.Thread(target=worker.work, kwargs={"until_idle": True})
        thread.start()
        until(lambda: sum("it is tried again" in line for line in said) >= 2)
        assert store.job(job.id).state is not JobState.FAILED
        assert store.job(job.id).members == ()
        disk.free()
        thread.join(60.0)
        assert store.job(job.id).state is JobState.FINISHED
        assert len(store.job(job.id).members) == 6
    assert all("No space left on device" in line for line in said if "it is tried again" in line)


def test_a_worker_whose_store_is_on_a_full_disk_waits_and_delivers_once(
    store_url: str, tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    generate(FAMILIES["generalised-assignment"], 6, tmp_path / "assignments", seed=3, size=0.4)
    with Store.open(store_url) as store:
        job = handed_in(store, uploaded(store, tmp_path / "assignments"), budget=6.0)
        said: list[str] = []
        worker = Worker(store, tmp_path / "work", 2, said.append)
        thread = threading.Thread(target=worker.work, kwargs={"until_idle": True})
        thread.start()
        until(lambda: store.count(job.id) > 5)
        disk.fill()
        until(lambda: any("free space" in line and "is kept here" in line for line in said))
        assert store.count(job.id) > 5
        disk.free()
        thread.join(60.0)
        assert store.job(job.id).state is JobState.FINISHED
        runs = [stored.run for stored in store.responses(job.id)]
    assert len(set(runs)) == len(runs)
    assert "the store is back" in said

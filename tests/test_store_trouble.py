"""A store in trouble: locked, or without room on the disk. Nothing is half-written, and a later retry works."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import storage.database
from storage.errors import StoreFull, StoreUnavailable
from storage.lease import Lease, this_process
from storage.records import Configuration
from storage.store import Store
from tests import disks
from tests.store_samples import HERE, RESPONSE, SUBMISSION, run


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let the kernel refuse to let any file of this process grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def record_until_refused(store: Store, lease: Lease) -> int:
    """Record runs, each of a configuration of its own, until there is no room; return how many were kept."""
    for seed in range(100_000):
        configuration = Configuration.of("highs", {"number": seed, "words": "x" * 100})
        try:
            store.record(lease, run(seed, configuration), RESPONSE, float(seed), HERE)
        except StoreUnavailable as error:
            assert "then go on" in str(error)
            return seed
    raise AssertionError("the disk is never full")


def assert_whole(store: Store, lease: Lease, runs: int) -> None:
    """Assert that so many runs are there with all they need, and that the next one can be recorded."""
    assert [s.run.seed for s in store.responses(lease.job_id)] == list(range(runs))
    assert store.job(lease.job_id).spent == max(0, runs - 1)
    with sqlite3.connect(store.url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT count(*) FROM configurations").fetchone() == (runs,)
        assert connection.execute("SELECT count(*) FROM configuration_parameters").fetchone() == (2 * runs,)
    connection.close()
    configuration = Configuration.of("highs", {"number": runs, "words": "x" * 100})
    assert store.record(lease, run(runs, configuration), RESPONSE, float(runs), HERE)
    with Store.open(store.url) as another:
        assert [s.run.configuration for s in another.responses(lease.job_id)][-1] == configuration


def test_a_disk_that_takes_no_more_is_told_and_the_retry_works(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store:
        lease = store.claim(store.create_job(SUBMISSION).id, this_process(), 600)
        log = Path(f"{sqlite_url.removeprefix('sqlite:///')}-wal")
        with files_no_larger_than(log.stat().st_size + 100_000):
            kept = record_until_refused(store, lease)
        assert kept > 0
        assert_whole(store, lease, kept)


def test_a_store_that_cannot_be_created_for_want_of_room_is_created_later(sqlite_url: str) -> None:
    with files_no_larger_than(20_000), pytest.raises(StoreUnavailable, match="space"):
        Store.open(sqlite_url)
    with Store.open(sqlite_url) as store:
        assert store.create_job(SUBMISSION).name == "unit commitment"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 520 KiB; only root can make one."""
    try:
        with disks.small_disk(tmp_path / "disk", kib=520) as disk:
            yield disk.folder
    except disks.NotPermitted as reason:
        pytest.skip(str(reason))


def test_a_full_disk_is_told_and_the_retry_works_once_there_is_space(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(40_000))
    with Store.open(f"sqlite:///{small_disk / 'store.db'}") as store:
        lease = store.claim(store.create_job(SUBMISSION).id, this_process(), 600)
        kept = record_until_refused(store, lease)
        with pytest.raises(StoreFull, match=r"full; free space on its disk, then go on"):
            store.record(lease, run(kept), RESPONSE, 1.0, HERE)
        ballast.unlink()
        assert_whole(store, lease, kept)


def test_a_locked_store_is_unavailable_and_the_retry_works(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.database, "BUSY_SECONDS", 0.01)
    with Store.open(sqlite_url) as store:
        lease = store.claim(store.create_job(SUBMISSION).id, this_process(), 600)
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"locked; another process is writing, .* then go on"):
            store.record(lease, run(0), RESPONSE, 1.0, HERE)
        assert store.count(lease.job_id) == 0
        other.close()
        assert store.record(lease, run(0), RESPONSE, 1.0, HERE)


def test_a_server_that_dropped_the_connection_is_reached_again(postgresql_url: str) -> None:
    with Store.open(postgresql_url) as store, Store.open(postgresql_url) as other:
        lease = store.claim(store.create_job(SUBMISSION).id, this_process(), 600)
        with other._database.writing() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
        assert store.record(lease, run(0), RESPONSE, 1.0, HERE)

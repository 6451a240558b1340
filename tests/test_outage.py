"""A database whose server is really stopped in the middle of a job: a short version of ``python -m bench outage``."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.outage import endure
from instances.families import FAMILIES, generate
from storage.records import JobState
from storage.store import Store
from tests.postgresql import NotInstalled, Server, stoppable_server
from tests.processes import until
from tests.service import handed_in, uploaded
from tuner.app import owning, working
from tuner.app.working import Worker


@pytest.fixture
def database() -> Iterator[Server]:
    """A server that is nobody else's, since it will be stopped."""
    try:
        with stoppable_server() as server:
            yield server
    except NotInstalled as reason:
        pytest.skip(f"PostgreSQL is not stopped: {reason}")


def test_while_the_database_is_away_all_wait_and_then_all_goes_on(database: Server, tmp_path: Path) -> None:
    outcome = endure(database, tmp_path, 3.0, signal.SIGQUIT, budget=12.0)
    assert (outcome.lost, outcome.doubled, outcome.wrong) == (0, 0, set()), str(outcome)
    assert set(outcome.statuses) == {503}
    assert outcome.responses > 20
    assert (outcome.state, outcome.takings) == ("finished", 1), str(outcome)
    said = (tmp_path / "worker" / "said.txt").read_text(encoding="utf-8")
    assert said.count("what finishes meanwhile is kept here") == said.count("the store is back") >= 1


def test_a_lease_that_ran_out_meanwhile_is_its_owners_still_though_others_want_the_job(
    database: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    for module in (owning, working):
        monkeypatch.setattr(module, "LEASE_SECONDS", 2.0)
    generate(FAMILIES["generalised-assignment"], 6, tmp_path / "assignments", seed=3, size=0.4)
    with Store.open(database.url) as store, Store.open(database.url) as same:
        job = handed_in(store, uploaded(store, tmp_path / "assignments"), budget=6.0, slots=1)
        told: list[str] = []
        envied: list[str] = []
        owner = Worker(store, tmp_path / "owner", 2, told.append)
        others = [Worker(same, tmp_path / "other", 2, envied.append) for _ in range(5)]
        own = threading.Thread(target=owner.work, kwargs={"until_idle": True})
        threads = [threading.Thread(target=other.work) for other in others]
        own.start()
        until(lambda: store.count(job.id) > 5)
        for thread in threads:  # spread over the second between two looks: whenever it is back, one of them is first
            thread.start()
            time.sleep(working.IDLE / len(threads))
        database.stop()
        time.sleep(4.0)
        database.start()
        own.join(60.0)
        for other in others:
            other.stop()
        for thread in threads:
            thread.join(60.0)
        assert store.job(job.id).state is JobState.FINISHED
    assert f"{job.name}: taken" not in envied
    assert sum("is kept here" in line for line in told) == told.count("the store is back") == 1

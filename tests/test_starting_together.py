"""Processes that start at the same moment on a database in which there is nothing yet."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import optuna
import pytest
from sqlalchemy import Engine, event

from storage.store import Store
from tests.processes import Command, Server, until
from tuner.leader.mirror import connect


@pytest.mark.parametrize("statement", range(1, 6))
def test_a_store_that_another_process_creates_meanwhile_is_ours(postgresql_url: str, statement: int) -> None:
    """At any statement of looking whether there is one: nothing is locked then."""
    mine, seen = threading.get_ident(), 0

    def meanwhile(*given: object) -> None:
        nonlocal seen
        if threading.get_ident() != mine:
            return
        seen += 1000 if "advisory" in str(given[2]) else 1  # from that one on, others wait for us
        if seen == statement:
            with ThreadPoolExecutor(1) as other:
                other.submit(lambda: Store.open(postgresql_url).close()).result()

    event.listen(Engine, "after_cursor_execute", meanwhile)
    try:
        with Store.open(postgresql_url) as store:
            assert store.jobs() == []
    finally:
        event.remove(Engine, "after_cursor_execute", meanwhile)


def test_optunas_tables_are_made_by_many_at_once(database_url: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = database_url.replace("postgresql://", "postgresql+psycopg://")
    barrier = threading.Barrier(6, timeout=60)

    def made(number: int) -> str:
        barrier.wait()
        storage = connect(url)
        return storage.get_study_name_from_id(
            storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], f"study {number}")
        )

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(made, range(6))) == [f"study {number}" for number in range(6)]


def test_a_server_and_two_workers_start_together_without_an_error(database_url: str, tmp_path: Path) -> None:
    workers = [Command(database_url, tmp_path / f"w{n}", "work", "--slots", "1", "--folder", "work") for n in range(2)]
    with ExitStack() as stack:
        server = Server(database_url, tmp_path / "server", "--without-worker")
        started = [stack.enter_context(each) for each in (*workers, server)]
        for each in started:
            each.start()
        for worker in workers:
            until(lambda worker=worker: "worker on 1 slot" in worker.said)  # type: ignore[misc]
        assert server.client.get("/readyz").status_code == 200
        assert not any("rror" in each.said or "cannot" in each.said for each in started)

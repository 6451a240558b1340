"""A server that is ended in the middle of something, by force or not, and started again on the same store."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from storage.records import JobState, Termination
from storage.store import Store
from tests.archives import MPS, zipped
from tests.processes import Command, Server, until
from tests.service import handed_in, uploaded
from tuner.follower.processes import marked

MARK = "LC_TUNER_TEST_RESTART"
EITHER = [("postgresql_url", signal.SIGKILL), ("sqlite_url", signal.SIGTERM)]
"""A restart takes a while: each kind of database with one way to end."""
PATHS = {"/v1/models?suffix=.mps": MPS * 20_000, "/v1/archives?name=spring": zipped({"a.mps": os.urandom(2_000_000)})}


def half_sent(server: Server, path: str, body: bytes) -> socket.socket:
    """Send half of a body, and return the connection once the server has laid most of that down."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[: len(body) // 2])
    until(lambda: laid_down(server.pid) > len(body) // 4)
    return connection


def laid_down(pid: int) -> int:
    """Return how many bytes the files without a name have that a process holds."""
    size = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            size += link.stat().st_size if "(deleted)" in str(link.readlink()) else 0
    return size


COMPUTING = """
import sys, time
from storage.store import Store
from tuner.cli import entry
Store.states = lambda _: print("computing", flush=True) or time.sleep(600)
sys.argv[1:] = ["serve", "--port", sys.argv[1]]
entry()
"""
"""A server, with its worker, that has not answered for ten minutes when it is asked for its health."""


def test_a_server_ends_when_it_is_told_to_whatever_its_threads_compute(sqlite_url: str, tmp_path: Path) -> None:
    Store.open(sqlite_url).close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TUNER_STORE": sqlite_url, MARK: "computing"}
    words = [sys.executable, "-c", COMPUTING, str(port)]
    with subprocess.Popen(words, env=environment, cwd=tmp_path, stdout=subprocess.PIPE) as server:
        try:
            with socket.socket() as connection:
                until(lambda: connection.connect_ex(("127.0.0.1", port)) == 0)
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert server.stdout is not None
                assert server.stdout.readline() == b"computing\n"
                server.terminate()
                assert server.wait(20) == 0
        finally:
            server.kill()
    assert marked(f"{MARK}=computing") == []


@pytest.mark.parametrize("path", PATHS, ids=["model", "archive"])
@pytest.mark.parametrize(("database", "how"), EITHER)
def test_of_an_upload_that_a_restart_interrupts_nothing_is_left_and_it_can_be_sent_again(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, how: signal.Signals, path: str
) -> None:
    url = request.getfixturevalue(database)
    with Store.open(url) as store, Server(url, tmp_path / "server", "--without-worker") as server:
        server.start()
        with half_sent(server, path, PATHS[path]) as connection:
            code = server.end(how, 15.0)
            assert code == {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 0}[how], server.said
            answer = answered(connection)
            if how is signal.SIGTERM:
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert b"nothing of the request was kept; send it again" in answer
            else:
                assert answer == b""
        assert list(server.temporary.iterdir()) == []
        server.start()
        assert store.instance_sets() == []
        with store._database.reading() as connected:
            assert connected.exec_driver_sql("SELECT count(*) FROM models").scalar() == 0
        body = PATHS[path] if "models" in path else zipped({"a.mps": MPS})
        assert server.client.post(path, content=body).status_code == 201
    assert "Traceback" not in server.said, server.said


def answered(connection: socket.socket) -> bytes:
    """Return what a server answers until the connection ends."""
    found = b""
    try:
        while block := connection.recv(65536):
            found += block
    except ConnectionError:
        pass
    return found


def test_a_client_that_leaves_in_the_middle_of_an_upload_is_no_error_of_the_server(
    sqlite_url: str, tmp_path: Path
) -> None:
    with Store.open(sqlite_url), Server(sqlite_url, tmp_path / "server", "--without-worker") as server:
        server.start()
        for path, body in PATHS.items():
            half_sent(server, path, body).close()
        until(lambda: laid_down(server.pid) == 0)
        assert 'status="500"' not in server.client.get("/metrics").text
    assert "Traceback" not in server.said, server.said


@pytest.mark.parametrize(("database", "how"), EITHER)
def test_a_job_whose_server_was_ended_goes_on_with_the_next_one_and_executes_nothing_again(
    request: pytest.FixtureRequest, models: Path, tmp_path: Path, database: str, how: signal.Signals
) -> None:
    url = request.getfixturevalue(database)
    with (
        Store.open(url) as store,
        Server(url, tmp_path / "server", "--slots", "1", **{MARK: str(tmp_path)}) as server,
    ):
        job = handed_in(store, uploaded(store, models), budget=8.0)
        server.start()
        until(lambda: store.count(job.id) > 20)
        server.end(how, 15.0)
        until(lambda: not marked(f"{MARK}={tmp_path}"), 15.0)
        known = {  # but for what was killed on request, which may be executed again
            stored.run: stored.id
            for stored in store.responses(job.id)
            if stored.response.termination is not Termination.KILLED
        }
        assert store.job(job.id).state is JobState.INTERRUPTED
        server.start()
        until(lambda: store.job(job.id).state is JobState.FINISHED, 90.0)
        found = list(store.responses(job.id))
        assert len({stored.run for stored in found}) == len(found) > len(known)
        kept = {stored.run: stored.id for stored in found}
        assert [run for run, number in known.items() if kept.get(run) != number] == []


def test_a_server_deletes_what_an_upload_left_that_was_killed_with_it(sqlite_url: str, tmp_path: Path) -> None:
    Store.open(sqlite_url).close()
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
        database.execute("INSERT INTO uploads VALUES ('gone', '2001-01-01 00:00:00')")
        database.execute("INSERT INTO model_files VALUES ('file', ?, 'gone')", ("0" * 64,))
        database.execute("INSERT INTO model_pieces VALUES ('file', 0, 'NAME')")
        database.commit()
        with Server(sqlite_url, tmp_path / "server", "--without-worker") as server:
            server.start()
            for table in ("uploads", "model_files", "model_pieces"):
                until(lambda of=table: not database.execute(f"SELECT * FROM {of}").fetchall())  # type: ignore[misc]


def test_who_follows_a_job_waits_for_a_server_that_restarts_and_ends_as_the_job_does(
    sqlite_url: str, models: Path, tmp_path: Path
) -> None:
    with (
        Store.open(sqlite_url) as store,
        Server(sqlite_url, tmp_path / "server", "--slots", "1") as server,
        Command(
            sqlite_url,
            tmp_path / "client",
            *("submit", str(models), "--solver", "highs", "--budget", "12s", "--cutoff", "1s", "--watch"),
            *("--server", f"http://127.0.0.1:{server.port}"),
        ) as client,
    ):
        server.start()
        client.start()
        until(lambda: any(store.count(job.id) > 5 for job in store.jobs()))
        server.end(signal.SIGKILL)
        until(lambda: "it is waited for" in client.said)
        server.start()
        code = client.wait(90.0)
        (job,) = store.jobs()
        assert job.state is JobState.FINISHED, client.said
        assert code == (0 if job.outcome == "gain" else 4), client.said
        assert f"http://127.0.0.1:{server.port}: is back" in client.said
        assert job.report in client.said


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_server_left_that_ended_while_it_looked_at_a_set_goes_when_it_is_started_again(
    tmp_path: Path, how: signal.Signals
) -> None:
    rows = "".join(f" c{row}: x + y{row % 999} >= {row}\n" for row in range(200_000))  # reading them takes seconds
    with Server(f"sqlite:///{tmp_path / 'kept.db'}", tmp_path / "server", "--without-worker") as server:
        server.start()
        content = f"Minimize\n obj: x\nSubject To\n{rows}End\n".encode()
        sha256 = server.client.post("/v1/models?suffix=.lp", content=content).json()["sha256"]
        body = {"name": "slow", "members": {"one": sha256}}
        number = server.client.post("/v1/instance-sets", json=body).json()["id"]

        def left() -> list[Path]:
            return list(server.temporary.glob("tuner-advice-*/*"))

        def ask() -> None:
            with suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{server.port}/v1/instance-sets/{number}/advice", timeout=60)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(ask)
            until(lambda: bool(left()))
            server.end(how)
        assert left() != []
        server.start()
        until(lambda: not list(server.temporary.glob("tuner-advice-*")), 20)

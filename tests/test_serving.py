"""Where `tuner serve` listens: it says so once it does, and otherwise why not, and ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes import Server, until
from tuner.cli import main
from tuner.service.listening import address, listening


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of this machine on which somebody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        yield other.getsockname()[1]


def complaint(capsys: pytest.CaptureFixture[str], *words: str, code: int = 5) -> str:
    """Return the one line that a server says which cannot listen; nothing else has happened."""
    assert main(["serve", *words]) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n"), list(Path().iterdir())) == ("", 1, [])
    return shown.err


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNER_STORE", raising=False)
    place = tmp_path / "empty"
    place.mkdir()
    monkeypatch.chdir(place)


def test_a_port_that_is_taken_is_told_before_anything_else(taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"cannot listen on 127.0.0.1:{taken}: is the port in use? Choose another with --port"
    assert complaint(capsys, "--port", str(taken)) == f"tuner: {words}\n"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("192.0.2.1", "cannot listen on 192.0.2.1:8000: this machine has no such address; name one of its own"),
        ("nowhere.invalid", "cannot listen on nowhere.invalid:8000: the name does not resolve"),
        ("a" * 70 + ".invalid", "the name does not resolve"),
        ("2001:db8::1", "cannot listen on [2001:db8::1]:8000: this machine has no such address"),
    ],
    ids=["of another machine", "unknown name", "no name", "IPv6"],
)
def test_an_address_that_cannot_be_bound_is_told_with_what_to_do(
    host: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint(capsys, "--host", host)
    assert words in said
    assert "--host" in said


@pytest.mark.parametrize("host", ["localhost:80", "127.0.0.1:80", "http://localhost", "[localhost]", "[::1]:80"])
def test_a_host_with_a_port_or_more_is_refused_with_the_option_for_it(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint(capsys, "--host", host, code=2)
    assert said.startswith(f"tuner: --host {host}: an address or a name is needed, such as 127.0.0.1")
    assert "--port" in said


def test_every_address_is_told_by_the_name_of_this_machine() -> None:
    assert address("", 8000) == f"{socket.gethostname()}:8000"
    assert address("::1", 8000) == address("[::1]", 8000) == "[::1]:8000"


def test_a_port_that_only_root_may_use_is_told_with_what_to_do() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        pytest.skip("every user may use every port here")
    words = [sys.executable, "-m", "tuner", "serve", "--port", "80"]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is missing")
        words = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(words, check=False, env=environment, capture_output=True, text=True, timeout=60)
    told = "tuner: cannot listen on 127.0.0.1:80: this user may not use the port; choose one above 1023 with --port\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (5, "", told)


def test_a_server_listens_when_it_says_so(sqlite_url: str, tmp_path: Path) -> None:
    with Server(sqlite_url, tmp_path / "server", "--without-worker") as server:
        super(Server, server).start()
        until(lambda: f"tuner on http://127.0.0.1:{server.port}; store " in server.said)
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_every_address_of_a_host_is_listened_on_and_let_go_at_the_end() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    wanted = {"127.0.0.1", "::1"} if socket.has_ipv6 and Path("/proc/net/if_inet6").exists() else {"127.0.0.1"}
    for _ in range(2):
        with listening("", port) as sockets:
            assert len(sockets) == len(wanted)
            for place in wanted:
                socket.create_connection((place, port), timeout=10).close()

"""Connections that send nothing, too slowly, too much or too often, on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from queue import Queue

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from instances.caps import Caps
from storage.records import Job, Scope
from storage.store import Store
from tests.service import bearer, served
from tests.store_samples import MEMBERS, SUBMISSION
from tuner.service.access import Access, Caller
from tuner.service.connections import HEADER, STALLED, Guarded, Limits, network_of
from tuner.service.events import MOST_STREAMS
from tuner.service.gate import HELD
from tuner.service.server import application

SOON = Limits(header=0.3, body=0.3, idle=0.3, reading=0.5)
PATIENCE = 20.0
"""Seconds after which a test gives up; none waits for so long when all is right."""


@pytest.fixture
def local(sqlite_url: str) -> Iterator[Store]:
    with Store.open(sqlite_url) as store:
        yield store


@contextmanager
def connected(client: httpx.Client, first: bytes = b"") -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", client.base_url.port), timeout=PATIENCE)) as own:
        own.sendall(first)
        yield own


def heard(own: socket.socket) -> bytes:
    """Return all that the server sends until it ends the connection."""
    found = b""
    try:
        while block := own.recv(65536):
            found += block
    except ConnectionResetError:
        pass
    return found


def sent_job(store: Store) -> int:
    return store.create_job(replace(SUBMISSION, members=MEMBERS, owner="local")).id


def posted(path: str, *headers: str, length: int | None = 1000) -> bytes:
    size = ["Transfer-Encoding: chunked"] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *size, *headers, "", ""]).encode()


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-"])
def test_a_header_that_does_not_end_ends_the_connection(local: Store, begun: bytes) -> None:
    with served(application(local), SOON) as client, connected(client, begun) as own:
        assert (b" 408 " if begun else b"") in heard(own)


def test_bytes_that_drip_do_not_prolong_the_time_of_a_header(local: Store) -> None:
    with served(application(local), SOON) as client, connected(client, b"GET / HTTP/1.1\r\nX: ") as own:
        own.settimeout(0.05)
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            for _ in range(400):
                own.sendall(b"x")
                try:
                    own.recv(1000)
                except TimeoutError:
                    continue


def test_an_idle_connection_ends_without_a_word_and_a_used_one_is_kept(local: Store) -> None:
    ask = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with served(application(local), SOON) as client, connected(client, ask) as own:
        own.recv(65536)
        own.sendall(ask)
        assert heard(own).count(b"200 OK") == 1


@pytest.mark.parametrize("path", ["/v1/problems", "/v1/models?suffix=.mps", "/v1/archives?name=x", "/v1/jobs"])
def test_a_body_that_does_not_come_ends_the_connection(local: Store, path: str) -> None:
    with (
        served(application(local), SOON) as client,
        connected(client, posted(path, "Content-Type: application/json") + b"{") as own,
    ):
        assert b" 408 " in heard(own)
        assert client.get("/livez").status_code == 200


def test_events_are_followed_for_longer_than_any_limit(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.service.events.LOOK_EVERY", 0.1)
    number = sent_job(local)
    with (
        served(application(local), SOON) as client,
        connected(client, f"GET /v1/jobs/{number}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()) as own,
    ):
        own.settimeout(4 * SOON.idle)
        try:
            while own.recv(65536):
                pass
        except TimeoutError:
            return
        raise AssertionError("the stream was cut")


def test_who_reads_nothing_of_an_answer_makes_room(local: Store) -> None:
    with served(application(local), replace(SOON, total=1)) as client, closing(socket.socket()) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own.settimeout(PATIENCE)
        own.connect(("127.0.0.1", client.base_url.port))
        own.sendall(b"GET /static/plotly.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        assert own.recv(99).startswith(b"HTTP/1.1 200")
        answers, give_up = set(), time.monotonic() + PATIENCE
        while 200 not in answers and time.monotonic() < give_up:
            answers.add(client.get("/livez").status_code)
        assert answers == {503, 200}


def test_one_who_reads_nothing_makes_room_at_once_for_one_who_does(local: Store) -> None:
    with served(application(local), Limits(total=1)) as client, closing(socket.socket()) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own.connect(("127.0.0.1", client.base_url.port))
        own.sendall(b"GET /static/plotly.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        give_up = time.monotonic() + PATIENCE  # well below the time in which something must be read
        while client.get("/livez").status_code != 200:
            assert time.monotonic() < give_up


@pytest.mark.parametrize("length", [10_000_000, None])
@pytest.mark.parametrize(
    "path", ["/v1/models?suffix=.mps", "/v1/archives?name=x", "/v1/jobs", "/v1/problems", "/v1/no"]
)
def test_without_a_token_no_body_is_asked_for_and_the_connection_ends(
    local: Store, path: str, length: int | None
) -> None:
    with (
        served(application(local, needs_token=True)) as client,
        connected(client, posted(path, "Expect: 100-continue", "Content-Type: application/json", length=length)) as own,
    ):
        told = heard(own)
    assert told.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in told.lower()
    assert b"100 Continue" not in told


def test_what_follows_an_unread_body_is_no_request(local: Store) -> None:
    smuggled = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with (
        served(application(local, needs_token=True)) as client,
        connected(client, posted("/v1/jobs", length=len(smuggled) + 1) + smuggled) as own,
    ):
        told = heard(own)
    assert told.count(b"HTTP/1.1 ") == 1


def test_with_a_token_a_body_is_asked_for(local: Store) -> None:
    headers = [f"{name}: {value}" for name, value in bearer(local, "ann").items()]
    asked = posted("/v1/jobs", "Expect: 100-continue", "Content-Type: application/json", *headers, length=2)
    with served(application(local, needs_token=True)) as client, connected(client, asked) as own:
        assert own.recv(1000).startswith(b"HTTP/1.1 100 ")
        own.sendall(b"{}")
        assert b" 422 " in own.recv(65536)


@pytest.mark.parametrize("path", ["/v1/problems", "/v1/models?suffix=.mps", "/v1/jobs"])
def test_a_body_that_says_it_is_too_large_is_not_read(local: Store, path: str) -> None:
    caps = Caps(upload=1000, request=1000, document=1000)
    with (
        served(application(local, caps=caps)) as client,
        connected(client, posted(path, "Content-Type: application/json", length=1001)) as own,
    ):
        assert heard(own).startswith(b"HTTP/1.1 413 ")


def test_too_many_connections_make_room_by_ending_those_that_wait(local: Store) -> None:
    with served(application(local), Limits(total=5)) as client, ExitStack() as stack:
        waiting = [stack.enter_context(connected(client, b"GET / HTTP/1.1\r\n")) for _ in range(5)]
        assert client.get("/livez").status_code == 200
        assert heard(waiting[0]) == b""


@contextmanager
def busy(local: Store, limits: Limits) -> Iterator[tuple[httpx.Client, bytes]]:
    """Serve what is asked, and not answered before the context ends."""
    app, go_on = application(local), threading.Event()
    app.add_api_route("/busy", lambda: go_on.wait(PATIENCE))
    with served(app, limits) as client:
        try:
            yield client, b"GET /busy HTTP/1.1\r\nHost: localhost\r\n\r\n"
        finally:
            go_on.set()


def told_when_full(client: httpx.Client, stack: ExitStack, ask: bytes, count: int) -> bytes:
    """Open connections that ask for something, and return what the next one is told once all of them have a place."""
    for _ in range(count):
        stack.enter_context(connected(client, ask))
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:  # one that the server has not read from yet makes room
        with connected(client) as own:
            own.settimeout(0.2)
            try:
                return heard(own)
            except TimeoutError:
                stack.enter_context(connected(client, ask))
    raise AssertionError("there is always room")


def test_too_many_busy_connections_keep_the_next_one_out(local: Store) -> None:
    with busy(local, Limits(total=3)) as (client, ask), ExitStack() as stack:
        assert told_when_full(client, stack, ask, 3).startswith(b"HTTP/1.1 503 ")


def test_an_address_has_so_many_connections(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1")
    with busy(local, Limits(peer=2)) as (client, ask), ExitStack() as stack:
        assert told_when_full(client, stack, ask, 2).startswith(b"HTTP/1.1 503 ")


def followed(store: Store, owner: str = "") -> bytes:
    """Return a request of an owner, or of the local user, that follows a new job."""
    whose = owner or "local"
    job = store.create_job(replace(SUBMISSION, members=MEMBERS, owner=whose, name=whose))
    token = [f"{name}: {value}" for name, value in bearer(store, owner).items()] if owner else []
    asked = [f"GET /v1/events?job={job.id} HTTP/1.1", "Host: localhost", *token, "", ""]
    return "\r\n".join(asked).encode()


def test_who_follows_jobs_makes_room_for_others(local: Store) -> None:
    ask = followed(local)
    with served(application(local), Limits(total=3)) as client, ExitStack() as stack:
        streams = [stack.enter_context(connected(client, ask)) for _ in range(3)]
        assert all(own.recv(1000).startswith(b"HTTP/1.1 200") for own in streams)
        assert client.get("/livez").status_code == 200
        heard(streams[0])  # to its end


def test_who_has_waited_makes_room_before_who_follows_jobs(local: Store) -> None:
    with served(application(local), Limits(total=2)) as client, ExitStack() as stack:
        stream = stack.enter_context(connected(client, followed(local)))
        assert stream.recv(1000).startswith(b"HTTP/1.1 200")
        waiting = stack.enter_context(connected(client, b"GET / HTTP/1.1\r\n"))
        waiting.settimeout(1.5 * STALLED)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        assert client.get("/livez").status_code == 200
        waiting.settimeout(PATIENCE)
        assert heard(waiting) == b""
        stream.setblocking(False)
        with pytest.raises(BlockingIOError):
            while stream.recv(1000):
                pass


def test_an_owner_follows_jobs_over_so_many_connections(local: Store) -> None:
    ann, bob = followed(local, "ann"), followed(local, "bob")
    app = application(local, needs_token=True)
    with served(app) as client, ExitStack() as stack:
        streams = [stack.enter_context(connected(client, ann)) for _ in range(MOST_STREAMS)]
        assert all(own.recv(1000).startswith(b"HTTP/1.1 200") for own in streams)
        refused = stack.enter_context(connected(client, ann))
        told = b""
        while b"close one" not in told and (block := refused.recv(65536)):
            told += block
        assert told.startswith(b"HTTP/1.1 429 ") and b"retry-after" in told.lower() and b"close one" in told
        assert stack.enter_context(connected(client, bob)).recv(1000).startswith(b"HTTP/1.1 200")
        streams[0].close()
        give_up = time.monotonic() + PATIENCE
        while len(app.state.streams) > MOST_STREAMS:
            assert time.monotonic() < give_up
        assert stack.enter_context(connected(client, ann)).recv(1000).startswith(b"HTTP/1.1 200")


def test_a_job_is_looked_at_once_for_all_who_follow_it(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.service.events.LOOK_EVERY", 1000.0)
    looks, standing = [], Store.standing

    def counted(store: Store, number: int) -> Job:
        looks.append(number)
        return standing(store, number)

    monkeypatch.setattr(Store, "standing", counted)
    ask = followed(local)
    with served(application(local)) as client, ExitStack() as stack:
        streams = [stack.enter_context(connected(client, ask)) for _ in range(5)]
        for own in streams:
            told = b""
            while b"event: job" not in told:
                told += own.recv(65536)
    assert len(looks) == 1


def test_behind_a_proxy_requests_are_counted_by_the_address_that_it_forwards(local: Store) -> None:
    number = sent_job(local)
    headers = [f"{name}: {value}" for name, value in bearer(local, "me", Scope.ADMIN).items()]

    def following(address: str) -> bytes:
        head = [f"GET /v1/jobs/{number}/events HTTP/1.1", "Host: localhost", f"X-Forwarded-For: {address}", *headers]
        return "\r\n".join([*head, "", ""]).encode()

    with served(application(local, needs_token=True), Limits(peer=2)) as client, ExitStack() as stack:
        for _ in range(2):
            assert stack.enter_context(connected(client, following("203.0.113.5"))).recv(99).startswith(b"HTTP/1.1 200")
        third = stack.enter_context(connected(client, following("203.0.113.5"))).recv(65536)
        assert third.startswith(b"HTTP/1.1 429 ") and b"retry-after" in third.lower()
        other = stack.enter_context(connected(client, following("203.0.113.6")))
        assert other.recv(99).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:9::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_an_address_of_ipv6_counts_as_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_header_that_is_too_long_is_refused(local: Store) -> None:
    with served(application(local)) as client, connected(client, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000) as own:
        assert heard(own).startswith(b"HTTP/1.1 400 ")


def test_a_request_for_a_problem_may_be_large_and_is_read_as_a_whole(local: Store) -> None:
    with served(application(local)) as client:
        answer = client.post("/v1/problems", json={"problem": {"kind": "toll", "x": ["y" * 1000] * 3000}})
        assert answer.status_code == 422 and "arcs" in answer.json()["detail"], answer.text
        listed = {"sha256": ["0" * 64] * 10_000}
        assert client.post("/v1/models/missing", json=listed).status_code == 200


def test_answers_that_are_not_read_keep_no_large_request_of_others_waiting(local: Store) -> None:
    app = application(local, needs_token=True)
    app.add_api_route("/large", lambda: Response(b"x" * 2**25), methods=["POST"])

    def asked(owner: str) -> bytes:
        (token,) = bearer(local, owner).values()
        return posted("/large", f"Authorization: {token}", length=HELD + 1) + b"x" * (HELD + 1)

    with served(app) as client, ExitStack() as stack:
        for owner in ("ann", "ann", "eve", "bob"):
            own = stack.enter_context(closing(socket.socket()))
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            own.settimeout(PATIENCE)
            own.connect(("127.0.0.1", client.base_url.port))
            own.sendall(asked(owner))
            assert own.recv(12) == b"HTTP/1.1 200"


def test_one_owner_has_one_large_request_worked_on_at_a_time(local: Store) -> None:
    app = application(local, needs_token=True)
    under_way: Queue[str] = Queue()
    go_on = threading.Event()

    def slow(owner: str) -> str:
        under_way.put(owner)
        assert go_on.wait(PATIENCE)
        return "done"

    app.add_api_route("/slow", slow, methods=["POST"])
    tokens = {owner: bearer(local, owner) for owner in ("ann", "bob")}
    with served(app) as client, ThreadPoolExecutor() as pool:

        def ask(owner: str) -> int:
            url = f"/slow?owner={owner}"
            return client.post(url, content=b"x" * (HELD + 1), headers=tokens[owner]).status_code

        asked = [pool.submit(ask, owner) for owner in ("ann", "ann", "ann", "bob")]
        found = {under_way.get(timeout=PATIENCE) for _ in range(2)}
        go_on.set()
        assert [each.result(PATIENCE) for each in asked] == [200] * 4
        assert found == {"ann", "bob"}


def test_no_more_than_a_headers_worth_is_read_of_a_body_before_its_sender_is_known(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, taken, is_known = Guarded.data_received, [0], threading.Event()
    caller = Access.caller

    def counted(connection: Guarded, data: bytes) -> None:
        taken[0] += len(data)
        read(connection, data)

    def known(access: Access, request: Request) -> Caller:
        assert is_known.wait(PATIENCE)
        return caller(access, request)

    monkeypatch.setattr(Guarded, "data_received", counted)
    monkeypatch.setattr(Access, "caller", known)
    body = b'{"sha256": []}'.ljust(500_000)
    with (
        served(application(local)) as client,
        connected(client, posted("/v1/models/missing", "Content-Type: application/json", length=len(body))) as own,
        ThreadPoolExecutor() as pool,
    ):
        sending = pool.submit(own.sendall, body)
        for _ in range(50):  # rounds of the server's loop, in which it could read on
            assert client.get("/livez").status_code == 200
        before = taken[0]
        is_known.set()
        sending.result(PATIENCE)
        assert own.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert before < HEADER + 50 * 500  # and what asked /livez
        assert taken[0] > len(body)


def test_a_body_goes_on_after_bytes_that_are_no_part_of_its_content(local: Store) -> None:
    asked = posted("/v1/models/missing", "Expect: 100-continue", "Content-Type: application/json", length=None)
    with served(application(local)) as client, connected(client, asked) as own:
        assert own.recv(1000).startswith(b"HTTP/1.1 100 ")
        for piece in (b"e", b"\r", b'\n{"sha256": []}', b"\r\n0", b"\r\n\r\n"):
            own.sendall(piece)
            assert client.get("/livez").status_code == 200  # by when it was read
        assert own.recv(65536).startswith(b"HTTP/1.1 200 ")

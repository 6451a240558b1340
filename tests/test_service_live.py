"""Live pages in a real browser: all pages of a browser share one connection, whatever happens to pages and server."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, expect

from storage.lease import Lease, this_process
from storage.records import Scope
from storage.store import Store
from tests.browsing import Watched
from tests.service import bearer, served
from tests.store_samples import HERE, MEMBERS, PROBLEM, RESPONSE, SUBMISSION, run
from tuner.service import events
from tuner.service.access import COOKIE
from tuner.service.server import application

PAGES = 8
"""Two more than the connections that a browser opens to one server over HTTP/1.1."""
PATIENCE = 60_000
"""Milliseconds: a page that waits for a connection waits for ever, and a busy machine takes its time."""


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """A store of one kind: what a browser sees hangs on none."""
    with Store.open(sqlite_url) as found:
        yield found


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: figures take most of the time of a page, and eight of them are opened at once."""
    monkeypatch.setitem(sys.modules, "plotly", None)


def running(store: Store, count: int, owner: str = "local") -> list[Lease]:
    """Put jobs into the store that this process works on."""
    submission = replace(SUBMISSION, members=MEMBERS, solvers=("highs",), owner=owner)
    made = [store.create_job(replace(submission, name=f"{owner} {number}")) for number in range(count)]
    return [store.claim(job.id, this_process(), 60) for job in made]


def opened(context: BrowserContext, client: httpx.Client, leases: list[Lease]) -> list[Page]:
    """Open the pages of jobs, and wait until each is live."""
    pages = []
    for lease in leases:
        page = Watched(context, str(client.base_url).rstrip("/")).page
        page.goto(f"{client.base_url}/jobs/{lease.job_id}", timeout=PATIENCE)
        pages.append(page)
    return pages


def recorded(store: Store, leases: list[Lease], seconds: float) -> None:
    """Record a run of each job."""
    for lease in leases:
        store.record(lease, run(int(seconds)), RESPONSE, seconds, HERE)


def shown(pages: list[Page], runs: int) -> None:
    """Wait until each page shows so many runs, without having been loaded again for it."""
    for page in pages:
        expect(page.locator("#runs")).to_have_text(str(runs), timeout=PATIENCE)


def until(is_so: Callable[[], bool], seconds: float = PATIENCE / 1000) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_eight_pages_of_unfinished_jobs_are_live_over_one_connection(browser: Browser, store: Store) -> None:
    leases = running(store, PAGES)
    app = application(store)
    with served(app) as client:
        context = browser.new_context()
        pages = opened(context, client, leases)
        recorded(store, leases, 1.0)
        shown(pages, 1)
        until(lambda: len(app.state.streams) == 1)  # one that was made anew for another page may end a moment later
        assert "tuner_event_streams 1.0" in client.get("/metrics").text
        other = browser.new_context()
        pages += opened(other, client, leases[:1])
        recorded(store, leases, 2.0)
        shown(pages, 2)
        until(lambda: len(app.state.streams) == 2)
        context.close()
        other.close()
        until(lambda: len(app.state.streams) == 0)


def test_the_connection_is_for_the_jobs_whose_pages_are_open(browser: Browser, store: Store) -> None:
    leases = running(store, 3)
    app = application(store)
    with served(app) as client:
        context = browser.new_context()
        first, *others = opened(context, client, leases)
        for page in others:
            page.close()
        recorded(store, leases[:1], 1.0)
        shown([first], 1)
        until(lambda: len(app.state.streams) == 1)
        first.goto(f"{client.base_url}/submit")
        until(lambda: len(app.state.streams) == 0)
        first.go_back()
        recorded(store, leases[:1], 2.0)
        shown([first], 2)
        context.close()


def test_a_jobs_end_is_shown_on_its_pages_and_the_others_stay_live(browser: Browser, store: Store) -> None:
    leases = running(store, 2)
    app = application(store)
    with served(app) as client:
        context = browser.new_context()
        ending, going = opened(context, client, leases)
        again = opened(context, client, leases[:1])[0]
        store.finish(leases[0], "default kept", "nothing was gained", None)
        for page in (ending, again):
            expect(page.locator(".verdict")).to_contain_text("nothing was gained", timeout=PATIENCE)
        recorded(store, leases[1:], 1.0)
        shown([going], 1)
        assert len(app.state.streams) == 1
        store.finish(leases[1], "default kept", "nothing was gained", None)
        expect(going.locator(".verdict")).to_contain_text("nothing was gained", timeout=PATIENCE)
        until(lambda: len(app.state.streams) == 0)
        context.close()


@contextmanager
def restartable(app: FastAPI, port: int) -> Iterator[None]:
    """Serve on a fixed port."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    yield
    server.should_exit = True
    thread.join(10)


def test_pages_go_on_when_the_server_was_restarted(browser: Browser, store: Store) -> None:
    leases = running(store, 2)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    context = browser.new_context()
    pages = [context.new_page() for _ in leases]
    with restartable(application(store), port):
        for page, lease in zip(pages, leases, strict=True):
            page.goto(f"http://127.0.0.1:{port}/jobs/{lease.job_id}")
            page.evaluate("window.isSame = true")
        recorded(store, leases, 1.0)
        shown(pages, 1)
    app = application(store)
    with restartable(app, port):
        recorded(store, leases, 2.0)
        shown(pages, 2)
        assert len(app.state.streams) == 1
        assert all(page.evaluate("window.isSame") for page in pages)
        context.close()


def test_who_logs_out_is_logged_out_on_all_pages_and_the_connection_ends(browser: Browser, store: Store) -> None:
    leases = running(store, 2, "ann")
    secret = bearer(store, "ann", Scope.READ)["Authorization"].removeprefix("Bearer ")
    app = application(store, needs_token=True)
    with served(app) as client:
        context = browser.new_context()
        context.add_cookies([{"name": COOKIE, "value": secret, "url": str(client.base_url)}])
        leaving, staying = opened(context, client, leases)
        recorded(store, leases, 1.0)
        shown([leaving, staying], 1)
        leaving.click("text=log out")
        staying.wait_for_url(re.compile("/login"), timeout=PATIENCE)
        until(lambda: len(app.state.streams) == 0)
        context.close()


def test_pages_whose_token_was_revoked_ask_for_another_one(
    browser: Browser, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KNOWN_EVERY", 0.2)
    (lease,) = running(store, 1, "ann")
    token, secret = store.create_token("t", "ann", Scope.READ)
    with served(application(store, needs_token=True)) as client:
        context = browser.new_context()
        context.add_cookies([{"name": COOKIE, "value": secret, "url": str(client.base_url)}])
        (page,) = opened(context, client, [lease])
        recorded(store, [lease], 1.0)
        shown([page], 1)
        store.revoke_token(token.id)
        page.wait_for_url(re.compile("/login"), timeout=PATIENCE)
        context.close()


@pytest.mark.parametrize(
    "lacks",
    [
        "delete window.SharedWorker",
        "SharedWorker = function () { this.port = {postMessage() {}, close() {}}; setTimeout(() => this.onerror()); }",
    ],
)
def test_pages_are_live_in_browsers_without_shared_workers_and_keep_no_connection(
    browser: Browser, store: Store, lacks: str
) -> None:
    leases = running(store, 2)
    app = application(store)
    with served(app) as client:
        context = browser.new_context()
        context.add_init_script(lacks)
        pages = opened(context, client, leases)
        recorded(store, leases, 1.0)
        shown(pages, 1)
        assert len(app.state.streams) == 0
        store.finish(leases[0], "default kept", "nothing was gained", None)
        expect(pages[0].locator(".verdict")).to_contain_text("nothing was gained", timeout=PATIENCE)
        context.close()


def test_pages_connect_again_when_the_worker_that_they_share_falls_silent(browser: Browser, store: Store) -> None:
    (lease,) = running(store, 1)
    app = application(store)
    with served(app) as client:
        context = browser.new_context()
        context.route(
            "**/static/*/live.js",
            lambda route: route.fulfill(
                response=(found := route.fetch()),
                body=found.text().replace("CHECK_MS = 10_000, SILENCE_MS = 60_000", "CHECK_MS = 100, SILENCE_MS = 800"),
            ),
        )
        context.add_init_script(
            """const Real = SharedWorker; let count = 0;
            SharedWorker = function (url, options) {  // the first one is deaf, as one that has died
              if (count++) return new Real(url, options);
              return {port: {postMessage() {}, close() {}}};
            };"""
        )
        pages = opened(context, client, [lease])
        recorded(store, [lease], 1.0)
        shown(pages, 1)
        assert len(app.state.streams) == 1
        context.close()


# The stream itself


def test_jobs_are_followed_together_and_those_of_others_do_not_exist(store: Store) -> None:
    own, (foreign,) = running(store, 2, "ann"), running(store, 1, "bob")
    store.finish(own[0], "default kept", "nothing was gained", None)
    store.finish(own[1], "default kept", "nothing was gained", None)
    solving = store.create_job(replace(PROBLEM, name="tolls", owner="ann"))
    store.finish(store.claim(solving.id, this_process(), 60), "optimal", "", None)
    with served(application(store, needs_token=True)) as client:
        numbers = [own[1].job_id, foreign.job_id, own[0].job_id, 99, solving.id]
        asked = {"job": [*numbers, numbers[0]]}
        answer = client.get("/v1/events", params=asked, headers=bearer(store, "ann", Scope.READ))
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = re.findall(r'event: (\w+)\ndata: \{"id": (\d+)', answer.text)
        kinds = {number: [kind for kind, found in told if int(found) == number] for number in numbers}
        over = ["job", "over"]
        assert list(kinds.values()) == [over, ["gone"], over, ["gone"], over]
        for wrong in ("", "?job=x", "?job=0", "?" + "&".join(f"job={number}" for number in range(1, 102))):
            assert client.get(f"/v1/events{wrong}", headers=bearer(store, "ann", Scope.READ)).status_code == 422
        assert client.get("/v1/events?job=1").status_code == 401

"""Advice on instance sets over HTTP and on their page: whose, on what, and what can be wrong with it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from instances.families import FAMILIES, generate
from instances.formats import sha256_of
from storage.records import InstanceSet, ModelContent
from storage.store import Store
from tests.browsing import Watched
from tests.disks import NotPermitted, small_disk
from tests.processes import until
from tests.service import bearer, refused, sent, served, uploaded
from tuner.app import set_advice
from tuner.app.advising import Advisory
from tuner.app.shapes import AdvisoryShape
from tuner.service import advice
from tuner.service.server import application

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def covers(tmp_path: Path) -> Path:
    generate(FAMILIES["set-cover"], 3, tmp_path / "covers", 3, 0.6)
    return tmp_path / "covers"


def test_a_set_is_advised_on_and_nothing_is_left_behind(
    client: httpx.Client, store: Store, covers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spool").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spool"))
    number = uploaded(store, covers, "local").id
    answer = client.get(f"/v1/instance-sets/{number}/advice?solver=highs")
    assert answer.status_code == 200, answer.text
    found = AdvisoryShape.model_validate(answer.json())
    (highs,) = found.solvers
    assert (found.models, found.left_out, highs.reason) == (3, [], None)
    assert highs.families[0].name == "set-cover"
    assert all(low < each.ratio < high for each in highs.configurations for low, high in [each.interval])
    assert list((tmp_path / "spool").glob("tuner-advice-*")) == []


def test_what_is_not_known_is_said(client: httpx.Client) -> None:
    found = client.get(f"/v1/instance-sets/{sent(client)}/advice?solver=highs").json()
    assert found["solvers"][0]["configurations"] == []
    assert "nothing is known about models like these" in found["solvers"][0]["reason"]


def test_sets_of_others_are_not_there(open_client: httpx.Client, store: Store, covers: Path) -> None:
    number = uploaded(store, covers, "ann").id
    refused(open_client.get(f"/v1/instance-sets/{number}/advice"), 401, "token")
    bob = bearer(store, "bob")
    refused(open_client.get(f"/v1/instance-sets/{number}/advice", headers=bob), 404, "no instance set")
    assert open_client.get(f"/sets/{number}", headers=bob).status_code == 404
    assert open_client.get(f"/sets/{number}/advice", headers=bob).status_code == 404


class Held:
    """Advice that is not given before it is released; how many sets were looked at, and at once at most."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.released, self.begun, self.most = threading.Event(), 0, 0
        self._at_once, self._counted = 0, threading.Lock()
        monkeypatch.setattr(advice, "advise_set", self._advise)

    def _advise(self, store: Store, found: InstanceSet, solvers: Sequence[str]) -> Advisory:
        with self._counted:
            self.begun += 1
            self._at_once += 1
            self.most = max(self.most, self._at_once)
        assert self.released.wait(60)
        with self._counted:
            self._at_once -= 1
        return set_advice.advise_set(store, found, solvers)


def test_a_wrong_solver_and_a_set_that_is_not_there_are_refused(client: httpx.Client) -> None:
    refused(client.get(f"/v1/instance-sets/{sent(client)}/advice?solver=gurobi"), 422, "unknown solver")
    refused(client.get("/v1/instance-sets/99/advice"), 404, "no instance set")


def test_owners_take_turns_and_none_waits_for_two_at_a_time(
    open_client: httpx.Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = [bearer(store, name) for name in ("ann", "bob", "cid")]
    url = f"{open_client.base_url}".rstrip("/")
    paths = [f"{url}/v1/instance-sets/{sent(open_client, headers=who)}/advice?solver=highs" for who in owners]
    held = Held(monkeypatch)
    with ExitStack() as stack, ThreadPoolExecutor(3) as pool:
        stack.callback(held.released.set)
        asked = [pool.submit(httpx.get, path, headers=who, timeout=60) for path, who in zip(paths, owners, strict=True)]
        until(lambda: held.begun == 1)
        for path, who in zip(paths, owners, strict=True):
            until(lambda path=path, who=who: httpx.get(path, headers=who).status_code == 429)  # type: ignore[misc]
        again = httpx.get(paths[0], headers=owners[0])
        refused(again, 429, "not ready yet")
        assert again.headers["retry-after"]
        held.released.set()
        assert [each.result().status_code for each in asked] == [200, 200, 200]
    assert (held.begun, held.most) == (3, 1)
    assert httpx.get(paths[0], headers=owners[0], timeout=60).status_code == 200


def test_models_that_cannot_be_read_are_named_as_in_the_set(client: httpx.Client, store: Store, covers: Path) -> None:
    (covers / "broken.mps").write_text("NAME\nROWS\n X what\n")
    number = uploaded(store, covers, "local").id
    found = client.get(f"/v1/instance-sets/{number}/advice?solver=highs").json()
    (reason,) = found["left_out"]
    assert reason.startswith("broken: ")
    assert "/" not in reason
    alone = covers / "broken.mps"
    content = ModelContent(sha256_of(alone), ".mps", alone.stat().st_size)
    only = store.create_instance_set("local", "broken", [("day/broken", content.sha256)]).id
    refused(
        client.get(f"/v1/instance-sets/{only}/advice"), 422, "none of its 1 model can be read. Left out: day/broken: "
    )


def test_a_full_disk_is_no_fault_of_the_servers(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = sent(client)
    try:
        with small_disk(tmp_path / "disk", 64) as disk:
            disk.fill()
            monkeypatch.setattr("tempfile.tempdir", str(disk.folder))
            answer = client.get(f"/v1/instance-sets/{number}/advice?solver=highs")
            refused(answer, 507, "the server's disk is full")
            assert list(disk.folder.glob("tuner-advice-*")) == []
    except NotPermitted as error:
        pytest.skip(str(error))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    answer = client.get(f"/v1/instance-sets/{number}/advice?solver=highs")
    refused(answer, 503, "cannot be used at the moment")


def test_large_models_are_passed_over(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    number = sent(client)
    monkeypatch.setattr(set_advice, "LARGEST", 200)
    found = client.get(f"/v1/instance-sets/{number}/advice?solver=highs").json()
    assert found["models"] + len(found["left_out"]) == 5
    assert "too large to be looked at" in found["left_out"][0]
    monkeypatch.setattr(set_advice, "LARGEST", 10)
    refused(client.get(f"/v1/instance-sets/{number}/advice"), 422, "its models are too large")


def test_of_a_large_set_a_sample_is_read(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_advice, "SAMPLE", 3)
    assert client.get(f"/v1/instance-sets/{sent(client)}/advice?solver=highs").json()["models"] == 3


def test_the_page_of_a_set_advises_in_a_browser(
    browser: Browser, store: Store, covers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = covers / "set-cover-0001.mps.gz"
    content = ModelContent(sha256_of(path), ".mps.gz", path.stat().st_size)
    store.keep_model("local", content, [path.read_bytes()])
    number = store.create_instance_set("local", f"covers {HOSTILE}", [("day/one", content.sha256)]).id
    with served(application(store)) as client:
        url = str(client.base_url).rstrip("/")
        watched = Watched(browser.new_context(), url)
        page = watched.page
        page.goto(f"{url}/sets")
        page.get_by_role("link", name="covers").click()
        expect(page.get_by_role("heading", name="Advice")).to_be_visible()
        expect(page.get_by_text("day/one")).to_be_visible()
        page.get_by_role("button", name="ask").click()
        expect(page.get_by_text("known families like these: set-cover").first).to_be_visible(timeout=60_000)
        expect(page.locator("#advice table").first).to_contain_text("mip_")
        assert page.url == f"{url}/sets/{number}"
        held = Held(monkeypatch)
        with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
            stack.callback(held.released.set)
            pool.submit(httpx.get, f"{url}/v1/instance-sets/{number}/advice", timeout=60)
            until(lambda: held.begun == 1)
            page.get_by_role("button", name="ask").click()
            expect(page.locator("#said")).to_contain_text("not ready yet")
        watched.wrong = [each for each in watched.wrong if "429" not in each]
        assert watched.wrong == []

"""One owner's requests never take all of what a server works with: others are answered beside them."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import httpx
import pytest

from storage.records import Configuration
from storage.store import Store
from tests.archives import MPS
from tests.processes import until
from tests.service import bearer, sent
from tuner.errors import UsageError
from tuner.follower import describing
from tuner.follower.settings import check_taken
from tuner.service import jobs, pages, results
from tuner.service.gate import AT_WORK_OF_ONE
from tuner.service.places import Places


def test_an_owner_has_a_few_of_the_places_and_they_are_free_again() -> None:
    async def run() -> None:
        places = Places(3, 2)
        own = [await places.taken_by("ann") for _ in range(2)]
        third = asyncio.create_task(places.taken_by("ann"))
        other = await asyncio.wait_for(places.taken_by("bob"), 10)
        assert not third.done()
        own[0].close()
        own[0].close()  # which is nothing more
        (await asyncio.wait_for(third, 10)).close()
        for stack in (other, own[1]):
            stack.close()
        every = [await asyncio.wait_for(places.taken_by(who), 10) for who in ("cid", "cid", "dan")]
        fourth = asyncio.create_task(places.taken_by("eve"))
        await asyncio.sleep(0)
        assert not fourth.done()
        every[0].close()
        await asyncio.wait_for(fourth, 10)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("module", "name", "method", "path"),
    [
        (jobs, "fixed_of", "POST", "/v1/jobs"),
        (results, "csv_lines", "GET", "/v1/jobs/nightly/responses?form=csv"),
        (pages, "figures_of", "GET", "/jobs/nightly/figures"),
    ],
)
def test_many_requests_of_one_owner_keep_no_other_waiting(
    open_client: httpx.Client,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    method: str,
    path: str,
) -> None:
    ann, bob = bearer(store, "ann"), bearer(store, "bob")
    body = {"instance_set": sent(open_client, headers=ann), "solvers": ["highs"], "cutoff_s": 1.0, "name": "nightly"}
    assert open_client.post("/v1/jobs", json=body, headers=ann).status_code == 201
    over, counted, at_work, most = threading.Event(), threading.Lock(), 0, 0

    def slow(*_: object) -> tuple[()]:
        nonlocal at_work, most
        with counted:
            at_work += 1
            most = max(most, at_work)
        assert over.wait(60)
        with counted:
            at_work -= 1
        raise UsageError("enough")

    monkeypatch.setattr(module, name, slow)
    url = f"{open_client.base_url}".rstrip("/")
    ask = partial(httpx.request, method, f"{url}{path}", headers=ann, timeout=60)
    if method == "POST":
        ask = partial(ask, json={**body, "name": ""})
    with ExitStack() as stack, ThreadPoolExecutor(60) as pool:
        stack.callback(over.set)
        asked = [pool.submit(ask) for _ in range(60)]
        until(lambda: at_work >= AT_WORK_OF_ONE)
        for page in ("/v1/jobs", "/", "/readyz", "/metrics"):
            assert httpx.get(f"{url}{page}", headers=bob, timeout=20).status_code == 200
        own = httpx.post(f"{url}/v1/models?suffix=.mps", content=MPS, headers=ann, timeout=20)
        assert own.status_code == 201  # uploads have limits of their own
        assert most == AT_WORK_OF_ONE
        over.set()
        assert {each.result().status_code for each in asked} == {422}
    assert open_client.get("/v1/jobs", headers=ann).status_code == 200


def test_what_is_fixed_is_tried_one_configuration_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, at_once, another = threading.Lock(), 0, threading.Event()

    def tried(*_: object) -> str:
        nonlocal at_once
        with counted:
            at_once += 1
            if at_once > 1:
                another.set()
        another.wait(0.1)
        with counted:
            at_once -= 1
        return ""

    monkeypatch.setattr(describing, "_tried", tried)
    describing.untaken.cache_clear()
    every = [Configuration.of("highs", {"mip_heuristic_effort": 0.5 + number / 100}) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(check_taken, where="fix"), every))
    describing.untaken.cache_clear()
    assert not another.is_set()


def test_the_one_setting_that_is_not_taken_is_looked_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describing, "NAMING_SECONDS", -1.0)
    monkeypatch.setattr(describing, "_tried", lambda _, values: "it is wrong" if len(values) == 2 else pytest.fail())
    describing.untaken.cache_clear()
    with pytest.raises(UsageError, match=r"presolve=off, simplex_strategy=2: the highs .* cannot use it: it is wrong"):
        check_taken(Configuration.of("highs", {"presolve": "off", "simplex_strategy": 2}), "fix")
    describing.untaken.cache_clear()

"""Who may ask a server for what, and who hears nothing."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from storage.records import Scope
from storage.store import Store
from tests.archives import MPS
from tests.service import bearer, carried_out, refused, sent, served
from tests.store_samples import MEMBERS, SUBMISSION
from tuner.service import events
from tuner.service.access import FORWARDED
from tuner.service.server import application


def test_without_a_token_nothing_is_told_and_with_one_what_its_scope_allows(
    open_client: httpx.Client, store: Store
) -> None:
    carried_out(store, "ann")
    answer = open_client.get("/v1/jobs")
    refused(answer, 401, "a token is needed")
    assert answer.headers["www-authenticate"] == "Bearer"
    refused(open_client.get("/v1/jobs", headers={"Authorization": "Bearer tuner_x"}), 401, "not known")
    refused(open_client.get("/v1/jobs", headers={"Authorization": "Basic eDp5"}), 401, "a token is needed")
    reading = bearer(store, "ann", Scope.READ)
    assert len(open_client.get("/v1/jobs", headers=reading).json()["rows"]) == 1
    refused(open_client.post("/v1/models?suffix=.mps", content=MPS, headers=reading), 403, "for submit, not read")
    refused(open_client.post("/v1/jobs/1/pause", headers=reading), 403, "for submit")
    assert open_client.get("/livez").text == "ok\n"
    assert open_client.get("/readyz").text == "ok\n"


def test_a_token_that_was_revoked_is_of_no_use(open_client: httpx.Client, store: Store) -> None:
    token, secret = store.create_token("t", "ann", Scope.ADMIN)
    headers = {"Authorization": f"Bearer {secret}"}
    assert open_client.get("/v1/jobs", headers=headers).status_code == 200
    store.revoke_token(token.id)
    refused(open_client.get("/v1/jobs", headers=headers), 401, "revoked")


def test_who_follows_a_job_hears_no_more_of_it_once_the_token_is_revoked(
    open_client: httpx.Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KNOWN_EVERY", 0.2)
    monkeypatch.setattr(events, "LOOK_EVERY", 0.1)
    job = store.create_job(replace(SUBMISSION, members=MEMBERS, owner="ann"))
    token, secret = store.create_token("t", "ann", Scope.READ)
    headers = {"Authorization": f"Bearer {secret}"}
    with open_client.stream("GET", f"/v1/jobs/{job.id}/events", headers=headers, timeout=10) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "event: job"
        store.revoke_token(token.id)
        assert "event: over" not in list(lines)


def test_nobody_sees_or_touches_what_is_somebody_elses(open_client: httpx.Client, store: Store) -> None:
    ann, bob, admin = bearer(store, "ann"), bearer(store, "bob"), bearer(store, "root", Scope.ADMIN)
    number = sent(open_client, ann)
    made = open_client.post("/v1/jobs", json={"instance_set": number, "name": "secret"}, headers=ann)
    assert made.status_code == 201
    assert made.json()["owner"] == "ann"
    for reference in ("secret", made.json()["id"], "secrets"):
        for method, path in (
            ("GET", ""),
            ("GET", "/best"),
            ("GET", "/responses"),
            ("GET", "/trajectory"),
            ("GET", "/instances"),
            ("GET", "/events"),
            ("POST", "/pause"),
            ("POST", "/cancel"),
            ("POST", "/resume"),
        ):
            answer = open_client.request(method, f"/v1/jobs/{reference}{path}", headers=bob)
            refused(answer, 404, f"there is no job '{reference}'")
            assert "did you mean" not in answer.text
    assert open_client.get("/v1/jobs", headers=bob).json()["rows"] == []
    assert open_client.get("/v1/instance-sets", headers=bob).json() == []
    refused(open_client.get(f"/v1/instance-sets/{number}", headers=bob), 404, "no instance set")
    refused(open_client.delete(f"/v1/instance-sets/{number}", headers=bob), 404, "no instance set")
    refused(open_client.post("/v1/jobs", json={"instance_set": number}, headers=bob), 404, "no instance set")
    sha256 = open_client.get(f"/v1/instance-sets/{number}", headers=ann).json()["members"][0]["sha256"]
    missing = open_client.post("/v1/models/missing", json={"sha256": [sha256]}, headers=bob).json()
    assert missing == {"missing": [sha256]}
    stolen = open_client.post("/v1/instance-sets", json={"name": "x", "members": {"a": sha256}}, headers=bob)
    refused(stolen, 409, "upload the missing models first")
    assert [job["name"] for job in open_client.get("/v1/jobs", headers=admin).json()["rows"]] == ["secret"]


def test_a_browser_that_was_tricked_is_refused(store: Store) -> None:
    with served(application(store, hosts=frozenset({"localhost", "127.0.0.1"}))) as client:
        own = str(client.base_url).rstrip("/")
        assert client.get("/v1/jobs").status_code == 200
        refused(client.get("/v1/jobs", headers={"Host": "evil.example"}), 421, "not known by that host's name")
        refused(client.post("/v1/jobs", json={}, headers={"Origin": "http://evil.example"}), 403, "from another site")
        for odd in ("http://[", "null", "//", "", own.replace("http", "http:")):
            refused(client.post("/v1/jobs", json={}, headers={"Origin": odd}), 403, "from another site")
        assert client.post("/v1/jobs", json={}, headers={"Origin": own}).status_code == 422
        answer = client.get("/v1/jobs")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("header", FORWARDED)
def test_who_comes_by_a_proxy_is_asked_for_a_token_though_nobody_else_is(client: httpx.Client, header: str) -> None:
    refused(client.get("/v1/jobs", headers={header: "8.8.8.8"}), 401, "a token is needed")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/{job}/responses?configuration=%00",
        "/v1/jobs/{job}/best?form=solver&configuration=%00",
        "/jobs/{job}?configuration=%00",
        "/v1/jobs/%00",
        "/v1/best?family=%00",
    ],
)
def test_a_nul_is_not_taken_for_a_database_that_is_away(client: httpx.Client, store: Store, path: str) -> None:
    answer = client.get(path.format(job=store.job(carried_out(store)).id))
    assert answer.status_code in (200, 404, 409, 422), answer.text


def test_metrics_tell_nothing_to_whoever_has_no_token_where_one_is_needed(
    open_client: httpx.Client, store: Store
) -> None:
    refused(open_client.get("/metrics"), 401, "a token is needed")
    told = open_client.get("/metrics", headers=bearer(store, "ann", Scope.READ))
    assert "tuner_jobs" in told.text


def test_the_cookie_of_another_server_locks_nobody_out_of_one_that_needs_no_token(client: httpx.Client) -> None:
    stale = {"Cookie": "tuner_token=tuner_old"}
    assert client.get("/v1/jobs", headers=stale).status_code == 200
    refused(client.get("/v1/jobs", headers={"Authorization": "Bearer tuner_old"}), 401, "not known")
    refused(client.get("/v1/jobs", headers={**stale, "X-Forwarded-For": "8.8.8.8"}), 401, "not known")


def test_similar_names_are_told_of_ones_own_jobs_only(open_client: httpx.Client, store: Store) -> None:
    for owner in ("ann", "bob"):
        carried_out(store, owner)
    answer = open_client.get("/v1/jobs/done by an", headers=bearer(store, "bob"))
    refused(answer, 404, "did you mean done by bob?")
    assert "ann" not in answer.json()["detail"]

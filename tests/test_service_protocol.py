"""What HTTP asks of a server: methods, caches, the description of the API, and silence about what goes wrong inside."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from storage.errors import StoreError, StoreFull, StoreRefused, StoreUnavailable
from storage.store import Store
from tests.endpoints import MORE, PARTS
from tests.service import carried_out, refused, served
from tests.store_samples import MEMBERS, SUBMISSION
from tuner.service.server import application

SECRET = "password=hunter2 at db-7.internal, table runs, /srv/tuner/x.db"


@pytest.fixture
def local(sqlite_url: str) -> Iterator[Store]:
    with Store.open(sqlite_url) as store:
        carried_out(store)
        yield store


@pytest.fixture
def near(local: Store) -> Iterator[httpx.Client]:
    with served(application(local)) as client:
        yield client


def operations(client: httpx.Client) -> Iterator[tuple[str, str, dict[str, object]]]:
    for path, methods in client.get("/v1/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def filled(path: str) -> str:
    for name, value in PARTS.items():
        path = path.replace(name, value)
    return path


# Methods


def test_whatever_is_asked_by_get_is_asked_by_head(near: httpx.Client) -> None:
    for method, path, _ in operations(near):
        if method == "GET":
            got = near.get(filled(path), params=MORE.get(f"GET {path}", {}).get("params"))
            head = near.head(filled(path), params=MORE.get(f"GET {path}", {}).get("params"))
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers.get("content-type") == got.headers.get("content-type"), path


def test_the_head_of_a_stream_without_an_end_has_an_end(near: httpx.Client, local: Store) -> None:
    job = local.create_job(replace(SUBMISSION, members=MEMBERS, owner="local"))
    for path in (f"/v1/jobs/{job.id}/events", f"/v1/jobs/{job.id}/responses?form=csv"):
        assert near.head(path, timeout=10).status_code == 200


def test_every_path_says_by_which_methods_it_is_asked(near: httpx.Client) -> None:
    for method, path, _ in operations(near):
        answer = near.options(filled(path))
        assert answer.status_code == 204 and answer.content == b""
        allowed = answer.headers["allow"].split(", ")
        assert {method, "OPTIONS"} <= set(allowed), path
        assert ("HEAD" in allowed) == ("GET" in allowed)
        assert near.request("BREW", filled(path)).headers["allow"] == answer.headers["allow"]
    assert near.options("/livez").headers["allow"] == "GET, HEAD, OPTIONS"
    refused(near.options("/v1/nothing"), 404, "Not Found")


# The description


@pytest.mark.parametrize("needs_token", [True, False])
def test_every_operation_says_who_may_ask_and_how_it_is_refused(local: Store, needs_token: bool) -> None:
    with served(application(local, needs_token=needs_token)) as client:
        described = client.get("/v1/openapi.json").json()
        schemes = described["components"]["securitySchemes"]
        assert {(each["type"], each.get("scheme", each.get("in"))) for each in schemes.values()} == {
            ("http", "bearer"),
            ("apiKey", "cookie"),
        }
        for method, path, operation in operations(client):
            assert [set(each) for each in operation["security"]] == [{"bearer"}, {"cookie"}] + [set()] * (
                not needs_token
            )
            assert {"401", "429", "500", "503", "507"} <= operation["responses"].keys(), path
            assert ("413" in operation["responses"]) == ("403" in operation["responses"]) == (method != "GET"), path


def test_a_body_of_another_type_than_is_described_is_refused_as_described(near: httpx.Client) -> None:
    takes_json = 0
    for method, path, operation in operations(near):
        kinds = operation.get("requestBody", {}).get("content", {}).keys()
        assert kinds in ({"application/json"}, set()), path
        assert ("415" in operation["responses"]) == bool(kinds), path
        if kinds:
            takes_json += 1
            for kind in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x+json"}):
                refused(
                    near.request(method, filled(path), content=b"{}", headers=kind),
                    415,
                    "Content-Type: application/json",
                )
                refused(near.request(method, filled(path), headers=kind), 415, "Content-Type: application/json")
        else:
            kind = {"Content-Type": "text/plain"}
            assert near.request(method, filled(path), content=b"{}", headers=kind, timeout=30).status_code != 415, path
    assert takes_json == 4


# JSON


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/jobs", '{"instance_set": 1, "instance_set": 2}'),
        ("/v1/problems", '{"problem": {"kind": "toll", "kind": "toll"}}'),
        ("/v1/instance-sets", f'{{"name": "x", "members": {{"a": "{"0" * 64}", "a": "{"1" * 64}"}}}}'),
        ("/v1/instance-sets", '{"name": "x", "name": "y", "members": {}}'),
        ("/v1/models/missing", '{"sha256": [], "sha256": []}'),
        ("/v1/models/missing", '{"sha256": [], "\\u0073ha256": []}'),
        ("/v1/models/missing", '{"sha256": [{"a": 1, "a": 1}]}'),
    ],
)
def test_a_name_that_is_twice_in_an_object_is_refused(near: httpx.Client, path: str, body: str) -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "application/problem+json"):
        answer = near.post(path, content=body, headers={"Content-Type": kind})
        if kind == "application/problem+json":
            refused(answer, 415, "application/json")
        else:
            refused(answer, 422, "is there twice")


@pytest.mark.parametrize("depth", [40, 900, 1_500, 9_000])
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/instance-sets", "/v1/models/missing"])
def test_json_that_is_nested_too_deeply_is_refused_in_words(near: httpx.Client, path: str, depth: int) -> None:
    headers = {"Content-Type": "application/json"}
    for open_, close in (("[", "]"), ('{"a":', "}")):
        body = f'{{"instance_set": {open_ * depth}1{close * depth}}}'
        words = "not valid JSON: it is nested too deeply" if depth > 1_000 else ""
        refused(near.post(path, content=body, headers=headers), 422, words)


# Caches


def test_files_of_the_pages_have_addresses_that_their_content_makes(near: httpx.Client) -> None:
    found = re.findall(r'(?:src|href)="(/static/[^"]+)"', near.get("/").text + near.get("/jobs/1").text)
    assert len(set(found)) >= 4
    for address in found:
        answer = near.get(address)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        _, _, version, name = address.split("/")
        assert re.fullmatch("[0-9a-f]{16}", version)
        assert near.get(f"/static/{'0' * 16}/{name}").headers["cache-control"] == "no-store"
        plain = near.get(f"/static/{name}")
        assert plain.content == answer.content
        same = near.get(f"/static/{name}", headers={"If-None-Match": plain.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/jobs/1", "/login", "/submit", "/jobs/1/figures", "/v1/jobs", "/livez", "/no"])
def test_no_page_and_no_answer_is_kept_by_a_cache(near: httpx.Client, path: str) -> None:
    assert near.get(path, headers={"Accept": "text/html"}).headers["cache-control"] == "no-store"


# What goes wrong inside


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError(SECRET), 500),
        (OSError(5, SECRET), 500),
        (StoreError(SECRET), 503),
        (StoreUnavailable(SECRET), 503),
        (StoreFull(SECRET), 507),
        (StoreRefused(SECRET, is_drivers=True), 409),
    ],
)
@pytest.mark.parametrize("path", ["/v1/jobs/1", "/jobs/1", "/v1/best?family=x"])
def test_strangers_hear_a_number_and_the_log_has_the_reason(
    local: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    path: str,
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    for name in ("job", "jobs"):
        monkeypatch.setattr(local, name, failing)
    with served(application(local)) as client, caplog.at_level(logging.WARNING):
        for kind in ("application/json", "text/html"):
            answer = client.get(path, headers={"Accept": kind})
            assert answer.status_code == status
            for part in SECRET.replace(",", "").split():
                assert len(part) < 4 or part not in answer.text, answer.text
            number = answer.headers["x-request-id"]
            assert re.fullmatch("[0-9a-f]{16}", number)
            assert number in answer.text
            assert any(number in line and SECRET.split()[0] in line for line in caplog.text.split("request ")), (
                caplog.text
            )


def test_an_answer_to_a_database_that_is_away_names_no_host(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "token", lambda _: (_ for _ in ()).throw(StoreUnavailable(SECRET)))
    with served(application(local, needs_token=True)) as client:
        for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("POST", "/v1/archives?name=x")):
            answer = client.request(method, path, headers={"Authorization": "Bearer tuner_x"}, content=b"{}")
            refused(answer, 503, "try again in a moment")
            assert "hunter2" not in answer.text and answer.headers["retry-after"] == "5"


def test_every_request_has_a_number_of_its_own(near: httpx.Client) -> None:
    numbers = [near.get(path).headers["x-request-id"] for path in ("/livez", "/v1/jobs", "/v1/no", "/livez")]
    assert len(set(numbers)) == 4

"""The HTTP API, in front of both kinds of store: what is asked, by whom, and everything that can be wrong with it."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from storage import schema
from storage.lease import this_process
from storage.records import Configuration, Event, Scope
from storage.store import Store
from tests.archives import FILE, HOSTILE, MPS, tarred, zipped
from tests.service import CAPS, served
from tests.store_samples import COMPARISON, HERE, INCUMBENT, MEMBERS, RESPONSE, SUBMISSION, TUNED, run
from tuner.app.views import RESPONSE_COLUMNS
from tuner.service import api
from tuner.service.access import FORWARDED
from tuner.service.problems import STATUS
from tuner.service.server import application
from tuner.service.uploads import Caps


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def client(store: Store) -> Iterator[httpx.Client]:
    """A client without a token, of a server that needs none."""
    with served(application(store, caps=CAPS)) as found:
        yield found


@pytest.fixture
def open_client(store: Store) -> Iterator[httpx.Client]:
    """A client of a server that everybody reaches."""
    with served(application(store, needs_token=True, caps=CAPS)) as found:
        yield found


def bearer(store: Store, owner: str, scope: Scope = Scope.SUBMIT) -> dict[str, str]:
    return {"Authorization": f"Bearer {store.create_token('t', owner, scope)[1]}"}


def uploaded(client: httpx.Client, headers: dict[str, str] | None = None, count: int = 5) -> int:
    members = {}
    for number in range(count):
        sent = client.post("/v1/models?suffix=.mps", content=MPS + b"*%d\n" % number, headers=headers)
        assert sent.status_code == 201, sent.text
        members[f"day/{number}"] = sent.json()["sha256"]
    made = client.post("/v1/instance-sets", json={"name": "spring", "members": members}, headers=headers)
    assert made.status_code == 201, made.text
    number = made.json()["id"]
    assert isinstance(number, int)
    return number


def refused(response: object, status: int, words: str) -> None:
    assert response.status_code == status, response.text  # type: ignore[attr-defined]
    assert response.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    problem = response.json()  # type: ignore[attr-defined]
    assert problem["status"] == status
    assert words in problem["detail"], problem


def carried_out(store: Store, owner: str = "local") -> str:
    """Put a finished job with two runs into the store."""
    submission = replace(SUBMISSION, owner=owner, members=MEMBERS, solvers=("highs",), folder="/data/spring")
    job = store.create_job(replace(submission, name=f"done by {owner}"))
    lease = store.claim(job.id, this_process(), 30)
    for configuration in (Configuration("highs"), TUNED):
        store.record(lease, run(0, configuration), RESPONSE, 1.0, HERE)
    store.add_incumbent(lease, INCUMBENT)
    store.add_event(lease, Event(1.0, "crashed", "<script>alert(1)</script>"))
    store.finish(lease, "gain", "it is faster", TUNED, [COMPARISON])
    return job.name


# Uploads and sets


def test_models_are_uploaded_once_and_sets_are_made_of_them(client: httpx.Client, store: Store) -> None:
    number = uploaded(client)
    found = client.get(f"/v1/instance-sets/{number}").json()
    assert [member["name"] for member in found["members"]] == [f"day/{n}" for n in range(5)]
    (first, second, *_) = (member["sha256"] for member in found["members"])
    missing = client.post("/v1/models/missing", json={"sha256": [first, "0" * 64]}).json()["missing"]
    assert missing == ["0" * 64]
    packed = client.post("/v1/models?suffix=.mps.gz", content=gzip.compress(MPS + b"*0\n", mtime=0))
    assert packed.json()["sha256"] == first
    assert b"".join(store.model(second)) == MPS + b"*1\n"
    assert [(each["id"], each["models"]) for each in client.get("/v1/instance-sets").json()] == [(number, 5)]
    assert found["models"] == 5
    assert client.delete(f"/v1/instance-sets/{number}").status_code == 204
    refused(client.get(f"/v1/instance-sets/{number}"), 404, "no instance set")
    refused(client.delete(f"/v1/instance-sets/{number}"), 404, "no instance set")


def test_a_set_is_made_once(client: httpx.Client, store: Store) -> None:
    sha256 = client.post("/v1/models?suffix=.mps", content=MPS).json()["sha256"]
    wanted = {"name": "spring", "members": {"a": sha256, "b": sha256}}
    made = [client.post("/v1/instance-sets", json=wanted).json()["id"] for _ in range(2)]
    assert made[0] == made[1]
    others = ({**wanted, "name": "autumn"}, {**wanted, "members": {"a": sha256}})
    made += [client.post("/v1/instance-sets", json=other).json()["id"] for other in others]
    assert len(set(made)) == 3 == len(store.instance_sets())


def test_who_deletes_a_set_leaves_others_what_they_have_uploaded(open_client: httpx.Client, store: Store) -> None:
    ann, bob = (bearer(store, who, Scope.SUBMIT) for who in ("ann", "bob"))
    for who in (ann, bob):
        sha256 = open_client.post("/v1/models?suffix=.mps", content=MPS, headers=who).json()["sha256"]
    wanted = {"name": "spring", "members": {"a": sha256}}
    number = open_client.post("/v1/instance-sets", json=wanted, headers=bob).json()["id"]
    assert open_client.delete(f"/v1/instance-sets/{number}", headers=bob).status_code == 204
    for who, missing in ((ann, []), (bob, [sha256])):
        answer = open_client.post("/v1/models/missing", json={"sha256": [sha256]}, headers=who)
        assert answer.json() == {"missing": missing}
    number = open_client.post("/v1/instance-sets", json=wanted, headers=ann).json()["id"]
    assert open_client.delete(f"/v1/instance-sets/{number}", headers=ann).status_code == 204
    with store._database.reading() as connected:
        assert connected.exec_driver_sql("SELECT count(*) FROM models").scalar() == 0


def test_a_zip_whose_directory_would_fill_the_memory_is_refused(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.service.uploads.DIRECTORY", 100)
    small, large = zipped({"a.mps": MPS}), zipped({f"{number}.mps": MPS for number in range(10)})
    assert client.post("/v1/archives?name=small", content=small).status_code == 201
    refused(client.post("/v1/archives?name=large", content=large), 413, "the directory of the zip file is too large")


def test_a_set_of_models_that_were_not_uploaded_is_refused_with_what_is_missing(client: httpx.Client) -> None:
    answer = client.post("/v1/instance-sets", json={"name": "x", "members": {"a": "0" * 64}})
    refused(answer, 409, "upload the missing models first")
    assert answer.json()["missing"] == ["0" * 64]


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "/a",
        "a/../b",
        "é" * 101,
        "a//b",
        ".a",
        "a/.b",
        "",
        "a\x00b",
        "a\nb",
        "a/b/c/d/e",
        "x" * 61,
        "a\\b",
        "C:a",
        " a",
        "\u202ea",
    ],
)
def test_a_name_that_is_no_path_inside_a_folder_is_refused(client: httpx.Client, name: str) -> None:
    sha256 = client.post("/v1/models?suffix=.mps", content=MPS).json()["sha256"]
    refused(client.post("/v1/instance-sets", json={"name": "x", "members": {name: sha256}}), 422, "no name for one")


@pytest.mark.parametrize(
    ("suffix", "content", "status", "words"),
    [
        (".exe", MPS, 422, "it is one of .mps, .lp"),
        ("", MPS, 422, "it is one of .mps, .lp"),
        (".mps/../x.mps", MPS, 422, "it is one of"),
        (".mps", b"", 422, "it is empty"),
        (".mps.gz", MPS, 422, "damaged"),
        (".mps.gz", gzip.compress(MPS, mtime=0)[:-8], 422, "cut off"),
        (".mps.xz", b"\xfd7zXZ\x00nonsense", 422, "damaged"),
        (".mps.bz2", b"BZh9nonsense", 422, "damaged"),
        (".mps.zst", b"(\xb5/\xfdnonsense", 422, "damaged"),
        (".mps", b"x" * 100_001, 413, "a model has"),
        (".mps", b"x" * 200_001, 413, "an upload has"),
        (".mps.gz", gzip.compress(b"\0" * 10_000_000, mtime=0), 413, "a model has"),
    ],
)
def test_a_file_that_is_no_model_or_too_much_is_refused(
    client: httpx.Client, suffix: str, content: bytes, status: int, words: str
) -> None:
    refused(client.post("/v1/models", params={"suffix": suffix}, content=content), status, words)


def test_what_becomes_much_larger_is_refused(store: Store) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000, mtime=0)
    with served(application(store, caps=Caps(ratio=10))) as client:
        refused(client.post("/v1/models?suffix=.mps.gz", content=bomb), 413, "10 times larger")


def test_archives_become_sets(client: httpx.Client) -> None:
    archives = (
        zipped({"day/a.mps": MPS, "b.mps": MPS + b"*\n", "notes.txt": b"hello"}),
        tarred("", ("day/a.mps", FILE, MPS), ("b.mps", FILE, MPS + b"*\n")),
        tarred("gz", ("day", tarfile.DIRTYPE, b""), ("day/a.mps", FILE, MPS), ("b.mps", FILE, b"*")),
    )
    for archive in archives:
        made = client.post("/v1/archives?name=spring", content=archive)
        assert made.status_code == 201, made.text
        found = client.get(f"/v1/instance-sets/{made.json()['id']}").json()
        assert [member["name"] for member in found["members"]] == ["day/a", "b"]


def test_there_are_fifty_hostile_archives() -> None:
    assert len(HOSTILE) >= 50


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_no_set(client: httpx.Client, store: Store, name: str) -> None:
    answer = client.post("/v1/archives?name=x", content=HOSTILE[name])
    assert answer.status_code in (413, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert store.instance_sets() == []


def test_a_zip_whose_entries_lie_about_their_size_is_refused(client: httpx.Client) -> None:
    honest = zipped({"a.mps": b"\0" * 90_000})
    lying = honest.replace((90_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != honest
    answer = client.post("/v1/archives?name=x", content=lying)
    assert answer.status_code == 422, answer.text


# Jobs


def test_a_job_is_handed_in_paused_resumed_and_cancelled(client: httpx.Client) -> None:
    number = uploaded(client)
    made = client.post("/v1/jobs", json={"instance_set": number, "solvers": ["highs"], "priority": 3})
    assert made.status_code == 201
    job = made.json()
    assert (job["name"], job["state"], job["priority"], job["owner"]) == ("spring", "queued", 3, "local")
    assert made.headers["location"] == f"/v1/jobs/{job['id']}"
    for verb, state in (("pause", "paused"), ("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        held = client.post(f"/v1/jobs/spring/{verb}")
        assert (held.status_code, held.json()["state"]) == (200, state)
    refused(client.post(f"/v1/jobs/{job['id']}/resume"), 409, "was cancelled")
    refused(client.post("/v1/jobs/nothing/pause"), 404, "there is no job 'nothing'")
    refused(client.delete(f"/v1/instance-sets/{number}"), 409, "has to stay")


def test_the_same_key_makes_one_job_and_another_body_with_it_is_refused(client: httpx.Client) -> None:
    body = {"instance_set": uploaded(client), "name": "once"}
    first, again = (client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/v1/jobs", json={**body, "seed": 1}, headers={"Idempotency-Key": "k"})
    refused(other, 422, "came with another request")
    refused(client.post("/v1/jobs", json=body), 409, "there is a job 'once' already")
    assert len(client.get("/v1/jobs").json()) == 1


def test_a_hundred_submitters_at_once_lose_nothing_and_double_nothing(client: httpx.Client, store: Store) -> None:
    number, url = uploaded(client), str(client.base_url)
    barrier = threading.Barrier(100, timeout=60)

    def hand_in(place: int) -> list[tuple[int, int]]:
        body, headers = {"instance_set": number, "seed": place}, {"Idempotency-Key": f"key {place}"}
        with httpx.Client(base_url=url, timeout=120) as own:
            barrier.wait()
            answers = [own.post("/v1/jobs", json=body, headers=headers) for _ in range(2)]  # as if the first was lost
        return [(answer.status_code, answer.json()["id"]) for answer in answers]

    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(hand_in, range(100)))
    assert {(first[0], again[0]) for first, again in found} == {(201, 200)}
    assert all(first[1] == again[1] for first, again in found)
    jobs = store.jobs()
    assert len({first[1] for first, _ in found}) == len(jobs) == 100
    assert sorted(job.seed for job in jobs) == list(range(100))
    assert len({job.name for job in jobs}) == 100


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instance_set": "1"}, "instance_set"),
        ({"instance_set": None}, "instance_set"),
        ({"budget_s": 0}, "greater than 0"),
        ({"budget_s": -1}, "greater than 0"),
        ({"budget_s": 1e400}, "budget_s"),
        ({"cutoff_s": 1e9}, "less than or equal"),
        ({"cutoff_s": 600.0, "slots": 1}, "not even 5 runs would fit"),
        ({"solvers": []}, "solvers"),
        ({"solvers": ["gurobi"]}, "'highs', 'cp-sat', 'scip' or 'any'"),
        ({"cost": "speed"}, "cost"),
        ({"ties": "none"}, "ties"),
        ({"holdout": 1}, "holdout"),
        ({"holdout": "models"}, "holdout"),
        ({"slots": 0}, "slots"),
        ({"memory_mib": 0}, "memory_mib"),
        ({"seed": -1}, "seed"),
        ({"gap": 1}, "gap"),
        ({"name": "a/b"}, "has a slash"),
        ({"name": "7"}, "has digits only"),
        ({"space": "[highs.log_file]"}, "Extra inputs"),
        ({"folder": "/etc"}, "Extra inputs"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_place(
    client: httpx.Client, store: Store, change: dict[str, object], words: str
) -> None:
    body = {"instance_set": uploaded(client), **change}
    refused(client.post("/v1/jobs", content=json.dumps(body), headers={"Content-Type": "application/json"}), 422, words)
    assert store.jobs() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"instance_set": 1' + b"[" * 10_000])
def test_a_body_that_is_none_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_request_that_would_fill_the_memory_is_refused(client: httpx.Client, is_announced: bool) -> None:
    pieces = [b'{"instance_set": 1, "name": "', *([b"x" * 2**20] * 17), b'"}']
    content = b"".join(pieces) if is_announced else iter(pieces)
    headers = {"Content-Type": "application/json"}
    refused(client.post("/v1/jobs", content=content, headers=headers), 413, "64 KiB at most")


def test_a_job_on_a_set_that_is_not_there_is_refused(client: httpx.Client) -> None:
    refused(client.post("/v1/jobs", json={"instance_set": 99}), 404, "no instance set 99")


# Results


def test_results_are_read_in_every_form(client: httpx.Client, store: Store) -> None:
    name = carried_out(store)
    shown = client.get(f"/v1/jobs/{name}").json()
    assert (shown["state"], shown["outcome"], shown["runs"]) == ("finished", "gain", 2)
    assert shown["models"] == {"training": 3, "holdout": 1}
    best = client.get(f"/v1/jobs/{name}/best")
    assert best.json()["parameters"] == TUNED.values
    again = client.get(f"/v1/jobs/{name}/best", headers={"If-None-Match": best.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "mip_heuristic_effort = 0.1" in client.get(f"/v1/jobs/{name}/best?form=solver").text
    assert "import highspy" in client.get(f"/v1/jobs/{name}/best?form=python").text
    assert len(client.get(f"/v1/jobs/{name}/trajectory").json()) == 1
    models = client.get(f"/v1/jobs/{name}/instances").json()
    assert [each["sha256"] for each in models] == [member.sha256 for member in MEMBERS]
    assert models[0]["features"] == {}
    whole = client.get("/v1/best?family=spring").json()
    (line,) = whole["best"]
    assert (line["key"], line["outcome"], line["cutoff_s"]) == (TUNED.key, "gain", 30.0)
    assert line["against_default"] == {
        "baseline": "highs",
        "ratio": 1.5,
        "low": 1.25,
        "high": "inf",
        "pairs": 10,
        "candidate_solved": 9,
        "baseline_solved": 8,
    }
    refused(client.get("/v1/best?family=spring&solver=scip"), 404, "no finished job")
    refused(client.get(f"/v1/jobs/{name}/best?form=solver&configuration=nope"), 404, "no configuration 'nope'")


def test_the_job_that_finished_last_says_what_is_best_of_a_family(client: httpx.Client, store: Store) -> None:
    submission = replace(SUBMISSION, owner="local", members=MEMBERS, solvers=("highs",), folder="/data/spring")
    jobs = [store.create_job(replace(submission, name=name)) for name in ("long", "short")]
    leases = [store.claim(job.id, this_process(), 30) for job in jobs]
    for lease, best in ((leases[1], Configuration("highs")), (leases[0], TUNED)):
        store.finish(lease, "gain", "it is faster", best)
        (line,) = client.get("/v1/best?family=spring").json()["best"]
        told = client.get(f"/v1/jobs/{lease.job_id}").json()
        assert (line["job"], line["key"], line["finished_at"]) == (told["name"], best.key, told["finished_at"])
    with store._database.writing() as connection:  # as of jobs that finished before that was kept
        connection.execute(update(schema.jobs).values(finished_at=None))
    (line,) = client.get("/v1/best?family=spring").json()["best"]
    assert line["job"] == "short"


def test_responses_come_in_pages_and_whole(client: httpx.Client, store: Store) -> None:
    name = carried_out(store)
    first = client.get(f"/v1/jobs/{name}/responses?limit=1").json()
    rest = client.get(f"/v1/jobs/{name}/responses?limit=1&cursor={first['next']}").json()
    assert [row["configuration"] for row in (*first["rows"], *rest["rows"])] == [Configuration("highs").key, TUNED.key]
    assert rest["next"] is None
    lines = client.get(f"/v1/jobs/{name}/responses?form=csv").text.splitlines()
    assert lines[0] == ",".join(RESPONSE_COLUMNS)
    assert len(lines) == 3
    table = pq.read_table(io.BytesIO(client.get(f"/v1/jobs/{name}/responses?form=parquet").content))
    assert table.column_names == list(RESPONSE_COLUMNS)
    assert table["objective"].to_pylist() == [RESPONSE.objective] * 2
    assert table["iterations"].to_pylist() == [RESPONSE.iterations] * 2
    tuned = client.get(f"/v1/jobs/{name}/responses?configuration=best&part=training&instance=day/0").json()
    assert len(tuned["rows"]) == 1
    assert client.get(f"/v1/jobs/{name}/responses?part=holdout").json() == {"rows": [], "next": None}
    refused(client.get(f"/v1/jobs/{name}/responses?instance=nope"), 404, "no instance 'nope'")
    for query in ("limit=0", "limit=1001", "cursor=-1", "cursor=x", "part=all", "form=xml", f"cursor={2**63}"):
        refused(client.get(f"/v1/jobs/{name}/responses?{query}"), 422, "query")


def test_a_parquet_file_of_several_groups_is_whole(
    client: httpx.Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.service.parquet.GROUP", 1)
    name = carried_out(store)
    read = pq.ParquetFile(io.BytesIO(client.get(f"/v1/jobs/{name}/responses?form=parquet").content))
    assert read.num_row_groups == 2
    assert read.read()["configuration"].to_pylist() == [Configuration("highs").key, TUNED.key]


def test_a_job_is_followed_to_its_end(client: httpx.Client, store: Store) -> None:
    name = carried_out(store)
    with client.stream("GET", f"/v1/jobs/{name}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert [line for line in lines if line.startswith("event")] == ["event: job", "event: over"]
    assert json.loads(lines[1].removeprefix("data: "))["runs"] == 2


# Access


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
    assert len(open_client.get("/v1/jobs", headers=reading).json()) == 1
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
    monkeypatch.setattr(api, "KNOWN_EVERY", 0.2)
    monkeypatch.setattr(api, "LOOK_EVERY", 0.1)
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
    number = uploaded(open_client, ann)
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
    assert open_client.get("/v1/jobs", headers=bob).json() == []
    assert open_client.get("/v1/instance-sets", headers=bob).json() == []
    refused(open_client.get(f"/v1/instance-sets/{number}", headers=bob), 404, "no instance set")
    refused(open_client.delete(f"/v1/instance-sets/{number}", headers=bob), 404, "no instance set")
    refused(open_client.post("/v1/jobs", json={"instance_set": number}, headers=bob), 404, "no instance set")
    sha256 = open_client.get(f"/v1/instance-sets/{number}", headers=ann).json()["members"][0]["sha256"]
    missing = open_client.post("/v1/models/missing", json={"sha256": [sha256]}, headers=bob).json()
    assert missing == {"missing": [sha256]}
    stolen = open_client.post("/v1/instance-sets", json={"name": "x", "members": {"a": sha256}}, headers=bob)
    refused(stolen, 409, "upload the missing models first")
    assert [job["name"] for job in open_client.get("/v1/jobs", headers=admin).json()] == ["secret"]


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


# Health


def test_metrics_count_requests_and_jobs(client: httpx.Client, store: Store) -> None:
    carried_out(store)
    client.get("/v1/jobs/nothing")
    told = client.get("/metrics").text
    assert 'tuner_jobs{state="finished"} 1.0' in told
    assert 'tuner_requests_total{method="GET",status="404"} 1.0' in told


def test_metrics_do_not_grow_with_the_methods_that_strangers_make_up(client: httpx.Client) -> None:
    for number in range(3):
        client.request(f"MADE{number}", "/")
    told = client.get("/metrics").text
    assert 'tuner_requests_total{method="other",status="405"} 3.0' in told
    assert "MADE" not in told


def test_a_method_that_is_not_there_is_answered_with_all_that_are(client: httpx.Client) -> None:
    assert client.delete("/v1/jobs").headers["allow"] == "GET, POST"
    assert client.put("/v1/instance-sets/1").headers["allow"] == "DELETE, GET"


def test_a_path_or_method_that_is_not_there_is_a_problem_too(client: httpx.Client) -> None:
    refused(client.get("/v1/nothing"), 404, "Not Found")
    answer = client.delete("/v1/jobs")
    refused(answer, 405, "Method Not Allowed")
    assert answer.headers["allow"]


def test_the_docs_name_every_path_and_every_error(client: httpx.Client) -> None:
    text = (Path(__file__).parents[1] / "docs" / "service.md").read_text()
    described = client.get("/v1/openapi.json").json()["paths"]
    for path in described:
        *_, last = path.rpartition("}")
        assert path.replace("{number}", "{id}") in text or f"`{last}`" in text, path
    statuses = {
        int(status) for methods in described.values() for each in methods.values() for status in each["responses"]
    }
    beside = {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.MISDIRECTED_REQUEST}  # of no endpoint
    for status in {*statuses, *(status for _, status in STATUS), *beside}:
        assert status < 400 or f"{int(status)} (" in text, status


def test_a_store_that_is_away_is_no_fault_of_the_client(tmp_path: Path) -> None:
    with (
        Store.open(f"sqlite:///{tmp_path / 'secret-place.db'}") as store,
        served(application(store)) as client,
    ):
        store.close()
        for name in ("secret-place.db", "secret-place.db-wal", "secret-place.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / "secret-place.db").mkdir()
        for path in ("/v1/jobs", "/readyz"):
            answer = client.get(path)
            refused(answer, 503, "")
            assert "secret-place" not in answer.text
            assert answer.headers["retry-after"] == "5"
        assert client.get("/livez").status_code == 200

"""Jobs and their results over HTTP, in front of both kinds of store, and all that can be wrong with a request."""

from __future__ import annotations

import io
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter
from sqlalchemy import update

from storage import schema
from storage.lease import this_process
from storage.records import Configuration, Scope
from storage.store import Store
from tests.service import bearer, carried_out, refused, sent, served, solved
from tests.store_samples import MEMBERS, RESPONSE, SUBMISSION, TUNED
from tuner.app.job_data import finite
from tuner.app.response_rows import RESPONSE_COLUMNS
from tuner.app.shapes import Best, ResponsePage
from tuner.app.views import StoredView
from tuner.client import Client
from tuner.service.problems import STATUS
from tuner.service.server import application

# Jobs


def test_a_job_is_handed_in_paused_resumed_and_cancelled(client: httpx.Client) -> None:
    number = sent(client)
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
    refused(client.delete(f"/v1/instance-sets/{number}"), 409, "delete them first")


def test_what_a_job_has_fixed_is_settled_when_it_is_handed_in(client: httpx.Client) -> None:
    body = {"instance_set": sent(client), "solvers": ["highs", "scip"], "fix": ["presolve=off", "lp/scaling=0"]}
    made = client.post("/v1/jobs", json=body)
    assert made.status_code == 201
    assert made.json()["fixed"] == {"highs": {"presolve": "off"}, "scip": {"lp/scaling": 0}}
    assert made.json()["base"] is None
    assert client.get("/v1/jobs/spring").json()["fixed"] == made.json()["fixed"]


def test_settings_are_read_when_a_job_is_handed_in(client: httpx.Client) -> None:
    text = "presolve = off\nthreads = 8\nmip_max_improving_sols = 7\n"
    body = {"instance_set": sent(client), "base": text, "target": 3, "stop_after_s": 90.0}
    made = client.post("/v1/jobs", json=body)
    assert made.status_code == 201
    assert (made.json()["target"], made.json()["stop_after_s"]) == (3.0, 90.0)
    assert made.json()["base"]["solver"] == "highs"
    assert made.json()["base"]["parameters"] == {"mip_max_improving_sols": 7, "presolve": "off"}


def test_the_same_key_makes_one_job_and_another_body_with_it_is_refused(client: httpx.Client) -> None:
    body = {"instance_set": sent(client), "name": "once"}
    first, again = (client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/v1/jobs", json={**body, "seed": 1}, headers={"Idempotency-Key": "k"})
    refused(other, 422, "came with another request")
    refused(client.post("/v1/jobs", json=body), 409, "there is a job 'once' already")
    assert len(client.get("/v1/jobs").json()["rows"]) == 1


def test_a_hundred_submitters_at_once_lose_nothing_and_double_nothing(client: httpx.Client, store: Store) -> None:
    number, url = sent(client), str(client.base_url)
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
        ({"budget_s": 0}, "greater than or equal to 1"),
        ({"budget_s": 0.9}, "greater than or equal to 1"),
        ({"budget_s": 1e400}, "budget_s"),
        ({"cutoff_s": 1e9}, "less than or equal"),
        ({"cutoff_s": 0.001}, "greater than or equal to 0.01"),
        ({"cutoff_s": 6000.0}, "a single run could outlast the job"),
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
        ({"target": 1}, "greater than 1"),
        ({"target": "3x"}, "valid number"),
        ({"stop_after_s": 0}, "greater than or equal to 1"),
        ({"stop_after_s": 1e-9}, "greater than or equal to 1"),
        ({"fix": "presolve=off"}, "valid list"),
        ({"fix": ["presolve=off" + " " * 300]}, "at most 300"),
        ({"base": 3}, "valid string"),
        ({"base": "presolv = off"}, "base: the settings: line 1: unknown parameter of highs"),
        ({"base": "lp/scaling = 0", "solvers": ["highs"]}, "which is not among the solvers of this job"),
        ({"fix": ["highs:presolv=off"]}, "did you mean presolve"),
        ({"fix": ["log_file=/etc/motd"], "solvers": ["highs"]}, "tuner sets this parameter itself"),
        ({"fix": ["solution_file=/etc/motd"], "solvers": ["highs"]}, "its value is free text"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_place(
    client: httpx.Client, store: Store, change: dict[str, object], words: str
) -> None:
    body = {"instance_set": sent(client), **change}
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


@pytest.mark.parametrize("scope", [Scope.SUBMIT, Scope.ADMIN])
def test_jobs_come_in_pages_the_newest_first(open_client: httpx.Client, store: Store, scope: Scope) -> None:
    made = [
        store.create_job(replace(SUBMISSION, owner=owner, name="")) for owner in ("ann", "bob", "ann", "bob", "ann")
    ]
    wanted = [job.name for job in reversed(made) if scope is Scope.ADMIN or job.owner == "ann"]
    headers, cursor, pages = bearer(store, "ann", scope), 0, []
    while cursor is not None:
        page = open_client.get(f"/v1/jobs?limit=2&cursor={cursor}", headers=headers).json()
        pages.append([job["name"] for job in page["rows"]])
        cursor = page["next"]
    assert [name for page in pages for name in page] == wanted
    assert [len(page) for page in pages] == ([2, 2, 1] if scope is Scope.ADMIN else [2, 1])
    with Client(str(open_client.base_url), headers["Authorization"].split()[1]) as client:
        assert [job["name"] for job in client.jobs()] == wanted
    refused(open_client.get("/v1/jobs?limit=0", headers=headers), 422, "query.limit")


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


def test_what_is_described_is_all_that_is_told(client: httpx.Client, store: Store) -> None:
    view, job = StoredView(store), carried_out(store)
    problem = solved(store)
    assert client.get("/v1/jobs").json()["rows"] == finite(view.jobs())
    for name in (job, problem):
        assert client.get(f"/v1/jobs/{name}").json() == finite(view.show(name))
        rows = client.get(f"/v1/jobs/{name}/responses").json()
        assert rows == ResponsePage.model_validate(rows, extra="forbid").model_dump(mode="json", by_alias=True)
        assert len(rows["rows"]) == 2
        best = client.get(f"/v1/jobs/{name}/best").json()
        assert best == TypeAdapter(Best).validate_python(best, extra="forbid").model_dump(mode="json")
    assert client.get(f"/v1/jobs/{job}/trajectory").json() == finite(view.trajectory(store.job(job)))
    assert client.get(f"/v1/jobs/{job}/log").json() == {"rows": view.show(job)["events"], "next": None}
    assert client.get(f"/v1/jobs/{job}/instances").json() == view.instances(store.job(job))
    assert client.get("/v1/best?family=spring").json()["best"] == finite(view.recommended("spring"))


def test_every_answer_is_described(client: httpx.Client) -> None:
    described = client.get("/v1/openapi.json").json()["paths"]
    for path, methods in described.items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                shapes = [content.get("schema") for content in answer.get("content", {}).values()]
                assert status == "204" or shapes, (method, path, status)
                for shape in shapes:
                    assert shape, (method, path, status)
                    assert shape.keys() & {"$ref", "items", "anyOf", "oneOf"} or shape["type"] == "string", shape


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


# Health


def test_metrics_count_requests_and_jobs(client: httpx.Client, store: Store) -> None:
    carried_out(store)
    client.get("/v1/jobs/nothing")
    assert "tuner_worker_slots 0.0" in client.get("/metrics").text
    store.note_worker("here", 4)
    told = client.get("/metrics").text
    assert "tuner_worker_slots 4.0" in told
    assert 'tuner_jobs{state="finished"} 1.0' in told
    assert 'tuner_requests_total{method="GET",status="404"} 1.0' in told


def test_metrics_do_not_grow_with_the_methods_that_strangers_make_up(client: httpx.Client) -> None:
    for number in range(3):
        client.request(f"MADE{number}", "/")
    told = client.get("/metrics").text
    assert 'tuner_requests_total{method="other",status="405"} 3.0' in told
    assert "MADE" not in told


def test_a_method_that_is_not_there_is_answered_with_all_that_are(client: httpx.Client) -> None:
    assert client.delete("/v1/jobs").headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.put("/v1/instance-sets/1").headers["allow"] == "DELETE, GET, HEAD, OPTIONS"


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


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/", "/submit"])
def test_who_watches_over_the_server_may_ask_by_head(client: httpx.Client, path: str) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


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


@pytest.mark.parametrize("usual", [False, True])
def test_jobs_that_do_not_say_so_reuse_as_the_operator_decided(store: Store, usual: bool) -> None:
    with served(application(store, reuse=usual)) as client:
        number = sent(client)
        for said, done in ((None, usual), (True, True), (False, False)):
            job = client.post("/v1/jobs", json={"instance_set": number, "reuse": said})
            assert (job.status_code, job.json()["reuse"]) == (201, done)
        assert client.post("/v1/jobs", json={"instance_set": number}).json()["reuse"] is usual
        box = re.search(r'<input name="reuse" type="checkbox"( checked)?>', client.get("/submit").text)
        assert box is not None
        assert bool(box[1]) is usual

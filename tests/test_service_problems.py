"""Bilevel problems that a server is handed: what is taken, by whom, and everything that can be wrong with one."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from instances.caps import Caps
from storage.lease import this_process
from storage.records import Answer, Bracket, JobKind, Scope
from storage.store import Store
from tests.archives import MPS
from tests.bilevel_samples import moore_bard
from tests.service import bearer, refused, served
from tests.store_samples import HERE
from tests.test_bilevel_files import BY_NAME, write_pair
from tuner.app.response_rows import ANSWER_COLUMNS
from tuner.bilevel.applications import EXAMPLES, example, read_application, restored, without_files
from tuner.bilevel.applications.outline import OUTLINES, outlined
from tuner.errors import UsageError
from tuner.scenario import CONFIGURATION
from tuner.service.server import application

TOLL = example("toll").document()
CAPS = Caps(document=300_000, values=10_000)
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def fixed_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that nobody hands anything in to, as long as all is refused."""
    with (
        Store.open(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}") as store,
        served(application(store, caps=CAPS)) as found,
    ):
        yield found
        assert store.jobs() == []


def pair_document(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    pair = read_application(write_pair(moore_bard(), BY_NAME))
    return without_files(pair).document()  # type: ignore[arg-type]


# Handing in


def test_a_problem_becomes_a_job_that_workers_take(client: httpx.Client, store: Store) -> None:
    body = {"problem": TOLL, "ties": "pessimistic", "solver": "scip", "budget_s": 60, "seed": 7, "priority": 3}
    made = client.post("/v1/problems", json=body)
    assert made.status_code == 201, made.text
    told = made.json()
    assert made.headers["location"] == f"/v1/jobs/{told['id']}"
    assert (told["kind"], told["problem"], told["name"], told["state"]) == ("solve", "toll", "two routes", "queued")
    assert (told["ties"], told["solvers"], told["budget_s"], told["seed"]) == ("pessimistic", ["scip"], 60.0, 7)
    assert (told["priority"], told["owner"]) == (3, "local")
    job = store.job(told["id"])
    assert (job.kind, job.served, json.loads(job.document)) == (JobKind.SOLVE, True, TOLL)
    lease = store.claim_next(this_process(), 30, 2)
    assert lease is not None
    assert lease.job_id == job.id
    second = client.post("/v1/problems", json={"problem": TOLL, "name": "mine"}).json()
    assert second["name"] == "mine"
    assert [(job.name, job.problem, job.document) for job in store.jobs()] == [
        ("mine", "toll", ""),
        ("two routes", "toll", ""),
    ]


@pytest.mark.parametrize("name", ["..", ".", "a/b", "x" * 5000, "<b>", "7"])
def test_a_problem_of_any_name_makes_a_job_that_can_be_named(client: httpx.Client, name: str) -> None:
    made = client.post("/v1/problems", json={"problem": {**TOLL, "name": name}})
    assert made.status_code == 201, made.text
    assert client.get(f"/v1/jobs/{made.json()['name']}").json()["id"] == made.json()["id"]
    assert client.get(f"/jobs/{made.json()['id']}").status_code == 200


def test_the_same_key_makes_one_job_however_it_is_spelled(client: httpx.Client, store: Store) -> None:
    headers = {"Idempotency-Key": "k"}
    first = client.post("/v1/problems", json={"problem": TOLL}, headers=headers)
    turned = {"seed": 0, "problem": dict(reversed(list(TOLL.items())))}
    again = client.post("/v1/problems", json=turned, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/v1/problems", json={"problem": TOLL, "seed": 1}, headers=headers)
    refused(other, 422, "came with another request")
    refused(client.post("/v1/jobs", json={"instance_set": 1}, headers=headers), 404, "no instance set")
    named = {"problem": TOLL, "name": first.json()["name"]}
    refused(client.post("/v1/problems", json=named), 409, "there is a job 'two routes' already")
    assert len(store.jobs()) == 1


def test_many_submitters_at_once_lose_nothing_and_double_nothing(client: httpx.Client, store: Store) -> None:
    url, barrier = str(client.base_url), threading.Barrier(20, timeout=60)

    def hand_in(place: int) -> list[tuple[int, int]]:
        body, headers = {"problem": TOLL, "seed": place}, {"Idempotency-Key": f"key {place}"}
        with httpx.Client(base_url=url, timeout=120) as own:
            barrier.wait()
            answers = [own.post("/v1/problems", json=body, headers=headers) for _ in range(2)]
        return [(answer.status_code, answer.json()["id"]) for answer in answers]

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(hand_in, range(20)))
    assert {(first[0], again[0]) for first, again in found} == {(201, 200)}
    assert sorted(job.seed for job in store.jobs()) == list(range(20))


def test_a_pair_of_files_is_sent_as_what_they_say(
    client: httpx.Client, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = pair_document(tmp_path, monkeypatch)
    assert str(tmp_path) not in json.dumps(document)
    made = client.post("/v1/problems", json={"problem": document})
    assert (made.status_code, made.json()["name"], made.json()["problem"]) == (201, "problem", "model")
    again = restored(json.dumps(document))
    assert again.document() == document
    assert again.problem().variables == moore_bard().variables


# What is wrong


def body(**changes: Any) -> bytes:
    return json.dumps({"problem": TOLL, **changes}).encode()


def problem(**changes: Any) -> bytes:
    return body(problem={**TOLL, **changes})


STEP = b'"step": 0.01'
HOSTILE: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 422, "not valid JSON"),
    "half": (b'{"problem"', 422, "not valid JSON"),
    "a list": (b"[]", 422, "an object"),
    "null": (b"null", 422, "an object"),
    "a number": (b"1", 422, "an object"),
    "bytes": (b"\xff\xfe\x00", 422, "no UTF-8"),
    "UTF-16": (body().decode().encode("utf-16"), 422, "no UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf" + body(), 422, "BOM"),
    "deep lists": (b'{"problem":' + b"[" * 9_000, 422, "nested too deeply"),
    "deep tables": (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, 422, "nested too deeply"),
    "deep enough": (b'{"problem":' + b'{"a":' * 60 + b"1" + b"}" * 61, 422, "nested more than 50 deep"),
    "a number that is none": (body().replace(STEP, b'"step": NaN'), 422, "NaN is no finite number"),
    "an infinite number": (body().replace(STEP, b'"step": -Infinity'), 422, "-Infinity is no finite number"),
    "a number too large": (body().replace(STEP, b'"step": 1e400'), 422, "1e400 is no finite number"),
    "an integer too large": (body().replace(STEP, b'"step": ' + b"9" * 400), 422, "more than 1023 bits"),
    "an integer of thousands of digits": (body().replace(STEP, b'"step": ' + b"9" * 5000), 422, "not valid JSON"),
    "a name twice": (b'{"problem": {}, "problem": {}}', 422, "'problem' is there twice"),
    "a name twice inside": (body().replace(STEP, STEP + b", " + STEP), 422, "'step' is there twice"),
    "a text with a nil": (problem(name="a\0b"), 422, "no text"),
    "half a character": (body().replace(b'"two routes"', b'"\\ud800"'), 422, "no text"),
    "no problem": (b"{}", 422, "body.problem: Field required"),
    "a problem as text": (body(problem=json.dumps(TOLL)), 422, "body.problem"),
    "a list of problems": (body(problem=[TOLL]), 422, "body.problem"),
    "no kind": (body(problem={}), 422, "problem: kind is missing"),
    "an unknown kind": (problem(kind="tol"), 422, "unknown kind: 'tol'; did you mean toll"),
    "a kind of another type": (problem(kind=["toll"]), 422, "kind is ['toll']; a text is needed"),
    "a long kind": (problem(kind="t" * 100_000), 422, "unknown kind"),
    "files of a machine": (
        body(problem={"kind": "pair", "model": "/etc/passwd", "aux": "/etc/passwd"}),
        422,
        "names files of another machine",
    ),
    "a folder of a machine": (body(problem={"kind": CONFIGURATION, "folder": "/etc"}), 422, "names a folder"),
    "a path beside it": (problem(folder="/etc"), 422, "unknown key: 'folder'"),
    "a URL beside it": (body(url="http://127.0.0.1/"), 422, "Extra inputs"),
    "a long name beside it": (body(**{"f" * 100_000: 1}), 422, "Extra inputs"),
    "a long key in it": (problem(**{"f" * 100_000: 1}), 422, "unknown key"),
    "no arcs": (problem(arcs=[]), 422, "problem: arcs: at least one"),
    "arcs that are none": (problem(arcs=[1]), 422, "problem: arcs"),
    "arcs of another type": (problem(arcs={"a": {}}), 422, "problem: arcs"),
    "a missing part": (body(problem={"kind": "toll", "arcs": [{}]}), 422, "problem: commodities"),
    "a name of another type": (problem(name=3), 422, "name is 3; a text is needed"),
    "a budget of another type": (
        body(problem={"kind": "interdiction", "defender": "knapsack", "budget": True}),
        422,
        "budget is True; a number is needed",
    ),
    "no model": (body(problem={"kind": "model", "aux": "LC 0"}), 422, "the text of a model"),
    "two models": (body(problem={"kind": "model", "aux": "LC 0", "mps": "x", "lp": "y"}), 422, "the text of a model"),
    "unknown ties": (body(ties="mean"), 422, "'optimistic' or 'pessimistic'"),
    "an unknown solver": (body(solver="gurobi"), 422, "'highs', 'cp-sat' or 'scip'"),
    "no time": (body(budget_s=0), 422, "greater than or equal to 1"),
    "too much time": (body(budget_s=1e9), 422, "less than or equal"),
    "time as text": (body(budget_s="60"), 422, "budget_s"),
    "no slots": (body(slots=0), 422, "slots"),
    "slots that are none": (body(slots=True), 422, "slots"),
    "too many slots": (body(slots=10**30), 422, "slots"),
    "a seed below 0": (body(seed=-1), 422, "seed"),
    "a seed too large": (body(seed=2**31), 422, "seed"),
    "half a priority": (body(priority=0.5), 422, "priority"),
    "a path as name": (body(name="../x"), 422, "has a slash"),
    "a number as name": (body(name="7"), 422, "has digits only"),
    "too long a name": (body(name="x" * 101), 422, "name"),
    "too much": (problem(name="x" * 300_000), 413, "MiB at most"),
    "too many values": (body(problem={"kind": "toll", "x": [1] * 11_000}), 413, "10000 numbers"),
    "too many lists": (b'{"problem":{"x":[' + b"[]" * 11_000, 413, "10000 numbers"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_with_the_reason_and_never_with_a_flood(
    fixed_client: httpx.Client, name: str
) -> None:
    content, status, words = HOSTILE[name]
    answer = fixed_client.post("/v1/problems", content=content, headers=JSON)
    refused(answer, status, words)
    assert len(answer.content) < 5_000


def test_a_body_that_is_not_said_to_be_json_is_refused(fixed_client: httpx.Client) -> None:
    for kind in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        refused(fixed_client.post("/v1/problems", content=body(), headers=kind), 415, "Content-Type: application/json")
    refused(fixed_client.get("/v1/problems"), 405, "Method Not Allowed")


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != CONFIGURATION])
def test_what_the_outline_asks_for_is_what_the_problem_itself_does(name: str) -> None:
    document = example(name).document()
    kind = outlined(document)
    outline = OUTLINES[kind]
    for key in document:
        without = {other: value for other, value in document.items() if other != key}
        if key in ("kind", *outline.needed):
            with pytest.raises(UsageError):
                outlined(without)
            with pytest.raises(UsageError):
                restored(json.dumps(without))
        else:
            outlined(without)
    for key in (*outline.needed, *outline.other):
        wrong = {**document, key: {"x": [None]}}
        with pytest.raises(UsageError):
            restored(json.dumps(wrong)).problem()
    with pytest.raises(UsageError, match="unknown key: 'folder'"):
        outlined({**document, "folder": "/etc"})


# Who


def test_a_problem_is_handed_in_by_who_may_and_seen_by_nobody_else(store: Store) -> None:
    with served(application(store, needs_token=True)) as client:
        refused(client.post("/v1/problems", json={"problem": TOLL}), 401, "a token is needed")
        reading = bearer(store, "ann", Scope.READ)
        refused(client.post("/v1/problems", json={"problem": TOLL}, headers=reading), 403, "for submit, not read")
        ann, bob = bearer(store, "ann"), bearer(store, "bob")
        made = client.post("/v1/problems", json={"problem": TOLL}, headers=ann)
        assert made.json()["owner"] == "ann"
        for path in ("", "/best", "/responses", "/events"):
            refused(client.get(f"/v1/jobs/{made.json()['id']}{path}", headers=bob), 404, "there is no job")
        for verb in ("pause", "cancel", "resume"):
            refused(client.post(f"/v1/jobs/{made.json()['id']}/{verb}", headers=bob), 404, "there is no job")
        assert client.get("/v1/jobs", headers=bob).json()["rows"] == []
        headers = {**ann, "Origin": "http://evil.example"}
        refused(client.post("/v1/problems", json={"problem": TOLL}, headers=headers), 403, "from another site")


# What is told


def answered(store: Store, client: httpx.Client, finish: bool = False) -> int:
    """Hand in tolls, and answer two of them by hand."""
    number = int(client.post("/v1/problems", json={"problem": TOLL}).json()["id"])
    lease = store.claim(number, this_process(), 30)
    store.name_reactions(lease, ["commuters: A", "commuters: B"])
    store.set_bracket(lease, Bracket(None, math.inf, "none"), 0.5)
    store.record_answer(lease, Answer((("A", 10.0),), "optimistic", "follower infeasible"), 1.0, HERE)
    best = Answer(
        (("A", 6.0),),
        "optimistic",
        "bilevel feasible",
        value=15.0,
        optimistic=6.0,
        reactions=(("optimistic", (1.0, 0.0)), ("own", (0.0, 1.0))),
    )
    kept = store.record_answer(lease, best, 2.0, HERE)
    store.set_bracket(lease, Bracket(6.0, 7.5, "value-function cuts", kept), 2.5)
    if finish:
        store.finish(lease, "feasible", "toll 6 on A.", None)
    return number


def test_where_a_problem_stands_is_told_in_every_way(client: httpx.Client, store: Store) -> None:
    number = answered(store, client)
    shown = client.get(f"/v1/jobs/{number}").json()
    bracket = shown["bracket"]
    assert (bracket["objective"], bracket["bound"], bracket["bound_kind"]) == (6.0, 7.5, "value-function cuts")
    assert (bracket["gap"], bracket["x"], bracket["follower"]) == (0.25, {"A": 6.0}, 15.0)
    assert bracket["y"] == {"commuters: A": 1.0, "commuters: B": 0.0}
    assert shown["answers"] == {"all": 2, "infeasible": 1, "outside": 0, "unproven": 0}
    best = client.get(f"/v1/jobs/{number}/best").json()
    assert (best["x"], best["final"]) == ({"A": 6.0}, False)
    page = client.get(f"/v1/jobs/{number}/responses?limit=1").json()
    rest = client.get(f"/v1/jobs/{number}/responses?limit=1&cursor={page['next']}").json()
    assert [row["status"] for row in (*page["rows"], *rest["rows"])] == ["follower infeasible", "bilevel feasible"]
    assert rest["next"] is None
    lines = client.get(f"/v1/jobs/{number}/responses?form=csv").text.splitlines()
    assert (lines[0], len(lines)) == (",".join(ANSWER_COLUMNS), 3)
    refused(client.get(f"/v1/jobs/{number}/responses?part=holdout"), 422, "has no parts")
    refused(client.get(f"/v1/jobs/{number}/best?form=solver"), 422, "see: tuner best 'two routes'")


def test_a_problem_that_nobody_has_looked_at_has_no_choice(client: httpx.Client) -> None:
    number = client.post("/v1/problems", json={"problem": TOLL}).json()["id"]
    shown = client.get(f"/v1/jobs/{number}").json()
    assert (shown["bracket"], shown["answers"]["all"]) == (None, 0)
    refused(client.get(f"/v1/jobs/{number}/best"), 404, "has no best choice")


def test_a_problem_is_followed_to_its_end(client: httpx.Client, store: Store) -> None:
    number = answered(store, client, finish=True)
    with client.stream("GET", f"/v1/jobs/{number}/events") as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert [line for line in lines if line.startswith("event")] == ["event: job", "event: over"]
    told = json.loads(lines[1].removeprefix("data: "))
    assert (told["kind"], told["state"], told["answers"]["all"]) == ("solve", "finished", 2)
    assert (told["bracket"]["objective"], told["bracket"]["gap"]) == (6.0, 0.25)


def test_a_job_on_a_set_is_never_called_after_the_servers_own_folder(client: httpx.Client) -> None:
    sha256 = client.post("/v1/models?suffix=.mps", content=MPS).json()["sha256"]
    models = client.post("/v1/instance-sets", json={"name": "..", "members": {"a": sha256}}).json()["id"]
    assert client.post("/v1/jobs", json={"instance_set": models}).json()["name"] == "job-.."

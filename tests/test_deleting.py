"""Deleting by the command line and over HTTP: the same against a store as against a server."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, func, select, text

from storage import deletion, schema
from storage.database import Database
from storage.errors import StoreError, StoreRefused, StoreUnavailable, UnknownJob
from storage.lease import this_process
from storage.records import JobState, OwnerLimits, Scope
from storage.store import Store
from tests.processes import Command, until
from tests.service import bearer, carried_out, refused, sent, served, solved, uploaded
from tests.service import handed_in as queued
from tests.store_samples import SUBMISSION
from tuner.cli import main
from tuner.service.server import application


@pytest.fixture(params=["store", "server"])
def place(request: pytest.FixtureRequest, store: Store, store_url: str) -> list[str]:
    """The options that name a store, or a server of it."""
    if request.param == "store":
        return ["--store", store_url]
    client: httpx.Client = request.getfixturevalue("client")
    return ["--server", str(client.base_url)]


def test_a_job_is_deleted_by_its_name(store: Store, place: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    names = [carried_out(store), solved(store)]
    for name in names:
        assert main(["delete", name, *place]) == 0
        assert f"job {name} is deleted" in capsys.readouterr().out
        assert main(["show", name, *place]) == 3
    assert store.jobs() == []


def test_a_running_job_is_deleted_with_cancel_only(
    store: Store, models: Path, place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    job = queued(store, uploaded(store, models, "local"), owner="local")
    store.claim(job.id, this_process(), 60)
    assert main(["delete", job.name, *place]) == 2
    assert "is running" in capsys.readouterr().err
    assert main(["delete", job.name, "--cancel", "--json", *place]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": {"job": job.name}}
    assert store.held(job.id) is JobState.CANCELLED
    assert store.jobs() == []


@pytest.mark.parametrize(
    "words",
    [
        ["tune", "MODELS", "--budget", "120s", "--cutoff", "1s", "--solver", "highs", "--slots", "1"],
        ["solve", "--example", "interdiction", "--size", "30", "--seed", "2", "--slots", "1"],
    ],
    ids=["tune", "solve"],
)
def test_a_command_whose_job_is_deleted_says_so_and_leaves_nothing_of_it(
    store: Store, store_url: str, models: Path, tmp_path: Path, words: list[str]
) -> None:
    words = [str(models) if word == "MODELS" else word for word in words]
    with Command(store_url, tmp_path / "here", *words, "--name", "m") as command:
        command.start()
        until(lambda: any(job.state is JobState.RUNNING for job in store.jobs()))
        (job,) = store.jobs()
        until(lambda: store.count(job.id) + sum(store.count_answers(job.id).values()) > 0)
        assert main(["delete", "m", "--cancel", "--store", store_url]) == 0
        assert command.wait(60) == 3, command.said
        assert "job 'm' was deleted" in command.said
        assert "there is no job" not in command.said
    engine = create_engine(store.url)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.jobs)) == 0
        assert connection.scalar(select(func.count()).select_from(schema.events)) == 0
        assert connection.scalar(text("SELECT count(*) FROM studies")) == 0
    engine.dispose()
    assert store.create_job(replace(SUBMISSION, name="m")).id != job.id


@pytest.mark.parametrize("error", [StoreUnavailable, StoreRefused])
def test_what_another_sweep_came_between_is_swept_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: type[StoreError]
) -> None:
    first, second = (store.create_job(replace(SUBMISSION, name=name)) for name in ("one", "two"))
    store.delete_job(first.id)
    store.delete_job(second.id)
    troubles = [error("sqlite: somebody else wrote the same at the same time"), UnknownJob("swept away")]
    really = deletion._delete

    def delete(database: Database, job_id: int, end: float) -> None:
        if troubles:
            raise troubles.pop(0)
        really(database, job_id, end)

    monkeypatch.setattr(deletion, "_delete", delete)
    store.sweep()
    engine = create_engine(store.url)
    with engine.connect() as connection:
        left = connection.scalars(select(schema.jobs.c.id)).all()
    engine.dispose()
    assert left == [first.id], "the first, of which was told that it is gone; the second was gone on with"
    store.sweep()
    assert troubles == []


def test_a_set_is_listed_and_deleted_by_its_name_once_no_job_needs_it(
    store: Store, models: Path, place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = uploaded(store, models, "local")
    job = queued(store, found, owner="local")
    assert main(["sets", "--json", *place]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["id"], told["name"], told["models"]) == (found.id, "assignments", 6)
    assert main(["delete", "--set", "assignments", *place]) != 0
    assert f"used by the jobs {job.name}; delete them first" in capsys.readouterr().err
    store.delete_job(job.id)
    assert main(["delete", "--set", "assignments", *place]) == 0
    assert store.instance_sets() == []
    assert main(["delete", "--set", "assignments", *place]) == 3
    assert list(store.model(found.members[0][1].sha256)) == []


def test_of_sets_with_one_name_one_is_named_by_its_number(
    store: Store, models: Path, place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = uploaded(store, models, "local")
    first, second = found.members[:2]
    for name, model in (first, second):
        store.create_instance_set("local", "twice", [(name, model.sha256)])
    assert main(["delete", "--set", "twice", *place]) == 2
    assert "several sets have that name; name one by number" in capsys.readouterr().err
    number = store.instance_sets()[0].id
    assert main(["delete", "--set", str(number), *place]) == 0
    assert number not in {each.id for each in store.instance_sets()}


def test_a_set_that_is_called_as_the_number_of_another_one_is_not_taken_for_it(
    store: Store, models: Path, place: list[str]
) -> None:
    first = uploaded(store, models, "local")
    other = store.create_instance_set("local", str(first.id), [("m", first.members[0][1].sha256)])
    assert main(["delete", "--set", str(first.id), *place]) == 0
    assert [each.id for each in store.instance_sets()] == [other.id]
    assert main(["delete", "--set", other.name, *place]) == 0
    assert store.instance_sets() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name one thing to delete"),
        (["a", "--set", "b"], "name one thing to delete"),
        (["--set", "b", "--cancel"], "only jobs can be cancelled"),
        (["--model", "b"], "64 hexadecimal digits"),
    ],
)
def test_what_is_to_be_deleted_is_named_once(
    sqlite_url: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["delete", *words, "--store", sqlite_url]) == 2
    assert said in capsys.readouterr().err


def test_rows_of_a_job_that_was_deleted_over_http_go_after_the_answer(client: httpx.Client, store: Store) -> None:
    carried_out(store)
    (job,) = store.jobs()
    assert client.delete(f"/v1/jobs/{job.name}").status_code == 204
    until(lambda: store.count(job.id) == 0)
    refused(client.delete(f"/v1/jobs/{job.id}"), 404, "there is no job")


def test_nobody_deletes_what_is_somebody_elses(open_client: httpx.Client, store: Store) -> None:
    ann, bob, reader = bearer(store, "ann"), bearer(store, "bob"), bearer(store, "ann", Scope.READ)
    number = sent(open_client, ann)
    job = open_client.post("/v1/jobs", json={"instance_set": number}, headers=ann).json()
    sha256 = open_client.get(f"/v1/instance-sets/{number}", headers=ann).json()["members"][0]["sha256"]
    refused(open_client.delete(f"/v1/jobs/{job['id']}", headers=bob), 404, "there is no job")
    refused(open_client.delete(f"/v1/instance-sets/{number}", headers=bob), 404, "no instance set")
    refused(open_client.delete(f"/v1/models/{sha256}", headers=bob), 409, "bob has uploaded no model")
    refused(open_client.delete(f"/v1/models/{sha256}", headers=ann), 409, "is in the instance sets")
    refused(open_client.delete(f"/v1/jobs/{job['id']}", headers=reader), 403, "takes a token for submit")
    assert open_client.delete(f"/v1/jobs/{job['id']}", headers=ann).status_code == 204
    with pytest.raises(UnknownJob):
        store.job(job["id"])


def test_what_one_owner_may_not_have_is_refused_with_words(open_client: httpx.Client, store: Store) -> None:
    ann, bob = bearer(store, "ann"), bearer(store, "bob")
    store.limit_owners(OwnerLimits(jobs=1, priority=5, budget=3600.0, slots=2))
    body = {"instance_set": sent(open_client, ann)}
    for change, words in (
        ({"priority": 6}, "priority: 6 is above the limit of 5"),
        ({"budget_s": 7200.0}, "budget: 7200 s is above the limit of 3600 s"),
        ({"slots": 3}, "slots: 3 is above the limit of 2"),
    ):
        refused(open_client.post("/v1/jobs", json={**body, **change}, headers=ann), 403, words)
    made = open_client.post("/v1/jobs", json=body, headers=ann)
    assert (made.status_code, made.json()["slots"]) == (201, 2)
    refused(open_client.post("/v1/jobs", json=body, headers=ann), 429, "ann has 1 unfinished jobs, the limit is 1")
    other = open_client.post("/v1/jobs", json={"instance_set": sent(open_client, bob)}, headers=bob)
    assert other.status_code == 201
    store.limit_owners(OwnerLimits(stored=10))
    answer = open_client.post("/v1/models?suffix=.mps", content=b"NAME other\n", headers=ann)
    refused(answer, 507, "delete instance sets and jobs that are no longer needed")


def test_a_server_keeps_the_limits_that_it_is_started_with(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    from tuner.cli.parser import build
    from tuner.cli.serving import limits_of

    def limits(*words: str) -> OwnerLimits:
        return limits_of(build().parse_args(["serve", *words]))

    assert limits() == OwnerLimits(jobs=1000)
    assert limits("--max-jobs", "none") == OwnerLimits()
    given = (
        "--max-jobs",
        "9",
        "--max-priority",
        "-1",
        "--max-budget",
        "2h",
        "--max-stored",
        "1GiB",
        "--max-slots",
        "4",
    )
    assert limits(*given) == OwnerLimits(9, -1, 7200.0, 2**30, 4)
    for wrong, words in ((("--max-jobs", "0"), "at least 1"), (("--max-budget", "0.5s"), "at least 1")):
        assert main(["serve", *wrong, "--store", sqlite_url]) == 2
        assert words in capsys.readouterr().err


def test_the_pages_of_a_server_list_its_sets(store: Store, models: Path) -> None:
    uploaded(store, models)
    with served(application(store)) as client:
        assert "assignments" in client.get("/sets").text


def test_of_a_name_that_is_taken_nobody_is_told_whose_it_is(open_client: httpx.Client, store: Store) -> None:
    ann, bob = bearer(store, "ann"), bearer(store, "bob")
    body = {"instance_set": sent(open_client, ann), "name": "mine"}
    job = open_client.post("/v1/jobs", json=body, headers=ann).json()
    refused(open_client.post("/v1/jobs", json=body, headers=ann), 409, "there is a job 'mine' already")
    others = {**body, "instance_set": sent(open_client, bob)}
    told = open_client.post("/v1/jobs", json=others, headers=bob)
    refused(told, 409, "the name 'mine' is taken; choose another")
    assert "resume" not in told.text
    lease = store.claim(job["id"], this_process(), 60)
    assert open_client.delete("/v1/jobs/mine?cancel=true", headers=ann).status_code == 204
    told = open_client.post("/v1/jobs", json=body, headers=ann)
    refused(told, 409, "job 'mine' is being deleted; try again in a moment")
    assert "resume" not in told.text
    store.release(lease)
    assert open_client.post("/v1/jobs", json=body, headers=ann).status_code == 201

"""What a job has found and has not proven is called that wherever it is handed out."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from storage.lease import Lease, this_process
from storage.records import Bracket, Configuration, JobState
from storage.store import Store
from tests.service import served
from tests.store_samples import ANSWER, DEFAULT, HERE, INCUMBENT, MEMBERS, PROBLEM, RESPONSE, SUBMISSION, TUNED, run
from tuner.cli import main
from tuner.service.server import application

RUNNING = "not proven yet: the job is running, and this is only the best so far"
KEPT = "not proven: no gain was proven, and the default is kept"
OTHER = "not proven: the verdict does not recommend this configuration"


@pytest.fixture
def client(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client of a server in front of the store, which the command line asks, too."""
    with served(application(store)) as found:
        monkeypatch.setenv("TUNER_SERVER", str(found.base_url))
        monkeypatch.delenv("TUNER_STORE", raising=False)
        yield found


@pytest.fixture
def racing(store: Store) -> Lease:
    """A running job with an incumbent, which is called "race"."""
    job = store.create_job(replace(SUBMISSION, name="race", members=MEMBERS, solvers=("highs",), owner="local"))
    lease = store.claim(job.id, this_process(), 600)
    for configuration in (DEFAULT, TUNED):
        store.record(lease, run(0, configuration), RESPONSE, 1.0, HERE)
    store.add_incumbent(lease, replace(INCUMBENT, configuration=TUNED))
    return lease


def expect_note(
    client: httpx.Client, capsys: pytest.CaptureFixture[str], note: str, configuration: str = "best"
) -> None:
    """Assert that every way to the configuration has a note on it, or that none has where it is empty."""
    texts = [client.get(f"/v1/jobs/race/best?form={form}&configuration={configuration}").text for form in FORMS]
    for words in ([], ["--python"]):
        assert main(["export", "race", "--configuration", configuration, *words]) == 0
        texts.append(capsys.readouterr().out)
    if configuration == "best":
        told = client.get("/v1/jobs/race/best").json()
        assert (told["proven"], told["note"]) == (not note, note)
        assert main(["best", "race", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == told
        assert main(["best", "race"]) == 0
        texts += [capsys.readouterr().out, client.get("/jobs/race").text.replace("Not proven", "not proven")]
    for text in texts:
        assert note in text
        assert ("not proven" in text) == bool(note)


FORMS = ("solver", "python")


def test_the_incumbent_of_a_job_that_runs_is_not_passed_off_as_proven(
    client: httpx.Client, racing: Lease, capsys: pytest.CaptureFixture[str]
) -> None:
    expect_note(client, capsys, RUNNING)
    parameters, program = (client.get(f"/v1/jobs/race/best?form={form}").text for form in FORMS)
    assert f"\n# {RUNNING}\n" in parameters
    title = (ast.get_docstring(ast.parse(program), clean=False) or "").splitlines()[0]
    assert title.endswith(f". This configuration is {RUNNING}.")


def test_a_proven_gain_has_no_note_and_any_other_configuration_of_the_job_has_one(
    client: httpx.Client, store: Store, racing: Lease, capsys: pytest.CaptureFixture[str]
) -> None:
    store.finish(racing, "gain", "it is faster", TUNED)
    expect_note(client, capsys, "")
    expect_note(client, capsys, OTHER, DEFAULT.key)
    (line,) = client.get(f"/v1/best?family={SUBMISSION.folder.rpartition('/')[2]}").json()["best"]
    assert line["proven"] is True


@pytest.mark.parametrize("state", [JobState.CANCELLED, JobState.FAILED], ids=str)
def test_what_a_job_found_that_does_not_go_on_is_not_called_its_best_so_far(
    client: httpx.Client, store: Store, racing: Lease, capsys: pytest.CaptureFixture[str], state: JobState
) -> None:
    if state is JobState.CANCELLED:
        store.hold(racing.job_id, JobState.CANCELLED)
        store.interrupt(racing)
        ended = "was cancelled"
    else:
        store.fail(racing, "no solver solved anything")
        ended = "failed"
    assert store.job("race").state is state
    expect_note(client, capsys, f"not proven: the job {ended} before it was done, and this is only the best it found")


def test_a_default_that_is_kept_is_no_proven_gain(
    client: httpx.Client, store: Store, racing: Lease, capsys: pytest.CaptureFixture[str]
) -> None:
    store.finish(racing, "default kept", "nothing was gained", Configuration("highs"))
    expect_note(client, capsys, KEPT)
    expect_note(client, capsys, OTHER, TUNED.key)
    (line,) = client.get(f"/v1/best?family={SUBMISSION.folder.rpartition('/')[2]}").json()["best"]
    assert line["proven"] is False


@pytest.mark.parametrize(
    ("outcome", "note"),
    [("", RUNNING), ("feasible", "not proven: a better choice may exist"), ("optimal", "")],
    ids=["running", "feasible", "optimal"],
)
def test_a_choice_of_the_leader_is_called_proven_only_once_it_is(
    client: httpx.Client, store: Store, capsys: pytest.CaptureFixture[str], outcome: str, note: str
) -> None:
    lease = store.claim(store.create_job(replace(PROBLEM, name="race", owner="local")).id, this_process(), 60)
    store.name_reactions(lease, ["a", "b", "c"])
    best = store.record_answer(lease, ANSWER, 1.0, HERE)
    store.set_bracket(lease, Bracket(15.0, 16.0, "cuts", best), 1.0)
    if outcome:
        store.finish(lease, outcome, "", None)
    told = client.get("/v1/jobs/race/best").json()
    assert (told["proven"], told["note"]) == (not note, note)
    assert main(["best", "race"]) == 0
    assert (f"({note})" in capsys.readouterr().out) == bool(note)
    assert ("Not proven" in client.get("/jobs/race").text) == bool(note)
    if not outcome:
        store.hold(lease.job_id, JobState.CANCELLED)
        store.interrupt(lease)
        page = client.get("/jobs/race").text
        assert "Not proven: a better choice may exist" in page
        assert "was cancelled before it was done" in client.get("/v1/jobs/race/best").json()["note"]

"""Workers: jobs from a store, with their models; killed, stopped, paused, and with a database that goes away."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.lease import this_process
from storage.records import JobState, Purpose, Response, Run, Termination
from storage.store import Store
from tests.processes import until
from tests.service import WIDE, handed_in, uploaded
from tests.simulated_worker import answering
from tests.store_samples import HERE, RESPONSE, SUBMISSION, run
from tests.test_store_queue import SERVED
from tuner.app import patience, watchdog
from tuner.app.job_folders import job_folder
from tuner.app.patience import patient
from tuner.app.views import StoredView
from tuner.app.working import Worker, named_folder
from tuner.follower.processes import marked

MARKER = "LC_TUNER_TEST_WORKER"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))


def worker_of(store: Store, tmp_path: Path) -> tuple[Worker, list[str]]:
    said: list[str] = []
    return Worker(store, tmp_path / "work", 2, said.append), said


def test_a_job_is_carried_out_with_models_from_the_store(store: Store, models: Path, tmp_path: Path) -> None:
    job = handed_in(store, uploaded(store, models), slots=WIDE, budget=12.0)
    worker, said = worker_of(store, tmp_path)
    worker.work(until_idle=True)
    done = store.job(job.id)
    assert done.state is JobState.FINISHED
    assert done.outcome in ("gain", "default kept")
    assert done.slots == 2
    assert sorted(member.name for member in done.members) == [f"generalised-assignment-{n:04}" for n in range(1, 7)]
    assert {stored.run.purpose for stored in store.responses(job.id)} == {Purpose.RACE, Purpose.HOLDOUT}
    assert {member.path for member in done.members} == {f"assignments/{path.name}" for path in models.iterdir()}
    assert said[0].endswith("taken")
    assert not list((tmp_path / "work" / "jobs").iterdir())


def test_what_is_wrong_with_a_job_fails_it_and_the_next_one_is_carried_out(
    store: Store, models: Path, tmp_path: Path
) -> None:
    few = store.create_instance_set("me", "few", [("one", next(iter(uploaded(store, models).members))[1].sha256)])
    bad = handed_in(store, few)
    none = handed_in(store, few, instance_set=None)
    good = handed_in(store, uploaded(store, models))
    worker, said = worker_of(store, tmp_path)
    worker.work(until_idle=True)
    assert [store.job(job.id).state for job in (bad, none, good)] == [
        JobState.FAILED,
        JobState.FAILED,
        JobState.FINISHED,
    ]
    assert "usable models: 1" in store.job(bad.id).outcome
    assert any("usable models: 1" in line for line in said)


def test_whoever_handed_models_in_is_told_which_are_left_out(store: Store, models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "with another"
    shutil.copytree(models, folder)
    (folder / "broken.mps").write_text("NAME broken\nROWS\n X  c\nENDATA\n")
    job = handed_in(store, uploaded(store, folder))
    worker, said = worker_of(store, tmp_path)
    worker.work(until_idle=True)
    (told,) = (event.text for event in store.events(job.id) if event.kind == "models")
    assert told.startswith("left out: broken.mps: ")
    assert str(tmp_path) not in told
    assert any("left out: " in line for line in said)
    assert len(store.job(job.id).members) == 6


@pytest.mark.parametrize("wanted", [JobState.PAUSED, JobState.CANCELLED])
def test_a_job_that_is_to_be_stopped_is_given_back_and_the_worker_goes_on(
    store: Store, models: Path, tmp_path: Path, wanted: JobState
) -> None:
    job = handed_in(store, uploaded(store, models), budget=600.0)
    worker, _ = worker_of(store, tmp_path)
    thread = threading.Thread(target=worker.work, kwargs={"until_idle": True})
    thread.start()
    until(lambda: store.count(job.id) > 5)
    store.hold(job.id, wanted)
    thread.join(30)
    assert not thread.is_alive()
    assert store.job(job.id).state is wanted


def test_a_worker_that_is_stopped_gives_its_job_back(store: Store, models: Path, tmp_path: Path) -> None:
    job = handed_in(store, uploaded(store, models), budget=600.0)
    worker, _ = worker_of(store, tmp_path)
    thread = threading.Thread(target=worker.work)
    thread.start()
    until(lambda: store.count(job.id) > 5)
    worker.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert store.job(job.id).state is JobState.INTERRUPTED


def started(url: str, folder: Path, mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tuner", "work", "--store", url, "--folder", str(folder), "--slots", "1"],
        env={**os.environ, MARKER: mark},
        stderr=subprocess.DEVNULL,
    )


def test_a_worker_that_is_killed_is_replaced_by_another_that_executes_nothing_again(
    store_url: str, models: Path, tmp_path: Path
) -> None:
    with Store.open(store_url) as store:
        job = handed_in(store, uploaded(store, models), budget=12.0)
        first = started(store_url, tmp_path / "one", "first")
        try:
            until(lambda: store.count(job.id) > 20)
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
        known = {stored.run: stored.id for stored in store.responses(job.id)}
        until(lambda: not marked(f"{MARKER}=first"), 5.0)
        second = started(store_url, tmp_path / "two", "second")
        try:
            until(lambda: store.job(job.id).state is JobState.FINISHED, 90.0)
        finally:
            second.terminate()
            assert second.wait(30) == 0
        runs = [(stored.run, stored.id) for stored in store.responses(job.id)]
        assert len({executed for executed, _ in runs}) == len(runs) > len(known)
        kept = dict(runs)
        again = [executed for executed, number in known.items() if kept.get(executed) != number]
        assert not again


def test_while_the_database_is_away_a_worker_waits_and_then_delivers_once(
    sqlite_url: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.BUSY_SECONDS", 1)
    with Store.open(sqlite_url) as store:
        job = handed_in(store, uploaded(store, models), budget=15.0)
        worker, said = worker_of(store, tmp_path)
        thread = threading.Thread(target=worker.work, kwargs={"until_idle": True})
        thread.start()
        until(lambda: store.count(job.id) > 10)
        thief = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        thief.execute("BEGIN EXCLUSIVE")
        until(lambda: any("what finishes meanwhile is kept here" in line for line in said), 20.0)
        time.sleep(1.5)
        thief.execute("ROLLBACK")
        thief.close()
        thread.join(60)
        assert not thread.is_alive()
        assert "the store is back" in said
        assert store.job(job.id).state is JobState.FINISHED
        runs = [stored.run for stored in store.responses(job.id)]
        assert len(set(runs)) == len(runs)


class Away:
    """A store whose database is away for some calls, before they are carried out or after."""

    def __init__(self, store: Store, calls: int, is_after: bool) -> None:
        self.store, self.calls, self.is_after = store, calls, is_after

    def record(self, *arguments: object) -> bool:
        is_away = self.calls > 0
        self.calls -= 1
        if is_away and not self.is_after:
            raise StoreUnavailable("away")
        found = self.store.record(*arguments)  # type: ignore[arg-type]
        if is_away:
            raise StoreUnavailable("away")
        return found


@pytest.mark.parametrize("is_after", [False, True])
def test_a_response_is_kept_once_whenever_the_database_goes_away(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, is_after: bool
) -> None:
    monkeypatch.setattr(patience, "EVERY", 0.01)
    said: list[str] = []
    with Store.open(sqlite_url) as store:
        job, _ = store.submit(SERVED)
        lease = store.claim(job.id, this_process(), 30)
        store.settle(lease, SUBMISSION)
        waiting = patient(Away(store, 3, is_after), said.append, threading.Event())  # type: ignore[arg-type]
        waiting.record(lease, run(0), RESPONSE, 1.0, HERE)
        assert store.count(job.id) == 1
    assert len(said) == 2


def test_nobody_waits_for_ever(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    with Store.open(sqlite_url) as store:
        away = Away(store, 10**6, is_after=False)
        monkeypatch.setattr(patience, "PATIENCE", 0.0)
        with pytest.raises(StoreUnavailable):
            patient(away, lambda _: None, stop).record()  # type: ignore[arg-type, call-arg]
        monkeypatch.setattr(patience, "PATIENCE", 900.0)
        stop.set()
        with pytest.raises(StoreUnavailable):
            patient(away, lambda _: None, stop).record()  # type: ignore[arg-type, call-arg]


@pytest.mark.parametrize(
    ("name", "folder"),
    [("spring", "spring"), ("../../etc", "_.._etc"), ("a/b c", "a_b_c"), ("...", "models"), ("", "models")],
)
def test_the_folder_of_a_set_lies_where_it_should(name: str, folder: str) -> None:
    assert named_folder(name) == folder


@pytest.mark.parametrize(("seconds", "state"), [(0.0, JobState.FAILED), (math.inf, JobState.INTERRUPTED)])
def test_a_worker_ends_when_its_job_does_not(
    store: Store, monkeypatch: pytest.MonkeyPatch, seconds: float, state: JobState
) -> None:
    monkeypatch.setattr(watchdog, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(watchdog, "PATIENCE", 0.2)
    job, _ = store.submit(SERVED)
    lease = store.claim(job.id, this_process(), 30)
    stop, ended, said = threading.Event(), threading.Event(), list[str]()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    if seconds:
        stop.set()
    with watchdog.watched(store, lease, stop, seconds, said.append, end):
        assert ended.wait(30)
    assert codes == [watchdog.STUCK]
    assert stop.is_set()
    assert store.job(job.id).state is state
    assert "did not end" in said[0]


def test_a_job_that_ends_in_time_is_not_disturbed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOK_EVERY", 0.01)
    codes: list[int] = []
    stop = threading.Event()
    job, _ = store.submit(SERVED)
    with watchdog.watched(store, store.claim(job.id, this_process(), 30), stop, 30.0, print, codes.append):
        stop.set()
        time.sleep(0.1)
    assert (codes, store.job(job.id).state) == ([], JobState.RUNNING)


def test_a_job_that_nobody_can_carry_out_fails_and_the_worker_goes_on(
    store: Store, models: Path, tmp_path: Path
) -> None:
    uploads = uploaded(store, models)
    shas = [model.sha256 for _, model in uploads.members]
    long = store.create_instance_set("me", "long", [("é" * 130, shas[0]), ("b", shas[1]), ("c", shas[2])])
    both = store.create_instance_set("me", "both", [("a", shas[0]), (f"a{uploads.members[1][1].suffix}/b", shas[1])])
    bad = [handed_in(store, long), handed_in(store, both)]
    worker, said = worker_of(store, tmp_path)
    worker.work(until_idle=True)
    assert [store.job(job.id).state for job in bad] == [JobState.FAILED, JobState.FAILED]
    assert "File name too long" in store.job(bad[0].id).outcome
    assert any("Traceback" in line for line in said)


def test_what_killed_workers_have_left_is_deleted_and_what_others_use_stays(
    store: Store, models: Path, tmp_path: Path
) -> None:
    jobs = tmp_path / "work" / "jobs"
    left, somebodys = jobs / "tuner-job-7-abc" / "spring", jobs / "7-abc"
    left.mkdir(parents=True)
    somebodys.mkdir()
    (left / "a.mps").write_text("NAME a")
    with job_folder(jobs, 1) as used:
        (used / "b.mps").write_text("NAME b")
        worker, _ = worker_of(store, tmp_path)
        worker.work(until_idle=True)
        assert {path.name for path in jobs.iterdir()} == {used.name, somebodys.name}
        assert (used / "b.mps").exists()
    assert list(jobs.iterdir()) == [somebodys]


@pytest.mark.parametrize("wanted", [JobState.PAUSED, JobState.CANCELLED, None])
def test_a_job_that_is_stopped_leaves_nothing_in_the_workers_folder(
    store: Store, models: Path, tmp_path: Path, wanted: JobState | None
) -> None:
    job = handed_in(store, uploaded(store, models), budget=600.0)
    worker, said = worker_of(store, tmp_path)
    thread = threading.Thread(target=worker.work, kwargs={"until_idle": True})
    thread.start()
    until(lambda: store.count(job.id) > 2)
    assert list((tmp_path / "work" / "jobs").iterdir())
    if wanted is None:
        store.delete_job(job.id, cancel=True)
    else:
        store.hold(job.id, wanted)
    thread.join(60)
    assert not thread.is_alive()
    assert not list((tmp_path / "work" / "jobs").iterdir())
    if wanted is None:
        assert said[-1].endswith("deleted")
        assert store.count(job.id) == 0


def test_when_no_model_can_be_read_outcome_and_events_say_why_and_not_where(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "spring"
    folder.mkdir()
    for number in range(8):
        (folder / f"day{number}.mps").write_text(f"NAME broken{number}\nROWS\n X  c\nENDATA\n")
    job = handed_in(store, uploaded(store, folder))
    worker, _ = worker_of(store, tmp_path)
    worker.work(until_idle=True)
    done = store.job(job.id)
    assert done.state is JobState.FAILED
    events = [event.text for event in store.events(job.id) if event.kind == "models"]
    assert "none of its 8 models can be read. Left out: day0.mps: " in done.outcome
    assert "; day4.mps: " in done.outcome
    assert "day5.mps" not in done.outcome
    assert done.outcome.endswith("; and 3 more")
    assert [event.partition(".mps")[0] for event in events] == [f"left out: day{number}" for number in range(8)]
    shown = json.dumps(StoredView(store).show(job.name))
    assert "day7.mps: " in shown
    for text in (done.outcome, shown, *events):
        assert str(tmp_path) not in text
        assert "jobs/" not in text


def test_a_job_whose_models_take_more_than_a_workers_folder_may_have_fails_with_words(
    store: Store, models: Path, tmp_path: Path
) -> None:
    job = handed_in(store, uploaded(store, models))
    Worker(store, tmp_path / "work", 1, lambda _: None, largest=1000.0).work(until_idle=True)
    assert store.job(job.id).state is JobState.FAILED
    assert "the limit of this worker's folder" in store.job(job.id).outcome
    assert not list((tmp_path / "work" / "jobs").iterdir())


def test_what_a_solvers_process_says_names_no_path_of_the_machine(store: Store, models: Path, tmp_path: Path) -> None:
    def crash(run: Run) -> Response:
        reason = f"could not be prepared: FileNotFoundError: '{tmp_path}/cache/models-1/{run.instance}.npz'"
        return Response(Termination.CRASHED, reason=reason, raw_status=f"{tmp_path}/x.log", cpu=0.5, wall=0.5)

    job = handed_in(store, uploaded(store, models))
    Worker(store, tmp_path / "work", 1, lambda _: None, answering(crash)).work(until_idle=True)
    found = [s for s in store.responses(job.id) if s.response.termination is not Termination.KILLED]  # at the end
    assert found
    assert {stored.response.raw_status for stored in found} == {"x.log"}
    assert all(stored.response.reason.endswith(f"'{stored.run.instance}.npz'") for stored in found)
    for text in (*(event.text for event in store.events(job.id)), store.job(job.id).outcome):
        assert str(tmp_path) not in text

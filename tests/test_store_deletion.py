"""Deleting jobs, sets and models: what goes, what stays because others have it, and that others can write meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import optuna
import pytest
from optuna.study import StudyDirection
from sqlalchemy import Engine, create_engine, func, inspect, select, text

from storage import deletion, schema
from storage.errors import JobBusy, StoreRefused, UnknownJob
from storage.lease import Owner, this_process
from storage.records import Bracket, Event, Job, JobState, ModelContent
from storage.store import Store
from tests.store_samples import ANSWER, COMPARISON, EVENT, HERE, INCUMBENT, PROBLEM, RESPONSE, SUBMISSION, TUNED, run
from tests.test_store_queue import SERVED
from tuner.leader.mirror import JOB, connect, own_study

STAY = {"configurations", "configuration_parameters", "instances", "environments", "owner_usage"}
"""Tables of which deleting jobs takes nothing."""


@pytest.fixture
def engine(store: Store) -> Iterator[Engine]:
    made = create_engine(store.url)
    yield made
    made.dispose()


def rows_of(engine: Engine) -> dict[str, int]:
    """Return how many rows there are in each table of ours and of Optuna's that has some."""
    with engine.connect() as connection:
        names = set(inspect(connection).get_table_names()) - STAY - {"tuner_version", "alembic_version", "version_info"}
        found = {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in sorted(names)}
    return {name: count for name, count in found.items() if count}


def tuned(store: Store, name: str = "unit commitment", runs: int = 3) -> Job:
    job = store.create_job(replace(SUBMISSION, name=name))
    lease = store.claim(job.id, this_process(), 60)
    for seed in range(runs):
        store.record(lease, run(seed, TUNED), RESPONSE, 1.0, HERE)
    store.add_incumbent(lease, INCUMBENT)
    store.add_event(lease, EVENT)
    store.finish(lease, "gain", "it is faster", TUNED, [COMPARISON])
    return store.job(job.id)


def solved(store: Store) -> Job:
    job = store.create_job(PROBLEM)
    lease = store.claim(job.id, this_process(), 60)
    store.name_reactions(lease, ["a", "b", "c"])
    number = store.record_answer(lease, ANSWER, 1.0, HERE)
    store.set_bracket(lease, Bracket(5.5, 6.0, "cuts", number), 1.0)
    store.add_event(lease, Event(1.0, "ties", "nothing hangs on them"))
    store.finish(lease, "optimal", "", None)
    return store.job(job.id)


def mirrored(store: Store, job: Job) -> None:
    """Give a job a study of Optuna's, as its mirror does."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=store.url, study_name=job.name)
    study.set_user_attr(JOB, job.name)
    for number in range(deletion.TRIALS + 3):
        trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
        trial.report(0.5, 0)
        trial.set_user_attr("configuration", str(number))
        study.tell(trial, 0.5)


@pytest.mark.parametrize("make", [tuned, solved])
def test_a_deleted_job_leaves_no_row(store: Store, engine: Engine, make: object) -> None:
    before = rows_of(engine)
    job = make(store)  # type: ignore[operator]
    store.delete_job(job.id)
    store.sweep()
    assert rows_of(engine) == before


def test_a_deleted_job_is_there_for_nobody_also_before_its_rows_are_gone(store: Store) -> None:
    job, other = tuned(store), tuned(store, "other")
    store.delete_job(job.id)
    for reference in (job.id, job.name, str(job.id)):
        with pytest.raises(UnknownJob) as unknown:
            store.job(reference)
        assert "unit commitment'?" not in str(unknown.value)
    for call in (store.delete_job, store.standing):
        with pytest.raises(UnknownJob):
            call(job.id)
    with pytest.raises(UnknownJob):
        store.claim(job.id, this_process(), 9)
    with pytest.raises(UnknownJob):
        store.hold(job.id, JobState.PAUSED)
    assert [each.id for each in store.jobs()] == [other.id]
    assert store.states() == {JobState.FINISHED: 1}
    assert set(store.parts()) == {other.id}


def test_the_name_of_a_deleted_job_is_free_at_once(store: Store) -> None:
    store.delete_job(tuned(store).id)
    again = tuned(store)
    store.sweep()
    assert store.job("unit commitment").id == again.id
    assert store.count(again.id) == 3
    assert store.comparisons(again.id) == [COMPARISON]


def test_the_name_of_a_deleted_job_is_free_once_its_process_is_gone(store: Store) -> None:
    for submission in (SUBMISSION, replace(SUBMISSION, name="")):
        job = store.create_job(submission)
        lease = store.claim(job.id, this_process(), 60)
        store.delete_job(job.id, cancel=True)
        store.renew(lease, 0.0)  # what a process that was killed does, some seconds later
        assert store.create_job(submission).name == job.name


def test_the_study_of_a_deleted_job_goes_and_those_of_others_stay(store: Store, engine: Engine) -> None:
    other = tuned(store, "other")
    mirrored(store, other)
    optuna.create_study(storage=store.url, study_name="unit commitment (mine)")
    before = rows_of(engine)
    job = tuned(store)
    mirrored(store, job)
    store.delete_job(job.id)
    storage = connect(store.url)
    study, name = own_study(storage, job.name, StudyDirection.MINIMIZE)  # the next job's of this name, already
    assert (name, storage.get_n_trials(study)) == (job.name, 0)
    storage.delete_study(study)
    storage.engine.dispose()
    store.sweep()
    assert rows_of(engine) == before


def test_the_study_of_somebody_else_that_has_a_jobs_name_stays(store: Store) -> None:
    optuna.create_study(storage=store.url, study_name="unit commitment")
    store.delete_job(tuned(store).id)
    store.sweep()
    assert optuna.get_all_study_names(storage=store.url) == ["unit commitment"]


def test_a_running_job_is_not_deleted_unless_it_is_cancelled_with_that(store: Store) -> None:
    job, _ = store.submit(replace(SUBMISSION, served=True, owner="me"))
    lease = store.claim(job.id, this_process(), 60)
    with pytest.raises(JobBusy, match=r"is running: cancel it first, or do both at once"):
        store.delete_job(job.id)
    store.delete_job(job.id, cancel=True)
    assert store.held(job.id) is JobState.CANCELLED
    with pytest.raises(UnknownJob):
        store.job(job.id)
    store.sweep()
    store.record(lease, run(0), RESPONSE, 1.0, HERE)  # its worker has not looked yet: nothing is taken from under it
    store.interrupt(lease)
    store.sweep()
    with pytest.raises(JobBusy, match="was deleted"):
        store.record(lease, run(1), RESPONSE, 1.0, HERE)


def test_a_worker_that_stood_still_writes_nothing_about_the_job_that_is_handed_in_after_its_own(store: Store) -> None:
    job, _ = store.submit(replace(SERVED, owner="bob"))
    still = store.claim_next(Owner("elsewhere", "", 1, 1), 0.0, 8)  # its lease is over at once
    assert still is not None
    store.delete_job(job.id, cancel=True)
    store.sweep()
    other, _ = store.submit(replace(SERVED, owner="alice"))
    assert other.id > job.id
    lease = store.claim_next(this_process(), 60, 8)
    assert lease is not None
    assert lease.job_id == other.id
    for write in (
        lambda: store.add_event(still, EVENT),
        lambda: store.record(still, run(0), RESPONSE, 1.0, HERE),
        lambda: store.renew(still, 60),
        lambda: store.fail(still, "it failed"),
    ):
        with pytest.raises(JobBusy, match=f"job {job.id} was deleted"):
            write()
    store.release(still)
    assert store.job(other.id).state is JobState.RUNNING
    assert store.events(other.id) == []


def test_a_deleted_job_is_taken_by_no_worker(store: Store) -> None:
    job, _ = store.submit(SERVED)
    store.delete_job(job.id)
    assert store.claim_next(this_process(), 60, 8) is None


def test_the_key_of_a_deleted_job_makes_another_one(store: Store) -> None:
    job, _ = store.submit(SERVED, "key", "0" * 64)
    store.delete_job(job.id)
    again, is_new = store.submit(SERVED, "key", "0" * 64)
    assert is_new
    assert again.id != job.id


def test_a_set_can_be_deleted_once_its_jobs_are(store: Store) -> None:
    model = ModelContent("a" * 64, ".mps", 7)
    store.keep_model("me", model, [b"NAME a\n"])
    models = store.create_instance_set("me", "spring", [("a", model.sha256)])
    jobs = [store.submit(replace(SERVED, name=name, instance_set=models.id))[0] for name in ("one", "two")]
    with pytest.raises(StoreRefused, match=r"used by the jobs one, two; delete them first"):
        store.delete_instance_set(models.id)
    for job in jobs:
        store.delete_job(job.id)
    store.delete_instance_set(models.id)
    assert list(store.model(model.sha256)) == []


def test_a_model_is_deleted_that_is_in_no_set_and_stays_for_others_who_have_it(store: Store) -> None:
    model = ModelContent("a" * 64, ".mps", 7)
    for owner in ("me", "you"):
        store.keep_model(owner, model, [b"NAME a\n"])
    models = store.create_instance_set("me", "spring", [("a", model.sha256)])
    with pytest.raises(StoreRefused, match=f"is in the instance sets {models.id}; delete them first"):
        store.delete_model("me", model.sha256)
    store.delete_instance_set(models.id)
    with pytest.raises(StoreRefused, match="me has uploaded no model"):
        store.delete_model("me", model.sha256)
    assert b"".join(store.model(model.sha256)) == b"NAME a\n"
    store.delete_model("you", model.sha256)
    assert list(store.model(model.sha256)) == []


def test_others_write_while_a_large_job_is_deleted(
    store: Store, store_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "ROWS", 50)
    job = tuned(store, runs=2)
    row = (
        "configuration, instance, seed, cutoff, run_limit, purpose, termination, claim, checked, cpu, wall, raw_status"
    )
    with engine.begin() as connection:  # as many responses as an hour on eight cores leaves
        connection.execute(
            text(
                f"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 5100) "
                f"INSERT INTO runs (job_id, {row}, reason, elapsed, stored_at) SELECT job_id, "
                f"{row.replace('seed', 'n.i')}, reason, elapsed, stored_at FROM runs, n WHERE seed = 0"
            )
        )
    store.delete_job(job.id)
    thread = threading.Thread(target=store.sweep)
    written = 0
    with Store.open(store_url) as other:
        thread.start()
        while thread.is_alive():
            other.note_worker("here", 1 + written)
            written += 1
    assert written > 10
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.runs)) == 0


def test_a_sweep_that_has_no_time_left_is_gone_on_with_by_the_next(store: Store, engine: Engine) -> None:
    before = rows_of(engine)
    job = tuned(store)
    store.delete_job(job.id)
    deletion.sweep(store._database, 0.0)
    assert rows_of(engine)["runs"] == 3
    began = time.monotonic()
    store.sweep()
    assert time.monotonic() - began < 30
    assert rows_of(engine) == before

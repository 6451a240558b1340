"""What a service keeps, in both kinds of database: jobs that wait for workers, models, sets and tokens."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from storage import jobs
from storage.errors import (
    JobBusy,
    JobHeld,
    JobOver,
    RequestDiffers,
    StoreRefused,
    UnknownJob,
    UnknownSet,
    UnknownToken,
)
from storage.lease import Owner, this_process
from storage.records import JobState, ModelContent, Scope
from storage.store import Store
from tests.store_samples import HERE, MEMBERS, RESPONSE, SUBMISSION, run

SERVED = replace(SUBMISSION, name="", owner="me", served=True, members=(), solvers=())
ELSEWHERE = Owner("node7", "another machine", 12, 34)
"""A worker of which nobody here can tell whether it lives."""


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with Store.open(database_url) as opened:
        yield opened


def model(text: str) -> tuple[ModelContent, list[bytes]]:
    data = text.encode()
    return ModelContent(hashlib.sha256(data).hexdigest(), ".mps", len(data)), [data[:3], data[3:]]


# The queue


def test_the_most_urgent_job_is_taken_first_then_the_oldest_and_each_once(store: Store) -> None:
    waiting = [store.submit(replace(SERVED, priority=priority))[0] for priority in (0, 5, 0, 5)]
    store.create_job(replace(SERVED, served=False))  # carried out by its own process: no worker's
    taken = [store.claim_next(this_process(), 30, slots=64) for _ in range(5)]
    assert [lease and lease.job_id for lease in taken] == [waiting[n].id for n in (1, 3, 0, 2)] + [None]
    assert all(store.job(job.id).state is JobState.RUNNING for job in waiting)


def test_many_workers_take_every_job_exactly_once(database_url: str) -> None:
    with Store.open(database_url) as store:
        wanted = {store.submit(SERVED)[0].id for _ in range(20)}
    barrier = threading.Barrier(4, timeout=60)

    def work() -> list[int]:
        found = []
        with Store.open(database_url) as store:
            barrier.wait()
            while (lease := store.claim_next(this_process(), 30, slots=10**6)) is not None:
                found.append(lease.job_id)
        return found

    with ThreadPoolExecutor(4) as pool:
        taken = [job for future in [pool.submit(work) for _ in range(4)] for job in future.result()]
    assert sorted(taken) == sorted(wanted)


def test_a_worker_that_went_silent_loses_its_job_and_may_write_no_more(store: Store) -> None:
    job, _ = store.submit(replace(SERVED, members=MEMBERS, solvers=("highs",)))
    lost = store.claim_next(ELSEWHERE, -1.0, slots=8)
    assert lost is not None
    lease = store.claim_next(this_process(), 30, slots=8)
    assert lease is not None
    assert lease.token > lost.token
    with pytest.raises(JobBusy):
        store.record(lost, run(0), RESPONSE, 1.0, HERE)
    with pytest.raises(JobBusy):
        store.settle(lost, SUBMISSION)
    assert store.record(lease, run(0), RESPONSE, 1.0, HERE)
    assert store.count(job.id) == 1
    assert store.claim_next(ELSEWHERE, 30, slots=8) is None


def test_the_jobs_of_a_host_use_no_more_slots_than_it_has(store: Store) -> None:
    for slots in (2, 1, 2):
        store.submit(replace(SERVED, slots=slots))
    one = store.claim_next(this_process(), 30, slots=3)
    two = store.claim_next(this_process(), 30, slots=3)
    assert one is not None
    assert two is not None
    assert [store.job(lease.job_id).slots for lease in (one, two)] == [2, 1]
    assert store.claim_next(this_process(), 30, slots=3) is None
    assert store.claim_next(ELSEWHERE, 30, slots=3) is not None
    wide, _ = store.submit(replace(SERVED, slots=99))
    store.interrupt(one)
    store.interrupt(two)
    found = {lease.job_id for _ in range(3) if (lease := store.claim_next(this_process(), 30, slots=99)) is not None}
    assert wide.id not in found or len(found) == 1  # as wide as the host: only when nothing else is there


def test_an_urgent_job_that_needs_all_slots_is_not_overtaken_for_ever(store: Store) -> None:
    small = [store.submit(replace(SERVED, slots=1))[0].id for _ in range(4)]
    leases = [store.claim_next(this_process(), 30, slots=2) for _ in range(2)]
    urgent, _ = store.submit(replace(SERVED, slots=99, priority=5))
    assert store.claim_next(this_process(), 30, slots=2) is None
    for number, lease in enumerate(leases):
        assert lease is not None
        store.hold(lease.job_id, JobState.CANCELLED)
        store.interrupt(lease)
        taken = store.claim_next(this_process(), 30, slots=2)
        assert (None if taken is None else taken.job_id) == (urgent.id if number else None)
    assert small


@pytest.mark.parametrize("wanted", [JobState.PAUSED, JobState.CANCELLED])
def test_a_job_uses_its_slots_until_its_worker_has_let_go_of_it(store: Store, wanted: JobState) -> None:
    for _ in range(2):
        store.submit(replace(SERVED, slots=2))
    lease = store.claim_next(this_process(), 30, slots=3)
    assert lease is not None
    store.hold(lease.job_id, wanted)
    assert store.claim_next(this_process(), 30, slots=3) is None
    store.interrupt(lease)
    other = store.claim_next(this_process(), 30, slots=3)
    assert other is not None
    assert other.job_id != lease.job_id


def test_a_job_uses_its_slots_also_while_its_worker_writes(postgresql_url: str) -> None:
    with Store.open(postgresql_url) as store:  # in SQLite, a claim waits until the other transaction is over
        for _ in range(2):
            store.submit(replace(SERVED, slots=2))
        lease = store.claim_next(this_process(), 30, slots=3)
        assert lease is not None
        with store._database.writing() as connection:
            jobs.spend(connection, store._database, lease, 1.0)
            assert store.claim_next(this_process(), 30, slots=3) is None


def test_of_two_workers_that_claim_at_the_same_moment_only_one_gets_the_last_slots(store: Store) -> None:
    for _ in range(2):
        store.submit(replace(SERVED, slots=2))
    with ThreadPoolExecutor(1) as pool:
        with store._database.writing() as connection:
            assert jobs.claim_next(connection, store._database, this_process(), 30, 3) is not None
            other = pool.submit(store.claim_next, this_process(), 30, slots=3)
            with pytest.raises(TimeoutError):  # it waits until the first one is sure of its slots
                other.result(timeout=0.5)
        assert other.result() is None


def test_a_worker_of_another_host_takes_the_next_job_while_one_is_being_taken(postgresql_url: str) -> None:
    with Store.open(postgresql_url) as store:  # in SQLite, it waits
        first, second = (store.submit(SERVED)[0] for _ in range(2))
        with store._database.writing() as connection:
            here = jobs.claim_next(connection, store._database, this_process(), 30, 3)
            there = store.claim_next(ELSEWHERE, 30, slots=3)
        assert [lease and lease.job_id for lease in (here, there)] == [first.id, second.id]


def test_models_and_solvers_are_settled_by_the_worker(store: Store) -> None:
    job, is_new = store.submit(SERVED)
    assert (is_new, job.members, job.solvers, job.owner, job.served) == (True, (), (), "me", True)
    lease = store.claim_next(this_process(), 30, slots=8)
    assert lease is not None
    for _ in range(2):  # a worker may die just behind it
        store.settle(lease, replace(SUBMISSION, slots=1))
        settled = store.job(job.id)
        assert (settled.members, settled.solvers, settled.slots) == (MEMBERS, SUBMISSION.solvers, 1)


def test_what_is_paused_is_left_alone_until_it_is_resumed_and_what_is_cancelled_for_ever(store: Store) -> None:
    job, _ = store.submit(SERVED)
    assert store.hold(job.id, JobState.PAUSED).state is JobState.PAUSED
    assert store.claim_next(this_process(), 30, slots=8) is None
    assert store.hold(job.id, None).state is JobState.QUEUED
    lease = store.claim_next(this_process(), 30, slots=8)
    assert lease is not None
    assert store.held(job.id) is None
    assert store.hold(job.id, JobState.CANCELLED).state is JobState.RUNNING  # until its worker has looked
    assert store.held(job.id) is JobState.CANCELLED
    store.interrupt(lease)
    assert store.job(job.id).state is JobState.CANCELLED
    assert store.claim_next(this_process(), 30, slots=8) is None
    for again in (None, JobState.PAUSED):
        with pytest.raises(JobHeld):
            store.hold(job.id, again)
    with pytest.raises(JobHeld):
        store.claim(job.id, this_process(), 30)
    assert store.hold(job.id, JobState.CANCELLED).state is JobState.CANCELLED
    with pytest.raises(UnknownJob):
        store.hold(99, JobState.PAUSED)


def test_a_finished_job_cannot_be_held_and_a_failed_one_can_be_tried_again(store: Store) -> None:
    done, _ = store.submit(SERVED)
    lease = store.claim_next(this_process(), 30, slots=8)
    assert lease is not None
    store.finish(lease, "default kept", "nothing", None)
    with pytest.raises(JobOver):
        store.hold(done.id, JobState.CANCELLED)
    failed, _ = store.submit(SERVED)
    lease = store.claim_next(this_process(), 30, slots=8)
    assert lease is not None
    store.fail(lease, "no models")
    assert store.claim_next(this_process(), 30, slots=8) is None
    assert store.hold(failed.id, None).state is JobState.QUEUED
    assert store.claim_next(this_process(), 30, slots=8) is not None


def test_a_request_that_comes_again_makes_no_other_job(store: Store) -> None:
    first, is_new = store.submit(SERVED, "key", "digest")
    again, is_new_again = store.submit(SERVED, "key", "digest")
    assert (first.id, is_new, is_new_again) == (again.id, True, False)
    other, _ = store.submit(replace(SERVED, owner="you"), "key", "another digest")
    assert other.id != first.id
    with pytest.raises(RequestDiffers, match="came with another request"):
        store.submit(SERVED, "key", "another digest")
    assert len(store.jobs()) == 2


def test_a_request_that_comes_many_times_at_once_makes_one_job(database_url: str) -> None:
    Store.open(database_url).close()
    barrier = threading.Barrier(6, timeout=60)

    def hand_in() -> int:
        with Store.open(database_url) as store:
            barrier.wait()
            return store.submit(SERVED, "key", "digest")[0].id

    with ThreadPoolExecutor(6) as pool:
        assert len({future.result() for future in [pool.submit(hand_in) for _ in range(6)]}) == 1


# Models and sets


def test_a_model_is_kept_once_and_read_in_the_pieces_it_came_in(store: Store) -> None:
    content, pieces = model("NAME one")
    store.keep_model("me", content, pieces)
    store.keep_model("me", content, (1 // 0 for _ in "x"))  # type: ignore[misc]
    assert list(store.model(content.sha256)) == pieces
    assert list(store.model("0" * 64)) == []
    with pytest.raises(ZeroDivisionError):
        store.keep_model("me", model("NAME two")[0], (1 // 0 for _ in "x"))  # type: ignore[misc]
    assert list(store.model(model("NAME two")[0].sha256)) == []


def test_a_set_has_names_for_its_models_and_goes_with_those_that_no_other_has(store: Store) -> None:
    contents = []
    for text in ("NAME a", "NAME b", "NAME c"):
        content, pieces = model(text)
        for owner in ("me", "you") if text != "NAME a" else ("me",):
            store.keep_model(owner, content, pieces)
        contents.append(content)
    a, b, c = contents
    first = store.create_instance_set("me", "spring", [("a", a.sha256), ("sub/b", b.sha256), ("again/a", a.sha256)])
    second = store.create_instance_set("you", "spring", [("bee", b.sha256), ("c", c.sha256)])
    assert first.members == (("a", a), ("sub/b", b), ("again/a", a))
    assert store.instance_set(first.id) == first
    listed = [replace(each, members=()) for each in (second, first)]
    assert [each.size for each in listed] == [2, 3]
    assert (store.instance_sets(), store.instance_sets("me")) == (listed, listed[1:])
    store.delete_instance_set(first.id)
    assert list(store.model(a.sha256)) == []
    assert b"".join(store.model(b.sha256)) == b"NAME b"
    for call in (store.instance_set, store.delete_instance_set):
        with pytest.raises(UnknownSet):
            call(first.id)
    job, _ = store.submit(replace(SERVED, instance_set=second.id))
    assert job.instance_set == second.id
    with pytest.raises(StoreRefused, match=r"used by the jobs .*; delete them first"):
        store.delete_instance_set(second.id)
    with pytest.raises(StoreRefused, match=r"'a' .* was not uploaded"):
        store.create_instance_set("me", "gone", [("a", a.sha256)])
    with pytest.raises(StoreRefused, match="was not uploaded"):  # it is there, but is somebody else's
        store.create_instance_set("them", "stolen", [("c", c.sha256)])
    assert set(store.models("you", [a.sha256, c.sha256])) == {c.sha256}
    assert store.models("them", [c.sha256]) == {}
    with pytest.raises(StoreRefused):
        store.create_instance_set("you", "twice", [("b", b.sha256), ("b", c.sha256)])
    with pytest.raises(StoreRefused):
        store.submit(replace(SERVED, instance_set=99))


# Tokens


def test_a_token_is_known_until_it_is_revoked_and_itself_is_not_kept(store: Store) -> None:
    token, secret = store.create_token("laptop", "me", Scope.SUBMIT)
    assert store.token(secret) == token
    assert (token.name, token.owner, token.scope, token.revoked_at) == ("laptop", "me", Scope.SUBMIT, None)
    assert store.token(secret + "x") is None
    assert store.token("") is None
    assert store.token("\udcff") is None
    other, _ = store.create_token("robot", "you", Scope.ADMIN)
    store.revoke_token(token.id)
    assert store.token(secret) is None
    known = store.tokens()
    assert [each.id for each in known] == [token.id, other.id]
    assert known[0].revoked_at is not None
    with pytest.raises(UnknownToken):
        store.revoke_token(99)

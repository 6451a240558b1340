"""What one owner may have of a store, and whose job a worker takes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, update

from storage import schema
from storage.errors import AboveLimit, StorageUsedUp, TooManyJobs
from storage.lease import this_process
from storage.limits import MEMBER_BYTES, SET_BYTES
from storage.records import ALL_SLOTS, JobState, ModelContent, OwnerLimits
from storage.store import Store
from tests.store_samples import PROBLEM
from tests.test_store_queue import SERVED

ANN, BOB = replace(SERVED, owner="ann", slots=1), replace(SERVED, owner="bob", slots=1)


def taken(store: Store, slots: int = 8) -> str:
    """Return the owner of the job that a worker takes next; it goes on with that."""
    lease = store.claim_next(this_process(), 60, slots)
    return "" if lease is None else store.job(lease.job_id).owner


def test_limits_are_kept_for_all_who_use_the_store(store: Store) -> None:
    assert store.owner_limits() == OwnerLimits()
    wanted = OwnerLimits(jobs=3, priority=-2, budget=0.5, stored=2**40, slots=4)
    store.limit_owners(wanted)
    assert store.owner_limits() == wanted
    store.limit_owners(OwnerLimits(slots=2))
    assert store.owner_limits() == OwnerLimits(slots=2)


@pytest.mark.parametrize(
    ("limits", "asked", "words"),
    [
        (OwnerLimits(priority=2), {"priority": 3}, "priority: 3 is above the limit of 2"),
        (OwnerLimits(budget=60), {"budget": 61.0}, "budget: 61 s is above the limit of 60 s"),
        (OwnerLimits(slots=2), {"slots": 3}, "slots: 3 is above the limit of 2"),
    ],
)
def test_a_job_that_asks_for_more_than_one_owner_may_have_is_refused(
    store: Store, limits: OwnerLimits, asked: dict[str, float], words: str
) -> None:
    store.limit_owners(limits)
    with pytest.raises(AboveLimit, match=words):
        store.submit(replace(ANN, **asked))  # type: ignore[arg-type]
    (name,) = asked
    store.submit(replace(ANN, **{name: asked[name] - 1}))  # type: ignore[arg-type]


def test_one_owner_has_so_many_unfinished_jobs_and_others_theirs(store: Store) -> None:
    store.limit_owners(OwnerLimits(jobs=2))
    first, second = (store.submit(ANN, f"key {n}", "0" * 64)[0] for n in range(2))
    with pytest.raises(TooManyJobs, match=r"ann has 2 unfinished jobs, the limit is 2; wait .*, cancel one"):
        store.submit(ANN)
    assert store.submit(ANN, "key 1", "0" * 64) == (second, False)  # the same request, once more
    store.submit(BOB)
    store.hold(first.id, JobState.PAUSED)
    with pytest.raises(TooManyJobs):
        store.submit(ANN)
    store.hold(first.id, JobState.CANCELLED)
    third, _ = store.submit(ANN)
    store.delete_job(second.id)
    store.submit(ANN)
    lease = store.claim(third.id, this_process(), 60)
    store.fail(lease, "it could not be read")
    store.submit(ANN)
    with pytest.raises(TooManyJobs):
        store.hold(third.id, None)


def test_one_owner_keeps_so_many_bytes(store: Store) -> None:
    store.limit_owners(OwnerLimits(stored=1000))
    small, large = ModelContent("a" * 64, ".mps", 600), ModelContent("b" * 64, ".mps", 600)
    store.keep_model("ann", small, [b"a" * 300, b"a" * 300])
    assert store.stored_bytes("ann") == 600
    with pytest.raises(StorageUsedUp, match=r"stored bytes: .* would be used by ann, the limit is .*; delete"):
        store.keep_model("ann", large, [b"b" * 600])
    assert list(store.model(large.sha256)) == []
    assert store.stored_bytes("ann") == 600
    store.keep_model("bob", large, [b"b" * 600])
    with pytest.raises(StorageUsedUp):
        store.submit(replace(PROBLEM, name="", owner="ann", served=True, document="x" * 401))
    store.submit(replace(PROBLEM, name="", owner="ann", served=True, document="x" * 400))
    assert store.stored_bytes("ann") == 1000
    store.delete_model("ann", small.sha256)
    store.keep_model("ann", large, [])
    assert store.stored_bytes("ann") == 1000


def test_the_names_of_instance_sets_count_as_what_an_owner_keeps(store: Store) -> None:
    model = ModelContent("a" * 64, ".mps", 7)
    store.keep_model("ann", model, [b"NAME a\n"])
    assert store.stored_bytes("ann") == 7
    members = [(f"m\u00e9{number}" + "x" * 100, model.sha256) for number in range(10)]
    made = store.create_instance_set("ann", "\u00e9", members)
    taken = 7 + 2 + SET_BYTES + 10 * (104 + MEMBER_BYTES)
    assert store.stored_bytes("ann") == taken
    store.limit_owners(OwnerLimits(stored=taken))
    assert store.create_instance_set("ann", "\u00e9", members) == made  # the same one takes nothing more
    for name, some in (("other", members), ("none", [])):
        with pytest.raises(StorageUsedUp, match="stored bytes"):
            store.create_instance_set("ann", name, some)
        with pytest.raises(StorageUsedUp, match="stored bytes"):
            store.keep_set("ann", name, [(each, model) for each, _ in some], [])
    assert [each.id for each in store.instance_sets()] == [made.id]
    store.delete_instance_set(made.id)
    assert store.stored_bytes("ann") == 0


def test_of_two_owners_the_one_who_uses_fewer_slots_goes_first(store: Store) -> None:
    for _ in range(3):
        store.submit(ANN)
    for _ in range(2):
        store.submit(BOB)
    assert [taken(store) for _ in range(6)] == ["ann", "bob", "bob", "ann", "ann", ""]


def test_who_has_used_less_lately_goes_first(store: Store) -> None:
    for _ in range(100):
        store.submit(ANN)
    lease = store.claim_next(this_process(), 60, 8)
    assert lease is not None
    store.submit(BOB)
    store.finish(lease, "gain", "", None)
    assert taken(store) == "bob"


def test_what_was_used_counts_less_from_day_to_day(store: Store) -> None:
    for owner, days in ((ANN, 20), (BOB, 0)):
        job, _ = store.submit(owner)
        lease = store.claim(job.id, this_process(), 60)
        engine = create_engine(store.url)
        with engine.begin() as connection:
            began = lease.expires_at - timedelta(seconds=10_000 if owner is ANN else 1_000)
            connection.execute(update(schema.jobs).where(schema.jobs.c.id == job.id).values(owned_since=began))
        store.finish(lease, "gain", "", None)
        with engine.begin() as connection:
            usage = schema.owner_usage.c
            aged = update(schema.owner_usage).where(usage.owner == owner.owner)
            connection.execute(aged.values(counted_at=lease.expires_at - timedelta(days=days)))
        engine.dispose()
    store.submit(BOB)
    store.submit(ANN)
    assert taken(store) == "ann"


def test_priority_counts_more_than_the_share(store: Store) -> None:
    store.submit(ANN)
    assert taken(store) == "ann"
    store.submit(BOB)
    store.submit(replace(ANN, priority=1))
    assert [taken(store), taken(store)] == ["ann", "bob"]


def test_one_owner_uses_so_many_slots_and_others_go_on(store: Store) -> None:
    store.limit_owners(OwnerLimits(slots=2))
    for _ in range(3):
        store.submit(ANN)
    store.submit(replace(BOB, priority=-1))
    assert [taken(store) for _ in range(4)] == ["ann", "ann", "bob", ""]


def test_a_job_on_all_slots_takes_as_many_as_its_owner_may_have(store: Store) -> None:
    store.limit_owners(OwnerLimits(slots=2))
    job, _ = store.submit(replace(ANN, slots=ALL_SLOTS))
    assert job.slots == 2


def test_a_limit_that_became_smaller_lets_a_job_through_that_was_there(store: Store) -> None:
    store.submit(replace(ANN, slots=4))
    store.limit_owners(OwnerLimits(slots=2))
    assert taken(store) == "ann"


def test_the_largest_host_is_known_while_its_workers_say_something(store: Store) -> None:
    assert store.most_slots() is None
    store.note_worker("one", 2)
    store.note_worker("two", 8)
    store.note_worker("two", 4)
    assert store.most_slots() == 4

"""The conformance suite of the store: the same for SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

import storage.chunks
import storage.configurations
from storage.errors import JobBusy, JobOver, NameTaken, StoreRefused, UnknownJob
from storage.lease import Lease, this_process
from storage.records import Check, Claim, Configuration, JobState, Purpose, Response, StoredRun, Termination
from storage.store import Store
from tests.store_samples import (
    COMPARISON,
    DEFAULT,
    EVENT,
    HERE,
    INCUMBENT,
    LONG,
    MEMBERS,
    NODE7,
    RESPONSE,
    SUBMISSION,
    TUNED,
    UNNAMED,
    elsewhere,
    holdout_run,
    run,
)
from tuner.verdict.delicate import tallied


@pytest.fixture
def lease(store: Store) -> Lease:
    """A lease on the store's only job."""
    return store.claim(store.create_job(SUBMISSION).id, this_process(), 600)


def read_anew(url: str, job_id: int) -> list[StoredRun]:
    """Return what somebody finds who opens the store now."""
    with Store.open(url) as store:
        return list(store.responses(job_id))


# Jobs


def test_a_job_comes_back_as_it_was_handed_in(store: Store, store_url: str) -> None:
    before = datetime.now(UTC)
    job = store.create_job(SUBMISSION)
    for field in SUBMISSION.__dataclass_fields__:
        assert getattr(job, field) == getattr(SUBMISSION, field)
    assert (job.state, job.spent, job.outcome, job.report, job.best) == (JobState.QUEUED, 0.0, "", "", None)
    assert before - timedelta(seconds=1) <= job.created_at <= datetime.now(UTC) + timedelta(seconds=1)
    with Store.open(store_url) as another:
        assert another.job(job.id) == another.job("unit commitment") == job


def test_jobs_are_listed_the_newest_first_and_without_members(store: Store) -> None:
    ids = [store.create_job(UNNAMED).id for _ in range(3)]
    assert [job.id for job in store.jobs()] == ids[::-1]
    assert all(job.members == () and job.solvers == ("scip", "highs") for job in store.jobs())


def test_a_name_is_given_once(store: Store) -> None:
    store.create_job(SUBMISSION)
    with pytest.raises(NameTaken, match="'unit commitment'"):
        store.create_job(SUBMISSION)
    assert len(store.jobs()) == 1


def test_jobs_without_a_name_are_called_as_their_folder_and_counted(store: Store) -> None:
    assert [store.create_job(UNNAMED).name for _ in range(3)] == ["day", "day-2", "day-3"]


def test_jobs_handed_in_at_the_same_time_get_different_names(store_url: str) -> None:
    Store.open(store_url).close()
    barrier = threading.Barrier(4, timeout=60)
    names: list[str] = []

    def hand_in() -> None:
        with Store.open(store_url) as store:
            barrier.wait()
            names.append(store.create_job(UNNAMED).name)

    in_threads([hand_in] * 4)
    assert sorted(names) == ["day", "day-2", "day-3", "day-4"]


def test_a_name_that_reads_like_an_id_is_a_name_first(store: Store) -> None:
    first = store.create_job(SUBMISSION)
    second = store.create_job(replace(SUBMISSION, name=str(first.id)))
    assert store.job(str(first.id)).id == second.id
    assert store.job(str(second.id)).id == second.id
    assert store.job(first.id).id == first.id


def test_an_unknown_job_is_refused_with_names_that_are_close(store: Store) -> None:
    with pytest.raises(UnknownJob, match="no jobs yet"):
        store.job("roster")
    for name in ("roster-a", "roster-b", "knapsack"):
        store.create_job(replace(SUBMISSION, name=name))
    with pytest.raises(UnknownJob, match="'roster-c'; did you mean roster-"):
        store.job("roster-c")
    with pytest.raises(UnknownJob, match="the newest are knapsack, roster-b, roster-a"):
        store.job(99)
    with pytest.raises(UnknownJob):
        store.job("9" * 40)
    with pytest.raises(UnknownJob):
        store.claim(99, this_process(), 60)


@pytest.mark.parametrize(
    "wrong", [{"cutoff": 0.0}, {"slots": 0}, {"members": MEMBERS + MEMBERS[:1]}, {"solvers": ("highs", "highs")}]
)
def test_a_job_that_makes_no_sense_is_refused_whole(store: Store, wrong: dict[str, object]) -> None:
    with pytest.raises(StoreRefused):
        store.create_job(replace(SUBMISSION, **wrong))
    assert store.jobs() == []
    assert store.create_job(SUBMISSION).members == MEMBERS


def test_what_a_job_is_told_beforehand_is_kept_read_and_deleted_with_it(store: Store) -> None:
    job = store.create_job(LONG)
    assert set(job.fixed) == set(LONG.fixed)
    assert (job.base, job.target, job.stop_after) == (LONG.base, 3.0, 120.0)
    assert [replace(each, members=LONG.members) for each in store.jobs()] == [job]
    assert job.defaults == (Configuration("scip", (("lp/scaling", 0),)), Configuration("highs", (("presolve", "off"),)))
    store.delete_job(job.id)
    store.sweep()
    assert store.jobs() == []


def test_a_run_that_was_cut_says_so_and_is_replaced_by_one_that_was_not(store: Store, lease: Lease) -> None:
    cut = replace(RESPONSE, termination=Termination.KILLED, floor=0.25)
    assert store.record(lease, run(0), cut, 1.0, HERE)
    assert [stored.response for stored in store.responses(lease.job_id)] == [cut]
    assert store.record(lease, run(0), RESPONSE, 2.0, HERE)
    assert [stored.response for stored in store.responses(lease.job_id)] == [RESPONSE]


def test_a_job_that_reuses_knows_which_runs_there_were(store: Store, lease: Lease) -> None:
    assert store.create_job(replace(UNNAMED, reuse=True)).reuse_upto == 0
    store.record(lease, run(0), RESPONSE, 1.0, HERE)
    store.record(lease, run(1), RESPONSE, 1.0, NODE7)
    job = store.create_job(replace(UNNAMED, reuse=True))
    store.record(lease, run(2), RESPONSE, 1.0, HERE)
    assert job.reuse
    assert [stored.run.seed for stored in store.responses(lease.job_id, upto=job.reuse_upto)] == [0, 1]
    assert [stored.environment for stored in store.responses(lease.job_id)] == [HERE, NODE7, HERE]
    other = store.create_job(UNNAMED)
    assert (other.reuse, other.reuse_upto) == (False, None)


def test_the_store_tells_which_part_instances_have_in_each_job(store: Store) -> None:
    assert store.parts() == {}
    parts = {"training": {member.sha256 for member in MEMBERS[:3]}, "holdout": {MEMBERS[3].sha256}}
    first, second = store.create_job(SUBMISSION), store.create_job(replace(UNNAMED, members=MEMBERS[:1]))
    assert store.parts() == {first.id: parts, second.id: {"training": {MEMBERS[0].sha256}, "holdout": set()}}


def test_runs_are_found_by_the_kind_of_environment(store: Store, lease: Lease) -> None:
    twin, newer = replace(HERE, host="twin"), replace(HERE, software="highspy 1.16.0")
    for seed, place in enumerate((HERE, twin, newer, NODE7)):
        store.record(lease, run(seed), RESPONSE, 1.0, place)
    found = {
        name: [s.run.seed for s in store.responses(lease.job_id, like=like)]
        for name, like in {"here": [HERE], "either": [HERE, newer], "unknown": [NODE7], "any": []}.items()
    }
    assert found == {"here": [0, 1], "either": [0, 1, 2], "unknown": [], "any": [0, 1, 2, 3]}


# Runs and responses


def test_a_response_comes_back_as_it_was_recorded(store: Store, store_url: str, lease: Lease) -> None:
    before = datetime.now(UTC)
    assert store.record(lease, run(3, TUNED, limit=2.5), RESPONSE, 12.5, NODE7)
    (stored,) = read_anew(store_url, lease.job_id)
    assert stored.run == run(3, TUNED, limit=2.5)
    assert stored.response == RESPONSE
    assert (stored.elapsed, stored.environment) == (12.5, NODE7)
    assert before <= stored.stored_at <= datetime.now(UTC)


def test_what_was_not_measured_stays_unknown(store: Store, store_url: str, lease: Lease) -> None:
    crashed = Response(Termination.CRASHED)
    store.record(lease, run(0), crashed, 1.0, HERE)
    assert read_anew(store_url, lease.job_id)[0].response == crashed


def test_every_termination_claim_and_check_can_be_kept(store: Store, lease: Lease) -> None:
    responses = [Response(*kinds) for kinds in product(Termination, Claim, Check)]
    for seed, response in enumerate(responses):
        store.record(lease, run(seed), response, 1.0, HERE)
    assert [s.response for s in store.responses(lease.job_id)] == responses


def test_infinite_and_undefined_numbers_survive(store: Store, store_url: str, lease: Lease) -> None:
    odd = replace(RESPONSE, objective=float("nan"), bound=float("-inf"), gap=float("inf"), cpu=5e-324, wall=1e308)
    store.record(lease, run(0), odd, 1.0, HERE)
    assert repr(read_anew(store_url, lease.job_id)[0].response) == repr(odd)


def test_words_that_no_database_takes_are_spelled_out(store: Store, store_url: str, lease: Lease) -> None:
    store.record(lease, run(0), replace(RESPONSE, raw_status="a\0b", reason="half \ud800 größer ✓"), 1.0, HERE)
    response = read_anew(store_url, lease.job_id)[0].response
    assert (response.raw_status, response.reason) == ("a\\x00b", "half \\ud800 größer ✓")


def test_parameters_keep_their_types(store: Store, store_url: str, lease: Lease) -> None:
    values = {
        "a": True,
        "b": 1,
        "c": 1.0,
        "d": "1",
        "e": "",
        "f": 2**70,
        "g": -0.1,
        "h": float("inf"),
        "i": "größer 'x'",
    }
    configuration = Configuration.of("scip", values)
    store.record(lease, run(0, configuration), RESPONSE, 1.0, HERE)
    read = read_anew(store_url, lease.job_id)[0].run.configuration
    assert [(name, type(value), value) for name, value in read.parameters] == [
        (name, type(value), value) for name, value in values.items()
    ]
    assert read.key == configuration.key


def test_configurations_that_differ_in_a_type_alone_are_kept_apart(store: Store, store_url: str, lease: Lease) -> None:
    for value in (True, 1, 1.0, "1"):
        assert store.record(lease, run(0, Configuration.of("scip", {"x": value})), RESPONSE, 1.0, HERE)
    assert [type(s.run.configuration.values["x"]) for s in read_anew(store_url, lease.job_id)] == [
        bool,
        int,
        float,
        str,
    ]


def test_a_run_recorded_twice_is_kept_once(store: Store, lease: Lease) -> None:
    assert store.record(lease, run(0), RESPONSE, 1.0, HERE)
    assert not store.record(lease, run(0), replace(RESPONSE, cpu=9.0), 2.0, HERE)
    assert [s.response for s in store.responses(lease.job_id)] == [RESPONSE]


def test_runs_are_told_apart_by_all_that_makes_them_differ(store: Store, lease: Lease) -> None:
    runs = [
        run(0),
        run(1),
        run(0, TUNED),
        run(0, member=1),
        run(0, limit=2.0),
        replace(run(0), purpose=Purpose.HOLDOUT),
    ]
    assert all(store.record(lease, one, RESPONSE, 1.0, HERE) for one in runs)
    assert [s.run for s in store.responses(lease.job_id)] == runs


def test_two_jobs_keep_their_own_runs(store: Store, lease: Lease) -> None:
    other = store.claim(store.create_job(UNNAMED).id, this_process(), 60)
    assert store.record(lease, run(0), RESPONSE, 1.0, HERE)
    assert store.record(other, run(0), RESPONSE, 1.0, HERE)
    assert (store.count(lease.job_id), store.count(other.job_id)) == (1, 1)


def test_a_killed_run_makes_place_for_its_next_response_and_is_the_newest_then(store: Store, lease: Lease) -> None:
    killed = Response(Termination.KILLED, cpu=0.5)
    store.record(lease, run(1), RESPONSE, 1.0, HERE)
    store.record(lease, run(0), killed, 2.0, HERE)
    last = list(store.responses(lease.job_id))[-1].id
    assert not store.record(lease, run(0), replace(killed, cpu=0.75), 3.0, HERE)
    assert store.record(lease, run(0), RESPONSE, 4.0, HERE)
    assert not store.record(lease, run(0), killed, 5.0, HERE)
    assert [s.run.seed for s in store.responses(lease.job_id)] == [1, 0]
    assert [s.response for s in store.responses(lease.job_id, since=last)] == [RESPONSE]


def test_a_run_on_an_instance_of_no_part_is_refused_whole(store: Store, store_url: str, lease: Lease) -> None:
    with pytest.raises(StoreRefused):
        store.record(lease, replace(run(0, TUNED), instance="f" * 64), RESPONSE, 1.0, HERE)
    assert store.count(lease.job_id) == 0
    assert store.record(lease, run(0, TUNED), RESPONSE, 1.0, HERE)
    assert [s.run for s in read_anew(store_url, lease.job_id)] == [run(0, TUNED)]


def test_overturning_changes_check_and_reason_only(store: Store, store_url: str, lease: Lease) -> None:
    store.record(lease, run(0), RESPONSE, 1.0, HERE)
    store.record(lease, run(1), RESPONSE, 1.0, HERE)
    store.overturn(lease, run(0), Response(Termination.CRASHED, check=Check.REFUTED, reason="-13 is possible"))
    assert [s.response for s in read_anew(store_url, lease.job_id)] == [
        replace(RESPONSE, check=Check.REFUTED, reason="-13 is possible"),
        RESPONSE,
    ]


def test_what_is_proven_of_answers_is_counted_as_the_verdict_counts_it(store: Store, lease: Lease) -> None:
    doubtful = replace(RESPONSE, proven_objective=None)
    told = [
        (run(0), doubtful),
        (run(1), replace(doubtful, check=Check.DISPUTED)),
        (run(2), replace(RESPONSE, doubt="")),
        (run(0, member=1), replace(RESPONSE, doubt="")),
        (run(0, member=2), replace(doubtful, check=Check.REFUTED)),
    ]
    for each, response in told:
        store.record(lease, each, response, 1.0, HERE)
    found = store.tallies(lease.job_id)
    assert sorted(found, key=str) == sorted(tallied(store.responses(lease.job_id)), key=str)
    assert {tally.instance: (tally.disputed, tally.doubtful) for tally in found} == {
        run(0).instance: (1, 1),
        run(0, member=1).instance: (0, 0),
        run(0, member=2).instance: (0, 0),
    }


def test_a_run_that_was_never_recorded_cannot_be_overturned(store: Store, lease: Lease) -> None:
    with pytest.raises(StoreRefused, match="never recorded"):
        store.overturn(lease, run(0), RESPONSE)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_responses_come_in_the_order_they_were_stored(
    store: Store, lease: Lease, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.chunks, "CHUNK", chunk)
    seeds = [5, 3, 8, 1, 9, 2]
    for seed in seeds:
        store.record(lease, run(seed, Configuration.of("scip", {"x": seed})), RESPONSE, 1.0, HERE)
    stored = list(store.responses(lease.job_id))
    assert [s.run.seed for s in stored] == seeds
    assert [s.run.seed for s in store.responses(lease.job_id, since=stored[2].id)] == seeds[3:]


def test_responses_can_be_read_while_more_are_recorded(
    store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.chunks, "CHUNK", 2)
    for seed in range(3):
        store.record(lease, run(seed), RESPONSE, 1.0, HERE)
    reading = store.responses(lease.job_id)
    next(reading)
    store.record(lease, run(3), RESPONSE, 1.0, HERE)
    assert [s.run.seed for s in reading] == [1, 2, 3]


def test_responses_are_chosen_by_configuration_instance_and_purpose(store: Store, lease: Lease) -> None:
    runs = [run(0), run(1, TUNED), run(2, member=1), holdout_run(3, TUNED)]
    for one in runs:
        store.record(lease, one, RESPONSE, 1.0, HERE)

    def seeds(**choice: object) -> list[int]:
        chosen = [s.run.seed for s in store.responses(lease.job_id, **choice)]
        assert store.count(lease.job_id, **choice) == len(chosen)
        return chosen

    assert seeds() == [0, 1, 2, 3]
    assert seeds(configuration=TUNED.key) == [1, 3]
    assert seeds(instance=MEMBERS[1].sha256) == [2]
    assert seeds(purpose=Purpose.HOLDOUT) == [3]
    assert seeds(purpose=Purpose.RACE, configuration=TUNED.key) == [1]
    assert seeds(configuration="0" * 16) == []


def test_what_is_spent_never_becomes_less(store: Store, lease: Lease) -> None:
    store.record(lease, run(0), RESPONSE, 12.5, HERE)
    store.record(lease, run(1), RESPONSE, 11.0, HERE)
    assert store.job(lease.job_id).spent == 12.5
    store.spend(lease, 20.0)
    store.spend(lease, 15.0)
    assert store.jobs()[0].spent == 20.0


# The trajectory, events and the end


def test_the_trajectory_and_events_come_back_in_order(store: Store, store_url: str, lease: Lease) -> None:
    trajectory = [INCUMBENT, replace(INCUMBENT, configuration=DEFAULT, cost=float("inf"), elapsed=70.0)]
    happened = [EVENT, replace(EVENT, kind="interrupted", text="")]
    for incumbent in trajectory:
        store.add_incumbent(lease, incumbent)
    for event in happened:
        store.add_event(lease, event)
    with Store.open(store_url) as another:
        assert another.incumbents(lease.job_id) == trajectory
        assert another.events(lease.job_id) == happened
        assert another.incumbents(lease.job_id, last=1) == trajectory[-1:]
        assert another.events(lease.job_id, last=1) == happened[-1:]
        assert another.job(lease.job_id).spent == 70.0


def test_a_finished_job_has_its_verdict_and_cannot_be_claimed(store: Store, store_url: str, lease: Lease) -> None:
    comparisons = [COMPARISON, replace(COMPARISON, measure="par10", low=float("nan"))]
    assert store.job(lease.job_id).finished_at is None
    before = datetime.now(UTC)
    store.finish(lease, "gain", "1.5 times faster", TUNED, comparisons)
    with Store.open(store_url) as another:
        job = another.job(lease.job_id)
        assert job.finished_at is not None
        assert before - timedelta(seconds=1) <= job.finished_at <= datetime.now(UTC) + timedelta(seconds=1)
        assert repr(another.comparisons(lease.job_id)) == repr(comparisons)
        assert another.jobs()[0].best == TUNED
    assert (job.state, job.outcome, job.report, job.best) == (JobState.FINISHED, "gain", "1.5 times faster", TUNED)
    with pytest.raises(JobOver, match="'unit commitment' is finished"):
        store.claim(lease.job_id, this_process(), 60)


def test_a_failed_job_says_why_and_can_be_claimed_again(store: Store, lease: Lease) -> None:
    store.fail(lease, "no model could be read")
    job = store.job(lease.job_id)
    assert (job.state, job.outcome) == (JobState.FAILED, "no model could be read")
    store.claim(lease.job_id, this_process(), 60)
    job = store.job(lease.job_id)
    assert (job.state, job.outcome) == (JobState.RUNNING, "")


def test_many_threads_may_use_one_store(store: Store, lease: Lease) -> None:
    def record(first: int) -> Callable[[], None]:
        def work() -> None:
            for seed in range(first, first + 10):
                store.record(lease, run(seed, Configuration.of("scip", {"x": seed})), RESPONSE, 1.0, HERE)

        return work

    in_threads([record(first) for first in (0, 5, 10, 15)])
    assert sorted(s.run.seed for s in store.responses(lease.job_id)) == list(range(25))


def test_only_one_of_many_gets_a_job(store: Store, store_url: str) -> None:
    job = store.create_job(SUBMISSION)
    barrier = threading.Barrier(5, timeout=60)
    leases: list[Lease] = []

    def claim(pid: int) -> Callable[[], None]:
        def work() -> None:
            with Store.open(store_url) as own:
                barrier.wait()
                with suppress(JobBusy):
                    leases.append(own.claim(job.id, elsewhere(pid), 600))

        return work

    in_threads([claim(pid) for pid in range(1, 6)])
    assert len(leases) == 1


def in_threads(works: list[Callable[[], None]]) -> None:
    """Do all at the same time, and raise what any of them raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result()


def test_no_more_configurations_are_remembered_than_there_is_room_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.configurations, "KNOWN", 2)
    lease = store.claim(store.create_job(SUBMISSION).id, this_process(), 60)
    wanted = [Configuration.of("highs", {"number": number}) for number in range(5)]
    for _ in range(2):
        for number, configuration in enumerate(wanted):
            store.record(lease, run(number, configuration), RESPONSE, 1.0, HERE)
    assert [stored.run.configuration for stored in store.responses(lease.job_id)] == wanted
    assert len(store._configurations._known) == 2

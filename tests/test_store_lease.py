"""Who works on a job, and what becomes of it when that process is killed. Real processes, both kinds of database."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from storage.errors import JobBusy
from storage.lease import Lease, this_process
from storage.records import JobState
from storage.store import Store
from tests.store_samples import DEFAULT, EVENT, HERE, INCUMBENT, RESPONSE, SUBMISSION, elsewhere, run

PROGRAM = (sys.executable, "-m", "tests.store_program")
ROOT = Path(__file__).parent.parent


@contextmanager
def owning_program(url: str, job: str, *runs: str) -> Iterator[subprocess.Popen[str]]:
    """Run `store_program`, which owns the job when this yields."""
    process = subprocess.Popen(
        [*PROGRAM, url, job, *runs], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "owned\n"
            yield process
        finally:
            process.kill()


def kill(process: subprocess.Popen[str]) -> None:
    """Kill -9, and wait until the process is dead, but leave it to its parent to reap."""
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def test_a_job_that_another_process_owns_is_busy_and_says_who_where_and_since_when(
    store: Store, store_url: str
) -> None:
    job = store.create_job(SUBMISSION)
    with owning_program(store_url, job.name, "0") as process:
        with pytest.raises(JobBusy) as busy:
            store.claim(job.id, this_process(), 60)
        assert f"process {process.pid} on {os.uname().nodename} since 20" in str(busy.value)
        assert store.job(job.id).state == JobState.RUNNING


def test_the_job_of_a_killed_process_is_interrupted_and_can_be_claimed_at_once(store: Store, store_url: str) -> None:
    job = store.create_job(SUBMISSION)
    with owning_program(store_url, job.name, "0") as process:
        kill(process)
        assert store.job(job.id).state == store.jobs()[0].state == JobState.INTERRUPTED
        store.claim(job.id, this_process(), 60)
        assert store.job(job.id).state == JobState.RUNNING


def test_a_process_that_has_the_number_of_a_dead_owner_is_not_taken_for_it(store: Store) -> None:
    job = store.create_job(SUBMISSION)
    me = this_process()
    store.claim(job.id, replace(me, started=me.started - 1), 3600)
    store.claim(job.id, me, 60)
    with pytest.raises(JobBusy):
        store.claim(job.id, me, 60)


def test_an_owner_that_cannot_be_looked_up_keeps_its_job_until_the_lease_expires(store: Store) -> None:
    job = store.create_job(SUBMISSION)
    silent = store.claim(job.id, elsewhere(), 3600)
    with pytest.raises(JobBusy, match="process 1 on elsewhere"):
        store.claim(job.id, this_process(), 60)
    store.renew(silent, seconds=-1)
    assert store.job(job.id).state == JobState.INTERRUPTED
    store.claim(job.id, this_process(), 60)


def test_a_renewed_lease_lasts_longer(store: Store) -> None:
    job = store.create_job(SUBMISSION)
    lease = store.claim(job.id, elsewhere(), 0)
    renewed = store.renew(lease, 3600)
    assert renewed.token == lease.token
    assert 3500 < (renewed.expires_at - lease.expires_at).total_seconds() < 3700
    with pytest.raises(JobBusy):
        store.claim(job.id, this_process(), 60)


def test_an_owner_whose_lease_expired_goes_on_as_long_as_nobody_took_the_job(store: Store) -> None:
    lease = store.claim(store.create_job(SUBMISSION).id, this_process(), -1)
    assert store.record(lease, run(0), RESPONSE, 1.0, HERE)


def test_an_interrupted_job_can_be_claimed_again(store: Store) -> None:
    job = store.create_job(SUBMISSION)
    lease = store.claim(job.id, this_process(), 3600)
    store.record(lease, run(0), RESPONSE, 1.0, HERE)
    store.interrupt(lease)
    assert store.job(job.id).state == JobState.INTERRUPTED
    again = store.claim(job.id, this_process(), 3600)
    assert again.token > lease.token
    assert store.count(job.id) == 1


WRITES: dict[str, Callable[[Store, Lease], object]] = {
    "record": lambda store, lease: store.record(lease, run(9), RESPONSE, 99.0, HERE),
    "overturn": lambda store, lease: store.overturn(lease, run(0), replace(RESPONSE, reason="too late")),
    "add_incumbent": lambda store, lease: store.add_incumbent(lease, INCUMBENT),
    "add_event": lambda store, lease: store.add_event(lease, EVENT),
    "spend": lambda store, lease: store.spend(lease, 99.0),
    "renew": lambda store, lease: store.renew(lease, 99.0),
    "interrupt": lambda store, lease: store.interrupt(lease),
    "fail": lambda store, lease: store.fail(lease, "too late"),
    "finish": lambda store, lease: store.finish(lease, "gain", "too late", DEFAULT),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_former_owner_cannot_write_any_more(store: Store, write: str) -> None:
    job = store.create_job(SUBMISSION)
    former = store.claim(job.id, elsewhere(1), 0)
    store.record(former, run(0), RESPONSE, 1.0, HERE)
    store.claim(job.id, elsewhere(2), 3600)
    before = kept(store, job.id)
    with pytest.raises(JobBusy, match="taken over by process 2 on elsewhere"):
        WRITES[write](store, former)
    store.release(former)
    assert kept(store, job.id) == before
    assert before[0].state == JobState.RUNNING


def kept(store: Store, job_id: int) -> tuple[object, ...]:
    """Return everything that the store says of a job."""
    runs = list(store.responses(job_id))
    return store.job(job_id), runs, store.incumbents(job_id), store.events(job_id), store.comparisons(job_id)


def test_a_job_that_was_given_back_takes_no_more_writes(store: Store) -> None:
    lease = store.claim(store.create_job(SUBMISSION).id, this_process(), 60)
    store.finish(lease, "default kept", "nothing was better", DEFAULT)
    with pytest.raises(JobBusy, match="given back meanwhile and is finished"):
        store.record(lease, run(0), RESPONSE, 1.0, HERE)
    store.release(lease)
    assert store.job(lease.job_id).state == JobState.FINISHED


def test_releasing_interrupts_a_job_that_is_still_ours(store: Store) -> None:
    lease = store.claim(store.create_job(SUBMISSION).id, this_process(), 60)
    store.release(lease)
    assert store.job(lease.job_id).state == JobState.INTERRUPTED


def test_a_process_killed_at_any_moment_loses_no_response_and_doubles_none(store: Store, store_url: str) -> None:
    job = store.create_job(SUBMISSION)
    moments = random.Random(2)
    acknowledged: list[int] = []
    for _ in range(5):
        with owning_program(store_url, job.name) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(moments.randrange(60))]
            process.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in (*lines, *process.stdout)]
        with Store.open(store_url) as opened:
            opened.release(opened.claim(job.id, this_process(), 60))
            stored = [s.run.seed for s in opened.responses(job.id)]
            assert stored == list(range(len(stored)))
            assert len(acknowledged) == len(set(acknowledged))
            missing = set(stored) - set(acknowledged)
            assert set(acknowledged) <= set(stored)
            assert len(missing) <= 1  # kept, but killed before it could say so
            acknowledged += missing
            assert opened.job(job.id).spent == max(0, len(stored) - 1)
            assert all(s.response == RESPONSE for s in opened.responses(job.id))
    assert len(stored) > 20

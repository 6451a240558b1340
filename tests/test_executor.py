"""The executor with followers that misbehave: each is called what it is, the slot comes back, and nothing is left."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from storage.records import Check, Claim, Run, Termination
from tests.followers import slow
from tests.followers.scene import (
    MEMORY_MIB,
    PATIENCE,
    Announcements,
    execute,
    executor,
    parent_of,
    processes_with,
    run_of,
    saved,
    small_model,
)
from tuner.app.tuning import LOCAL
from tuner.errors import Failed, Stopped, UsageError
from tuner.follower import pool
from tuner.follower.executor import LocalExecutor
from tuner.follower.inheritance import ALLOWED, THREADS
from tuner.follower.outcome import Remains, judge
from tuner.follower.solvers import Adapter
from tuner.follower.spawn import MARK
from tuner.ports import Activity, Executor

BACK = 2.0
"""Seconds after its limit within which a run has given its slot back."""


@pytest.fixture(scope="module")
def mark() -> Iterator[str]:
    """What every process that these tests start carries in its environment."""
    value = secrets.token_hex(8)
    os.environ["LC_TUNER_TEST_MARK"] = value
    yield value
    del os.environ["LC_TUNER_TEST_MARK"]
    assert not processes_with(value), "a process has outlived its executor"


@pytest.fixture(scope="module")
def runs(mark: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    """One slot for all misbehaviour, one after the other: none may harm the next."""
    with executor(saved(small_model(), tmp_path_factory.mktemp("small"))) as one:
        yield one


@pytest.fixture
def announcements(tmp_path) -> Announcements:
    return Announcements(tmp_path)


@pytest.fixture(autouse=True)
def nothing_is_left(mark: str) -> Iterator[None]:
    """After each test only warm processes may be left: they are children of this one."""
    yield
    assert {pid for pid in processes_with(mark) if parent_of(pid) not in (os.getpid(), 0)} == set()


def test_it_is_an_executor(runs):
    seam: Executor = runs
    assert seam.slots == 1
    assert seam.outstanding == 0
    assert seam.wait() == []


def test_an_honest_run_exits(runs):
    response = execute(runs, run_of("Follower"))
    assert (response.termination, response.claim, response.check) == (
        Termination.EXITED,
        Claim.NOTHING,
        Check.UNCONFIRMED,
    )
    assert response.raw_status == "nothing to say"
    assert response.reason == ""
    assert 0 < response.solver_wall < response.wall


@pytest.mark.parametrize("follower", ["Hangs", "IgnoresTermination"])
def test_a_follower_that_does_not_end_is_cut_off_soon_after_its_limit(runs, follower):
    response = execute(runs, run_of(follower, limit=0.2))
    assert response.termination is Termination.CUTOFF
    assert 0.2 < response.wall < 0.2 + BACK
    assert response.claim is Claim.NOTHING


@pytest.mark.parametrize("follower", ["LeavesDaemon", "LeavesProgram"])
def test_what_outlives_a_follower_is_killed(runs, mark, follower):
    response = execute(runs, run_of(follower, mark=mark))
    assert response.termination is Termination.EXITED
    assert {pid for pid in processes_with(mark) if parent_of(pid) != os.getpid()} == set()


def test_cpu_time_of_descendants_is_counted_wherever_they_went(runs):
    response = execute(runs, run_of("BurnsAsItsDaemonDoes"))
    assert response.termination is Termination.EXITED
    assert 0.6 <= response.cpu < 0.6 + BACK


@pytest.mark.parametrize("follower", ["EatsMemory", "EatsMemoryInDescendants", "AllocatesAtOnce", "ThrowsBadAlloc"])
def test_a_follower_that_wants_too_much_memory_ends_by_memory(runs, follower):
    response = execute(runs, run_of(follower))
    assert response.termination is Termination.MEMORY, response
    assert response.reason


def test_the_peak_of_memory_is_measured(runs):
    assert 100 < execute(runs, run_of("EatsMemory")).peak_mib < 1000


@pytest.mark.parametrize(
    ("follower", "reason"),
    [
        ("Segfaults", "ended by SIGSEGV; it printed: about to fall"),
        ("ExitsWithOne", "exit code 1; it printed: no licence found"),
        ("CallsSysExit", "SystemExit: enough"),
        ("WritesGarbage", 'answered garbage: b\'{"result": {"claim": "opt\''),
        ("ExitsSilently", "exited without an answer"),
        ("ReturnsSomethingElse", "TypeError: the adapter returned dict instead of an Answer"),
        ("ReturnsWrongTypes", "answered garbage: ValueError: could not convert string to float: 'three'"),
        ("AnswersForEver", "answered more than 64 MiB"),
        ("KnowsNoParameter", "ValueError: presolf: HiGHS has no such parameter; did you mean presolve?"),
        ("IsNotThere", "could not be prepared: AttributeError: module 'tests.followers.misbehaving' has no attribute"),
    ],
)
def test_a_follower_without_a_readable_answer_has_crashed(runs, follower, reason):
    response = execute(runs, run_of(follower))
    assert response.termination is Termination.CRASHED
    assert response.reason.startswith(reason)
    assert response.claim is Claim.NOTHING


def test_megabytes_of_output_do_no_harm(runs):
    assert execute(runs, run_of("PrintsMegabytes")).termination is Termination.EXITED


def test_only_the_end_of_the_output_is_told(runs):
    response = execute(runs, run_of("PrintsMegabytes", then="exit"))
    assert response.reason.startswith("exit code 3; it printed: ")
    assert response.reason.endswith("so many words | the last line")
    assert len(response.reason) < 500


@pytest.mark.parametrize(
    ("claim", "point", "objective", "reason"),
    [
        ("optimal", "[1, 0]", 12.0, "claimed optimal, but the objective is claimed as 12, but the point's is 13"),
        ("optimal", "[0, 0.5]", 11.0, "claimed optimal, but row demand is 0.5, outside [1, 2]"),
        ("feasible", "[0.5, 0.5]", 12.5, "claimed feasible, but column x is 0.5, not an integer"),
        ("unbounded", None, 0.0, "claimed unbounded, but the bounds of the variables bound the objective"),
    ],
)
def test_a_wrong_claim_is_refuted(runs, claim, point, objective, reason):
    told = {"claim": claim, "objective": objective} | ({} if point is None else {"point": point})
    response = execute(runs, run_of("Lies", **told))
    assert (response.termination, response.claim) == (Termination.EXITED, Claim(claim))
    assert (response.check, response.reason) == (Check.REFUTED, reason)
    assert not response.feasible


def test_a_right_claim_is_confirmed(runs):
    response = execute(runs, run_of("Lies", limit=5.0, claim="feasible", point="[0, 1]", objective=12.0, bound=9.0))
    assert (response.check, response.objective, response.bound, response.gap) == (Check.CONFIRMED, 12.0, 9.0, 0.25)
    assert response.integral == pytest.approx(0.25 * 5.0, abs=0.1)


def test_an_infinite_bound_is_none(runs):
    response = execute(runs, run_of("Lies", claim="feasible", point="[0, 1]", objective=12.0, bound=float("-inf")))
    assert (response.check, response.bound, response.gap) == (Check.CONFIRMED, None, None)


def test_a_child_is_confined(mark, tmp_path):
    core = max(os.sched_getaffinity(0))
    with executor(saved(small_model(), tmp_path), cores=[core]) as pinned:
        facts = json.loads(execute(pinned, run_of("TellsItsSurroundings", limit=10.0)).raw_status)
        assert parent_of(facts["zygote"]) == os.getpid()
        assert os.getsid(facts["zygote"]) == facts["zygote"], "Ctrl-C at the terminal would reach it"
    assert facts["cores"] == [core]
    assert facts["threads"] == "1"
    assert facts["leads its session"]
    assert facts["core files"] == 0
    assert facts["CPU seconds"] == 13
    assert MEMORY_MIB < facts["address space, MiB"] < MEMORY_MIB + 1000


def test_a_child_inherits_no_secret(mark, tmp_path, monkeypatch):
    for name in ("TUNER_STORE", "TUNER_TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "ANY_OTHER"):
        monkeypatch.setenv(name, "hush hush")
    with executor(saved(small_model(), tmp_path)) as one:
        response = execute(one, run_of("TellsItsEnvironment", limit=10.0, sought="hush"))
    names, is_told = json.loads(response.raw_status)
    assert not is_told
    others = set(names) - {*ALLOWED, *THREADS, "PYTHONPATH", MARK}
    assert all(name.startswith("LC_") for name in others), others


def test_a_child_holds_nothing_but_its_pipes(mark, tmp_path):
    leaked = os.open(__file__, os.O_RDONLY)
    os.set_inheritable(leaked, True)
    try:
        with executor(saved(small_model(), tmp_path)) as one:
            facts = json.loads(execute(one, run_of("OpensFiles", limit=10.0)).raw_status)
    finally:
        os.close(leaked)
    opened = facts["descriptors"]
    assert opened.pop("0") == "/dev/null"
    assert opened["1"] == opened["2"]
    assert len(opened) == 3, "what it prints, twice, and its answer"
    assert all(place.startswith("pipe:") for place in opened.values()), opened


def test_an_executing_run_can_be_cancelled(runs, announcements):
    run = run_of("IgnoresTermination", limit=1000.0, announce=announcements.path)
    runs.submit(run)
    announcements.next()
    assert runs.wait(0.0) == []
    runs.cancel(run)
    (finished,) = runs.wait(PATIENCE)
    assert (finished.run, finished.response.termination) == (run, Termination.KILLED)
    assert finished.response.feasible
    assert 0 < finished.response.wall < BACK


def test_a_queued_run_can_be_cancelled_while_another_executes(runs, announcements):
    executing = run_of("Hangs", limit=1000.0, announce=announcements.path)
    queued = [run_of("Hangs", limit=1000.0, seed=seed) for seed in (1, 2)]
    for run in (executing, *queued):
        runs.submit(run)
    announcements.next()
    assert [activity.run for activity in runs.activity() if activity] == [executing]
    for run in queued:
        runs.cancel(run)
    finished = runs.wait(PATIENCE)
    assert [(f.run, f.response.termination) for f in finished] == [(run, Termination.KILLED) for run in queued]
    assert runs.outstanding == 1
    runs.cancel(executing)
    assert [f.run for f in runs.wait(PATIENCE)] == [executing]
    assert runs.outstanding == 0


def test_activity_tells_what_each_slot_executes(mark, tmp_path, announcements):
    with executor(saved(small_model(), tmp_path), slots=2) as two:
        assert two.activity() == [None, None]
        run = run_of("Hangs", limit=1000.0, announce=announcements.path)
        two.submit(run)
        announcements.next()
        executing, idle = two.activity()
        assert isinstance(executing, Activity) and executing.run == run
        assert idle is None


@pytest.fixture
def several(mark, tmp_path, monkeypatch) -> Iterator[LocalExecutor]:
    """Two slots, three solvers of two libraries, one of which notes who imports it."""
    monkeypatch.setenv(slow.NOTES, str(tmp_path / "imports"))
    instance = saved(small_model(), tmp_path)
    path, noted = "tests.followers.misbehaving:TellsItsSurroundings", "tests.followers.slow:Slow"
    adapters = {"a": Adapter("a", "one", path), "b": Adapter("b", "one", noted), "c": Adapter("c", "another", path)}
    with LocalExecutor({instance.sha256: instance}, 2, 100.0, 1e-4, adapters=adapters) as runs:
        yield runs


def test_solvers_are_imported_in_every_slot_before_the_first_run(several, mark, tmp_path):
    before = processes_with(mark)
    several.prepare(["a", "b", "c"])
    assert several.outstanding == 0 and several.activity() == [None, None]
    warm = {pid for pid in processes_with(mark) - before if parent_of(pid) == os.getpid()}
    assert len(warm) == 4, "one for each slot and library"
    imported = (tmp_path / "imports").read_text().split()
    assert len(set(imported)) == len(imported) == 2, "the second solver of a library is imported by both, too"
    assert {*map(int, imported)} < warm
    assert json.loads(execute(several, run_of("a")).raw_status)["zygote"] in warm


def test_nobody_who_is_asked_to_stop_waits_for_an_import(several, monkeypatch):
    monkeypatch.setenv(slow.SECONDS, "100")
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        several.prepare(["b"], stop)


def test_the_solvers_of_a_job_are_imported_before_its_budget_begins(mark):
    job: Any = SimpleNamespace(cost="par10", slots=2, memory_mib=500.0, gap=1e-4, solvers=("highs",))
    before = processes_with(mark)
    with LOCAL.executor({}, job, threading.Event()) as ready:
        assert len(processes_with(mark) - before) == ready.slots == 2


def test_a_solver_that_cannot_be_imported_is_told_of_by_its_runs(tmp_path):
    instance = saved(small_model(), tmp_path)
    adapters = {"a": Adapter("a", "one", "tests.followers.misbehaving:Nobody")}
    with LocalExecutor({instance.sha256: instance}, 1, 100.0, 1e-4, adapters=adapters) as runs:
        runs.prepare(["a"])
        response = execute(runs, run_of("a"))
    assert response.termination is Termination.CRASHED
    assert "could not be prepared" in response.reason


def test_slots_execute_at_the_same_time_and_the_queue_is_first_in_first_out(mark, tmp_path, announcements):
    with executor(saved(small_model(), tmp_path), slots=2) as two:
        hanging = [run_of("Hangs", limit=1000.0, seed=seed, announce=announcements.path) for seed in (0, 1)]
        quick = [run_of("Follower", seed=seed) for seed in range(5)]
        for run in (*hanging, *quick):
            two.submit(run)
        assert announcements.next() != announcements.next()
        assert two.outstanding == 7
        two.cancel(hanging[0])
        finished: list[Run] = []
        while len(finished) < 6:
            finished += [f.run for f in two.wait(PATIENCE)]
        assert finished == [hanging[0], *quick]


def test_close_leaves_no_process(mark, tmp_path, announcements):
    before = processes_with(mark)
    hidden = executor(saved(small_model(), tmp_path), slots=2)
    hidden.submit(run_of("HangsWithDaemon", limit=1000.0, announce=announcements.path))
    hidden.submit(run_of("IgnoresTermination", limit=1000.0, announce=announcements.path))
    followers = {announcements.next() for _ in range(2)}
    started = processes_with(mark) - before
    assert followers < started
    assert len(started) == 5, "two warm processes, two followers, a daemon"
    hidden.close()
    assert not started & processes_with(mark)
    assert hidden.wait() == []
    with pytest.raises(RuntimeError, match="closed"):
        hidden.submit(run_of("Follower"))
    hidden.close()


def test_a_run_whose_warm_process_died_is_executed_again_before_the_others(runs, announcements, tmp_path):
    run = run_of("HangsOnce", limit=1000.0, announce=announcements.path, once=str(tmp_path / "once"))
    runs.submit(run)
    runs.submit(run_of("Follower"))
    os.kill(parent_of(announcements.next()), signal.SIGKILL)
    announcements.next()
    finished = runs.wait(PATIENCE)
    assert finished[0].run == run
    assert (finished[0].response.termination, finished[0].response.reason) == (Termination.EXITED, "")
    while runs.outstanding:
        runs.wait(PATIENCE)


def test_a_run_whose_warm_process_dies_twice_has_crashed_and_leaves_nothing(runs, announcements, mark):
    runs.submit(run_of("HangsWithDaemon", limit=1000.0, announce=announcements.path))
    for _ in range(2):
        os.kill(parent_of(announcements.next()), signal.SIGKILL)
    (finished,) = runs.wait(PATIENCE)
    assert finished.response.termination is Termination.CRASHED
    assert finished.response.reason == "executed twice, and the warm process of none ended by SIGKILL"


def test_a_run_whose_process_somebody_else_killed_is_executed_again_before_the_others(runs, announcements, tmp_path):
    run = run_of("HangsOnce", limit=1000.0, announce=announcements.path, once=str(tmp_path / "once"))
    runs.submit(run)
    runs.submit(run_of("Follower"))
    os.kill(announcements.next(), signal.SIGKILL)
    announcements.next()
    finished = runs.wait(PATIENCE)
    assert finished[0].run == run
    assert (finished[0].response.termination, finished[0].response.reason) == (Termination.EXITED, "")
    while runs.outstanding:
        runs.wait(PATIENCE)


def test_a_run_whose_process_is_killed_twice_has_crashed_and_leaves_nothing(runs, announcements, mark):
    before = processes_with(mark)
    runs.submit(run_of("HangsWithDaemon", limit=1000.0, announce=announcements.path))
    for _ in range(2):
        os.kill(announcements.next(), signal.SIGKILL)
    (finished,) = runs.wait(PATIENCE)
    assert finished.response.termination is Termination.CRASHED
    assert finished.response.reason.startswith("executed twice, and ended by SIGKILL that this program did not send")
    assert len(processes_with(mark) - before) <= 1, "the warm process"


def test_a_process_that_the_system_killed_for_its_cpu_time_was_killed_by_nobody_else():
    taken = {"starved": False, "exhausted": False}
    for name in (None, *taken):
        remains = Remains(signal.SIGKILL.value, b"", b"", **taken | ({name: True} if name else {}))
        assert remains.killed_by_others == (name is None)
        ended = {None: Termination.CRASHED, "starved": Termination.MEMORY, "exhausted": Termination.CUTOFF}
        assert judge(remains)[0] is ended[name]


def test_an_idle_warm_process_that_dies_is_replaced(runs):
    zygote = json.loads(execute(runs, run_of("TellsItsSurroundings")).raw_status)["zygote"]
    os.kill(zygote, signal.SIGKILL)
    response = execute(runs, run_of("TellsItsSurroundings", seed=1))
    assert json.loads(response.raw_status)["zygote"] != zygote


def test_a_warm_process_serves_many_runs(runs):
    answers = [execute(runs, run_of("TellsItsSurroundings", seed=seed)).raw_status for seed in range(3)]
    assert len({json.loads(answer)["zygote"] for answer in answers}) == 1


def test_a_warm_process_that_is_stuck_is_replaced(mark, tmp_path, announcements, monkeypatch):
    monkeypatch.setattr(pool, "_PATIENCE", 2.0)
    with executor(saved(small_model(), tmp_path)) as runs:
        runs.submit(run_of("Hangs", limit=0.2, announce=announcements.path))
        os.kill(parent_of(announcements.next()), signal.SIGSTOP)
        monkeypatch.undo()
        announcements.next()
        (finished,) = runs.wait(PATIENCE)
    assert finished.response.termination is Termination.CUTOFF


def test_each_library_has_a_warm_process_of_its_own(mark, tmp_path):
    instance = saved(small_model(), tmp_path)
    path = "tests.followers.misbehaving:TellsItsSurroundings"
    adapters = {"a": Adapter("a", "one", path), "b": Adapter("b", "another", path), "c": Adapter("c", "one", path)}
    with LocalExecutor({instance.sha256: instance}, 1, 100.0, 1e-4, adapters=adapters) as runs:
        zygotes = [json.loads(execute(runs, run_of(name)).raw_status)["zygote"] for name in "abc"]
    assert zygotes[0] != zygotes[1]
    assert zygotes[0] == zygotes[2]


def test_processes_that_cannot_be_started_are_an_error_where_one_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with executor(saved(small_model(), tmp_path)) as runs:
        runs.submit(run_of("Follower"))
        with pytest.raises(Failed, match="No such file or directory"):
            runs.wait(PATIENCE)
        with pytest.raises(Failed, match="No such file or directory"):
            runs.submit(run_of("Follower"))


def test_an_unknown_solver_or_instance_is_refused_at_once(tmp_path):
    instance = saved(small_model(), tmp_path)
    with LocalExecutor({instance.sha256: instance}, 1, 100.0, 1e-4) as real:
        with pytest.raises(UsageError, match="unknown solver: 'highz'; did you mean highs"):
            real.submit(run_of("highz"))
        with pytest.raises(UsageError, match="no instance has the SHA-256 other"):
            real.submit(run_of("highs", instance="other"))
        assert real.outstanding == 0

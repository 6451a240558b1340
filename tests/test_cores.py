"""Pools on one host keep out of each other's cores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.followers.scene import Announcements, parent_of
from tuner.follower.cores import lease_cores

POOL = """
import os, sys
from tuner.follower.pool import Pool
os.sched_getaffinity = lambda pid: {0, 1, 2, 3}
pool = Pool(2)
print(*(slot.core for slot in pool._slots), flush=True)
sys.stdin.readline()
pool.close()
print("closed", flush=True)
sys.stdin.read()
"""
INTERRUPTED = """
import os, signal, sys, time
from tuner.follower import cores
from tuner.follower.pool import Pool
place, name = {"leased": (cores, "_in_use"), "released": (os, "eventfd_read")}[sys.argv[1]]
original = getattr(place, name)
def interrupted(*arguments):
    setattr(place, name, original)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.2)
    return original(*arguments)
signal.signal(signal.SIGINT, signal.default_int_handler)
setattr(place, name, interrupted)
try:
    Pool(2).close()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
LEADER = """
import sys
from pathlib import Path
from tests.followers.scene import executor, run_of, saved, small_model
folder, fifo = sys.argv[1:]
with executor(saved(small_model(), Path(folder))) as runs:
    runs.submit(run_of("Hangs", limit=1000.0, announce=fifo))
    runs.wait()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the system that no other pool uses."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@contextmanager
def process(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start a program in Python; kill it in the end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, *words]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        try:
            yield started
        finally:
            started.kill()


@contextmanager
def started_pool() -> Iterator[tuple[subprocess.Popen[str], set[int]]]:
    """Start a process with a pool of two slots; yield it and its cores."""
    with process(POOL) as started:
        yield started, told(started)


def told(pool: subprocess.Popen[str]) -> set[int]:
    """Return the cores that a process with a pool prints."""
    assert pool.stdout is not None
    return set(map(int, pool.stdout.readline().split()))


def test_two_pools_in_two_processes_have_no_core_in_common() -> None:
    with process(POOL) as one, process(POOL) as two:
        assert [told(one) | told(two), one.poll(), two.poll()] == [{0, 1, 2, 3}, None, None]


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_the_cores_of_a_pool_are_free_again_when_it_is(end: str) -> None:
    with started_pool() as first, started_pool() as second:
        two, cores = second
        assert (first[1], cores) == ({0, 1}, {2, 3})
        if end == "closed":
            assert two.stdin is not None
            assert two.stdout is not None
            two.stdin.write("close\n")
            two.stdin.flush()
            assert two.stdout.readline() == "closed\n"
        else:
            two.kill()
            two.wait()
        with started_pool() as (_, cores):
            assert cores == {2, 3}


@pytest.mark.parametrize("moment", ["leased", "released"])
def test_an_interrupt_while_cores_are_leased_or_released_leaves_nothing_behind(moment: str, temporary: Path) -> None:
    with process(INTERRUPTED, moment) as interrupted:
        assert interrupted.communicate(timeout=60)[0] == "interrupted\n"
    assert list(temporary.iterdir()) == []


def test_a_warm_process_that_outlives_its_leader_keeps_no_core(tmp_path: Path, temporary: Path) -> None:
    usable = sorted(os.sched_getaffinity(0))
    announcements = Announcements(tmp_path)
    with process(LEADER, str(tmp_path), announcements.path) as leader:
        zygote = parent_of(announcements.next())
        folder = str(temporary / f"tuner-cores-{os.getuid()}")
        opened = [
            sum(str(each.readlink()).startswith(folder) for each in Path(f"/proc/{pid}/fd").iterdir())
            for pid in (leader.pid, zygote)
        ]
        assert opened == [1, 0]
        os.kill(zygote, signal.SIGSTOP)
        try:
            leader.kill()
            leader.wait()
            lease = lease_cores(usable, 1)
            assert (lease.cores, len(list(Path(folder).iterdir()))) == ((usable[0],), 1)
            lease.release()
        finally:
            os.kill(zygote, signal.SIGKILL)


def test_cores_are_shared_when_all_are_taken_the_least_used_first() -> None:
    one, two = lease_cores([4, 5, 6], 2), lease_cores([4, 5, 6], 2)
    assert (one.cores, two.cores) == ((4, 5), (6, 4))
    three = lease_cores([4, 5, 6], 5)
    assert three.cores == (5, 6, 4, 5, 6)
    for lease in (one, three):
        lease.release()
    assert lease_cores([4, 5, 6], 1).cores == (5,)
    two.release()


@pytest.mark.parametrize("obstacle", ["a file", "a link", "no folder"])
def test_where_no_lock_can_be_kept_cores_are_taken_in_turn(
    obstacle: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = temporary / f"tuner-cores-{os.getuid()}"
    if obstacle == "a file":
        place.write_text("")
    elif obstacle == "a link":
        place.symlink_to(temporary)
    else:
        monkeypatch.setattr(tempfile, "tempdir", str(temporary / "none"))
    for _ in range(2):
        lease = lease_cores([4, 5], 3)
        assert (lease.cores, lease.lock) == ((4, 5, 4), None)
        lease.release()

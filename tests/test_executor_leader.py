"""The executor seen from outside its process: what it imports, and what is left when it is killed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.followers.scene import PATIENCE, Announcements, gone, parent_of, processes_with

LEADER = """
import sys
from pathlib import Path
from tests.followers.scene import executor, run_of, saved, small_model
folder, fifo, *followers = sys.argv[1:]
with executor(saved(small_model(), Path(folder)), slots=len(followers)) as runs:
    for follower in followers:
        runs.submit(run_of(follower, limit=1000.0, announce=fifo))
    runs.wait()
"""


@pytest.fixture
def mark() -> str:
    """What every process that a test starts carries in its environment."""
    return secrets.token_hex(8)


def lead(folder: Path, mark: str, *followers: str) -> tuple[subprocess.Popen[bytes], set[int]]:
    """Start a leader that executes these followers; return it and their process ids once all have begun."""
    announcements = Announcements(folder)
    environment = {**os.environ, "LC_TUNER_TEST_MARK": mark, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", LEADER, str(folder), announcements.path, *followers]
    leader = subprocess.Popen(command, env=environment)
    return leader, {announcements.next() for _ in followers}


def test_killing_the_leader_leaves_no_solver_running_after_five_seconds(tmp_path, mark):
    leader, followers = lead(tmp_path, mark, "IgnoresTermination", "HangsWithDaemon", "Hangs")
    started = processes_with(mark)
    assert followers < started
    assert len(started) == 8, "the leader, three warm processes, three followers, a daemon"
    leader.kill()
    leader.wait()
    assert gone(started, seconds=5.0)
    assert not processes_with(mark)


def test_killing_the_leader_and_its_warm_processes_leaves_no_follower(tmp_path, mark):
    leader, followers = lead(tmp_path, mark, "IgnoresTermination", "Hangs")
    started = processes_with(mark)
    zygotes = {parent_of(pid) for pid in followers}
    for pid in zygotes:
        os.kill(pid, signal.SIGSTOP)  # so that they cannot clear up when the leader ends
    leader.kill()
    leader.wait()
    for pid in zygotes:
        os.kill(pid, signal.SIGKILL)
    assert gone(started, seconds=5.0)
    assert not processes_with(mark)


def test_a_warm_process_ends_with_its_pipe():
    command = [sys.executable, "-m", "tuner.follower.zygote"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_the_leader_imports_no_solver_library():
    script = (
        "import sys, tuner.follower.executor, tuner.follower.reading, tuner.follower.describing;"
        "assert not {'highspy', 'ortools'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)

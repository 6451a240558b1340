"""The executor seen from outside its process: what it imports, and what is left when it is killed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from followers.scene import Announcements, gone, processes_with

LEADER = """
import sys
from pathlib import Path
from followers.scene import executor, run_of, saved, small_model
folder, fifo = sys.argv[1:]
with executor(saved(small_model(), Path(folder)), slots=3) as runs:
    runs.submit(run_of("IgnoresTermination", limit=1000.0, announce=fifo))
    runs.submit(run_of("HangsWithDaemon", limit=1000.0, announce=fifo))
    runs.submit(run_of("Hangs", limit=1000.0, announce=fifo))
    runs.wait()
"""


def test_killing_the_leader_leaves_no_solver_running_after_five_seconds(tmp_path):
    mark = secrets.token_hex(8)
    announcements = Announcements(tmp_path)
    environment = {**os.environ, "TUNER_TEST_MARK": mark, "PYTHONPATH": os.pathsep.join(sys.path)}
    leader = subprocess.Popen([sys.executable, "-c", LEADER, tmp_path, announcements.path], env=environment)
    followers = {announcements.next() for _ in range(3)}
    started = processes_with(mark)
    assert followers < started
    assert len(started) == 8, "the leader, three warm processes, three followers, a daemon"
    leader.send_signal(signal.SIGKILL)
    leader.wait()
    assert gone(started, seconds=5.0)
    assert not processes_with(mark)


def test_the_leader_imports_no_solver_library():
    script = (
        "import sys, tuner.follower.executor, tuner.follower.reading, tuner.follower.describing;"
        "assert not {'highspy', 'ortools'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)

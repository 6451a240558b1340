"""Servers, workers and solvers killed at random moments: is anything lost, doubled, or left behind?

    python -m bench faults             about half an hour: 100 kills on each kind of database

A server and two workers carry out jobs on small models; every second or so one of the three, or a solver's process, is
killed by SIGKILL and started again. What was stored once has to stay, nothing may be there twice, five seconds after a
worker's death none of its solvers may be left, and all jobs have to end with a verdict.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from instances.families import FAMILIES, generate
from storage.records import Job, JobState, Run, Termination
from storage.store import Store
from tests.postgresql import NotInstalled, private_server
from tests.service import handed_in, uploaded
from tuner.follower.processes import marked

ON_REQUEST = True
KILLS, JOBS, WORKERS = 100, 12, 2
LEAST, MOST = 0.2, 2.0
"""Seconds between two kills."""
GONE = 5.0
"""Seconds in which nothing of a killed worker may be left."""
MARK = "TUNER_BENCH_FAULTS"
PORT = 8766
OVER = (JobState.FINISHED, JobState.FAILED, JobState.CANCELLED)


def main() -> None:
    """Kill on SQLite, and on PostgreSQL where it is installed."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = torment(f"sqlite:///{Path(folder) / 'store.db'}", Path(folder), KILLS, JOBS)
        print(f"SQLite: {outcome}", flush=True)
    try:
        with private_server() as url, tempfile.TemporaryDirectory() as folder:
            print(f"PostgreSQL: {torment(url, Path(folder), KILLS, JOBS)}", flush=True)
    except NotInstalled as reason:
        print(f"PostgreSQL is not tormented: {reason}")


@dataclass
class Outcome:
    """What came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    responses: int = 0
    lost: int = 0
    doubled: int = 0
    left: int = 0
    """Times that a process of a killed worker was there after `GONE` seconds."""
    states: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def __str__(self) -> str:
        kills = ", ".join(f"{count} {what}" for what, count in sorted(self.kills.items()))
        states = ", ".join(f"{count} {state}" for state, count in self.states.items())
        return (
            f"killed {kills} in {self.seconds:.0f} s; responses: {self.responses}, lost {self.lost}, doubled "
            f"{self.doubled}; processes left behind {self.left} times; jobs: {states}"
        )


class _Scene:
    """The processes, by what they are."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._number = 0
        self.running: dict[str, tuple[subprocess.Popen[bytes], str]] = {}

    def start(self, name: str) -> None:
        self._number += 1
        mark = f"{name}-{self._number}"
        words = ["serve", "--port", str(PORT), "--without-worker"]
        if name != "server":
            words = ["work", "--slots", "1", "--folder", str(self._folder / name)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tuner", *words],
            env={**os.environ, "TUNER_STORE": self._url, MARK: mark, "TUNER_CACHE": str(self._folder / "cache")},
            stderr=subprocess.DEVNULL,
        )
        self.running[name] = process, mark

    def kill(self, name: str) -> str:
        process, mark = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        return mark

    def end(self) -> None:
        for process, _ in self.running.values():
            process.terminate()
        for process, _ in self.running.values():
            process.wait()


def torment(url: str, folder: Path, kills: int, jobs: int, seed: int = 0) -> Outcome:
    """Carry out jobs while their processes are killed, and return what came of it."""
    generator, outcome, began = random.Random(seed), Outcome(), time.monotonic()
    generate(FAMILIES["generalised-assignment"], 6, folder / "models", seed=3, size=0.4)
    scene = _Scene(url, folder)
    names = ["server", *(f"worker{number}" for number in range(WORKERS))]
    with Store.open(url) as store:
        models = uploaded(store, folder / "models")
        wanted = [handed_in(store, models, budget=20.0, seed=number, slots=1) for number in range(jobs)]
        seen: dict[tuple[int, Run], int] = {}
        dying: list[tuple[float, str]] = []
        try:
            for name in names:
                scene.start(name)
            while sum(outcome.kills.values()) < kills and not _is_over(store, wanted):
                time.sleep(generator.uniform(LEAST, MOST))
                _look(store, wanted, seen, outcome)
                what = generator.choice([*names, "solver"])
                if what == "solver":
                    outcome.kills["solver"] += _kill_solver(scene, generator)
                else:
                    dying.append((time.monotonic() + GONE, scene.kill(what)))
                    scene.start(what)
                    outcome.kills[what.rstrip("0123456789")] += 1
                outcome.left += _left(dying)
            give_up = time.monotonic() + 60 + 30 * jobs
            while not _is_over(store, wanted) and time.monotonic() < give_up:
                time.sleep(1.0)
                outcome.left += _left(dying)
            _look(store, wanted, seen, outcome)
        finally:
            scene.end()
        outcome.states = Counter(store.job(job.id).state.value for job in wanted)
        outcome.responses = sum(store.count(job.id) for job in wanted)
    outcome.seconds = time.monotonic() - began
    return outcome


def _is_over(store: Store, jobs: list[Job]) -> bool:
    return all(store.job(job.id).state in OVER for job in jobs)


def _look(store: Store, jobs: list[Job], seen: dict[tuple[int, Run], int], outcome: Outcome) -> None:
    """Count what was there before and is not any more, and what is there twice."""
    found: dict[tuple[int, Run], int] = {}
    for job in jobs:
        for stored in store.responses(job.id):
            key = job.id, stored.run
            outcome.doubled += key in found
            if stored.response.termination is not Termination.KILLED:  # such a run may be executed again
                found[key] = stored.id
    outcome.lost += sum(found.get(key) != number for key, number in seen.items())
    seen.update(found)


def _kill_solver(scene: _Scene, generator: random.Random) -> int:
    """Kill a process of a worker's, a solver or the warm one it comes from; return how many were killed."""
    process, mark = scene.running[generator.choice([name for name in scene.running if name != "server"])]
    others = [pid for pid in marked(f"{MARK}={mark}") if pid != process.pid]
    if not others:
        return 0
    try:
        os.kill(generator.choice(others), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def _left(dying: list[tuple[float, str]]) -> int:
    """Return how many of the workers whose time is over have left something."""
    over = [mark for until, mark in dying if until <= time.monotonic()]
    dying[:] = [(until, mark) for until, mark in dying if until > time.monotonic()]
    return sum(bool(marked(f"{MARK}={mark}")) for mark in over)


if __name__ == "__main__":
    main()

"""Servers, workers and solvers killed at random moments: is anything lost, doubled, or left behind?

    python -m bench faults             about forty minutes: 100 kills on each kind of database, and then 40 more

A server and two workers carry out jobs on small models; every second or so one of the three, or a solver's process, is
killed by SIGKILL and started again. What was stored once has to stay, nothing may be there twice, five seconds after a
worker's death none of its solvers may be left, and all jobs have to end with a verdict.

Then jobs on simulated solvers, whose answers and whose time depend on nothing but a seed: each is carried out once in
peace and once by workers that are killed, and both have to find the same.
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
from collections.abc import Sequence
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
SIMULATED = 10
"""Jobs on simulated solvers."""
SIMULATED_KILLS = 4
"""Of each, at most."""
SIMULATED_LIFE = 1.5, 4.0
"""Seconds after which a worker with simulated solvers is killed; the first second it only starts."""
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
        _all("SQLite", f"sqlite:///{Path(folder) / 'store.db'}", Path(folder))
    try:
        with private_server() as url, tempfile.TemporaryDirectory() as folder:
            _all("PostgreSQL", url, Path(folder))
    except NotInstalled as reason:
        print(f"PostgreSQL is not tormented: {reason}")


def _all(name: str, url: str, folder: Path) -> None:
    print(f"{name}: {torment(url, folder, KILLS, JOBS)}", flush=True)
    print(f"{name}, simulated solvers: {compare(url, folder, range(SIMULATED))}", flush=True)


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
    reasons: tuple[str, ...] = ()
    """Why jobs failed."""
    seconds: float = 0.0

    def __str__(self) -> str:
        kills = ", ".join(f"{count} {what}" for what, count in sorted(self.kills.items()))
        states = ", ".join(f"{count} {state}" for state, count in self.states.items())
        return (
            f"killed {kills} in {self.seconds:.0f} s; responses: {self.responses}, lost {self.lost}, doubled "
            f"{self.doubled}; processes left behind {self.left} times; jobs: {states}"
            + "".join(f"; {reason}" for reason in self.reasons)
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
            words = ["work", "--slots", str(WORKERS), "--folder", str(self._folder / name)]
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
                what = generator.choice([*names, *("solver" for _ in names)])
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
        found = [store.job(job.id) for job in wanted]
        outcome.states = Counter(job.state.value for job in found)
        outcome.reasons = tuple(job.outcome for job in found if job.state is JobState.FAILED)
        for job in wanted:
            if not _is_over(store, [job]):  # else whoever looks for jobs next would take it
                store.hold(job.id, JobState.CANCELLED)
        outcome.responses = sum(store.count(job.id) for job in wanted)
    outcome.seconds = time.monotonic() - began
    return outcome


@dataclass(frozen=True)
class Agreement:
    """What jobs that were killed found, against the same jobs in peace."""

    jobs: int
    kills: int
    differing: tuple[int, ...]
    """The seeds with another incumbent at the end, or another verdict."""
    improved: int
    """How many ended with another configuration than the default."""

    def __str__(self) -> str:
        seeds = f" (seeds {self.differing})" if self.differing else ""
        return (
            f"{self.jobs} jobs killed {self.kills} times in all: {len(self.differing)} ended with another incumbent or "
            f"verdict than in peace{seeds}; {self.improved} found something better than the default"
        )


def compare(url: str, folder: Path, seeds: Sequence[int]) -> Agreement:
    """Carry out jobs on simulated solvers twice, in peace and while their workers are killed."""
    models = folder / "simulated"
    generate(FAMILIES["generalised-assignment"], 6, models, seed=3, size=0.4)
    kills, differing, improved = 0, [], 0
    generator = random.Random(0)
    with Store.open(url) as store:
        uploads = uploaded(store, models)
        for seed in seeds:
            found = []
            for moments in ((), (generator.uniform(*SIMULATED_LIFE) for _ in range(SIMULATED_KILLS))):
                job = handed_in(store, uploads, budget=200.0, cutoff=20.0, seed=seed, slots=2)
                for moment in moments:
                    kills += _simulated(url, folder, seed, moment)
                _simulated(url, folder, seed, None)
                steps, done = store.incumbents(job.id), store.job(job.id)
                found.append((steps[-1].configuration, done.state, done.best))
            if found[0] != found[1] or found[0][1] is not JobState.FINISHED:
                differing.append(seed)
            improved += not found[0][0].is_default
    return Agreement(len(seeds), kills, tuple(differing), improved)


def _simulated(url: str, folder: Path, seed: int, moment: float | None) -> bool:
    """Have a worker carry out what waits, and kill it at a moment, in seconds; return whether it was still alive."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulated_worker", url, str(folder / "work"), str(seed)],
        env={**os.environ, "TUNER_CACHE": str(folder / "cache")},
        stdout=subprocess.DEVNULL,
    )
    try:
        if process.wait(moment):
            raise RuntimeError(f"a worker with simulated solvers failed with exit code {process.returncode}")
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


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

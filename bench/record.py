"""Record what real solvers answer: 100 or more configurations on 20 models, for `replay` to race on in virtual time.

    python -m bench.record                     all families, first with HiGHS, then with the others; hours
    python -m bench.record --solver highs      with HiGHS only
    python -m bench.record set-cover           one of them
    python -m bench.record NAME=FOLDER         the models of a folder

More than half of the configurations are children of the best ones so far, with what the tools of `peers` ended with
among the parents, so that the recording knows the good part of the space. Some are executed under several seeds. A
configuration that solves none of the first five models is given up: the others count as unsolved. Recording goes on
where it was interrupted; it wants the machine for itself.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

from bench._models import write_models
from bench._recording import Cell, Outcome, Recording, Scene
from instances.families import FAMILIES, generate
from instances.folder import scan
from instances.instance import Instance
from storage.records import Configuration, Run
from tuner.follower.describing import describe
from tuner.follower.executor import LocalExecutor
from tuner.follower.reading import cache_directory, read_instances
from tuner.follower.solvers import default_space
from tuner.leader.draws import Draws
from tuner.space import Space

ON_REQUEST = True
INSTANCES = 20
MODELS_SEED = 5
CUTOFF = 3.0
LIMIT = 1.25 * CUTOFF
"""Wall seconds after which a run is ended: more than the cutoff, which counts CPU seconds, so that a busy moment of the
machine makes nothing unsolved."""
SLOTS = len(os.sched_getaffinity(0))
QUOTAS = {"highs": 170, "cp-sat": 40, "scip": 40}
"""Configurations by solver."""
SIZES = {
    "set-cover": 1.15,
    "combinatorial-auction": 0.75,
    "multi-knapsack": 1.1,
    "facility-location": 0.9,
    "independent-set": 0.75,
    "generalised-assignment": 0.85,
    "lot-sizing": 0.75,
    "bin-packing": 0.85,
    "network-design": 0.8,
    "lot-sizing-carryover": 0.8,
    "cutting-stock": 0.8,
    "p-median": 0.9,
    "sensor-placement": 0.95,
    "vehicle-routing": 0.9,
    "steiner-tree": 1.0,
    "course-timetabling": 0.8,
    "unit-commitment": 0.6,
}
"""The sizes of the families' models: about 0.3 s for HiGHS with its defaults."""
FLIPS, ANY = 0.26, 0.16
"""Shares of single changes and of random configurations; the rest are children of the best."""
BATCH = 8
"""Children drawn from the same parents."""
PARENTS = 6
ATTEMPTS = 100
"""To find anything new, before it is said that there is nothing."""
LATE = 0.6
"""When so much of a recording is done, what real jobs ended with joins the parents."""
ANSWERS = Path(__file__).parent / "results" / "peers.jsonl"
GIVE_UP = 5
"""A configuration that solves none of so many first models is not executed on the others."""
SEEDED, SEEDS = 12, 4
"""How many configurations are executed under several seeds, and under how many; fewer where few are recorded."""


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.record")
    parser.add_argument("names", nargs="*", default=list(SIZES), metavar="NAME[=FOLDER]")
    parser.add_argument("--solver", nargs="+", choices=list(QUOTAS), default=list(QUOTAS))
    given = parser.parse_args(words)
    if unknown := {name for name in given.names if not name.partition("=")[2]} - SIZES.keys():
        parser.error(f"no such family: {', '.join(sorted(unknown))}; there are {', '.join(SIZES)}, and NAME=FOLDER")
    for solver in given.solver:  # HiGHS everywhere first: most of what is replayed needs no more
        for name in given.names:
            name, _, folder = name.partition("=")
            with tempfile.TemporaryDirectory() as place:
                _record(name, solver, Path(folder) if folder else _generated(name, Path(place)))


def _generated(name: str, place: Path) -> Path:
    generate(FAMILIES[name], INSTANCES, place, MODELS_SEED, SIZES[name])
    return place


def _record(name: str, solver: str, folder: Path) -> None:
    reading = read_instances(scan(folder).files, cache_directory(), seconds=60.0, memory_mib=2048.0, slots=SLOTS)
    instances = sorted(reading.instances, key=lambda instance: instance.name)
    recording = Recording(name)
    source = f"{name}, size {SIZES[name]:g}, seed {MODELS_SEED}" if name in SIZES else name
    versions = {each: describe(each).version for each in QUOTAS}
    recording.begin(
        Scene(name, source, tuple(i.name for i in instances), CUTOFF, versions, f"{SLOTS} x {platform.machine()}")
    )
    write_models(name, [instance.features for instance in instances])
    with LocalExecutor({i.sha256: i for i in instances}, SLOTS, 2048.0, 1e-4) as executor:
        recorder = _Recorder(recording, default_space(solver), instances, executor)
        recorder.record(QUOTAS[solver], _answers(name, solver))


def _answers(name: str, solver: str) -> list[Configuration]:
    """Return what the tools of `peers` ended with on such models."""
    lines = ANSWERS.read_text(encoding="utf-8").splitlines() if ANSWERS.exists() and solver == "highs" else []
    found = [line["answer"] for line in map(json.loads, lines) if line["family"] == name and "answer" in line]
    space = default_space(solver)
    return [c for c in dict.fromkeys(map(space.configuration, found)) if not space.forbids(c.values)]


class _Recorder:
    def __init__(self, recording: Recording, space: Space, instances: list[Instance], executor: LocalExecutor) -> None:
        self._recording, self._space, self._instances, self._executor = recording, space, instances, executor
        self._began = time.monotonic()

    def record(self, quota: int, answers: Sequence[Configuration]) -> None:
        """Record ``quota`` configurations, these answers among the last of them."""
        known = [configuration for _, configuration in self._recording.of(self._space.solver)]
        attempt = 0
        while len(known) < quota:
            late = len(known) >= LATE * quota
            drawn = dict.fromkeys([*(answers if late else ()), *self._drawn(attempt, known, quota)])
            fresh = [c for c in drawn if c not in known][: quota - len(known)]
            attempt = 0 if fresh else attempt + 1
            if attempt == ATTEMPTS:
                raise SystemExit(f"{self._space.solver}: no more than {len(known)} configurations were found")
            for configuration in fresh:
                self._recording.add_configuration(configuration)
                known.append(configuration)
            self._complete()
        self._complete()
        ranked = sorted(self._numbers(), key=self._score)
        seeded = min(SEEDED, 1 + quota // 10)
        several = dict.fromkeys([self._numbers()[0], *ranked[: seeded // 2], *ranked[seeded // 2 :: 9]])
        self._execute(
            Cell(number, place, seed)
            for number in list(several)[:seeded]
            for seed in range(1, SEEDS)
            for place in range(len(self._instances))
            if not self._hopeless(number)
        )

    def _drawn(self, attempt: int, known: list[Configuration], quota: int) -> list[Configuration]:
        """Return the next configurations; they depend on what was recorded and the attempt to find new ones alone."""
        count = len(known)
        generator = random.Random(f"{self._recording.scene}-{self._space.solver}-{count}-{attempt}")
        draws, space = Draws(generator), self._space
        if not known:
            return [space.default, *draws.flips(space)[: round(FLIPS * quota)]]
        missing = round((FLIPS + ANY) * quota) - count
        if missing > 0:
            return [draws.any(space) for _ in range(missing)]
        best = sorted(self._numbers(), key=self._score)[:PARENTS]
        parents = [self._recording.configurations[number] for number in best]
        drawn = [draws.mutation(space, _crossed(space, *generator.sample(parents, 2), generator)) for _ in range(BATCH)]
        return [configuration for configuration in drawn if not space.forbids(configuration.values)]

    def _numbers(self) -> list[int]:
        return [number for number, _ in self._recording.of(self._space.solver)]

    def _score(self, number: int) -> float:
        """Return the mean logarithm of the seconds, unsolved ones at ten cutoffs."""
        entries = self._recording.entries
        costs = []
        for place in range(len(self._instances)):
            entry = entries.get(Cell(number, place, 0))
            solved = entry is not None and entry.outcome is Outcome.SOLVED
            costs.append(entry.cpu if solved and entry is not None else 10 * CUTOFF)
        return fmean(math.log(0.01 * CUTOFF + cost) for cost in costs)

    def _hopeless(self, number: int) -> bool:
        first = [self._recording.entries.get(Cell(number, place, 0)) for place in range(GIVE_UP)]
        return all(entry is not None and entry.outcome is not Outcome.SOLVED for entry in first)

    def _complete(self) -> None:
        """Execute every configuration on the first models, then those that solved any of them on the others."""
        numbers, count = self._numbers(), len(self._instances)
        self._execute(Cell(number, place, 0) for number in numbers for place in range(GIVE_UP))
        self._execute(
            Cell(number, place, 0)
            for number in numbers
            if not self._hopeless(number)
            for place in range(GIVE_UP, count)
        )

    def _execute(self, cells: Iterable[Cell]) -> None:
        waiting = iter([cell for cell in cells if cell not in self._recording.entries])
        by_run: dict[Run, Cell] = {}
        while True:
            for cell in self._next(waiting):
                run = Run(
                    self._recording.configurations[cell.configuration],
                    self._instances[cell.instance].sha256,
                    cell.seed,
                    LIMIT,
                    LIMIT,
                )
                by_run[run] = cell
                self._executor.submit(run)
            if not self._executor.outstanding:
                return
            for finished in self._executor.wait():
                self._recording.add(by_run.pop(finished.run), finished.response, CUTOFF)
                self._tell()

    def _next(self, waiting: Iterator[Cell]) -> Iterator[Cell]:
        while self._executor.outstanding < 2 * SLOTS:
            cell = next(waiting, None)
            if cell is None:
                return
            yield cell

    def _tell(self) -> None:
        runs = len(self._recording.entries)
        if runs % 200 == 0:
            assert self._recording.scene is not None
            minutes = (time.monotonic() - self._began) / 60
            print(
                f"{self._recording.scene.name} {self._space.solver}: {runs} runs, "
                f"{len(self._recording.configurations)} configurations, {minutes:.1f} min",
                flush=True,
            )


def _crossed(space: Space, one: Configuration, other: Configuration, generator: random.Random) -> Configuration:
    """Return a child that has every value from either parent."""
    both = [space.complete(one.values), space.complete(other.values)]
    values = {p.name: generator.choice(both).get(p.name, p.default) for p in space.parameters}
    return space.configuration(values)


if __name__ == "__main__":
    main(sys.argv[1:])

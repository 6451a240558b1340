"""What the others' strategies found in replay, so that a hundred repetitions need not be done in one go."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench._recording import FOLDER

CODE = [FOLDER.parent / name for name in ("_strategies.py", "_world.py")]


class Key(NamedTuple):
    """Which job."""

    recording: str
    solvers: str
    strategy: str
    budget: int
    """In default runs."""
    seed: int


class Found(NamedTuple):
    """What came of it."""

    training: float
    """Cost on the training models, as a ratio to the default's."""
    holdout: float
    runs: int
    thought: float
    """CPU seconds."""


class Kept:
    """Results in a file of CSV; those of another simulation, strategy or recording are left out and overwritten."""

    def __init__(self, path: Path, recordings: Iterable[str], rules: str) -> None:
        """Read what the file has on these recordings as they are now, by the same ``rules`` of simulating them."""
        self._path = path
        code = rules.encode() + b"".join(file.read_bytes() for file in CODE)
        self._marks = {
            name: hashlib.sha256(
                code + b"".join((FOLDER / f"{name}.{suffix}").read_bytes() for suffix in ("jsonl", "csv"))
            ).hexdigest()[:12]
            for name in recordings
        }
        self._found: dict[Key, Found] = {}
        self._others: list[list[str]] = []
        """Lines on other recordings."""
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                for mark, *fields in list(csv.reader(file))[1:]:
                    name, solvers, strategy, budget, seed, training, holdout, runs, thought = fields
                    if name not in self._marks:
                        self._others.append([mark, *fields])
                    elif mark == self._marks[name]:
                        key = Key(name, solvers, strategy, int(budget), int(seed))
                        self._found[key] = Found(float(training), float(holdout), int(runs), float(thought))

    def get(self, key: Key) -> Found | None:
        """Return what came of a job, if it is known."""
        return self._found.get(key)

    def add(self, key: Key, found: Found) -> None:
        """Keep what came of a job; `write` makes it last."""
        self._found[key] = found

    def write(self) -> None:
        """Write all that is known, in an order of its own: the same results are the same file."""
        rows = [
            [
                self._marks[key.recording],
                *map(str, key),
                f"{training:.4f}",
                f"{holdout:.4f}",
                f"{runs}",
                f"{thought:.2f}",
            ]
            for key, (training, holdout, runs, thought) in self._found.items()
        ]
        self._path.parent.mkdir(exist_ok=True)
        with self._path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("mark", *Key._fields, *Found._fields))
            writer.writerows(sorted([*rows, *self._others]))

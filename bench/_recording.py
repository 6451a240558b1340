"""Recorded responses of real solvers: what they answered, for how long, kept as two text files that grow by lines.

``NAME.jsonl`` has the scene in its first line and a configuration in every other one; ``NAME.csv`` has a run per line,
which names configuration and instance by number.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from storage.records import Configuration, Response

FOLDER = Path(__file__).parent / "recordings"
COLUMNS = ("configuration", "instance", "seed", "outcome", "cpu")


class Outcome(StrEnum):
    """How a recorded run ended."""

    SOLVED = "solved"
    UNSOLVED = "unsolved"
    OUTSIDE = "outside"
    """Crashed, out of memory or refuted: a response outside C."""


class Cell(NamedTuple):
    """Which run."""

    configuration: int
    instance: int
    seed: int


class Entry(NamedTuple):
    """What came of it."""

    outcome: Outcome
    cpu: float
    """Seconds."""


@dataclass(frozen=True)
class Scene:
    """What was recorded on what."""

    name: str
    source: str
    """How to make the models again: family, size and seed, or where they are from."""
    instances: tuple[str, ...]
    cutoff: float
    """Seconds."""
    solvers: Mapping[str, str]
    """Version by name."""
    cores: str
    """Of the machine."""


class Recording:
    """A recording in a folder. Opening it reads what is there; adding to it appends to its files at once."""

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        """Open the recording of this name; it may be empty."""
        self.folder = folder
        self._lines, self._runs = folder / f"{name}.jsonl", folder / f"{name}.csv"
        self.scene: Scene | None = None
        self.configurations: list[Configuration] = []
        self.entries: dict[Cell, Entry] = {}
        if self._lines.exists():
            first, *others = _whole_lines(self._lines)
            fields = json.loads(first)
            self.scene = Scene(**{**fields, "instances": tuple(fields["instances"])})
            self.configurations = [Configuration.of(*json.loads(line)) for line in others]
        if self._runs.exists():
            for row in csv.DictReader(_whole_lines(self._runs)):
                cell = Cell(int(row["configuration"]), int(row["instance"]), int(row["seed"]))
                self.entries[cell] = Entry(Outcome(row["outcome"]), float(row["cpu"]))

    def begin(self, scene: Scene) -> None:
        """Set the scene of a new recording; ValueError when an old one was recorded on something else."""
        if self.scene is None:
            self._lines.parent.mkdir(parents=True, exist_ok=True)
            self._lines.write_text(json.dumps(asdict(scene)) + "\n", encoding="utf-8")
            self._runs.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
            self.scene = scene
        elif (self.scene.source, self.scene.instances, self.scene.cutoff) != (
            scene.source,
            scene.instances,
            scene.cutoff,
        ):
            raise ValueError(f"{self._lines} was recorded on {self.scene.source}; remove it to record {scene.source}")

    def add_configuration(self, configuration: Configuration) -> int:
        """Append a configuration and return its number."""
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps([configuration.solver, configuration.values]) + "\n")
        self.configurations.append(configuration)
        return len(self.configurations) - 1

    def add(self, cell: Cell, response: Response, cutoff: float) -> None:
        """Append what came of a run."""
        solved = response.solved and response.cpu <= cutoff
        outcome = Outcome.SOLVED if solved else Outcome.UNSOLVED if response.feasible else Outcome.OUTSIDE
        entry = Entry(outcome, float(f"{min(response.cpu, cutoff):.4g}"))
        with self._runs.open("a", encoding="utf-8") as file:
            file.write(f"{cell.configuration},{cell.instance},{cell.seed},{entry.outcome},{entry.cpu:g}\n")
        self.entries[cell] = entry

    def of(self, solver: str) -> Iterator[tuple[int, Configuration]]:
        """Yield the configurations of a solver with their numbers, the default first."""
        return ((number, c) for number, c in enumerate(self.configurations) if c.solver == solver)


def _whole_lines(path: Path) -> list[str]:
    """Return the lines of a file, and cut off what a killed process left half written behind the last one."""
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return whole.splitlines()

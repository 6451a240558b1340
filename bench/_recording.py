"""Recorded responses of real solvers: what they answered, for how long, kept as two text files that grow by lines.

``NAME.jsonl`` has the scene in its first line and a configuration in every other one; ``NAME.csv`` has a run per line,
which names configuration and instance by number.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from storage.records import Configuration, Response, Value
from tuner.space import Boolean, Choice, Domain, Space

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


IDLE: frozenset[tuple[Value, ...]] = frozenset(
    {
        ("highs", "presolve", "on"),
        ("highs", "simplex_strategy"),
        ("highs", "simplex_scale_strategy"),
        ("highs", "simplex_dual_edge_weight_strategy"),
        ("highs", "simplex_primal_edge_weight_strategy"),
        ("highs", "simplex_update_limit"),
        ("scip", "misc/usesymmetry"),
    }
)
"""Parameters of earlier spaces, and single values, that do nothing."""


def known_today(recorded: Iterable[tuple[int, Configuration]], space: Space) -> dict[int, Configuration]:
    """Return configurations that may have been recorded in an earlier space as today's has them, by number.

    A number that is no longer among the values of its parameter is taken for the nearest of them. Left out is what has
    a parameter or a word that the space has no more, and what is the same as an earlier one.
    """
    found: dict[Configuration, int] = {}
    domains = {parameter.name: parameter.domain for parameter in space.parameters}
    for number, configuration in recorded:
        values = {
            name: _nearest(domains[name], value) if name in domains else value
            for name, value in configuration.values.items()
            if not {(space.solver, name), (space.solver, name, value)} & IDLE
        }
        if all(name in domains and domains[name].contains(value) for name, value in values.items()):
            found.setdefault(space.configuration(values), number)
    return {number: configuration for configuration, number in found.items()}


def _nearest(domain: Domain, value: Value) -> Value:
    """Return a number as near as the domain has it; anything else as it is."""
    if domain.contains(value) or isinstance(domain, Boolean) or isinstance(value, (bool, str)):
        return value
    if not isinstance(domain, Choice):
        return min(max(value, domain.low), domain.high)
    numbers = [own for own in domain.values if not isinstance(own, (bool, str)) and own >= 0]
    if value < 0 or not numbers:
        return value
    return min(numbers, key=lambda own: abs(math.log1p(own) - math.log1p(value)))


def _whole_lines(path: Path) -> list[str]:
    """Return the lines of a file, and cut off what a killed process left half written behind the last one."""
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return whole.splitlines()

"""A power system of thermal units and its hours: twelve days of the RTS-GMLC test system, from PGLib-UC.

The data and their licence are described in ``instances/data/pglib-uc/README.md``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "pglib-uc"


@dataclass(frozen=True)
class Unit:
    """A thermal unit. Power in MW, times in hours, costs in dollars."""

    name: str
    least: float
    """Output while it is on, at least."""
    most: float
    ramp_up: float
    """How much the output may rise from one hour to the next."""
    ramp_down: float
    start_limit: float
    """Output in the first hour, at most."""
    stop_limit: float
    """Output in the last hour, at most."""
    up_hours: int
    """How long it stays on, at least."""
    down_hours: int
    output_before: float
    """Output in the hour before the first one; 0 when it is off."""
    up_before: int
    """How long it has been on before the first hour; 0 when it is off."""
    down_before: int
    must_run: bool
    starts: tuple[tuple[int, float], ...]
    """Hours off from which on a start costs so much, the hottest first."""
    costs: tuple[tuple[float, float], ...]
    """Outputs from ``least`` to ``most``, and what an hour of each costs; convex and linear between them."""

    @property
    def on_before(self) -> bool:
        """Whether it is on before the first hour."""
        return self.up_before > 0


@dataclass(frozen=True)
class Hour:
    """What the units have to meet in an hour, in MW."""

    demand: float
    reserve: float
    """What the units must be able to add at once."""
    renewable_least: float
    """What all renewable sources produce together at least."""
    renewable_most: float


@cache
def units() -> tuple[Unit, ...]:
    """Return the system's units, by name."""
    return tuple(
        Unit(
            name=row["unit"],
            least=float(row["least"]),
            most=float(row["most"]),
            ramp_up=float(row["ramp_up"]),
            ramp_down=float(row["ramp_down"]),
            start_limit=float(row["start_limit"]),
            stop_limit=float(row["stop_limit"]),
            up_hours=int(row["up_hours"]),
            down_hours=int(row["down_hours"]),
            output_before=float(row["output_before"]),
            up_before=int(row["up_before"]),
            down_before=int(row["down_before"]),
            must_run=row["must_run"] == "1",
            starts=tuple(zip(map(int, row["start_lags"].split()), _floats(row["start_costs"]), strict=True)),
            costs=tuple(zip(_floats(row["points"]), _floats(row["costs"]), strict=True)),
        )
        for row in _rows("units.csv")
    )


@cache
def days() -> dict[str, tuple[Hour, ...]]:
    """Return 48 hours from each of twelve midnights, by date."""
    found: dict[str, list[Hour]] = {}
    for row in _rows("hours.csv"):
        columns = ("demand", "reserve", "renewable_least", "renewable_most")
        found.setdefault(row["day"], []).append(Hour(*(float(row[column]) for column in columns)))
    return {day: tuple(hours) for day, hours in found.items()}


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _floats(text: str) -> list[float]:
    return [float(word) for word in text.split()]

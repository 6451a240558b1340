"""The committed set of unit-commitment models: 24 windows of eight hours, from the data as they are.

python -m instances.families.windows instances/data/unit-commitment     writes them again
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from instances.families.commitment import AREAS, window
from instances.families.grid import days
from instances.model import Model
from instances.writing import write_mps

HOURS = 8
"""What default HiGHS solves in about a second on one core."""
STARTS = (4, 28)
"""The hours from each first midnight at which windows begin: before the morning's ramp, on both days."""


def windows() -> Iterator[Model]:
    """Yield the models, by day and hour; the areas take turns."""
    for number, day in enumerate(days()):
        for turn, start in enumerate(STARTS):
            area = AREAS[(number + turn) % len(AREAS)]
            yield replace(window(area, day, start, HOURS), name=f"{day}-hour-{start:02}-area-{area}")


def write(folder: Path) -> list[Path]:
    """Write the models into a folder, which is created, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for model in windows():
        files.append(folder / f"{model.name}.mps.gz")
        write_mps(model, files[-1])
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m instances.families.windows")
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    write(parser.parse_args().folder)

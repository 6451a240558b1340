"""What the recorded models look like: their features, in a text file beside each recording.

``NAME-models.csv`` has a model per line, in the order of the recording, and a feature per column
(`instances.features`); a field is empty where the model has no such feature.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from bench._recording import FOLDER
from instances.features import FEATURES

Models = Sequence[Mapping[str, float]]


def write_models(name: str, models: Models, folder: Path = FOLDER) -> None:
    """Write the features of a recording's models."""
    with _file(name, folder).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(FEATURES), restval="", lineterminator="\n")
        table.writeheader()
        table.writerows({key: f"{value:.6g}" for key, value in model.items()} for model in models)


@cache
def models_of(name: str, folder: Path = FOLDER) -> Models:
    """Return the features of a recording's models; of none where they were not written."""
    path = _file(name, folder)
    if not path.exists():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        return tuple({key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file))


def _file(name: str, folder: Path) -> Path:
    return folder / f"{name}-models.csv"

"""The knowledge that comes with the package: one file of families for each solver, made by `bench.prior`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np

from tuner.cost import Cost
from tuner.errors import Failed
from tuner.leader.features import Floats
from tuner.leader.knowledge import Family, Knowledge
from tuner.leader.likeness import TRAITS, Portrait
from tuner.leader.prior import Prior

FORMAT = 1
"""Of the files. Another one is refused."""
FOLDER = "knowledge-of"
"""In which they lie, beside this module."""
DIGITS = 4
"""Significant digits of the numbers in them."""


@cache
def shipped(solver: str) -> Knowledge | None:
    """Return what is known of a solver's parameters; None when nothing is.

    Raises:
        Failed: the file is damaged.

    """
    file = files("tuner.leader") / FOLDER / f"{solver}.json"
    return loaded(file) if file.is_file() else None


def shipped_for(solvers: Iterable[str]) -> dict[str, Knowledge]:
    """Return what is known of the parameters of these solvers; one of which nothing is known is left out."""
    return {solver: knowledge for solver in solvers if (knowledge := shipped(solver)) is not None}


def expected(known: Mapping[str, Knowledge], models: Sequence[Mapping[str, float]], cost: Cost) -> dict[str, Prior]:
    """Return what knowledge of times lets one expect of the effects on a cost, by solver.

    Args:
        known: of times, by solver.
        models: the features of those to be tuned on.
        cost: the scenario's.

    """
    priors = {solver: knowledge.prior(models) for solver, knowledge in known.items()}
    return {solver: prior.for_gap() for solver, prior in priors.items()} if cost is Cost.GAP else priors


def loaded(file: Traversable) -> Knowledge:
    """Return the knowledge in a file.

    Raises:
        Failed: it is damaged, or of another version.

    """
    try:
        return _knowledge(json.loads(file.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise Failed(f"{file}: not the knowledge of this version of tuner: {what}; install tuner again") from None


def written(solver: str, knowledge: Knowledge) -> str:
    """Return the text of the file of a solver's knowledge."""
    document = {
        "format": FORMAT,
        "made by": "python -m bench.prior",
        "solver": solver,
        "calibration": knowledge.calibration,
        "skill": knowledge.skill,
        "features": list(knowledge.labels),
        "mean": _rounded(knowledge.mean),
        "deviation": _rounded(knowledge.deviation),
        "traits": list(TRAITS),
        "families": [
            {
                "name": family.name,
                "title": family.title,
                "models": family.models,
                "configurations": family.configurations,
                "runs": family.runs,
                "best": family.best,
                "portrait": family.portrait and [family.portrait.mean, family.portrait.variance],
                "moment": _rounded(family.moment),
                "precision": [_rounded(row[: place + 1]) for place, row in enumerate(family.precision)],
            }
            for family in knowledge.families
        ],
    }
    lines = json.dumps(document).replace(', "families"', ',\n"families"').replace('{"name"', '\n{"name"')
    return lines.replace(', "precision": [[', ',\n"precision": [[').replace("], [", "],\n[") + "\n"


def _knowledge(document: Mapping[str, Any]) -> Knowledge:
    if document["format"] != FORMAT:
        raise ValueError(f"its format is {document['format']}, not {FORMAT}")
    if document["traits"] != list(TRAITS):
        raise ValueError("it tells models apart by other traits")
    labels = tuple(map(str, document["features"]))
    size = len(labels)
    if len(set(labels)) < size:
        raise ValueError("a feature is there twice")
    deviation, calibration = _numbers(document["deviation"], size, "deviation"), float(document["calibration"])
    if not (deviation > 0).all() or not 0 < calibration < math.inf:
        raise ValueError("a deviation or the calibration is not positive")
    skill = float(document["skill"])
    if not -1 <= skill <= 1:
        raise ValueError("the skill is no correlation")
    families = tuple(_family(each, size) for each in document["families"])
    return Knowledge(labels, families, _numbers(document["mean"], size, "mean"), deviation, calibration, skill)


def _family(entry: Mapping[str, Any], size: int) -> Family:
    name = str(entry["name"])
    rows = entry["precision"]
    if len(rows) != size:
        raise ValueError(f"{name}: {len(rows)} rows of the precision instead of {size}")
    lower = np.zeros((size, size))
    for place, row in enumerate(rows):
        lower[place, : place + 1] = _numbers(row, place + 1, f"{name}: row {place + 1} of the precision")
    if (np.diag(lower) < 0).any():
        raise ValueError(f"{name}: a precision is negative")
    counts = models, configurations, runs = entry["models"], entry["configurations"], entry["runs"]
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise ValueError(f"{name}: models, configurations and runs must be whole numbers from 0 on")
    return Family(
        name,
        str(entry["title"]),
        None if entry["portrait"] is None else _portrait(entry["portrait"], name),
        models,
        configurations,
        runs,
        float(_numbers([entry["best"]], 1, f"{name}: best")[0]),
        lower + np.tril(lower, -1).T,
        _numbers(entry["moment"], size, f"{name}: moment"),
    )


def _portrait(both: Sequence[Any], name: str) -> Portrait:
    mean, variance = (_numbers(each, len(TRAITS), f"{name}: portrait") for each in both)
    if (variance < 0).any():
        raise ValueError(f"{name}: a variance of the portrait is negative")
    return Portrait(tuple(mean.tolist()), tuple(variance.tolist()))


def _numbers(values: Sequence[Any], count: int, what: str) -> Floats:
    found = np.array(values, dtype=float)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise ValueError(f"{what}: not {count} finite numbers")
    return found


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]

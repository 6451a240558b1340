"""How alike two sets of models are, by what can be read from the models without solving one.

Every model has a few *traits*: shares of its kinds of columns and rows, logarithms of its sizes and of the ranges of
its numbers, how long its rows and columns are. The *portrait* of a set of models is the mean and the variance of each
trait. The likeness of two portraits is the normalised expected likelihood kernel of two normal distributions (Jebara,
Kondor and Howard 2004), a sum of a wide and a narrow one: it is 1 for two portraits that are the same, and falls
towards 0 with their distance. Such a kernel is positive definite, so that it can serve as a correlation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

COLUMNS = ("binary columns", "other integer columns", "continuous columns")
ROWS = (
    "partitioning rows",
    "packing rows",
    "covering rows",
    "cardinality rows",
    "knapsack rows",
    "variable bound rows",
    "indicator rows",
    "other rows",
)
RANGES = ("coefficient", "cost", "side")
SHARE, DECADES, RATIO = 0.5, 2.0, 1.0
"""Units of distance: a difference of this in a share, in the decimal logarithm of a size, and in that of a ratio."""
TRAITS: Mapping[str, float] = {
    **dict.fromkeys((*COLUMNS, *ROWS, "equality rows", "special ordered sets", "objective columns"), SHARE),
    "log10 columns": DECADES,
    "log10 rows": DECADES,
    "log10 mean row": RATIO,
    "log10 mean column": RATIO,
    "log10 longest row to mean": RATIO,
    **{f"log10 range of {what}": RATIO for what in RANGES},
}
"""Each trait with its unit. They are few and coarse: a handful of families cannot teach which ones matter."""
NARROW, WIDE = 0.5, 2.0
"""Lengths of the two kernels, in units: for models of one family, and for problems of one class."""
WIDELY = 2 / 3
"""The part of the wide kernel."""


@dataclass(frozen=True)
class Portrait:
    """What a set of models looks like."""

    mean: tuple[float, ...]
    """Of each of `TRAITS`, in its unit."""
    variance: tuple[float, ...]
    """Over the models."""


def portrait(models: Iterable[Mapping[str, float]]) -> Portrait | None:
    """Return the portrait of models given by their `instances.features`; None when nothing is known of any of them."""
    known = [_traits(features) for features in models if "density" in features]
    if not known:
        return None
    units = np.array(list(TRAITS.values()))
    traits = np.array(known) / units
    mean, variance = traits.mean(axis=0), traits.var(axis=0)
    return Portrait(tuple(mean.round(4).tolist()), tuple(variance.round(4).tolist()))


def likeness(one: Portrait | None, other: Portrait | None) -> float:
    """Return how alike two sets of models are: 1 for the same portrait, towards 0 for problems of other classes.

    Where one of the portraits is not known, it is 0.
    """
    if one is None or other is None:
        return 0.0
    return WIDELY * _kernel(one, other, WIDE) + (1 - WIDELY) * _kernel(one, other, NARROW)


def _kernel(one: Portrait, other: Portrait, length: float) -> float:
    first, second = np.array(one.variance) + length**2 / 2, np.array(other.variance) + length**2 / 2
    both = first + second
    distance = ((np.array(one.mean) - np.array(other.mean)) ** 2 / both).sum()
    overlap = 0.5 * np.log(2 * np.sqrt(first * second) / both).sum()
    return math.exp(float(overlap - distance / 2))


def _traits(features: Mapping[str, float]) -> list[float]:
    """Return a model's traits in the order of `TRAITS`."""
    columns = max(1.0, sum(features.get(name, 0.0) for name in COLUMNS))
    rows = max(1.0, sum(features.get(name, 0.0) for name in ROWS))
    sets = features.get("sos1 sets", 0.0) + features.get("sos2 sets", 0.0)
    row, column = features["density"] * columns, features["density"] * rows
    return [
        *(features.get(name, 0.0) / columns for name in COLUMNS),
        *(features.get(name, 0.0) / rows for name in ROWS),
        features.get("equality rows", 0.0) / rows,
        sets / (rows + sets),
        features.get("objective columns", 0.0) / columns,
        _log(columns),
        _log(rows),
        _log(row),
        _log(column),
        _log(features.get("entries of the longest row", 0.0) / max(1.0, row)),
        *(_log(features.get(f"largest {what}", 1.0) / features.get(f"least {what}", 1.0)) for what in RANGES),
    ]


def _log(value: float) -> float:
    return math.log10(max(1.0, value))

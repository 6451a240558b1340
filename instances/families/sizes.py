"""How large a model of a family is, and its vehicles and medians."""

from __future__ import annotations

import heapq
from collections.abc import Iterable


def scaled(count: int, size: float, least: int = 3) -> int:
    """Return a number of things at a size: ``count`` at size 1, never below ``least``."""
    return max(least, round(count * size))


def largest_load(weights: Iterable[int], places: int) -> int:
    """Return the largest load when each weight goes to the place with least, largest weight first (Graham 1969)."""
    loads = [0] * places
    for each in sorted(weights, reverse=True):
        heapq.heapreplace(loads, loads[0] + each)
    return max(loads)

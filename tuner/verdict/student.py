"""Student's t distribution for a whole number of degrees of freedom, exactly and without a library for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean, stdev

MOST = 400
"""More degrees of freedom are taken for this many: a quantile is then at most 0.3 % too far out."""


def upper_tail(t: float, freedom: int) -> float:
    """Return P(T > t) for T with ``freedom`` >= 1 degrees of freedom.

    The finite sums are formulas 26.7.3 and 26.7.4 of Abramowitz and Stegun, Handbook of Mathematical Functions.
    """
    freedom = min(freedom, MOST)
    angle = math.atan2(t, math.sqrt(freedom))
    square = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(1, freedom // 2 + 1):
        total += term
        term *= square * ((2 * k) / (2 * k + 1) if odd else (2 * k - 1) / (2 * k))
    inside = math.sin(angle) * total
    if odd:
        inside = 2 / math.pi * (angle + inside)
    return 0.5 - inside / 2


@lru_cache(maxsize=1024)
def quantile(probability: float, freedom: int) -> float:
    """Return the t above which lies 1 - ``probability``, for a probability from 0.5 to below 1."""
    low, high = 0.0, 1.0
    while upper_tail(high, freedom) > 1 - probability:
        high *= 2
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if upper_tail(middle, freedom) > 1 - probability else (low, middle)
    return high


def above_zero(differences: Sequence[float]) -> float:
    """Return the p-value of the one-sided t test that the mean of paired differences is above zero.

    1 with fewer than two differences: they prove nothing.
    """
    count = len(differences)
    if count < 2:
        return 1.0
    spread = stdev(differences)
    if spread == 0.0:
        return 0.0 if differences[0] > 0 else 1.0
    return upper_tail(fmean(differences) / spread * math.sqrt(count), count - 1)

"""When a challenger is compared with the incumbent, at which level, and how far its runs are capped.

The constants were set on replayed races (`bench.replay`).
"""

from __future__ import annotations

from bisect import bisect_right

LOOKS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100)
"""Observations after which a challenger is compared with the incumbent; later at every further hundred."""


def next_look(observations: int) -> int:
    """Return the number of observations after which a candidate with so many of them is compared again."""
    later = bisect_right(LOOKS, observations)
    return LOOKS[later] if later < len(LOOKS) else (observations // 100 + 1) * 100


EARLY_LEVEL, LEVEL = 0.3, 0.2
"""Levels of the test that drops a challenger, up to `EARLY` observations and with more."""
EARLY = 12
EARLY_SLACK, SLACK = 1.5, 1.3
"""Times the incumbent's seconds that a challenger may take, below `FIRST` observations and with more."""
FIRST = 5


def alpha(observations: int) -> float:
    """Return the level of the test that drops a challenger with so many observations."""
    return EARLY_LEVEL if observations <= EARLY else LEVEL


def slack(observations: int) -> float:
    """Return how many times the incumbent's seconds a challenger with so many observations may take."""
    return EARLY_SLACK if observations < FIRST else SLACK

"""The gap between objective and bound, and its integral over time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuner.ports import Step


def relative_gap(objective: float | None, bound: float | None) -> float | None:
    """Return |p - d| / max(|p|, |d|), at most 1, and 0 when they are equal; None when one is missing or not finite."""
    if objective is None or bound is None or not math.isfinite(objective) or not math.isfinite(bound):
        return None
    if objective == bound:
        return 0.0
    return min(1.0, abs(objective - bound) / max(abs(objective), abs(bound)))


def gap_at(steps: Sequence[Step], seconds: float) -> float:
    """Return the gap that was known at a second: 1 before the first step."""
    known = [step for step in steps if step.wall <= seconds]
    gap = relative_gap(known[-1].objective, known[-1].bound) if known else None
    return 1.0 if gap is None else gap


def integral(steps: Sequence[Step], end: float, final: float, limit: float) -> float:
    """Return the primal-dual integral over [0, limit], in seconds (Berthold, "Measuring the impact of primal
    heuristics", 2013): the gap is 1 before the first step and keeps its value between two.

    Args:
        steps: improving solutions in order of time.
        end: seconds after which the solve ended.
        final: the gap from then to the limit: 0 when the problem was solved.
        limit: seconds the run had. The solve may have ended after it, by its grace; that part does not count.

    """
    area, gap, since = 0.0, 1.0, 0.0
    for step in steps:
        until = min(max(since, step.wall), end, limit)
        area += gap * (until - since)
        known = relative_gap(step.objective, step.bound)
        gap, since = 1.0 if known is None else known, until
    until = min(max(since, end), limit)
    return area + gap * (until - since) + final * (limit - until)

"""What the problems on networks share."""

from __future__ import annotations

from collections.abc import Sequence


def has_negative_cycle(arcs: Sequence[tuple[str, str, float]]) -> bool:
    """Whether somebody could go round and round for less than nothing; arcs are given by their ends and lengths."""
    distance = {node: 0.0 for a, b, _ in arcs for node in (a, b)}
    for _ in range(len(distance) + 1):
        has_changed = False
        for a, b, length in arcs:
            if distance[a] + length < distance[b] - 1e-9:
                distance[b], has_changed = distance[a] + length, True
        if not has_changed:
            return False
    return True

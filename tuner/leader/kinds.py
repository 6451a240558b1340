"""Kinds of models in one folder: the mean of models that are unlike each other may look like what none of them is.

Half facility location and half lot sizing is 0.73 alike to network design by its mean, and none of its models is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuner.leader.advice import is_near
from tuner.leader.knowledge import Knowledge, Like
from tuner.leader.likeness import likeness, portrait

TOGETHER = 0.7
"""Groups of models as alike as this are one kind, though their models resemble different known families most, or none.
Models of a family at twice the size are above it, the most similar of the recorded families are 0.66 alike."""


@dataclass(frozen=True, eq=False)
class Kind:
    """Models that resemble the same known family, or each other."""

    models: tuple[int, ...]
    """Their places among those that were looked at."""
    like: Like | None
    """The known family that they resemble most; None when no family is near."""


def kinds(known: Knowledge, models: Sequence[Mapping[str, float]]) -> list[Kind]:
    """Return the kinds of models, given by their features; the one with most models first.

    Args:
        known: with one family or more.
        models: one or more.

    """
    groups: dict[str, list[int]] = {}
    for place, features in enumerate(models):
        nearest = known.like([features])[0]
        groups.setdefault(nearest.family.name if is_near(nearest) else "", []).append(place)
    merged: list[list[int]] = []
    for group in sorted(groups.values(), key=len, reverse=True):
        own = portrait(models[place] for place in group)
        others = (other for other in merged if likeness(own, portrait(models[place] for place in other)) >= TOGETHER)
        if (other := next(others, None)) is not None:
            other += group
        else:
            merged.append(group)
    return [_kind(known, models, sorted(group)) for group in sorted(merged, key=len, reverse=True)]


def _kind(known: Knowledge, models: Sequence[Mapping[str, float]], group: Sequence[int]) -> Kind:
    """Return a kind; where fewer than half of its models resemble anything, their mean resembles nothing, either."""
    nearest = known.like([models[place] for place in group])[0]
    near = sum(is_near(known.like([models[place]])[0]) for place in group)
    return Kind(tuple(group), nearest if is_near(nearest) and 2 * near >= len(group) else None)

"""The part of HiGHS's space in which `tests.followers.boasting` lies. Apart from it, because it imports no solver."""

from __future__ import annotations

from collections.abc import Mapping

from storage.records import Value


def boasts(parameters: Mapping[str, Value]) -> bool:
    """Whether the follower lies with these parameters: about half of the space."""
    effort = parameters.get("mip_heuristic_effort", 0.05)
    return isinstance(effort, float) and effort > 0.05

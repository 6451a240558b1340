"""A configuration in the race."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from storage.records import Configuration, Run
from tuner.leader.evidence import Observation
from tuner.leader.pairs import Pair
from tuner.leader.schedule import LOOKS


class Status(StrEnum):
    """Where a configuration stands."""

    RACING = "racing"
    ELITE = "elite"
    """Led before the incumbent, or may be as good; executed on all that the race has reached."""
    INCUMBENT = "incumbent"
    REJECTED = "rejected"
    """Lost against the incumbent of its time."""
    FLAGGED = "flagged"
    """Gave a response outside C: crashed, ran out of memory, or was refuted."""


@dataclass(eq=False)
class Candidate:
    """A configuration with everything the race knows of it."""

    configuration: Configuration
    origin: str
    """Which source proposed it."""
    status: Status = Status.RACING
    observations: dict[Pair, Observation] = field(default_factory=dict)
    under_way: dict[Pair, Run] = field(default_factory=dict)
    censored: set[Pair] = field(default_factory=set)
    """Pairs of which only a lower bound of the cost is known."""
    cursor: int = 0
    """Every pair of the course before this position is observed; in the first block, so many are."""
    turn: int = 0
    """With which pair of the first block it begins."""
    look: int = LOOKS[0]
    """With how many observations it is compared with the incumbent next."""
    exact: bool = False
    """Whether its capped runs have to be executed again, with the full cutoff."""
    promise: float = 0.0
    """The t statistic of its last comparison; below zero: better than the incumbent."""
    value: float | None = None
    """Mean difference of its scores to the default's, shrunk towards zero; None before the first response."""
    lost_to: Candidate | None = None
    """The incumbent that it was rejected for."""
    reason: str = ""
    """Why it is flagged."""
    solved: int = 0


@dataclass(frozen=True)
class Trial:
    """A candidate as the study's tables show it."""

    configuration: Configuration
    origin: str
    status: Status
    value: float | None
    """What the study minimises; no configuration's is below the incumbent's."""
    costs: Mapping[int, float]
    """Aggregated over seeds, by index of the instance."""
    runs: int
    solved: int
    reason: str

"""What the application tells whoever watches a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tuner.ports import Activity, Standing


@dataclass(frozen=True)
class Progress:
    """A job at one moment."""

    job: str
    phase: str
    """"racing" or "verdict"."""
    elapsed: float
    """Seconds of the budget that are spent."""
    budget: float
    standing: Standing
    runs: int
    """Runs stored so far, all purposes."""
    slots: Sequence[Activity | None]
    names: Mapping[str, str] = field(repr=False)
    """The instances' names by SHA-256."""


class Watcher(Protocol):
    """Somebody who watches a job."""

    def say(self, text: str) -> None:
        """Take note of something worth a line: a file left out, a refuted claim."""
        ...

    def show(self, progress: Progress) -> None:
        """Take note of where the job stands; called often, cheap to ignore."""
        ...

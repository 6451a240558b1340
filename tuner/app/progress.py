"""What the application tells whoever watches a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from storage.records import Configuration
from tuner.ports import Activity, Standing


@dataclass(frozen=True)
class Progress:
    """A job at one moment."""

    job: str
    phase: str
    """"exploring" (few runs), "racing" (many) or "verdict"."""
    elapsed: float
    """Seconds of the budget that are spent."""
    budget: float
    standing: Standing
    runs: int
    """Runs stored so far, all purposes."""
    slots: Sequence[Activity | None]
    names: Mapping[str, str] = field(repr=False)
    """The instances' names by SHA-256."""
    goals: str = ""
    """How far what would end the race early is; empty where nothing would."""
    base: Configuration | None = None
    """The user's own settings."""
    solvers: Sequence[str] = ()
    """That the leader chooses among."""


class Watcher(Protocol):
    """Somebody who watches a job."""

    def say(self, text: str) -> None:
        """Take note of something worth a line: a file left out, a refuted claim."""
        ...

    def show(self, progress: Progress) -> None:
        """Take note of where the job stands; called often, cheap to ignore."""
        ...

"""Numerically delicate models: those on which it depends on the solver's tolerance what is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.records import Check, Member, Run, StoredRun, Tally
from tuner.commands import counted

NAMED = 5
"""How many models a sentence names; the others are counted."""


AGREES = 1e-4
"""Two objectives that differ by less, relative to them above 1, are the same answer."""


@dataclass(frozen=True)
class Delicate:
    """A model that is numerically delicate."""

    instance: str
    """Its SHA-256."""
    name: str
    disputed: bool
    """Whether answers disagree; otherwise some hold within the solver's tolerance only, uncontradicted."""


def tallied(runs: Iterable[StoredRun]) -> list[Tally]:
    """Count by instance what is proven of the answers."""
    found: dict[str, list[int]] = {}
    for stored in runs:
        response = stored.response
        counts = found.setdefault(stored.run.instance, [0, 0])
        counts[0] += response.check is Check.DISPUTED
        counts[1] += response.check is Check.CONFIRMED and bool(response.doubt)
    return [Tally(instance, *counts) for instance, counts in found.items()]


def delicate(members: Iterable[Member], tallies: Iterable[Tally]) -> tuple[Delicate, ...]:
    """Return the delicate ones of a job's models, by name."""
    known = {tally.instance: tally for tally in tallies}
    found = []
    for member in members:
        tally = known.get(member.sha256)
        if tally is not None and (tally.disputed or tally.doubtful):
            found.append(Delicate(member.sha256, member.name, tally.disputed > 0))
    return tuple(sorted(found, key=lambda model: model.name))


def resting(runs: Sequence[StoredRun]) -> set[Run]:
    """Return the runs whose answers rest on the solver's tolerance: disputed, or better than all that is proven."""
    proven: dict[str, list[float]] = {}
    for stored in runs:
        if stored.response.proven_objective is not None:
            proven.setdefault(stored.run.instance, []).append(stored.response.proven_objective)
    return {
        stored.run
        for stored in runs
        if stored.response.check is Check.DISPUTED
        or (
            stored.response.check is Check.CONFIRMED
            and stored.response.doubt
            and not any(_agree(stored.response.objective, value) for value in proven.get(stored.run.instance, ()))
        )
    }


def _agree(objective: float | None, proven: float) -> bool:
    return objective is not None and abs(objective - proven) <= AGREES * max(1.0, abs(objective), abs(proven))


def sentences(models: Sequence[Delicate]) -> list[str]:
    """Say which models are delicate, and what follows."""
    disputed = [model.name for model in models if model.disputed]
    tolerated = [model.name for model in models if not model.disputed]
    found = []
    if disputed:
        found.append(
            f"{_are(len(disputed))} numerically delicate: {_listed(disputed)}. Answers disagree there, and which is "
            "right is not proven. Runs with a disputed answer count as unsolved and are left out of the comparison."
        )
    if tolerated:
        also = " as well" if disputed else ""
        found.append(
            f"{_are(len(tolerated))} numerically delicate{also}: {_listed(tolerated)}. Answers there hold within "
            "the solver's tolerance only. Those whose objective no exact point with the same whole numbers attains "
            "count as unsolved."
        )
    return found


def _are(count: int) -> str:
    return f"{counted(count, 'model')} {'is' if count == 1 else 'are'}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")

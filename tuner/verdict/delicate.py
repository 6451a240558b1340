"""Numerically delicate models: those on which it depends on the solver's tolerance what is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.records import Check, Claim, Member, StoredRun, Tally
from tuner.commands import counted

NAMED = 5
"""How many models a sentence names; the others are counted."""


@dataclass(frozen=True)
class Delicate:
    """A model that is numerically delicate."""

    instance: str
    """Its SHA-256."""
    name: str
    disputed: bool
    """Whether answers disagree; otherwise every point that was found holds within the solver's tolerance only."""


def tallied(runs: Iterable[StoredRun]) -> list[Tally]:
    """Count by instance what is proven of the answers."""
    found: dict[str, list[int]] = {}
    for stored in runs:
        response = stored.response
        counts = found.setdefault(stored.run.instance, [0, 0, 0])
        if response.check is Check.DISPUTED:
            counts[0] += 1
        if response.check in (Check.CONFIRMED, Check.DISPUTED) and response.claim in (Claim.OPTIMAL, Claim.FEASIBLE):
            counts[1 if response.doubt else 2] += 1
    return [Tally(instance, *counts) for instance, counts in found.items()]


def delicate(members: Iterable[Member], tallies: Iterable[Tally]) -> tuple[Delicate, ...]:
    """Return the delicate ones of a job's models, by name."""
    known = {tally.instance: tally for tally in tallies}
    found = []
    for member in members:
        tally = known.get(member.sha256)
        if tally is not None and (tally.disputed or (tally.doubtful and not tally.sound)):
            found.append(Delicate(member.sha256, member.name, tally.disputed > 0))
    return tuple(sorted(found, key=lambda model: model.name))


def sentences(models: Sequence[Delicate]) -> list[str]:
    """Say which models are delicate, and what follows."""
    disputed = [model.name for model in models if model.disputed]
    tolerated = [model.name for model in models if not model.disputed]
    found = []
    if disputed:
        found.append(
            f"{_are(len(disputed))} numerically delicate: {_listed(disputed)}. Answers disagree there within the "
            "solvers' tolerances, and a run whose answer is disputed counts for nobody."
        )
    if tolerated:
        also = " as well" if disputed else ""
        found.append(
            f"{_are(len(tolerated))} numerically delicate{also}: {_listed(tolerated)}. No answer there holds beyond "
            "the solver's tolerance."
        )
    return found


def _are(count: int) -> str:
    return f"{counted(count, 'model')} {'is' if count == 1 else 'are'}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")

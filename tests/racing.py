"""A race to be tested: with no clock but its own thinking, and the answers that it is told."""

from __future__ import annotations

from itertools import count
from typing import Any

from storage.records import Check, Claim, Configuration, Response, Termination
from tests.simulation import World, space
from tuner.cost import Cost, Ties
from tuner.leader.race import Race

CUTOFF = 10.0
THINKING = 0.02
"""CPU seconds between two looks at the clock: what a proposal costs a race, here."""
ALPHA = {"alpha": space("alpha")}
DEFAULT = Configuration("alpha")


def new_race(world: World, *, budget: float = 60.0, cutoff: float = CUTOFF, seed: int = 0, **options: Any) -> Race:
    settings: dict[str, Any] = {"cost": Cost.PAR10, "ties": Ties.MEAN, "slots": 2} | options
    settings.setdefault("clock", count(0.0, THINKING).__next__)
    return Race(world.spaces, world.instances, budget=budget, cutoff=cutoff, seed=seed, **settings)


def answered(cpu: float, check: Check = Check.CONFIRMED) -> Response:
    claim = Claim.OPTIMAL
    return Response(Termination.EXITED, claim, check, cpu=cpu, wall=cpu, reason="wrong" * (check is Check.REFUTED))

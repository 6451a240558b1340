"""Races to be tested: with no clock but their own thinking, on simulated followers or answers that they are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from storage.records import Check, Claim, Configuration, Response, Run, Termination
from tests.simulation import Clock, SimulatedExecutor, World, space
from tuner.cost import Cost, Ties
from tuner.leader.loop import Ending, race
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


Answer = Callable[[Run], Response]


@dataclass
class Job:
    """A race that was run to its end."""

    leader: Race
    executor: SimulatedExecutor
    ending: Ending
    told: list[tuple[Run, Response]]
    incumbents: list[Configuration] = field(default_factory=list)
    """In the order in which they led."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Wall seconds of all runs, by solver."""
        spent: Counter[str] = Counter()
        for run, response in self.told:
            spent[run.configuration.solver] += response.wall  # type: ignore[assignment]
        return spent


def tune(world: World, answer: Answer | None = None, *, budget: float = 60.0, **options: Any) -> Job:
    """Race for ``budget`` virtual seconds in two slots."""
    clock = Clock()
    executor = SimulatedExecutor(answer or world.answer, clock, slots=2)
    leader = new_race(world, budget=budget, **options)
    told: list[tuple[Run, Response]] = []
    incumbents: list[Configuration] = []

    def keep(run: Run, response: Response) -> list[tuple[Run, Response]]:
        told.append((run, response))
        return [(run, response)]

    def watch() -> None:
        if incumbents[-1:] != [leader.incumbent]:
            incumbents.append(leader.incumbent)

    ending = race(leader, executor, keep, lambda: budget, watch=watch, clock=clock)
    return Job(leader, executor, ending, told, incumbents)

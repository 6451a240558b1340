"""The leader for any budget: few runs are explored, many are raced.

An `Explorer` decides best what to do with the time of a few runs of the default, a `Race` with that of many. How many
runs the budget is worth shows once the first models were executed. So exploring comes first; and as soon as what was
seen says that the budget is one of many runs, a race goes on from all that was told.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from storage.records import Configuration, Response, Run, Termination
from tuner.cost import Cost, Ties
from tuner.leader.candidate import Trial
from tuner.leader.explorer import Explorer
from tuner.leader.prior import Prior
from tuner.leader.race import Race
from tuner.ports import Allowance, Standing
from tuner.space import Space

FEW = 35.0
"""Runs of the default that are few: up to so many in all slots together are explored."""
SHORT = 4.0
"""So few of them in each slot are explored, too: a race cannot decide on many runs that all end at the same time."""
MOST = 300
"""Responses after which a race begins though the budget is one of few runs: to think about more takes long. Where it
is one of few in each slot, it begins after one response more for each slot."""
SURE = 3
"""Responses that have to be known before a race begins, where the cutoff alone does not say that runs are many."""
AGAIN = 1.1
"""How many runs the budget is worth is asked again when so many times as many responses are known."""


class AnyBudget:
    """A `tuner.ports.Leader` for one scenario. Not thread-safe: one loop asks and tells."""

    def __init__(
        self,
        spaces: Mapping[str, Space],
        instances: Sequence[str],
        *,
        cost: Cost,
        ties: Ties,
        cutoff: float,
        budget: float,
        slots: int,
        seed: int,
        priors: Mapping[str, Prior] | None = None,
        first: Iterable[Configuration] = (),
        base: Configuration | None = None,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """Prepare to lead; see `tuner.leader.race.Race` for the arguments."""
        first = list(first)
        self._budget, self._slots = budget, slots
        self._explorer = Explorer(
            spaces,
            instances,
            cost=cost,
            ties=ties,
            cutoff=cutoff,
            slots=slots,
            seed=seed,
            priors=priors,
            first=first,
            base=base,
        )
        self._race = Race(
            spaces,
            instances,
            cost=cost,
            ties=ties,
            cutoff=cutoff,
            budget=budget,
            slots=slots,
            seed=seed,
            priors=priors,
            first=first,
            base=base,
            clock=clock,
        )
        self._told: dict[Run, Response] = {}
        self._asked = 0
        self._leader: Explorer | Race = self._explorer
        if self._is_many(cutoff):
            self._leader = self._race

    @property
    def incumbent(self) -> Configuration:
        """The best configuration so far."""
        return self._leader.incumbent

    @property
    def finalist(self) -> Configuration:
        """What to hold against the defaults on the holdout."""
        return self._leader.finalist

    @property
    def explores(self) -> bool:
        """Whether the budget is one of few runs, as far as is known: each run is the one that tells most."""
        return self._leader is self._explorer

    @property
    def hopeless(self) -> bool:
        """Whether every default was executed on every instance and nothing was solved by any configuration."""
        return self._leader.hopeless

    def standing(self) -> Standing:
        """Return where the race stands."""
        return self._leader.standing()

    def paired(self) -> list[tuple[float, float]]:
        """Return what each instance costs the incumbent and the reference, on the pairs that both are known on."""
        return self._leader.paired()

    def trials(self) -> list[Trial]:
        """Return the configurations that changed since the last call."""
        return self._leader.trials()

    def due(self, count: int, remaining: float = math.inf) -> list[Run]:
        """Return up to ``count`` runs to execute next; ``remaining``: wall seconds that are left."""
        return self._leader.due(count, remaining)

    def prepare(self) -> None:
        """Do some of the thinking for the next `due` ahead."""
        self._leader.prepare()

    def lost(self, elapsed: Mapping[Run, float]) -> list[Run]:
        """Return the runs that are under way and not worth going on with, each once."""
        return self._leader.lost(elapsed)

    def allowance(self, run: Run) -> Allowance | None:
        """Return what a run under way may cost; None for one that is to be executed to its end."""
        return self._leader.allowance(run)

    def tell(self, run: Run, response: Response) -> None:
        """Take a response into account; ValueError for a run that is not of the race or not on a training instance."""
        self._leader.tell(run, response)
        if self._leader is self._race or (response.termination is Termination.KILLED and not response.wall):
            return  # what was cancelled while it waited is not stored
        self._told[run] = response
        count = len(self._told)
        if count >= SURE and count >= AGAIN * self._asked:
            self._asked = count
            if self._is_many(self._explorer.usual()):
                self._begin_race()

    def _is_many(self, usual: float) -> bool:
        """Whether the budget is one of many runs that take so many seconds."""
        few = FEW if len(self._told) <= MOST else 0.0
        short = SHORT if len(self._told) <= MOST + self._slots else 0.0
        return self._budget > max(few / self._slots, short) * usual

    def _begin_race(self) -> None:
        for run, response in self._told.items():
            self._race.tell(run, response)
        for run in self._explorer.under_way():
            self._race.expect(run)
        self._leader = self._race
        self._told.clear()

"""Where challengers come from: the model, mutations of the best, and chance."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence

from storage.records import Configuration
from tuner.leader.draws import Draws
from tuner.leader.study import Study
from tuner.space import Space

MODEL, MUTATION, RANDOM = "model", "mutation", "random"
EARLY = 6
"""So many first challengers of a solver are random where there is no prior: there is nothing to model yet."""
SHARES = {MODEL: 0.9, MUTATION: 0.05, RANDOM: 0.05}
"""Of the later challengers."""
DRAWS = 30
"""How often a source is tried for something new before the next one is."""
DOUBT = 0.25
"""A solver whose best is worse by so much in score is proposed 1/e times as often."""


class Proposals:
    """Proposes configurations, each once."""

    def __init__(self, spaces: Mapping[str, Space], study: Study, seed: int) -> None:
        """Propose configurations of ``spaces``, partly from ``study``; the other randomness comes from ``seed``."""
        self._spaces = spaces
        self._study = study
        self._random = random.Random(seed)
        self._draws = Draws(self._random)
        self._made = dict.fromkeys(spaces, 0)

    def next(
        self, parents: Mapping[str, Sequence[Configuration]], best: Mapping[str, float], model: bool
    ) -> tuple[Configuration, str] | None:
        """Return a configuration that was never proposed or adopted, and the source it is from.

        Args:
            parents: the configurations to mutate, by solver, the best first; the default when there is none.
            best: the best value so far of each solver that may be proposed.
            model: whether the model may be asked, which costs some CPU time.

        Returns None when nothing new was found: the spaces are exhausted, or nearly so.

        """
        for _ in range(2 * len(best)):
            solver = self._solver(best)
            for source in self._sources(solver, model):
                for _ in range(1 if source == MODEL else DRAWS):
                    configuration = self._draw(source, solver, parents.get(solver, ()))
                    if configuration is not None and self._is_new(configuration):
                        self._made[solver] += 1
                        self._study.adopt(configuration)
                        return configuration, source
        return None

    def _solver(self, best: Mapping[str, float]) -> str:
        if len(best) == 1:
            return next(iter(best))
        lead = min(best.values())
        weights = [math.exp((lead - value) / DOUBT) for value in best.values()]
        return self._random.choices(list(best), weights)[0]

    def _sources(self, solver: str, model: bool) -> Iterator[str]:
        """Yield a source by its share, then the others for the case that it has nothing new."""
        if self._made[solver] < EARLY and not self._study.has_prior(solver):
            yield RANDOM
        else:
            shares = {source: share for source, share in SHARES.items() if model or source != MODEL}
            yield self._random.choices(list(shares), list(shares.values()))[0]
        yield from (MUTATION, RANDOM)

    def _draw(self, source: str, solver: str, parents: Sequence[Configuration]) -> Configuration | None:
        space = self._spaces[solver]
        if source == MODEL:
            return self._study.ask(solver)
        if source == MUTATION:
            return self._draws.mutation(space, self._random.choice(parents) if parents else space.default)
        return self._draws.any(space)

    def _is_new(self, configuration: Configuration) -> bool:
        space = self._spaces[configuration.solver]
        return not self._study.knows(configuration) and not space.forbids(configuration.values)

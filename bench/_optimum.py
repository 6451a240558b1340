"""The best configuration of a simulated world, by hill climbing on the truth: what no strategy can be much better than.

No job finds it: it needs thousands of looks at what the world would answer without noise, on the models that are held
out, too, and part of it is an accident of the drawn world, which no neighbour tells of.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from bench._world import World
from storage.records import Configuration
from tuner.leader.draws import Draws, at
from tuner.space import Boolean, Choice, Parameter, Space

PLACES = 5
"""Values of a number that are looked at."""
PARENTS = 2
"""How many of the best single changes are climbed from, besides the best recorded configuration."""


def optimum(world: World, solvers: Sequence[str]) -> Configuration:
    """Return a configuration of these solvers that no change of a single parameter improves, on all models."""
    everywhere = range(len(world.instances))

    def score(configuration: Configuration) -> float:
        return world.score(configuration, everywhere)

    climbed = []
    for solver in solvers:
        space = world.spaces[solver]
        starts = sorted(Draws(random.Random(world.name)).flips(space), key=score)[:PARENTS]
        climbed += [_climbed(space, start, score) for start in (*starts, min(world.recorded(solver), key=score))]
    return min(climbed, key=score)


def _climbed(space: Space, start: Configuration, score: Callable[[Configuration], float]) -> Configuration:
    best, least = start, score(start)
    while True:
        was = best
        for parameter in space.parameters:
            for configuration in _changed(space, best, parameter):
                found = score(configuration)
                if found < least:
                    best, least = configuration, found
        if best == was:
            return best


def _changed(space: Space, configuration: Configuration, parameter: Parameter) -> Iterator[Configuration]:
    """Yield the configurations with another value of a parameter."""
    domain = parameter.domain
    if isinstance(domain, Boolean):
        values = [False, True]
    elif isinstance(domain, Choice):
        values = list(domain.values)
    else:
        values = [parameter.default, *(at(domain, (place + 0.5) / PLACES) for place in range(PLACES))]
    for value in values:
        changed = space.configuration({**space.complete(configuration.values), parameter.name: value})
        if changed != configuration and not space.forbids(changed.values):
            yield changed

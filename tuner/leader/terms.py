"""What makes up the worth of configurations of one or more solvers: the terms that beliefs are about.

Every solver has the features of its space (`tuner.leader.features`), and every solver but the first one more term: how
much its default is worth against the first solver's. So all configurations are compared in one vector space.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np

from storage.records import Configuration, Value
from tuner.leader.features import Features, Floats
from tuner.leader.prior import NOTHING, Prior
from tuner.leader.study import distributions, tidy
from tuner.space import Space

RIVALRY = 1.0
"""Standard deviation of the score of one solver's default less another's: more than a parameter does."""


class Terms:
    """The terms of some solvers' spaces, in one vector of shape (count,)."""

    def __init__(self, spaces: Mapping[str, Space], priors: Mapping[str, Prior], scale: float) -> None:
        """Lay out the terms.

        Args:
            spaces: by solver.
            priors: what to expect of effects, by solver.
            scale: multiple of the priors' standard deviations.

        """
        self._spaces = spaces
        self._parts: dict[str, slice] = {}
        self._features: dict[str, Features] = {}
        self._defaults: dict[str, dict[str, Value]] = {}
        self._vectors: dict[Configuration, Floats] = {}
        expected, deviations = [], []
        start = len(spaces) - 1
        expected.append(np.zeros(start))
        deviations.append(np.full(start, RIVALRY))
        for solver, space in spaces.items():
            defaults = {parameter.name: parameter.default for parameter in space.parameters}
            features = Features(distributions(space), defaults)
            mean, deviation = priors.get(solver, NOTHING).on(features)
            expected.append(mean)
            deviations.append(scale * deviation)
            self._features[solver], self._defaults[solver] = features, defaults
            self._parts[solver] = slice(start, start + features.count)
            start += features.count
        self.count = start
        self.expected: Floats = np.concatenate(expected)
        """Means before anything is seen, shape (count,)."""
        self.deviation: Floats = np.concatenate(deviations)
        """Standard deviations before anything is seen, shape (count,)."""

    def vector(self, configuration: Configuration) -> Floats:
        """Return the terms of a configuration, shape (count,); zero for the first solver's default.

        What is not of the space, such as a value outside its domain, has no term.
        """
        found = self._vectors.get(configuration)
        if found is None:
            solver = configuration.solver
            found = np.zeros(self.count)
            own = self._spaces[solver].own(configuration.values)
            found[self._parts[solver]] = self._features[solver].vector(self._defaults[solver] | own)
            if number := list(self._spaces).index(solver):
                found[number - 1] = 1.0
            self._vectors[configuration] = found
        return found

    def best(self, effects: Floats, generator: random.Random) -> Configuration:
        """Return the configuration of any solver that is best under these effects, shape (count,)."""
        bests = [self.best_of(solver, effects, generator) for solver in self._spaces]
        return min(bests, key=lambda configuration: float(self.vector(configuration) @ effects))

    def best_of(self, solver: str, effects: Floats, generator: random.Random) -> Configuration:
        """Return the configuration of one solver that is best under these effects, shape (count,)."""
        space = self._spaces[solver]
        values = self._features[solver].best(effects[self._parts[solver]], generator)
        return space.configuration({name: tidy(space[name].domain, values[name]) for name in values})

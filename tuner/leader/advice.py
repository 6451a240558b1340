"""Which configurations are expected to help on some models, by how much, before anything was executed on them.

The gain of a configuration is the sum of the effects of its changes (`tuner.leader.knowledge`), plus what does not add
up. Families also differ in how much they respond to anything, so an expectation is uncertain in proportion to its size.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from storage.records import Configuration, Value
from tuner.leader.features import Features, Floats
from tuner.leader.knowledge import MISFIT, Belief, Knowledge, Like
from tuner.leader.study import distributions, tidy
from tuner.space import Space

SENSITIVITY = 0.4
"""Standard deviation of the factor by which a family responds more or less than others, to any change."""
COVERED = 0.8
"""Of the intervals."""
UNLIKE = 0.4
"""With no known family as alike as this, nothing is known. Of the seventeen recorded families, each left out of the
others, ten have one that is alike by 0.43 to 0.66, and the others none above 0.34. Random models stay below 0.4; models
of a known family at twice the size are above 0.7."""
SKILLED = 0.4
"""With less rank correlation on families that were left out, what is known is no better than nothing."""
FEW = 4
"""How many configurations are advised, at most."""
STEPS = (1, 3)
"""Changes of those that are advised to who wants to change little: the best with no more."""
DRAWS = 400
"""From the belief, by which configurations are compared."""
OFFERS = 60
"""How many of them propose the configuration that is best under them."""
WORTH, MOST = 0.03, 8
"""A proposal has only changes that are expected to gain more than this of the logarithm of the time, and no more than
this many: on families that were left out, nothing was gained by more ..."""
JITTER = 1e-9
"""Variance that keeps roots of covariances real."""
GAINS = 0.02
"""... and a configuration is advised only when it gains more than this, beyond those that were advised before it."""


@dataclass(frozen=True)
class Change:
    """One parameter that differs from the default."""

    name: str
    value: Value
    default: Value
    share: float
    """The part of the whole expected effect."""


@dataclass(frozen=True)
class Advice:
    """A configuration that is expected to help."""

    configuration: Configuration
    changes: tuple[Change, ...]
    """The one that helps most first."""
    effect: float
    """Expected, on the logarithm of the time; negative saves time."""
    deviation: float

    @property
    def ratio(self) -> float:
        """The expected time as a part of the default's (the median)."""
        return math.exp(self.effect)

    @property
    def interval(self) -> tuple[float, float]:
        """Of the ratio; it holds the truth in `COVERED` of cases."""
        reach = NormalDist().inv_cdf(0.5 + COVERED / 2) * self.deviation
        return math.exp(self.effect - reach), math.exp(self.effect + reach)


def is_near(like: Like) -> bool:
    """Whether models resemble a known family enough for advice."""
    return like.likeness >= UNLIKE


def expected(belief: Belief, x: Floats) -> tuple[Floats, Floats]:
    """Return the expected effects of configurations on the logarithm of the time, and their covariance.

    What does not add up (`MISFIT`) is not in it.

    Args:
        belief: about the effects of features.
        x: configurations, shape (n, features).

    """
    mean = x @ belief.mean
    return mean, x @ belief.covariance @ x.T + SENSITIVITY**2 * np.outer(mean, mean)


class Adviser:
    """Finds configurations of a space for models of which something is known."""

    def __init__(self, space: Space, knowledge: Knowledge, models: Sequence[Mapping[str, float]]) -> None:
        """Take a solver's space, what is known of it, and the features of the models at hand."""
        self._space, self._calibration = space, knowledge.calibration
        self._defaults = {parameter.name: parameter.default for parameter in space.parameters}
        self._features = Features(distributions(space), self._defaults)
        self._belief = knowledge.belief(models).on(self._features)
        near = [like.family for like in knowledge.like(models) if is_near(like)]
        self._floor = min((family.best for family in near), default=-math.inf)
        """No more is expected than was measured on families like these: effects do not add up for ever."""

    def advise(self, seed: int = 0) -> list[Advice]:
        """Return a few configurations, unlike each other, that are expected to help; those with fewest changes first.

        The best of one change is among them, the best of three, and the one that is expected to help most; one more is
        there if it shares less than half of its changes with each of those and adds to what is expected of the best.
        """
        found = self._proposals(seed)
        if not found:
            return []
        mean, covariance = expected(self._belief, np.array([self._vector(configuration) for configuration in found]))
        drawn = self._drawn(mean, covariance, seed)
        helps = mean < -GAINS
        best_of = {count: self._best_of(found, mean, count) for count in (*STEPS, MOST)}
        chosen = list(dict.fromkeys(place for place in best_of.values() if place is not None and helps[place]))
        while chosen and len(chosen) < FEW:
            best = drawn[:, chosen].min(axis=1, keepdims=True)
            apart = [all(_apart(one, found[place]) for place in chosen) for one in found]
            gains = np.where(helps & apart, (best - np.minimum(best, drawn)).mean(axis=0), 0.0)
            place = int(np.argmax(gains))
            if gains[place] <= GAINS:
                break
            chosen.append(place)
        deviation = np.sqrt(np.diag(covariance) + MISFIT**2)
        advised = [self._advice(found[place], float(mean[place]), float(deviation[place])) for place in chosen]
        return sorted(advised, key=lambda advice: (len(advice.changes), -advice.effect))

    def _best_of(self, found: Sequence[Configuration], mean: Floats, most: int) -> int | None:
        """Return the place of the configuration with no more changes than this that is expected to help most."""
        small = [place for place, configuration in enumerate(found) if len(configuration.values) <= most]
        return min(small, key=lambda place: mean[place], default=None)

    def _proposals(self, seed: int) -> list[Configuration]:
        """Return configurations: of one change, of the best few changes, and of what is best under draws of effects."""
        generator, numpy = random.Random(seed), np.random.default_rng(seed)
        root = np.linalg.cholesky(self._belief.covariance + JITTER * np.eye(self._features.count))
        found: dict[Configuration, None] = {}
        best = self._ranked(self._features.best(self._belief.mean, generator))
        for count in range(1, len(best) + 1):
            self._add(found, dict(best[:count]))
        for name, value in best:
            self._add(found, {name: value})
        for _ in range(OFFERS):
            effects = self._belief.mean + root @ numpy.standard_normal(self._features.count)
            self._add(found, dict(self._ranked(self._features.best(effects, generator))))
        return list(found)

    def _ranked(self, values: Mapping[str, Value]) -> list[tuple[str, Value]]:
        """Return the changes among values that are worth it, the best first."""
        effects = self._effects(values)
        worth = sorted((name for name in values if effects[name] < -WORTH), key=lambda name: effects[name])
        return [(name, values[name]) for name in worth[:MOST]]

    def _add(self, found: dict[Configuration, None], values: Mapping[str, Value]) -> None:
        tidied = {name: tidy(self._space[name].domain, value) for name, value in values.items()}
        configuration = self._space.configuration(tidied)
        if configuration != self._space.default and not self._space.forbids(configuration.values):
            found[configuration] = None

    def _effects(self, values: Mapping[str, Value]) -> dict[str, float]:
        """Return the expected effect of each parameter's value."""
        axes = zip(self._features.axes, self._features.parts, strict=True)
        return {
            axis.name: float(axis.vector(values[axis.name]) @ self._belief.mean[part])
            for axis, part in axes
            if axis.name in values
        }

    def _drawn(self, mean: Floats, covariance: Floats, seed: int) -> Floats:
        """Return draws of configurations' effects, shape (`DRAWS`, configurations)."""
        root = np.linalg.cholesky(covariance + JITTER * np.eye(len(mean)))
        return np.asarray(mean + np.random.default_rng(seed).standard_normal((DRAWS, len(mean))) @ root.T)

    def _vector(self, configuration: Configuration) -> Floats:
        return self._features.vector(self._defaults | configuration.values)

    def _advice(self, configuration: Configuration, effect: float, deviation: float) -> Advice:
        effects = self._effects(configuration.values)
        changes = [
            Change(name, value, self._defaults[name], effects[name] / effect)
            for name, value in configuration.values.items()
        ]
        ranked = tuple(sorted(changes, key=lambda change: -change.share))
        return Advice(configuration, ranked, max(effect, self._floor), self._calibration * deviation)


def _apart(one: Configuration, other: Configuration) -> bool:
    """Whether fewer than half of the parameters that either changes are changed by both."""
    changed, others = set(one.values), set(other.values)
    return len(changed & others) < len(changed | others) / 2

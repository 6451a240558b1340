"""Beliefs about every configuration, from the prior and all responses together.

The score of configuration c on instance i is ``level(i) + (1 + share(i)) * worth(c)`` plus noise. The worth is the sum
of the effects of all changes to the default, whose prior comes from other families (`tuner.leader.prior`), plus a rest
for everything that does not add up, which configurations share as far as they make the same changes. Levels and shares
of instances are unknown. An instance that the default solves in less than the shift shows little of any worth. All
unknowns are taken to be normal, so beliefs are one regression, linearised where share and worth are multiplied; capped
runs are censored responses.

In contrast to `tuner.leader.additive`, the default is a configuration like any other and need not have been executed
where the others were: comparisons are possible from the second run on. The time grows with the cube of the responses.
Beliefs follow from the responses alone, in any order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tuner.leader.features import Floats
from tuner.leader.items import FAR, HAZARDS, PLACES

Places = NDArray[np.intp]

REST = 0.2
"""Standard deviation of the part of a configuration's worth that no sum of effects explains, as a rule."""
NOISE, WEIGHT = 0.3, 12.0
"""Standard deviation of a score's noise before anything is seen, and as how many responses that counts."""
SHARED = 0.85
"""The correlation of the rests of configurations that make the same changes; of those with none in common it is 0."""
LEVELS, INSTANCES = 0.8, 4.0
"""Standard deviation of instances' levels before any is seen, and as how many instances that counts."""
COMMON = 5.0
"""Standard deviation of their mean, of which nothing is known."""
SHARES = 0.4
"""Standard deviation of shares."""
LEAST = 0.05
"""No instance shows less than this part of a worth."""
ROUNDS = 4
"""How often shares and capped runs are looked at again in the light of what is then believed."""


class Seen(NamedTuple):
    """A response."""

    owner: int
    """The configuration, by its number."""
    instance: int
    score: float
    """log(shift + cost)."""
    is_capped: bool
    """Whether the score is a lower bound."""


class Foreseen(NamedTuple):
    """How n runs would move beliefs about ``count`` configurations."""

    own: Floats
    """Covariances of the worth of all with that of the runs' own, as far as it shows in the score; (count, n)."""
    rest: Floats
    """Those with everything else in the score; shape (count, n)."""
    variance: Floats
    """Variances of the first part of the score, shape (n,)."""
    among: Floats
    """What the second adds to the score's variance, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Means and covariance of the worth of ``count`` configurations, the levels of all instances, and their shares."""

    count: int
    mean: Floats
    """Shape (count + 2 * instances,); a negative worth is better than the default's."""
    covariance: Floats
    noise: float
    """Standard deviation of a score."""
    shift: float
    """The scores' own."""
    effects: Floats
    """Mean, shape (features,)."""
    open_: Floats
    """The effects' covariance, shape (features, features)."""
    levels: float
    """Standard deviation of the instances' levels."""

    @property
    def root(self) -> Floats:
        """A square root of the effects' covariance: its product with its transpose is that."""
        values, vectors = np.linalg.eigh(self.open_)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))

    def after(self, runs: Sequence[tuple[int, int]]) -> Beliefs:
        """Return what will be believed once runs, of (owner, instance), have ended, whatever they tell: means stay."""
        if not runs:
            return self
        owner, instance = np.array(runs).T
        design = _design(owner, instance, self.count, self.mean, self.shift)
        crossed = design.crossed(self.covariance)
        told = np.linalg.solve(design.among(crossed) + self.noise**2 * np.eye(len(runs)), crossed.T)
        return replace(self, covariance=self.covariance - crossed @ told)

    @property
    def worth(self) -> Floats:
        """Means of the worth, shape (count,)."""
        return self.mean[: self.count]

    def expected(self, owner: Places, instance: Places) -> Floats:
        """Return the expected scores of configurations on instances, all of shape (n,)."""
        return _design(owner, instance, self.count, self.mean, self.shift).predicted(self.mean)

    def foreseen(self, owner: Places, instance: Places) -> Foreseen:
        """Return how runs of configurations on instances, of shape (n,), would move beliefs.

        A run's score has two parts: the configuration's worth, and everything else.
        """
        design = _design(owner, instance, self.count, self.mean, self.shift)
        factor, level, share, weight = design.factor, design.level, design.share, design.weight
        covariance = self.covariance
        own = factor * covariance[: self.count, owner]
        rest = covariance[: self.count, level] + weight * covariance[: self.count, share]
        variance = factor**2 * covariance[owner, owner]
        among = covariance[level, level] + weight**2 * covariance[share, share] + 2 * weight * covariance[level, share]
        cross = 2 * factor * (covariance[owner, level] + weight * covariance[owner, share])
        return Foreseen(own, rest, variance, among + cross + self.noise**2)

    def compared(self, owner: Places, instance: Places, other: int) -> Foreseen:
        """Return the same of the differences between the scores of configurations and of another one's."""
        one = _design(owner, instance, self.count, self.mean, self.shift)
        two = _design(np.full_like(owner, other), instance, self.count, self.mean, self.shift)
        factor, share, weight = one.factor, one.share, one.weight - two.weight
        covariance = self.covariance
        apart = covariance[:, owner] - covariance[:, [other]]
        runs = np.arange(len(owner))
        own = factor * apart[: self.count]
        rest = weight * covariance[: self.count, share]
        variance = factor**2 * (apart[owner, runs] - apart[other])
        cross = 2 * factor * weight * apart[share, runs]
        return Foreseen(own, rest, variance, weight**2 * covariance[share, share] + cross + 2 * self.noise**2)


@dataclass(frozen=True, slots=True)
class _Design:
    """The unknowns that make up scores, all of shape (n,): worth times factor, level, and share times weight."""

    owner: Places
    factor: Floats
    level: Places
    share: Places
    weight: Floats

    def predicted(self, mean: Floats) -> Floats:
        """Return the scores at the mean at which it was linearised."""
        return mean[self.level] + self.factor * mean[self.owner]

    def linear(self, mean: Floats) -> Floats:
        """Return the scores at another mean, as the linearisation has them, up to a constant."""
        return mean[self.level] + self.factor * mean[self.owner] + self.weight * mean[self.share]

    def crossed(self, covariance: Floats) -> Floats:
        """Return the covariance of all unknowns with the scores, shape (unknowns, n)."""
        own, level, share = covariance[:, self.owner], covariance[:, self.level], covariance[:, self.share]
        return self.factor * own + level + self.weight * share

    def among(self, crossed: Floats) -> Floats:
        """Return the covariance of the scores, shape (n, n)."""
        own, level, share = crossed[self.owner], crossed[self.level], crossed[self.share]
        return self.factor[:, None] * own + level + self.weight[:, None] * share


def _design(owner: Places, instance: Places, count: int, mean: Floats, shift: float) -> _Design:
    """Linearise at a mean."""
    level = count + instance
    share = level + (len(mean) - count) // 2
    shown = np.maximum(1.0 - shift * np.exp(-mean[level]), LEAST)
    return _Design(owner, shown * np.maximum(1.0 + mean[share], LEAST), level, share, shown * mean[owner])


class Believer:
    """Makes beliefs of responses."""

    def __init__(self, expected: Floats, deviation: Floats, shift: float, others: int = 0) -> None:
        """Expect effects of these means and standard deviations, each of shape (features,); scores have this shift.

        The first ``others`` features say which solver it is: they are no change that configurations have in common.
        """
        self._expected, self._variance, self._shift, self._others = expected, deviation**2, shift, others

    def believe(
        self,
        x: Floats,
        rest: Floats,
        instances: int,
        seen: Sequence[Seen],
        start: Beliefs | None = None,
    ) -> Beliefs:
        """Return what is believed after some responses.

        Args:
            x: features of the configurations, shape (count, features).
            rest: standard deviations of what no sum of effects explains of their worth, shape (count,); 0 for defaults.
            instances: how many there are, those of which nothing is known included.
            seen: responses of them.
            start: beliefs given the same responses, about fewer configurations, the first of these: so nothing has to
                be looked at again.

        """
        count = len(x)
        size = count + 2 * instances
        mean, prior = np.zeros(size), np.zeros((size, size))
        scaled = x * self._variance
        levels, shares = slice(count, count + instances), slice(count + instances, size)
        prior[:count, :count] = scaled @ x.T + np.outer(rest, rest) * _alike(x[:, self._others :])
        own_level = LEVELS**2 if start is None else start.levels**2
        prior[levels, levels] = own_level * np.eye(instances) + COMMON**2
        prior[shares, shares] = SHARES**2 * np.eye(instances)
        mean[:count] = x @ self._expected
        mean[levels] = np.mean([each.score for each in seen]) if seen else 0.0
        found, covariance, noise = mean, prior, NOISE
        effects, open_ = self._expected, np.diag(self._variance)
        if start is not None:
            found, noise = mean.copy(), start.noise
            found[: start.count], found[count:] = start.worth, start.mean[start.count :]
        if seen:
            owner, instance, score, is_capped = map(np.array, zip(*seen, strict=True))
            for number in range(ROUNDS if start is None else 1):
                design = _design(owner, instance, count, found, self._shift)
                at = design.predicted(found)
                completed, variance = _completed(score, is_capped, at if number or start else score, noise)
                crossed = design.crossed(prior)
                away = completed - design.linear(mean) + design.weight * found[design.share]
                inverse = np.linalg.inv(design.among(crossed) + np.diag(variance))
                found, covariance = mean + crossed @ (inverse @ away), prior - crossed @ inverse @ crossed.T
                if start is None:
                    noise = _noise(design, score, found, covariance, ~is_capped)
                    if number < ROUNDS - 1:
                        own_level = _spread(found[levels], covariance[levels, levels], np.unique(instance))
                        prior[levels, levels] = own_level * np.eye(instances) + COMMON**2
            across = scaled[owner].T * design.factor
            effects = effects + across @ (inverse @ away)
            open_ = open_ - across @ inverse @ across.T
        return Beliefs(count, found, covariance, noise, self._shift, effects, open_, math.sqrt(own_level))


def _alike(x: Floats) -> Floats:
    """Return the correlations of what does not add up, from the configurations' features; shape (count, count).

    What a set of changes does together, others that make most of these changes do, too, and those that make opposite
    ones the opposite.
    """
    length = np.sqrt((x**2).sum(axis=1))
    unit = x / np.where(length > 0, length, 1.0)[:, None]
    alike = SHARED * unit @ unit.T
    np.fill_diagonal(alike, 1.0)
    return np.asarray(alike)


def _spread(level: Floats, covariance: Floats, seen: Places) -> float:
    """Return the variance of levels that those of the instances seen show, drawn towards what is usual."""
    own, open_ = level[seen], covariance[np.ix_(seen, seen)]
    count = len(seen)
    unsure = float(np.trace(open_) - open_.sum() / count)  # of the levels around their mean
    squares = float(((own - own.mean()) ** 2).sum()) + unsure
    return (INSTANCES * LEVELS**2 + squares) / (INSTANCES + count - 1)


def _noise(design: _Design, score: Floats, found: Floats, covariance: Floats, exact: NDArray[np.bool_]) -> float:
    """Return the noise that the exact responses show, drawn towards what is usual."""
    rest = (score - design.predicted(found))[exact]
    unsure = np.diag(design.among(design.crossed(covariance)))[exact]
    return float(np.sqrt((WEIGHT * NOISE**2 + (rest**2 + unsure).sum()) / (WEIGHT + exact.sum())))


def _completed(score: Floats, is_capped: NDArray[np.bool_], at: Floats, noise: float) -> tuple[Floats, Floats]:
    """Return scores and variances that say what the capped ones say, near what is expected of them (see `items`)."""
    told, variance = score.astype(float), np.full(len(score), noise**2)
    if is_capped.any():
        z = np.clip((score - at)[is_capped] / noise, -FAR, FAR)
        hazard = np.interp(z, PLACES, HAZARDS)
        told[is_capped] += noise * (1.0 / (hazard - z) - z)
        variance[is_capped] /= np.maximum(hazard * (hazard - z), 1e-6)
    return told, variance

"""What is known of the effects of a solver's parameters from families of models, and what it says of other models.

What helps on packing does not help on networks. So the effects of each family are taken as a draw from a Gaussian
process over portraits of models (`tuner.leader.likeness`): an effect on family f is the mean over all families plus its
deviation times u(f), where u has variance 1 and the correlation of two families is `COMMON` times their likeness.
Means and deviations are estimated from all families together (empirical Bayes, by expectation maximisation; Efron and
Morris 1975; the process is a multi-task one with a kernel over tasks: Bonilla, Agakov and Williams 2007). Models that
resemble a known family get its effects; for models that resemble none, what remains is the mean and the deviation of an
effect over families.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from tuner.leader.features import Features, Floats
from tuner.leader.likeness import Portrait, likeness, portrait
from tuner.leader.prior import NOTHING, SCATTER, USUAL, Prior

WEIGHT = 2.0
"""As how many families the `USUAL` deviation, and as twice how many the mean 0, counts against those that were seen."""
COMMON = 0.9
"""Correlation of the effects on two sets of models whose portraits are the same: models differ in more than that."""
MISFIT = 0.1
"""Standard deviation of what does not add up."""
LARGEST = 2.0
"""Differences of mean scores beyond this are told apart no more: an unsolved run counts ten cutoffs, however long it
would have taken."""
ROUNDS = 30
"""Of expectation maximisation."""
AGAIN = 3
"""Rounds when families join others whose means and deviations are known."""


@dataclass(frozen=True, eq=False)
class Family:
    """Models that belong together, and what their responses say of a solver's parameters."""

    name: str
    title: str
    """For people; what kind of models these are."""
    portrait: Portrait | None
    """None where nothing is known of its models."""
    models: int
    configurations: int
    runs: int
    """How many runs all of it rests on."""
    best: float
    """The least mean score less the default's that a configuration was seen with."""
    precision: Floats = field(repr=False)
    """X'WX of the regression of scores less the default's on features, shape (features, features) ..."""
    moment: Floats = field(repr=False)
    """... and X'Wy, shape (features,)."""

    @classmethod
    def of(
        cls,
        name: str,
        title: str,
        models: Iterable[Mapping[str, float]],
        x: Floats,
        y: Floats,
        instances: Floats,
    ) -> Family:
        """Return a family by its responses.

        Args:
            name: of the family.
            title: what kind of models these are.
            models: their features, of each.
            x: configurations, shape (n, features).
            y: their mean scores less the default's, shape (n,).
            instances: how many instances each mean rests on, shape (n,).

        """
        known = list(models)
        y = np.clip(y, -LARGEST, LARGEST)
        weights = 1.0 / (MISFIT**2 + SCATTER**2 / instances)
        return cls(
            name,
            title,
            portrait(known),
            len(known),
            len(y),
            round(float(instances.sum())),
            round(float(y.min()), 4),
            (x.T * weights) @ x,
            x.T @ (weights * y),
        )


@dataclass(frozen=True, eq=False)
class Like:
    """A known family and how alike the models at hand are to it."""

    family: Family
    likeness: float
    """From 0 to 1."""


@dataclass(frozen=True, eq=False)
class Belief:
    """What is expected of effects on some models."""

    labels: Sequence[str]
    mean: Floats
    """Shape (features,)."""
    covariance: Floats
    """Shape (features, features)."""

    def on(self, features: Features) -> Belief:
        """Return the same about the features of a space; what it does not know is 0 give or take `USUAL`."""
        places = {label: place for place, label in enumerate(self.labels)}
        found = [(here, places[label]) for here, label in enumerate(features.labels) if label in places]
        mean, covariance = np.zeros(features.count), np.eye(features.count) * USUAL**2
        if found:
            here, there = map(list, zip(*found, strict=True))
            mean[here], covariance[np.ix_(here, here)] = self.mean[there], self.covariance[np.ix_(there, there)]
        return Belief(features.labels, mean, covariance)

    @property
    def prior(self) -> Prior:
        """The means and deviations alone."""
        deviation = np.sqrt(np.diag(self.covariance))
        return Prior(
            {label: round(float(value), 4) for label, value in zip(self.labels, self.mean, strict=True)},
            {label: round(float(value), 4) for label, value in zip(self.labels, deviation, strict=True)},
        )


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What families of models say of a solver's parameters."""

    labels: tuple[str, ...]
    """Of features (`tuner.leader.features`)."""
    families: tuple[Family, ...] = ()
    mean: Floats = field(default_factory=lambda: np.zeros(0), repr=False)
    """Of each effect over families, shape (features,) ..."""
    deviation: Floats = field(default_factory=lambda: np.zeros(0), repr=False)
    """... and its standard deviation."""
    calibration: float = 1.0
    """Multiple of a prediction's standard deviation that made intervals hold on families that were left out."""
    skill: float = 0.0
    """Rank correlation of expected and measured effects of configurations on families that were left out; 0 where it is
    not known."""

    @classmethod
    def learnt(cls, labels: Sequence[str], families: Iterable[Family]) -> Knowledge:
        """Return what families teach whose precisions and moments are in terms of these features."""
        nothing = cls(tuple(labels), (), np.zeros(len(labels)), np.full(len(labels), USUAL))
        return nothing._joined(tuple(families), ROUNDS)

    def joined(self, labels: Sequence[str], families: Iterable[Family]) -> Knowledge:
        """Return this with more families, whose precisions and moments are in terms of ``labels``."""
        union = tuple(dict.fromkeys((*self.labels, *labels)))
        more = tuple(_laid_out(family, labels, union) for family in families)
        if not more:
            return self
        mean, deviation = np.zeros(len(union)), np.full(len(union), USUAL)
        mean[: len(self.labels)], deviation[: len(self.labels)] = self.mean, self.deviation
        old = tuple(_laid_out(family, self.labels, union) for family in self.families)
        known = replace(self, labels=union, families=old, mean=mean, deviation=deviation)
        return known._joined(more, AGAIN if self.families else ROUNDS)

    def like(self, models: Iterable[Mapping[str, float]]) -> list[Like]:
        """Return the known families with their likeness to models, given by their features; the most alike first."""
        own = portrait(models)
        found = [Like(family, likeness(family.portrait, own)) for family in self.families]
        return sorted(found, key=lambda like: -like.likeness)

    def belief(self, models: Iterable[Mapping[str, float]]) -> Belief:
        """Return what is expected of effects on models, given by their features.

        For models that resemble no known family, that is the mean and deviation over families.
        """
        count, size = len(self.families), len(self.labels)
        if not count:
            return Belief(self.labels, self.mean, np.diag(self.deviation**2))
        inverse, effects, covariance = self._posterior
        own = portrait(models)
        crossed = COMMON * np.array([likeness(family.portrait, own) for family in self.families])
        weights = inverse @ crossed
        mean = self.mean + weights @ (effects - self.mean)
        unknown = np.einsum("f,fpgq,g->pq", weights, covariance.reshape(count, size, count, size), weights)
        left = 1 - crossed @ weights + (1 - weights.sum()) ** 2 / inverse.sum()
        return Belief(self.labels, mean, unknown + np.diag(self.deviation**2 * left))

    def prior(self, models: Iterable[Mapping[str, float]]) -> Prior:
        """Return the mean and deviation of effects on models, given by their features; `NOTHING` from no family."""
        return self.belief(models).prior if self.families else NOTHING

    @cached_property
    def _posterior(self) -> tuple[Floats, Floats, Floats]:
        """Inverse correlations of families; means of their effects, (families, features); covariance of all of them."""
        inverse = _inverse(self.families)
        return inverse, *_effects(self.families, inverse, self.mean, self.deviation**2)

    def _joined(self, more: tuple[Family, ...], rounds: int) -> Knowledge:
        """Return this with more families in terms of the same features."""
        families = (*self.families, *more)
        if not families:
            return self
        mean, variance = self.mean, self.deviation**2
        count, size = len(families), len(self.labels)
        inverse = _inverse(families)
        every = np.arange(size)
        for _ in range(rounds):
            effects, covariance = _effects(families, inverse, mean, variance)
            mean = inverse.sum(axis=0) @ effects / (WEIGHT / 2 + inverse.sum())
            away = effects - mean
            own = covariance.reshape(count, size, count, size)[:, every, :, every]  # (features, families, families)
            squares = np.einsum("fg,fp,gp->p", inverse, away, away) + np.einsum("fg,pfg->p", inverse, own)
            variance = (WEIGHT * USUAL**2 + squares) / (WEIGHT + count)
        return replace(self, families=families, mean=mean, deviation=np.sqrt(variance))


def _inverse(families: Sequence[Family]) -> Floats:
    """Return the inverse of the correlations of families' deviations from the mean, shape (families, families)."""
    portraits = [family.portrait for family in families]
    found = COMMON * np.array([[likeness(one, other) for one in portraits] for other in portraits])
    np.fill_diagonal(found, 1.0)
    return np.asarray(np.linalg.inv(found), dtype=np.float64)


def _effects(families: Sequence[Family], inverse: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return the posterior mean of families' effects, (families, features), and the covariance of all of them."""
    count, size = len(families), len(mean)
    before = np.kron(inverse, np.diag(1.0 / variance))
    precision = before.copy()
    for place, family in enumerate(families):
        part = slice(place * size, (place + 1) * size)
        precision[part, part] += family.precision
    moment = np.concatenate([family.moment for family in families]) + before @ np.tile(mean, count)
    covariance = np.linalg.inv(precision)
    return (covariance @ moment).reshape(count, size), covariance


def _laid_out(family: Family, labels: Sequence[str], union: Sequence[str]) -> Family:
    """Return a family in terms of more features, of which it says nothing."""
    if tuple(labels) == tuple(union):
        return family
    places = [union.index(label) for label in labels]
    precision, moment = np.zeros((len(union), len(union))), np.zeros(len(union))
    precision[np.ix_(places, places)], moment[places] = family.precision, family.moment
    return replace(family, precision=precision, moment=moment)

"""A sampler for parameters whose effects mostly add up, as those of MILP solvers on the logarithm of the time do.

Bayesian linear regression of scores on what differs from the default. Its prior is what other families of models showed
(`prior`), its noise is what does not add up and what so few runs leave open. Each proposal draws the effects from their
posterior, a little cooled, and takes the best value of every parameter under them (Thompson 1933): what surely helps is
in all proposals, what may help in some.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from tuner.leader.features import Features, Floats
from tuner.leader.prior import NOTHING, SCATTER, Prior

SCALES = (0.25, 0.5, 1.0, 2.0)
"""Multiples of the prior's standard deviations, of which the likeliest is taken ..."""
MISFITS = (0.05, 0.1, 0.2)
"""... and standard deviations of what does not add up."""
SETTLED = 1.2
"""Both are chosen again when so many times as many configurations are known."""
SAMPLE = 300
"""... by so many of them, the latest: more would take long."""
HEAT = 0.6
"""Times the posterior's deviation that effects are drawn with: less than 1 looks sooner at what promises most."""
LUCK = 0.1
"""Standard deviation of what the default's own runs were luckier than usual, which all points share."""
OUTSIDE = 1.0
"""The mean of a configuration that gave a response outside C, and the worst of any other."""


@dataclass(frozen=True, slots=True)
class Point:
    """A configuration and what is known of it."""

    x: Floats
    """Its features, from `AdditiveSampler.features`."""
    mean: float
    """Its mean score less the default's."""
    error: float
    """Its standard error, given the configuration."""
    feasible: bool = True
    """Whether no response of it was outside C."""


class AdditiveSampler(optuna.samplers.BaseSampler):
    """An Optuna sampler for one objective, to be minimised, with the value 0 at the default.

    The race hands its points to `learn` and asks `propose`, which takes a few milliseconds; in an Optuna study of one's
    own, the points are the study's finished trials.
    """

    def __init__(
        self,
        distributions: Mapping[str, BaseDistribution],
        defaults: Mapping[str, Any],
        seed: int | None = None,
        prior: Prior = NOTHING,
    ) -> None:
        """Sample from these distributions.

        Args:
            distributions: by parameter.
            defaults: every parameter's value in the default.
            seed: of all randomness.
            prior: what to expect of the effects.

        """
        self._distributions = dict(distributions)
        self._features = Features(distributions, defaults)
        self._random = random.Random(seed)
        self._numpy = np.random.default_rng(seed)
        self._expected, self._deviation = prior.on(self._features)
        self._settled = 0
        self._misfit, self._scale = MISFITS[1], 1.0
        self._mean, self._root = self._expected, np.diag(self._deviation)
        """Posterior of the effects: its mean, and a matrix whose product with its transpose is its covariance."""

    def features(self, params: Mapping[str, Any]) -> Floats:
        """Return the features of a configuration with a value for every parameter."""
        return self._features.vector(params)

    def learn(self, points: Sequence[Point]) -> None:
        """Take what is known now in place of what was known before."""
        if points:
            self._mean, self._root = self._posterior(points)

    def expect(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of what configurations with features ``x``, shape (n, features), are worth."""
        return x @ self._mean, self._misfit**2 + ((x @ self._root) ** 2).sum(axis=1)

    def propose(self) -> dict[str, Any]:
        """Return the values of every parameter of a promising configuration."""
        effects = self._mean + HEAT * self._root @ self._numpy.standard_normal(self._root.shape[1])
        return self._features.best(effects, self._random)

    def reseed_rng(self) -> None:
        """Draw other random numbers from now on."""
        self._random.seed()
        self._numpy = np.random.default_rng()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return all distributions."""
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a proposal made of what the study's finished trials show."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        self.learn(
            [
                Point(self.features(t.params), t.value, SCATTER, all(value <= 0 for value in t.constraints.values()))
                for t in finished
                if t.value is not None and self._distributions.keys() <= t.params.keys()
            ]
        )
        return self.propose()

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value drawn uniformly: only parameters that are not of the space get here."""
        return optuna.samplers.RandomSampler(self._random.randrange(2**31)).sample_independent(
            study, trial, param_name, param_distribution
        )

    def _posterior(self, points: Sequence[Point]) -> tuple[Floats, Floats]:
        """Return the effects' mean, shape (features,), and a square root of their covariance, (features, features + 1).

        The last column of ``x`` says whether a point is not the default: its effect is how lucky the default was.
        """
        changes = np.array([point.x for point in points])
        x = np.column_stack((changes, changes.any(axis=1)))
        y = np.array([min(point.mean, OUTSIDE) if point.feasible else OUTSIDE for point in points])
        rest = y - changes @ self._expected
        open_ = np.array([point.error for point in points]) ** 2
        if len(points) > SETTLED * self._settled:
            self._settled = len(points)
            latest = slice(-SAMPLE, None)
            self._settle(x[latest], rest[latest], open_[latest])
        noise = self._misfit**2 + open_
        deviation = np.append(self._scale * self._deviation, LUCK)
        weighted = (x * deviation).T / noise
        values, vectors = np.linalg.eigh(weighted @ (x * deviation) + np.eye(len(deviation)))
        whitened = vectors / np.sqrt(values)
        root = (deviation[:, None] * whitened)[:-1]
        return self._expected + root @ (whitened.T @ (weighted @ rest)), root

    def _settle(self, x: Floats, rest: Floats, open_: Floats) -> None:
        """Choose scale and misfit by the likelihood of what was seen, the effects integrated out."""
        effects, shared = x[:, :-1], LUCK**2 * np.outer(x[:, -1], x[:, -1])
        kernel = (effects * self._deviation**2) @ effects.T
        best = -math.inf
        for misfit in MISFITS:
            noise = np.diag(misfit**2 + open_)
            for scale in SCALES:
                lower = np.linalg.cholesky(scale**2 * kernel + shared + noise)
                half = np.linalg.solve(lower, rest)
                likelihood = -0.5 * float(half @ half) - float(np.log(np.diag(lower)).sum())
                if likelihood > best:
                    best, self._misfit, self._scale = likelihood, misfit, scale

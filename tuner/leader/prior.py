"""What other jobs' responses let one expect of a parameter's effect, before this job has executed anything.

The effects of a solver's parameters differ from one family of models to the next, yet not by everything: what made four
families faster is worth trying first on the fifth. The families' effects are taken as draws from one normal
distribution per feature, whose mean and deviation are estimated from all of them together (empirical Bayes, by
expectation maximisation; Efron and Morris 1975). Where families disagree, the deviation is large and the race decides.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from tuner.leader.features import Features, Floats

USUAL = 0.12
"""Standard deviation of an effect where nothing is known ..."""
WEIGHT = 2.0
"""... and as how many families that counts against those that were seen."""
MISFIT = 0.1
"""Standard deviation of what does not add up."""
SCATTER = 0.4
"""Standard deviation of a configuration's score on one instance around its mean difference to the default."""
ROUNDS = 30
"""Of expectation maximisation."""


@dataclass(frozen=True)
class Prior:
    """Mean and standard deviation of effects on scores, by the feature's label."""

    mean: Mapping[str, float]
    deviation: Mapping[str, float]

    def on(self, features: Features) -> tuple[Floats, Floats]:
        """Return both for every feature, each of shape (count,); what the prior does not know is 0 and `USUAL`."""
        return (
            np.array([self.mean.get(label, 0.0) for label in features.labels]),
            np.array([self.deviation.get(label, USUAL) for label in features.labels]),
        )


NOTHING = Prior({}, {})
"""When nothing is known: no effect is expected."""


@cache
def shipped(solver: str) -> Prior | None:
    """Return the prior for a solver that comes with the package, or None; `bench.prior` makes it from recordings."""
    file = files("tuner.leader") / "priors" / f"{solver}.toml"
    if not file.is_file():
        return None
    effects = tomllib.loads(file.read_text(encoding="utf-8"))
    return Prior({k: mean for k, (mean, _) in effects.items()}, {k: sd for k, (_, sd) in effects.items()})


def learnt(features: Features, families: Iterable[tuple[Floats, Floats, Floats]], before: Prior = NOTHING) -> Prior:
    """Return the prior that some families' responses suggest.

    Args:
        features: the space's, in whose terms the configurations are given.
        families: for each, configurations (n, features), their mean scores less the default's (n,), and the number
            of instances that each of those rests on (n,).
        before: what was expected before they were seen; it counts as one family, its deviation as `WEIGHT`.

    """
    systems = []
    for x, y, runs in families:
        weights = 1.0 / (MISFIT**2 + SCATTER**2 / runs)
        systems.append(((x.T * weights) @ x, x.T @ (weights * y)))
    if not systems:
        return before
    expected, deviation = before.on(features)
    mean, variance = expected, deviation**2
    count = len(systems)
    for _ in range(ROUNDS):
        means, variances = _effects(systems, mean, variance)
        mean = (WEIGHT / 2 * expected + means.sum(axis=0)) / (WEIGHT / 2 + count)
        squares = ((means - mean) ** 2 + variances).sum(axis=0)
        variance = (WEIGHT * deviation**2 + squares) / (WEIGHT + count)
    spread = np.sqrt(variance * (1 + 1 / count) if before is NOTHING else variance)
    return Prior(
        {label: round(float(value), 4) for label, value in zip(features.labels, mean, strict=True)},
        {label: round(float(value), 4) for label, value in zip(features.labels, spread, strict=True)},
    )


def _effects(systems: Sequence[tuple[Floats, Floats]], mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return the posterior means and variances of every family's effects, each of shape (families, features)."""
    means, variances = [], []
    for precision, moment in systems:
        covariance = np.linalg.inv(precision + np.diag(1.0 / variance))
        means.append(covariance @ (moment + mean / variance))
        variances.append(np.diag(covariance))
    return np.array(means), np.array(variances)

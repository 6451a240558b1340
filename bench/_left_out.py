"""What is expected of a recorded family from the others, and how far that can be trusted: each is left out in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, fmean

import numpy as np

from bench._models import models_of
from bench._told import families, made, told
from tuner.leader.advice import COVERED, expected
from tuner.leader.features import Floats
from tuner.leader.knowledge import MISFIT, SCATTER, Knowledge

REACH = NormalDist().inv_cdf(0.5 + COVERED / 2)


@dataclass(frozen=True, eq=False)
class Case:
    """A family that was left out."""

    known: Knowledge
    mean: Floats
    """Expected of each recorded configuration but the default."""
    covariance: Floats
    """Of what is measured: with the noise of the recording."""
    measured: Floats

    @property
    def deviation(self) -> Floats:
        """Standard deviations of what is measured."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def rank(self) -> float:
        """Spearman's correlation of expected and measured effects."""
        return spearman(self.mean, self.measured)

    def held(self, times: float) -> float:
        """Return the part of the measured effects that lie in intervals so many times as wide."""
        return float(np.mean(np.abs(self.measured - self.mean) <= REACH * times * self.deviation))


@cache
def case(family: str, others: tuple[str, ...], solver: str) -> Case:
    """Return what other families let one expect of a family's recorded configurations, and what was measured."""
    found = told(family, solver)
    assert found is not None
    known = made(others, solver)
    mean, covariance = expected(known.belief(models_of(family)), found.x[1:])
    noise = MISFIT**2 + SCATTER**2 / found.instances
    return Case(known, mean, covariance + noise * np.eye(len(mean)), found.y[1:])


def each_left_out(names: Sequence[str], solver: str) -> list[Case]:
    """Return a case for each of these families, from the others."""
    return [case(name, tuple(other for other in names if other != name), solver) for name in names]


def calibration(cases: Sequence[Case]) -> float:
    """Return the least multiple of deviations with which intervals hold as often as they claim.

    Each family counts alike, however many configurations were recorded.
    """
    needed = [np.abs(each.measured - each.mean) / (REACH * each.deviation) for each in cases]
    weighted = sorted((float(value), 1 / len(values) / len(cases)) for values in needed for value in values)
    covered = np.cumsum([weight for _, weight in weighted])
    return float(round(weighted[int(np.argmax(covered >= COVERED))][0], 2))


def skill(cases: Sequence[Case]) -> float:
    """Return the mean rank correlation."""
    return round(fmean(each.rank for each in cases), 2)


def recorded(solver: str) -> list[str]:
    """Return the families that tell something of a solver."""
    return [name for name in families() if told(name, solver) is not None]


def spearman(one: Floats, other: Floats) -> float:
    """Return the rank correlation; ties are broken by order, of which measured numbers have few."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])

"""What other models' responses let one expect of parameters' effects, before this job has executed anything.

`tuner.leader.knowledge` makes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tuner.leader.features import Features, Floats

USUAL = 0.12
"""Standard deviation of an effect where nothing is known."""
SCATTER = 0.4
"""Standard deviation of a configuration's score on one instance around its mean difference to the default."""

TRANSFER, APART = 0.35, 0.5
"""How much of an effect on the time is one on the gap, and how far families are apart in that (`bench.transfer`)."""


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

    def for_gap(self) -> Prior:
        """Return what effects on the time let one expect of those on the gap at the cutoff."""
        deviation = {
            label: math.hypot(self.deviation.get(label, USUAL), APART * mean) for label, mean in self.mean.items()
        }
        mean = {label: TRANSFER * mean for label, mean in self.mean.items()}
        return Prior(mean, {**self.deviation, **deviation})

    def refined(self, by: Prior) -> Prior:
        """Return this with what another one has learnt beyond the usual; effects are taken to be independent."""
        mean, deviation = dict(self.mean), dict(self.deviation)
        for label, theirs in by.mean.items():
            told = 1.0 / by.deviation[label] ** 2 - 1.0 / USUAL**2
            if told > 0:
                own = 1.0 / self.deviation.get(label, USUAL) ** 2
                mean[label] = (own * mean.get(label, 0.0) + theirs / by.deviation[label] ** 2) / (own + told)
                deviation[label] = (own + told) ** -0.5
        return Prior(mean, deviation)


NOTHING = Prior({}, {})
"""When nothing is known: no effect is expected."""

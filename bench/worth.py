"""Which parameters earn their place in a space: what the recordings say of each on every family.

    python -m bench.worth                 HiGHS, all recorded families
    python -m bench.worth --solver scip

A parameter earns its place where, on two families or more, one of its values is faster by 3 % and beyond doubt: the
upper end of the effect's 90 % interval is below zero. Effects are on the logarithm of the seconds, by Bayesian
regression on each family alone, with nothing expected of any parameter beforehand; what several parameters do together
beyond the sum is not in them, so one that never helps here may still help with others: see ``bench.screen --base``.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench._told import Told, families, features_of, told
from storage.records import spell
from tuner.follower.solvers import SOLVERS, default_space
from tuner.leader.features import Features
from tuner.leader.prior import USUAL

ON_REQUEST = True
ENOUGH = 2
"""Families on which a parameter has to help."""
LEAST = 0.03
"""What a value has to gain on the logarithm of the seconds to count."""
ROUNDS = 10
"""In which the variance of what does not add up is estimated, from what the effects so far leave unexplained."""
SURE = 1.645
"""Standard deviations from the mean to the upper end of an interval that holds 90 %."""


@dataclass(frozen=True)
class Worth:
    """What the best value of a parameter does on one family."""

    value: Any
    mean: float
    """Of the logarithm of the seconds, less the default's."""
    deviation: float

    @property
    def helps(self) -> bool:
        """Whether it is faster by enough, and beyond doubt."""
        return self.mean < -LEAST and self.mean + SURE * self.deviation < 0


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.worth")
    parser.add_argument("--solver", choices=list(SOLVERS), default="highs")
    solver = parser.parse_args(words).solver
    features = features_of(solver)
    known = {family: one for family in families() if (one := told(family, solver)) is not None}
    if not known:
        print(f"nothing is recorded of {solver}")
        return
    worth = {family: dict(worths(features, one)) for family, one in known.items()}
    space = default_space(solver)
    width = max(len(parameter.name) for parameter in space.parameters)
    for parameter in space.parameters:
        by_family = {family: each[parameter.name] for family, each in worth.items() if parameter.name in each}
        helps = {family: each for family, each in by_family.items() if each.helps}
        verdict = "earns its place" if len(helps) >= ENOUGH else "one family" if helps else "never helps"
        verdict = verdict if by_family else "not recorded"
        best = ", ".join(
            f"{family} {spell(each.value)} {each.mean:+.2f} ± {each.deviation:.2f}"
            for family, each in sorted(helps.items(), key=lambda item: item[1].mean)
        )
        print(f"{parameter.name:{width}}  {len(helps)}/{len(by_family)}  {verdict:15}  {best}")


def worths(features: Features, known: Told) -> Iterator[tuple[str, Worth]]:
    """Yield the name of each parameter that was changed at all, and what its best value does."""
    x, y = known.x, known.y
    variance = float(np.var(y))
    for _ in range(ROUNDS):
        covariance = np.linalg.inv(x.T @ x / variance + np.eye(features.count) / USUAL**2)
        mean = covariance @ (x.T @ y) / variance
        used = float(np.trace(covariance @ x.T @ x)) / variance
        variance = float(((y - x @ mean) ** 2).sum()) / (len(y) - used)
    generator = random.Random(0)
    for axis, part in zip(features.axes, features.parts, strict=True):
        if not x[:, part].any():
            continue
        values, rows = axis.offers(generator)
        effects = rows @ mean[part]
        deviations = np.sqrt(np.einsum("vi,ij,vj->v", rows, covariance[part, part], rows))
        offers = [
            Worth(value, float(effect), float(deviation))
            for value, effect, deviation in zip(values, effects, deviations, strict=True)
            if value != axis.default
        ]
        yield axis.name, min(offers, key=lambda offer: offer.mean + offer.deviation)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])

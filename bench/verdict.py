"""How often the verdict calls noise a gain, and how often it sees a real one: the rates in docs/verdict.md.

Simulated jobs: log-normal seconds whose size differs between instances by a factor of e (one standard deviation), a
taste of each configuration for each instance of 20 %, solver seeds that scatter by 30 %, a cutoff of 10 s that some
runs reach. Recorded jobs: real configurations of HiGHS, SCIP and CP-SAT on recorded families, some instances of which
are the holdout, others those of training, and all together the truth. Run with ``python -m bench verdict``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bench._recording import Outcome, Recording
from bench._told import families
from instances.model import Floats
from tuner.cost import Cost
from tuner.verdict.compare import Measure, interval

CUTOFF = 10.0
REPEATS = 2000
SIZE, TASTE, NOISE = 1.0, 0.2, 0.3
TRAINING = 4
"""Instances that the race executed both configurations on."""
FEWEST = 10
"""Instances that a recorded configuration and its default have to share."""
DRAWS = 4
"""For each recorded configuration."""
GAINS = {"1.2": (1.1, 1.3), "1.5": (1.4, 1.6), "2": (1.8, 2.2), "more": (2.2, math.inf)}
"""The true ratios that are taken for such a gain."""


class Kind(NamedTuple):
    """Of simulated jobs."""

    speed: float = 1.0
    measure: Measure = Measure.SHIFTED
    training: int = TRAINING
    noise: float = NOISE
    middle: float = -0.5
    """Mean log seconds; with 2.0 most runs end near the cutoff."""


def share_of_gains(instances: int, seeds: int, kind: Kind) -> float:
    """Return the share of simulated jobs whose interval lies above 1."""
    rng = np.random.default_rng(instances)
    gains = 0
    for _ in range(REPEATS):
        candidate, baseline = _drawn(rng, instances, seeds, kind)
        training = _drawn(rng, kind.training, 1, kind)
        gains += interval(candidate, baseline, kind.measure, Cost.PAR10, CUTOFF, (training[0], training[1]))[1] > 1
    return gains / REPEATS


def _drawn(rng: np.random.Generator, instances: int, seeds: int, kind: Kind) -> Floats:
    """Return the costs of candidate and baseline, shape (2, instances)."""
    logs = rng.normal(kind.middle, SIZE, (1, instances, 1)) + rng.normal(0, TASTE, (2, instances, 1))
    seconds = np.exp(logs + rng.normal(0, kind.noise, (2, instances, seeds)))
    seconds[0] /= kind.speed
    costs: Floats = np.where(seconds > CUTOFF, 10 * CUTOFF, seconds).mean(axis=2)
    return costs


def recorded() -> Iterator[tuple[float, Floats]]:
    """Yield the cutoff and the costs of a configuration and its default, shape (2, n), of all that were recorded."""
    for name in families():
        recording = Recording(name)
        assert recording.scene is not None
        cutoff = recording.scene.cutoff
        costs: dict[int, dict[int, float]] = defaultdict(dict)
        for cell, entry in sorted(recording.entries.items(), reverse=True):  # the first seed of an instance stays
            costs[cell.configuration][cell.instance] = entry.cpu if entry.outcome is Outcome.SOLVED else 10 * cutoff
        for solver in recording.scene.solvers:
            numbers = [number for number, _ in recording.of(solver)]
            for number in numbers[1:]:
                both = sorted(costs[number].keys() & costs[numbers[0]].keys())
                if len(both) >= FEWEST:
                    yield cutoff, np.array([[costs[of][instance] for instance in both] for of in (number, numbers[0])])


def on_recordings(holdout: int, training: int) -> tuple[float, dict[str, float]]:
    """Return the share of intervals that hold the truth, and of those above 1 by the true gain."""
    rng = np.random.default_rng(holdout)
    held: list[bool] = []
    seen: dict[str, list[bool]] = {"none": []} | {gain: [] for gain in GAINS}
    for cutoff, costs in recorded():
        truth = interval(*costs, Measure.SHIFTED, Cost.PAR10, cutoff)[0]
        for _ in range(DRAWS):
            order = rng.permutation(costs.shape[1])
            raced = costs[:, order[holdout : holdout + training]]
            _, low, high = interval(
                *costs[:, order[:holdout]], Measure.SHIFTED, Cost.PAR10, cutoff, (raced[0], raced[1])
            )
            held.append(low <= truth <= high)
            for gain, (least, most) in ({"none": (0.0, 1.0)} | GAINS).items():
                if least < truth <= most:
                    seen[gain].append(low > 1)
    return float(np.mean(held)), {gain: float(np.mean(found)) for gain, found in seen.items()}


def main() -> None:
    speeds = (1.0, 1.2, 1.5, 2.0)
    others = {
        "2.0, nothing of training": Kind(2.0, training=0),
        "none, nothing of training": Kind(training=0),
        "none, seeds by 70 %": Kind(noise=0.7),
        "none, near the cutoff": Kind(middle=2.0),
        "none, par10": Kind(measure=Measure.PAR10),
    }
    print("share of simulated jobs that end with a gain (shifted geometric mean), by the true speed-up")
    print("instances  seeds  " + "  ".join(f"{speed:>6.1f}" for speed in speeds) + "   " + "   ".join(others))
    for instances in (2, 3, 5, 10, 20):
        for seeds in (1, 3):
            rates = [share_of_gains(instances, seeds, Kind(speed)) for speed in speeds]
            rates += [share_of_gains(instances, seeds, kind) for kind in others.values()]
            print(f"{instances:9d}  {seeds:5d}  " + "  ".join(f"{100 * rate:5.1f}%" for rate in rates), flush=True)
    print("\nrecorded configurations: share of intervals that hold the truth, and that are above 1, by the true gain")
    print("holdout  training   held  " + "  ".join(f"{gain:>6}" for gain in ("none", *GAINS)))
    for holdout in (2, 3, 5):
        for training in (0, TRAINING):
            held, seen = on_recordings(holdout, training)
            cells = "  ".join(f"{100 * share:5.1f}%" for share in seen.values())
            print(f"{holdout:7d}  {training:8d}  {100 * held:4.1f}%  {cells}", flush=True)


if __name__ == "__main__":
    main()

"""How often the verdict calls noise a gain, and how often it sees a real one: the rates in docs/verdict.md.

Simulated jobs: log-normal seconds whose size differs between instances by a factor of e (one standard deviation), a
taste of each configuration for each instance of 20 %, solver seeds that scatter by 30 %, a cutoff of 10 s that some
runs reach. Run with ``python -m bench verdict``.
"""

from __future__ import annotations

import numpy as np

from tuner.cost import Cost
from tuner.verdict.compare import Measure, interval

CUTOFF = 10.0
REPEATS = 2000
SIZE, TASTE, NOISE = 1.0, 0.2, 0.3


def share_of_gains(instances: int, seeds: int, speed: float, measure: Measure) -> float:
    """Return the share of simulated jobs whose interval lies above 1."""
    rng = np.random.default_rng(instances)
    gains = 0
    for repeat in range(REPEATS):
        logs = rng.normal(-0.5, SIZE, (1, instances, 1)) + rng.normal(0, TASTE, (2, instances, 1))
        seconds = np.exp(logs + rng.normal(0, NOISE, (2, instances, seeds)))
        seconds[0] /= speed
        candidate, baseline = np.where(seconds > CUTOFF, 10 * CUTOFF, seconds).mean(axis=2)
        gains += interval(candidate, baseline, measure, Cost.PAR10, CUTOFF, seed=repeat)[1] > 1
    return gains / REPEATS


def main() -> None:
    speeds = (1.0, 1.2, 1.5, 2.0)
    print("share of jobs that end with a gain (shifted geometric mean), by the true speed-up")
    print("instances  seeds  " + "  ".join(f"{speed:>6.1f}" for speed in speeds) + "   par10 1.0")
    for instances in (2, 3, 5, 10, 20):
        for seeds in (1, 3):
            rates = [share_of_gains(instances, seeds, speed, Measure.SHIFTED) for speed in speeds]
            rates.append(share_of_gains(instances, seeds, 1.0, Measure.PAR10))
            print(f"{instances:9d}  {seeds:5d}  " + "  ".join(f"{100 * rate:5.1f}%" for rate in rates))


if __name__ == "__main__":
    main()

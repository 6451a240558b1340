"""Share of two slots' time that is spent inside solvers, when each run takes about a second.

Once with a feeder that waits, once with one whose thread computes all the time, as a leader that thinks without end
would. Counted from the first submit, the start of the warm processes included. The target is 95 %.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench._scene import HERE, claimed, knapsack, saved
from storage.records import Configuration, Run
from storage.store import Store
from tuner.follower.executor import LocalExecutor

BUDGET = 20.0
LIMIT = 1.0
SLOTS = 2


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        for busy in (False, True):
            share, runs = _share(Path(name), busy)
            feeder = "computes all the time" if busy else "waits"
            print(f"a feeder that {feeder:21}  {100 * share:5.1f} % of {SLOTS} x {BUDGET:g} s, {runs} runs")


def _share(folder: Path, busy: bool) -> tuple[float, int]:
    """Return the share inside solvers and the number of runs."""
    instance = saved(knapsack(columns=200, rows=20, density=1.0, seed=2), folder)
    inside, runs, seed = 0.0, 0, 0
    with (
        Store.open(f"sqlite:///{folder}/{'busy' if busy else 'waiting'}.db") as store,
        LocalExecutor({instance.sha256: instance}, SLOTS, 2048.0, 1e-4) as executor,
    ):
        lease = claimed(store, instance, SLOTS)
        started = time.perf_counter()
        while (left := started + BUDGET - time.perf_counter()) > 0:
            while executor.outstanding < 2 * SLOTS:
                executor.submit(Run(Configuration("highs"), instance.sha256, seed, 10.0, LIMIT))
                seed += 1
            for finished in executor.wait(0.0 if busy else left):
                store.record(lease, finished.run, finished.response, time.perf_counter() - started, HERE)
                inside += finished.response.solver_wall or 0.0
                runs += 1
            if busy:
                sum(i * i for i in range(20_000))
        # Whoever is in a slot now has been inside a solver since it was handed over, but for the start of its child.
        inside += sum(activity.seconds for activity in executor.activity() if activity is not None)
    return inside / (SLOTS * BUDGET), runs

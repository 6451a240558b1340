"""Overhead of a run: from submit to the response in the store, less the solver's own time, on a tiny model.

Beside it, taken in turns with it: a plain ``python -c`` process that reads the same model and solves it by highspy.
The target is a median of at most 10 ms.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from bench._scene import HERE, claimed, knapsack, saved
from instances.writing import write_mps
from storage.records import Configuration, Run, Termination
from storage.store import Store
from tuner.follower.executor import LocalExecutor

RUNS = 200
PLAIN_EVERY = 10
PLAIN = """
import sys, time, highspy
highs = highspy.Highs()
highs.setOptionValue("output_flag", False)
highs.setOptionValue("threads", 1)
highs.readModel(sys.argv[1])
started = time.perf_counter()
highs.run()
print(time.perf_counter() - started)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = knapsack(columns=33, rows=15, density=0.2, seed=1)
        instance = saved(model, folder)
        write_mps(model, instance.path)
        whole, overhead, in_executor, plain, plain_overhead = [], [], [], [], []
        with (
            Store.open(f"sqlite:///{folder}/bench.db") as store,
            LocalExecutor({instance.sha256: instance}, 1, 2048.0, 1e-4) as executor,
        ):
            lease = claimed(store, instance, 1)
            for seed in range(RUNS + 1):
                run = Run(Configuration("highs"), instance.sha256, seed, 10.0, 10.0)
                started = time.perf_counter()
                executor.submit(run)
                (finished,) = executor.wait()
                executed = time.perf_counter()
                store.record(lease, run, finished.response, 0.0, HERE)
                seconds = time.perf_counter() - started
                response = finished.response
                assert response.termination is Termination.EXITED and response.solver_wall, response.reason
                if seed == 0:  # starts the warm process: once per slot and job
                    print(f"first run, the warm process started with it: {1000 * seconds:.0f} ms")
                    continue
                whole.append(seconds)
                overhead.append(seconds - response.solver_wall)
                in_executor.append(executed - started - response.solver_wall)
                if seed % PLAIN_EVERY == 0:
                    started = time.perf_counter()
                    solving = float(
                        subprocess.check_output([sys.executable, "-c", PLAIN, str(instance.path)], cwd=folder)
                    )
                    plain.append(time.perf_counter() - started)
                    plain_overhead.append(plain[-1] - solving)
    print(f"{'':34}  median   p90   (ms)")
    _print("run: submit to response stored", whole)
    _print("  less the solver: overhead", overhead)
    _print("  of which before the store", in_executor)
    _print("plain highspy process", plain)
    _print("  less the solver: overhead", plain_overhead)


def _print(what: str, seconds: list[float]) -> None:
    print(f"{what:34}  {1000 * median(seconds):6.1f} {1000 * quantiles(seconds, n=10)[-1]:6.1f}")

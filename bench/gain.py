"""What tuning is worth: ``tuner tune`` on each committed set, two minutes on two slots, with HiGHS and with any solver.

Each job is the real command with a store of its own. The targets: with HiGHS alone the shifted geometric mean on the
holdout at least 1.2 times better than its default; with any solver better than the best default, or that default
recommended. Name sets or seeds by the environment: TUNER_BENCH_SETS="set-cover" TUNER_BENCH_SEEDS="0 1 2".
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import instances

SETS = ("set-cover", "facility-location", "multi-knapsack", "unit-commitment")
BUDGET, CUTOFF, SLOTS = 120.0, 10.0, 2


def main() -> None:
    sets = os.environ.get("TUNER_BENCH_SETS", " ".join(SETS)).split()
    seeds = os.environ.get("TUNER_BENCH_SEEDS", "0").split()
    print(
        f"{'set':<18} {'solver':<6} {'seed':>4}  {'recommended':<28} {'over its default':<22} {'over best default':<22}"
        f" {'solved':>9} {'runs':>5} {'in solvers':>10}"
    )
    for name in sets:
        for solver in ("highs", "any"):
            for seed in seeds:
                print(_row(name, solver, seed, _tuned(name, solver, seed)), flush=True)


def _tuned(name: str, solver: str, seed: str) -> Mapping[str, Any]:
    """Tune a set by the command and return what it prints, with the responses."""
    folder = Path(instances.__file__).parent / "data" / name
    with tempfile.TemporaryDirectory() as place:
        store = f"sqlite:///{place}/bench.db"
        tuner = [sys.executable, "-m", "tuner"]
        words = [
            "tune",
            str(folder),
            "--solver",
            solver,
            "--seed",
            seed,
            "--store",
            store,
            "--out",
            place,
            "--name",
            "b",
        ]
        limits = ["--budget", f"{BUDGET:g}s", "--cutoff", f"{CUTOFF:g}s", "--slots", str(SLOTS), "--json"]
        done = subprocess.run([*tuner, *words, *limits], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 4):
            raise SystemExit(done.stderr)
        table = [*tuner, "responses", "b", "--store", store, "--json"]
        runs = json.loads(subprocess.run(table, capture_output=True, text=True, check=True).stdout)
    return {**json.loads(done.stdout), "responses": runs}


def _row(name: str, solver: str, seed: str, found: Mapping[str, Any]) -> str:
    finalist, first = found["finalist"], found["solvers"][0]
    shifted = [c for c in found["comparisons"] if c["measure"] == "shifted geometric mean"]
    own = [c for c in shifted if c["candidate"] == finalist]
    over_first = next((c for c in own if c["baseline"]["solver"] == first), None)
    over_best = next((c for c in own if c["baseline"]["solver"] != first), over_first)
    inside = sum(r["solver_wall_s"] or r["wall_s"] for r in found["responses"]) / (SLOTS * found["spent_s"])
    best = found["recommended"]
    changes = len(best["parameters"])
    title = f"{best['solver']} {f'with {changes} changes' if changes else 'default'}"
    solved = "{}/{}".format(*over_first["solved"]) if over_first else "-"
    return (
        f"{name:<18} {solver:<6} {seed:>4}  {title:<28} "
        f"{_ratio(over_first):<22} {_ratio(over_best):<22} {solved:>9} {found['runs']:>5} {100 * inside:>9.1f}%"
    )


def _ratio(comparison: Mapping[str, Any] | None) -> str:
    if comparison is None:
        return "-"
    low, high = comparison["interval"]
    return f"{comparison['ratio']:.2f} [{low:.2f}, {float(high):.2f}]"

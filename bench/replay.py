"""Whole tuning jobs on recorded responses in virtual time: our leader and the strategies of others.

    python -m bench.replay                              every recording, budgets of 50, 200 and 1,000 default runs
    python -m bench.replay set-cover multi-knapsack --reps 20 --budgets 200
    python -m bench.replay set-cover --solvers any      the leader chooses the solver, too (or: highs, cp-sat, scip)
    python -m bench.replay --only tuner --vary contest.ENOUGH=10  an ablation: another value of a constant of the leader
    python -m bench.replay --only tuner --reuse both            what earlier jobs are worth: nothing, same, other

Each repetition splits the recorded models anew, tunes on two thirds and judges on the others. The figures are ratios to
the shifted geometric mean of PAR10 of HiGHS as it comes on the others: 0.5 is twice as fast. The last column is the
same of the world's own optimum (`bench._optimum`): how far all of them are from what there is to find.
Our leader starts from the prior that the other recordings suggest. What the others' strategies found is kept, so that
a hundred repetitions need not be done in one go, nor again when only ours has changed.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import math
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from statistics import fmean, stdev

from bench._kept import Found, Kept, Key
from bench._models import models_of
from bench._optimum import optimum
from bench._recording import FOLDER, Recording
from bench._strategies import STRATEGIES, Purse
from bench._world import World
from bench.prior import families, knowledge_without, without
from storage.records import Configuration, Response, Run
from tests.simulation import Clock, SimulatedExecutor
from tuner.cost import Cost, Ties
from tuner.leader.any_budget import AnyBudget
from tuner.leader.experience import Earlier, Experience, gathered
from tuner.leader.loop import race
from tuner.leader.prior import Prior

ON_REQUEST = True
BUDGETS = (50, 200, 1000)
"""In mean runs of the default."""
SLOTS = 2
HOLDOUT = 1 / 3
WORLDS = 25
"""How many worlds are drawn from a recording; repetitions take them in turn."""
OURS = "tuner"
OPTIMUM = "optimum"
ATTENTION = 0.02
"""Seconds after which a run that takes too long is noticed."""
SAVED = 20
"""Fresh results of others after which all are written: at the largest budget one may take minutes."""
KEPT = FOLDER.parent / "results" / "replay-peers.csv"
ANY = ("highs", "cp-sat", "scip")
BASELINE = ANY[0]
"""Whose default the figures are ratios to, and the budgets multiples of, whatever is tuned."""


@dataclass(frozen=True)
class Task:
    """One tuning job."""

    recording: str
    solvers: tuple[str, ...]
    strategy: str
    budget: int
    seed: int
    vary: tuple[str, ...] = ()
    prior: bool = True
    """Whether our leader starts from what the other recordings say."""
    reuse: str = ""
    """Of which families the store has earlier jobs: nothing, same, other, both. The same family's was tuned on one half
    of the training models, with as much time, and this one is on the other half. Empty: this one is on all."""
    slots: int = SLOTS
    """Of our leader; the budget is that of all together."""


def execute(task: Task) -> Found:
    """Carry out a tuning job in virtual time."""
    _vary(task.vary)
    world = _world(task.recording, task.solvers, task.seed % WORLDS)
    usual = _world(task.recording, (BASELINE,), task.seed % WORLDS)  # the same of it, whatever else is in the world
    places = list(range(len(world.instances)))
    random.Random(task.seed).shuffle(places)
    cut = round(HOLDOUT * len(places))
    holdout, training = places[:cut], places[cut:]
    default = usual.spaces[BASELINE].default
    mean = fmean(min(math.exp(usual.logs(default)[place]), world.cutoff) for place in training)
    seconds = task.budget * mean
    began = time.process_time()
    if task.strategy == OPTIMUM:
        found, runs = _optimum(task.recording, task.solvers, task.seed % WORLDS), 0
    else:
        found, runs = (_ours if task.strategy == OURS else _others)(task, world, training, seconds)
    return Found(
        math.exp(world.score(found, training) - usual.score(default, training)),
        math.exp(world.score(found, holdout) - usual.score(default, holdout)),
        runs,
        time.process_time() - began,
    )


def _ours(task: Task, world: World, training: Sequence[int], seconds: float) -> tuple[Configuration, int]:
    nothing = Experience(_priors(task), ())
    if not task.reuse:
        leader, runs = _race(world, training, seconds, task.seed, nothing, task.slots)
        return leader.finalist, len(runs)
    half = len(training) // 2
    jobs: list[Earlier] = []
    if task.reuse in ("other", "both"):
        for number, name in enumerate(names for names in families() if names != task.recording):
            other = _world(name, task.solvers, task.seed % WORLDS)
            places = range(0, len(other.instances), 2)
            jobs.append(_earlier(name, other, _race(other, places, seconds, task.seed + number, nothing)[1]))
    if task.reuse in ("same", "both"):
        runs = _race(world, training[:half], seconds, task.seed, nothing)[1]
        jobs.append(_earlier(task.recording, world, runs))
    known = {solver: knowledge_without(task.recording, solver) for solver in task.solvers if task.prior}
    models = models_of(task.recording)
    experience = gathered(
        world.spaces, jobs, Cost.PAR10, Ties.MEAN, known, [models[place] for place in training[half:]]
    )
    leader, runs = _race(world, training[half:], seconds, task.seed + 1, experience)
    return leader.finalist, len(runs)


def _race(
    world: World, training: Sequence[int], seconds: float, seed: int, experience: Experience, slots: int = SLOTS
) -> tuple[AnyBudget, list[tuple[Run, Response]]]:
    """Race for so many slot seconds; return the leader, and the runs with their responses."""
    clock = Clock()
    executor = SimulatedExecutor(world.answer, clock, slots)
    leader = AnyBudget(
        world.spaces,
        [world.instances[place] for place in training],
        cost=Cost.PAR10,
        ties=Ties.MEAN,
        cutoff=world.cutoff,
        budget=seconds / slots,
        slots=slots,
        seed=seed,
        priors=experience.priors,
        first=experience.first(world.spaces),
    )
    race(
        leader,
        executor,
        lambda run, response: [(run, response)],
        lambda: seconds / slots,
        clock=clock,
        attention=ATTENTION,
    )
    return leader, [(finished.run, finished.response) for finished in executor.executed]


def _earlier(recording: str, world: World, runs: Sequence[tuple[Run, Response]]) -> Earlier:
    """Return a job as what a later one may learn from."""
    return Earlier(recording, runs, dict(zip(world.instances, models_of(recording), strict=False)))


def _priors(task: Task) -> dict[str, Prior]:
    """Return what the other recordings suggest."""
    solvers = task.solvers if task.prior else ()
    return {solver: prior for each in solvers for solver, prior in without(task.recording, each).items()}


def _others(task: Task, world: World, training: Sequence[int], seconds: float) -> tuple[Configuration, int]:
    purse = Purse(world, training, seconds)
    return STRATEGIES[task.strategy](purse, task.seed), purse.runs


@cache
def _optimum(name: str, solvers: tuple[str, ...], draw: int) -> Configuration:
    return optimum(_world(name, solvers, draw), solvers)


_recording = cache(Recording)


@lru_cache(8 * WORLDS)
def _world(name: str, solvers: tuple[str, ...], draw: int) -> World:
    return World(_recording(name), solvers, draw)


def _vary(changes: Iterable[str]) -> None:
    """Set constants of the leader, as in contest.ENOUGH=10."""
    for change in changes:
        path, _, value = change.partition("=")
        module, _, name = path.rpartition(".")
        found = importlib.import_module(f"tuner.leader.{module}")
        if not hasattr(found, name):
            raise SystemExit(f"tuner.leader.{module} has no {name}")
        setattr(found, name, ast.literal_eval(value))


def _key(task: Task) -> Key:
    return Key(task.recording, "+".join(task.solvers), task.strategy, task.budget, task.seed)


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.replay")
    parser.add_argument("recordings", nargs="*", default=families())
    parser.add_argument("--reps", type=int, default=100)
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS)
    parser.add_argument("--solvers", choices=(*ANY, "any"), default=BASELINE)
    parser.add_argument("--only", nargs="+", choices=(OURS, *STRATEGIES), default=(OURS, *STRATEGIES))
    parser.add_argument("--without-prior", action="store_true", help="our leader starts from nothing")
    parser.add_argument("--reuse", choices=("nothing", "same", "other", "both"), default="")
    parser.add_argument("--vary", nargs="+", default=())
    parser.add_argument("--slots", type=int, default=SLOTS, help="of our leader; the budgets are those of all together")
    parser.add_argument("--table", type=Path, help="a .csv file to write what `figure` draws")
    given = parser.parse_args(words)
    solvers = ANY if given.solvers == "any" else (given.solvers,)
    recordings = [name for name in given.recordings if all(any(Recording(name).of(solver)) for solver in solvers)]
    ours = (tuple(given.vary), not given.without_prior, given.reuse, given.slots)
    tasks = [
        Task(name, solvers, strategy, budget, seed, *(ours if strategy == OURS else ()))
        for name in recordings
        for budget in given.budgets
        for strategy in given.only
        for seed in range(given.reps)
    ]
    titles = "  ".join(f"{name:^22}" for name in given.only)
    print(f"{'recording':<24} {'budget':>6}  {titles}  {OPTIMUM}")
    rows: dict[tuple[str, int], dict[str, list[Found]]] = defaultdict(lambda: defaultdict(list))
    kept = Kept(KEPT, recordings, f"{WORLDS} worlds, {HOLDOUT} held out, {SLOTS} slots")
    fresh = 0
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        best = {
            name: [pool.submit(execute, Task(name, solvers, OPTIMUM, 0, seed)) for seed in range(given.reps)]
            for name in recordings
        }
        under_way = {task: pool.submit(execute, task) for task in tasks if kept.get(_key(task)) is None}
        for task in tasks:
            found = under_way[task].result() if task in under_way else kept.get(_key(task))
            if task in under_way and task.strategy != OURS:  # ours changes too often to be kept
                kept.add(_key(task), found)
                fresh += 1
                if fresh % SAVED == 0:
                    kept.write()
            row = rows[task.recording, task.budget]
            row[task.strategy].append(found)
            if sum(map(len, row.values())) == len(given.only) * given.reps:
                cells = "  ".join(_cell(row[name]) for name in given.only)
                least = fmean(each.result().holdout for each in best[task.recording])
                print(f"{task.recording:<24} {task.budget:>6}  {cells}  {least:.3f}", flush=True)
                kept.write()
    _summary(rows, given.only, [found.result() for each in best.values() for found in each])
    if given.table:
        given.table.parent.mkdir(exist_ok=True)
        given.table.write_text(_table(rows), encoding="utf-8")


def _cell(results: Sequence[Found]) -> str:
    """Return mean and standard error of the ratio on the holdout, with the runs."""
    ratios = [result.holdout for result in results]
    error = stdev(ratios) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan
    return f"{fmean(ratios):.3f} ±{error:.3f} {fmean(r.runs for r in results):6.0f} runs"


def _table(rows: dict[tuple[str, int], dict[str, list[Found]]]) -> str:
    """Return the mean ratio on the holdout and its standard error of every recording, budget and strategy as CSV."""
    lines = ["recording,budget,strategy,ratio,error,reps"]
    for (name, budget), row in rows.items():
        for strategy, results in row.items():
            ratios = [result.holdout for result in results]
            error = stdev(ratios) / math.sqrt(len(ratios)) if len(ratios) > 1 else 0.0
            lines.append(f"{name},{budget},{strategy},{fmean(ratios):.4f},{error:.4f},{len(ratios)}")
    return "\n".join((*lines, ""))


def _summary(
    rows: dict[tuple[str, int], dict[str, list[Found]]], strategies: Sequence[str], best: Sequence[Found]
) -> None:
    titles = ("geometric mean on holdout", "kept of the training gain", "CPU of a job")
    print(f"\n{'strategy':<10} {titles[0]:>26} {titles[1]:>26} {titles[2]:>13}")
    for strategy in strategies:
        results = [result for row in rows.values() for result in row[strategy]]
        overall = math.exp(fmean(math.log(result.holdout) for result in results))
        kept = math.exp(fmean(math.log(result.training / result.holdout) for result in results))
        thought = fmean(result.thought for result in results)
        print(f"{strategy:<10} {overall:>26.3f} {kept:>26.3f} {thought:>11.2f} s")
    print(f"{OPTIMUM:<10} {math.exp(fmean(math.log(found.holdout) for found in best)):>26.3f}")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])

"""SMAC3, irace, the script of an Optuna user and our race, on real HiGHS, from the same wall-clock budget.

    pip install '.[peers]'; apt-get install r-cran-irace   what the peers need, besides
    python -m bench.peers                                  six families, two repetitions: about two hours
    python -m bench.peers set-cover --reps 1 --tools tuner Optuna
    python -m bench.peers steiner-tree --runs 10 100       budgets of so many mean runs of the default, in all slots

Every tool has the same space, training models, cutoff, slots and seconds, and executes its runs by the same executor.
Then one neutral evaluator executes the default and all answers, interleaved, on models that no tool has seen, with two
fresh seeds. What is done is kept in a file of JSON lines (--results), so that it goes on where it was interrupted. Ours
("tuner") is the race alone: the peers have no verdict. "tune" is the whole command, which keeps a part of its budget
for its verdict and some of the training models for that. Neither knows anything of the family from its recording.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from bench._peer import Parameter, Spec
from bench._runs import RunServer
from bench.prior import without
from instances.families import FAMILIES, generate
from instances.folder import scan
from instances.instance import Instance
from storage.records import Configuration, Response, Run
from tuner.cost import Cost, Ties
from tuner.errors import Failed
from tuner.follower.executor import LocalExecutor
from tuner.follower.reading import cache_directory, read_instances
from tuner.follower.solvers import default_space
from tuner.leader.any_budget import AnyBudget
from tuner.leader.experience import Experience
from tuner.leader.loop import race
from tuner.space import Boolean, Choice, Space
from tuner.verdict.compare import Measure, interval

ON_REQUEST = True
SOLVER = "highs"
TRAINING, HOLDOUT, SEEDS = 16, 20, 2
SIZES = {
    "set-cover": 1.75,
    "combinatorial-auction": 1.05,
    "multi-knapsack": 1.6,
    "facility-location": 1.5,
    "independent-set": 1.0,
    "generalised-assignment": 1.1,
    "steiner-tree": 1.25,
    "vehicle-routing": 1.25,
    "lot-sizing-carryover": 1.1,
    "unit-commitment": 0.75,
}
"""Of the models: the default takes one to three seconds. (Where it takes four, irace ends before its first race.)"""
SIZES_OF_RUNS = SIZES | {
    "set-cover": 1.9,
    "facility-location": 1.8,
    "generalised-assignment": 1.15,
    "steiner-tree": 1.5,
    "vehicle-routing": 1.3,
    "unit-commitment": 1.05,
}
"""Of the models where the budget is in runs of the default: it takes about three seconds."""
USUAL = tuple(SIZES)[:6]
CUTOFF = 10.0
SLOTS = min(2, len(os.sched_getaffinity(0)))
PEERS = {"SMAC3": "smac", "irace": "irace", "Optuna": "optuna"}
OURS, WHOLE = "tuner", "tune"
DEFAULT = "default's seconds"
HELD_OUT = "on holdout: "
PATIENCE = 1.6
"""Times the budget after which a peer that does not end is ended."""


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers")
    parser.add_argument("families", nargs="*", default=list(USUAL))
    parser.add_argument("--reps", type=int, default=2)
    parser.add_argument("--budget", type=float, default=120.0, help="wall seconds, for each tool")
    parser.add_argument("--runs", type=float, nargs="+", default=(), help="or so many runs of the default in all slots")
    parser.add_argument("--tools", nargs="+", choices=(OURS, WHOLE, *PEERS), default=(OURS, *PEERS))
    parser.add_argument("--results", type=Path, default=Path("peers.jsonl"))
    given = parser.parse_args(words)
    if unknown := set(given.families) - SIZES.keys():
        parser.error(f"no such family: {', '.join(unknown)}; there are {', '.join(SIZES)}")
    kept = Kept(given.results)
    for worth in given.runs or (0.0,):
        for rep in range(given.reps):
            for family in given.families:
                with tempfile.TemporaryDirectory() as place:
                    _compare(Job(family, rep, worth), given.tools, given.budget, kept, Path(place))
    for worth in given.runs or (0.0,):
        print(f"\n{worth:g} runs of the default" if worth else f"\n{given.budget:g} s")
        _table(kept, worth, given.families, given.tools)


class Job(NamedTuple):
    """What every tool does once."""

    family: str
    rep: int
    worth: float
    """The budget in mean runs of the default; 0 for one in seconds."""


class Kept:
    """The results so far, by job and what they are of."""

    def __init__(self, path: Path) -> None:
        """Read what there is."""
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.found: dict[tuple[Job, str], dict[str, Any]] = {}
        for line in map(json.loads, lines):
            self.found[Job(line["family"], line["rep"], line.get("worth", 0.0)), line["what"]] = line

    def add(self, job: Job, what: str, **fields: Any) -> dict[str, Any]:
        """Append a result and return it."""
        line = {**job._asdict(), "what": what, **fields}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.found[job, what] = line
        return line


def _compare(job: Job, tools: Sequence[str], budget: float, kept: Kept, place: Path) -> None:
    models = place / "models"
    size = (SIZES_OF_RUNS if job.worth else SIZES)[job.family]
    generate(FAMILIES[job.family], TRAINING + HOLDOUT, models, 1000 + job.rep, size)
    files = scan(models).files
    reading = read_instances(files, cache_directory(), seconds=60.0, memory_mib=2048.0, slots=SLOTS)
    instances = sorted(reading.instances, key=lambda instance: instance.name)
    training, holdout = instances[:TRAINING], instances[TRAINING:]
    if job.worth:
        usual = kept.found.get((job._replace(worth=0.0), DEFAULT))
        if usual is None:
            costs = _evaluate({"default": {}}, training, job.rep)["default"]
            usual = kept.add(job._replace(worth=0.0), DEFAULT, seconds=fmean(min(cost, CUTOFF) for cost in costs))
        budget = job.worth * usual["seconds"] / SLOTS
    for tool in tools:
        if (job, tool) not in kept.found:
            folder = place / tool
            folder.mkdir()
            began = time.monotonic()
            if tool == OURS:
                answer, runs, inside = _ours(job.family, training, budget, job.rep)
            elif tool == WHOLE:
                answer, runs, inside = _whole(job.family, training, budget, job.rep, folder)
            else:
                answer, runs, inside = _peer(tool, training, budget, job.rep, folder)
            took = time.monotonic() - began
            kept.add(job, tool, answer=answer, runs=runs, inside=inside, wall=took)
            print(f"{job.family} {job.rep} {tool}: {runs} runs in {took:.0f} s, {len(answer)} changes", flush=True)
    answers = {"default": {}} | {tool: kept.found[job, tool]["answer"] for tool in tools}
    if any((job, HELD_OUT + tool) not in kept.found for tool in tools):
        costs = _evaluate(answers, holdout, job.rep)
        for tool in answers:
            kept.add(job, HELD_OUT + tool, costs=costs[tool], default=costs["default"])


def _ours(family: str, training: Sequence[Instance], budget: float, seed: int) -> tuple[dict[str, Any], int, float]:
    space = default_space(SOLVER)
    leader = AnyBudget(
        {SOLVER: space},
        [instance.sha256 for instance in training],
        cost=Cost.PAR10,
        ties=Ties.MEAN,
        cutoff=CUTOFF,
        budget=budget,
        slots=SLOTS,
        seed=seed,
        priors=without(family, SOLVER),
        first=Experience({}, ()).first({SOLVER: space}),
    )
    responses: list[Response] = []

    def keep(run: Run, response: Response) -> list[tuple[Run, Response]]:
        responses.append(response)
        return [(run, response)]

    with LocalExecutor({i.sha256: i for i in training}, SLOTS, 2048.0, 1e-4) as executor:
        executor.prepare([SOLVER])
        until = time.monotonic() + budget
        race(leader, executor, keep, lambda: until)
    inside = sum(response.solver_wall or response.wall for response in responses)
    return leader.finalist.values, len(responses), inside


def _whole(
    family: str, training: Sequence[Instance], budget: float, seed: int, folder: Path
) -> tuple[dict[str, Any], int, float]:
    """Return what ``tuner tune`` recommends; its folder is that of the training models."""
    models = folder / "models"
    models.mkdir()
    for instance in training:
        shutil.copy(instance.path, models)
    cutoff = min(CUTOFF, budget)  # no single run may outlast a job
    limits = ["--budget", f"{budget:.3f}s", "--cutoff", f"{cutoff:.3f}s", "--slots", str(SLOTS), "--seed", str(seed)]
    where = ["--store", f"sqlite:///{folder}/tuner.db", "--out", str(folder / "out"), "--json"]
    words = [sys.executable, "-m", "bench._tune", family, "tune", str(models), "--solver", SOLVER, *limits, *where]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == Failed.exit_code:
        return {}, 0, 0.0  # no run was solved: its user stays with the default
    if done.returncode not in (0, 4):
        raise SystemExit(f"tuner tune failed:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout)
    return found["recommended"]["parameters"], found["runs"], 0.0


def _peer(
    tool: str, training: Sequence[Instance], budget: float, seed: int, folder: Path
) -> tuple[dict[str, Any], int, float]:
    socket = folder / "s"
    spec = Spec(
        str(socket), len(training), CUTOFF, budget, SLOTS, seed, _parameters(default_space(SOLVER)), str(folder)
    )
    spec.write(folder / "spec.json")
    with RunServer(training, SOLVER, CUTOFF, SLOTS, socket) as server:
        words = [sys.executable, "-m", f"bench._peer_{PEERS[tool]}", str(folder / "spec.json")]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE * budget + 60)
        answers = [line for line in done.stdout.splitlines() if line.startswith('{"answer"')]
        if not answers or not server.runs:
            if tool != "irace":
                raise SystemExit(f"{tool} gave no answer:\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
            return {}, server.runs, server.inside  # it refuses budgets in which its first race does not end
        return json.loads(answers[-1])["answer"], server.runs, server.inside


def _parameters(space: Space) -> list[Parameter]:
    made = []
    for p in space.parameters:
        when = [(name, list(allowed)) for name, allowed in p.when]
        if isinstance(p.domain, Boolean):
            made.append(Parameter(p.name, "boolean", p.default, when=when))
        elif isinstance(p.domain, Choice):
            made.append(Parameter(p.name, "choice", p.default, values=list(p.domain.values), when=when))
        else:
            kind = type(p.domain).__name__.lower()
            made.append(Parameter(p.name, kind, p.default, p.domain.low, p.domain.high, p.domain.log, when=when))
    return made


def _evaluate(
    answers: Mapping[str, Mapping[str, Any]], holdout: Sequence[Instance], rep: int
) -> dict[str, list[float]]:
    """Return each tool's PAR10 seconds on each holdout model, averaged over seeds; the runs are interleaved."""
    configurations = {tool: Configuration.of(SOLVER, answer) for tool, answer in answers.items()}
    distinct = list(dict.fromkeys(configurations.values()))
    costs: dict[Configuration, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with LocalExecutor({i.sha256: i for i in holdout}, SLOTS, 2048.0, 1e-4) as executor:
        for number in range(SEEDS):
            for place, instance in enumerate(holdout):
                start = (place + number) % len(distinct)
                for configuration in [*distinct[start:], *distinct[:start]]:
                    seed = 2**30 + 1000 * rep + number
                    executor.submit(Run(configuration, instance.sha256, seed, CUTOFF, CUTOFF))
        while executor.outstanding:
            for finished in executor.wait():
                solved = finished.response.solved and finished.response.cpu <= CUTOFF
                cost = finished.response.cpu if solved else 10 * CUTOFF
                costs[finished.run.configuration][finished.run.instance].append(cost)
    return {
        tool: [fmean(costs[configuration][instance.sha256]) for instance in holdout]
        for tool, configuration in configurations.items()
    }


def speeds(kept: Kept, worth: float = 0.0) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Return the speed-up over the default with its 95 % interval, by family and tool, over all repetitions."""
    costs: dict[tuple[str, str], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for (job, what), line in sorted(kept.found.items(), key=lambda item: item[0]):
        tool = what.removeprefix(HELD_OUT)
        if tool not in (what, "default") and job.worth == worth:
            own, default = costs[job.family, tool]
            own += line["costs"]
            default += line["default"]
    return {
        at: interval(np.array(own), np.array(default), Measure.SHIFTED, Cost.PAR10, CUTOFF)
        for at, (own, default) in costs.items()
    }


def _table(kept: Kept, worth: float, families: Sequence[str], tools: Sequence[str]) -> None:
    """Print speed-ups over the default with 95 % intervals, and over all families ours against the best peer's."""
    print(f"{'family':<24}" + "".join(f"{tool:^34}" for tool in tools))
    found = speeds(kept, worth)
    for family in families:
        cells = []
        for tool in tools:
            spent = [
                line
                for (job, what), line in kept.found.items()
                if (job.family, job.worth, what) == (family, worth, tool)
            ]
            runs = fmean(line["runs"] for line in spent)
            share = fmean(line["inside"] / (SLOTS * line["wall"]) for line in spent)
            ratio, low, high = found[family, tool]
            cells.append(f"{ratio:.2f} [{low:.2f}, {high:.2f}] {runs:5.0f} runs {100 * share:3.0f} %")
        print(f"{family:<24}" + "".join(f"{cell:^34}" for cell in cells), flush=True)
    means = [math.exp(fmean(math.log(found[family, tool][0]) for family in families)) for tool in tools]
    print(f"{'geometric mean':<24}" + "".join(f"{mean:^34.2f}" for mean in means))
    peers = [tool for tool in tools if tool in PEERS]
    for ours in (OURS, WHOLE) if peers else ():
        if ours in tools:
            ratios = {f: found[f, ours][0] / max(found[f, peer][0] for peer in peers) for f in families}
            overall = math.exp(fmean(map(math.log, ratios.values())))
            each = ", ".join(f"{family} {ratio:.2f}" for family, ratio in ratios.items())
            print(f"{ours} over the best peer of each family: {overall:.2f} ({each})")


if __name__ == "__main__":
    main(sys.argv[1:])

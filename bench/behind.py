"""What it saves to cut runs that are behind under the gap and the integral, and how often that is wrong.

    python -m bench.behind record RUNS.json --models FOLDER --configurations 8 --cutoff 10
    python -m bench.behind replay RUNS.json

``record`` executes the default and random configurations of HiGHS on every model, to the end, and keeps what they
report while they run. ``replay`` takes each configuration as the incumbent in turn, and every other one as a challenger
on its first pair: when would `tuner.leader.behind` have cut its run, and was it really worse in the end?
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from instances.folder import scan
from storage.records import Configuration, Run
from tuner.cost import Cost, shift
from tuner.follower.executor import LocalExecutor
from tuner.follower.reading import READING_MIB, READING_SECONDS, cache_directory, read_instances
from tuner.follower.solvers import default_space
from tuner.leader.behind import Behind
from tuner.leader.draws import Draws
from tuner.leader.schedule import slack
from tuner.ports import Activity, Allowance, Step

ON_REQUEST = True
TICK = 0.25
"""Seconds between two looks, as in a race."""


@dataclass
class Recorded:
    """A run to its end."""

    configuration: int
    instance: str
    seconds: float
    gap: float
    integral: float
    steps: list[tuple[float, float, float]]


def record(models: Path, count: int, cutoff: float, out: Path) -> None:
    reading = read_instances(
        scan(models).files, cache_directory(), seconds=READING_SECONDS, memory_mib=READING_MIB, slots=1
    )
    instances = {instance.sha256: instance for instance in reading.instances}
    drawn = Draws(random.Random(1))
    space = default_space("highs")
    configurations = [space.default, *(drawn.any(space) for _ in range(count - 1))]
    found: list[Recorded] = []
    with LocalExecutor(instances, 1, 4096, 1e-4, is_watched=True) as executor:
        for sha256 in instances:
            for number, configuration in enumerate(configurations):
                executor.submit(Run(configuration, sha256, 0, cutoff, cutoff))
                steps: tuple[Step, ...] = ()
                while not (finished := executor.wait(TICK)):
                    (activity,) = executor.activity()
                    steps = steps if activity is None else activity.steps
                response = finished[0].response
                if response.integral is None or response.solver_wall is None:
                    continue
                gap = 0.0 if response.solved else 1.0 if response.gap is None else response.gap
                told = [(s.wall, s.objective, s.bound) for s in steps]
                found.append(Recorded(number, sha256, response.solver_wall, gap, response.integral, told))
                print(
                    f"{sha256[:8]} {number} {response.solver_wall:.2f} s gap {gap:.4f} integral {response.integral:.3f}"
                )
    out.write_text(json.dumps({"cutoff": cutoff, "runs": [asdict(run) for run in found]}))


class _Fixed:
    """A leader who allows what one incumbent's run on a pair allows."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self.incumbent_run: Run | None = None

    def allowance(self, run: Run) -> Allowance | None:
        return None if run == self.incumbent_run else self._allowance


def cut_at(cost: Cost, cutoff: float, incumbent: Recorded, challenger: Recorded) -> float | None:
    """Return the second at which the challenger's run would be cut; None when it would not."""
    behind = Behind(cost, cutoff)
    own, other = (
        Run(Configuration("highs", (("n", r.configuration),)), r.instance, 0, cutoff, cutoff)
        for r in (incumbent, challenger)
    )
    value = incumbent.gap if cost is Cost.GAP else incumbent.integral
    most = max(slack(0) * value, value + shift(cost, cutoff))
    leader = _Fixed(Allowance(own.configuration, value, most))
    leader.incumbent_run = own
    steps = tuple(Step(*step) for step in incumbent.steps)
    behind.look(leader, [Activity(own, 0.0, 0.0, steps)], incumbent.seconds)  # type: ignore[arg-type]
    now = TICK
    while now < challenger.seconds:
        seen = tuple(Step(*step) for step in challenger.steps if step[0] <= now)
        if behind.look(leader, [Activity(other, 0.0, 0.0, seen)], now):  # type: ignore[arg-type]
            return now
        now += TICK
    return None


def pairs(runs: list[Recorded]) -> Iterator[tuple[Recorded, Recorded]]:
    for incumbent in runs:
        for challenger in runs:
            if incumbent.instance == challenger.instance and incumbent.configuration != challenger.configuration:
                yield incumbent, challenger


def replay(path: Path) -> None:
    content = json.loads(path.read_text())
    cutoff, runs = content["cutoff"], [Recorded(**run) for run in content["runs"]]
    for cost in (Cost.INTEGRAL, Cost.GAP):
        by, spent, saved, cuts, losers, wrong, far = shift(cost, cutoff), 0.0, 0.0, 0, 0, 0, 0
        ratios = []
        for incumbent, challenger in pairs(runs):
            ours, theirs = ((r.gap, r.integral)[cost is Cost.INTEGRAL] for r in (challenger, incumbent))
            at = cut_at(cost, cutoff, incumbent, challenger)
            losers += ours > theirs
            spent += challenger.seconds
            if at is not None:
                cuts += 1
                saved += challenger.seconds - at
                wrong += ours <= theirs
                far += ours < theirs - by
                ratios.append((by + ours) / (by + theirs))
        share = saved / spent if spent else 0.0
        print(
            f"{cost.value}: {cuts} of {losers} losing runs cut, {share:.1%} of all challengers' seconds saved; wrong: "
            f"{wrong} ({far} by more than the shift); a cut run's cost is {fmean(ratios) if ratios else 0:.2f} times "
            "the incumbent's on average"
        )


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.behind")
    parser.add_argument("what", choices=("record", "replay"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--configurations", type=int, default=8)
    parser.add_argument("--cutoff", type=float, default=10.0)
    given = parser.parse_args(words)
    if given.what == "replay":
        replay(given.file)
    elif given.models is None:
        parser.error("record needs --models")
    else:
        began = time.monotonic()
        record(given.models, given.configurations, given.cutoff, given.file)
        print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])

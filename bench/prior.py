"""What the recorded families say of the effects of parameters, for the race to start from.

    python -m bench.prior            write the priors that the product ships with, from all recordings

The other benches race on a family with the prior made of the other families alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from statistics import fmean

import numpy as np

import tuner.leader
from bench._recording import FOLDER, Cell, Outcome, Recording
from bench.record import GIVE_UP
from instances.families import FAMILIES
from tuner.follower.solvers import SOLVERS, default_space
from tuner.leader.features import Features
from tuner.leader.prior import NOTHING, Prior, learnt
from tuner.leader.study import distributions

ON_REQUEST = True
SHIPPED = Path(tuner.leader.__file__).parent / "priors"
HEAD = "# What to expect of a parameter on the logarithm of the time: mean and standard deviation. Made by bench.prior."
FAILED = 1.0
"""A configuration's score less the default's counts as no more than this: it may have solved nothing."""


def families() -> list[str]:
    """Return the recordings of generated families: other folders of models are no family."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl") if path.stem in FAMILIES)


@cache
def without(family: str, solver: str) -> dict[str, Prior]:
    """Return the prior for a solver made of all families but this one, by its name; nothing where none tells."""
    prior = made([name for name in families() if name != family], solver)
    return {} if prior is NOTHING else {solver: prior}


def made(names: Iterable[str], solver: str) -> Prior:
    """Return the prior for a solver made of these recordings."""
    space = default_space(solver)
    defaults = {parameter.name: parameter.default for parameter in space.parameters}
    features = Features(distributions(space), defaults)
    told = []
    for name in names:
        recording = Recording(name)
        scores = _scores(recording, solver)
        known = [(c, scores[number]) for number, c in recording.of(solver) if number in scores]
        if len(known) > features.count // 2 and known[0][0] == space.default and recording.scene is not None:
            x = np.array([features.vector(defaults | configuration.values) for configuration, _ in known])
            y = np.array([score for _, score in known]) - known[0][1]
            told.append((x, np.minimum(y, FAILED), np.full(len(y), float(len(recording.scene.instances)))))
    return learnt(features, told)


def main() -> None:
    for solver in SOLVERS:
        prior = made(families(), solver)
        if prior is NOTHING:
            continue
        path = SHIPPED / f"{solver}.toml"
        path.parent.mkdir(exist_ok=True)
        lines = [f'"{label}" = [{prior.mean[label]}, {prior.deviation[label]}]' for label in prior.mean]
        path.write_text("\n".join((HEAD, *lines, "")), encoding="utf-8")
        print(f"{path}: {len(lines)} effects")


def _scores(recording: Recording, solver: str) -> dict[int, float]:
    """Return the mean score of each configuration of a solver that was recorded on every model."""
    assert recording.scene is not None
    cutoff, count = recording.scene.cutoff, len(recording.scene.instances)
    scores = {}
    for number, _ in recording.of(solver):
        entries = [recording.entries.get(Cell(number, place, 0)) for place in range(count)]
        first = [entry for entry in entries[:GIVE_UP] if entry is not None]
        if len(first) < GIVE_UP or (None in entries and any(e.outcome is Outcome.SOLVED for e in first)):
            continue
        costs = [e.cpu if e is not None and e.outcome is Outcome.SOLVED else 10 * cutoff for e in entries]
        scores[number] = fmean(math.log(0.01 * cutoff + cost) for cost in costs)
    return scores


if __name__ == "__main__":
    main()

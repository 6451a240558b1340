"""What the recordings say of the effects of parameters: by family, and as knowledge made of some of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from statistics import fmean

import numpy as np

from bench._models import models_of
from bench._recording import FOLDER, Cell, Outcome, Recording, known_today
from bench.record import GIVE_UP
from instances.families import FAMILIES
from storage.records import Configuration
from tuner.follower.solvers import default_space
from tuner.leader.features import Features, Floats
from tuner.leader.knowledge import LARGEST, Family, Knowledge
from tuner.leader.study import distributions

FEWEST = 30
"""Recorded configurations of a family that tell enough."""
FAILED = 1.0
"""A configuration's score less the default's counts as no more than this: it may have solved nothing."""


@dataclass(frozen=True, eq=False)
class Told:
    """What a recording says of a solver's configurations."""

    configurations: list[Configuration]
    """The default first."""
    x: Floats
    """Their features, shape (configurations, features)."""
    y: Floats
    """Their mean scores less the default's, from -`LARGEST` to `FAILED`; shape (configurations,)."""
    instances: int
    """How many models the means rest on."""


def families() -> list[str]:
    """Return the recordings of generated families: other folders of models are no family."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl") if path.stem in FAMILIES)


def made(names: Iterable[str], solver: str) -> Knowledge:
    """Return the knowledge of a solver made of these recordings."""
    found = [family for name in names if (family := _family(name, solver)) is not None]
    return Knowledge.learnt(features_of(solver).labels, found)


@cache
def features_of(solver: str) -> Features:
    """Return the features of a solver's space."""
    space = default_space(solver)
    return Features(distributions(space), {parameter.name: parameter.default for parameter in space.parameters})


@cache
def told(name: str, solver: str) -> Told | None:
    """Return what a recording says of a solver; None when it is too little, or nothing was solved by anything."""
    space, features = default_space(solver), features_of(solver)
    defaults = {parameter.name: parameter.default for parameter in space.parameters}
    recording = Recording(name)
    scores = _scores(recording, solver)
    today = known_today(recording.of(solver), space)
    known = [(configuration, scores[number]) for number, configuration in today.items() if number in scores]
    is_silent = len({score for _, score in known}) < 2
    if is_silent or len(known) < FEWEST or known[0][0] != space.default or recording.scene is None:
        return None
    x = np.array([features.vector(defaults | configuration.values) for configuration, _ in known])
    y = np.array([score for _, score in known]) - known[0][1]
    return Told([c for c, _ in known], x, np.clip(y, -LARGEST, FAILED), len(recording.scene.instances))


@cache
def _family(name: str, solver: str) -> Family | None:
    found = told(name, solver)
    if found is None:
        return None
    instances = np.full(len(found.y), float(found.instances))
    return Family.of(name, FAMILIES[name].title, models_of(name), found.x, found.y, instances)


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

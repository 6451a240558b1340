"""A world in which recorded followers answer at once: the table where it knows a run, a surrogate where it does not.

The logarithm of a run's seconds is what the configuration takes on the instance plus the solver seed's noise, whose
spread is estimated from the part that was recorded under several seeds. For configurations that were not recorded, a
forest of regression trees predicts the logarithms on all instances; what it gets wrong of recorded configurations that
its trees have not seen is added as noise of the same size, drawn by hashing, so that the landscape is as rugged as the
real one and the same whenever it is asked.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from bench._recording import Outcome, Recording
from storage.records import Check, Claim, Configuration, Response, Run, Termination
from tests.simulation import chance
from tuner.follower.solvers import default_space
from tuner.leader.draws import place_of
from tuner.space import Boolean, Choice, Space

NORMAL = NormalDist()
TREES = 80
TICK = 0.005
"""Seconds added before taking logarithms: less cannot be told apart."""
BEYOND = math.log(2.0)
"""An unsolved run is taken to need twice the cutoff."""
OVERHEAD = 0.01
"""Wall seconds of a run beyond its CPU seconds."""
GRID = 0.125
"""Configurations whose numbers share a cell of this part of their range share the surrogate's noise."""


@dataclass(frozen=True)
class Quality:
    """How good a surrogate is, judged by configurations its trees have not seen."""

    configurations: int
    spread: float
    """Standard deviation of the recorded configurations' mean log seconds."""
    error: float
    """Root mean square error of the predicted mean log seconds of a configuration."""
    individual: float
    """The same of a configuration on one instance, beyond its mean and the seed's noise."""
    noise: float
    """Standard deviation of log seconds over seeds."""


class World:
    """What the recorded solvers answer, for any configuration of their spaces."""

    def __init__(self, recording: Recording, solvers: Sequence[str]) -> None:
        """Learn from a recording what these solvers do."""
        assert recording.scene is not None, "an empty recording"
        self.name = recording.scene.name
        self.cutoff = recording.scene.cutoff
        self.instances = [f"{place:064x}" for place in range(len(recording.scene.instances))]
        self._index = {instance: place for place, instance in enumerate(self.instances)}
        self.spaces = {solver: default_space(solver) for solver in solvers}
        self._solvers = {solver: _Surrogate(recording, space) for solver, space in self.spaces.items()}
        self._logs: dict[Configuration, NDArray[np.float64]] = {}

    def quality(self, solver: str) -> Quality:
        """Return how well a solver's surrogate predicts."""
        return self._solvers[solver].quality

    def logs(self, configuration: Configuration) -> NDArray[np.float64]:
        """Return the mean over seeds of the logarithm of the seconds, shape (instances,)."""
        found = self._logs.get(configuration)
        if found is None:
            found = self._logs[configuration] = self._solvers[configuration.solver].logs(configuration)
        return found

    def cpu(self, configuration: Configuration, place: int, seed: int) -> float:
        """Return the seconds of a run that is not limited."""
        noise = self._solvers[configuration.solver].quality.noise
        drawn = NORMAL.inv_cdf(chance(self.name, configuration.key, place, seed))
        return max(0.0, math.exp(float(self.logs(configuration)[place]) + noise * drawn) - TICK)

    def answer(self, run: Run) -> Response:
        """Return what a run yields."""
        place = self._index[run.instance]
        solver = self._solvers[run.configuration.solver]
        if (run.configuration, place) in solver.outside:
            return Response(Termination.CRASHED, cpu=0.01, wall=0.01 + OVERHEAD, reason="as recorded")
        cpu = self.cpu(run.configuration, place, run.seed)
        if cpu > run.limit:
            return Response(Termination.EXITED, Claim.NOTHING, cpu=run.limit, wall=run.limit + OVERHEAD)
        return Response(Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, gap=0.0, cpu=cpu, wall=cpu + OVERHEAD)

    def score(self, configuration: Configuration, places: Sequence[int]) -> float:
        """Return the logarithm of the shifted geometric mean of PAR10 on these instances, free of seeds' noise."""
        shift = 0.01 * self.cutoff
        seconds = np.exp(self.logs(configuration)[list(places)]) - TICK
        costs = np.where(seconds > self.cutoff, 10 * self.cutoff, seconds)
        return float(np.mean(np.log(shift + costs)))


class _Surrogate:
    """One solver on the recorded instances."""

    def __init__(self, recording: Recording, space: Space) -> None:
        assert recording.scene is not None
        self._space = space
        self._name = recording.scene.name
        cutoff, instances = recording.scene.cutoff, len(recording.scene.instances)
        numbers = dict(recording.of(space.solver))
        cells: dict[tuple[int, int], list[float]] = defaultdict(list)
        self.outside: set[tuple[Configuration, int]] = set()
        beyond = math.log(cutoff) + BEYOND
        for cell, entry in recording.entries.items():
            if cell.configuration in numbers:
                solved = entry.outcome is Outcome.SOLVED
                cells[cell.configuration, cell.instance].append(math.log(entry.cpu + TICK) if solved else beyond)
                if entry.outcome is Outcome.OUTSIDE:
                    self.outside.add((numbers[cell.configuration], cell.instance))
        table = np.full((len(numbers), instances), beyond)
        rows = {number: row for row, number in enumerate(numbers)}
        for (number, place), logs in cells.items():
            table[rows[number], place] = np.mean(logs)
        self._table = {configuration: table[rows[number]] for number, configuration in numbers.items()}
        within = [np.var(logs, ddof=1) for logs in cells.values() if len(logs) > 1 and max(logs) < beyond]
        noise = math.sqrt(np.mean(within)) if within else 0.0
        features = np.array([self._vector(configuration) for configuration in numbers.values()])
        self._forest = RandomForestRegressor(
            TREES, min_samples_leaf=2, max_features=0.6, oob_score=True, random_state=0
        ).fit(features, table)
        missed = self._forest.oob_prediction_ - table
        error = float(np.sqrt(np.mean(missed.mean(axis=1) ** 2)))
        individual = float(np.mean((missed - missed.mean(axis=1, keepdims=True)) ** 2)) - noise**2
        self.quality = Quality(
            len(numbers), float(np.std(table.mean(axis=1))), error, math.sqrt(max(0.0, individual)), noise
        )

    def logs(self, configuration: Configuration) -> NDArray[np.float64]:
        known = self._table.get(configuration)
        if known is not None:
            return known
        vector = self._vector(configuration)
        row = np.asarray([vector], dtype=np.float32)
        predicted = np.mean([tree.tree_.predict(row).ravel() for tree in self._forest.estimators_], axis=0)
        cell = tuple(round(value / GRID) for value in vector)
        general = self.quality.error * NORMAL.inv_cdf(chance(self._name, self._space.solver, cell))
        own = [
            self.quality.individual * NORMAL.inv_cdf(chance(self._name, self._space.solver, cell, place))
            for place in range(len(predicted))
        ]
        return np.asarray(predicted + general + np.array(own))

    def _vector(self, configuration: Configuration) -> list[float]:
        return vector(self._space, configuration)


def vector(space: Space, configuration: Configuration) -> list[float]:
    """Return a configuration as numbers from 0 to 1: one for a number, one for each value of a choice."""
    values: Mapping[str, object] = configuration.values
    numbers: list[float] = []
    for parameter in space.parameters:
        value = values.get(parameter.name, parameter.default)
        if isinstance(parameter.domain, Boolean):
            numbers.append(float(bool(value)))
        elif isinstance(parameter.domain, Choice):
            numbers.extend(float(value == each) for each in parameter.domain.values)
        else:
            numbers.append(place_of(parameter.domain, float(value)))  # type: ignore[arg-type]
    return numbers

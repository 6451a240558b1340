"""A world in which recorded followers answer at once: the table where it knows a run, a surrogate where it does not.

The logarithm of a run's seconds is what the configuration takes on the instance plus the solver seed's noise, whose
spread on each instance is estimated from the part that was recorded under several seeds. For configurations that were
not recorded, it is one draw from a Gaussian process through the recorded ones: effects of single changes and of pairs
of changes, on average and on each instance, and what is neither, in the shares that the recording shows. So the
landscape is as rugged as the real one, and what is good about a configuration is shared by its neighbours as far as it
really is. What a configuration does on average, it does on each instance as many times over as the recording shows: a
model that is solved at the root tells nothing of anybody. Each draw is another world that the recording allows for.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench._recording import Outcome, Recording, known_today
from storage.records import Check, Claim, Configuration, Response, Run, Termination, Value
from tests.simulation import chance
from tuner.follower.solvers import default_space
from tuner.leader.features import Features
from tuner.leader.study import distributions
from tuner.space import Space

NORMAL = NormalDist()
TICK = 0.005
"""Seconds added before taking logarithms: less cannot be told apart."""
BEYOND = math.log(2.0)
"""An unsolved run is taken to need twice the cutoff."""
OVERHEAD = 0.01
"""Wall seconds of a run beyond its CPU seconds."""
GRID = 0.125
"""Configurations whose numbers share a cell of this part of their range share what is neither of changes nor pairs."""
WORST = 1.5
"""Log seconds beyond the default's that are told apart."""
BELOW = 0.1
"""Log seconds by which a configuration may be faster on an instance than any that was recorded there."""
SINGLES = (0.05, 0.1, 0.15, 0.2, 0.3)
PAIRS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
WHITES = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2)
"""Scales that are tried."""
USUAL = 8
"""The noise that is usual counts so many degrees of freedom in the estimate of an instance's own."""
JITTER = 1e-6


@dataclass(frozen=True)
class Quality:
    """How good a surrogate is, judged by configurations that it was not told of."""

    configurations: int
    spread: float
    """Standard deviation of the recorded configurations' mean log seconds."""
    error: float
    """Root mean square error of the predicted mean log seconds of a configuration, from all others."""
    individual: float
    """The same of a configuration on one instance, beyond its mean; the seed's noise is part of it."""
    noise: float
    """Standard deviation of log seconds over seeds."""
    pairs: float
    """Standard deviation of what pairs of changes do to the mean log seconds."""


class World:
    """What the recorded solvers answer, for any configuration of their spaces."""

    def __init__(self, recording: Recording, solvers: Sequence[str], draw: int = 0) -> None:
        """Learn from a recording what these solvers do; each ``draw`` is another world."""
        assert recording.scene is not None, "an empty recording"
        self.name = recording.scene.name
        self.cutoff = recording.scene.cutoff
        self.instances = [f"{place:064x}" for place in range(len(recording.scene.instances))]
        self._index = {instance: place for place, instance in enumerate(self.instances)}
        self.spaces = {solver: default_space(solver) for solver in solvers}
        self._solvers = {solver: _Surrogate(recording, space, draw) for solver, space in self.spaces.items()}
        self._logs: dict[Configuration, NDArray[np.float64]] = {}

    def quality(self, solver: str) -> Quality:
        """Return how well a solver's surrogate predicts."""
        return self._solvers[solver].quality

    def recorded(self, solver: str) -> list[Configuration]:
        """Return a solver's configurations that were recorded, its default first."""
        return self._solvers[solver].recorded

    def logs(self, configuration: Configuration) -> NDArray[np.float64]:
        """Return the mean over seeds of the logarithm of the seconds, shape (instances,)."""
        found = self._logs.get(configuration)
        if found is None:
            found = self._logs[configuration] = self._solvers[configuration.solver].logs(configuration)
        return found

    def cpu(self, configuration: Configuration, place: int, seed: int) -> float:
        """Return the seconds of a run that is not limited."""
        noise = self._solvers[configuration.solver].noise[place]
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

    def __init__(self, recording: Recording, space: Space, draw: int) -> None:
        self._space = space
        self._fit = fit = _fit(recording, space.solver)
        self._name = f"{fit.name}-{draw}" if draw else fit.name
        self.outside, self.noise, self.quality = fit.outside, fit.noise, fit.quality
        random = np.random.default_rng([draw, *fit.name.encode(), *space.solver.encode()])
        self._general = fit.general.drawn(random)
        self._own = fit.own.drawn(random)

    @property
    def recorded(self) -> list[Configuration]:
        return list(self._fit.table)

    def logs(self, configuration: Configuration) -> NDArray[np.float64]:
        fit = self._fit
        known = fit.table.get(configuration)
        if known is not None:
            return known
        x = fit.features.vector(fit.defaults | configuration.values)
        cell = tuple(round(float(value) / GRID) for value in x)
        white = fit.own.white * np.array(
            [NORMAL.inv_cdf(chance(self._name, self._space.solver, cell, place)) for place in range(len(fit.default))]
        )
        general = self._general(x) + fit.general.white * NORMAL.inv_cdf(chance(self._name, self._space.solver, cell))
        own = fit.scale * (self._own(x) + white)
        return np.maximum(fit.default + fit.share * (general - own.mean()) + own, fit.least)


@dataclass(frozen=True)
class _Fit:
    """What a recording says of a solver."""

    name: str
    features: Features
    defaults: Mapping[str, Value]
    table: Mapping[Configuration, NDArray[np.float64]]
    outside: frozenset[tuple[Configuration, int]]
    default: NDArray[np.float64]
    """Logarithms of the default's seconds."""
    least: NDArray[np.float64]
    """Logarithms of seconds that no configuration stays below: a little less than what any was recorded with."""
    noise: NDArray[np.float64]
    """Standard deviation over seeds on each instance."""
    general: Landscape
    """What a configuration does on average."""
    share: NDArray[np.float64]
    """How many times that it does on each instance; 1 on average."""
    own: Landscape
    """What it does on each instance beyond that ..."""
    scale: NDArray[np.float64]
    """... in units of this."""
    quality: Quality


@cache
def _fit(recording: Recording, solver: str) -> _Fit:
    assert recording.scene is not None
    space = default_space(solver)
    cutoff, instances = recording.scene.cutoff, len(recording.scene.instances)
    numbers = known_today(recording.of(solver), space)
    cells: dict[tuple[int, int], list[float]] = defaultdict(list)
    outside = set()
    beyond = math.log(cutoff) + BEYOND
    for cell, entry in recording.entries.items():
        if cell.configuration in numbers:
            solved = entry.outcome is Outcome.SOLVED
            cells[cell.configuration, cell.instance].append(math.log(entry.cpu + TICK) if solved else beyond)
            if entry.outcome is Outcome.OUTSIDE:
                outside.add((numbers[cell.configuration], cell.instance))
    table = np.full((len(numbers), instances), beyond)
    rows = {number: row for row, number in enumerate(numbers)}
    for (number, place), logs in cells.items():
        table[rows[number], place] = np.mean(logs)
    noise = _noise({cell: logs for cell, logs in cells.items() if max(logs) < beyond}, instances)
    defaults = {parameter.name: parameter.default for parameter in space.parameters}
    features = Features(distributions(space), defaults)
    x = np.array([features.vector(defaults | configuration.values) for configuration in numbers.values()])
    assert not x[0].any(), "the default is recorded first"
    change = np.minimum(table - table[0], WORST)
    mean = change.mean(axis=1)
    share = change.T @ mean / (mean @ mean)
    rest = change - np.outer(mean, share)
    scale = np.sqrt((rest**2).mean(axis=0)) + TICK
    general = Landscape(x, mean[:, None], float(np.mean(noise**2)) / instances)
    own = Landscape(x, rest / scale, float(np.mean((noise / scale) ** 2)))
    individual = float(np.sqrt(np.mean((own.errors * scale) ** 2)))
    usual = float(np.sqrt(np.mean(noise**2)))
    return _Fit(
        recording.scene.name,
        features,
        defaults,
        {configuration: table[rows[number]] for number, configuration in numbers.items()},
        frozenset(outside),
        table[0],
        table.min(axis=0) - BELOW,
        noise,
        general,
        share,
        own,
        scale,
        Quality(len(numbers), float(np.std(mean)), float(general.errors[0]), individual, usual, general.pairs),
    )


def _noise(cells: Mapping[tuple[int, int], Sequence[float]], instances: int) -> NDArray[np.float64]:
    """Return the standard deviation over seeds on each instance, drawn towards what is usual."""
    squares, freedom = np.zeros(instances), np.zeros(instances)
    for (_, place), logs in cells.items():
        squares[place] += len(logs) * np.var(logs)
        freedom[place] += len(logs) - 1
    if not freedom.any():
        return squares
    usual = squares.sum() / freedom.sum()
    return np.asarray(np.sqrt((squares + USUAL * usual) / (freedom + USUAL)))


class Landscape:
    """Functions of configurations: effects of single features and of pairs of them, and what is neither.

    A Gaussian process whose kernel is a sum: linear, quadratic, and white. Its three scales are the likeliest ones. It
    is zero at the default.
    """

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64], noise: float) -> None:
        """Fit the scales to values.

        Args:
            x: configurations, shape (configurations, features).
            y: values of one or more functions, shape (configurations, functions).
            noise: variance of the values' noise.

        """
        self._x, self._y, self._noise = x, y, noise
        self._unit = float(np.mean((x**2).sum(axis=1) ** 2)) ** -0.25
        """Times this, features are as long as to have typical pairs of variance 1."""
        linear = x @ x.T
        quadratic = (self._unit**2 * linear) ** 2
        best = -math.inf
        for single, pair, white in product(SINGLES, PAIRS, WHITES):
            covariance = single**2 * linear + pair**2 * quadratic + (white**2 + noise + JITTER) * np.eye(len(x))
            lower = np.linalg.cholesky(covariance)
            half = np.linalg.solve(lower, y)
            likelihood = -0.5 * float((half**2).sum()) - y.shape[1] * float(np.log(np.diag(lower)).sum())
            if likelihood > best:
                best, self.singles, self.pairs, self.white = likelihood, single, pair, white
                self._inverse = np.linalg.inv(covariance)
        missed = (self._inverse @ y) / np.diag(self._inverse)[:, None]
        self.errors = np.sqrt(np.mean(missed[1:] ** 2, axis=0))
        """Root mean square error of a configuration's values, predicted from all others; shape (functions,)."""

    def drawn(self, random: np.random.Generator) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """Return functions that go through the values as far as their noise lets them, drawn from all that do.

        Each takes a configuration, shape (features,), to values, shape (functions,), without the white part. (By
        Matheron's rule: a draw from the prior is corrected by what it gets wrong.)
        """
        count, functions = self._x.shape[1], self._y.shape[1]
        x = self._unit * self._x
        single = random.normal(0.0, self.singles, (functions, count))
        pairs = random.normal(0.0, self.pairs, (functions, count, count))
        noise = random.normal(0.0, math.sqrt(self.white**2 + self._noise + JITTER), self._y.shape)
        prior = self._x @ single.T + np.einsum("ni,fij,nj->nf", x, pairs, x, optimize=True)
        correction = self._inverse @ (self._y - prior - noise)
        single += self.singles**2 * correction.T @ self._x
        pairs += self.pairs**2 * np.einsum("nf,ni,nj->fij", correction, x, x, optimize=True)

        def values(at: NDArray[np.float64]) -> NDArray[np.float64]:
            scaled = self._unit * at
            return np.asarray(single @ at + (pairs @ scaled) @ scaled)

        return values

"""What others do with the same responses: the strategies of SMAC3, irace and an Optuna script, re-enacted.

Each does what its documentation says, at its recommended settings, and gets two advantages that the real one has not:
all slots are always busy (one sequence of runs spends the slots' seconds together), and thinking is free. Where a mean
is compared, it is of the logarithms of the costs that the result is judged by.
"""

from __future__ import annotations

import math
import random
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import fmean, median

import numpy as np
import optuna
from scipy import stats
from sklearn.ensemble import RandomForestRegressor

from bench._world import OVERHEAD, World
from storage.records import Configuration, Value
from tuner.leader.draws import Draws, at, place_of
from tuner.leader.study import distributions, tidy
from tuner.space import Boolean, Choice, Space

Pair = tuple[int, int]
"""(place of the instance, seed)"""


class Spent(Exception):
    """The budget is used up."""


@dataclass
class Purse:
    """The slots' seconds, and what they buy."""

    world: World
    places: Sequence[int]
    """The training instances."""
    left: float
    """Seconds, of all slots together."""
    runs: int = 0
    costs: dict[Configuration, dict[Pair, float]] = field(default_factory=lambda: defaultdict(dict))
    """PAR10 seconds of the runs that were not capped, or ended within their cap."""

    @property
    def shift(self) -> float:
        """What is added before a logarithm is taken."""
        return 0.01 * self.world.cutoff

    def execute(self, configuration: Configuration, pair: Pair, limit: float = math.inf) -> float | None:
        """Return the PAR10 seconds; None when the cap ended the run. Raises Spent when the budget ends first."""
        known = self.costs[configuration].get(pair)
        if known is not None:
            return known
        cutoff = self.world.cutoff
        cpu, limit = self.world.cpu(configuration, *pair), min(limit, cutoff)
        self.left -= min(cpu, limit) + OVERHEAD
        if self.left < 0:
            raise Spent
        self.runs += 1
        if cpu > limit and limit < cutoff:
            return None
        cost = cpu if cpu <= cutoff else 10 * cutoff
        self.costs[configuration][pair] = cost
        return cost

    def scores(self, configuration: Configuration, pairs: Sequence[Pair]) -> list[float]:
        """Return the logarithms of the costs on these pairs."""
        costs = self.costs[configuration]
        return [math.log(self.shift + costs[pair]) for pair in pairs]

    def seconds(self, configuration: Configuration, pairs: Sequence[Pair]) -> float:
        """Return what the runs on these pairs took together."""
        return sum(min(self.costs[configuration][pair], self.world.cutoff) for pair in pairs)


Strategy = Callable[[Purse, int], Configuration]
"""Spends a purse, with a seed; returns the final incumbent."""


class _Field:
    """The configurations of one or several solvers as one space."""

    def __init__(self, spaces: Mapping[str, Space], seed: int) -> None:
        self.spaces, self.random = spaces, random.Random(seed)
        self.draws = Draws(self.random)

    def any(self) -> Configuration:
        """Return a configuration drawn uniformly."""
        space = self.spaces[self.random.choice(list(self.spaces))]
        return space.configuration({p.name: self.draws.value(p.domain) for p in space.parameters})

    def vector(self, configuration: Configuration) -> list[float]:
        """Return it as numbers, the other solvers' parameters at their defaults."""
        numbers: list[float] = []
        for solver, space in self.spaces.items():
            own = configuration if configuration.solver == solver else space.default
            numbers += [float(configuration.solver == solver), *_vector(space, own)]
        return numbers


def _vector(space: Space, configuration: Configuration) -> list[float]:
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


# SMAC3


def smac(purse: Purse, seed: int) -> Configuration:
    """Mean test along the incumbent's runs in doubling batches, adaptive capping; every second challenger by a forest.

    Hutter, Hoos, Leyton-Brown 2011; Lindauer et al. 2022.
    """
    spaces, field_ = purse.world.spaces, _Field(purse.world.spaces, seed)
    incumbent = next(iter(spaces.values())).default
    pairs: list[Pair] = []
    fresh = _pairs(purse.places, field_.random)
    tried = {incumbent}
    try:
        while True:
            pair = next(fresh)
            purse.execute(incumbent, pair)
            pairs.append(pair)
            for number in range(2):
                model = number == 0 and len(tried) > 2
                challenger = _expected_improvement(purse, field_, incumbent, tried) if model else field_.any()
                if challenger in tried:
                    continue
                tried.add(challenger)
                if _intensified(purse, challenger, incumbent, pairs, field_.random):
                    incumbent = challenger
    except Spent:
        return incumbent


SLACK = 1.2
"""SMAC's slack factor of adaptive capping."""


def _intensified(
    purse: Purse, challenger: Configuration, incumbent: Configuration, pairs: list[Pair], generator: random.Random
) -> bool:
    """Return whether the challenger's mean is lower on all of the incumbent's pairs."""
    order = generator.sample(pairs, len(pairs))
    done: list[Pair] = []
    batch = 1
    while order:
        for pair in order[:batch]:
            allowed = SLACK * purse.seconds(incumbent, [*done, pair]) - purse.seconds(challenger, done)
            if allowed <= 0 or purse.execute(challenger, pair, allowed) is None:
                return False
            done.append(pair)
        order, batch = order[batch:], 2 * batch
        if fmean(purse.scores(challenger, done)) > fmean(purse.scores(incumbent, done)):
            return False
    return True


def _expected_improvement(
    purse: Purse, field_: _Field, incumbent: Configuration, tried: set[Configuration]
) -> Configuration:
    known = [(c, list(costs)) for c, costs in purse.costs.items() if costs]
    means = _instance_means(purse)
    values = np.array(
        [fmean(s - means[p[0]] for s, p in zip(purse.scores(c, pairs), pairs, strict=True)) for c, pairs in known]
    )
    forest = RandomForestRegressor(
        10, min_samples_leaf=3, max_features=5 / 6, random_state=field_.random.randrange(2**31)
    )
    forest.fit([field_.vector(c) for c, _ in known], values)
    best = [known[k][0] for k in np.argsort(values)[:5]]
    candidates = [field_.any() for _ in range(150)]
    candidates += [
        field_.draws.mutation(purse.world.spaces[parent.solver], parent)
        for parent in (incumbent, *best)
        for _ in range(25)
    ]
    rows = np.array([field_.vector(c) for c in candidates], dtype=np.float32)
    votes = np.array([tree.tree_.predict(rows).ravel() for tree in forest.estimators_])
    mean, deviation = votes.mean(axis=0), np.maximum(votes.std(axis=0), 1e-3)
    z = (values.min() - mean) / deviation
    gain = deviation * (z * stats.norm.cdf(z) + stats.norm.pdf(z))
    order = np.argsort(-gain)
    return next((candidates[k] for k in order if candidates[k] not in tried), candidates[order[0]])


def _instance_means(purse: Purse) -> dict[int, float]:
    """Return the mean score of every instance, so that partial means can be compared."""
    scores: dict[int, list[float]] = defaultdict(list)
    for configuration, costs in purse.costs.items():
        for pair, score in zip(costs, purse.scores(configuration, list(costs)), strict=True):
            scores[pair[0]].append(score)
    return {place: fmean(values) for place, values in scores.items()}


def _pairs(places: Sequence[int], generator: random.Random) -> Iterator[Pair]:
    """Yield (instance, seed) pairs for ever: all instances in random order, then again with another seed."""
    seed = 0
    while True:
        for place in generator.sample(list(places), len(places)):
            yield place, seed
        seed += 1


# irace

FIRST_TEST = 5
"""Instances before the first test."""
LEVEL = 0.05


def irace(purse: Purse, seed: int) -> Configuration:
    """Iterated elitist races with t tests and capping; new configurations are drawn around the elites, ever closer.

    López-Ibáñez et al. 2016; Pérez Cáceres et al. 2017 for capping.
    """
    spaces, field_ = purse.world.spaces, _Field(purse.world.spaces, seed)
    parameters = sum(len(space.parameters) for space in spaces.values())
    iterations = 2 + int(math.log2(parameters))
    survivors = 2 + int(math.log2(parameters))
    order = _pairs(purse.places, field_.random)
    pairs = [next(order) for _ in range(200)]
    elites = [space.default for space in spaces.values()]
    iteration = 0
    try:
        while True:
            iteration += 1
            share = purse.left / max(1, iterations - iteration + 1)
            known = [min(c, purse.world.cutoff) for costs in purse.costs.values() for c in costs.values()]
            mean = fmean(known) if known else 0.3 * purse.world.cutoff
            count = max(survivors + 1, int(share / mean / (FIRST_TEST + min(5, iteration))))
            fresh = [_sampled(field_, elites, iteration, iterations, count) for _ in range(count - len(elites))]
            elites = _raced(purse, list(dict.fromkeys([*elites, *fresh])), elites, pairs, purse.left - share, survivors)
    except Spent:
        return _leading(purse, elites, pairs)


def _raced(
    purse: Purse,
    alive: list[Configuration],
    elites: Sequence[Configuration],
    pairs: Sequence[Pair],
    until: float,
    survivors: int,
) -> list[Configuration]:
    """Race until few are alive or this race's share is spent; return the survivors, the best first."""
    old = max((len(purse.costs[elite]) for elite in elites), default=0)
    done: list[Pair] = []
    for number, pair in enumerate(pairs):
        done.append(pair)
        bound = _bound(purse, [e for e in elites if e in alive], done)
        for configuration in list(alive):
            left = math.inf
            if bound is not None and configuration not in elites:
                left = bound * len(done) + 0.01 - purse.seconds(configuration, done[:-1])
            if left <= 0 or purse.execute(configuration, pair, left) is None:
                alive.remove(configuration)
        if number + 1 >= FIRST_TEST and len(alive) > 1:
            alive = _tested(purse, alive, done)
        enough = number + 1 > max(old, FIRST_TEST)
        if (enough and len(alive) <= survivors) or purse.left < until:
            break
    alive.sort(key=lambda configuration: fmean(purse.scores(configuration, done)))
    return alive[:survivors]


def _bound(purse: Purse, elites: Sequence[Configuration], done: list[Pair]) -> float | None:
    """Return the median over elites of their mean seconds on these pairs."""
    known = [e for e in elites if all(pair in purse.costs[e] for pair in done)]
    return median(purse.seconds(e, done) / len(done) for e in known) if known else None


def _tested(purse: Purse, alive: list[Configuration], done: list[Pair]) -> list[Configuration]:
    """Drop whoever a paired t test calls worse than the best."""
    scores = {c: np.array(purse.scores(c, done)) for c in alive}
    best = min(alive, key=lambda c: scores[c].mean())
    kept = []
    for configuration in alive:
        difference = scores[configuration] - scores[best]
        spread = difference.std(ddof=1)
        worse = spread > 0 and difference.mean() / (spread / math.sqrt(len(done))) > stats.t.ppf(
            1 - LEVEL, len(done) - 1
        )
        if not worse:
            kept.append(configuration)
    return kept


def _leading(purse: Purse, elites: Sequence[Configuration], pairs: Sequence[Pair]) -> Configuration:
    def standing(configuration: Configuration) -> tuple[int, float]:
        done = [pair for pair in pairs if pair in purse.costs[configuration]]
        return -len(done), fmean(purse.scores(configuration, done)) if done else math.inf

    return min(elites, key=standing)


def _sampled(
    field_: _Field, elites: Sequence[Configuration], iteration: int, iterations: int, count: int
) -> Configuration:
    """Draw around an elite, the better the likelier: truncated normals for numbers, sharpened chances for choices."""
    if iteration == 1:
        return field_.any()
    weights = [len(elites) - rank for rank in range(len(elites))]
    parent = field_.random.choices(list(elites), weights)[0]
    space = field_.spaces[parent.solver]
    spread = 0.5 * (1.0 / count) ** ((iteration - 1) / len(space.parameters))
    stay = min(0.9, (iteration - 1) / iterations)
    values: dict[str, Value] = {}
    for parameter in space.parameters:
        value = parent.values.get(parameter.name, parameter.default)
        if isinstance(parameter.domain, (Boolean, Choice)):
            values[parameter.name] = value if field_.random.random() < stay else field_.draws.value(parameter.domain)
            continue
        place = -1.0
        while not 0.0 <= place <= 1.0:
            place = field_.random.gauss(place_of(parameter.domain, float(value)), spread)
        values[parameter.name] = at(parameter.domain, place)
    return space.configuration(values)


# An Optuna script

PRUNE = 0.1
"""The Wilcoxon pruner's p-value."""


def script(purse: Purse, seed: int) -> Configuration:
    """Run TPE with the Wilcoxon pruner: a trial executes all instances in random order, unless it is pruned before.

    As in Optuna's own documentation of the pruner: a pruned trial yields the mean so far. The default is tried first.
    """
    spaces = purse.world.spaces
    shapes = {solver: distributions(space) for solver, space in spaces.items()}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=PRUNE)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    generator = random.Random(seed)
    made: dict[int, Configuration] = {}
    for solver, space in spaces.items():
        study.enqueue_trial({"solver": solver} | {f"{solver}:{p.name}": p.default for p in space.parameters})

    def objective(trial: optuna.Trial) -> float:
        solver = trial.suggest_categorical("solver", list(spaces))
        values = {name: _suggested(trial, f"{solver}:{name}", shape) for name, shape in shapes[solver].items()}
        space = spaces[solver]
        configuration = space.configuration({name: tidy(space[name].domain, value) for name, value in values.items()})
        made[trial.number] = configuration
        scores = []
        for place in generator.sample(list(purse.places), len(purse.places)):
            purse.execute(configuration, (place, 0))
            scores += purse.scores(configuration, [(place, 0)])
            trial.report(scores[-1], place)
            if trial.should_prune():
                break
        return fmean(scores)

    with suppress(Spent):
        study.optimize(objective)
    done = [trial for trial in study.trials if trial.state.is_finished() and trial.value is not None]
    return made[min(done, key=lambda trial: trial.value).number] if done else next(iter(spaces.values())).default


def _suggested(trial: optuna.Trial, name: str, shape: optuna.distributions.BaseDistribution) -> Value:
    if isinstance(shape, optuna.distributions.CategoricalDistribution):
        return trial.suggest_categorical(name, shape.choices)  # type: ignore[return-value]
    if isinstance(shape, optuna.distributions.IntDistribution):
        return trial.suggest_int(name, shape.low, shape.high, log=shape.log)
    assert isinstance(shape, optuna.distributions.FloatDistribution)
    return trial.suggest_float(name, shape.low, shape.high, log=shape.log)


STRATEGIES: dict[str, Strategy] = {"SMAC3": smac, "irace": irace, "Optuna": script}

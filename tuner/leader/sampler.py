"""Where challengers come from: single changes of the default, the model, mutations of the best, and chance."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence

from storage.records import Configuration, Value
from tuner.leader.study import Study, tidy
from tuner.space import Boolean, Choice, Domain, Float, Integer, Parameter, Space

FLIP, MODEL, MUTATION, RANDOM = "flip", "model", "mutation", "random"
EARLY = 16
"""Among so many first challengers of a solver flips and random ones take turns: there is nothing to model yet."""
SHARES = {MODEL: 0.45, MUTATION: 0.35, FLIP: 0.1, RANDOM: 0.1}
"""Of the later challengers."""
KEEP = 0.5
"""Probability that a random configuration leaves a parameter at its default."""
STEP = 0.2
"""Standard deviation of a mutation of a number, as a part of its range."""
DRAWS = 30
"""How often a source is tried for something new before the next one is."""
DOUBT = 0.25
"""A solver whose best is worse by so much in score is proposed 1/e times as often."""


class Proposals:
    """Proposes configurations, each once."""

    def __init__(self, spaces: Mapping[str, Space], study: Study, seed: int) -> None:
        """Propose configurations of ``spaces``, partly from ``study``; the other randomness comes from ``seed``."""
        self._spaces = spaces
        self._study = study
        self._random = random.Random(seed)
        self._flips = {solver: self._shuffled_flips(space) for solver, space in spaces.items()}
        self._made = dict.fromkeys(spaces, 0)

    def next(
        self, parents: Mapping[str, Sequence[Configuration]], best: Mapping[str, float], model: bool
    ) -> tuple[Configuration, str] | None:
        """Return a configuration that was never proposed or adopted, and the source it is from.

        Args:
            parents: the configurations to mutate, by solver, the best first; the default when there is none.
            best: the best value so far of each solver that may be proposed.
            model: whether the model may be asked, which costs some CPU time.

        Returns None when nothing new was found: the spaces are exhausted, or nearly so.

        """
        for _ in range(2 * len(best)):
            solver = self._solver(best)
            for source in self._sources(solver, model):
                for _ in range(1 if source in (MODEL, FLIP) else DRAWS):
                    configuration = self._draw(source, solver, parents.get(solver, ()))
                    if configuration is not None and self._is_new(configuration):
                        self._made[solver] += 1
                        self._study.adopt(configuration)
                        return configuration, source
        return None

    def _solver(self, best: Mapping[str, float]) -> str:
        if len(best) == 1:
            return next(iter(best))
        lead = min(best.values())
        weights = [math.exp((lead - value) / DOUBT) for value in best.values()]
        return self._random.choices(list(best), weights)[0]

    def _sources(self, solver: str, model: bool) -> Iterator[str]:
        """Yield a source by its share, then the others for the case that it has nothing new."""
        if self._made[solver] < EARLY:
            yield FLIP if self._made[solver] % 2 == 0 else RANDOM
        else:
            shares = {source: share for source, share in SHARES.items() if model or source != MODEL}
            yield self._random.choices(list(shares), list(shares.values()))[0]
        yield from (MUTATION, RANDOM, FLIP)

    def _draw(self, source: str, solver: str, parents: Sequence[Configuration]) -> Configuration | None:
        space = self._spaces[solver]
        if source == MODEL:
            return self._study.ask(solver)
        if source == FLIP:
            flips = self._flips[solver]
            while flips:
                configuration = space.configuration(flips.pop())
                if self._is_new(configuration):
                    return configuration
            return None
        if source == MUTATION:
            return self._mutation(space, self._random.choice(parents) if parents else space.default)
        return self._any(space)

    def _is_new(self, configuration: Configuration) -> bool:
        space = self._spaces[configuration.solver]
        return not self._study.knows(configuration) and not space.forbids(configuration.values)

    def _shuffled_flips(self, space: Space) -> list[dict[str, Value]]:
        flips: list[dict[str, Value]] = []
        for parameter in space.parameters:
            enabling = {other: allowed[0] for other, allowed in parameter.when}
            flips.extend({**enabling, parameter.name: value} for value in _alternatives(parameter))
        self._random.shuffle(flips)
        return flips

    def _mutation(self, space: Space, parent: Configuration) -> Configuration:
        """Change one to three of the parent's active parameters."""
        values = space.complete(parent.values)
        for name in self._random.sample(sorted(values), min(len(values), self._random.choice((1, 1, 2, 2, 3)))):
            parameter = space[name]
            if values[name] != parameter.default and self._random.random() < 0.25:
                values[name] = parameter.default
            else:
                values[name] = self._near(parameter.domain, values[name])
        return space.configuration(values)

    def _any(self, space: Space) -> Configuration:
        values = {p.name: self._value(p.domain) for p in space.parameters if self._random.random() > KEEP}
        return space.configuration(values)

    def _value(self, domain: Domain) -> Value:
        if isinstance(domain, Boolean):
            return self._random.random() < 0.5
        if isinstance(domain, Choice):
            return self._random.choice(domain.values)
        return at(domain, self._random.random())

    def _near(self, domain: Domain, value: Value) -> Value:
        """Return another value: any for a choice, usually a close one for a number."""
        if isinstance(domain, Boolean):
            return not value
        if isinstance(domain, Choice):
            return self._random.choice([other for other in domain.values if other != value])
        if isinstance(value, str):
            raise TypeError(f"a number of the domain {domain} was expected, not {value!r}")
        place = place_of(domain, value) + self._random.gauss(0.0, STEP)
        return at(domain, place if 0.0 <= place <= 1.0 else self._random.random())


def _alternatives(parameter: Parameter) -> list[Value]:
    """Return what a parameter is flipped to: every other value of a choice, two others of a number."""
    domain = parameter.domain
    if isinstance(domain, Boolean):
        return [not parameter.default]
    if isinstance(domain, Choice):
        return [value for value in domain.values if value != parameter.default]
    return [value for value in dict.fromkeys((at(domain, 0.1), at(domain, 0.8))) if value != parameter.default]


def at(domain: Integer | Float, place: float) -> Value:
    """Return the value at a place of the domain, 0 its low end and 1 its high end, by its own scale."""
    if domain.log:
        value = math.exp(math.log(domain.low) + place * (math.log(domain.high) - math.log(domain.low)))
    else:
        value = domain.low + place * (domain.high - domain.low)
    value = min(max(value, domain.low), domain.high)
    return round(value) if isinstance(domain, Integer) else tidy(domain, value)


def place_of(domain: Integer | Float, value: float) -> float:
    """Return where in the domain a value is: the inverse of `at`."""
    if domain.log:
        return math.log(value / domain.low) / math.log(domain.high / domain.low)
    return (value - domain.low) / (domain.high - domain.low)

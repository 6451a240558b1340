"""Drawing configurations of a space: single changes of the default, mutations of a parent, and any at all."""

from __future__ import annotations

import math
import random

from storage.records import Configuration, Value
from tuner.leader.study import tidy
from tuner.space import Boolean, Choice, Domain, Float, Integer, Parameter, Space

KEEP = 0.5
"""Probability that a random configuration leaves a parameter at its default."""
STEP = 0.2
"""Standard deviation of a mutation of a number, as a part of its range."""


class Draws:
    """Draws configurations, known and forbidden ones among them."""

    def __init__(self, generator: random.Random) -> None:
        """Draw with this generator's randomness."""
        self._random = generator

    def flips(self, space: Space) -> list[Configuration]:
        """Return every change of a single parameter, with what enables it, in random order; numbers at two places."""
        flips: list[Configuration] = []
        for parameter in space.parameters:
            enabling = {other: allowed[0] for other, allowed in parameter.when}
            flips.extend(space.configuration({**enabling, parameter.name: value}) for value in _alternatives(parameter))
        flips = [flip for flip in dict.fromkeys(flips) if flip != space.default]
        self._random.shuffle(flips)
        return flips

    def mutation(self, space: Space, parent: Configuration) -> Configuration:
        """Change one to three of the parent's active parameters; what is not of the space is at its default."""
        values = space.complete(space.own(parent.values))
        for name in self._random.sample(sorted(values), min(len(values), self._random.choice((1, 1, 2, 2, 3)))):
            parameter = space[name]
            if values[name] != parameter.default and self._random.random() < 0.25:
                values[name] = parameter.default
            else:
                values[name] = self._near(parameter.domain, values[name])
        return space.configuration(values)

    def any(self, space: Space) -> Configuration:
        """Return a configuration with about half of its parameters changed."""
        values = {p.name: self.value(p.domain) for p in space.parameters if self._random.random() > KEEP}
        return space.configuration(values)

    def value(self, domain: Domain) -> Value:
        """Return a value of the domain drawn uniformly, by its own scale."""
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

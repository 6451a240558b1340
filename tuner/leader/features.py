"""Configurations as vectors that are zero at the default, so that effects of parameters are their coefficients.

A choice has an indicator for each value but the default; a number has its distance from the default, as a part of its
range by its own scale, and the square of that.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

PLACES = 9
"""How many values of a number are looked at."""

Floats = NDArray[np.float64]


class Features:
    """The features of a space."""

    def __init__(self, distributions: Mapping[str, BaseDistribution], defaults: Mapping[str, Any]) -> None:
        """Lay out the features; ``defaults`` has every parameter's value in the default."""
        self.axes = [Axis(name, shape, defaults[name]) for name, shape in distributions.items()]
        cuts = [0]
        for axis in self.axes:
            cuts.append(cuts[-1] + axis.features)
        self.parts = [slice(low, high) for low, high in pairwise(cuts)]
        self.count = cuts[-1]
        self.labels = [label for axis in self.axes for label in axis.labels]
        """A name for each feature."""

    def vector(self, values: Mapping[str, Any]) -> Floats:
        """Return the features of a configuration with a value for every parameter; shape (count,)."""
        return np.concatenate([axis.vector(values[axis.name]) for axis in self.axes]) if self.axes else np.zeros(0)

    def best(self, effects: Floats, generator: random.Random) -> dict[str, Any]:
        """Return the values that are best under these effects, shape (count,).

        Numbers are looked at in a few places, other ones each time.
        """
        values = {}
        for axis, part in zip(self.axes, self.parts, strict=True):
            offers, rows = axis.offers(generator)
            values[axis.name] = offers[int(np.argmin(rows @ effects[part]))]
        return values


class Axis:
    """One parameter."""

    def __init__(self, name: str, shape: BaseDistribution, default: Any) -> None:
        """Lay out the parameter's features."""
        self.name, self._shape, self.default = name, shape, default
        if isinstance(shape, CategoricalDistribution):
            self._others = [choice for choice in shape.choices if choice != default]
            self.features = len(self._others)
            self._values = [default, *self._others]
            self._rows = np.eye(len(self._values), len(self._others), -1)
            self._vectors = {
                choice: np.array([float(choice == other) for other in self._others]) for choice in shape.choices
            }
        else:
            self.features = 2
            self._origin = self._place(default)

    @property
    def labels(self) -> list[str]:
        """A name for each feature, from which it can be told in another version of the space."""
        shape = self._shape
        if isinstance(shape, CategoricalDistribution):
            return [f"{self.name}={choice} instead of {self.default}" for choice in self._others]
        assert isinstance(shape, (IntDistribution, FloatDistribution))
        scale = f"{self.name} in {shape.low:g} .. {shape.high:g}{' (log)' if shape.log else ''} from {self.default:g}"
        return [scale, f"{scale}, squared"]

    def vector(self, value: Any) -> Floats:
        """Return the features of a value.

        A choice that the space does not have counts as the default: a job that an earlier version began may have it.
        """
        if isinstance(self._shape, CategoricalDistribution):
            return self._vectors.get(value, self._vectors[self.default])
        away = self._place(value) - self._origin
        return np.array([away, away * away])

    def offers(self, generator: random.Random) -> tuple[list[Any], Floats]:
        """Return all values of a choice, or a few of a number, the default first; and their features, a row each."""
        if isinstance(self._shape, CategoricalDistribution):
            return self._values, self._rows
        places = [(k + generator.random()) / PLACES for k in range(PLACES)]
        values = [self.default, *map(self._at, places)]
        return values, np.array([self.vector(value) for value in values])

    def _place(self, value: Any) -> float:
        shape = self._shape
        assert isinstance(shape, (IntDistribution, FloatDistribution))
        if shape.log:
            return math.log(value / shape.low) / math.log(shape.high / shape.low)
        return float((value - shape.low) / (shape.high - shape.low))

    def _at(self, place: float) -> Any:
        shape = self._shape
        assert isinstance(shape, (IntDistribution, FloatDistribution))
        value = (
            shape.low * (shape.high / shape.low) ** place if shape.log else shape.low + place * (shape.high - shape.low)
        )
        value = min(max(value, shape.low), shape.high)
        return round(value) if isinstance(shape, IntDistribution) else value

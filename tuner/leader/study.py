"""What the leader's model knows of the configurations, and what it proposes next.

There is one sampler for each solver, over all of that solver's parameters, with inactive ones at their default: so
every configuration is a point of one flat space. Optuna's trials are final once told, but a racing configuration's
value is refined with every run; so the sampler, an Optuna one, is handed the latest values itself, every few asks.
(Optuna's tables, which `mirror` keeps, are for people.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from storage.records import Configuration, Value
from tuner.leader.additive import AdditiveSampler, Point
from tuner.leader.evidence import Difference
from tuner.leader.features import Floats
from tuner.leader.items import Items, Responses
from tuner.leader.prior import NOTHING, SCATTER, Prior
from tuner.space import Boolean, Domain, Float, Integer, Space

WINDOW = 2000
"""From how many configurations of a solver the sampler learns: the latest."""
NEWS = 6
"""How many values are told anew before the sampler learns again."""
REDRAWS = 8
"""How often a known or forbidden proposal is drawn again before the sampler gives up."""
BLANK = 6
"""Below so many configurations of a solver there is nothing to model."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A configuration that was executed."""

    x: Floats
    """Its features."""
    differences: Mapping[int, Difference]
    is_feasible: bool


class Study:
    """The model-based source of challengers behind ask, adopt and tell."""

    def __init__(self, spaces: Mapping[str, Space], seed: int, priors: Mapping[str, Prior] | None = None) -> None:
        """Start without any configuration; all randomness comes from ``seed``."""
        self._spaces = spaces
        self._defaults = {solver: {p.name: p.default for p in space.parameters} for solver, space in spaces.items()}
        self._known: dict[str, dict[Configuration, _Known | None]] = {solver: {} for solver in spaces}
        self._samplers = {
            solver: AdditiveSampler(
                distributions(space), self._defaults[solver], seed + number, (priors or {}).get(solver, NOTHING)
            )
            for number, (solver, space) in enumerate(spaces.items())
        }
        self._foreign: set[Configuration] = set()
        """Those that are not of their space."""
        self._items = {solver: Items() for solver in spaces}
        self._priors = priors or {}
        self._ready = set(self._priors)
        self._news = dict.fromkeys(spaces, 0)

    def adopt(self, configuration: Configuration) -> None:
        """Make a configuration known that is about to be executed; its value is told later.

        One that is not of the space, such as the user's own settings, teaches nothing of the space's parameters.
        """
        solver = configuration.solver
        if configuration not in self._known[solver]:
            self._known[solver][configuration] = None
            if not self._spaces[solver].has(configuration):
                self._foreign.add(configuration)

    def tell(self, configuration: Configuration, differences: Mapping[int, Difference], feasible: bool = True) -> None:
        """Set what is known of a configuration that was adopted, in place of what was told before.

        Args:
            configuration: one that was adopted.
            differences: its scores less the reference's, by instance.
            feasible: False when it gave a response outside C, however good its scores are.

        """
        solver = configuration.solver
        if configuration in self._foreign:
            return
        before = self._known[solver][configuration]
        if before is not None and before.differences == differences and before.is_feasible == feasible:
            return
        x = self._x(configuration) if before is None else before.x
        self._known[solver][configuration] = _Known(x, differences, feasible)
        self._news[solver] += 1

    def knows(self, configuration: Configuration) -> bool:
        """Whether the configuration was adopted."""
        return configuration in self._known[configuration.solver]

    def has_prior(self, solver: str) -> bool:
        """Whether something is known of a solver's effects before any configuration of it is."""
        return solver in self._priors

    def _learn(self, solver: str) -> bool:
        """Have the sampler learn when there is much news; return whether it has something to go by."""
        if self._news[solver] >= NEWS:
            points = self._points(solver)
            if len(points) >= BLANK or solver in self._priors:
                self._samplers[solver].learn(points)
                self._news[solver] = 0
                self._ready.add(solver)
        return solver in self._ready

    def ask(self, solver: str) -> Configuration | None:
        """Return a promising configuration that is not known yet, or None when there is none at hand."""
        sampler, space = self._samplers[solver], self._spaces[solver]
        if not self._learn(solver):
            return None
        for _ in range(REDRAWS):
            values = sampler.propose()
            configuration = space.configuration({name: tidy(space[name].domain, values[name]) for name in values})
            if not self.knows(configuration) and not space.forbids(configuration.values):
                return configuration
        return None

    def _x(self, configuration: Configuration) -> Floats:
        solver = configuration.solver
        return self._samplers[solver].features(self._defaults[solver] | configuration.values)

    def _points(self, solver: str) -> list[Point]:
        """Return what the sampler learns from: what every configuration is worth against the solver's own default.

        Where both were capped, nothing is known of which is better.
        """
        default = self._spaces[solver].default
        own = self._known[solver].get(default)
        base = {} if own is None else own.differences
        usual = Difference(fmean(default.score for default in base.values()) if base else 0.0)
        told = [each for c, each in self._known[solver].items() if each is not None and c != default][-WINDOW:]
        if not told:
            return []
        responses = Responses.of(
            (number, instance, seen.least - base.get(instance, usual).score, seen.is_capped)
            for number, each in enumerate(told)
            for instance, seen in (each.differences.items() if each.is_feasible else ())
            if not (seen.is_capped and base.get(instance, usual).is_capped)
        )
        expected, variance = self._samplers[solver].expect(np.array([each.x for each in told]))
        worth, error = self._items[solver].worth(responses, expected, variance)
        return [
            Point(each.x, float(worth[number]), float(error[number]))
            if each.is_feasible
            else Point(each.x, 0.0, SCATTER, feasible=False)
            for number, each in enumerate(told)
            if math.isfinite(error[number]) or not each.is_feasible
        ]


def tidy(domain: Domain, value: Value) -> Value:
    """Return the value with four significant digits when it is a real number: more of them mean nothing."""
    if isinstance(domain, Float) and isinstance(value, float):
        return min(max(float(f"{value:.4g}"), domain.low), domain.high)
    return value


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return Optuna's distribution of every parameter, by name, active or not."""
    return {parameter.name: _distribution(parameter.domain) for parameter in space.parameters}


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Boolean):
        return CategoricalDistribution((False, True))
    if isinstance(domain, Integer):
        return IntDistribution(domain.low, domain.high, log=domain.log)
    if isinstance(domain, Float):
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    return CategoricalDistribution(domain.values)

"""What Optuna's sampler knows of the configurations, and what it proposes next.

There is one Optuna study in memory for each solver, over all of that solver's parameters, with inactive ones at their
default: so that the multivariate estimator sees every trial as a point of one flat space, instead of the few parameters
that trials of several solvers, or of different branches of a condition, happen to share. Optuna's trials are final once
told, but a racing configuration's value is refined with every run. The studies are therefore filled afresh from the
latest values, every few asks, with a bounded number of trials: that bounds the cost of an ask too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from storage.records import Configuration, Value
from tuner.space import Boolean, Domain, Float, Integer, Space

WINDOW = 160
"""How many finished trials of a solver the sampler sees: the best quarter of them, and the latest."""
ASKS = 4
"""How many asks one filling of the study serves."""
REDRAWS = 4
"""How often a known or forbidden proposal is drawn again before the sampler gives up."""
BLANK = 8
"""Below so many finished trials of a solver there is nothing to model."""


@dataclass(frozen=True, slots=True)
class _Known:
    value: float | None
    feasible: bool
    number: int
    """Counts the configurations in the order in which they became known."""


class Study:
    """The model-based source of challengers: Optuna's TPE behind ask, adopt and tell."""

    def __init__(self, spaces: Mapping[str, Space], seed: int) -> None:
        """Start without any trial; all randomness comes from ``seed``."""
        self._spaces = spaces
        self._distributions = {solver: distributions(space) for solver, space in spaces.items()}
        self._known: dict[str, dict[Configuration, _Known]] = {solver: {} for solver in spaces}
        self._samplers = {
            solver: optuna.samplers.TPESampler(seed=seed + k, n_startup_trials=BLANK) for k, solver in enumerate(spaces)
        }
        self._studies: dict[str, tuple[optuna.Study, int]] = {}
        optuna.logging.set_verbosity(optuna.logging.WARNING)

    def adopt(self, configuration: Configuration) -> None:
        """Make a configuration known that is about to be executed; its value is told later."""
        known = self._known[configuration.solver]
        known.setdefault(configuration, _Known(None, True, len(known)))

    def tell(self, configuration: Configuration, value: float, feasible: bool = True) -> None:
        """Set the value of a known configuration, smaller is better, in place of the one told before.

        Args:
            configuration: one that was adopted.
            value: what is minimised.
            feasible: False when it gave a response outside C, however good its value is.

        """
        known = self._known[configuration.solver]
        known[configuration] = _Known(value, feasible, known[configuration].number)

    def knows(self, configuration: Configuration) -> bool:
        """Whether the configuration was adopted."""
        return configuration in self._known[configuration.solver]

    def ask(self, solver: str) -> Configuration | None:
        """Return a promising configuration that is not known yet, or None when there is none at hand."""
        study, asked = self._studies.get(solver, (None, ASKS))
        if study is None or asked >= ASKS:
            study, asked = self._filled(solver), 0
            if study is None:
                return None
        self._studies[solver] = (study, asked + 1)
        space = self._spaces[solver]
        for _ in range(REDRAWS):
            values = study.ask(self._distributions[solver]).params
            configuration = space.configuration({name: tidy(space[name].domain, values[name]) for name in values})
            if not self.knows(configuration) and not space.forbids(configuration.values):
                return configuration
        return None

    def _filled(self, solver: str) -> optuna.Study | None:
        known = self._known[solver]
        told = [item for item in known.items() if item[1].value is not None]
        if len(told) < BLANK:
            return None
        if len(told) > WINDOW:
            told.sort(key=lambda item: (not item[1].feasible, item[1].value))
            best, rest = told[: WINDOW // 4], told[WINDOW // 4 :]
            rest.sort(key=lambda item: item[1].number)
            told = best + rest[-(WINDOW - len(best)) :]
        study = optuna.create_study(sampler=self._samplers[solver])
        study.add_trials([self._trial(*item) for item in told])
        running = [item for item in list(known.items())[-WINDOW:] if item[1].value is None]
        study.add_trials([self._trial(*item) for item in running])
        return study

    def _trial(self, configuration: Configuration, known: _Known) -> FrozenTrial:
        space = self._spaces[configuration.solver]
        defaults: dict[str, Value] = {parameter.name: parameter.default for parameter in space.parameters}
        return optuna.trial.create_trial(
            state=TrialState.RUNNING if known.value is None else TrialState.COMPLETE,
            value=known.value,
            params=defaults | configuration.values,
            distributions=self._distributions[configuration.solver],
            constraints={"answer": 0.0 if known.feasible else 1.0},
        )


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

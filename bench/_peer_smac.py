"""SMAC3's AlgorithmConfigurationFacade, as its documentation recommends it for the configuration of algorithms."""

from __future__ import annotations

import logging
import os
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, Constant, Float, InCondition, Integer
from smac import AlgorithmConfigurationFacade, Scenario

from bench._peer import Client, Parameter, Spec, done, score, spec_of_this_process

_CLIENTS: dict[int, Client] = {}


def space_of(spec: Spec) -> ConfigurationSpace:
    """Return the space in ConfigSpace's terms."""
    space = ConfigurationSpace(seed=spec.seed)
    made = {p.name: _parameter(p) for p in spec.parameters}
    space.add(*made.values())
    for p in spec.parameters:
        for other, allowed in p.when:
            space.add(InCondition(made[p.name], made[other], [_word(value) for value in allowed]))
    return space


def _parameter(p: Parameter) -> Any:
    if p.kind == "integer":
        if p.low == p.high:
            return Constant(p.name, int(p.low))
        return Integer(p.name, (int(p.low), int(p.high)), default=int(p.default), log=p.log)
    if p.kind == "float":
        return Float(p.name, (p.low, p.high), default=p.default, log=p.log)
    values = [False, True] if p.kind == "boolean" else p.values
    return Categorical(p.name, [_word(value) for value in values], default=_word(p.default))


def _word(value: Any) -> Any:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


class Target:
    """The target function; it is sent to SMAC's workers, and connects from there."""

    def __init__(self, spec: Spec) -> None:
        """Remember the task."""
        self._spec = spec

    def __call__(self, config: Any, instance: str, seed: int) -> float:
        """Return the score of one run."""
        client = _CLIENTS.setdefault(os.getpid(), Client(self._spec))
        return score(self._spec, client.cost(dict(config), int(instance), seed))


def main() -> None:
    spec = spec_of_this_process()
    places = [str(place) for place in range(spec.instances)]
    scenario = Scenario(
        space_of(spec),
        output_directory=spec.folder,
        instances=places,
        instance_features={place: [float(place)] for place in places},
        deterministic=False,
        walltime_limit=spec.budget,
        n_trials=1_000_000,
        n_workers=spec.slots,
        seed=spec.seed,
    )
    target = Target(spec)

    def call(config: Any, instance: str, seed: int = 0) -> float:
        return target(config, instance, seed)

    smac = AlgorithmConfigurationFacade(scenario, call, overwrite=True, logging_level=logging.ERROR)
    best = smac.optimize()
    done(spec, dict(best[0] if isinstance(best, list) else best))
    os._exit(0)  # the workers it started are slow to end, up to a minute


if __name__ == "__main__":
    main()

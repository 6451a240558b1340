"""The additive sampler, and the features that it works on."""

from __future__ import annotations

import random
from collections.abc import Mapping
from statistics import fmean
from typing import Any

import optuna
import pytest

from storage.records import Configuration
from tests.simulation import normal, space
from tuner.leader.additive import AdditiveSampler, Point
from tuner.leader.draws import Draws
from tuner.leader.evidence import Difference
from tuner.leader.features import Features
from tuner.leader.prior import Prior
from tuner.leader.study import Study, distributions

SPACE = space("alpha", 12)
SHAPES = distributions(SPACE)
DEFAULTS = {parameter.name: parameter.default for parameter in SPACE.parameters}
FEATURES = Features(SHAPES, DEFAULTS)


def value(params: Mapping[str, Any]) -> float:
    """Return a mean score: turning p04 off helps, p05 on hurts, and p03 is best at 0.6."""
    place = float(params["p03"]) - 0.6
    return -0.5 * (params["p04"] is False) + 0.4 * (params["p05"] == "on") + 0.6 * (place**2 - 0.55**2)


def drawn(count: int, seed: int = 0) -> list[dict[str, Any]]:
    draws = Draws(random.Random(seed))
    return [DEFAULTS | draws.any(SPACE).values for _ in range(count)]


def test_the_default_is_the_origin_and_every_change_is_seen() -> None:
    assert not FEATURES.vector(DEFAULTS).any()
    for parameter in SPACE.parameters:
        for draw in drawn(20):
            changed = FEATURES.vector({**DEFAULTS, parameter.name: draw[parameter.name]})
            assert changed.any() == (draw[parameter.name] != parameter.default)
    assert len(set(FEATURES.labels)) == FEATURES.count


def test_effects_are_learnt_from_noisy_configurations() -> None:
    sampler = AdditiveSampler(SHAPES, DEFAULTS, seed=1)
    points = [
        Point(sampler.features(p), value(p) + 0.1 * normal("noise", k), error=0.18) for k, p in enumerate(drawn(80))
    ]
    sampler.learn(points)
    proposals = [sampler.propose() for _ in range(20)]
    assert sum(proposal["p04"] is False for proposal in proposals) >= 18
    assert sum(proposal["p05"] == "on" for proposal in proposals) <= 2
    assert sum(proposal["p03"] > 0.4 for proposal in proposals) >= 18, "the default is 0.05"


def test_a_mean_of_many_runs_weighs_more() -> None:
    ahead = []
    for error in (0.4, 0.03):
        sampler = AdditiveSampler(SHAPES, DEFAULTS, seed=2)
        good = sampler.features({**DEFAULTS, "p04": False})
        sampler.learn([Point(good, -0.3, error)] * 3)
        ahead.append(sum(sampler.propose()["p04"] is False for _ in range(200)))
    assert ahead[0] < ahead[1]
    assert ahead[1] > 190


def test_a_default_that_was_lucky_is_not_taken_for_bad_changes() -> None:
    tried = drawn(60)
    changed = []
    for luck in (0.0, 0.2):
        sampler = AdditiveSampler(SHAPES, DEFAULTS, seed=8)
        sampler.learn([Point(sampler.features(p), value(p) + luck, error=0.1) for p in tried])
        proposals = [sampler.propose() for _ in range(200)]
        changed.append(fmean(sum(p[name] != DEFAULTS[name] for name in p) for p in proposals))
    assert changed[1] > changed[0] - 1.0


def test_what_gave_responses_outside_c_is_not_proposed_however_fast() -> None:
    sampler = AdditiveSampler(SHAPES, DEFAULTS, seed=3)
    points = []
    for params in drawn(60):
        wrong = params["p08"] is False
        points.append(Point(sampler.features(params), -3.0 if wrong else value(params), 0.18, feasible=not wrong))
    sampler.learn(points)
    assert not any(sampler.propose()["p08"] is False for _ in range(30))


def test_it_serves_an_optuna_study_of_ones_own() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    bests = []
    for sampler in (AdditiveSampler(SHAPES, DEFAULTS, seed=4), optuna.samplers.RandomSampler(seed=4)):
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: value(_suggested(trial)), n_trials=40)
        bests.append(sorted(trial.value for trial in study.trials if trial.value is not None)[10])
    assert bests[0] < bests[1] - 0.1


def _suggested(trial: optuna.Trial) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        if isinstance(shape, optuna.distributions.CategoricalDistribution):
            params[name] = trial.suggest_categorical(name, shape.choices)
        elif isinstance(shape, optuna.distributions.IntDistribution):
            params[name] = trial.suggest_int(name, shape.low, shape.high, log=shape.log)
        elif isinstance(shape, optuna.distributions.FloatDistribution):
            params[name] = trial.suggest_float(name, shape.low, shape.high, log=shape.log)
    return params


def test_the_first_proposals_are_what_the_prior_expects() -> None:
    prior = Prior({"p04=False instead of True": -0.5}, {"p04=False instead of True": 0.1})
    study = Study({"alpha": SPACE}, seed=5, priors={"alpha": prior})
    first = [study.ask("alpha") for _ in range(10)]
    assert all(configuration is not None and configuration.values.get("p04") is False for configuration in first)
    assert Study({"alpha": SPACE}, seed=5).ask("alpha") is None


def test_a_prior_that_misleads_is_overruled_by_the_race() -> None:
    prior = Prior({"p04=False instead of True": -0.5}, {"p04=False instead of True": 0.2})
    sampler = AdditiveSampler(SHAPES, DEFAULTS, seed=6, prior=prior)
    sampler.learn([Point(sampler.features(p), 0.5 * (p["p04"] is False), 0.14) for p in drawn(40)])
    assert sum(sampler.propose()["p04"] is False for _ in range(50)) <= 2


def test_another_solvers_value_is_taken_relative_to_its_own_default() -> None:
    spaces = {solver: space(solver, 12) for solver in ("alpha", "beta")}
    study = Study(spaces, seed=7)
    draws = Draws(random.Random(7))
    for configuration in (spaces["beta"].default, *(draws.any(spaces["beta"]) for _ in range(40))):
        study.adopt(configuration)
        score = 4.0 + value(spaces["beta"].complete(configuration.values)) - value(DEFAULTS)
        study.tell(configuration, {instance: Difference(score) for instance in range(8)})
    asked = [study.ask("beta") for _ in range(20)]
    assert all(isinstance(configuration, Configuration) for configuration in asked)
    assert sum(c is not None and c.values.get("p04") is False for c in asked) >= 17


@pytest.mark.parametrize("flagged", [False, True])
def test_a_default_that_was_capped_or_flagged_is_still_what_its_solver_is_measured_by(flagged: bool) -> None:
    spaces = {solver: space(solver, 12) for solver in ("alpha", "beta")}
    study = Study(spaces, seed=8)
    draws = Draws(random.Random(8))
    study.adopt(spaces["beta"].default)
    capped = {0: Difference(4.3, limit=4.0), 1: Difference(4.0), 2: Difference(4.0)}
    study.tell(spaces["beta"].default, capped, feasible=not flagged)
    for _ in range(40):
        configuration = draws.any(spaces["beta"])
        study.adopt(configuration)
        score = 4.0 + value(spaces["beta"].complete(configuration.values)) - value(DEFAULTS)
        study.tell(configuration, {0: Difference(5.0, limit=4.7), 1: Difference(score), 2: Difference(score)})
    other = draws.any(spaces["beta"])
    study.adopt(other)
    study.tell(other, {0: Difference(5.0, limit=4.7)})
    assert len(study._points("beta")) == 40, "where both were capped, nothing is known"
    asked = [study.ask("beta") for _ in range(20)]
    assert sum(c is not None and c.values.get("p04") is False for c in asked) >= 15

"""Configurations that are expected to help before anything was executed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from bench._left_out import each_left_out, recorded, skill
from bench._models import models_of
from bench.prior import knowledge_without
from instances.families import FAMILIES
from instances.features import features
from tests.simulation import space
from tests.small_models import INF, market_split, milp
from tuner.app.advising import advised
from tuner.leader.advice import FEW, MOST, UNLIKE, Adviser, expected, is_near
from tuner.leader.features import Features
from tuner.leader.knowledge import Family, Knowledge
from tuner.leader.shipped import shipped
from tuner.leader.study import distributions

SPACE = space("alpha", 12)
FEATURES = Features(distributions(SPACE), {parameter.name: parameter.default for parameter in SPACE.parameters})
MODELS = [features(FAMILIES["set-cover"].model(1, number, 0.5)) for number in range(1, 4)]


def known(effects: Mapping[str, float], calibration: float = 1.0) -> Knowledge:
    """Return what a family like `MODELS` says that was recorded on eighty configurations."""
    random = np.random.default_rng(0)
    x = random.integers(0, 2, (80, FEATURES.count)).astype(float)
    y = x @ np.array([effects.get(label, 0.0) for label in FEATURES.labels])
    family = Family.of("covers", "", MODELS, x, y + random.normal(0, 0.05, 80), np.full(80, 20.0))
    return replace(Knowledge.learnt(FEATURES.labels, [family]), calibration=calibration)


GOOD, FAIR, BAD = "p04=False instead of True", "p05=on instead of choose", "p08=False instead of True"


def test_what_helps_is_advised_alone_and_together_and_what_hurts_is_not() -> None:
    found = Adviser(SPACE, known({GOOD: -0.5, FAIR: -0.2, BAD: 0.6}), MODELS).advise()
    assert found[0].configuration.values == {"p04": False}
    strongest = min(found, key=lambda advice: advice.effect).configuration.values
    assert strongest["p04"] is False
    assert strongest["p05"] == "on"
    assert all("p08" not in advice.configuration.values for advice in found)
    assert 1 < len(found) <= FEW
    assert len({advice.configuration for advice in found}) == len(found)


def test_shares_add_up_and_intervals_hold_the_expectation() -> None:
    for advice in Adviser(SPACE, known({GOOD: -0.5, FAIR: -0.2}), MODELS).advise():
        assert sum(change.share for change in advice.changes) == pytest.approx(1.0)
        low, high = advice.interval
        assert 0 < low < advice.ratio < min(1.0, high)
        shares = [change.share for change in advice.changes]
        assert shares == sorted(shares, reverse=True)
        assert {change.name for change in advice.changes} == advice.configuration.values.keys()


def test_a_wider_calibration_widens_intervals_only() -> None:
    narrow = Adviser(SPACE, known({GOOD: -0.5}), MODELS).advise()[0]
    wide = Adviser(SPACE, known({GOOD: -0.5}, calibration=2.0), MODELS).advise()[0]
    assert wide.ratio == narrow.ratio
    assert wide.deviation == pytest.approx(2 * narrow.deviation)


def test_nothing_is_advised_where_nothing_helps() -> None:
    hurts = dict.fromkeys(FEATURES.labels, 0.3)
    assert Adviser(SPACE, known(hurts), MODELS).advise() == []
    assert Adviser(SPACE, Knowledge.learnt(FEATURES.labels, ()), MODELS).advise() == []


def test_a_forbidden_combination_is_not_advised() -> None:
    forbidding = replace(SPACE, forbidden=((("p04", False), ("p05", "on")),))
    found = Adviser(forbidding, known({GOOD: -0.5, FAIR: -0.2}), MODELS).advise()
    assert found
    assert not any(forbidding.forbids(advice.configuration.values) for advice in found)


def test_no_more_is_expected_than_was_measured_on_families_alike() -> None:
    effects = dict.fromkeys(FEATURES.labels, -0.4)
    knowledge = known(effects)
    found = Adviser(SPACE, knowledge, MODELS).advise()
    assert min(advice.effect for advice in found) == pytest.approx(knowledge.families[0].best, abs=1e-4)
    assert all(len(advice.changes) <= MOST for advice in found)


def test_advice_is_the_same_each_time() -> None:
    knowledge = shipped("highs")
    assert knowledge is not None
    once, again = (advised("highs", knowledge, models_of("set-cover")) for _ in range(2))
    assert once.configurations == again.configurations


def test_uncertainty_of_effects_grows_with_what_is_expected() -> None:
    belief = known({GOOD: -0.5}).belief(MODELS).on(FEATURES)
    x = np.zeros((2, FEATURES.count))
    x[1, FEATURES.labels.index(GOOD)] = 1.0
    mean, covariance = expected(belief, x)
    assert mean[0] == covariance[0, 0] == 0.0
    assert mean[1] < -0.3
    assert covariance[1, 1] > (0.4 * mean[1]) ** 2


# What is known of whom


def noise(kind: str) -> list[Mapping[str, float]]:
    """Return the features of random models without any structure."""
    random = np.random.default_rng(3)
    whole, upper, density = {"integers": (1, 50.0, 1.0), "reals": (0, INF, 0.1), "mixed": (None, 9.0, 0.2)}[kind]
    found = []
    for _ in range(4):
        entries = random.integers(-100, 100, (40, 80)) * (random.random((40, 80)) < density)
        rows = [(-INF, row.astype(float), float(random.integers(1, 5000))) for row in entries]
        kinds = random.integers(0, 2, 80).tolist() if whole is None else whole
        found.append(features(milp(random.normal(0, 100, 80), rows, upper=upper, kind=kinds)))
    return found


@pytest.mark.parametrize("kind", ["integers", "reals", "mixed"])
def test_nothing_is_known_of_random_models(kind: str) -> None:
    found = advised("highs", shipped("highs"), noise(kind))
    assert found.configurations == ()
    assert "nothing is known about models like these" in found.reason
    why = "none has an integer variable" if kind == "reals" else found.alike[0].family.name
    assert why in found.reason


def test_nothing_is_known_of_market_splits() -> None:
    splits = [features(market_split(40, 4, seed)) for seed in range(3)]
    assert advised("highs", shipped("highs"), splits).configurations == ()


@pytest.mark.parametrize("name", [family.name for family in shipped("highs").families])
def test_a_known_family_is_known_at_another_size(name: str) -> None:
    models = [features(FAMILIES[name].model(11, number, 1.5)) for number in (1, 2, 3)]
    found = advised("highs", shipped("highs"), models)
    assert found.configurations
    assert found.alike[0].family.name == name
    assert name in found.evidence


@pytest.mark.parametrize(
    ("left_out", "like"), [("network-design", "facility-location"), ("lot-sizing", "network-design")]
)
def test_a_left_out_family_with_a_close_one_is_known(left_out: str, like: str) -> None:
    first = knowledge_without(left_out, "highs").like(models_of(left_out))[0]
    assert first.family.name == like
    assert is_near(first)


def test_without_knowledge_or_skill_nothing_is_advised() -> None:
    assert "nothing is known of highs yet" in advised("highs", None, MODELS).reason
    assert "nothing is known" in advised("alpha", Knowledge.learnt(FEATURES.labels, ()), MODELS).reason
    unskilled = known({GOOD: -0.5})  # whose families were never left out
    assert "nothing reliable is known" in advised("alpha", unskilled, MODELS).reason
    assert advised("highs", shipped("highs"), [{}]).configurations == ()


def test_left_out_families_are_ranked_by_what_the_others_say() -> None:
    names = recorded("highs")
    cases = each_left_out(names, "highs")
    assert skill(cases) >= 0.6
    knowledge = shipped("highs")
    assert knowledge is not None
    held = [case.held(knowledge.calibration) for case in cases]
    assert 0.75 <= math.fsum(held) / len(held) <= 0.85
    assert 0 < UNLIKE < 1

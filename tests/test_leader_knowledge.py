"""How alike models are, and what families of models let one expect of others."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench._models import models_of
from bench.prior import families, shippable, without
from instances.families import FAMILIES
from instances.features import features
from tests.small_models import market_split
from tuner.errors import Failed
from tuner.follower.solvers import SOLVERS, default_space
from tuner.leader.features import Features
from tuner.leader.knowledge import COMMON, Family, Knowledge
from tuner.leader.likeness import Portrait, likeness, portrait
from tuner.leader.prior import NOTHING
from tuner.leader.shipped import loaded, shipped, written
from tuner.leader.study import distributions

LABELS = ("one", "two", "three")
Models = list[Mapping[str, float]]


def models(family: str, size: float = 0.5, seed: int = 1, count: int = 4) -> Models:
    return [features(FAMILIES[family].model(seed, number, size)) for number in range(1, count + 1)]


def of(family: str, effects: tuple[float, float, float], seed: int = 0, of_models: Models | None = None) -> Family:
    """Return a family on which forty random configurations showed these effects, with little noise."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 2, (40, 3)).astype(float)
    y = x @ np.array(effects) + random.normal(0, 0.05, 40)
    return Family.of(family, family, models(family) if of_models is None else of_models, x, y, np.full(40, 20.0))


def drawn_portraits(count: int, seed: int) -> list[Portrait]:
    """Return portraits of recorded models, few at a time and mixed."""
    random = np.random.default_rng(seed)
    everything = [model for name in families() for model in models_of(name)]
    found = [portrait(random.choice(everything, random.integers(1, 6))) for _ in range(count)]
    return [each for each in found if each is not None]


def test_a_set_of_models_is_most_like_itself_and_likeness_goes_both_ways() -> None:
    for one in drawn_portraits(8, seed=1):
        assert likeness(one, one) == pytest.approx(1.0)
        for other in drawn_portraits(8, seed=2):
            assert 0 <= likeness(one, other) == likeness(other, one) <= 1


def test_likeness_can_serve_as_a_correlation() -> None:
    for seed in range(5):
        found = drawn_portraits(25, seed)
        matrix = np.array([[likeness(one, other) for other in found] for one in found])
        assert np.linalg.eigvalsh(matrix).min() > -1e-9


def test_a_family_is_most_like_its_own_models_at_another_size() -> None:
    for name in ("set-cover", "lot-sizing", "network-design"):
        smaller = portrait(models(name, size=0.6, seed=9))
        assert smaller is not None
        known = {other: portrait(models_of(other)) for other in families()}
        ranked = sorted(families(), key=lambda other: -likeness(smaller, known[other]))
        assert ranked[0] == name


def test_of_models_without_features_there_is_no_portrait() -> None:
    assert portrait([]) is None
    assert portrait([{}, {}]) is None
    assert portrait([{}, *models("set-cover", count=1)]) == portrait(models("set-cover", count=1))


def test_a_model_without_rows_columns_or_numbers_has_a_portrait() -> None:
    empty = portrait([{"density": 0.0}])
    assert empty is not None
    assert all(math.isfinite(value) for value in (*empty.mean, *empty.variance))


def test_what_families_agree_on_is_expected_and_what_they_do_not_is_uncertain() -> None:
    told = [of(f"family {k}", (-0.4, 0.6 * (-1) ** k, 0.0), seed=k, of_models=[]) for k in range(6)]
    known = Knowledge.learnt(LABELS, told)
    prior = known.prior(())
    assert prior.mean["one"] == pytest.approx(-0.4, abs=0.1)
    assert abs(prior.mean["two"]) < 0.2
    assert prior.deviation["two"] > 0.4 > 0.15 > prior.deviation["three"]
    assert Knowledge.learnt(LABELS, []).prior(models("set-cover")) == NOTHING


@pytest.mark.parametrize("effect", [-0.5, 0.5])
def test_models_like_a_family_get_its_effects(effect: float) -> None:
    others = [of(name, (0.0, 0.0, 0.0), seed=k) for k, name in enumerate(("bin-packing", "lot-sizing", "set-cover"))]
    known = Knowledge.learnt(LABELS, [*others, of("multi-knapsack", (effect, 0.0, 0.0), seed=7)])
    alike, unlike = known.prior(models("multi-knapsack", seed=2)), known.prior(models("lot-sizing", seed=2))
    assert alike.mean["one"] == pytest.approx(effect, abs=0.15)
    assert unlike.mean["one"] == pytest.approx(0.0, abs=0.1)
    assert alike.deviation["one"] < known.prior(()).deviation["one"]
    assert known.like(models("multi-knapsack", seed=2))[0].family.name == "multi-knapsack"


def test_models_like_no_family_get_the_mean_and_the_deviation_over_families() -> None:
    known = Knowledge.learnt(LABELS, [of(n, (-0.1 * k, 0.1, 0.0), seed=k) for k, n in enumerate(list(FAMILIES)[:5])])
    far = [dict.fromkeys(model, 1e12) | {"density": 1e-12} for model in models("set-cover")]
    assert max(like.likeness for like in known.like(far)) < 0.01
    for label in LABELS:
        assert known.prior(far).mean[label] == pytest.approx(known.prior(()).mean[label], abs=0.01)
        assert known.prior(far).deviation[label] == pytest.approx(known.prior(()).deviation[label], abs=0.01)


def test_families_of_which_no_models_are_known_count_alike() -> None:
    told = [of("set-cover", (-0.3 - 0.1 * k, 0.0, 0.0), seed=k, of_models=[]) for k in range(5)]
    known = Knowledge.learnt(LABELS, told)
    assert known.prior(models("set-cover")) == known.prior(models("lot-sizing"))
    assert known.prior(()).mean["one"] == pytest.approx(-0.5 * 5 / 6, abs=0.03), "zero counts as one family"


@pytest.mark.parametrize("seed", range(4))
def test_one_more_family_moves_expectations_of_its_models_towards_it_and_makes_them_surer(seed: int) -> None:
    random = np.random.default_rng(seed)
    names = list(random.permutation(list(FAMILIES)))
    effects = random.normal(0, 0.3, (5, 3))
    known = Knowledge.learnt(LABELS, [of(n, tuple(effects[k]), seed=k) for k, n in enumerate(names[:4])])
    more = known.joined(LABELS, [of(names[4], tuple(effects[4]), seed=4)])
    at_hand = models(names[4], seed=3)
    before, after = known.belief(at_hand), more.belief(at_hand)
    assert np.abs(after.mean - effects[4]).sum() < np.abs(before.mean - effects[4]).sum()
    assert np.linalg.eigvalsh(after.covariance).min() > 0


def test_families_with_other_parameters_join() -> None:
    known = Knowledge.learnt(LABELS, [of("set-cover", (-0.4, 0.0, 0.0))])
    other = of("set-cover", (-0.6, 0.0, 0.3), seed=1)
    joined = known.joined(("four", "one", "five"), [other])
    assert joined.labels == (*LABELS, "four", "five")
    prior = joined.prior(models("set-cover"))
    assert prior.mean["four"] < -0.4
    assert prior.mean["five"] > 0.15
    assert abs(prior.mean["one"]) < 0.4, "the other one saw no effect of it"
    assert known.joined(("four",), []) is known


def test_a_belief_about_another_space_knows_what_they_share() -> None:
    belief = Knowledge.learnt(LABELS, [of("set-cover", (-0.4, 0.0, 0.0))]).belief(models("set-cover"))
    highs = default_space("highs")
    space = Features(distributions(highs), {p.name: p.default for p in highs.parameters})
    assert not belief.on(space).mean.any()
    known = shipped("highs")
    assert known is not None
    assert known.belief(()).on(space).prior == known.prior(())


def test_the_shipped_knowledge_fits_todays_space() -> None:
    for solver in SOLVERS:
        known = shipped(solver)
        assert known is not None
        space = default_space(solver)
        features = Features(distributions(space), {p.name: p.default for p in space.parameters})
        assert features.labels == list(known.labels)
        prior = known.prior(models("set-cover"))
        assert all(math.isfinite(mean) and abs(mean) < 2 for mean in prior.mean.values())
        assert all(0 < deviation < 2 for deviation in prior.deviation.values())
        assert all(family.portrait is not None for family in known.families), "python -m bench.record writes them"
    assert shipped("no such solver") is None


def test_the_shipped_knowledge_is_what_the_recordings_say() -> None:
    for solver in SOLVERS:
        again, known = shippable(solver), shipped(solver)
        assert again is not None
        assert known is not None
        assert [f.name for f in again.families] == [f.name for f in known.families]
        assert (again.calibration, again.skill) == (known.calibration, known.skill)
        for one, other in zip(again.families, known.families, strict=True):
            assert (one.portrait, one.runs) == (other.portrait, other.runs)
            np.testing.assert_allclose(one.moment, other.moment, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(again.mean, known.mean, atol=2e-3)
        np.testing.assert_allclose(again.deviation, known.deviation, atol=2e-3)


def test_a_family_is_raced_without_what_it_taught_itself() -> None:
    one, other = without("set-cover", "highs"), without("facility-location", "highs")
    known = shipped("highs")
    assert known is not None
    assert one != other
    assert one["highs"] != known.prior(models_of("set-cover"))


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    known = Knowledge.learnt(LABELS, [of("set-cover", (-0.4, 0.0, 0.0)), of("set-cover", (0, 0, 0), of_models=[])])
    file = tmp_path / "known.json"
    file.write_text(written("highs", known))
    again = loaded(file)
    at_hand = models("set-cover")
    np.testing.assert_allclose(again.belief(at_hand).mean, known.belief(at_hand).mean, atol=1e-3)
    assert [like.likeness for like in again.like(at_hand)] == [like.likeness for like in known.like(at_hand)]


def damaged(change: Any) -> str:
    document = json.loads(written("highs", Knowledge.learnt(LABELS, [of("set-cover", (-0.4, 0.0, 0.0))])))
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(format=2), "its format is 2, not 1"),
        (lambda d: d.pop("families"), "has no 'families'"),
        (lambda d: d["traits"].pop(), "other traits"),
        (lambda d: d["mean"].pop(), "mean: not 3 finite numbers"),
        (lambda d: d["deviation"].__setitem__(0, 0.0), "not positive"),
        (lambda d: d.update(calibration=-1), "not positive"),
        (lambda d: d.update(skill=2), "no correlation"),
        (lambda d: d["families"][0]["moment"].__setitem__(1, math.nan), "set-cover: moment: not 3 finite"),
        (lambda d: d["families"][0]["precision"].pop(), "2 rows of the precision instead of 3"),
        (lambda d: d["families"][0]["precision"][2].pop(), "row 3 of the precision"),
        (lambda d: d["families"][0].update(runs=-1), "whole numbers from 0 on"),
        (lambda d: d["families"][0]["portrait"].pop(), "not enough values"),
        (lambda d: d["features"].__setitem__(0, "two"), "a feature is there twice"),
    ],
)
def test_a_damaged_file_is_refused_with_the_reason(tmp_path: Path, change: Any, words: str) -> None:
    file = tmp_path / "highs.json"
    file.write_text(damaged(change))
    with pytest.raises(Failed, match="install tuner again") as error:
        loaded(file)
    assert words in str(error.value)
    assert str(file) in str(error.value)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "highs.json"
    file.write_bytes(b"\xff{")
    with pytest.raises(Failed, match="install tuner again"):
        loaded(file)


def test_equal_portraits_correlate_by_less_than_one() -> None:
    assert 0 < COMMON < 1
    market = portrait([features(market_split(30, 3))])
    assert market is not None
    assert max(likeness(market, each) for each in drawn_portraits(20, 3)) < 0.5

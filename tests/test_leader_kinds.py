"""Kinds of models in one folder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench._models import models_of
from tuner.leader.advice import is_near
from tuner.leader.kinds import kinds
from tuner.leader.knowledge import Knowledge
from tuner.leader.shipped import shipped

KNOWN = shipped("highs")
assert KNOWN is not None


def without(*names: str) -> Knowledge:
    """Return what is known when these families are not."""
    return replace(KNOWN, families=tuple(family for family in KNOWN.families if family.name not in names))


@pytest.mark.parametrize("family", ["set-cover", "facility-location", "p-median"])
def test_models_of_a_family_are_of_one_kind(family: str) -> None:
    (kind,) = kinds(KNOWN, models_of(family))
    assert kind.like is not None
    assert kind.like.family.name == family
    assert kind.models == tuple(range(len(models_of(family))))


def test_kinds_are_told_apart_in_any_order_the_largest_first() -> None:
    some, more = models_of("facility-location")[:3], models_of("lot-sizing")[:5]
    models = [more[0], some[0], more[1], some[1], more[2], some[2], *more[3:]]
    first, second = kinds(KNOWN, models)
    assert (first.models, second.models) == ((0, 2, 4, 6, 7), (1, 3, 5))
    assert [kind.like.family.name for kind in (first, second) if kind.like] == ["lot-sizing", "facility-location"]


def test_models_that_resemble_nothing_are_a_kind_of_their_own() -> None:
    (kind,) = kinds(KNOWN, [{}, {}])
    assert (kind.models, kind.like) == ((0, 1), None)
    first, second = kinds(KNOWN, [*models_of("set-cover")[:3], {}])
    assert (first.models, second.models, second.like) == ((0, 1, 2), (3,), None)


def test_models_of_two_unknown_families_do_not_resemble_a_third_one_together() -> None:
    left_out = ("generalised-assignment", "steiner-tree")
    known = without(*left_out)
    mixed = [model for family in left_out for model in models_of(family)[:6]]
    assert is_near(known.like(mixed)[0]), "by their mean they do"
    assert [kind.like for kind in kinds(known, mixed)] == [None]


def test_a_family_between_two_known_ones_is_one_kind() -> None:
    assert len(kinds(without("facility-location"), models_of("facility-location"))) == 1

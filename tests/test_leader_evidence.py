from __future__ import annotations

import math

import pytest

from tests.simulation import normal
from tuner.cost import Ties
from tuner.leader.evidence import Judge, Observation, critical
from tuner.leader.pairs import Pair


def seen(cost: float, censored: bool = False) -> Observation:
    return Observation(cost, min(cost, 10.0), censored, not censored, True)


def on(costs: list[float], seed: int = 0) -> dict[Pair, Observation]:
    return {Pair(k, seed): seen(cost) for k, cost in enumerate(costs)}


JUDGE = Judge(0.1, Ties.MEAN)


@pytest.mark.parametrize(
    ("alpha", "freedom", "table"),
    [(0.05, 1, 6.314), (0.05, 2, 2.920), (0.05, 3, 2.353), (0.2, 4, 0.941), (0.1, 9, 1.383), (0.3, 20, 0.533)],
)
def test_critical_values_are_those_of_the_table(alpha: float, freedom: float, table: float) -> None:
    assert critical(alpha, freedom) == pytest.approx(table, rel=0.03)


def test_only_shared_pairs_are_compared() -> None:
    evidence = JUDGE.compare(on([1.0, 1.0, 50.0]), on([2.0, 2.0]))
    assert evidence.instances == 2
    assert evidence.mean == pytest.approx(math.log(1.1 / 2.1))


def test_nothing_shared_proves_nothing() -> None:
    evidence = JUDGE.compare(on([1.0]), {})
    assert not evidence.better(0.3) and not evidence.worse(0.3, margin=1.0)


def test_easy_instances_do_not_make_a_configuration_look_good() -> None:
    easy_only, everywhere = on([0.1, 0.2]), on([0.09, 0.19, 5.0, 9.0])
    assert JUDGE.compare(easy_only, everywhere).mean > 0.0
    assert JUDGE.anchored(easy_only, everywhere).mean > 0.0


def test_a_capped_response_is_told_with_its_limit_and_what_it_is_expected_to_be() -> None:
    one = {Pair(0, 0): seen(1.0), Pair(1, 0): seen(1.5, censored=True), Pair(2, 0): seen(3.0)}
    told = JUDGE.differences(one, {Pair(0, 5): seen(2.0), Pair(1, 5): seen(1.0)})
    assert told.keys() == {0, 1}, "by instance, whatever the seeds"
    assert told[0].limit is None and told[0].score == pytest.approx(math.log(1.1 / 2.1))
    assert told[1].limit == pytest.approx(math.log(1.6 / 1.1))
    assert told[1].score > told[1].limit + 0.1
    assert JUDGE.anchored(one, {Pair(0, 5): seen(2.0)}).mean == told[0].score


def test_a_false_alarm_is_as_rare_as_its_level() -> None:
    alarms = 0
    for trial in range(400):
        one = on([math.exp(0.5 * normal("one", trial, k)) for k in range(12)])
        other = on([math.exp(0.5 * normal("other", trial, k)) for k in range(12)])
        alarms += JUDGE.compare(one, other).better(0.1)
    assert 0.06 < alarms / 400 < 0.14


def test_two_differences_that_agree_by_chance_prove_little() -> None:
    evidence = JUDGE.compare(on([0.95, 0.951]), on([1.0, 1.001]))
    assert not evidence.better(0.2)


def test_a_censored_cost_counts_as_more_than_its_limit_but_not_as_a_timeout() -> None:
    incumbent = on([1.0])
    capped = {Pair(0, 0): seen(2.0, censored=True)}
    difference = JUDGE.compare(capped, incumbent).mean
    assert math.log(2.1 / 1.1) < difference < math.log(6.0 / 1.1)
    assert JUDGE.compare(incumbent, capped).mean == pytest.approx(-difference)


def test_two_censored_costs_are_not_compared() -> None:
    capped = {Pair(0, 0): seen(2.0, censored=True)}
    assert JUDGE.compare(capped, capped).instances == 0


@pytest.mark.parametrize(("ties", "cost"), [(Ties.MEAN, 2.0), (Ties.OPTIMISTIC, 1.0), (Ties.PESSIMISTIC, 3.0)])
def test_an_instance_counts_once_however_many_seeds_it_has(ties: Ties, cost: float) -> None:
    one = {Pair(0, 0): seen(1.0), Pair(0, 1): seen(3.0)}
    other = {Pair(0, 0): seen(5.0), Pair(0, 1): seen(5.0)}
    evidence = Judge(0.1, ties).compare(one, other)
    assert evidence.instances == 1
    assert evidence.mean == pytest.approx(math.log((0.1 + cost) / 5.1))

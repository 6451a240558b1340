"""Published answers, and answers by enumeration: every one proven, with both kinds of ties."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import combinations

import pytest

from instances.builder import Builder
from tests.bilevel_samples import (
    INTEGER,
    anandalingam_white,
    bard_1984,
    bard_1991,
    clark_westerberg_1988,
    clark_westerberg_1990,
    enumerated,
    mersha_dempe,
    moore_bard,
    random_problem,
    shimizu_1997,
    yue_2019,
)
from tuner.bilevel import Bound, Ending, LinearProblem, Problem, Result, Status, Ties, solve, verify
from tuner.bilevel.applications.contract import Contract
from tuner.bilevel.applications.interdiction import Defender, Interdiction, Target
from tuner.bilevel.applications.toll import Arc, Commodity, Toll, TollNetwork

OPTIMISTIC, PESSIMISTIC = Ties.OPTIMISTIC, Ties.PESSIMISTIC


def proven(problem: Problem, ties: Ties = OPTIMISTIC) -> Result:
    result = solve(problem, ties=ties, budget=120.0)
    assert result.ending is Ending.OPTIMAL
    assert result.objective is not None
    assert result.bound == pytest.approx(result.objective, abs=1e-6)
    assert result.gap <= 1e-6
    assert result.response is not None
    assert result.response.proven
    return result


@pytest.mark.parametrize(
    ("make", "optimistic", "pessimistic"),
    [
        (moore_bard, -22.0, -22.0),
        (bard_1984, 28 / 9, 28 / 9),
        (anandalingam_white, -49.0, -49.0),
        (bard_1991, -2.0, -1.0),
        (clark_westerberg_1988, -37.0, -37.0),
        (clark_westerberg_1990, -13.0, -9.5),
        (shimizu_1997, -12.0, -12.0),
    ],
)
def test_published_optima_are_proven(make: Callable[[], LinearProblem], optimistic: float, pessimistic: float) -> None:
    assert proven(make()).objective == pytest.approx(optimistic, abs=1e-11, rel=1e-12)
    assert proven(make(), PESSIMISTIC).objective == pytest.approx(pessimistic, abs=1e-11, rel=1e-12)


def test_the_pessimistic_optimum_of_clark_and_westerberg_is_where_it_was_published() -> None:
    assert proven(clark_westerberg_1990(), PESSIMISTIC).x == pytest.approx((5.5,))


def test_rows_of_the_leader_are_not_rows_of_the_follower() -> None:
    coupled, moved = proven(mersha_dempe(in_the_follower=False)), proven(mersha_dempe(in_the_follower=True))
    assert (coupled.x, coupled.objective) == (pytest.approx((8.0,)), pytest.approx(-20.0))
    assert (moved.x, moved.objective) == (pytest.approx((6.0,)), pytest.approx(-22.0))


def test_that_no_reaction_satisfies_the_leaders_rows_is_proven() -> None:
    b = Builder("mibs-45")
    x, y = b.add_column("x", -1.0, 0.0, 10.0, INTEGER), b.add_column("y", 0.0, -10.0, 2.0, INTEGER)
    b.add_row("y is not positive", [(y, 1.0)], upper=0.0)
    b.add_row("x is small", [(x, 1.0)], upper=10.0)
    result = solve(LinearProblem(b.build(), [y], [], [1.0], lower_maximise=True))
    assert result.ending is Ending.INFEASIBLE
    assert (result.x, result.objective, result.outside) == (None, None, result.responses)


def test_a_published_answer_that_the_follower_does_not_give_is_refused() -> None:
    refused = verify(yue_2019(), (3.0, 8.0), (0.5, 0.0))
    assert not refused.feasible
    assert refused.reason == "the follower prefers another answer: its objective is 27, not 19.5"
    response = yue_2019().respond({"x": 3.0, "z": 8.0})
    assert (response.status, response.value) == (Status.OUTSIDE, 27.0)


def test_an_answer_that_the_follower_gives_is_accepted() -> None:
    accepted = verify(moore_bard(), {"x": 2}, {"y": 2})
    assert (accepted.feasible, accepted.objective, accepted.reason) == (True, -22.0, "")


@pytest.mark.parametrize(("ties", "toll", "revenue"), [(OPTIMISTIC, 6.0, 6.0), (PESSIMISTIC, 5.99, 5.99)])
def test_two_routes(ties: Ties, toll: float, revenue: float) -> None:
    result = proven(TollNetwork.example().problem(ties), ties)
    assert result.x == (toll,)
    assert result.objective == pytest.approx(revenue)
    assert result.response is not None
    assert result.response.tie(ties) is not None
    assert result.y == {"commuters: A": 1.0, "commuters: B": 0.0}


@pytest.mark.parametrize(("ties", "revenue"), [(OPTIMISTIC, 6.0), (PESSIMISTIC, 4.5)])
def test_tolls_on_a_network_with_capacities(ties: Ties, revenue: float) -> None:
    arcs = [
        ("1", "2", 1.0, 3.0),
        ("1", "3", 1.0, 2.0),
        ("1", "4", 4.0, 3.0),
        ("2", "4", 1.0, 2.0),
        ("3", "4", 1.0, 1.0),
    ]
    network = TollNetwork(
        "besancon",
        "units",
        tuple(
            Arc(f"{a}-{b}", a, b, cost, 0.0, capacity, None if (a, b) == ("1", "4") else Toll(2.0, 0.5))
            for a, b, cost, capacity in arcs
        ),
        (Commodity("goods", "1", "4", 3, 0.0),),
    )
    assert proven(network.problem(ties), ties).objective == pytest.approx(revenue)


def test_knapsack_interdiction() -> None:
    result = proven(Interdiction.example().problem())
    assert (result.objective, result.x) == (3.0, (1.0, 0.0, 0.0))
    assert Interdiction.example().sentence(result) == "remove 1: the best knapsack is worth 3"


@pytest.mark.parametrize(("removals", "length"), [(0, 5.0), (1, 17.0), (2, 100.0)])
def test_shortest_path_interdiction(removals: int, length: float) -> None:
    arcs = [("S", "B", 10.0), ("S", "C", 2.0), ("C", "B", 2.0), ("B", "T", 1.0), ("C", "D", 7.0), ("D", "T", 8.0)]
    targets = tuple(Target(f"{a}-{b}", value, 1.0, a, b, 100.0) for a, b, value in arcs)
    attack = Interdiction("path", Defender.PATH, targets, removals, "S", "T", penalty=100.0)
    assert proven(attack.problem()).objective == pytest.approx(length)


@pytest.mark.parametrize(("removals", "flow"), [(0, 80.0), (1, 10.0), (2, 0.0)])
def test_maximum_flow_interdiction(removals: int, flow: float) -> None:
    arcs = [("S", "B", 10), ("S", "C", 70), ("C", "B", 30), ("B", "T", 100), ("C", "D", 40), ("D", "T", 50)]
    targets = tuple(Target(f"{a}-{b}", float(value), 1.0, a, b) for a, b, value in arcs)
    attack = Interdiction("flow", Defender.FLOW, targets, removals, "S", "T")
    assert proven(attack.problem()).objective == pytest.approx(flow)


def shortest(attack: Interdiction, removed: Collection[Target]) -> float:
    """Return the length of the shortest path, by relaxing every arc as often as there are nodes."""
    distance = {attack.origin: 0.0}
    for _ in attack.targets:
        for arc in attack.targets:
            if arc.origin in distance:
                length = distance[arc.origin] + arc.value + (arc.delay if arc in removed else 0.0)
                distance[arc.destination] = min(distance.get(arc.destination, length), length)
    return min(attack.penalty, distance.get(attack.destination, attack.penalty))


def largest(attack: Interdiction, removed: Collection[Target]) -> float:
    """Return the maximum flow, as the least of all cuts."""
    nodes = {node for arc in attack.targets for node in (arc.origin, arc.destination)} - {attack.destination}
    inner = sorted(nodes - {attack.origin})
    left = [arc for arc in attack.targets if arc not in removed]
    sides = [{attack.origin, *side} for n in range(len(inner) + 1) for side in combinations(inner, n)]
    return min(sum(arc.value for arc in left if arc.origin in s and arc.destination not in s) for s in sides)


@pytest.mark.parametrize("defender", [Defender.PATH, Defender.FLOW])
@pytest.mark.parametrize("seed", [None, 0, 1, 2, 3])
def test_attacks_on_networks_are_as_all_attacks_enumerated(seed: int | None, defender: Defender) -> None:
    attack = Interdiction.example(defender) if seed is None else Interdiction.generated(8, seed, defender)
    answer, best = (shortest, max) if defender is Defender.PATH else (largest, min)
    attacks = [each for n in range(int(attack.budget) + 1) for each in combinations(attack.targets, n)]
    expected = best(answer(attack, removed) for removed in attacks)
    for ties in (OPTIMISTIC, PESSIMISTIC):
        assert proven(attack.problem(ties), ties).objective == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_arcs_may_have_negative_lengths_where_no_cycle_does(seed: int) -> None:
    attack = Interdiction.generated(7, seed, Defender.PATH)
    arcs = tuple(replace(arc, value=arc.value - 60.0) for arc in attack.targets)
    attack = replace(attack, targets=arcs)
    expected = max(shortest(attack, (arc,)) for arc in arcs)
    assert any(arc.value < 0 for arc in arcs)
    assert proven(attack.problem()).objective == pytest.approx(expected)


@pytest.mark.parametrize("ties", [OPTIMISTIC, PESSIMISTIC])
@pytest.mark.parametrize("most", [10, 100, 1000])
def test_the_wholesale_price_is_that_of_the_closed_form(most: int, ties: Ties) -> None:
    price, cost, step = 1.0, 0.2, 0.01
    contract = Contract.uniform(most, price, cost)
    result = proven(contract.problem(ties), ties)
    assert result.bound_kind is Bound.EXHAUSTION
    assert contract.terms(result)["wholesale price"] == pytest.approx((price + cost) / 2, abs=step + 1e-9)
    assert result.y is not None
    assert result.response is not None
    assert result.response.value is not None
    assert result.objective is not None
    # Demand has steps of a hundredth, or of one: so have the order and what it brings.
    piece = most / max(100, most)
    assert result.y["retailer: order"] == pytest.approx(most * (price - cost) / (2 * price), abs=piece + 1e-3)
    best = most * (price - cost) ** 2 / (4 * price)
    assert result.objective == pytest.approx(best, abs=piece * (price - cost) / 2 + 1e-3)
    assert result.objective == pytest.approx(best, rel=1e-6) or ties is OPTIMISTIC
    # Double marginalisation: the chain earns three quarters of what one hand could.
    assert result.objective + result.response.value == pytest.approx(0.75 * contract.integrated(), rel=0.02)


@pytest.mark.parametrize("ties", [OPTIMISTIC, PESSIMISTIC])
@pytest.mark.parametrize("seed", range(8))
def test_random_problems_have_the_optimum_that_enumeration_finds(seed: int, ties: Ties) -> None:
    problem = random_problem(seed)
    expected = enumerated(problem, ties)
    result = solve(problem, ties=ties)
    if expected.objective is None:
        assert result.ending is Ending.INFEASIBLE
    else:
        assert result.ending is Ending.OPTIMAL
        assert result.objective == pytest.approx(expected.objective)
        assert result.bound == pytest.approx(expected.objective)
        assert result.x in expected.choices

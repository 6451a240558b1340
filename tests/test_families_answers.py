"""The optima of tiny models of the newer families, held against enumerations that know nothing of their rows.

What the enumerations need (prices, demands, distances) is read from the models by name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, pairwise, permutations, product

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from instances.families import FAMILIES, timetabling
from instances.model import Model, VariableKind


class Known:
    """A model whose numbers are found by name."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.cost = dict(zip(model.column_names, model.objective.tolist(), strict=True))
        self.upper = dict(zip(model.row_names, model.row_upper.tolist(), strict=True))
        self.lower = dict(zip(model.row_names, model.row_lower.tolist(), strict=True))
        self.rows: dict[str, dict[str, float]] = {}
        for row, name in enumerate(model.row_names):
            places = slice(model.row_start[row], model.row_start[row + 1])
            columns = [model.column_names[column] for column in model.column_index[places]]
            self.rows[name] = dict(zip(columns, model.value[places].tolist(), strict=True))

    def numbers(self, prefix: str) -> int:
        """Return how many there are of something: one more than the largest first number in the names of columns."""
        return 1 + max(int(name.split("_")[1]) for name in self.cost if name.startswith(f"{prefix}_"))


def tiny(family: str, number: int, size: float) -> Known:
    return Known(FAMILIES[family].model(11, number, size))


def optimum(known: Known) -> tuple[float, dict[str, float]]:
    """Return the optimum and a solution, by name, as scipy finds them."""
    model = known.model
    matrix = csr_array((model.value, model.column_index, model.row_start), shape=(model.rows, model.columns))
    sign = -1.0 if model.maximise else 1.0
    found = milp(
        sign * model.objective,
        constraints=LinearConstraint(matrix, model.row_lower, model.row_upper),
        bounds=Bounds(model.lower, model.upper),
        integrality=model.kind == VariableKind.INTEGER,
        options={"mip_rel_gap": 0.0},
    )
    assert found.success
    return sign * found.fun, dict(zip(model.column_names, found.x.tolist(), strict=True))


@pytest.mark.parametrize("number", [0, 44, 56])  # in the latter two an item is made through a whole period
def test_lots_are_planned_as_by_trying_every_order_of_setups(number: int) -> None:
    known = tiny("lot-sizing-carryover", number, 0.1)
    items, periods = known.numbers("make"), 3
    time = [[known.rows["time_0"][f"setup_{item}_0"] for item in range(items)]] * periods
    best = math.inf
    for setups, usable in _courses(items, periods):
        spare = [known.upper[f"time_{t}"] - sum(time[t][item] for item in setups[t]) for t in range(periods)]
        fixed = sum(known.cost[f"setup_{item}_{t}"] for t in range(periods) for item in setups[t])
        if min(spare) >= 0 and fixed < best:
            best = min(best, fixed + _lots(known, spare, usable))
    assert optimum(known)[0] == pytest.approx(best)


def _courses(items: int, periods: int) -> Iterator[tuple[list[tuple[int, ...]], list[set[int]]]]:
    """Yield all that a machine may do: which items it is set up for in each period, and which it can make in each."""

    def on(period: int, state: int | None) -> Iterator[tuple[list[tuple[int, ...]], list[set[int]]]]:
        if period == periods:
            yield [], []
            return
        for setups in (chosen for count in range(items + 1) for chosen in combinations(range(items), count)):
            # What was set up last stays; without a setup, what there was.
            for last in setups or (state,):
                for later, able in on(period + 1, last):
                    yield [setups, *later], [{*setups} | ({state} if state is not None else set()), *able]

    yield from on(0, None)


def _lots(known: Known, spare: list[float], usable: list[set[int]]) -> float:
    """Return the least cost of stocks and debts, by a program that compares all that is made until a period."""
    items, periods = known.numbers("make"), len(spare)
    # Columns: make, then stock, then owed, each (items, periods).
    count = items * periods
    at = np.arange(count).reshape(items, periods)
    cost = [
        known.cost[f"{what}_{i}_{t}"]
        for what in ("make", "stock", "owed")
        for i in range(items)
        for t in range(periods)
    ]
    equal, wanted = np.zeros((count, 3 * count)), np.zeros(count)
    for i, t in product(range(items), range(periods)):
        equal[at[i, t], at[i, : t + 1]] = 1.0
        equal[at[i, t], [count + at[i, t], 2 * count + at[i, t]]] = -1.0, 1.0
        wanted[at[i, t]] = sum(known.lower[f"balance_{i}_{each}"] for each in range(t + 1))
    room = np.zeros((periods, 3 * count))
    for t in range(periods):
        room[t, at[:, t]] = 1.0
    most = [None if i in usable[t] else 0.0 for i in range(items) for t in range(periods)] + [None] * (2 * count)
    found = linprog(cost, room, spare, equal, wanted, [(0.0, high) for high in most])
    assert found.success
    return float(found.fun)


@pytest.mark.parametrize("number", range(4))
def test_bars_are_cut_as_by_trying_every_pattern(number: int) -> None:
    known = tiny("cutting-stock", number, 0.45)
    kinds, bars = known.numbers("cut"), known.numbers("use")
    demand = tuple(int(known.lower[f"demand_{kind}"]) for kind in range(kinds))
    stock = [(-known.rows[f"bar_{bar}"][f"use_{bar}"], known.cost[f"use_{bar}"]) for bar in range(bars)]
    length = [known.rows["bar_0"][f"cut_{kind}_0"] for kind in range(kinds)]
    sorts = sorted(set(stock))

    @cache
    def least(left: tuple[int, ...], at_hand: tuple[int, ...]) -> float:
        if not any(left):
            return 0.0
        best = math.inf
        for sort, (room, price) in enumerate(sorts):
            if at_hand[sort]:
                rest = tuple(count - (other == sort) for other, count in enumerate(at_hand))
                for pattern in product(*(range(count + 1) for count in left)):
                    if any(pattern) and sum(map(float.__mul__, map(float, pattern), length)) <= room:
                        remaining = tuple(a - b for a, b in zip(left, pattern, strict=True))
                        best = min(best, price + least(remaining, rest))
        return best

    assert optimum(known)[0] == pytest.approx(least(demand, tuple(stock.count(sort) for sort in sorts)))


@pytest.mark.parametrize(("number", "size"), [(1, 0.3), (2, 0.3), (3, 0.42)])
def test_medians_are_chosen_as_by_trying_all(number: int, size: float) -> None:
    known = tiny("p-median", number, size)
    nodes, medians = known.numbers("median"), int(known.upper["medians"])
    demand = [known.rows["capacity_0"][f"assign_{node}_0"] for node in range(nodes)]
    capacity = -known.rows["capacity_0"]["median_0"]
    best = math.inf
    for chosen in combinations(range(nodes), medians):
        for homes in product(chosen, repeat=nodes):
            loads = [sum(demand[node] for node in range(nodes) if homes[node] == median) for median in chosen]
            if max(loads) <= capacity:
                best = min(best, sum(known.cost[f"assign_{node}_{home}"] for node, home in enumerate(homes)))
    assert optimum(known)[0] == pytest.approx(best)


@pytest.mark.parametrize("number", range(4))
def test_sensors_are_placed_as_by_trying_all(number: int) -> None:
    known = tiny("sensor-placement", number, 0.13)
    sites, points = known.numbers("place"), known.numbers("seen")
    worth = [known.cost[f"seen_{point}_0"] / 0.7 for point in range(points)]
    assert all(
        known.cost[f"seen_{point}_2"] == pytest.approx(0.063 * worth[point], abs=0.002) for point in range(points)
    )
    best = 0.0
    for kinds in product((None, 0, 1), repeat=sites):
        placed = {f"place_{site}_{kind}" for site, kind in enumerate(kinds) if kind is not None}
        if sum(known.rows["budget"][name] for name in placed) <= known.upper["budget"]:
            seen = [len(placed & known.rows[f"point_{point}"].keys()) for point in range(points)]
            best = max(best, sum(w * (1.0 - 0.3 ** min(count, 3)) for w, count in zip(worth, seen, strict=True)))
    assert best > 0.0
    assert optimum(known)[0] == pytest.approx(best, abs=0.01)


@pytest.mark.parametrize(("number", "size"), [(1, 0.3), (2, 0.5), (3, 0.6)])
def test_tours_are_as_by_trying_all_orders(number: int, size: float) -> None:
    known = tiny("vehicle-routing", number, size)
    customers, vehicles = known.numbers("load") - 1, int(known.upper["leave_0"])
    demand = [0.0] + [known.lower[f"deliver_{node}"] for node in range(1, customers + 1)]
    capacity = -known.rows["most_0_1"]["drive_0_1"]
    best = math.inf
    for order in permutations(range(1, customers + 1)):
        for cuts in combinations(range(1, customers), vehicles - 1):
            tours = [order[a:b] for a, b in zip((0, *cuts), (*cuts, customers), strict=True)]
            if max(sum(demand[node] for node in tour) for tour in tours) <= capacity:
                stops = [stop for tour in tours for stop in (0, *tour)] + [0]
                best = min(best, sum(known.cost[f"drive_{a}_{b}"] for a, b in pairwise(stops)))
    assert optimum(known)[0] == pytest.approx(best)


@pytest.mark.parametrize(("number", "size"), [(1, 0.3), (2, 0.5), (3, 0.6)])
def test_trees_are_as_by_trying_all_sets_of_other_nodes(number: int, size: float) -> None:
    known = tiny("steiner-tree", number, size)
    edges = {
        tuple(map(int, name.split("_")[1:])): cost for name, cost in known.cost.items() if name.startswith("build")
    }
    terminals = {tail for tail, head in edges if tail < head}
    others = {node for edge in edges for node in edge} - terminals
    best = math.inf
    for count in range(len(others) + 1):
        for more in combinations(sorted(others), count):
            best = min(best, _spanning(terminals | {*more}, edges))
    assert optimum(known)[0] == pytest.approx(best)


def _spanning(nodes: set[int], edges: dict[tuple[int, ...], float]) -> float:
    """Return the cost of a cheapest tree over these nodes (Kruskal 1956), infinite where there is none."""
    root = {node: node for node in nodes}
    cost = 0.0
    for one, other in sorted(edges, key=lambda edge: edges[edge]):
        if one in nodes and other in nodes and root[one] != root[other]:
            gone, kept = root[one], root[other]
            root = {node: kept if of == gone else of for node, of in root.items()}
            cost += edges[one, other]
    return cost if len(set(root.values())) == 1 else math.inf


@pytest.mark.parametrize("number", range(4))
def test_timetables_are_as_by_trying_all(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    days, slots = 2, 3
    monkeypatch.setattr(timetabling, "DAYS", days)
    monkeypatch.setattr(timetabling, "SLOTS", slots)
    monkeypatch.setattr(timetabling, "PERIODS", days * slots)
    known = tiny("course-timetabling", number, 0.3)
    courses, periods = known.numbers("hold"), range(days * slots)
    lectures = [int(known.lower[f"lectures_{course}"]) for course in range(courses)]
    wanted_days = [known.lower[f"days_{course}"] for course in range(courses)]
    open_to = [[p for p in periods if f"hold_{course}_{p}" in known.cost] for course in range(courses)]
    hard = [row for name, row in known.rows.items() if name.startswith(("apart", "rooms"))]
    most = [known.upper[name] for name in known.rows if name.startswith(("apart", "rooms"))]
    curricula = _curricula(known)
    best = math.inf
    for plan in product(*(combinations(open_to[course], lectures[course]) for course in range(courses))):
        held = {f"hold_{course}_{p}" for course in range(courses) for p in plan[course]}
        if all(len(held & row.keys()) <= limit for row, limit in zip(hard, most, strict=True)):
            best = min(best, _complaints(known, plan, wanted_days, curricula, slots))
    assert optimum(known)[0] == pytest.approx(best)


@pytest.mark.parametrize("number", range(3))
def test_a_timetable_costs_what_there_is_to_complain_of(number: int) -> None:
    known = tiny("course-timetabling", number, 0.6)
    cost, solution = optimum(known)
    courses, slots = known.numbers("hold"), timetabling.SLOTS
    plan = [
        [p for p in range(timetabling.PERIODS) if solution.get(f"hold_{course}_{p}", 0.0) > 0.5]
        for course in range(courses)
    ]
    wanted_days = [known.lower[f"days_{course}"] for course in range(courses)]
    assert [len(periods) for periods in plan] == [known.lower[f"lectures_{course}"] for course in range(courses)]
    for members in _curricula(known).values():
        busy = [p for course in members for p in plan[course]]
        assert len(busy) == len(set(busy))
    assert cost > 0.0
    assert cost == pytest.approx(_complaints(known, plan, wanted_days, _curricula(known), slots))


def _curricula(known: Known) -> dict[str, set[int]]:
    curricula: dict[str, set[int]] = {}
    for name, row in known.rows.items():
        if name.startswith("alone"):
            members = {int(column.split("_")[1]) for column in row if column.startswith("hold")}
            curricula.setdefault(name.split("_")[1], set()).update(members)
    return curricula


def _complaints(
    known: Known,
    plan: Sequence[Sequence[int]],
    wanted_days: Sequence[float],
    curricula: Mapping[str, set[int]],
    slots: int,
) -> float:
    """Return the cost of a timetable: wishes passed over, days too few, lectures of a curriculum alone."""
    cost = sum(known.cost[f"hold_{course}_{p}"] for course, periods in enumerate(plan) for p in periods)
    for course, periods in enumerate(plan):
        cost += 5.0 * max(0.0, wanted_days[course] - len({p // slots for p in periods}))
    for members in curricula.values():
        busy = {p for course in members for p in plan[course]}
        cost += sum(2.0 for p in busy if not any(n in busy and n // slots == p // slots for n in (p - 1, p + 1)))
    return cost

"""Families in which things are placed, assigned, made and moved: facilities, jobs, lots, flows, bins."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.random import Generator

from instances.builder import Builder
from instances.families.sizes import scaled
from instances.model import Model


def facility_location(random: Generator, size: float) -> Model:
    """Open facilities with capacities and serve customers from them at least cost: 22 customers, 22 sites at size 1.

    Customers may be served in parts. All capacities together are three times the demand.
    """
    customers = sites = scaled(22, size)
    places = random.random((customers + sites, 2))
    distance = np.linalg.norm(places[:customers, None] - places[None, customers:], axis=2)
    demand = random.integers(5, 36, customers)
    capacity = random.integers(10, 161, sites)
    opening = np.round(random.integers(100, 111, sites) * np.sqrt(capacity) + random.integers(0, 91, sites))
    capacity = np.ceil(capacity * (3.0 * demand.sum() / capacity.sum()))
    cost = np.round(10.0 * distance * demand[:, None], 2)
    builder = Builder()
    opened = [builder.add_binary(f"open_{site}", float(opening[site])) for site in range(sites)]
    served = [
        [builder.add_column(f"serve_{customer}_{site}", float(cost[customer, site])) for site in range(sites)]
        for customer in range(customers)
    ]
    for customer in range(customers):
        builder.add_row(f"demand_{customer}", ((share, 1.0) for share in served[customer]), lower=1.0, upper=1.0)
    for site in range(sites):
        loads = [(served[customer][site], float(demand[customer])) for customer in range(customers)]
        builder.add_row(f"capacity_{site}", [*loads, (opened[site], -float(capacity[site]))], upper=0.0)
    for customer in range(customers):
        for site in range(sites):
            entries = [(served[customer][site], 1.0), (opened[site], -1.0)]
            builder.add_row(f"link_{customer}_{site}", entries, upper=0.0)
    return builder.build()


def generalised_assignment(random: Generator, size: float) -> Model:
    """Assign each job to one agent within the agents' capacities at least cost: 5 agents, 18 jobs at size 1.

    What takes an agent long costs little (type D): the cheap assignments are those that do not fit.
    """
    agents, jobs = 5, scaled(18, size)
    weight = random.integers(1, 101, (agents, jobs))
    cost = 111 - weight + random.integers(-10, 11, (agents, jobs))
    capacity = (0.8 * weight.sum(axis=1) / agents).astype(np.int64)
    # The hardest job first, each to where it takes least of what is left; a capacity grows where nothing fits.
    load = np.zeros(agents, dtype=np.int64)
    for job in np.argsort(-weight.min(axis=0), kind="stable"):
        agent = int(np.argmin((load + weight[:, job]) / capacity))
        load[agent] += weight[agent, job]
    capacity = np.maximum(capacity, load)
    builder = Builder()
    for agent in range(agents):
        for job in range(jobs):
            builder.add_binary(f"assign_{job}_{agent}", float(cost[agent, job]))
    for job in range(jobs):
        builder.add_row(f"job_{job}", ((agent * jobs + job, 1.0) for agent in range(agents)), lower=1.0, upper=1.0)
    for agent in range(agents):
        entries = ((agent * jobs + job, float(weight[agent, job])) for job in range(jobs))
        builder.add_row(f"capacity_{agent}", entries, upper=float(capacity[agent]))
    return builder.build()


def lot_sizing(random: Generator, size: float) -> Model:
    """Plan lots of several items on one machine: 6 items, 12 periods at size 1; setups cost money and time.

    The machine's time is just enough with a setup for every item in every period, produced early enough.
    """
    items, periods = 6, scaled(12, size)
    demand = random.integers(50, 151, (items, periods))
    setup_time = random.integers(10, 41, items)
    setup_cost = random.integers(200, 801, items)
    holding = random.integers(1, 6, items)
    needed = demand.sum(axis=0) + setup_time.sum()
    capacity = float(np.ceil(np.max(np.cumsum(needed) / np.arange(1, periods + 1))))
    builder = Builder()
    for item in range(items):
        for period in range(periods):
            builder.add_column(f"make_{item}_{period}")
            builder.add_column(f"stock_{item}_{period}", float(holding[item]))
            builder.add_binary(f"setup_{item}_{period}", float(setup_cost[item]))
    column = builder.columns
    for item in range(items):
        for period in range(periods):
            entries = [(column[f"make_{item}_{period}"], 1.0), (column[f"stock_{item}_{period}"], -1.0)]
            if period:
                entries.append((column[f"stock_{item}_{period - 1}"], 1.0))
            wanted = float(demand[item, period])
            builder.add_row(f"balance_{item}_{period}", entries, lower=wanted, upper=wanted)
            most = min(float(demand[item, period:].sum()), capacity - float(setup_time[item]))
            lot = [(column[f"make_{item}_{period}"], 1.0), (column[f"setup_{item}_{period}"], -most)]
            builder.add_row(f"lot_{item}_{period}", lot, upper=0.0)
    for period in range(periods):
        making = [(column[f"make_{item}_{period}"], 1.0) for item in range(items)]
        setting = [(column[f"setup_{item}_{period}"], float(setup_time[item])) for item in range(items)]
        builder.add_row(f"time_{period}", making + setting, upper=capacity)
    return builder.build()


def network_design(random: Generator, size: float) -> Model:
    """Buy arcs and route commodities through them: 20 nodes, some 70 arcs, 12 commodities at size 1.

    A ring in both directions makes every pair of nodes reachable, and the cheapest paths have room for all that would
    use them.
    """
    nodes, commodities = scaled(20, size), scaled(12, size)
    ring = [(node, (node + 1) % nodes) for node in range(nodes)]
    arcs = sorted({*ring, *((head, tail) for tail, head in ring), *_chords(random, nodes, 5 * nodes // 3)})
    price = random.integers(1, 11, len(arcs))
    ends = [random.choice(nodes, 2, replace=False).tolist() for _ in range(commodities)]
    volume = random.integers(10, 51, commodities)
    routed = np.zeros(len(arcs))
    for (source, sink), amount in zip(ends, volume, strict=True):
        routed[_cheapest_path(nodes, arcs, price.tolist(), source, sink)] += amount
    total = int(volume.sum())
    capacity = np.maximum(routed, random.integers(total // 10, total // 3 + 1, len(arcs)))
    charge = random.integers(200, 601, len(arcs))
    builder = Builder()
    bought = [builder.add_binary(f"buy_{tail}_{head}", float(charge[arc])) for arc, (tail, head) in enumerate(arcs)]
    flow = [
        [builder.add_column(f"flow_{tail}_{head}_{k}", float(price[arc])) for k in range(commodities)]
        for arc, (tail, head) in enumerate(arcs)
    ]
    for k, (source, sink) in enumerate(ends):
        for node in range(nodes):
            entries = [(flow[arc][k], 1.0) for arc, (tail, _) in enumerate(arcs) if tail == node]
            entries += [(flow[arc][k], -1.0) for arc, (_, head) in enumerate(arcs) if head == node]
            net = float(volume[k]) * ((node == source) - (node == sink))
            builder.add_row(f"node_{node}_{k}", entries, lower=net, upper=net)
    for arc, (tail, head) in enumerate(arcs):
        entries = [(one, 1.0) for one in flow[arc]]
        builder.add_row(f"capacity_{tail}_{head}", [*entries, (bought[arc], -float(capacity[arc]))], upper=0.0)
        for k in range(commodities):
            most = float(min(volume[k], capacity[arc]))
            builder.add_row(f"link_{tail}_{head}_{k}", [(flow[arc][k], 1.0), (bought[arc], -most)], upper=0.0)
    return builder.build()


def _chords(random: Generator, nodes: int, count: int) -> list[tuple[int, int]]:
    chords = random.integers(0, nodes, (count, 2)).tolist()
    return [(tail, head) for tail, head in chords if tail != head]


def _cheapest_path(nodes: int, arcs: list[tuple[int, int]], price: list[int], source: int, sink: int) -> list[int]:
    """Return the arcs of a cheapest path (Dijkstra)."""
    leaving: list[list[int]] = [[] for _ in range(nodes)]
    for arc, (tail, _) in enumerate(arcs):
        leaving[tail].append(arc)
    arrived: dict[int, int] = {}
    queue = [(0, source, -1)]
    while sink not in arrived:
        cost, node, by = heapq.heappop(queue)
        if node in arrived:
            continue
        arrived[node] = by
        for arc in leaving[node]:
            heapq.heappush(queue, (cost + price[arc], arcs[arc][1], arc))
    path = []
    while sink != source:
        path.append(arrived[sink])
        sink = arcs[arrived[sink]][0]
    return path


def bin_packing(random: Generator, size: float) -> Model:
    """Pack items into as few bins of 1000 as possible: 24 items at size 1, three of which fill a bin to the brim.

    First-fit decreasing seldom finds the perfect packing. There are as many bins as it needs, any bin like any other.
    """
    triplets, room = scaled(8, size), 1000
    weight: list[int] = []
    for _ in range(triplets):
        large = int(random.integers(380, 491))
        middle = int(random.integers(250, (room - large) // 2 + 1))
        weight += [large, middle, room - large - middle]
    weight = random.permutation(weight).tolist()
    bins = len(_first_fit_decreasing(weight, room))
    builder = Builder()
    used = [builder.add_binary(f"use_{place}", 1.0) for place in range(bins)]
    put = [[builder.add_binary(f"put_{item}_{place}") for place in range(bins)] for item in range(len(weight))]
    for item, places in enumerate(put):
        builder.add_row(f"item_{item}", ((one, 1.0) for one in places), lower=1.0, upper=1.0)
    for place in range(bins):
        entries = [(put[item][place], float(each)) for item, each in enumerate(weight)]
        builder.add_row(f"bin_{place}", [*entries, (used[place], -float(room))], upper=0.0)
    return builder.build()


def _first_fit_decreasing(weight: list[int], room: int) -> list[int]:
    """Return the loads of the bins that first-fit decreasing opens."""
    loads: list[int] = []
    for each in sorted(weight, reverse=True):
        place = next((place for place, load in enumerate(loads) if load + each <= room), None)
        if place is None:
            loads.append(each)
        else:
            loads[place] += each
    return loads

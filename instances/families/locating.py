"""Families in which places are chosen on a map: medians with capacities, sensors within a budget."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from instances.builder import Builder
from instances.families.sizes import largest_load, scaled
from instances.model import Model


def p_median(random: Generator, size: float) -> Model:
    """Choose a quarter of the nodes as medians and assign every node to one of them: 17 nodes at size 1.

    The cost is the sum of the distances. A node is assigned as a whole, and a median takes little more than its even
    share of the demand: 1.04 times as much, or what the nodes take when spread evenly, the largest first.
    """
    nodes = scaled(17, size, least=5)
    medians = max(2, nodes // 4)
    places = random.integers(1, 101, (nodes, 2))
    distance = np.floor(np.linalg.norm(places[:, None] - places[None], axis=2))
    demand = random.integers(1, 21, nodes)
    capacity = float(max(np.ceil(1.04 * demand.sum() / medians), largest_load(demand.tolist(), medians)))
    builder = Builder()
    chosen = [builder.add_binary(f"median_{node}") for node in range(nodes)]
    assigned = [
        [builder.add_binary(f"assign_{node}_{median}", float(distance[node, median])) for median in range(nodes)]
        for node in range(nodes)
    ]
    builder.add_row("medians", ((one, 1.0) for one in chosen), lower=float(medians), upper=float(medians))
    for node in range(nodes):
        builder.add_row(f"node_{node}", ((one, 1.0) for one in assigned[node]), lower=1.0, upper=1.0)
    for median in range(nodes):
        loads = [(assigned[node][median], float(demand[node])) for node in range(nodes)]
        builder.add_row(f"capacity_{median}", [*loads, (chosen[median], -capacity)], upper=0.0)
        for node in range(nodes):
            entries = [(assigned[node][median], 1.0), (chosen[median], -1.0)]
            builder.add_row(f"link_{node}_{median}", entries, upper=0.0)
    return builder.build()


def sensor_placement(random: Generator, size: float) -> Model:
    """Place sensors of two kinds within a budget so that what happens is detected: 100 points, 50 sites at size 1.

    A sensor detects what happens in its range with probability 0.7, independently of the others, so that a third one
    around a point is worth less than the second; three are counted. A site takes one sensor, the wide kind costs about
    twice as much, and the budget is a twelfth of what both kinds would cost at all sites.
    """
    points, sites = scaled(100, size), scaled(50, size)
    missed = 0.3
    where, site = random.random((points, 2)), random.random((sites, 2))
    distance = np.linalg.norm(where[:, None] - site[None], axis=2)
    worth = random.integers(10, 101, points)
    kinds = ((0.16, 30), (0.24, 60))
    price = [[base + int(random.integers(0, base // 2)) for _, base in kinds] for _ in range(sites)]
    budget = float(round(sum(map(sum, price)) / 12))
    builder = Builder(maximise=True)
    placed = [[builder.add_binary(f"place_{one}_{kind}") for kind in range(len(kinds))] for one in range(sites)]
    spent = [(placed[one][kind], float(price[one][kind])) for one in range(sites) for kind in range(len(kinds))]
    builder.add_row("budget", spent, upper=budget)
    for one in range(sites):
        builder.add_row(f"site_{one}", ((column, 1.0) for column in placed[one]), upper=1.0)
    for point in range(points):
        seeing = [
            (placed[one][kind], -1.0)
            for one in range(sites)
            for kind, (reach, _) in enumerate(kinds)
            if distance[point, one] <= reach
        ]
        levels = []
        for level in range(3):
            gain = round(float(worth[point]) * (1.0 - missed) * missed**level, 3)
            levels.append((builder.add_column(f"seen_{point}_{level}", gain, 0.0, 1.0), 1.0))
        builder.add_row(f"point_{point}", [*levels, *seeing], upper=0.0)
    return builder.build()

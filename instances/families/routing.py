"""Families in which networks are travelled or built: vehicle routes, Steiner trees; both by flows."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from instances.builder import Builder
from instances.families.sizes import largest_load, scaled
from instances.model import Model


def vehicle_routing(random: Generator, size: float) -> Model:
    """Deliver to every customer once by tours from a depot, by a flow of one commodity: 10 customers at size 1.

    Three vehicles carry 1.15 times their even share of the demand, or what fits when it is spread evenly; each is
    used, and comes back empty.
    """
    customers, vehicles = scaled(10, size, least=4), 3
    places = random.integers(0, 101, (customers + 1, 2))
    distance = np.round(np.linalg.norm(places[:, None] - places[None], axis=2))
    demand = [0, *random.integers(5, 31, customers).tolist()]
    capacity = float(max(np.ceil(1.15 * sum(demand) / vehicles), largest_load(demand, vehicles)))
    nodes = range(customers + 1)
    arcs = [(tail, head) for tail in nodes for head in nodes if tail != head]
    builder = Builder()
    drive = {arc: builder.add_binary("drive_{}_{}".format(*arc), float(distance[arc])) for arc in arcs}
    laden = [arc for arc in arcs if arc[1] != 0]
    load = {arc: builder.add_column("load_{}_{}".format(*arc)) for arc in laden}
    for node in nodes:
        tours = float(vehicles if node == 0 else 1)
        builder.add_row(
            f"leave_{node}", ((drive[arc], 1.0) for arc in arcs if arc[0] == node), lower=tours, upper=tours
        )
        builder.add_row(
            f"enter_{node}", ((drive[arc], 1.0) for arc in arcs if arc[1] == node), lower=tours, upper=tours
        )
    for node in nodes[1:]:
        entries = [(load[arc], 1.0) for arc in laden if arc[1] == node]
        entries += [(load[arc], -1.0) for arc in laden if arc[0] == node]
        builder.add_row(f"deliver_{node}", entries, lower=float(demand[node]), upper=float(demand[node]))
    for tail, head in laden:
        carried, driven = load[tail, head], drive[tail, head]
        least, most = float(demand[head]), capacity - demand[tail]
        builder.add_row(f"most_{tail}_{head}", [(carried, 1.0), (driven, -most)], upper=0.0)
        builder.add_row(f"least_{tail}_{head}", [(carried, 1.0), (driven, -least)], lower=0.0)
    return builder.build()


def steiner_tree(random: Generator, size: float) -> Model:
    """Connect terminals at least cost, by a flow from the first to each other one: 9 terminals, 13 others at size 1.

    An edge joins a terminal to another node, never two of either: each other node to three terminals. All edges cost
    about the same, which leaves a gap that has to be closed by branching.
    """
    terminals, others = scaled(9, size, least=3), scaled(13, size, least=4)
    nodes = terminals + others
    edges = {
        (int(terminal), terminals + other)
        for other in range(others)
        for terminal in random.choice(terminals, 3, replace=False)
    }
    # One after another, so that every terminal can be reached from every other one.
    edges |= {(terminal + step, terminals + terminal % others) for terminal in range(terminals - 1) for step in (0, 1)}
    price = {edge: float(random.integers(100, 111)) for edge in sorted(edges)}
    arcs = [arc for edge in price for arc in (edge, edge[::-1])]
    builder = Builder()
    built = {arc: builder.add_binary("build_{}_{}".format(*arc), price[min(arc), max(arc)]) for arc in arcs}
    for terminal in range(1, terminals):
        flow = {arc: builder.add_column("flow_{}_{}_{}".format(*arc, terminal)) for arc in arcs}
        for node in range(nodes):
            entries = [(flow[arc], 1.0) for arc in arcs if arc[0] == node]
            entries += [(flow[arc], -1.0) for arc in arcs if arc[1] == node]
            net = float((node == 0) - (node == terminal))
            builder.add_row(f"node_{node}_{terminal}", entries, lower=net, upper=net)
        for arc in arcs:
            builder.add_row("link_{}_{}_{}".format(*arc, terminal), [(flow[arc], 1.0), (built[arc], -1.0)], upper=0.0)
    return builder.build()

"""Families in which things are chosen: set covering, auctions, independent sets, knapsacks."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.random import Generator

from instances.builder import Builder
from instances.families.sizes import scaled
from instances.model import Floats, Model


def set_cover(random: Generator, size: float) -> Model:
    """Cover every row at least cost: 140 rows, 280 columns at size 1, 12 % of the places filled, costs 1 .. 100.

    Every column covers a row and every row can be covered by two columns or more.
    """
    rows, columns = scaled(140, size), scaled(280, size)
    covers = random.random((rows, columns)) < 0.12
    for column in np.flatnonzero(~covers.any(axis=0)).tolist():
        covers[random.integers(rows), column] = True
    for row in np.flatnonzero(covers.sum(axis=1) < 2).tolist():
        covers[row, random.choice(np.flatnonzero(~covers[row]), 2, replace=False)] = True
    builder = Builder()
    for cost in random.integers(1, 101, columns).tolist():
        builder.add_binary(f"take_{len(builder.columns)}", cost)
    for row in range(rows):
        builder.add_row(f"cover_{row}", _ones(np.flatnonzero(covers[row]).tolist()), lower=1.0)
    return builder.build()


def combinatorial_auction(random: Generator, size: float) -> Model:
    """Sell items to the bids that pay most: 60 items, 300 bids at size 1; bundles of items that go well together.

    Each bidder makes one bid, then up to five others, of which only one can win, that share an item with the first.
    """
    items, bids = scaled(60, size), scaled(300, size)
    market = _Market(random, items)
    builder = Builder(maximise=True)
    sellers: list[list[int]] = [[] for _ in range(items)]
    alternatives: list[list[int]] = []
    while len(builder.columns) < bids:
        own = []
        for bundle, price in market.bids(random):
            if len(builder.columns) == bids:
                break
            bid = builder.add_binary(f"bid_{len(builder.columns)}", price)
            own.append(bid)
            for item in bundle:
                sellers[item].append(bid)
        if len(own) > 1:
            alternatives.append(own)
    for item, wanting in enumerate(sellers):
        builder.add_row(f"item_{item}", _ones(wanting), upper=1.0)
    for bidder, own in enumerate(alternatives):
        builder.add_row(f"bidder_{bidder}", _ones(own), upper=1.0)
    return builder.build()


class _Market:
    """What items are worth, alone and together."""

    def __init__(self, random: Generator, items: int) -> None:
        self.values = random.integers(1, 101, items).astype(np.float64)
        affinity = np.triu(random.random((items, items)), 1)
        affinity += affinity.T
        self.affinity = affinity / affinity.sum(axis=1)

    def bids(self, random: Generator) -> Iterable[tuple[tuple[int, ...], float]]:
        """Return one bidder's bids, as sets of items with prices, without repetition."""
        worth = self.values + 50.0 * (2.0 * random.random(len(self.values)) - 1.0)
        interest = np.clip(worth / np.maximum(worth.max(), 1.0), 1e-3, None)
        first = self._bundle(random, interest, None, 0)
        price = _price(worth, first)
        if price <= 0:
            return []
        bids = {tuple(sorted(first)): price}
        others = []
        for item in first:
            bundle = self._bundle(random, interest, item, len(first))
            others.append((_price(worth, bundle), tuple(sorted(bundle))))
        resale = sum(self.values[item] for item in first)
        for offer, items in sorted(others, reverse=True):
            # A bidder neither goes far beyond the first bid nor takes what is worth much less.
            enough = sum(self.values[item] for item in items) >= 0.5 * resale
            if len(bids) < 6 and 0 < offer <= 1.5 * price and enough:
                bids.setdefault(items, offer)
        return list(bids.items())

    def _bundle(self, random: Generator, interest: Floats, start: int | None, length: int) -> list[int]:
        """Draw items, each by its interest and how well it goes with those before; of random length when 0 is given."""
        if start is None:
            start = int(random.choice(len(interest), p=interest / interest.sum()))
        bundle = [start]
        while len(bundle) < length if length else random.random() < 0.7:
            weight = interest * self.affinity[bundle].mean(axis=0)
            weight[bundle] = 0.0
            if len(bundle) == len(interest):
                break
            bundle.append(int(random.choice(len(weight), p=weight / weight.sum())))
        return bundle


def _price(worth: Floats, bundle: list[int]) -> float:
    """Return the bundle's worth with a premium for its size, in cents."""
    return round(float(worth[bundle].sum()) + math.pow(len(bundle), 1.2), 2)


def independent_set(random: Generator, size: float) -> Model:
    """Choose most nodes without an edge between them: 300 nodes at size 1, each joined to four earlier ones.

    Edges are gathered greedily into cliques, one row each.
    """
    nodes = scaled(300, size, least=6)
    neighbours = _attached(random, nodes, 4)
    builder = Builder(maximise=True)
    for node in range(nodes):
        builder.add_binary(f"node_{node}", 1.0)
    covered: set[tuple[int, int]] = set()
    by_degree = sorted(range(nodes), key=lambda node: (-len(neighbours[node]), node))
    for node in by_degree:
        for other in sorted(neighbours[node], key=lambda other: (-len(neighbours[other]), other)):
            if (min(node, other), max(node, other)) in covered:
                continue
            clique = [node, other]
            for third in sorted(neighbours[node] & neighbours[other]):
                if all(third in neighbours[member] for member in clique):
                    clique.append(third)
            covered.update((min(a, b), max(a, b)) for a in clique for b in clique if a != b)
            builder.add_row(f"clique_{len(builder.rows)}", _ones(sorted(clique)), upper=1.0)
    return builder.build()


def _attached(random: Generator, nodes: int, degree: int) -> list[set[int]]:
    """Return the neighbours in a random graph that grows by preferential attachment (Barabási and Albert, 1999)."""
    neighbours: list[set[int]] = [set() for _ in range(nodes)]
    ends = list(range(degree))
    for node in range(degree, nodes):
        chosen: set[int] = set()
        while len(chosen) < degree:
            chosen.add(ends[random.integers(len(ends))])
        for other in sorted(chosen):
            neighbours[node].add(other)
            neighbours[other].add(node)
            ends.extend((node, other))
    return neighbours


def multi_knapsack(random: Generator, size: float) -> Model:
    """Choose the most profitable items within five capacities: 36 items at size 1, half of all weight fits.

    Weights are 1 .. 1000; profits follow an item's mean weight, which makes them hard to tell apart.
    """
    resources, items = 5, scaled(36, size)
    weights = random.integers(1, 1001, (resources, items))
    profits = np.floor(weights.mean(axis=0) + 500.0 * random.random(items))
    builder = Builder(maximise=True)
    for item, profit in enumerate(profits.tolist()):
        builder.add_binary(f"take_{item}", profit)
    for resource, row in enumerate(weights.tolist()):
        builder.add_row(f"capacity_{resource}", enumerate(map(float, row)), upper=float(sum(row) // 2))
    return builder.build()


def _ones(columns: Iterable[int]) -> list[tuple[int, float]]:
    return [(column, 1.0) for column in columns]

"""Seeded generators of MILP families, after the usual constructions of the literature; every model is feasible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from instances.families import logistics, selection
from instances.model import Model
from instances.writing import write_mps


@dataclass(frozen=True)
class Family:
    """One kind of models, of any size and as many as wanted."""

    name: str
    title: str
    """One line, for people."""
    source: str
    """Where the construction comes from."""
    make: Callable[[np.random.Generator, float], Model]

    def model(self, seed: int, number: int, size: float = 1.0) -> Model:
        """Return one model: the same for the same seed (0 or more), number (0 or more) and size.

        The size stretches what a model is made of; 1 gives what default HiGHS solves in about 0.2 to 3 s on one core.
        Its name is the family's with the number.
        """
        random = np.random.default_rng([seed, number])
        return replace(self.make(random, size), name=f"{self.name}-{number:04}")


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "set-cover",
            "cover every row at least cost",
            "Balas and Ho 1980, as in Gasse et al. 2019",
            selection.set_cover,
        ),
        Family(
            "combinatorial-auction",
            "sell items to the bids that pay most",
            "Leyton-Brown, Pearson and Shoham 2000, arbitrary relationships",
            selection.combinatorial_auction,
        ),
        Family(
            "independent-set",
            "choose most nodes of a graph without an edge between them",
            "Bergman, Cire, van Hoeve and Hooker 2016, on graphs of Barabási and Albert, with cliques",
            selection.independent_set,
        ),
        Family(
            "multi-knapsack",
            "choose the most profitable items within several capacities",
            "Chu and Beasley 1998",
            selection.multi_knapsack,
        ),
        Family(
            "facility-location",
            "open facilities with capacities and serve customers from them",
            "Cornuéjols, Sridharan and Thizy 1991",
            logistics.facility_location,
        ),
        Family(
            "generalised-assignment",
            "assign jobs to agents with capacities",
            "Chu and Beasley 1997, type D",
            logistics.generalised_assignment,
        ),
        Family(
            "lot-sizing",
            "plan lots of several items on one machine with setup times",
            "Trigeiro, Thomas and McClain 1989",
            logistics.lot_sizing,
        ),
        Family(
            "network-design",
            "buy arcs of a network and route commodities through them",
            "Crainic, Frangioni and Gendron 2001",
            logistics.network_design,
        ),
        Family(
            "bin-packing",
            "pack items into as few bins as possible",
            "Falkenauer 1996, triplets; the model of Martello and Toth 1990",
            logistics.bin_packing,
        ),
    )
}


def generate(family: Family, count: int, folder: Path, seed: int, size: float = 1.0) -> list[Path]:
    """Write models NAME-0001.mps.gz and on into a folder, which is created; files that are there are replaced.

    Returns the files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(1, count + 1):
        model = family.model(seed, number, size)
        files.append(folder / f"{model.name}.mps.gz")
        write_mps(model, files[-1])
    return files

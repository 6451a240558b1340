"""Seeded generators of MILP families, after the usual constructions of the literature; every model is feasible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from instances.families import commitment, locating, logistics, production, routing, selection, timetabling
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
        Family(
            "lot-sizing-carryover",
            "plan lots on a machine that keeps its setup over the end of a period; demand may be met late",
            "Sox and Gao 1999; setup times as in Suerie and Stadtler 2003; backlogs as in Quadt and Kuhn 2009",
            production.lot_sizing_carryover,
        ),
        Family(
            "cutting-stock",
            "cut pieces from bars of several lengths at least cost",
            "Kantorovich 1960: how many of each kind from each bar (general integers), with several stock lengths",
            production.cutting_stock,
        ),
        Family(
            "p-median",
            "choose medians with capacities and assign every node to one",
            "Osman and Christofides 1994",
            locating.p_median,
        ),
        Family(
            "sensor-placement",
            "place sensors within a budget so that most is detected",
            "maximum expected coverage, Daskin 1983, with a budget and two kinds of sensors",
            locating.sensor_placement,
        ),
        Family(
            "vehicle-routing",
            "deliver by tours of vehicles with capacities",
            "the flow of one commodity of Gavish and Graves 1978",
            routing.vehicle_routing,
        ),
        Family(
            "steiner-tree",
            "connect terminals of a graph at least cost",
            "the flow of several commodities of Wong 1984, on graphs after the bipartite ones of Rosseti et al. 2001",
            routing.steiner_tree,
        ),
        Family(
            "course-timetabling",
            "give every lecture a period of the week",
            "curriculum-based timetabling (Bonutti et al. 2012), the first stage of Lach and Lübbecke 2012",
            timetabling.course_timetabling,
        ),
        Family(
            "unit-commitment",
            "switch the thermal units of a power system on and off, and dispatch them",
            "the RTS-GMLC system in PGLib-UC (CC BY 4.0), as Morales-España, Latorre and Ramos 2013 model it",
            commitment.unit_commitment,
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

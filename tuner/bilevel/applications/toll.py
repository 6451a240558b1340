"""Toll design: the leader sets tolls on some arcs of a network, and travellers take what is cheapest for them.

Every commodity travels from its origin to its destination. What an arc costs a traveller is its cost, its time at the
commodity's value of time, and its toll. The leader maximises what it takes in. (Labbe, Marcotte and Savard 1998.)
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instances.builder import Builder
from instances.model import VariableKind
from tuner.bilevel.applications.network import has_negative_cycle
from tuner.bilevel.linear import LinearProblem, Products, Unit
from tuner.bilevel.result import Result
from tuner.bilevel.table import LARGEST, Table
from tuner.cost import Ties
from tuner.errors import UsageError

KIND = "toll"
SEPARATOR = ": "
"""Between a commodity and an arc, in the name of the variable that says how many take it."""


@dataclass(frozen=True)
class Toll:
    """Which tolls an arc may have."""

    most: float
    """From 0 up to this ..."""
    step: float
    """... in steps of this; 0 for any toll between."""


@dataclass(frozen=True)
class Arc:
    """One arc."""

    name: str
    origin: str
    destination: str
    cost: float
    """Money per traveller, without toll."""
    time: float
    capacity: float | None
    """How many travellers fit; None for all."""
    toll: Toll | None
    """None when it is free."""


@dataclass(frozen=True)
class Commodity:
    """Travellers with a common way."""

    name: str
    origin: str
    destination: str
    demand: int
    """How many there are."""
    value_of_time: float
    """Money per unit of time."""


@dataclass(frozen=True)
class TollNetwork:
    """A network with tolls to be set."""

    name: str
    currency: str
    arcs: tuple[Arc, ...]
    commodities: tuple[Commodity, ...]

    @classmethod
    def read(cls, table: Table) -> TollNetwork:
        """Read what a user wrote; UsageError for what is wrong with it."""
        name, currency = table.text("name", KIND), table.text("currency", "units")
        arcs = tuple(_arc(entry) for entry in table.tables("arcs", "arc"))
        commodities = tuple(_commodity(entry, n) for n, entry in enumerate(table.tables("commodities", "commodity"), 1))
        table.done()
        for what, names in (("arcs", [a.name for a in arcs]), ("commodities", [c.name for c in commodities])):
            table.distinct(what, names)
            for each in names:
                if SEPARATOR in each:
                    raise UsageError(f"{table.place}: {what}: {each}: a colon and a blank may not be in a name")
        if not any(arc.toll for arc in arcs):
            raise UsageError(f"{table.place}: no arc has a toll, so there is nothing to choose; give one toll = ...")
        nodes = {node for arc in arcs for node in (arc.origin, arc.destination)}
        for commodity in commodities:
            for node in (commodity.origin, commodity.destination):
                if node not in nodes:
                    raise UsageError(f"{table.place}: commodity {commodity.name}: no arc touches {node!r}")
        return cls(name, currency, arcs, commodities)

    @classmethod
    def example(cls) -> TollNetwork:
        """Return two routes: A takes 30 minutes and can be tolled, B takes 50 and is free; a minute is worth 0.30."""
        return cls(
            "two routes",
            "GBP",
            (
                Arc("A", "home", "city", 0.0, 30.0, None, Toll(10.0, 0.01)),
                Arc("B", "home", "city", 0.0, 50.0, None, None),
            ),
            (Commodity("commuters", "home", "city", 1, 0.3),),
        )

    @classmethod
    def generated(cls, nodes: int, commodities: int, seed: int) -> TollNetwork:
        """Return a random network in which every commodity has a way free of tolls."""
        generator = random.Random(seed)
        names = [f"n{number}" for number in range(nodes)]
        arcs = [
            Arc(f"{a}-{b} free", a, b, float(generator.randint(5, 20)), 0.0, None, None)
            for a, b in zip(names, [*names[1:], names[0]], strict=True)
        ]
        for number in range(nodes):
            a, b = generator.sample(names, 2)
            toll = Toll(10.0, 1.0) if generator.random() < 0.6 else None
            arcs.append(Arc(f"{a}-{b} {number}", a, b, float(generator.randint(1, 10)), 0.0, None, toll))
        if not any(arc.toll for arc in arcs):
            arcs.append(Arc(f"{names[0]}-{names[-1]} toll", names[0], names[-1], 1.0, 0.0, None, Toll(10.0, 1.0)))
        travellers = []
        for number in range(commodities):
            a, b = generator.sample(names, 2)
            travellers.append(Commodity(f"k{number}", a, b, generator.randint(1, 5), 0.0))
        return cls(f"toll-{nodes}-{commodities}-{seed}", "units", tuple(arcs), tuple(travellers))

    def problem(self, ties: Ties = Ties.OPTIMISTIC) -> LinearProblem:
        """Return the bilevel problem: x are the tolls, y the travellers of each commodity on each arc."""
        b = Builder(self.name, maximise=True)
        tolls = {arc.name: self._add_toll(b, arc) for arc in self.arcs if arc.toll}
        flows: dict[tuple[str, str], int] = {}
        objective: list[float] = []
        income: dict[tuple[int, int], float] = {}
        has_capacities = self._has_capacities
        self._check_cycles()
        for commodity in self._travelling:
            # Without capacities everybody of a commodity goes the same way: one traveller stands for all.
            most, each = (commodity.demand, 1) if has_capacities else (1, commodity.demand)
            for arc in self.arcs:
                name = f"{commodity.name}{SEPARATOR}{arc.name}"
                column = b.add_column(name, 0.0, 0.0, float(most), VariableKind.INTEGER)
                flows[commodity.name, arc.name] = column
                objective.append(each * (arc.cost + arc.time * commodity.value_of_time))
                if arc.toll:
                    income[tolls[arc.name], column] = each * (arc.toll.step or 1.0)
        rows = self._add_rows(b, flows, has_capacities)
        products = Products.of(income)
        return LinearProblem(
            b.build(),
            list(flows.values()),
            range(rows),
            objective,
            upper_products=products,
            lower_products=products,
            units={tolls[arc.name]: Unit(0.0, arc.toll.step) for arc in self.arcs if arc.toll and arc.toll.step},
            ties=ties,
        )

    def document(self) -> dict[str, Any]:
        """Return it as it is written in a file."""
        arcs = []
        for arc in self.arcs:
            entry: dict[str, Any] = {"name": arc.name, "from": arc.origin, "to": arc.destination}
            entry |= {"cost": arc.cost, "time": arc.time}
            if arc.capacity is not None:
                entry["capacity"] = arc.capacity
            if arc.toll is not None:
                entry["toll"] = {"most": arc.toll.most, "step": arc.toll.step}
            arcs.append(entry)
        commodities = [
            {
                "name": c.name,
                "from": c.origin,
                "to": c.destination,
                "demand": c.demand,
                "value_of_time": c.value_of_time,
            }
            for c in self.commodities
        ]
        return {
            "kind": KIND,
            "name": self.name,
            "currency": self.currency,
            "arcs": arcs,
            "commodities": commodities,
        }

    def sentence(self, result: Result) -> str:
        """Say a result in the words of the problem."""
        if result.x is None or result.objective is None or result.y is None:
            return "no tolls let every traveller arrive" if result.is_proven else "no tolls were found so far"
        tolls = result.problem.named(result.x)
        words = ", ".join(f"toll {_money(toll)} on {name}" for name, toll in tolls.items())
        flows = [
            f"{self._share(commodity, value)} {arc.name}"
            for commodity in self._travelling
            for arc in self.arcs
            if (value := result.y[f"{commodity.name}{SEPARATOR}{arc.name}"]) > 0.5
            and len(self.commodities) * len(self.arcs) < 20
        ]
        took = f": {', '.join(flows)}" if flows else ""
        return f"{words}{took}; revenue {_money(result.objective)} {self.currency}"

    @property
    def _has_capacities(self) -> bool:
        return any(arc.capacity is not None for arc in self.arcs)

    @property
    def _travelling(self) -> list[Commodity]:
        return [commodity for commodity in self.commodities if commodity.demand]

    def _share(self, commodity: Commodity, flow: float) -> str:
        """Say how many of a commodity a flow is: without capacities all of them, or nobody."""
        everybody = not self._has_capacities or round(flow) == commodity.demand
        return f"{'all' if everybody else f'{flow:g}'} {commodity.name} take"

    def _check_cycles(self) -> None:
        """Raise UsageError for a cycle of negative cost: travellers would go round it for ever, whatever the tolls."""
        for commodity in self._travelling:
            costs = [(arc.origin, arc.destination, arc.cost + arc.time * commodity.value_of_time) for arc in self.arcs]
            if has_negative_cycle(costs):
                raise UsageError(
                    f"{self.name}: {commodity.name} could go round a cycle of negative cost for ever; "
                    "mend the costs of the arcs"
                )

    @staticmethod
    def _add_toll(b: Builder, arc: Arc) -> int:
        assert arc.toll is not None
        if not arc.toll.step:
            return b.add_column(arc.name, 0.0, 0.0, arc.toll.most)
        return b.add_column(arc.name, 0.0, 0.0, float(int(arc.toll.most / arc.toll.step + 1e-9)), VariableKind.INTEGER)

    def _add_rows(self, b: Builder, flows: Mapping[tuple[str, str], int], has_capacities: bool) -> int:
        """Add flow balance and capacities, all of the follower, and return how many there are."""
        nodes = dict.fromkeys(node for arc in self.arcs for node in (arc.origin, arc.destination))
        rows = 0
        for number, commodity in enumerate(self._travelling):
            supply = dict.fromkeys(nodes, 0.0)
            amount = float(commodity.demand if has_capacities else 1)
            supply[commodity.origin] += amount
            supply[commodity.destination] -= amount
            for place, node in enumerate(nodes):
                entries: dict[int, float] = {}
                for arc in self.arcs:
                    for end, sign in ((arc.origin, 1.0), (arc.destination, -1.0)):
                        if end == node:
                            column = flows[commodity.name, arc.name]
                            entries[column] = entries.get(column, 0.0) + sign
                b.add_row(f"balance {number} {place}", entries.items(), lower=supply[node], upper=supply[node])
                rows += 1
        for place, arc in enumerate(self.arcs):
            if arc.capacity is not None:
                entries = {flows[commodity.name, arc.name]: 1.0 for commodity in self._travelling}
                b.add_row(f"capacity {place}", entries.items(), upper=arc.capacity)
                rows += 1
        return rows


def _arc(entry: Table) -> Arc:
    origin, destination = entry.text("from"), entry.text("to")
    toll = None
    if entry.has("toll"):
        limits = entry.table("toll")
        toll = Toll(limits.number("most", least=0.0), limits.number("step", 0.0, least=0.0))
        if toll.step and toll.most > LARGEST * toll.step:
            raise UsageError(f"{limits.place}: the step {toll.step:g} is too small for tolls up to {toll.most:g}")
        limits.done()
    arc = Arc(
        entry.text("name", f"{origin}-{destination}"),
        origin,
        destination,
        entry.number("cost", 0.0),
        entry.number("time", 0.0, least=0.0),
        entry.number("capacity", least=0.0) if entry.has("capacity") else None,
        toll,
    )
    entry.done()
    return arc


def _commodity(entry: Table, number: int) -> Commodity:
    commodity = Commodity(
        entry.text("name", f"commodity {number}"),
        entry.text("from"),
        entry.text("to"),
        entry.whole("demand", 1, least=0),
        entry.number("value_of_time", 1.0, least=0.0),
    )
    entry.done()
    return commodity


def _money(amount: float) -> str:
    return f"{amount:.12g}"

"""Interdiction: an attacker removes, within a budget, what the defender then does best without.

Three defenders: one that takes the shortest path, one that sends the maximum flow, one that packs a knapsack. What is
removed stays in the defender's model, at a price that makes it useless: so every answer of the defender is feasible
whatever the attacker does, and bounds what all other attacks achieve. (Israeli and Wood 2002; Cormican, Morton and Wood
1998; Caprara, Carvalho, Lodi and Woeginger 2016.)
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from instances.builder import Builder
from instances.model import VariableKind
from tuner.bilevel.applications.network import has_negative_cycle
from tuner.bilevel.linear import LinearProblem, Products
from tuner.bilevel.result import Result
from tuner.bilevel.table import Table
from tuner.cost import Ties
from tuner.errors import UsageError

DELAY = 50.0
"""Of a path through an arc that is attacked, in random networks; arcs have a length of 1 to 300."""
REMOVE, FLOW, AROUND = "remove ", "flow", "no path"
"""What the model's own variables are called."""


class Defender(StrEnum):
    """What the follower does."""

    PATH = "shortest path"
    FLOW = "maximum flow"
    KNAPSACK = "knapsack"


@dataclass(frozen=True)
class Target:
    """What can be removed: an arc, or an item."""

    name: str
    value: float
    """Length, capacity or profit."""
    weight: float = 1.0
    """What removing it takes of the attacker's budget."""
    origin: str = ""
    destination: str = ""
    """Of an arc."""
    delay: float = 0.0
    """By how much a path through a removed arc is longer."""
    size: float = 0.0
    """Of an item, in the knapsack."""


@dataclass(frozen=True)
class Interdiction:
    """An attacker's problem."""

    name: str
    defender: Defender
    targets: tuple[Target, ...]
    budget: float
    """What removals may take together."""
    origin: str = ""
    destination: str = ""
    """Of the path or the flow."""
    capacity: float = 0.0
    """Of the knapsack."""
    penalty: float = 0.0
    """What it costs when there is no path: there is always a way round of this length."""

    @classmethod
    def read(cls, table: Table) -> Interdiction:
        """Read what a user wrote; UsageError for what is wrong with it."""
        defender = Defender(table.choice("defender", tuple(Defender)))
        name = table.text("name", f"{defender} interdiction")
        budget = table.number("budget", least=0.0)
        if defender is Defender.KNAPSACK:
            capacity = table.number("capacity", least=0.0)
            items = tuple(_item(entry, n) for n, entry in enumerate(table.tables("items", "item"), 1))
            made = cls(name, defender, items, budget, capacity=capacity)
        else:
            ends = table.text("from"), table.text("to")
            penalty = table.number("penalty", least=0.0) if defender is Defender.PATH else 0.0
            arcs = tuple(_arc(entry, defender, penalty) for entry in table.tables("arcs", "arc"))
            made = cls(name, defender, arcs, budget, *ends, penalty=penalty)
            nodes = {node for arc in arcs for node in (arc.origin, arc.destination)}
            for node in ends:
                if node not in nodes:
                    raise UsageError(f"{table.place}: no arc touches {node!r}")
            if has_negative_cycle([(arc.origin, arc.destination, arc.value) for arc in arcs]):
                raise UsageError(f"{table.place}: a path could go round a cycle of negative length for ever")
            if ends[0] == ends[1]:
                raise UsageError(f"{table.place}: from and to are both {ends[0]!r}; two nodes are needed")
        table.done()
        names = [target.name for target in made.targets]
        table.distinct("targets", names)
        for target in names:
            if target.startswith(REMOVE) or target in (FLOW, AROUND):
                raise UsageError(f"{table.place}: a target may not have the name {target}, which the model uses itself")
        return made

    @classmethod
    def example(cls, defender: Defender = Defender.KNAPSACK) -> Interdiction:
        """Return a small one.

        The knapsack is that of Caprara et al. (2016): removing item 1 leaves 3. In the network, the shortest path is
        12 instead of 7 without B-T, and the maximum flow 4 instead of 10 without S-A.
        """
        if defender is Defender.KNAPSACK:
            items = (Target("1", 4.0, 2.0, size=4.0), Target("2", 3.0, 1.0, size=3.0), Target("3", 3.0, 1.0, size=2.0))
            return cls("knapsack interdiction", defender, items, 2.0, capacity=4.0)
        lengths = {("S", "A"): 2, ("S", "B"): 7, ("A", "B"): 1, ("A", "T"): 10, ("B", "T"): 4}
        capacities = {("S", "A"): 6, ("S", "B"): 4, ("A", "B"): 3, ("A", "T"): 4, ("B", "T"): 7}
        values = lengths if defender is Defender.PATH else capacities
        return cls._network(f"{defender} interdiction", defender, values, ("S", "T"))

    @classmethod
    def generated(cls, size: int, seed: int, defender: Defender = Defender.KNAPSACK) -> Interdiction:
        """Return a random one.

        Args:
            size: items of a knapsack, of which both can afford about half; or nodes of a network with three arcs out
                of each. Two of them can be cut off a flow; on a path, one for every ten nodes can be slowed.
            seed: the same gives the same problem.
            defender: what the follower does.

        """
        generator = random.Random(seed)
        if defender is not Defender.KNAPSACK:
            ends = [(a, a + ahead) for a in range(size) for ahead in (1, 2, 3) if a + ahead < size]
            values = {(f"n{a}", f"n{b}"): generator.randint(1, 100) * (b - a) for a, b in ends}
            name = f"{'path' if defender is Defender.PATH else 'flow'}-{size}-{seed}"
            budget, delay = (2.0, None) if defender is Defender.FLOW else (max(1.0, size // 10), DELAY)
            return cls._network(name, defender, values, ("n0", f"n{size - 1}"), budget, delay)
        targets = tuple(
            Target(
                str(number),
                float(generator.randint(1, 100)),
                float(generator.randint(1, 100)),
                size=float(generator.randint(1, 100)),
            )
            for number in range(1, size + 1)
        )
        budget = sum(target.weight for target in targets) // 2
        capacity = sum(target.size for target in targets) // 2
        return cls(f"knapsack-{size}-{seed}", defender, targets, budget, capacity=capacity)

    @classmethod
    def _network(
        cls,
        name: str,
        defender: Defender,
        values: Mapping[tuple[str, str], int],
        ends: tuple[str, str],
        budget: float = 1.0,
        delay: float | None = None,
    ) -> Interdiction:
        """Return an attack on the arcs of a network, each at a unit of the budget; without a delay they are cut."""
        penalty = float(sum(values.values())) if defender is Defender.PATH else 0.0
        delay = penalty if delay is None else delay
        arcs = tuple(Target(f"{a}-{b}", float(value), 1.0, a, b, delay) for (a, b), value in values.items())
        return cls(name, defender, arcs, budget, *ends, penalty=penalty)

    def problem(self, ties: Ties = Ties.OPTIMISTIC) -> LinearProblem:
        """Return the bilevel problem: x says what is removed, y what the defender does."""
        is_path = self.defender is Defender.PATH
        b = Builder(self.name, maximise=is_path)
        removed = [b.add_binary(f"{REMOVE}{target.name}") for target in self.targets]
        used: list[int] = []
        objective: list[float] = []
        losses: dict[tuple[int, int], float] = {}
        for place, target in enumerate(self.targets):
            worth, loss, most = self._worth(target)
            column = b.add_column(target.name, worth, 0.0, most, self._kind)
            used.append(column)
            objective.append(worth)
            losses[removed[place], column] = loss
        rows = self._add_rows(b, used, objective)
        columns = list(range(len(removed), len(b.columns)))
        b.add_row("budget", [(c, t.weight) for c, t in zip(removed, self.targets, strict=True)], upper=self.budget)
        products = Products.of(losses)
        return LinearProblem(
            b.build(),
            columns,
            range(rows),
            objective,
            lower_maximise=not is_path,
            upper_products=products,
            lower_products=products,
            ties=ties,
        )

    def document(self) -> dict[str, Any]:
        """Return it as it is written in a file."""
        document: dict[str, Any] = {"kind": "interdiction", "name": self.name, "defender": self.defender.value}
        document["budget"] = self.budget
        if self.defender is Defender.KNAPSACK:
            document["capacity"] = self.capacity
            document["items"] = [
                {"name": t.name, "profit": t.value, "weight": t.size, "cost": t.weight} for t in self.targets
            ]
            return document
        document |= {"from": self.origin, "to": self.destination}
        is_path = self.defender is Defender.PATH
        if is_path:
            document["penalty"] = self.penalty
        document["arcs"] = [
            {"name": t.name, "from": t.origin, "to": t.destination, "cost": t.weight}
            | ({"length": t.value, "delay": t.delay} if is_path else {"capacity": t.value})
            for t in self.targets
        ]
        return document

    def sentence(self, result: Result) -> str:
        """Say a result in the words of the problem."""
        if result.x is None or result.objective is None:
            return "the defender has no answer to any attack" if result.is_proven else "no attack was found so far"
        removed = [target.name for target, value in zip(self.targets, result.x, strict=True) if value > 0.5]
        what = {
            Defender.PATH: "the shortest path has length",
            Defender.FLOW: "the maximum flow is",
            Defender.KNAPSACK: "the best knapsack is worth",
        }[self.defender]
        return f"remove {', '.join(removed) or 'nothing'}: {what} {result.objective:.12g}"

    @property
    def _kind(self) -> VariableKind:
        whole = all(target.value == int(target.value) for target in self.targets)
        is_whole = self.defender is not Defender.FLOW or whole
        return VariableKind.INTEGER if is_whole else VariableKind.CONTINUOUS

    def _worth(self, target: Target) -> tuple[float, float, float]:
        """Return the coefficient in the defender's objective, what is added to it when removed, and the largest y."""
        if self.defender is Defender.PATH:
            return target.value, target.delay, 1.0
        if self.defender is Defender.FLOW:
            return 0.0, -1.0, target.value  # a unit of flow pays 1 on arrival, and 1 on each removed arc
        return target.value, -target.value, 1.0

    def _add_rows(self, b: Builder, used: list[int], objective: list[float]) -> int:
        """Add the defender's rows and return how many there are; in a network, with one more column."""
        if self.defender is Defender.KNAPSACK:
            sizes = [target.size for target in self.targets]
            b.add_row("capacity", zip(used, sizes, strict=True), upper=self.capacity)
            return 1
        # From origin to destination: the whole flow, which is to be large, or the way round, which a path avoids.
        if self.defender is Defender.FLOW:
            direct = b.add_column(FLOW, 1.0, 0.0, sum(target.value for target in self.targets), self._kind)
            objective.append(1.0)
        else:
            direct = b.add_column(AROUND, self.penalty, 0.0, 1.0, self._kind)
            objective.append(self.penalty)
        nodes = dict.fromkeys(node for target in self.targets for node in (target.origin, target.destination))
        for node in nodes:
            entries: dict[int, float] = {}
            for column, target in zip(used, self.targets, strict=True):
                for end, sign in ((target.origin, 1.0), (target.destination, -1.0)):
                    if end == node:
                        entries[column] = entries.get(column, 0.0) + sign
            supply = 1.0 if node == self.origin else -1.0 if node == self.destination else 0.0
            if supply and self.defender is Defender.FLOW:
                entries[direct], supply = -supply, 0.0
            elif supply:
                entries[direct] = supply
            b.add_row(f"at {node}", entries.items(), lower=supply, upper=supply)
        return len(nodes)


def _item(entry: Table, number: int) -> Target:
    item = Target(
        entry.text("name", str(number)),
        entry.number("profit", least=0.0),
        entry.number("cost", 1.0, least=0.0),
        size=entry.number("weight", least=0.0),
    )
    entry.done()
    return item


def _arc(entry: Table, defender: Defender, penalty: float) -> Target:
    origin, destination = entry.text("from"), entry.text("to")
    arc = Target(
        entry.text("name", f"{origin}-{destination}"),
        entry.number("length") if defender is Defender.PATH else entry.number("capacity", least=0.0),
        entry.number("cost", 1.0, least=0.0),
        origin,
        destination,
        entry.number("delay", penalty, least=0.0) if defender is Defender.PATH else 0.0,
    )
    entry.done()
    return arc

"""Supply contracts: a manufacturer sets terms, and retailers order what then pays best for them.

A retailer orders a quantity before it knows its demand, and sells what it can at the retail price. The leader, the
manufacturer, sets the wholesale price; with a buy-back it takes back what was not sold, at a price; with revenue
sharing it gets a share of each sale. (Pasternack 1985; Cachon and Lariviere 2005.)
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instances.builder import Builder
from instances.model import VariableKind
from tuner.bilevel.linear import LinearProblem, Products, Unit
from tuner.bilevel.result import Result
from tuner.bilevel.table import LARGEST, Table
from tuner.cost import Ties
from tuner.errors import UsageError

SCENARIOS = 100_000
"""Of demand, at most."""
POINTS = 100
"""Of a uniform demand, at least."""
WHOLESALE, BUY_BACK, SHARE = "wholesale price", "buy-back price", "revenue share"


@dataclass(frozen=True)
class Term:
    """A number of the contract that the leader chooses."""

    least: float
    most: float
    step: float
    """It takes values from ``least`` in steps of this, up to ``most``."""

    @property
    def steps(self) -> int:
        """How many steps there are above the least."""
        return int((self.most - self.least) / self.step + 1e-9)


@dataclass(frozen=True)
class Retailer:
    """A newsvendor."""

    name: str
    price: float
    """At which it sells."""
    demands: tuple[float, ...]
    """What may be asked for ..."""
    probabilities: tuple[float, ...]
    """... and how probable that is."""
    salvage: float = 0.0
    """What it gets for a piece that it does not sell, besides the buy-back price."""


@dataclass(frozen=True)
class Contract:
    """A manufacturer's problem. The same terms hold for all retailers."""

    name: str
    cost: float
    """Of making a piece."""
    wholesale: Term
    retailers: tuple[Retailer, ...]
    buy_back: Term | None = None
    share: Term | None = None

    @classmethod
    def read(cls, table: Table) -> Contract:
        """Read what a user wrote; UsageError for what is wrong with it."""
        made = cls(
            table.text("name", "contract"),
            table.number("cost", least=0.0),
            _term(table.table("wholesale")),
            tuple(_retailer(entry, n) for n, entry in enumerate(table.tables("retailers", "retailer"), 1)),
            _term(table.table("buy_back")) if table.has("buy_back") else None,
            _term(table.table("revenue_share")) if table.has("revenue_share") else None,
        )
        table.done()
        table.distinct("retailers", (retailer.name for retailer in made.retailers))
        if made.share is not None and made.share.most > 1:
            raise UsageError(f"{table.place}: revenue_share: most is {made.share.most:g}; a share is 1 or less")
        return made

    @classmethod
    def example(cls) -> Contract:
        """Return demand uniform up to 100; a piece costs 0.2 and sells at 1: the answer is w = 0.6, q = 40."""
        return cls.uniform(100, 1.0, 0.2)

    @classmethod
    def uniform(cls, most: float, price: float, cost: float) -> Contract:
        """Return a wholesale price contract with one retailer whose demand is uniform from 0 to ``most``."""
        retailer = Retailer("retailer", price, *_uniform(most))
        return cls("wholesale price", cost, Term(0.0, price, price / 100), (retailer,))

    @classmethod
    def generated(cls, retailers: int, scenarios: int, seed: int) -> Contract:
        """Return a contract with a buy-back and random retailers."""
        generator = random.Random(seed)
        made = []
        for number in range(1, retailers + 1):
            demands = tuple(sorted(float(generator.randint(5, 100)) for _ in range(scenarios)))
            made.append(
                Retailer(f"r{number}", generator.randint(90, 110) / 10, demands, (1.0 / scenarios,) * scenarios)
            )
        return cls(
            f"contract-{retailers}-{scenarios}-{seed}", 3.0, Term(0.0, 10.0, 0.5), tuple(made), Term(0.0, 8.0, 0.5)
        )

    def problem(self, ties: Ties = Ties.OPTIMISTIC) -> LinearProblem:
        """Return the bilevel problem: x are the terms, y orders, and sales on average and by scenario."""
        b = Builder(self.name, maximise=True)
        wholesale = b.add_column(WHOLESALE, 0.0, 0.0, self.wholesale.steps, VariableKind.INTEGER)
        buy_back = self._term_column(b, BUY_BACK, self.buy_back)
        share = self._term_column(b, SHARE, self.share)
        units = {
            column: Unit(term.least, term.step)
            for column, term in ((wholesale, self.wholesale), (buy_back, self.buy_back), (share, self.share))
            if column is not None and term is not None
        }
        columns: list[int] = []
        profit: list[float] = []
        income: dict[tuple[int, int], float] = {}
        expenses: dict[tuple[int, int], float] = {}
        rows = 0
        back = self.buy_back.least if self.buy_back else 0.0
        shared = self.share.least if self.share else 0.0
        for retailer in self.retailers:
            most = max(retailer.demands)
            order = b.add_column(f"{retailer.name}: order", self.wholesale.least - self.cost - back, 0.0, most)
            sold = b.add_column(f"{retailer.name}: sold", back + shared * retailer.price, 0.0, most)
            columns += [order, sold]
            profit += [
                retailer.salvage - self.wholesale.least + back,
                retailer.price * (1.0 - shared) - retailer.salvage - back,
            ]
            average: list[tuple[int, float]] = [(sold, 1.0)]
            for number, (demand, probability) in enumerate(
                zip(retailer.demands, retailer.probabilities, strict=True), 1
            ):
                sales = b.add_column(f"{retailer.name}: sold in scenario {number}", 0.0, 0.0, demand)
                columns.append(sales)
                profit.append(0.0)
                average.append((sales, -probability))
                b.add_row(f"{retailer.name}: scenario {number}", [(sales, 1.0), (order, -1.0)], upper=0.0)
            b.add_row(f"{retailer.name}: average", average, lower=0.0, upper=0.0)
            rows += len(retailer.demands) + 1
            self._share_out(income, expenses, retailer, wholesale, buy_back, share, order, sold)
        return LinearProblem(
            b.build(),
            columns,
            range(rows),
            profit,
            lower_maximise=True,
            upper_products=Products.of(income),
            lower_products=Products.of(expenses),
            units=units,
            ties=ties,
        )

    def document(self) -> dict[str, Any]:
        """Return it as it is written in a file."""
        document: dict[str, Any] = {"kind": "contract", "name": self.name, "cost": self.cost}
        terms = {"wholesale": self.wholesale, "buy_back": self.buy_back, "revenue_share": self.share}
        for name, term in terms.items():
            if term is not None:
                document[name] = {"least": term.least, "most": term.most, "step": term.step}
        document["retailers"] = [
            {
                "name": retailer.name,
                "price": retailer.price,
                "demands": list(retailer.demands),
                "probabilities": list(retailer.probabilities),
                "salvage": retailer.salvage,
            }
            for retailer in self.retailers
        ]
        return document

    def terms(self, result: Result) -> Mapping[str, float]:
        """Return the terms of the leader's best choice."""
        assert result.x is not None
        return result.problem.named(result.x)

    def integrated(self) -> float:
        """Return the profit of the whole chain if one hand held it, as large as it can be."""
        total = 0.0
        for retailer in self.retailers:
            pairs = list(zip(retailer.demands, retailer.probabilities, strict=True))
            # The best order is one of the demands, or nothing.
            total += max(
                sum(p * (retailer.price * min(q, d) + retailer.salvage * max(0.0, q - d)) for d, p in pairs)
                - self.cost * q
                for q in (0.0, *retailer.demands)
            )
        return total

    def sentence(self, result: Result) -> str:
        """Say a result in the words of the problem."""
        if result.objective is None or result.y is None or result.response is None:
            return "no terms are acceptable" if result.is_proven else "no terms were found so far"
        terms = ", ".join(f"{name} {value:g}" for name, value in self.terms(result).items())
        orders = ", ".join(f"{r.name} orders {result.y[f'{r.name}: order']:.6g}" for r in self.retailers[:5])
        orders += ", ..." if len(self.retailers) > 5 else ""
        earned, whole = result.objective + (result.response.value or 0.0), self.integrated()
        efficiency = f"; the chain earns {100 * earned / whole:.3g} % of what one hand could" if whole > 0 else ""
        return f"{terms}: {orders}; the manufacturer earns {result.objective:.6g}{efficiency}"

    @staticmethod
    def _term_column(b: Builder, name: str, term: Term | None) -> int | None:
        return None if term is None else b.add_column(name, 0.0, 0.0, term.steps, VariableKind.INTEGER)

    def _share_out(
        self,
        income: dict[tuple[int, int], float],
        expenses: dict[tuple[int, int], float],
        retailer: Retailer,
        wholesale: int,
        buy_back: int | None,
        share: int | None,
        order: int,
        sold: int,
    ) -> None:
        """Add what the terms move from a retailer to the manufacturer."""
        moved = {(wholesale, order): self.wholesale.step}
        if buy_back is not None and self.buy_back is not None:
            moved[buy_back, order] = -self.buy_back.step
            moved[buy_back, sold] = self.buy_back.step
        if share is not None and self.share is not None:
            moved[share, sold] = self.share.step * retailer.price
        for pair, amount in moved.items():
            income[pair], expenses[pair] = amount, -amount


def _uniform(most: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return equally probable demands up to ``most``, whole ones if they are many enough, and their probabilities."""
    count = max(POINTS, math.ceil(most))
    return tuple(most * number / count for number in range(1, count + 1)), (1.0 / count,) * count


def _term(table: Table) -> Term:
    term = Term(table.number("least", 0.0), table.number("most"), table.number("step"))
    table.done()
    if term.step <= 0 or term.most < term.least:
        raise UsageError(f"{table.place}: from {term.least:g} to {term.most:g} in steps of {term.step:g} are no values")
    if term.most - term.least > LARGEST * term.step:
        raise UsageError(f"{table.place}: the step {term.step:g} is too small for values up to {term.most:g}")
    return term


def _retailer(entry: Table, number: int) -> Retailer:
    name, price = entry.text("name", f"retailer {number}"), entry.number("price", least=0.0)
    if entry.has("uniform"):
        most = entry.number("uniform", least=0.0)
        if not 0 < most <= SCENARIOS:
            raise UsageError(f"{entry.place}: uniform is {most:g}; above 0 and up to {SCENARIOS} can be solved")
        demands, probabilities = _uniform(most)
    else:
        demands = tuple(entry.numbers("demands", least=0.0))
        probabilities = tuple(entry.numbers("probabilities", least=0.0) if entry.has("probabilities") else ())
        probabilities = probabilities or (1.0 / len(demands),) * len(demands)
        if len(probabilities) != len(demands):
            raise UsageError(f"{entry.place}: {len(demands)} demands, but {len(probabilities)} probabilities")
        if abs(sum(probabilities) - 1.0) > 1e-6:
            raise UsageError(f"{entry.place}: the probabilities add up to {sum(probabilities):g}, not to 1")
    salvage = entry.number("salvage", 0.0)
    entry.done()
    if salvage > price:
        raise UsageError(f"{entry.place}: salvage is {salvage:g}, above the price of {price:g}: nothing would be sold")
    return Retailer(name, price, tuple(demands), tuple(probabilities), salvage)

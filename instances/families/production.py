"""Families in which goods are made: lots whose setups are carried over, pieces cut from stock."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from instances.builder import Builder
from instances.families.sizes import scaled
from instances.model import Model, VariableKind


def lot_sizing_carryover(random: Generator, size: float) -> Model:
    """Plan lots on one machine that keeps its last setup over the end of a period: 3 items, 9 periods at size 1.

    What is late is owed and costs four times what a stock costs, at the end of the plan twenty times. The machine has
    95 % of the time that all demand takes with two setups in three. A setup is carried over a whole period only when
    nothing else is set up in that period.
    """
    items, periods = 3, scaled(9, size)
    demand = random.integers(40, 121, (items, periods)) * (random.random((items, periods)) < 0.8)
    setup_time = random.integers(20, 61, items).astype(float)
    setup_cost = random.integers(150, 601, items).astype(float)
    holding = random.integers(1, 5, items).astype(float)
    capacity = float(np.ceil(0.95 * (demand.sum() / periods + 2.0 * setup_time.sum() / 3.0)))
    builder = Builder()
    make, stock, owed, setup, kept = (np.zeros((items, periods), dtype=int) for _ in range(5))
    for item in range(items):
        for period in range(periods):
            late = 4.0 if period < periods - 1 else 20.0
            make[item, period] = builder.add_column(f"make_{item}_{period}")
            stock[item, period] = builder.add_column(f"stock_{item}_{period}", holding[item])
            owed[item, period] = builder.add_column(f"owed_{item}_{period}", late * holding[item])
            setup[item, period] = builder.add_binary(f"setup_{item}_{period}", setup_cost[item])
            # The machine begins without a setup.
            kept[item, period] = builder.add_column(
                f"kept_{item}_{period}", 0.0, 0.0, float(period > 0), VariableKind.INTEGER
            )
    for item in range(items):
        most = min(float(demand[item].sum()), capacity)
        for period in range(periods):
            entries = [(make[item, period], 1.0), (stock[item, period], -1.0), (owed[item, period], 1.0)]
            if period:
                entries += [(stock[item, period - 1], 1.0), (owed[item, period - 1], -1.0)]
            wanted = float(demand[item, period])
            builder.add_row(f"balance_{item}_{period}", entries, lower=wanted, upper=wanted)
            lot = [(make[item, period], 1.0), (setup[item, period], -most), (kept[item, period], -most)]
            builder.add_row(f"lot_{item}_{period}", lot, upper=0.0)
    for period in range(periods):
        taken = [(make[item, period], 1.0) for item in range(items)]
        taken += [(setup[item, period], setup_time[item]) for item in range(items)]
        builder.add_row(f"time_{period}", taken, upper=capacity)
    for period in range(1, periods):
        builder.add_row(f"state_{period}", ((kept[item, period], 1.0) for item in range(items)), upper=1.0)
        for item in range(items):
            before = [(setup[item, period - 1], -1.0), (kept[item, period - 1], -1.0)]
            builder.add_row(f"keep_{item}_{period}", [(kept[item, period], 1.0), *before], upper=0.0)
            for other in range(items):
                if period > 1 and other != item:
                    through = [(kept[item, period], 1.0), (kept[item, period - 1], 1.0)]
                    through += [(setup[other, period - 1], 1.0), (setup[item, period - 1], -1.0)]
                    builder.add_row(f"through_{item}_{other}_{period}", through, upper=2.0)
    return builder.build()


def cutting_stock(random: Generator, size: float) -> Model:
    """Cut pieces from bars of three lengths at least cost: 5 kinds of pieces, 4 to 9 of each, at size 1.

    Which bar a piece comes from, and how many of its kind: general integers. Bars of a length are alike and are used
    in order; longer bars cost less a metre. There are enough of the longest ones.
    """
    kinds = scaled(5, size, least=1)
    length = np.sort(random.choice(np.arange(120, 520), kinds, replace=False))[::-1]
    demand = random.integers(4, 10, kinds)
    total = int(length @ demand)
    bars: list[tuple[int, int]] = []
    for stock, price in ((1000, 1000), (800, 830), (600, 650)):
        price += int(random.integers(-15, 16))
        # First fit leaves at most half of a bar empty on average, but for the last one.
        bars += [(stock, price)] * (-(-2 * total // stock) if stock == 1000 else -(-total // (2 * stock)))
    builder = Builder()
    used = [builder.add_binary(f"use_{bar}", float(price)) for bar, (_, price) in enumerate(bars)]
    cut = np.zeros((kinds, len(bars)), dtype=int)
    for kind in range(kinds):
        for bar, (stock, _) in enumerate(bars):
            most = float(min(stock // length[kind], demand[kind]))
            cut[kind, bar] = builder.add_column(f"cut_{kind}_{bar}", 0.0, 0.0, most, VariableKind.INTEGER)
    for kind in range(kinds):
        pieces = ((cut[kind, bar], 1.0) for bar in range(len(bars)))
        builder.add_row(f"demand_{kind}", pieces, lower=float(demand[kind]))
    for bar, (stock, _) in enumerate(bars):
        entries = [(cut[kind, bar], float(length[kind])) for kind in range(kinds)]
        builder.add_row(f"bar_{bar}", [*entries, (used[bar], -float(stock))], upper=0.0)
        if bar and bars[bar - 1] == bars[bar]:
            builder.add_row(f"order_{bar}", [(used[bar], 1.0), (used[bar - 1], -1.0)], upper=0.0)
    return builder.build()

"""Unit commitment: which thermal units are on in which hour, and how much each produces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from numpy.random import Generator

from instances.builder import Builder
from instances.families.grid import Hour, Unit, days, units
from instances.families.sizes import scaled
from instances.model import Model

UNSERVED = 10_000.0
"""What a MWh costs that is not delivered, in dollars."""
AREAS = ("1", "2", "3")
"""The system's areas; a unit's name begins with its area's."""
NIGHT = (0, 1, 2, 3, 4, 5, 22, 23)
"""Hours of a day at which a window may begin: the state of the units before it is that of a midnight."""


def unit_commitment(random: Generator, size: float) -> Model:
    """Commit the units of an area, 21 to 28, for a window of 8 hours at size 1, from 3 to 24 hours, at least cost.

    The units and the profiles of demand and renewable output are those of twelve days of one system (`grid`). A
    window begins on one of these days or the day after, at night, with the units' state as it is at the midnights;
    its demand is multiplied by a factor from 0.95 to 1.05, its renewable output by one from 0.8 to 1.2.
    """
    length = min(24, scaled(8, size))
    area = AREAS[random.integers(len(AREAS))]
    day = list(days())[random.integers(len(days()))]
    starts = [start for start in range(len(days()[day]) - length + 1) if start % 24 in NIGHT]
    start = starts[random.integers(len(starts))]
    return window(area, day, start, length, random.uniform(0.95, 1.05), random.uniform(0.8, 1.2))


def window(area: str, day: str, start: int, length: int, load: float = 1.0, weather: float = 1.0) -> Model:
    """Return the model of an area and some hours from a day on.

    Demand, reserve and renewable output are the system's, in proportion to the area's part of all thermal power, the
    former two multiplied by ``load``, the latter by ``weather``.
    """
    fleet = [unit for unit in units() if unit.name.startswith(area)]
    part = sum(unit.most for unit in fleet) / sum(unit.most for unit in units())
    hours = [
        Hour(
            round(part * load * hour.demand, 2),
            round(part * load * hour.reserve, 2),
            round(part * weather * hour.renewable_least, 1),
            round(part * weather * hour.renewable_most, 1),
        )
        for hour in days()[day][start : start + length]
    ]
    return commitment(fleet, hours)


def commitment(fleet: Sequence[Unit], hours: Sequence[Hour]) -> Model:
    """Return the model of a fleet and some hours, in the formulation with three binary variables an hour.

    Commitment, start and stop, with minimum times, start-up and shut-down limits as in Morales-España, Latorre and
    Ramos 2013, and the costs of output by weights of their points as in Sridhar, Linderoth and Luedtke 2013; Knueven,
    Ostrowski and Watson 2020 compare such formulations. Rows are left out that cannot bind: ramps at least as wide as
    the unit's range.
    """
    builder = Builder()
    balance: list[list[tuple[int, float]]] = [[] for _ in hours]
    reserve: list[list[tuple[int, float]]] = [[] for _ in hours]
    for unit in fleet:
        _Committed(builder, unit, len(hours)).add_to(balance, reserve)
    for t, hour in enumerate(hours):
        free = builder.add_column(f"renewable_{t}", 0.0, min(hour.renewable_least, hour.demand), hour.renewable_most)
        unserved = builder.add_column(f"unserved_{t}", UNSERVED)
        entries = [*balance[t], (free, 1.0), (unserved, 1.0)]
        builder.add_row(f"demand_{t}", entries, lower=hour.demand, upper=hour.demand)
        builder.add_row(f"reserve_{t}", reserve[t], lower=hour.reserve)
    return builder.build()


class _Committed:
    """One unit's columns, and its own rows.

    In each hour: whether it is on, starts, stops; its output above the least one; its reserve.
    """

    def __init__(self, builder: Builder, unit: Unit, hours: int) -> None:
        self._builder, self._unit, self._hours = builder, unit, range(hours)
        name, room = unit.name, unit.most - unit.least
        single = unit.starts[0][1] if len(unit.starts) == 1 else 0.0
        self._on = [builder.add_binary(f"on_{name}_{t}", unit.costs[0][1]) for t in self._hours]
        self._start = [builder.add_binary(f"start_{name}_{t}", single) for t in self._hours]
        self._stop = [builder.add_binary(f"stop_{name}_{t}") for t in self._hours]
        self._above = [builder.add_column(f"above_{name}_{t}", 0.0, 0.0, room) for t in self._hours]
        self._spare = [builder.add_column(f"spare_{name}_{t}", 0.0, 0.0, room) for t in self._hours]
        self._commit()
        self._keep_minimum_times()
        self._limit_output()
        self._limit_ramps()
        self._price_output()
        if len(unit.starts) > 1:
            self._price_starts()

    def add_to(self, balance: list[list[tuple[int, float]]], reserve: list[list[tuple[int, float]]]) -> None:
        """Add what the unit gives to the rows of demand and reserve."""
        for t in self._hours:
            balance[t] += [(self._on[t], self._unit.least), (self._above[t], 1.0)]
            reserve[t].append((self._spare[t], 1.0))

    def _commit(self) -> None:
        builder, unit = self._builder, self._unit
        for t in self._hours:
            change = [(self._on[t], 1.0), (self._start[t], -1.0), (self._stop[t], 1.0)]
            before = float(unit.on_before) if t == 0 else 0.0
            if t:
                change.append((self._on[t - 1], -1.0))
            builder.add_row(f"change_{unit.name}_{t}", change, lower=before, upper=before)
        bound = unit.up_hours - unit.up_before if unit.on_before else unit.down_hours - unit.down_before
        for t in self._hours[: max(0, bound)]:
            builder.lower[self._on[t]] = builder.upper[self._on[t]] = float(unit.on_before)
        if unit.must_run:
            for t in self._hours:
                builder.lower[self._on[t]] = 1.0
        if unit.on_before and unit.output_before > unit.stop_limit:
            builder.upper[self._stop[0]] = 0.0

    def _keep_minimum_times(self) -> None:
        unit = self._unit
        for t in self._hours:
            started = [(column, 1.0) for column in self._start[max(0, t - unit.up_hours + 1) : t + 1]]
            self._builder.add_row(f"up_{unit.name}_{t}", [*started, (self._on[t], -1.0)], upper=0.0)
            stopped = [(column, 1.0) for column in self._stop[max(0, t - unit.down_hours + 1) : t + 1]]
            self._builder.add_row(f"down_{unit.name}_{t}", [*stopped, (self._on[t], 1.0)], upper=1.0)

    def _limit_output(self) -> None:
        unit = self._unit
        room = unit.most - unit.least
        for t in self._hours:
            given = [(self._above[t], 1.0), (self._spare[t], 1.0), (self._on[t], -room)]
            first = [(self._start[t], max(0.0, unit.most - unit.start_limit))]
            last = [(self._stop[t + 1], max(0.0, unit.most - unit.stop_limit))] if t + 1 in self._hours else []
            if unit.up_hours > 1:  # no hour is the first and the last
                self._builder.add_row(f"output_{unit.name}_{t}", [*given, *first, *last], upper=0.0)
            else:
                self._builder.add_row(f"first_{unit.name}_{t}", [*given, *first], upper=0.0)
                if last:
                    self._builder.add_row(f"last_{unit.name}_{t}", [*given, *last], upper=0.0)

    def _limit_ramps(self) -> None:
        builder, unit = self._builder, self._unit
        room = unit.most - unit.least
        before = unit.output_before - unit.least if unit.on_before else 0.0
        for t in self._hours:
            last = [(self._above[t - 1], 1.0)] if t else []
            minus = [(column, -value) for column, value in last]
            if unit.ramp_up < room:
                rise = [(self._above[t], 1.0), (self._spare[t], 1.0), *minus]
                builder.add_row(f"rise_{unit.name}_{t}", rise, upper=unit.ramp_up + (0.0 if t else before))
            if unit.ramp_down < room:
                fall = [*last, (self._above[t], -1.0)]
                builder.add_row(f"fall_{unit.name}_{t}", fall, upper=unit.ramp_down - (0.0 if t else before))

    def _price_output(self) -> None:
        builder, unit = self._builder, self._unit
        (least, base), *points = unit.costs
        for t in self._hours:
            weights = [
                builder.add_column(f"point_{unit.name}_{t}_{number}", round(cost - base, 6), 0.0, 1.0)
                for number, (_, cost) in enumerate(points, 1)
            ]
            sums = [(weight, round(output - least, 6)) for weight, (output, _) in zip(weights, points, strict=True)]
            builder.add_row(f"points_{unit.name}_{t}", [*sums, (self._above[t], -1.0)], lower=0.0, upper=0.0)
            shares = [(weight, 1.0) for weight in weights]
            builder.add_row(f"weights_{unit.name}_{t}", [*shares, (self._on[t], -1.0)], upper=0.0)

    def _price_starts(self) -> None:
        """Let a start cost what its hours off say: less where a stop lies in the hours that make it a hotter one."""
        builder, unit = self._builder, self._unit
        for t in self._hours:
            heats = [
                builder.add_column(f"heat_{unit.name}_{t}_{number}", cost, 0.0, 1.0)
                for number, (_, cost) in enumerate(unit.starts)
            ]
            total = [(heat, 1.0) for heat in heats]
            builder.add_row(f"heat_{unit.name}_{t}", [*total, (self._start[t], -1.0)], lower=0.0, upper=0.0)
            for number, ((since, _), (until, _)) in enumerate(pairwise(unit.starts)):
                stops = [(self._stop[t - off], -1.0) for off in range(since, until) if t - off >= 0]
                if not unit.on_before and since <= unit.down_before + t < until:
                    continue  # as long as it has not been on: any later start is a hotter one
                builder.add_row(f"since_{unit.name}_{t}_{number}", [(heats[number], 1.0), *stops], upper=0.0)

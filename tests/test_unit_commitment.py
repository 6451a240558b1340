"""Unit commitment: the model held against an enumeration of what every unit may do, and the data that come with it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

import instances
from instances.families import FAMILIES
from instances.families.commitment import NIGHT, UNSERVED, commitment, window
from instances.families.grid import Hour, Unit, days, units
from instances.folder import scan
from instances.formats import sha256_of
from instances.model import Model, VariableKind

INFEASIBLE = 2
"""scipy's status."""


def solved(model: Model) -> tuple[float, dict[str, float]]:
    """Return the optimum, infinite when there is none, and a solution by name."""
    matrix = csr_array((model.value, model.column_index, model.row_start), shape=(model.rows, model.columns))
    found = milp(
        model.objective,
        constraints=LinearConstraint(matrix, model.row_lower, model.row_upper),
        bounds=Bounds(model.lower, model.upper),
        integrality=model.kind == VariableKind.INTEGER,
        options={"mip_rel_gap": 1e-7},
    )
    if found.status == INFEASIBLE:
        return math.inf, {}
    assert found.success
    return float(found.fun), dict(zip(model.column_names, found.x.tolist(), strict=True))


def some_unit(random: np.random.Generator, name: str) -> Unit:
    """Return a small unit that has everything: ramps that bind, limits at start and stop, hot and cold starts."""
    least = float(random.integers(10, 31))
    most = least + float(random.integers(20, 61))
    up, down = random.integers(1, 4, 2).tolist()
    on = bool(random.integers(2))
    middle = least + 0.4 * (most - least)
    first, second = sorted(random.uniform(10.0, 40.0, 2).tolist())
    idle = float(random.integers(100, 400))
    before = float(random.integers(int(least), int(most) + 1)) if on else 0.0
    return Unit(
        name=name,
        least=least,
        most=most,
        ramp_up=float(random.integers(10, 40)),
        ramp_down=float(random.integers(10, 40)),
        start_limit=least + float(random.integers(0, 15)),
        stop_limit=least + float(random.integers(0, 15)),
        up_hours=up,
        down_hours=down,
        output_before=before,
        up_before=int(random.integers(1, 5)) if on else 0,
        down_before=0 if on else int(random.integers(1, 5)),
        must_run=False,
        starts=((down, float(random.integers(50, 300))), (down + 2, float(random.integers(300, 900)))),
        costs=(
            (least, idle),
            (middle, idle + first * (middle - least)),
            (most, idle + first * (middle - least) + second * (most - middle)),
        ),
    )


def plans(unit: Unit, hours: int) -> Iterator[tuple[tuple[bool, ...], float]]:
    """Yield when a unit may be on, and what its starts cost, by following it through the hours."""
    for plan in product((False, True), repeat=hours):
        on, since = unit.on_before, unit.up_before or unit.down_before
        cost, allowed = 0.0, True
        for hour, now in enumerate(plan):
            if now == on:
                since += 1
                continue
            if now:
                allowed &= since >= unit.down_hours
                cost += next((price for lag, price in reversed(unit.starts) if since >= lag), 0.0)
            else:
                allowed &= since >= unit.up_hours and not (hour == 0 and unit.output_before > unit.stop_limit)
            on, since = now, 1
        if allowed:
            yield plan, cost


def dispatched(fleet: Sequence[Unit], plan: Sequence[tuple[bool, ...]], hours: Sequence[Hour]) -> float:
    """Return the least cost of output in this plan, infinite where it is impossible.

    Columns: for each unit and hour its output above the least, reserve, cost; for each hour renewable, unserved.
    """
    count, length = len(fleet), len(hours)
    above, spare, price = np.arange(3 * count * length).reshape(3, count, length)
    renewable, unserved = 3 * count * length + np.arange(2 * length).reshape(2, length)
    cost = np.zeros(3 * count * length + 2 * length)
    cost[price], cost[unserved] = 1.0, UNSERVED
    bounds: list[tuple[float, float | None]] = [(0.0, None)] * len(cost)
    rows: list[tuple[dict[int, float], float]] = []
    equal: list[tuple[dict[int, float], float]] = []
    for u, unit in enumerate(fleet):
        for t in range(length):
            on = plan[u][t]
            before_on = plan[u][t - 1] if t else unit.on_before
            most = unit.most if on else unit.least
            if on and not before_on:
                most = min(most, unit.start_limit)
            if on and t + 1 < length and not plan[u][t + 1]:
                most = min(most, unit.stop_limit)
            rows.append(({above[u, t]: 1.0, spare[u, t]: 1.0}, most - unit.least))
            start = {above[u, t - 1]: 1.0} if t else {}
            known = max(0.0, unit.output_before - unit.least) if t == 0 else 0.0
            if on:
                rise = {above[u, t]: 1.0, spare[u, t]: 1.0} | dict.fromkeys(start, -1.0)
                rows.append((rise, unit.ramp_up + known))
                for (p, c), (q, d) in pairwise(unit.costs):
                    slope = (d - c) / (q - p)
                    rows.append(({above[u, t]: slope, price[u, t]: -1.0}, slope * (p - unit.least) - c))
            rows.append((start | {above[u, t]: -1.0}, unit.ramp_down - known))
    for t, hour in enumerate(hours):
        bounds[renewable[t]] = (hour.renewable_least, hour.renewable_most)
        fixed = sum(unit.least for unit, own in zip(fleet, plan, strict=True) if own[t])
        given = {above[u, t]: 1.0 for u in range(count)} | {renewable[t]: 1.0, unserved[t]: 1.0}
        equal.append((given, hour.demand - fixed))
        rows.append(({spare[u, t]: -1.0 for u in range(count)}, -hour.reserve))
    matrices = [np.zeros((len(part), len(cost))) for part in (rows, equal)]
    for matrix, part in zip(matrices, (rows, equal), strict=True):
        for place, (entries, _) in enumerate(part):
            matrix[place, list(entries)] = list(entries.values())
    found = linprog(cost, matrices[0], [b for _, b in rows], matrices[1], [b for _, b in equal], bounds)
    return float(found.fun) if found.success else math.inf


def best_plan(fleet: Sequence[Unit], hours: Sequence[Hour]) -> float:
    """Return what the best of all plans costs, infinite when none is possible."""
    best = math.inf
    for chosen in product(*(list(plans(unit, len(hours))) for unit in fleet)):
        starts = sum(cost for _, cost in chosen)
        if starts < best:
            best = min(best, starts + dispatched(fleet, [plan for plan, _ in chosen], hours))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_a_commitment_costs_what_the_best_of_all_plans_costs(seed: int) -> None:
    random = np.random.default_rng(seed)
    fleet = [some_unit(random, name) for name in "AB"]
    hours = [
        Hour(demand, 0.05 * demand, 0.0, float(random.integers(0, 30)))
        for demand in random.integers(20, 150, 5).astype(float).tolist()
    ]
    assert solved(commitment(fleet, hours))[0] == pytest.approx(best_plan(fleet, hours), rel=1e-6)


@pytest.mark.parametrize("seed", range(40))
def test_a_unit_is_switched_as_its_times_and_limits_allow(seed: int) -> None:
    """Demand comes and goes, and without it the unit has to be off: what it may do then is all that counts."""
    random = np.random.default_rng(seed)
    unit = some_unit(random, "A")
    hours = [Hour(float(random.integers(0, 2) * random.integers(20, 90)), 0.0, 0.0, 0.0) for _ in range(7)]
    # Before and after demand the unit may be on: what is too much goes to waste, as by a renewable source below zero.
    if seed % 2:
        hours = [Hour(hour.demand, 0.0, -unit.most, 0.0) for hour in hours]
    assert solved(commitment([unit], hours))[0] == pytest.approx(best_plan([unit], hours), rel=1e-6)


def test_the_system_is_that_of_the_published_data() -> None:
    assert (len(units()), len(days()), {len(hours) for hours in days().values()}) == (73, 12, {48})
    assert sum(unit.most for unit in units()) == 8076.0
    assert sum(unit.output_before for unit in units()) == 2510.0
    assert [unit.name for unit in units() if unit.must_run] == ["121_NUCLEAR_1"]
    first = days()["2020-01-27"]
    assert first[0] == Hour(3262.31, 97.8693, 206.4, 2657.1)
    assert sum(hour.demand for hour in first) == pytest.approx(183143.01, abs=0.01)
    for unit in units():
        slopes = [(cost - before) / (high - low) for (low, before), (high, cost) in pairwise(unit.costs)]
        assert slopes == sorted(slopes)
        assert (unit.costs[0][0], unit.costs[-1][0]) == (unit.least, unit.most)
        assert unit.starts[0][0] == unit.down_hours


def test_windows_of_the_data_are_served() -> None:
    for day, start in (("2020-01-27", 4), ("2020-08-12", 28)):
        _, solution = solved(window("2", day, start, 3))
        assert sum(solution[f"unserved_{t}"] for t in range(3)) == pytest.approx(0.0, abs=1e-6)


def test_the_committed_windows_are_what_their_command_writes(tmp_path: Path) -> None:
    folder = Path(instances.__file__).parent / "data" / "unit-commitment"
    found = scan(folder)
    assert (len(found.files), found.duplicates, found.damaged) == (24, (), ())
    assert sum(file.path.stat().st_size for file in found.files) < 1.5e6
    subprocess.run([sys.executable, "-m", "instances.families.windows", str(tmp_path)], check=True, timeout=60)
    assert {p.name: sha256_of(p) for p in tmp_path.iterdir()} == {f.path.name: sha256_of(f.path) for f in found.files}


def test_the_family_draws_windows_that_begin_at_night() -> None:
    model = FAMILIES["unit-commitment"].model(1, 1, 0.75)
    demand = model.row_lower[[name.startswith("demand") for name in model.row_names]]
    # A factor of its own makes each model; the profile in proportion is one of the data's.
    shapes = [
        np.array([hour.demand for hour in hours[t : t + len(demand)]])
        for hours in days().values()
        for t in range(48 - len(demand))
        if t % 24 in NIGHT
    ]
    assert min(np.ptp(demand / shape) for shape in shapes) < 1e-4

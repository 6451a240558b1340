"""Small models with indicator constraints and special ordered sets, and their optima by enumeration."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress, product

import numpy as np
from scipy.optimize import linprog

from instances.builder import Builder
from instances.model import Model, VariableKind

INF = float("inf")
CONTINUOUS, INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER = VariableKind


def logical(seed: int, *, whole: bool, unbounded: bool = False) -> Model:
    """Make a model of any sort, of integers only or with continuous and semi-continuous columns.

    All columns are bounded; or continuous ones may have no bounds, and then many models are unbounded.

    Rows hold always or by an indicator of either value; they are bounded on one side, on both or equations, and an
    indicator may stand in its own row. Sets of both types have up to five members and overlap.
    """
    random = np.random.default_rng(seed)
    builder = Builder(f"logical{seed}", maximise=bool(random.integers(2)), offset=float(random.integers(-5, 6)))
    binaries = [builder.add_binary(f"b{j}", float(random.integers(-9, 10))) for j in range(random.integers(1, 4))]
    columns = list(binaries)
    columns += [_column(builder, f"x{j}", random, whole, unbounded) for j in range(int(random.integers(2, 5)))]
    for i in range(int(random.integers(1, 5))):
        entries, lower, upper = _row(columns, random)
        row = builder.add_row(f"r{i}", entries, lower=lower, upper=upper)
        if random.random() < 0.75:
            builder.add_indicator(row, int(random.choice(binaries)), int(random.integers(2)))
    for k in range(int(random.integers(0, 3))):
        members = random.permutation(columns)[: random.integers(0, 6)].tolist()
        builder.add_set(f"s{k}", int(random.integers(1, 3)), [(j, float(weight)) for weight, j in enumerate(members)])
    return builder.build()


def _column(builder: Builder, name: str, random: np.random.Generator, whole: bool, unbounded: bool) -> int:
    cost, low = float(random.integers(-9, 10)), float(random.integers(-3, 2))
    high = low + float(random.integers(0 if random.random() < 0.1 else 1, 4))
    kind = INTEGER if whole else VariableKind(random.integers(4))
    if kind >= SEMI_CONTINUOUS:  # HiGHS takes no negative ones
        low, high = abs(low) + 0.5, abs(low) + 3.0
    elif kind is CONTINUOUS:
        high += 0.25
        if unbounded:
            low, high = random.choice((low, -INF)), random.choice((high, INF))
    return builder.add_column(name, cost, low, high, kind)


def _row(columns: list[int], random: np.random.Generator) -> tuple[list[tuple[int, float]], float, float]:
    chosen = [j for j in columns if random.random() < 0.7]
    entries = [(j, float(random.integers(1, 8) * random.choice((-1, 1)))) for j in chosen]
    middle, width = float(random.integers(-4, 5)), float(random.integers(1, 9))
    sides = ((-INF, middle), (middle, INF), (middle, middle), (middle - width, middle))
    return entries, *sides[random.choice(4, p=(0.35, 0.35, 0.1, 0.2))]


def optimum(model: Model) -> float | None:
    """Return the optimum of a model whose integer columns are bounded; None when there is none, inf when it is not one.

    Enumerates the integers, the supports that the sets allow and the states of semi-continuous columns; what is left
    is a linear program.
    """
    whole = np.flatnonzero((model.kind == INTEGER) | (model.kind == SEMI_INTEGER)).tolist()
    matrix = np.zeros((model.rows, model.columns))
    matrix[np.repeat(np.arange(model.rows), np.diff(model.row_start)), model.column_index] = model.value
    sign = -1.0 if model.maximise else 1.0
    found: list[float] = []
    for values in product(*(_values(model, j) for j in whole)):
        fixed = dict(zip(whole, values, strict=True))
        point = np.zeros(model.columns)
        point[whole] = values
        held = model.binding(point)
        for lower, upper in _boxes(model, fixed):
            sides = model.row_lower[held], model.row_upper[held]
            value = _least(model.objective * sign, matrix[held], *sides, lower, upper)
            if value is not None:
                found.append(value)
    return min(found) * sign + model.offset if found else None


def _values(model: Model, j: int) -> list[float]:
    values = set(np.arange(np.ceil(model.lower[j]), np.floor(model.upper[j]) + 1).tolist())
    return sorted(values | {0.0} if model.kind[j] == SEMI_INTEGER else values)


def _boxes(model: Model, fixed: dict[int, float]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the bounds that remain, by which members of sets may be nonzero and which semi-continuous ones are zero."""
    lower, upper = model.lower.copy(), model.upper.copy()
    for j, value in fixed.items():
        lower[j] = upper[j] = value
    semi = np.flatnonzero(model.kind == SEMI_CONTINUOUS).tolist()
    supports = []
    for k, type in enumerate(model.sos_type.tolist()):
        members = model.sos_column[model.sos_start[k] : model.sos_start[k + 1]].tolist()
        allowed = [members[place : place + type] for place in range(max(1, len(members) - type + 1))]
        supports.append([set(members) - set(some) for some in allowed])
    for zeros in product(*supports):
        for off in product((True, False), repeat=len(semi)):
            low, high = lower.copy(), upper.copy()
            for j in compress(semi, off):
                low[j] = high[j] = 0.0
            members = list(set().union(*zeros))
            if np.all((low[members] <= 0.0) & (high[members] >= 0.0)):
                low[members] = high[members] = 0.0
                yield low, high


def _least(
    cost: np.ndarray,
    matrix: np.ndarray,
    row_lower: np.ndarray,
    row_upper: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> float | None:
    """Return the least cost of a linear program; None when it is infeasible, -inf when it is unbounded."""
    free = lower < upper
    moved = matrix[:, ~free] @ lower[~free]
    low, high = row_lower - moved, row_upper - moved
    value = float(cost[~free] @ lower[~free])
    if not free.any():
        return value if np.all((low <= 1e-9) & (high >= -1e-9)) else None
    above, below = np.isfinite(high), np.isfinite(low)
    rows = np.concatenate((matrix[above][:, free], -matrix[below][:, free]))
    sides = np.concatenate((high[above], -low[below]))
    bounds = list(zip(lower[free], upper[free], strict=True))
    costs = (cost[free], np.zeros(np.count_nonzero(free)))  # without a cost it is infeasible, or was unbounded
    for each in costs if len(rows) else costs[:1]:
        solved = linprog(
            each, A_ub=rows if len(rows) else None, b_ub=sides if len(rows) else None, bounds=bounds, method="highs"
        )
        if each is costs[0] and solved.status == 0:
            return value + float(solved.fun)
    if not len(rows):
        return -INF
    assert solved.status in (0, 2), solved.message
    return -INF if solved.status == 0 else None

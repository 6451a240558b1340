"""Small models for tests, and their optima by enumeration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from instances.model import Model, VariableKind

INF = float("inf")
CONTINUOUS, INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER = VariableKind

Row = tuple[float, Sequence[float], float]


def milp(
    objective: Sequence[float],
    rows: Sequence[Row] = (),
    *,
    lower: float | Sequence[float] = 0.0,
    upper: float | Sequence[float] = 1.0,
    kind: int | Sequence[int] = INTEGER,
    maximise: bool = False,
    offset: float = 0.0,
) -> Model:
    """Make a model; each row is (lower, coefficients, upper), and one number stands for all variables."""
    n = len(objective)
    entries = [[(j, float(value)) for j, value in enumerate(row[1]) if value] for row in rows]
    return Model(
        name="test",
        maximise=maximise,
        offset=offset,
        objective=np.array(objective, dtype=np.float64),
        lower=np.broadcast_to(np.array(lower, dtype=np.float64), n).copy(),
        upper=np.broadcast_to(np.array(upper, dtype=np.float64), n).copy(),
        kind=np.broadcast_to(np.array(kind, dtype=np.uint8), n).copy(),
        row_lower=np.array([row[0] for row in rows], dtype=np.float64),
        row_upper=np.array([row[2] for row in rows], dtype=np.float64),
        row_start=np.cumsum([0, *map(len, entries)], dtype=np.int32),
        column_index=np.array([j for row in entries for j, _ in row], dtype=np.int32),
        value=np.array([value for row in entries for _, value in row], dtype=np.float64),
        column_names=tuple(f"x{j}" for j in range(n)),
        row_names=tuple(f"r{i}" for i in range(len(rows))),
    )


def knapsack(columns: int, rows: int, seed: int = 0) -> Model:
    """Make a multi-dimensional knapsack."""
    random = np.random.default_rng(seed)
    weights = random.integers(5, 100, (rows, columns))
    profits = random.integers(10, 100, columns)
    return milp(profits, [(-INF, row, row.sum() // 2) for row in weights], maximise=True, offset=10.0)


def market_split(columns: int, rows: int, seed: int = 0) -> Model:
    """Make a market split: a few dense equations over binaries, without a point that anybody finds soon."""
    random = np.random.default_rng(seed)
    shares = random.integers(0, 100, (rows, columns))
    return milp([0.0] * columns, [(row.sum() // 2, row, row.sum() // 2) for row in shares])


def anything(seed: int) -> Model:
    """Make a small integer model of any sort: either sense, equations, ranges, negative bounds, perhaps infeasible."""
    random = np.random.default_rng(seed)
    n, m = int(random.integers(3, 6)), int(random.integers(1, 5))
    lower = random.integers(-3, 2, n)
    rows: list[Row] = []
    for _ in range(m):
        coefficients = random.integers(-9, 10, n)
        middle = float(coefficients @ (lower + random.integers(0, 5, n)))
        width = float(random.integers(0, 8))
        rows.append(
            (
                (middle, coefficients, middle),
                (-INF, coefficients, middle),
                (middle, coefficients, INF),
                (middle - width, coefficients, middle + width),
            )[random.integers(4)]
        )
    return milp(
        random.integers(-20, 21, n),
        rows,
        lower=lower,
        upper=lower + random.integers(1, 6, n),
        maximise=bool(random.integers(2)),
        offset=float(random.integers(-5, 6)),
    )


def best(model: Model) -> float | None:
    """Return the optimum of a model in bounded integers by enumerating all its points; None when there is none."""
    ranges = [np.arange(low, high + 1) for low, high in zip(model.lower, model.upper, strict=True)]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*ranges, indexing="ij")], axis=1)
    matrix = np.zeros((model.rows, model.columns))
    matrix[np.repeat(np.arange(model.rows), np.diff(model.row_start)), model.column_index] = model.value
    activity = points @ matrix.T
    feasible = points[np.all((activity >= model.row_lower) & (activity <= model.row_upper), axis=1)]
    if not len(feasible):
        return None
    values = feasible @ model.objective + model.offset
    return float(values.max() if model.maximise else values.min())


def violation(model: Model, point: np.ndarray) -> float:
    """Return by how much a point violates bounds, rows or integrality, at most."""
    activity = model.activity(point)
    whole = model.kind == INTEGER
    return max(
        0.0,
        *(
            float(values.max(initial=0.0))
            for values in (
                model.lower - point,
                point - model.upper,
                model.row_lower - activity,
                activity - model.row_upper,
                np.abs(point - np.round(point))[whole],
            )
        ),
    )

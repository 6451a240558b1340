"""Models whose optimum depends on the solver's tolerance, each with what is right: by enumeration in exact numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import product

from instances.builder import Builder
from instances.model import Model, VariableKind

Made = tuple[Model, Fraction | None]
"""A model and its optimum; None for one without a solution."""


def made(number: int) -> Made:
    """Return the model of this number, always the same one."""
    kinds = list(KINDS.values())
    return kinds[number % len(kinds)](random.Random(number), number)


def _exact(numbers: list[float]) -> list[Fraction]:
    return [Fraction(repr(number)) for number in numbers]


def _enumerated(model: Model) -> Made:
    """Return a model of integer variables in small ranges with its optimum."""
    ranges = [range(int(low), int(high) + 1) for low, high in zip(model.lower, model.upper, strict=True)]
    costs = _exact(model.objective.tolist())
    rows = []
    for i in range(model.rows):
        entries = [(j, Fraction(repr(value))) for j, value in model.row(i).items()]
        low, high = (float(bound[i]) for bound in (model.row_lower, model.row_upper))
        rows.append(
            (
                entries,
                None if low == -float("inf") else Fraction(repr(low)),
                None if high == float("inf") else Fraction(repr(high)),
            )
        )
    best: Fraction | None = None
    for point in product(*ranges):
        value = sum((cost * x for cost, x in zip(costs, point, strict=True)), Fraction(0))
        if best is not None and (value <= best if model.maximise else value >= best):
            continue
        activities = [sum((a * point[j] for j, a in entries), Fraction(0)) for entries, _, _ in rows]
        if all(
            (low is None or activity >= low) and (high is None or activity <= high)
            for activity, (_, low, high) in zip(activities, rows, strict=True)
        ):
            best = value
    return model, best


def _budget(draw: random.Random, number: int) -> Made:
    """A budget of tens of millions, which some attractive choice overdraws by a few units."""
    builder = Builder(f"budget-{number}", maximise=True)
    total = draw.randint(10, 90) * 1_000_000
    count = draw.randint(2, 5)
    columns = [
        builder.add_column(f"x{j}", draw.randint(1, 9), 0.0, draw.randint(1, 3), VariableKind.INTEGER)
        for j in range(count)
    ]
    share = draw.randint(2, 4)
    weights = [total // share + draw.randint(1, total // 4_000_000) for _ in columns]
    builder.add_row("budget", list(zip(columns, map(float, weights), strict=True)), upper=float(total))
    return _enumerated(builder.build())


def _divisible(draw: random.Random, number: int) -> Made:
    """An equality that whole numbers may not satisfy, though some come very close."""
    builder = Builder(f"divisible-{number}")
    step = draw.choice([6, 100, 1000, 2_000_000])
    wide = draw.randint(100, 900) * 1_000_000
    columns = [
        builder.add_column(f"x{j}", draw.randint(1, 9), 0.0, 4.0, VariableKind.INTEGER)
        for j in range(draw.randint(2, 3))
    ]
    small = builder.add_column("small", 1.0, 0.0, 20.0, VariableKind.INTEGER)
    target = draw.randint(1, 4) * wide + draw.choice([0, step, -2, 3, -step])
    builder.add_row(
        "total", [*((column, float(wide)) for column in columns), (small, float(step))], lower=target, upper=target
    )
    return _enumerated(builder.build())


def _trickle(draw: random.Random, number: int) -> Made:
    """A small demand through sources with a fixed charge and a big M: a trickle hides in the tolerance."""
    builder = Builder(f"trickle-{number}")
    big = 10.0 ** draw.randint(5, 8)
    demand = draw.randint(1, 9) / 10
    flows, costs = [], []
    for j in range(draw.randint(1, 4)):
        charge, price = draw.randint(50, 500), draw.randint(1, 9)
        is_open = builder.add_binary(f"open{j}", charge)
        flow = builder.add_column(f"flow{j}", price, 0.0, 100.0)
        builder.add_row(f"big{j}", [(flow, 1.0), (is_open, -big)], upper=0.0)
        flows.append((flow, 1.0))
        costs.append(charge + price * Fraction(repr(demand)))
    builder.add_row("demand", flows, lower=demand)
    return builder.build(), min(costs)


def _wide(draw: random.Random, number: int) -> Made:
    """Coefficients from 1e-7 to 1e7 in rows that must hold to the last unit."""
    builder = Builder(f"wide-{number}", maximise=draw.random() < 0.5)
    sign = 1 if builder.maximise else -1
    columns = [
        builder.add_column(f"x{j}", sign * draw.randint(1, 9), 0.0, 4.0, VariableKind.INTEGER)
        for j in range(draw.randint(3, 5))
    ]
    for i in range(draw.randint(1, 2)):
        entries = [(column, draw.randint(1, 9) * 10.0 ** draw.randint(-7, 7)) for column in columns]
        point = [draw.randint(0, 3) for _ in columns]
        limit = sum((Fraction(repr(a)) * x for (_, a), x in zip(entries, point, strict=True)), Fraction(0))
        missing = Fraction(draw.choice([0, 1, 1]), 10**7)
        builder.add_row(f"row{i}", entries, upper=float(limit - missing))
    return _enumerated(builder.build())


def _mixed(draw: random.Random, number: int) -> Made:
    """A budget that whole numbers and a continuous variable share: what is left of it is worth something, too."""
    builder = Builder(f"mixed-{number}", maximise=True)
    total = draw.randint(10, 90) * 1_000_000
    share = draw.randint(2, 3)
    values = [draw.randint(2, 9) for _ in range(draw.randint(1, 3))]
    weights = [total // share + draw.randint(1, total // 4_000_000) for _ in values]
    tops = [draw.randint(1, 3) for _ in values]
    columns = [
        builder.add_column(f"x{j}", value, 0.0, top, VariableKind.INTEGER)
        for j, (value, top) in enumerate(zip(values, tops, strict=True))
    ]
    rest = builder.add_column("rest", 0.25, 0.0, 4.0)
    builder.add_row("budget", [*zip(columns, map(float, weights), strict=True), (rest, 1.0)], upper=float(total))
    best = Fraction(0)
    for point in product(*(range(top + 1) for top in tops)):
        left = total - sum(weight * x for weight, x in zip(weights, point, strict=True))
        if left >= 0:
            value = sum(value * x for value, x in zip(values, point, strict=True)) + Fraction(min(left, 4), 4)
            best = max(best, value)
    return builder.build(), best


KINDS: dict[str, Callable[[random.Random, int], Made]] = {
    "budgets": _budget,
    "divisibility": _divisible,
    "big-M": _trickle,
    "1e-7 to 1e7": _wide,
    "mixed": _mixed,
}

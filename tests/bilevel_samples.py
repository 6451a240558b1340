"""Small bilevel problems for tests, and their answers by enumeration: no solver is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from instances.builder import Builder
from instances.model import Floats, VariableKind
from tuner.bilevel import LinearProblem, Products, Ties

INTEGER = VariableKind.INTEGER
NEAR = 1e-9


@dataclass(frozen=True)
class Enumerated:
    """The answer by enumeration."""

    objective: float | None
    """None when the problem is bilevel infeasible."""
    choices: frozenset[tuple[float, ...]]
    """All best x."""


def moore_bard() -> LinearProblem:
    """Return the example of Moore and Bard (1990): F = -22 at x = y = 2."""
    b = Builder("moore-bard")
    x = b.add_column("x", -1, 0, kind=INTEGER)
    y = b.add_column("y", -10, 0, kind=INTEGER)
    b.add_row("r1", [(x, -25), (y, 20)], upper=30)
    b.add_row("r2", [(x, 1), (y, 2)], upper=10)
    b.add_row("r3", [(x, 2), (y, -1)], upper=15)
    b.add_row("r4", [(x, 2), (y, 10)], lower=15)
    return LinearProblem(b.build(), [y], [0, 1, 2, 3], [1.0])


def linear(
    name: str,
    leader: Sequence[float],
    follower: Sequence[float],
    rows: Sequence[tuple[Sequence[float], float]],
    upper: float = 50.0,
    coupling: Sequence[tuple[Sequence[float], float]] = (),
) -> LinearProblem:
    """Return a problem of continuous variables from 0 on, the leader's first: both minimise, all rows are ``<=``."""
    b = Builder(name)
    leaders = len(leader) - len(follower)
    columns = [b.add_column(f"{'xy'[j >= leaders]}{j}", c, 0, upper) for j, c in enumerate(leader)]
    for number, (coefficients, limit) in enumerate([*rows, *coupling]):
        b.add_row(f"r{number}", [(j, c) for j, c in zip(columns, coefficients, strict=True) if c], upper=limit)
    return LinearProblem(b.build(), columns[leaders:], range(len(rows)), follower)


def bard_1984() -> LinearProblem:
    """Return b_1984_01 of BASBLib (Bard 1984): 28/9."""
    return linear("b_1984_01", [1, 1], [-1], [((-1, -0.5), -2), ((-0.25, 1), 2), ((1, 0.5), 8), ((1, -2), 2)], 10)


def anandalingam_white() -> LinearProblem:
    """Return aw_1990_01 (Anandalingam and White 1990): -49 at (16, 11)."""
    rows = [((-1, -2), -10), ((1, -2), 6), ((2, -1), 21), ((1, 2), 38), ((-1, 2), 18)]
    return linear("aw_1990_01", [-1, -3], [3], rows)


def bard_1991() -> LinearProblem:
    """Return b_1991_01v, where any split is a tie for the follower: optimistic -2, pessimistic -1."""
    return linear("b_1991_01v", [-1, 10, -2], [-1, -1], [((1, 1, 0), 1), ((1, 0, 1), 1), ((0, 1, 1), 1)], 10)


def clark_westerberg_1988() -> LinearProblem:
    """Return cw_1988_01: -37."""
    return linear("cw_1988_01", [1, -4], [1], [((-2, 1), 0), ((2, 5), 108), ((2, -3), -4)], 30)


def clark_westerberg_1990() -> LinearProblem:
    """Return cw_1990_01: -13, pessimistic -9.5 at x = 5.5."""
    rows = [((-2, 1, 4), 16), ((8, 3, -2), 48), ((-2, 1, -3), -12), ((0, 1, 0), 4), ((0, 0, 1), 4), ((1, 0, 0), 8)]
    return linear("cw_1990_01", [-1, -3, 2], [-1, 0], rows)


def shimizu_1997() -> LinearProblem:
    """Return sib_1997_02: -12."""
    return linear("sib_1997_02", [1, -4], [1], [((-1, -1), -3), ((-2, 1), 0), ((2, 1), 12), ((3, -2), 4)], 10)


def mersha_dempe(*, in_the_follower: bool) -> LinearProblem:
    """Return the example of Mersha and Dempe (2006): (8, 6), and (6, 8) with its coupling rows in the follower."""
    own, coupling = [((-3, 1), -3), ((3, 1), 30)], [((-2, 3), 12), ((1, 1), 14)]
    if in_the_follower:
        return linear("moved", [-1, -2], [-1], [*own, *coupling])
    return linear("coupled", [-1, -2], [-1], own, coupling=coupling)


def yue_2019() -> LinearProblem:
    """Return a mixed-integer example (Yue, Gao, Zeng and You 2019), of which a wrong answer was published."""
    b = Builder("toyexample3")
    x, z = b.add_column("x", 20.0, 0.0, 100.0), b.add_column("z", -38.0, 0.0, 100.0, INTEGER)
    y, v = b.add_column("y", 1.0, 0.0, 100.0), b.add_column("v", 42.0, 0.0, 100.0, INTEGER)
    b.add_row("u1", [(x, 7), (z, 5), (v, 7)], upper=62)
    b.add_row("u2", [(x, 6), (z, 9), (y, 10), (v, 2)], upper=117)
    b.add_row("l1", [(x, 8), (y, 2), (v, 8)], upper=53)
    b.add_row("l2", [(x, 9), (y, 2), (v, 1)], upper=28)
    return LinearProblem(b.build(), [y, v], [2, 3], [39.0, 27.0], lower_maximise=True)


def random_problem(seed: int) -> LinearProblem:
    """Return a random problem of small integers, with coupling rows; every third has products of x and y."""
    random = np.random.default_rng(seed)
    n, m = int(random.integers(1, 4)), int(random.integers(1, 4))
    b = Builder(f"random-{seed}", maximise=bool(random.integers(2)))
    xs = [
        b.add_column(f"x{j}", float(c), 0, int(random.integers(1, 4)), INTEGER)
        for j, c in enumerate(random.integers(-9, 10, n))
    ]
    ys = [
        b.add_column(f"y{j}", float(c), 0, int(random.integers(1, 4)), INTEGER)
        for j, c in enumerate(random.integers(-9, 10, m))
    ]
    both = xs + ys
    rows = int(random.integers(1, 4))
    for i in range(rows + int(random.integers(0, 3))):
        coefficients = random.integers(-6, 7, len(both)) * (random.random(len(both)) < 0.7)
        entries = [(j, float(c)) for j, c in zip(both, coefficients, strict=True) if c]
        b.add_row(f"r{i}", entries, upper=float(random.integers(-2, 12)))
    products = {
        (x, y): float(random.integers(-4, 5)) for x in xs for y in ys if seed % 3 == 0 and random.random() < 0.5
    }
    objective = random.integers(-3, 4, m).astype(float)  # few values: ties are frequent
    others = {pair: float(random.integers(-4, 5)) for pair in products}
    return LinearProblem(
        b.build(),
        ys,
        range(rows),
        objective,
        lower_maximise=bool(random.integers(2)),
        upper_products=Products.of(products),
        lower_products=Products.of(others),
    )


def enumerated(problem: LinearProblem, ties: Ties) -> Enumerated:
    """Return the answer of a problem of bounded integers, by trying every x and every y."""
    best: float | None = None
    choices: set[tuple[float, ...]] = set()
    sign = -1.0 if problem.maximise else 1.0
    for x in product(*(_values(problem, column) for column in problem.x)):
        found = _objective(problem, x, ties)
        if found is not None and (best is None or sign * found < sign * best - NEAR):
            best, choices = found, {x}
        elif found is not None and best is not None and abs(found - best) <= NEAR:
            choices.add(x)
    return Enumerated(best, frozenset(choices))


def _objective(problem: LinearProblem, x: tuple[float, ...], ties: Ties) -> float | None:
    """Return F at x; None when x is not bilevel feasible."""
    sign = -1.0 if problem.maximise else 1.0
    lower_sign = -1.0 if problem.lower_maximise else 1.0
    points = [
        point
        for y in product(*(_values(problem, column) for column in problem.y))
        if _satisfies(problem, point := problem.point(x, y), problem.lower_rows)
    ]
    if not points:
        return None
    value = min(lower_sign * problem.lower_value(point) for point in points)
    reactions = [p for p in points if lower_sign * problem.lower_value(p) <= value + NEAR]
    inside = [p for p in reactions if _satisfies(problem, p, problem.upper_rows)]
    if ties is Ties.OPTIMISTIC:
        return sign * min(sign * problem.objective(p) for p in inside) if inside else None
    if len(inside) < len(reactions):
        return None
    return sign * max(sign * problem.objective(p) for p in reactions)


def _satisfies(problem: LinearProblem, point: Floats, rows: np.typing.NDArray[np.intp]) -> bool:
    activity = problem.joint.activity(point)[rows]
    return bool(
        np.all(activity <= problem.joint.row_upper[rows] + NEAR)
        and np.all(activity >= problem.joint.row_lower[rows] - NEAR)
    )


def _values(problem: LinearProblem, column: int) -> Iterator[float]:
    return (float(v) for v in range(int(problem.joint.lower[column]), int(problem.joint.upper[column]) + 1))

"""Indicator constraints and sets as linear rows: the same points, the least coefficients, and names when refused."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model
from tests.logical_models import CONTINUOUS, INF, INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, logical
from tuner.follower.check import violation
from tuner.follower.solvers.implied import Bounds
from tuner.follower.solvers.reformulation import NotLinear, linear

LARGEST = 1e5


def grid(model: Model) -> list[np.ndarray]:
    """Return all integer points within the bounds of a model."""
    axes = [np.arange(low, high + 1) for low, high in zip(model.lower, model.upper, strict=True)]
    return [np.array(point, dtype=float) for point in product(*axes)]


@pytest.mark.parametrize("seed", range(300, 340))
def test_the_points_of_the_linear_model_are_those_of_the_model(seed: int) -> None:
    model = logical(seed, whole=True)
    whole = linear(model, LARGEST)
    assert whole.is_linear
    extra = list(product((0.0, 1.0), repeat=whole.columns - model.columns))
    for point in grid(model):
        extended = any(violation(whole, np.concatenate((point, tail))) == "" for tail in extra)
        assert extended is (violation(model, point) == ""), (model.name, point)


def of_row(
    entries: list[float],
    *,
    lower: float = -INF,
    upper: float = INF,
    value: int = 1,
    kind: int = CONTINUOUS,
    own: float = 0.0,
) -> Model:
    """Make a row over columns from -2 to 10, with an indicator that may have an entry of its own."""
    builder = Builder()
    b = builder.add_binary("b")
    columns = [builder.add_column(f"x{j}", 0.0, -2.0, 10.0, kind) for j in range(len(entries))]
    row = builder.add_row("r", [(b, own), *zip(columns, entries, strict=True)], lower=lower, upper=upper)
    builder.add_indicator(row, b, value)
    return builder.build()


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (of_row([1.0, -1.0], upper=3.0), [({0: 9.0, 1: 1.0, 2: -1.0}, 12.0)]),
        (of_row([1.0, -1.0], upper=3.0, value=0), [({0: -9.0, 1: 1.0, 2: -1.0}, 3.0)]),
        (of_row([2.0], lower=3.0), [({0: 7.0, 1: -2.0}, 4.0)]),
        (of_row([1.0], lower=1.0, upper=3.0), [({0: 7.0, 1: 1.0}, 10.0), ({0: 3.0, 1: -1.0}, 2.0)]),
        (of_row([1.0], upper=3.5, kind=INTEGER), [({0: 7.0, 1: 1.0}, 10.0)]),
        (of_row([1.0], upper=4.0, own=1.0), [({0: 7.0, 1: 1.0}, 10.0)]),
        (of_row([1.0], upper=4.0, own=1.0, value=0), [({0: -6.0, 1: 1.0}, 4.0)]),
        (of_row([1.0, 1.0], upper=20.0), []),
        (of_row([], lower=1.0), [({0: 1.0}, 0.0)]),
    ],
    ids=["on", "off", "lower", "both", "integers", "own entry", "own entry, off", "says nothing", "empty"],
)
def test_no_coefficient_is_larger_than_the_bounds_ask_for(
    model: Model, rows: list[tuple[dict[int, float], float]]
) -> None:
    whole = linear(model, LARGEST)
    assert [(whole.row(row), float(whole.row_upper[row])) for row in range(whole.rows)] == rows


@pytest.mark.parametrize("size", range(3, 15))
def test_what_is_rounded_is_rounded_so_that_no_point_is_lost(size: int) -> None:
    builder = Builder()
    b = builder.add_binary("b")
    columns = [builder.add_column(f"x{j}", 0.0, 0.0, 0.1 * (j + 1)) for j in range(size)]
    builder.add_indicator(builder.add_row("r", [(x, 0.3) for x in columns], upper=0.1), b, 1)
    whole = linear(builder.build(), LARGEST)
    highest = sum(Fraction(0.3) * Fraction(0.1 * (j + 1)) for j in range(size))
    assert highest <= Fraction(float(whole.row_upper[0])) <= highest * (1 + Fraction(1, 2**52))
    left = Fraction(float(whole.row_upper[0])) - Fraction(whole.row(0)[0])
    assert Fraction(0.1) <= left <= Fraction(0.1) + Fraction(1, 2**50)


def test_a_set_of_binaries_needs_no_more_columns() -> None:
    builder = Builder()
    columns = [builder.add_binary(f"b{j}") for j in range(3)]
    builder.add_set("s", 1, [(column, float(column)) for column in columns])
    whole = linear(builder.build(), LARGEST)
    assert whole.columns == 3
    assert (whole.row(0), float(whole.row_upper[0])) == ({0: 1.0, 1: 1.0, 2: 1.0}, 1.0)


def test_sets_share_the_binary_of_a_column() -> None:
    builder = Builder()
    columns = [builder.add_column(f"x{j}", 0.0, -1.0, 4.0) for j in range(4)]
    for number, members in enumerate((columns[:3], columns[1:], [])):
        builder.add_set(f"s{number}", 1, [(column, float(column)) for column in members])
    whole = linear(builder.build(), LARGEST)
    assert whole.columns == 8
    assert whole.rows == 2 * 4 + 2


@pytest.mark.parametrize("size", [0, 1, 2])
def test_a_set_that_says_nothing_adds_nothing(size: int) -> None:
    builder = Builder()
    columns = [builder.add_column(f"x{j}") for j in range(size)]
    builder.add_set("s", 2, [(column, float(column)) for column in columns])
    whole = linear(builder.build(), LARGEST)
    assert (whole.columns, whole.rows) == (size, 0)


def test_bounds_that_rows_imply_are_found_in_each_others_light() -> None:
    builder = Builder()
    x, y, z = (builder.add_column(name, 0.0, -INF) for name in "xyz")
    n = builder.add_column("n", 0.0, 0.0, INF, INTEGER)
    s = builder.add_column("s", 0.0, 2.0, INF, SEMI_CONTINUOUS)
    t = builder.add_column("t", 0.0, 3.0, INF, SEMI_INTEGER)
    builder.add_row("z below y", [(z, 2.0), (y, -1.0)], lower=-6.0, upper=4.0)
    builder.add_row("y below x", [(y, 1.0), (x, -4.0)], lower=0.0, upper=0.0)
    builder.add_row("x", [(x, -3.0)], lower=-6.0, upper=3.0)
    builder.add_row("n", [(n, 3.0), (s, 1.0), (t, 1.0)], upper=11.0)
    off = builder.add_row("tighter, but not always", [(x, 1.0)], upper=0.0)
    builder.add_indicator(off, builder.add_binary("b"), 1)
    bounds = Bounds(builder.build())
    bounds.extend()
    lower, upper = bounds.lower, bounds.upper
    assert lower[[x, y, z]] == pytest.approx([-1.0, -4.0, -5.0], rel=1e-11)
    assert upper[[x, y, z]] == pytest.approx([2.0, 8.0, 6.0], rel=1e-11)
    assert upper[x] >= 2.0 >= -1.0 >= lower[x]
    assert lower[[n, s, t]].tolist() == [0.0, 0.0, 0.0]
    assert upper[[n, t]].tolist() == [3.0, 11.0]
    assert upper[s] == pytest.approx(11.0, rel=1e-11)


def test_no_bound_that_a_row_implies_cuts_off_a_point_by_rounding() -> None:
    for seed in range(50):
        a, *others, side = np.random.default_rng(seed).integers(1, 1000, 12) / 10
        builder = Builder()
        x = builder.add_column("x")
        rest = [builder.add_column(f"y{j}", 0.0, other) for j, other in enumerate(others)]
        builder.add_row("r", [(x, a), *((y, 0.1) for y in rest)], upper=1e3 + side)
        bounds = Bounds(builder.build())
        bounds.extend()
        room = Fraction(1e3 + side) - sum(Fraction(0.1) * Fraction(other) for other in others)
        assert room / Fraction(a) <= Fraction(float(bounds.upper[x])) <= room / Fraction(a) * (1 + Fraction(1, 10**11))


def test_a_bound_that_rows_imply_only_around_a_circle_is_none() -> None:
    builder = Builder()
    x, y = builder.add_column("x"), builder.add_column("y")
    builder.add_row("r", [(x, 1.0), (y, -0.5)], upper=1.0)
    builder.add_row("s", [(y, 1.0), (x, -0.5)], upper=1.0)
    bounds = Bounds(builder.build())
    bounds.extend()
    assert (bounds.lower[x], bounds.upper[x]) == (0.0, INF)


@pytest.mark.parametrize(
    ("lower", "upper", "coefficient", "side"), [(0.0, INF, 1.0, "upper"), (-INF, 0.0, -1.0, "lower")]
)
def test_a_bound_that_is_missing_is_named(lower: float, upper: float, coefficient: float, side: str) -> None:
    builder = Builder()
    b, x = builder.add_binary("open"), builder.add_column("flow", 0.0, lower, upper)
    builder.add_indicator(builder.add_row("closed", [(x, coefficient)], upper=0.0), b, 0)
    reason = f"row closed holds only where open is 0, and flow has no {side} bound: give it one, or use scip"
    with pytest.raises(NotLinear, match=reason):
        linear(builder.build(), LARGEST)


def test_a_bound_that_is_too_large_is_named() -> None:
    builder = Builder()
    x, y = builder.add_column("x", 0.0, -2e5, 1.0), builder.add_column("y", 0.0, 0.0, 1.0)
    builder.add_set("s", 1, [(x, 1.0), (y, 2.0)])
    with pytest.raises(NotLinear, match=r"set s has the member x: .* 2e\+05 times as large .* above 100000 "):
        linear(builder.build(), LARGEST)


@pytest.mark.parametrize(("scale", "upper", "taken"), [(1.0, 1e5, True), (1e3, 1e5, True), (1e-3, 1e7, False)])
def test_a_coefficient_is_large_beside_the_others_of_its_row(scale: float, upper: float, taken: bool) -> None:
    builder = Builder()
    b, x = builder.add_binary("b"), builder.add_column("x", 0.0, 0.0, upper)
    builder.add_indicator(builder.add_row("r", [(x, scale)], upper=0.0), b, 0)
    if taken:
        assert linear(builder.build(), LARGEST).row(0)[0] == -scale * upper
    else:
        with pytest.raises(NotLinear, match=r"row r holds only where b is 0: .* 1e\+07 times as large"):
            linear(builder.build(), LARGEST)

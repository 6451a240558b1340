"""Continuous variables in CP-SAT: what it proves of whole numbers is believed only where these are enough."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from storage.records import Claim
from tests.solver_process import SolverProcess
from tuner.follower.solvers.integrality import needs_whole_numbers_only

INTEGER = VariableKind.INTEGER


def model(*rows: tuple[dict[str, float], float, float], top: float = 4.0, maximise: bool = True) -> Model:
    """Return a model with binaries b, c and continuous x, y, the objective x + y + 0.1 b."""
    builder = Builder("rows", maximise=maximise)
    for name, cost, upper, kind in (
        *(("b", 0.1, 1.0, INTEGER), ("c", 0.0, 1.0, INTEGER)),
        *(("x", 1.0, top, VariableKind.CONTINUOUS), ("y", 1.0, top, VariableKind.CONTINUOUS)),
    ):
        builder.add_column(name, cost, 0.0, upper, kind)
    for number, (entries, lower, upper) in enumerate(rows):
        columns = [(builder.columns[name], value) for name, value in entries.items()]
        builder.add_row(f"r{number}", columns, lower=lower, upper=upper)
    return builder.build()


INF = float("inf")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], True),
        ([({"x": 1.0, "b": 3.0}, -INF, 4.0)], True),
        ([({"x": 2.0, "b": 4.0}, -INF, 6.0)], True),
        ([({"x": 1.0, "b": 3.0}, -INF, 2.5)], False),
        ([({"x": 1.0, "b": 1.5}, -INF, 3.0)], False),
        ([({"x": 2.0, "b": 1.0}, -INF, 3.0)], False),
        ([({"x": 1.0, "y": 1.0}, -INF, 3.0)], False),
        ([({"x": 1.0, "b": 1.0}, 2.0, 2.0), ({"x": 1.0, "y": 1.0}, -INF, 3.0)], True),
        ([({"x": 1.0, "b": 1.0}, 2.0, 3.0), ({"x": 1.0, "y": 1.0}, -INF, 3.0)], False),
        ([({"x": 1.0, "b": -2.0, "c": 3.0}, -1.0, 3.0), ({"y": 1.0, "c": 1.0}, -INF, 2.0)], True),
    ],
)
def test_whole_numbers_are_enough_only_where_every_row_says_so(
    rows: list[tuple[dict[str, float], float, float]], expected: bool
) -> None:
    assert needs_whole_numbers_only(model(*rows)) is expected


def test_bounds_that_are_no_whole_numbers_are_not_enough() -> None:
    assert not needs_whole_numbers_only(model(top=2.5))
    both = ({"x": 1.0, "b": 1.0}, 2.0, 2.0), ({"y": 1.0, "c": 1.0}, 1.0, 1.0)
    assert needs_whole_numbers_only(model(*both, top=2.5)), "equations leave nothing else"


@pytest.fixture(scope="module")
def cp_sat() -> Iterator[SolverProcess]:
    process = SolverProcess("cp-sat")
    yield process
    process.close()


def test_what_is_proven_of_whole_numbers_is_right_by_enumeration(cp_sat: SolverProcess) -> None:
    dice = np.random.default_rng(5)
    proven = 0
    for _ in range(60):
        sides = dice.choice([2.0, 2.5, 3.0, 3.5], 2)
        first = dice.choice([-2.0, -1.5, 1.0, 2.0, 3.5], 2)
        found = cp_sat(
            "solve",
            made := model(
                ({"x": 1.0, "b": float(first[0]), "c": float(first[1])}, -INF, float(sides[0])),
                ({"y": 1.0, "b": -1.0}, -INF, float(sides[1])),
            ),
            *({}, 0, 60.0, 0.0),
        )
        best = max(
            min(4.0, sides[0] - first @ (b, c)) + min(4.0, sides[1] + b) + 0.1 * b
            for b, c in product((0, 1), repeat=2)
            if sides[0] - first @ (b, c) >= 0
        )
        if found.claim is Claim.OPTIMAL:
            proven += 1
            assert found.objective == pytest.approx(best), made
        assert found.claim is not Claim.INFEASIBLE
    assert proven >= 3, "some of these need no other values"

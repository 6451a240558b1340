"""Claims that the objective has no limit: shown by a direction in exact numbers, or refuted because there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from instances.writing import write_mps
from storage.records import Check, Claim
from tuner.app.execution import execute
from tuner.follower.exact import ExactRows
from tuner.follower.ray import DIRECTION, check_unbounded, has_ray

INF = float("inf")


def balanced(out: float, back: float = 0.3, most: float = INF) -> Model:
    """Return a model whose x and y grow together without limit exactly where ``out`` is a third of what comes back."""
    builder = Builder("balanced", maximise=True)
    x = builder.add_column("x", 1.0, 0.0, most, VariableKind.INTEGER)
    y = builder.add_column("y", 0.0, 0.0)
    z = builder.add_column("z", 0.0, 0.0)
    builder.add_row("first", [(x, 0.1), (y, -back)], upper=5.0)
    builder.add_row("second", [(y, 1.0), (z, -1.0)], lower=-2.0)
    builder.add_row("third", [(z, out), (x, -0.1)], lower=1.0)
    builder.add_row("fourth", [(y, 0.3), (x, -0.1)], upper=7.0)
    return builder.build()


def test_a_direction_is_found_where_rows_let_it_pass() -> None:
    assert has_ray(ExactRows(balanced(0.3)))
    assert check_unbounded(ExactRows(balanced(0.3))) == (Check.UNCONFIRMED, "", DIRECTION)


def test_a_last_digit_stops_a_direction() -> None:
    assert has_ray(ExactRows(balanced(0.2999999999))) is False
    check, reason, doubt = check_unbounded(ExactRows(balanced(0.2999999999)))
    assert (check, doubt) == (Check.REFUTED, "")
    assert reason == "claimed unbounded, but there is no direction in which the objective improves without limit"


def test_nothing_is_known_where_it_depends_on_the_last_digits_of_numbers_that_were_computed() -> None:
    assert has_ray(ExactRows(balanced(0.3, back=0.1 + 0.2))) is None
    assert has_ray(ExactRows(balanced(0.3 - 1e-16))) is None


@pytest.mark.parametrize(
    ("share", "price", "expected"),
    [
        (0.166666666666667, 1.0, None),  # a sixth, as %.15g writes it: no direction in the numbers that are meant
        (0.1666667, 1.0, None),
        (0.17, 1.0, True),
        (0.166666666666666, 1.0, False),
        (1.0, 0.1666667, None),
        (1.0, 0.1666669, True),  # what rounding may change is less than what is gained
        (1.0, 0.1666666, False),
    ],
)
def test_a_direction_that_comes_from_rounded_decimals_is_not_believed(
    share: float, price: float, expected: bool | None
) -> None:
    builder = Builder("shared", maximise=True)
    whole = builder.add_column("whole", -1.0, 0.0, INF, VariableKind.CONTINUOUS)
    for number in range(6):
        part = builder.add_column(f"part{number}", price, 0.0)
        builder.add_row(f"share{number}", [(part, 1.0), (whole, -share)], upper=0.0)
    assert has_ray(ExactRows(builder.build())) is expected


def test_a_bound_stops_a_direction_and_so_does_the_sense() -> None:
    assert has_ray(ExactRows(balanced(0.3, most=1e9))) is False
    builder = Builder("sense")
    builder.add_column("x", 1.0, -INF, INF)
    builder.add_column("y", 1.0, 0.0, 3.0)
    builder.add_row("r", [(0, 1.0), (1, 1.0)], lower=1.0)
    assert has_ray(ExactRows(builder.build())) is False
    builder.maximise = True
    assert has_ray(ExactRows(builder.build()))


def test_a_model_without_an_objective_has_none() -> None:
    builder = Builder("nothing")
    builder.add_column("x", 0.0)
    assert has_ray(ExactRows(builder.build())) is False


@pytest.mark.parametrize("passes", [True, False])
def test_rows_that_an_indicator_switches_may_stop_a_direction(passes: bool) -> None:
    builder = Builder("indicator", maximise=True)
    on, x, y = builder.add_binary("on"), builder.add_column("x", 1.0), builder.add_column("y", 0.0, 0.0, 4.0)
    builder.add_indicator(builder.add_row("switched", [(x, 1.0)], upper=5.0), on, 1)
    if not passes:
        builder.add_row("always", [(x, 1.0), (y, -1.0)], upper=5.0)
    assert has_ray(ExactRows(builder.build())) is (None if passes else False)


def test_nothing_is_known_where_it_takes_too_many_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.follower.certificate.OPERATIONS", 3)
    monkeypatch.setattr("tuner.follower.certificate.PER_ENTRY", 0)
    assert check_unbounded(ExactRows(balanced(0.3))) == (Check.UNCONFIRMED, "", "")


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_what_solvers_rightly_claim_to_have_no_limit_has_a_proven_direction(solver: str, tmp_path: Path) -> None:
    file = tmp_path / "balanced.mps"
    write_mps(balanced(0.3), file)
    response = execute(file, solver, [], 0, 10.0, 2048.0, 1e-4).response
    assert (response.claim, response.check, response.doubt) == (Claim.UNBOUNDED, Check.UNCONFIRMED, DIRECTION)
    assert response.solved


def far(builder: Builder, ahead: float) -> Model:
    """Return a model whose columns grow together without limit where x may be ahead of y."""
    x = builder.add_column("x", 1.0, 0.0, kind=VariableKind.INTEGER)
    y = builder.add_column("y", -1.0, 0.0, kind=VariableKind.INTEGER)
    builder.add_row("ahead", [(x, 1e8), (y, -1e8 - ahead)], upper=9.0)
    return builder.build()


@pytest.mark.parametrize("solver", ["highs", "scip"])
@pytest.mark.parametrize(("ahead", "check"), [(1.0, Check.REFUTED), (0.0, Check.CONFIRMED), (-1.0, Check.CONFIRMED)])
def test_an_optimum_is_refuted_where_a_direction_that_no_solver_sees_has_no_limit(
    solver: str, ahead: float, check: Check, tmp_path: Path
) -> None:
    file = tmp_path / "far.mps"
    write_mps(far(Builder("far", maximise=True), ahead), file)
    response = execute(file, solver, [], 0, 10.0, 2048.0, 1e-4).response
    assert (response.claim, response.check) == (Claim.OPTIMAL, check)
    if check is Check.REFUTED:
        assert response.reason.endswith("there is a direction in which the objective improves without limit")


def test_no_limit_is_refuted_where_no_whole_numbers_satisfy_a_row() -> None:
    builder = Builder("odd", maximise=True)
    x = builder.add_column("x", 1.0, 0.0, kind=VariableKind.INTEGER)
    y = builder.add_column("y", 0.0, 0.0, kind=VariableKind.INTEGER)
    builder.add_row("odd", [(x, 2e6), (y, -2e6)], lower=1.0, upper=1.0)
    assert has_ray(ExactRows(builder.build()))
    check, reason, doubt = check_unbounded(ExactRows(builder.build()))
    assert (check, doubt) == (Check.REFUTED, "")
    assert reason == (
        "claimed unbounded, but there is no solution: row odd: its left side is a multiple of 2000000, and none lies "
        "in [1, 1]"
    )

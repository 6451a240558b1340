"""Every solver understands indicator constraints and special ordered sets alike, or refuses the model by name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model
from storage.records import Claim
from tests.logical_models import CONTINUOUS, INF, INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, logical, optimum
from tests.solver_process import SolverProcess
from tuner.follower.check import check_point
from tuner.follower.solvers import SOLVERS
from tuner.ports import Answer

SECONDS = 60.0
CHUNK = 20


@pytest.fixture(scope="module")
def processes() -> Iterator[dict[str, SolverProcess]]:
    started = {name: SolverProcess(name) for name in SOLVERS}
    yield started
    for process in started.values():
        process.close()


@pytest.fixture(params=list(SOLVERS))
def solver(request: pytest.FixtureRequest, processes: dict[str, SolverProcess]) -> SolverProcess:
    return processes[request.param]


def solve(solver: SolverProcess, model: Model) -> Answer:
    answer = solver("solve", model, {}, 0, SECONDS, 0.0)
    assert isinstance(answer, Answer)
    if answer.point is not None:
        assert check_point(model, answer.point, answer.objective).reason == "", (solver.name, model.name)
    return answer


def assert_right(name: str, model: Model, answer: Answer, best: float | None) -> None:
    said = f"{name} on {model.name}: {answer.raw_status}"
    proven = (Claim.OPTIMAL, Claim.INFEASIBLE)
    if name == "cp-sat" and np.any(model.kind == CONTINUOUS):  # it can prove nothing of a scaled continuous column
        proven = (*proven, Claim.FEASIBLE, Claim.NOTHING)
    assert answer.claim in proven, said
    if best is None:
        assert answer.claim in (Claim.INFEASIBLE, Claim.NOTHING), said
    else:
        assert answer.claim is not Claim.INFEASIBLE, said
    if answer.claim is Claim.OPTIMAL:
        assert answer.objective == pytest.approx(best, abs=1e-5), said
    if answer.bound is not None:
        assert answer.bound == pytest.approx(best, abs=1e-5), said


@pytest.mark.parametrize("whole", [True, False], ids=["integers", "mixed"])
@pytest.mark.parametrize("chunk", range(8))
def test_the_optimum_is_the_one_that_enumeration_finds(
    processes: dict[str, SolverProcess], chunk: int, whole: bool
) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        model = logical(seed, whole=whole)
        best = optimum(model)
        for name, solver in processes.items():
            if reason := solver("refuses", model):
                assert name == "cp-sat"
                assert "semi-continuous" in reason
            else:
                assert_right(name, model, solve(solver, model), best)


def test_the_enumerated_models_are_of_all_sorts() -> None:
    models = [logical(seed, whole=whole) for seed in range(8 * CHUNK) for whole in (True, False)]
    switched = [(model, row) for model in models for row in model.indicator_row.tolist()]
    lower = np.array([model.row_lower[row] for model, row in switched])
    upper = np.array([model.row_upper[row] for model, row in switched])
    assert np.count_nonzero(lower == upper) > 20
    assert np.count_nonzero((lower < upper) & np.isfinite(lower + upper)) > 20
    assert {value for model in models for value in model.indicator_value.tolist()} == {0, 1}
    own = [
        column in model.row(row)
        for model in models
        for row, column in zip(model.indicator_row.tolist(), model.indicator_column.tolist(), strict=True)
    ]
    assert 20 < sum(own) < len(own) - 20
    sizes = {
        (type, size)
        for model in models
        for type, size in zip(model.sos_type.tolist(), np.diff(model.sos_start).tolist(), strict=True)
    }
    assert sizes == {(type, size) for type in (1, 2) for size in range(6)}
    assert any(len(set(model.sos_column.tolist())) < len(model.sos_column) for model in models)
    kinds = {int(kind) for model in models for kind in model.kind[model.sos_column].tolist()}
    assert kinds == {CONTINUOUS, INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER}
    assert any(np.any(model.lower[model.sos_column] < 0) for model in models)


def interpolated(maximise: bool) -> Model:
    """Make a model of a broken line through (0, 0), (2, 5), (4, 1), (7, 6): its ends are known at x <= 6.

    Without the set the least value at x would be on the line's convex hull.
    """
    builder = Builder("interpolated", maximise=maximise)
    weights = [builder.add_column(f"w{k}", value, 0.0, 1.0) for k, value in enumerate((0.0, 5.0, 1.0, 6.0))]
    x = builder.add_column("x", 0.0, 1.0, 6.0)
    builder.add_row("convex", [(w, 1.0) for w in weights], lower=1.0, upper=1.0)
    builder.add_row("place", [(x, -1.0), *zip(weights, (0.0, 2.0, 4.0, 7.0), strict=True)], lower=0.0, upper=0.0)
    builder.add_set("line", 2, [(w, float(k)) for k, w in enumerate(weights)])
    return builder.build()


@pytest.mark.parametrize("name", ["highs", "scip"])
@pytest.mark.parametrize(("maximise", "best"), [(True, 5.0), (False, 1.0)])
def test_a_set_of_type_2_interpolates_along_a_broken_line(
    processes: dict[str, SolverProcess], name: str, maximise: bool, best: float
) -> None:
    answer = solve(processes[name], interpolated(maximise))
    assert answer.claim is Claim.OPTIMAL
    assert answer.objective == pytest.approx(best)


def switched(value: int = 1, cost: float = 1.0, upper: float = INF, sum_: float = INF) -> Model:
    """Make: maximise x + y + cost b, where x <= 3 holds only where b has the value; x + y <= sum always."""
    builder = Builder("switched", maximise=True)
    b = builder.add_binary("b", cost)
    x, y = builder.add_column("x", 1.0, 0.0, upper, INTEGER), builder.add_column("y", 1.0, 0.0, 9.0, INTEGER)
    builder.add_indicator(builder.add_row("cap", [(x, 1.0)], upper=3.0), b, value)
    builder.add_row("all", [(x, 1.0), (y, 1.0)], upper=sum_)
    return builder.build()


def test_a_switched_row_without_bounds_is_solved_by_scip_and_refused_by_the_others_by_name(
    solver: SolverProcess,
) -> None:
    model = switched(cost=2e6)
    reason = solver("refuses", model)
    if solver.name == "scip":
        assert reason == ""
    else:
        assert "row cap holds only where b is 1, and x has no upper bound: give it one, or use scip" in reason
        with pytest.raises(ValueError, match="row cap holds only where b is 1"):
            solver("solve", model, {}, 0, SECONDS, 0.0)


def test_a_set_without_bounds_is_solved_by_scip_and_refused_by_the_others_by_name(solver: SolverProcess) -> None:
    builder = Builder("unbounded members")
    x, y, z = (builder.add_column(name, cost, lower=-INF) for name, cost in (("x", 1.0), ("y", 2.0), ("z", 1.0)))
    builder.add_row("r", [(x, 1.0), (y, 1.0), (z, 1.0)], lower=7.0)
    builder.add_row("s", [(x, 1.0), (y, 2.0)], lower=0.0)
    builder.add_set("one", 1, [(x, 1.0), (y, 2.0), (z, 3.0)])
    reason = solver("refuses", builder.build())
    if solver.name == "scip":
        answer = solve(solver, builder.build())
        assert answer.claim is Claim.OPTIMAL
        assert answer.objective == pytest.approx(7.0)
    else:
        assert "special ordered set one has the member x, and x has no upper bound" in reason


def test_bounds_that_rows_imply_are_enough(solver: SolverProcess) -> None:
    model = switched(cost=2.5, sum_=20.0)
    assert solver("refuses", model) == ""
    answer = solve(solver, model)
    assert answer.claim is Claim.OPTIMAL
    assert answer.objective == pytest.approx(20.0)


@pytest.mark.parametrize(("value", "best"), [(0, 15.5), (1, 20.0)])
def test_an_indicator_that_costs_more_than_its_row_stays_off(solver: SolverProcess, value: int, best: float) -> None:
    answer = solve(solver, switched(value=value, cost=-4.5, sum_=20.0))
    assert answer.claim is Claim.OPTIMAL
    assert answer.objective == pytest.approx(best)


def test_a_crossed_row_with_an_indicator_only_keeps_the_indicator_off(solver: SolverProcess) -> None:
    builder = Builder("crossed", maximise=True)
    b, x = builder.add_binary("b", 5.0), builder.add_column("x", 1.0, 0.0, 4.0, INTEGER)
    builder.add_indicator(builder.add_row("crossed", [(x, 1.0)], lower=3.0, upper=2.0), b, 1)
    builder.add_indicator(builder.add_row("empty", lower=1.0), b, 1)
    answer = solve(solver, builder.build())
    assert (answer.claim, answer.objective) == (Claim.OPTIMAL, pytest.approx(4.0))


@pytest.mark.parametrize(("low", "high", "best"), [(1.0, 1.0, 3.0), (0.0, 0.0, 9.0), (0.3, 1.0, 3.0), (0.0, 0.9, 9.0)])
def test_an_indicator_with_one_value_left_makes_its_row_hold_always_or_never(
    solver: SolverProcess, low: float, high: float, best: float
) -> None:
    builder = Builder("fixed", maximise=True)
    b, x = builder.add_column("b", 0.0, low, high, INTEGER), builder.add_column("x", 1.0, 0.0, 9.0, INTEGER)
    builder.add_indicator(builder.add_row("cap", [(x, 1.0)], upper=3.0), b, 1)
    answer = solve(solver, builder.build())
    assert (answer.claim, answer.objective) == (Claim.OPTIMAL, pytest.approx(best))


def test_a_set_of_binaries_is_solved_by_every_solver(solver: SolverProcess) -> None:
    builder = Builder("binaries", maximise=True)
    columns = [builder.add_binary(f"b{j}", cost) for j, cost in enumerate((3.0, 5.0, 4.0, 6.0))]
    builder.add_set("pair", 2, [(column, float(place)) for place, column in enumerate(columns)])
    builder.add_set("one", 1, [(columns[3], 1.0), (columns[2], 2.0)])
    answer = solve(solver, builder.build())
    assert (answer.claim, answer.objective) == (Claim.OPTIMAL, pytest.approx(9.0))

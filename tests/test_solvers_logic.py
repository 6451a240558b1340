"""Every solver understands indicator constraints and special ordered sets alike, or refuses the model by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model
from instances.writing import write_mps
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


UNBOUNDED = range(40)


@pytest.mark.parametrize("chunk", range(4))
def test_unbounded_models_are_called_so_and_others_are_not(processes: dict[str, SolverProcess], chunk: int) -> None:
    for seed in UNBOUNDED[chunk::4]:
        model = logical(seed, whole=False, unbounded=True)
        best = optimum(model)
        truth = Claim.INFEASIBLE if best is None else Claim.UNBOUNDED if abs(best) == INF else Claim.OPTIMAL
        for name, solver in processes.items():
            if not solver("refuses", model):
                answer = solve(solver, model)
                if name == "cp-sat" and np.any(model.kind == CONTINUOUS):
                    assert answer.claim in (truth, Claim.FEASIBLE, Claim.NOTHING), (name, seed)
                else:
                    assert answer.claim is truth, (name, seed)
                if answer.claim is Claim.OPTIMAL:
                    assert answer.objective == pytest.approx(best, abs=1e-5), (name, seed)


def test_the_models_without_bounds_are_of_all_sorts() -> None:
    optima = [optimum(logical(seed, whole=False, unbounded=True)) for seed in UNBOUNDED]
    assert 3 < sum(best is None for best in optima) < 20
    assert 3 < sum(best is not None and abs(best) == INF for best in optima) < 20


def test_an_optimum_beside_a_ray_that_only_a_set_allows_is_not_believed(processes: dict[str, SolverProcess]) -> None:
    model = logical(16, whole=False, unbounded=True)
    answer = solve(processes["scip"], model)
    assert (answer.claim, answer.objective, answer.bound) == (Claim.UNBOUNDED, None, None)


def test_a_ray_that_no_single_member_of_a_set_has_is_none(processes: dict[str, SolverProcess]) -> None:
    builder = Builder("together", maximise=True)
    x, y = builder.add_column("x", 1.0), builder.add_column("y", 1.0)
    builder.add_row("r", [(x, 1.0), (y, -1.0)], lower=-5.0, upper=7.0)
    builder.add_set("s", 1, [(x, 1.0), (y, 2.0)])
    answer = solve(processes["scip"], builder.build())
    assert (answer.claim, answer.objective) == (Claim.OPTIMAL, pytest.approx(7.0))
    for name in ("highs", "cp-sat"):
        assert "special ordered set s has the member" in processes[name]("refuses", builder.build())


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


@pytest.mark.parametrize("seed", range(12))
def test_scips_own_reader_takes_what_we_write_for_the_same_model(
    processes: dict[str, SolverProcess], tmp_path: Path, seed: int
) -> None:
    model = logical(seed, whole=True)
    write_mps(model, tmp_path / "model.mps")
    best = optimum(model)
    found = processes["scip"]("optimum of file", tmp_path / "model.mps")
    assert found == (None if best is None else pytest.approx(best, abs=1e-6))


def fixed_charges(capacity: float, seed: int) -> Model:
    """Make: cover two demands from five sources, each with a price of its own and closed unless it is paid for."""
    random = np.random.default_rng(seed)
    builder = Builder(f"fixed charges {seed}")
    flows = []
    for j in range(5):
        paid = builder.add_binary(f"paid{j}", float(random.integers(1, 50)))
        flow = builder.add_column(f"flow{j}", float(random.integers(0, 5)), 0.0, capacity)
        builder.add_indicator(builder.add_row(f"closed{j}", [(flow, 1.0)], upper=0.0), paid, 0)
        flows.append(flow)
    for name, some, demand in (("all", flows, random.integers(1, 20)), ("some", flows[:3], random.integers(1, 6))):
        builder.add_row(name, [(flow, float(random.integers(1, 4))) for flow in some], lower=float(demand))
    return builder.build()


@pytest.mark.parametrize("seed", range(4))
def test_a_coefficient_at_the_limit_gives_right_answers(processes: dict[str, SolverProcess], seed: int) -> None:
    model = fixed_charges(1e5, seed)
    answer = solve(processes["highs"], model)
    assert answer.claim is Claim.OPTIMAL
    assert answer.objective == pytest.approx(optimum(model))


def test_a_coefficient_beyond_the_limit_is_refused_by_name(processes: dict[str, SolverProcess]) -> None:
    reason = processes["highs"]("refuses", fixed_charges(1.5e5, 0))
    assert "row closed0 holds only where paid0 is 0: as a linear row, that takes a coefficient 1.5e+05 times" in reason
    assert processes["cp-sat"]("refuses", fixed_charges(1.5e5, 0)) == ""


@pytest.mark.parametrize("capacity", [1e7, 1e9])
def test_what_leaks_through_a_large_coefficient_is_never_claimed(
    processes: dict[str, SolverProcess], capacity: float
) -> None:
    unproven = 0
    for seed in range(8):
        model = fixed_charges(capacity, seed)
        answer = processes["highs"]("solve without limit", model)
        if answer.claim is Claim.OPTIMAL:
            assert answer.objective == pytest.approx(optimum(model), rel=1e-5)
        else:
            unproven += 1
        if answer.point is not None:
            assert check_point(model, answer.point, answer.objective).reason == ""
    assert unproven, "nothing leaked: the limit could be higher"

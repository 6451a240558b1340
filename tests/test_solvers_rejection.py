"""What CP-SAT rejects is told by the names of the model's rows and columns, and never taken for infeasible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from storage.records import Claim, Value
from tests.solver_process import SolverProcess
from tuner.ports import Answer

INF = float("inf")
CONTINUOUS, INTEGER = VariableKind.CONTINUOUS, VariableKind.INTEGER
Column = tuple[str, VariableKind, float, float]
Entries = Mapping[str, float]


@pytest.fixture(scope="module")
def cp_sat() -> Iterator[SolverProcess]:
    process = SolverProcess("cp-sat")
    yield process
    process.close()


@pytest.fixture(scope="module")
def highs() -> Iterator[SolverProcess]:
    process = SolverProcess("highs")
    yield process
    process.close()


def mixed(columns: list[Column], rows: dict[str, tuple[float, Entries, float]], costs: Entries | None = None) -> Model:
    builder = Builder("mixed")
    places = {
        name: builder.add_column(name, (costs or {}).get(name, 1.0), low, high, kind)
        for name, kind, low, high in columns
    }
    for name, (low, entries, high) in rows.items():
        builder.add_row(name, [(places[column], value) for column, value in entries.items()], lower=low, upper=high)
    return builder.build()


def solve(process: SolverProcess, model: Model, parameters: Mapping[str, Value] | None = None) -> Answer:
    answer = process("solve", model, parameters or {}, 0, 20.0, 0.0)
    assert isinstance(answer, Answer)
    return answer


WHOLE, OTHER = ("i", INTEGER, 0.0, 9.0), ("j", INTEGER, 0.0, 9.0)
X, Y = ("x", CONTINUOUS, 0.0, 9.0), ("y", CONTINUOUS, 0.0, 9.0)
LINK: tuple[float, Entries, float] = (-20.0, {"x": 1.0, "i": -1.0, "y": -0.3}, INF)


def without_whole_number(*sizes: float, side: float) -> Model:
    names = ("x", "y", "i", "j")
    return mixed([X, Y, WHOLE, OTHER], {"link": LINK, "balance": (side, dict(zip(names, sizes, strict=False)), side)})


@pytest.mark.parametrize(
    ("sizes", "side", "span"),
    [
        ((2.0, 4.0, 6.0, 8.0), 9.0, "from 2 to 8"),
        ((30.0, 60.0, 700.0), 45.0, "from 30 to 700"),
        ((3e-3, 6e-3, 9e-3), 7e-3, "from 0.003 to 0.009"),
    ],
)
def test_a_row_without_a_whole_number_between_its_sides_is_named(
    cp_sat: SolverProcess, highs: SolverProcess, sizes: tuple[float, ...], side: float, span: str
) -> None:
    model = without_whole_number(*sizes, side=side)
    answer = solve(cp_sat, model)
    assert (answer.claim, answer.point) == (Claim.NOTHING, None)
    assert answer.raw_status == (
        "MODEL_INVALID: row balance: CP-SAT gives continuous variables whole numbers, and OR-Tools scales this row to "
        f"whole numbers for it. Then its left side can take no value within its bounds, [{side:g}, {side:g}] "
        f"(coefficients {span}). The model itself may have solutions: use highs or scip"
    )
    assert solve(highs, model).claim is Claim.OPTIMAL  # as the message says


def test_a_row_of_wide_coefficients_is_named_with_their_span(cp_sat: SolverProcess) -> None:
    sizes = {"x": 30.0, "y": 60.0, "i": 7e8, "z": 4e-8}
    model = mixed([X, Y, WHOLE, ("z", CONTINUOUS, 0.0, 9.0)], {"link": LINK, "balance": (45.0, sizes, 45.0)})
    answer = solve(cp_sat, model)
    assert answer.claim is Claim.NOTHING
    assert answer.raw_status.startswith("MODEL_INVALID: row balance: CP-SAT gives continuous variables whole numbers")
    assert "no value within its bounds, [45, 45] (coefficients from 4e-08 to 7e+08)" in answer.raw_status


def test_a_row_of_integers_that_loses_its_digits_is_not_said_to_have_continuous_variables(
    cp_sat: SolverProcess,
) -> None:
    columns = [("x", INTEGER, 0.0, 1e7), ("y", INTEGER, 0.0, 1e7)]
    sizes = {"x": 10.00000000001, "y": -10.0}  # met by x = y = 1e7
    answer = solve(cp_sat, mixed(columns, {"same": (0.0001, sizes, 0.0001)}))
    assert answer.claim is Claim.NOTHING
    assert answer.raw_status == (
        "MODEL_INVALID: row same: OR-Tools rounds the coefficients of this row to whole numbers for CP-SAT. Then its "
        "left side can take no value within its bounds, [0.0001, 0.0001] (coefficients from 10 to 10.00000000001). The "
        "model itself may have solutions: use highs or scip"
    )


def test_a_continuous_column_between_two_whole_numbers_is_named(cp_sat: SolverProcess) -> None:
    between = ("z", CONTINUOUS, 0.2, 0.7)
    model = mixed([X, Y, WHOLE, between], {"link": LINK, "other": (0.1, {"z": 1.0, "x": 0.7, "i": 1.0}, INF)})
    answer = solve(cp_sat, model, {"mip_presolve_level": 0})
    assert answer.claim is Claim.NOTHING
    assert answer.raw_status == (
        "MODEL_INVALID: column z: CP-SAT gives it whole numbers only, and none lies within its bounds, [0.2, 0.7]. "
        "Use highs or scip"
    )


def test_a_column_beyond_the_largest_bound_is_named(cp_sat: SolverProcess) -> None:
    far = ("z", INTEGER, 2e7, 3e7)
    model = mixed([X, Y, WHOLE, far], {"link": LINK, "other": (0.1, {"z": 1.0, "x": 0.7, "i": 1.0}, INF)})
    answer = solve(cp_sat, model, {"mip_presolve_level": 0})
    assert answer.claim is Claim.NOTHING
    assert answer.raw_status == (
        "MODEL_INVALID: column z: its bounds, [20000000, 30000000], lie beyond the largest value that CP-SAT gives a "
        "variable, 1e+07 (its parameter mip_max_bound)"
    )


@pytest.mark.parametrize(
    ("where", "columns", "row", "costs"),
    [
        ("row balance has 5e+09 of i", [X, Y, WHOLE, OTHER], (1.0, {"i": 5e9, "x": 1.0, "j": 4e7}, INF), {}),
        ("row balance has the sides [30000000, inf]", [X, Y, WHOLE, OTHER], (3e7, {"i": 1.0, "x": 1.0}, INF), {}),
        ("column z has the bounds [0, 1e+15]", [X, Y, WHOLE, ("z", INTEGER, 0.0, 1e15)], (1.0, {"z": 1.0}, INF), {}),
        ("column y has -2e+08 in the objective", [X, Y, WHOLE, OTHER], (1.0, {"i": 1.0}, INF), {"y": -2e8}),
    ],
)
def test_what_is_beyond_the_largest_magnitude_is_named(
    cp_sat: SolverProcess, where: str, columns: list[Column], row: tuple[float, Entries, float], costs: Entries
) -> None:
    model = mixed(columns, {"link": LINK, "balance": row}, costs)
    answer = solve(cp_sat, model, {"mip_max_valid_magnitude": 1e6})
    assert answer.claim is Claim.NOTHING
    most = "1e+06 (its parameter mip_max_valid_magnitude)"
    assert answer.raw_status == f"MODEL_INVALID: {where}: CP-SAT takes no numbers above {most}"


def test_what_has_no_place_in_the_model_is_told_in_the_solvers_own_words(cp_sat: SolverProcess) -> None:
    rows = {"link": LINK, "balance": (1.3, {"x": 1.0, "y": 0.7}, INF), "other": (-INF, {"x": 0.3, "y": -1.0}, 0.4)}
    answer = solve(cp_sat, mixed([X, Y, WHOLE], rows), {"only_solve_ip": True})
    assert answer.claim is Claim.NOTHING
    assert answer.raw_status.startswith("MODEL_INVALID: The model contains non-integer variables but the parameter")


def test_a_coefficient_that_cp_sat_does_not_take_is_named_beforehand(cp_sat: SolverProcess) -> None:
    model = mixed([WHOLE, OTHER], {"balance": (1.0, {"i": 3e20, "j": 1.0}, INF)})
    assert cp_sat("refuses", model) == "CP-SAT takes no coefficient of 1e+20 or more, and row balance has 3e+20 of i"
    model = mixed([WHOLE, OTHER], {"balance": (1.0, {"i": 3.0, "j": 1.0}, INF)}, {"j": -1e20})
    assert cp_sat("refuses", model) == (
        "CP-SAT takes no coefficient of 1e+20 or more, and column j has -1e+20 in the objective"
    )


@pytest.mark.parametrize(("size", "refused"), [(-1e15, True), (3e15, True), (9e14, False)])
def test_a_coefficient_that_highs_does_not_take_is_named_beforehand(
    highs: SolverProcess, size: float, refused: bool
) -> None:
    model = mixed([WHOLE, OTHER], {"balance": (1.0, {"i": 1.0, "j": size}, INF)})
    why = f"HiGHS takes no coefficient of 1e+15 or more, and row balance has {size:g} of j"
    assert highs("refuses", model) == (why if refused else "")
    if not refused:
        assert solve(highs, model).claim is Claim.OPTIMAL


def test_the_objective_of_an_answer_that_proves_nothing_is_that_of_its_point(cp_sat: SolverProcess) -> None:
    row: tuple[float, Entries, float] = (1e9 + 0.5, {"i": 1e9, "j": 1.5, "x": 3.3}, 1e9 + 0.5)
    answer = solve(cp_sat, mixed([WHOLE, OTHER, X], {"mix": row}))
    assert answer.claim is Claim.FEASIBLE
    assert answer.point is not None
    assert answer.objective == answer.point.sum(), "OR-Tools adds what its scaling has lost"
    assert answer.bound is None


def test_an_integer_column_without_a_whole_number_is_infeasible_and_named(cp_sat: SolverProcess) -> None:
    answer = solve(cp_sat, mixed([X, ("i", INTEGER, 0.2, 0.7)], {"r": (0.0, {"x": 1.0, "i": 1.0}, INF)}))
    assert (answer.claim, answer.raw_status) == (
        Claim.INFEASIBLE,
        "INFEASIBLE: column i: no whole number lies in [0.2, 0.7]",
    )

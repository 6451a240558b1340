"""Numbers that were computed: what is proven holds for everything that they stand for, by trying it out."""

from __future__ import annotations

import math
import random
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from storage.records import Check, Claim
from tuner.app.execution import execute
from tuner.follower.certificate import Certificate, certify
from tuner.follower.exact import Exact, ExactRows, Row, integer_columns, uncertainty
from tuner.follower.repair import Bounds, Ending, Repair

INF = math.inf


def meant(number: float, draw: random.Random) -> Exact:
    """Return something that a number may stand for: for a computed one the ends of what rounds to it, or its middle."""
    return (
        Fraction(number) + Fraction(draw.choice((-1, 0, 1)) * math.ulp(number)) / 2
        if uncertainty(number)
        else _of(number)
    )


def _of(number: float) -> Exact:
    return Fraction(repr(number))


def has_values(model: Model, integers: list[int], draw: random.Random) -> bool:
    """Whether continuous variables have values with these integers, for one choice of what all numbers stand for."""
    whole = integer_columns(model)
    limits: list[Bounds] = []
    for low, high in zip(model.lower.tolist(), model.upper.tolist(), strict=True):
        at_least = None if math.isinf(low) else meant(low, draw)
        at_most = at_least if low == high else None if math.isinf(high) else meant(high, draw)
        limits.append((at_least, at_most))

    def start(column: int) -> Exact:
        if whole[column]:
            return integers[column]
        low, high = limits[column]
        return low if low is not None else high if high is not None else 0

    repair = Repair(start, lambda column: None if whole[column] else limits[column], 10**7)
    for i in range(model.rows):
        entries = model.row(i)
        low, high = float(model.row_lower[i]), float(model.row_upper[i])
        at_least = None if math.isinf(low) else meant(low, draw)
        at_most = at_least if low == high else None if math.isinf(high) else meant(high, draw)
        coefficients = tuple(meant(float(a), draw) for a in entries.values())
        repair.hold(i, Row(tuple(entries), coefficients, at_least, at_most))
    ending = repair.run()
    assert ending is not Ending.EXHAUSTED
    return ending is Ending.REPAIRED


def chain(draw: random.Random) -> tuple[Model, np.ndarray]:
    """Return stocks over some periods, of computed demands, limits and losses, and a plan that a solver may return."""
    builder = Builder("chain")
    periods, stock, plan = draw.randint(2, 5), None, []
    loss = draw.choice((1.0, 0.98, 1 - draw.random() / 9))
    left, demands = 0.0, []
    for t in range(periods):
        most = draw.choice((8.0, draw.uniform(5, 9)))
        demand = draw.choice((0.0, 2.5, draw.uniform(1, 4), most))
        made = builder.add_column(f"made{t}", 1.0, 0.0, draw.choice((INF, most)))
        setup = builder.add_binary(f"setup{t}", 5.0)
        kept = builder.add_column(f"stock{t}", 0.5, 0.0, draw.choice((INF, 20 / 3)))
        balance = [(made, 1.0), (kept, -1.0), *([] if stock is None else [(stock, loss)])]
        builder.add_row(f"balance{t}", balance, lower=demand, upper=demand)
        builder.add_row(f"setup{t}", [(made, 1.0), (setup, -most)], upper=0.0)
        if draw.random() < 0.15:  # the same once more, computed in another way
            builder.add_row(f"again{t}", [(column, 3 * a) for column, a in balance], lower=3 * demand, upper=3 * demand)
        extra = draw.choice((0.0, 0.0, draw.random()))
        need = max(0.0, demand - loss * left)
        amount = min(most, need + extra)
        left = max(0.0, loss * left + amount - demand)
        plan += [amount, float(amount > 0), left]
        demands.append(demand)
        stock = kept
    return builder.build(), np.array(plan)


def test_what_is_proven_has_a_solution_for_whatever_computed_numbers_stand_for() -> None:
    draw = random.Random(7)
    proven = unknown = 0
    for _ in range(150):
        model, plan = chain(draw)
        rows = ExactRows(model)
        noise = [draw.uniform(-1e-9, 1e-9) if kind == VariableKind.CONTINUOUS else 0.0 for kind in model.kind]
        point = np.clip(plan + np.array(noise), model.lower, model.upper)
        found = certify(rows, point, float(model.objective @ point))
        if found.objective is None:
            unknown += not found.doubt
            continue
        proven += 1
        integers = np.rint(point).astype(int).tolist()
        for _ in range(30):
            assert has_values(model, integers, draw), model.row_names
    assert proven > 40
    assert unknown > 10


def test_an_integer_row_is_proven_with_the_least_favourable_of_its_numbers() -> None:
    builder = Builder("row", maximise=True)
    x, s = builder.add_column("x", 0.0, 1000.0, 2000.0, VariableKind.INTEGER), builder.add_column("s", 1.0, 0.0, 3.0)
    builder.add_row("r", [(x, 1234567890123.4567), (s, 1.0)], upper=1234567890123459.5)
    model = builder.build()
    model = Model(**{**model.__dict__, "kind": np.full(2, VariableKind.INTEGER, dtype=np.uint8)})
    assert certify(ExactRows(model), np.array([1000.0, 3.0]), 3.0) == Certificate(None, "")
    assert certify(ExactRows(model), np.array([1000.0, 2.0]), 2.0) == Certificate(2.0)


def test_a_whole_number_beside_a_computed_bound_is_neither_proven_nor_a_fault() -> None:
    builder = Builder("bound")
    builder.add_column("n", 1.0, 3.0000000000000004, 9.0, VariableKind.INTEGER)
    rows = ExactRows(builder.build())
    assert certify(rows, np.array([3.0]), 3.0) == Certificate(None, "")
    assert certify(rows, np.array([4.0]), 4.0) == Certificate(4.0)
    assert certify(rows, np.array([2.0]), 2.0).doubt == "column n is 2, outside [3.0000000000000004, 9]"


def test_a_computed_bound_of_a_continuous_variable_holds_for_whatever_it_stands_for() -> None:
    builder = Builder("fixed")
    x, y = builder.add_column("x", 1.0, 1 / 3, 1.0), builder.add_column("y", 1.0, 0.0, 1.0)
    builder.add_row("r", [(x, 1.0), (y, 1.0)], upper=1 / 3)
    assert certify(ExactRows(builder.build()), np.array([1 / 3, 0.0]), 1 / 3) == Certificate(None, "")
    roomy = Builder("roomy")
    x, y = roomy.add_column("x", 1.0, 1 / 3, 1.0), roomy.add_column("y", 1.0, 0.0, 1.0)
    roomy.add_row("r", [(x, 1.0), (y, 1.0)], upper=0.34)
    found = certify(ExactRows(roomy.build()), np.array([1 / 3, 0.0]), 1 / 3)
    assert (found.objective, found.doubt) == (pytest.approx(1 / 3), "")


def test_costs_that_cancel_down_to_computed_digits_prove_nothing() -> None:
    builder = Builder("costs")
    builder.add_column("a", 1e12 / 3, 0.0, 1e6, VariableKind.INTEGER)
    builder.add_column("b", -1e12 / 3, 0.0, 1e6, VariableKind.INTEGER)
    assert certify(ExactRows(builder.build()), np.array([1e6, 1e6]), 0.0) == Certificate(None, "")
    assert certify(ExactRows(builder.build()), np.array([2.0, 1.0]), 1e12 / 3).objective == pytest.approx(1e12 / 3)


TIGHT = 0.30000000000000004
"""A computed number that two short ones add up to: 0.3 and 4e-17."""


def beside(low: float, high: float, upper: float = INF) -> Model:
    """Return a model of x up to ``upper`` with low <= x - TIGHT <= high, in short decimals."""
    builder = Builder("beside")
    x = builder.add_column("x", 1.0, 0.0, upper)
    parts = builder.add_column("most", 0.0, 0.3, 0.3), builder.add_column("rest", 0.0, 4e-17, 4e-17)
    builder.add_row("beside", [(x, 1.0), *((part, -1.0) for part in parts)], lower=low, upper=high)
    return builder.build()


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (0.0, INF)], ids=["equation", "inequality"])
def test_a_variable_that_must_be_at_a_computed_bound_is_neither_proven_nor_a_fault(low: float, high: float) -> None:
    point = np.array([TIGHT, 0.3, 4e-17])
    assert certify(ExactRows(beside(low, high)), point, TIGHT).objective == TIGHT
    assert certify(ExactRows(beside(low, high, TIGHT)), point, TIGHT) == Certificate(None, "")


def with_row(model: Model, entries: dict[int, float], low: float, high: float) -> Model:
    """Return a model with one more row."""
    builder = Builder(model.name)
    for j, name in enumerate(model.column_names):
        builder.add_column(name, float(model.objective[j]), float(model.lower[j]), float(model.upper[j]))
    for i, name in enumerate(model.row_names):
        entry = model.row(i).items()
        builder.add_row(name, entry, lower=float(model.row_lower[i]), upper=float(model.row_upper[i]))
    builder.add_row("added", entries.items(), lower=low, upper=high)
    return builder.build()


def test_a_row_with_a_computed_bound_holds_for_whatever_it_stands_for() -> None:
    point = np.array([TIGHT, 0.3, 4e-17])
    assert certify(ExactRows(with_row(beside(0.0, 0.0), {0: 1.0}, 0.0, TIGHT)), point, TIGHT) == Certificate(None, "")
    above = math.nextafter(TIGHT, 1.0)
    assert certify(ExactRows(with_row(beside(0.0, 0.0), {0: 1.0}, 0.0, above)), point, TIGHT).objective == TIGHT


def test_a_row_must_leave_room_for_a_variable_that_follows_a_computed_equation() -> None:
    point = np.array([TIGHT, 0.3, 4e-17])
    tied = with_row(beside(-INF, 0.0), {0: 1.0}, TIGHT, TIGHT)
    assert certify(ExactRows(tied), point, TIGHT) == Certificate(None, "")
    free = with_row(beside(-INF, 1e-10), {0: 1.0}, TIGHT, TIGHT)
    assert certify(ExactRows(free), point, TIGHT).objective == TIGHT


@pytest.mark.parametrize("kind", ["row", "bound"])
@pytest.mark.parametrize(("cap", "objective"), [(0.30000000025, None), (0.3000000004, 0.3000000002)])
def test_what_a_large_computed_number_leaves_of_a_small_variable_is_seen(
    kind: str, cap: float, objective: float | None
) -> None:
    builder = Builder("difference")
    x = builder.add_column("x", 1.0, 0.0, cap if kind == "bound" else INF)
    z = builder.add_column("z", 0.0, 1e6, 1e6)
    if kind == "row":
        builder.add_row("cap", [(x, 1.0)], upper=cap)
    builder.add_row("sum", [(x, 1.0), (z, 1.0)], lower=1000000.3000000002, upper=1000000.3000000002)
    found = certify(ExactRows(builder.build()), np.array([0.3000000002, 1e6]), 0.3000000002)
    assert found == Certificate(None if objective is None else pytest.approx(objective), "")


def test_another_rounding_does_not_overstate_an_answer_of_which_nothing_is_known() -> None:
    builder = Builder("budget", maximise=True)
    columns = builder.add_binary("x", 1.0), builder.add_binary("y", 1.0)
    builder.add_row("budget", zip(columns, (1 / 3, 2 / 3), strict=True), upper=1.0)
    assert certify(ExactRows(builder.build()), np.array([1.0, 0.9999996]), 1.9999996) == Certificate(None, "")


CONTRADICTION = """Maximize
 obj: b
Subject To
 r1: X + Z + 0.003 b = 2000000000000
 r2: X + Z = 2000000000000
Bounds
 X <= 1500000000000
 Z <= 1500000000000
Binary
 b
End
"""
COMPUTED = """Maximize
 obj: s
Subject To
 r: 1234567890123.4567 x + s <= 1234567890123459.5
 q: x + t >= 1000
 p: t <= 0
Bounds
 x <= 2000
 s <= 3
General
 x s t
End
"""
NO_SOLUTION = """Maximize
 obj: z
Subject To
 e1: 30000000 a + 20000000 b + 10000000 c = 50000001
 e2: z - y <= 5
 e3: y - z + a <= 100
Bounds
 a <= 10
 b <= 10
 c <= 10
General
 a b c z y
End
"""
CANCELLING = """Minimize
 obj: 1000000000000000 a - 1000000000000000 b + 3 c + 7 d
Subject To
 r: 3 a - 5 b + 2 e = 0
 t: a - b + c - f = 0
 u: 2 a + 3 b - 5 f = 0
 s: c + d + a >= 7
Bounds
 a <= 100
 b <= 100
 c <= 10
 d <= 10
 e <= 100
 f <= 100
General
 a b c d e f
End
"""


@pytest.mark.parametrize(
    ("text", "doubt"),
    [(CONTRADICTION, r"row r[12] is 2000000000000, 0\.003 (above|below) its bound 2000000000000"), (COMPUTED, "")],
    ids=["contradiction", "computed"],
)
def test_what_scip_accepts_within_its_tolerance_is_not_proven(text: str, doubt: str, tmp_path: Path) -> None:
    file = tmp_path / "model.lp"
    file.write_text(text)
    wrong = execute(file, "scip", ["presolving/maxrounds=0"], 0, 10.0, 2048.0, 1e-4).response
    right = execute(file, "highs", [], 0, 10.0, 2048.0, 1e-4).response
    assert wrong.objective is not None
    assert right.objective is not None
    assert wrong.objective == pytest.approx(right.objective + 1)
    assert (wrong.claim, wrong.check, wrong.proven_objective) == (Claim.OPTIMAL, Check.CONFIRMED, None)
    assert re.fullmatch(doubt, wrong.doubt)
    assert (right.proven_objective, right.doubt) == (right.objective, "")


def test_no_limit_is_not_confirmed_where_there_may_be_no_solution(tmp_path: Path) -> None:
    file = tmp_path / "model.lp"
    in_two_rows = NO_SOLUTION.replace("c = 50000001", "c >= 50000001")
    file.write_text(in_two_rows.replace(" e2:", " e4: 3 a + 2 b + c <= 5.0000002\n e2:"))
    response = execute(file, "scip", [], 0, 10.0, 2048.0, 1e-4).response
    assert (response.claim, response.check) == (Claim.UNBOUNDED, Check.UNCONFIRMED)
    assert "that there is a solution is not" in response.doubt


def test_no_limit_is_refuted_where_no_whole_numbers_satisfy_a_row(tmp_path: Path) -> None:
    file = tmp_path / "model.lp"
    file.write_text(NO_SOLUTION)
    response = execute(file, "scip", [], 0, 10.0, 2048.0, 1e-4).response
    assert (response.claim, response.check) == (Claim.UNBOUNDED, Check.REFUTED)
    assert response.reason.startswith("claimed unbounded, but there is no solution: row e1")


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_a_solver_that_is_off_where_costs_cancel_is_not_refuted(solver: str, tmp_path: Path) -> None:
    file = tmp_path / "model.lp"
    file.write_text(CANCELLING)
    response = execute(file, solver, [], 0, 10.0, 2048.0, 1e-4).response
    assert (response.claim, response.check) == (Claim.OPTIMAL, Check.CONFIRMED)
    assert response.proven_objective == 12.0

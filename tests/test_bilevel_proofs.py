"""Proofs that are easy to get wrong: each problem here has misled a solver of its kind."""

from __future__ import annotations

import math
import random
import threading
import time
from itertools import pairwise, product

import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from tests.bilevel_samples import enumerated, random_problem
from tests.small_models import market_split
from tuner.bilevel import (
    Bound,
    Ending,
    FunctionProblem,
    LinearProblem,
    Products,
    Situation,
    Status,
    Ties,
    Variable,
    solve,
    solving,
    verify,
)
from tuner.bilevel.applications.interdiction import Defender, Interdiction, Target
from tuner.bilevel.linear import Unit
from tuner.bilevel.state import Bracket
from tuner.errors import Failed, UsageError

INF = math.inf
INTEGER, SEMI = VariableKind.INTEGER, VariableKind.SEMI_CONTINUOUS


@pytest.mark.parametrize("ties", [Ties.OPTIMISTIC, Ties.PESSIMISTIC])
@pytest.mark.parametrize("seed", range(12))
def test_cuts_alone_find_the_optimum_that_enumeration_finds(
    seed: int, ties: Ties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solving, "FEW", 0)
    monkeypatch.setattr(solving, "MANY", 0)
    problem, brackets = random_problem(seed), []
    expected = enumerated(problem, ties)
    result = solve(problem, ties=ties, watch=brackets.append)
    assert result.bound_kind in (Bound.CUTS, Bound.RELAXATION)
    if expected.objective is None:
        assert result.ending is Ending.INFEASIBLE
        return
    assert (result.ending, result.objective) == (Ending.OPTIMAL, pytest.approx(expected.objective))
    assert result.x in expected.choices
    for bracket in brackets:
        assert not problem.is_better(expected.objective, bracket.bound + (1e-6 if problem.maximise else -1e-6))
    bounds = [bracket.bound for bracket in brackets]
    assert bounds == sorted(bounds, reverse=problem.maximise), "a bound never becomes worse"


def test_large_numbers_are_told_apart_by_whole_steps() -> None:
    generator = random.Random(0)
    targets = tuple(
        Target(
            str(number),
            float(10**7 + generator.randint(0, 200)),
            float(generator.randint(1, 9)),
            size=float(generator.randint(1, 9)),
        )
        for number in range(10)
    )
    budget = float(sum(target.weight for target in targets) // 3)
    capacity = float(sum(target.size for target in targets) // 3)
    attack = Interdiction("large", Defender.KNAPSACK, targets, budget, capacity=capacity)
    packs = [
        p for p in product((0, 1), repeat=10) if sum(t.size * k for t, k in zip(targets, p, strict=True)) <= capacity
    ]
    worst = min(
        max(sum(t.value * k * (1 - r) for t, k, r in zip(targets, pack, removed, strict=True)) for pack in packs)
        for removed in product((0, 1), repeat=10)
        if sum(t.weight * r for t, r in zip(targets, removed, strict=True)) <= budget
    )
    assert solve(attack.problem()).objective == worst


def test_a_constant_of_the_objective_does_not_blur_it() -> None:
    problem = random_problem(5)
    moved = Builder("moved", maximise=problem.maximise, offset=1e8)
    joint = problem.joint
    for column in range(joint.columns):
        moved.add_column(
            joint.column_names[column],
            float(joint.objective[column]),
            float(joint.lower[column]),
            float(joint.upper[column]),
            VariableKind(joint.kind[column]),
        )
    for row in range(joint.rows):
        entries = slice(joint.row_start[row], joint.row_start[row + 1])
        moved.add_row(
            joint.row_names[row],
            zip(joint.column_index[entries].tolist(), joint.value[entries].tolist(), strict=True),
            upper=float(joint.row_upper[row]),
        )
    far = LinearProblem(
        moved.build(),
        problem.y.tolist(),
        problem.lower_rows.tolist(),
        problem.lower_objective,
        lower_maximise=problem.lower_maximise,
    )
    expected = enumerated(problem, Ties.OPTIMISTIC).objective
    assert expected is not None
    assert solve(far).objective == pytest.approx(expected + 1e8, abs=1e-3)


def test_a_break_where_two_other_pieces_cross_is_looked_at() -> None:
    b = Builder("pieces")
    x, y, w = b.add_column("x", 0, 0, 10), b.add_column("y", 1.0, -100, 100), b.add_column("w", 1.0, -100, 1.0)
    for number, (slope, value) in enumerate([(-2, 0), (-1, -2), (1, -12), (2, -20)]):
        b.add_row(f"l{number}", [(y, 1), (x, -slope)], lower=value)
    b.add_row("w", [(w, 1), (x, 2)], lower=0.0)
    result = solve(LinearProblem(b.build(), [y, w], range(5), [1.0, 0.0]), ties=Ties.PESSIMISTIC)
    assert (result.ending, result.objective, result.x) == (Ending.OPTIMAL, pytest.approx(-6.0, abs=1e-6), (5.0,))


def test_an_integer_between_two_pieces_is_found() -> None:
    b = Builder("integer")
    x, y = b.add_column("x", 0, 0, 1000, INTEGER), b.add_column("y", 1.0, -5000, 5000)
    z = b.add_column("z", -1.0, 0, INF)
    b.add_row("a", [(y, 1), (x, -7)], lower=-3005.0)
    b.add_row("b", [(y, 1), (x, 1)], lower=0.0)
    result = solve(LinearProblem(b.build(), [y, z], [0, 1], [1.0, 1.0]), ties=Ties.PESSIMISTIC)
    assert (result.ending, result.objective, result.x) == (Ending.OPTIMAL, pytest.approx(-375.0), (375.0,))


def one_of_two(first: float, second: float) -> LinearProblem:
    b = Builder("one of two")
    b.add_binary("x", 1.0)
    y, z = b.add_binary("y", -1.0), b.add_binary("z", 1.0)
    b.add_row("one", [(y, 1.0), (z, 1.0)], lower=1.0, upper=1.0)
    return LinearProblem(b.build(), [y, z], [0], [first, second])


@pytest.mark.parametrize(("first", "second"), [(1.000001, 1.0), (1e7 + 1, 1e7), (1e-6, 0.0)])
def test_what_is_a_little_worse_for_the_follower_is_no_tie(first: float, second: float) -> None:
    problem = one_of_two(first, second)
    assert solve(problem).objective == 1.0
    refused = verify(problem, [0.0], [1.0, 0.0])
    assert not refused.feasible
    assert "the follower prefers another answer" in refused.reason


@pytest.mark.parametrize("solver", ["highs", "scip", "cp-sat"])
def test_a_solver_whose_tolerance_is_too_wide_for_a_tie_proves_nothing_wrong(solver: str) -> None:
    for seed in range(4):
        generator = random.Random(seed)
        b = Builder(f"large {seed}", maximise=False)
        b.add_binary("x")
        values = [1e8 + generator.randint(0, 59) for _ in range(6)]
        ys = [b.add_binary(f"y{j}", float(generator.randint(-9, 9))) for j in range(6)]
        sizes = [float(generator.randint(1, 9)) for _ in ys]
        b.add_row("size", zip(ys, sizes, strict=True), upper=sum(sizes) // 2)
        problem = LinearProblem(b.build(), ys, [0], values, lower_maximise=True)
        expected = enumerated(problem, Ties.OPTIMISTIC).objective
        result = solve(problem, solver=solver, budget=30.0)
        if result.ending is Ending.OPTIMAL:
            assert result.objective == pytest.approx(expected)
        else:
            assert result.unproven
            assert any("not solved to proof" in remark for remark in result.remarks)


def test_the_answers_of_a_large_follower_are_examined_too() -> None:
    b = Builder("large", maximise=True)
    b.add_binary("x")
    ys = [b.add_binary(f"y{j}", 1.0) for j in range(2)]
    zs = [b.add_binary(f"z{j}") for j in range(600)]
    b.add_row("budget", [(y, 25000010.0) for y in ys], upper=50000000.0)
    for j, (one, other) in enumerate(pairwise(zs)):
        b.add_row(f"chain{j}", [(one, 1.0), (other, -1.0)], upper=0.0)
    problem = LinearProblem(b.build(), [*ys, *zs], list(range(600)), [1.0, 1.0, *[0.0] * 600], lower_maximise=True)
    response = problem.respond((0.0,), solver="scip")
    assert response.status is Status.UNPROVEN
    assert "row budget is 50000020, 20 above its bound 50000000" in response.reason


def test_no_limit_at_worst_is_not_called_infeasible() -> None:
    b = Builder("limitless")
    b.add_column("x", 1.0, 0, 3, INTEGER)
    y, t = b.add_column("y", 1.0, -1, INF), b.add_column("t", 0, 0, 1)
    result = solve(LinearProblem(b.build(), [y, t], [], [0.0, 1.0]), ties=Ties.PESSIMISTIC)
    assert result.ending is Ending.NOTHING
    assert "at 4 choices F has no limit over the follower's solutions" in result.remarks


def test_no_limit_at_best_is_an_error_that_names_the_choice() -> None:
    b = Builder("limitless")
    b.add_column("x", 1.0, 0, 3, INTEGER)
    y, t = b.add_column("y", -1.0, -1, INF), b.add_column("t", 0, 0, 1)
    with pytest.raises(Failed, match="at x = 0 the leader's objective has no limit"):
        solve(LinearProblem(b.build(), [y, t], [], [0.0, 1.0]))


def test_only_the_end_that_the_leader_assumes_has_to_have_a_limit() -> None:
    b = Builder("half")
    b.add_column("x", 1.0, 0, 3, INTEGER)
    y, t = b.add_column("y", 1.0, -INF, 1.0), b.add_column("t", 0, 0, 1)
    result = solve(LinearProblem(b.build(), [y, t], [], [0.0, 1.0]), ties=Ties.PESSIMISTIC)
    assert (result.ending, result.objective, result.spread) == (Ending.OPTIMAL, 1.0, None)


def test_a_follower_that_takes_long_is_ended_when_somebody_wants_it_to_stop() -> None:
    hard = market_split(40, 4)

    def react(_: object) -> Situation:
        upper = Builder("F")
        for name in hard.column_names:
            upper.add_column(name, 1.0)
        return Situation(hard, upper.build())

    problem = FunctionProblem("hard", [Variable("p", 0, 1, 1)], react, maximise=False)
    stop = threading.Event()
    threading.Timer(3.0, stop.set).start()
    began = time.monotonic()
    result = solve(problem, stop=stop, budget=600.0)
    assert time.monotonic() - began < 60.0
    assert result.ending is Ending.NOTHING
    assert solve(problem, budget=2.0).ending is Ending.NOTHING
    assert time.monotonic() - began < 120.0


def test_every_choice_answered_is_a_proof_whatever_another_way_has_left_open() -> None:
    b = Builder("open")
    x, y = b.add_column("x", 1.0, 0, 500, INTEGER), b.add_column("y", -1.0, 0, INF)
    b.add_row("r", [(y, 1.0), (x, -1.0)], lower=0.0)
    result = solve(LinearProblem(b.build(), [y], [0], [1.0]))
    assert (result.ending, result.objective, result.bound) == (Ending.OPTIMAL, 0.0, 0.0)


def test_a_bound_never_becomes_worse() -> None:
    b = Builder("bound")
    x, y = b.add_column("x", 7.0, -2, 0), b.add_column("y", -7.0, -2, 1)
    b.add_row("f1", [(x, -1.0), (y, -2.5)], lower=2.0)
    b.add_row("f2", [(x, -3.0), (y, 4.0)], lower=-4.0)
    b.add_row("c", [(y, -1.0)], upper=1.0)
    brackets: list[Bracket] = []
    result = solve(
        LinearProblem(b.build(), [y], [0, 1], [0.0]), ties=Ties.PESSIMISTIC, budget=3.0, watch=brackets.append
    )
    bounds = [bracket.bound for bracket in brackets]
    assert bounds == sorted(bounds)
    assert result.bound >= bounds[-1]


def test_a_bound_of_the_leader_may_be_in_a_row() -> None:
    b = Builder("row")
    x, y = b.add_column("x", -1.0), b.add_column("y", 4.0, 0, 10, INTEGER)
    b.add_row("f", [(y, 1.0), (x, -1.0)], upper=-0.5)
    b.add_row("small", [(x, 1.0)], upper=7.3)
    result = solve(LinearProblem(b.build(), [y], [0], [1.0], lower_maximise=True), budget=8.0)
    assert result.ending is Ending.FEASIBLE
    assert result.bound <= -1.5 + 1e-6
    assert result.objective == pytest.approx(-1.5, abs=0.01)


@pytest.mark.parametrize(
    "variable",
    [
        Variable("p", 0, 1, 1),
        Variable("p", 0.0, 2 / 3, 1 / 3),
        Variable("p", 0.0, 1.0, 0.3),
        Variable("p", -(10**12), -(10**12) + 2, 1),
        Variable("p", 383441.519, 383441.522, 0.001),
    ],
)
def test_every_kind_of_steps_can_be_answered(variable: Variable) -> None:
    def react(x: object) -> Situation:
        lower, upper = Builder("l"), Builder("u")
        lower.add_binary("y", 1.0)
        upper.add_column("y", 1.0)
        return Situation(lower.build(), upper.build())

    result = solve(FunctionProblem("steps", [variable], react, maximise=False))
    assert (result.ending, result.responses) == (Ending.OPTIMAL, variable.count)


def test_what_no_model_can_be_made_of_is_refused() -> None:
    def semi() -> None:
        b = Builder("semi")
        x, y = b.add_column("x", -1.0, 0, 9, INTEGER), b.add_column("y", 0.0, 2.0, 5.0, SEMI)
        LinearProblem(b.build(), [y], [], [1.0], upper_products=Products.of({(x, y): 1.0}))

    def empty() -> None:
        b = Builder("empty")
        b.add_column("x", 1.0, 0, 1)
        y = b.add_column("y", 1.0, 3.0, 1.0)
        LinearProblem(b.build(), [y], [], [1.0])

    def infinite() -> None:
        b = Builder("infinite")
        x, y = b.add_column("x", 1.0, 0, 1), b.add_column("y", 1.0, 0, 1)
        LinearProblem(b.build(), [y], [], [1.0], lower_products=Products.of({(x, y): INF}))

    def unit() -> None:
        Unit(0.0, 0.0)

    for make, complaint in (
        (semi, "a product takes no semi-continuous variable"),
        (empty, "variable y of the follower has no value: from 3 to 1"),
        (infinite, "a coefficient of a product is not finite"),
        (unit, "positive steps"),
    ):
        with pytest.raises(UsageError, match=complaint):
            make()


@pytest.mark.parametrize("scale", [1e3, 1e6, 1e7])
@pytest.mark.parametrize("ties", [Ties.OPTIMISTIC, Ties.PESSIMISTIC])
def test_costs_that_are_small_over_long_ways_are_seen(scale: float, ties: Ties) -> None:
    b = Builder("small costs")
    x = b.add_column("x", 0.0, 0.0, 3.0, INTEGER)
    y = b.add_column("y", 1.0 / scale, 0.0, 5.0 * scale)
    k = b.add_column("k", 0.0, 0.0, 1.0, INTEGER)
    b.add_row("r", [(y, 1.0 / scale), (k, 1.0), (x, 1.0)], upper=6.0)
    problem = LinearProblem(b.build(), [y, k], [0], [-1.0 / scale, 0.0])
    assert problem.respond([0.0]).value == pytest.approx(-5.0)
    result = solve(problem, ties=ties)
    assert (result.ending, result.x) == (Ending.OPTIMAL, (3.0,))
    assert result.objective == pytest.approx(3.0)


def mixed(far: float) -> LinearProblem:
    """Return a problem whose follower has costs of 1e7 and of 1e-7, the latter over a range."""
    b = Builder("mixed costs")
    x = b.add_column("x", -1.0, 0.0, 3.0, INTEGER)
    z = b.add_column("z", 0.0, 0.0, 1.0, INTEGER)
    y = b.add_column("y", 1.0 / far, 0.0, far)
    b.add_row("r", [(z, 1.0), (x, 1.0)], lower=1.0)
    return LinearProblem(b.build(), [z, y], [0], [1e7, -1e-7])


def test_costs_that_no_solver_sees_beside_others_prove_nothing() -> None:
    response = mixed(1e8).respond([1.0])
    assert not response.proven
    assert "too small beside others to be seen" in response.reason
    assert mixed(1e-6).respond([1.0]).proven
    result = solve(mixed(1e8), budget=10.0)
    assert result.ending is Ending.NOTHING
    assert result.unproven > 0


@pytest.mark.parametrize("where", ["row", "product"])
def test_coefficients_that_solvers_take_for_nothing_are_refused(where: str) -> None:
    b = Builder("tiny")
    x = b.add_column("x", 1.0, 0.0, 1e9, INTEGER)
    y = b.add_column("y", 0.0, 0.0, 1.0)
    b.add_row("r", [(x, 1e-9 if where == "row" else 1.0), (y, 1.0)], lower=0.0)
    products = Products.of({(x, y): 1e-9} if where == "product" else {})
    with pytest.raises(UsageError, match=f"a coefficient of a {where} is 1e-09"):
        LinearProblem(b.build(), [y], [0], [1.0], upper_products=products)


def doubtful(problem: LinearProblem, x: tuple[float, ...]) -> LinearProblem:
    """Make the follower's answer to one choice one that nobody can prove."""
    honest = problem.situation

    def situation(chosen: tuple[float, ...]) -> Situation:
        found = honest(chosen)
        if chosen != x:
            return found
        lower, upper = (Builder(name, maximise=m.maximise) for name, m in (("l", found.lower), ("u", found.upper)))
        for builder, model in ((lower, found.lower), (upper, found.upper)):
            for j, name in enumerate(model.column_names):
                builder.add_column(name, 0.0, float(model.lower[j]), float(model.upper[j]), VariableKind(model.kind[j]))
            builder.add_column("far", 1e-7, 0.0, 1e8)
            builder.add_column("costly", 1e7, 0.0, 1.0, INTEGER)
        return Situation(lower.build(), upper.build())

    problem.situation = situation  # type: ignore[method-assign]
    return problem


@pytest.mark.parametrize("seed", [0, 1, 3, 4])
@pytest.mark.parametrize("ties", [Ties.OPTIMISTIC, Ties.PESSIMISTIC])
def test_the_bound_reckons_with_choices_whose_answer_is_not_proven(
    seed: int, ties: Ties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solving, "FEW", 0)
    monkeypatch.setattr(solving, "MANY", 0)
    expected = enumerated(random_problem(seed), ties)
    if expected.objective is None or len(expected.choices) > 1:
        pytest.skip("another choice is as good")
    problem = doubtful(random_problem(seed), next(iter(expected.choices)))
    result = solve(problem, ties=ties, budget=10.0)
    assert result.unproven == 1
    assert not result.is_proven
    assert not problem.is_better(expected.objective, result.bound + (1e-6 if problem.maximise else -1e-6))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"budget": math.nan}, "budget: nan"),
        ({"budget": -1.0}, "budget: -1"),
        ({"slots": 0}, "slots: 0"),
        ({"ties": "worst"}, "ties: 'worst'"),
        ({"ties": Ties.MEAN}, "is for tuning"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        solve(random_problem(0), **wrong)  # type: ignore[arg-type]
    for value in ("abc", None, [1]):
        with pytest.raises(UsageError, match="is no number"):
            random_problem(0).choice([value] * len(random_problem(0).variables))  # type: ignore[list-item]
    with pytest.raises(UsageError, match="no value is from inf to inf"):
        Variable("a", INF, INF)


@pytest.mark.parametrize("defender", list(Defender))
@pytest.mark.parametrize("seed", range(3))
def test_a_zero_sum_game_has_the_relaxations_bound_from_the_beginning(seed: int, defender: Defender) -> None:
    problem = Interdiction.generated(8, seed, defender).problem()
    assert problem.is_zero_sum
    seen: list[Bracket] = []
    result = solve(problem, watch=seen.append)
    assert result.ending is Ending.OPTIMAL
    assert result.objective is not None
    assert seen[0].kind is Bound.RELAXATION
    for bracket in seen:
        assert math.isfinite(bracket.bound)
        assert not problem.is_better(result.objective, bracket.bound)


def with_logic(*, indicator: bool) -> Model:
    builder = Builder("logic")
    x, y, b = builder.add_column("x", 1.0, upper=4.0), builder.add_column("y", 1.0, upper=4.0), builder.add_binary("b")
    row = builder.add_row("r", [(x, 1.0), (y, 1.0)], lower=1.0)
    if indicator:
        builder.add_indicator(row, b, 1)
    else:
        builder.add_set("s", 1, [(x, 1.0), (y, 2.0)])
    return builder.build()


@pytest.mark.parametrize(
    ("indicator", "reason"), [(True, "row r holds only where b is 1"), (False, "s is a special ordered set")]
)
def test_problems_with_indicators_or_sets_are_refused_by_name(indicator: bool, reason: str) -> None:
    model = with_logic(indicator=indicator)
    with pytest.raises(UsageError, match=f"logic: {reason}; bilevel problems take linear rows only"):
        LinearProblem(model, [1], [0], [1.0])
    for lower, upper in ((model, with_rows_only(model)), (with_rows_only(model), model)):
        problem = FunctionProblem(
            "f", [Variable("p", 0, 1, 1)], lambda _, pair=(lower, upper): Situation(*pair), maximise=False
        )
        with pytest.raises(UsageError, match=f"f: {reason}; bilevel problems take linear rows only"):
            problem.situation((0.0,))


def with_rows_only(model: Model) -> Model:
    builder = Builder("rows")
    for name in model.column_names:
        builder.add_column(name)
    return builder.build()

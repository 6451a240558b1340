"""The conformance suite: what every adapter promises, asked of the real solvers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from instances.model import Model
from storage.records import Claim, Value, spell
from tests.small_models import (
    CONTINUOUS,
    INF,
    INTEGER,
    SEMI_CONTINUOUS,
    SEMI_INTEGER,
    anything,
    best,
    knapsack,
    market_split,
    milp,
    violation,
)
from tests.solver_process import SolverProcess
from tuner.errors import UsageError
from tuner.follower.solvers import SOLVERS, default_space
from tuner.follower.solvers.admission import check_space, is_free_text
from tuner.ports import Answer
from tuner.space import FOLLOW, Boolean, Choice, Float, Integer, Parameter, Preset, read_spaces

TOLERANCE = 1e-6
SECONDS = 60.0
"""A limit that none of these models comes near."""

PARAMETERS = [(name, parameter) for name in SOLVERS for parameter in default_space(name).parameters]


@pytest.fixture(scope="module")
def processes() -> Iterator[dict[str, SolverProcess]]:
    started = {name: SolverProcess(name) for name in SOLVERS}
    yield started
    for process in started.values():
        process.close()


@pytest.fixture(params=list(SOLVERS))
def solver(request: pytest.FixtureRequest, processes: dict[str, SolverProcess]) -> SolverProcess:
    return processes[request.param]


def solve(solver: SolverProcess, model: Model, parameters: dict[str, Value] | None = None, **how: float) -> Answer:
    answer = solver(
        "solve", model, parameters or {}, how.get("seed", 0), how.get("limit", SECONDS), how.get("gap", 0.0)
    )
    assert isinstance(answer, Answer)
    if answer.claim in (Claim.OPTIMAL, Claim.FEASIBLE):
        assert answer.point is not None
        assert violation(model, answer.point) <= TOLERANCE
        assert answer.objective == pytest.approx(model.objective @ answer.point + model.offset)
    else:
        assert answer.point is None
        assert answer.objective is None
        assert answer.bound is None
    assert answer.raw_status
    return answer


def assert_optimal(answer: Answer, optimum: float) -> None:
    assert answer.claim is Claim.OPTIMAL, answer.raw_status
    assert answer.objective == pytest.approx(optimum, abs=TOLERANCE)
    assert answer.bound == pytest.approx(optimum, abs=TOLERANCE)


@pytest.mark.parametrize("seed", range(24))
def test_the_optimum_is_the_one_that_enumeration_finds(solver: SolverProcess, seed: int) -> None:
    model = anything(seed)
    optimum, answer = best(model), solve(solver, model)
    if optimum is None:
        assert answer.claim is Claim.INFEASIBLE
    else:
        assert_optimal(answer, optimum)


def test_the_enumerated_models_are_of_all_sorts() -> None:
    models = [anything(seed) for seed in range(24)]
    optima = [best(model) for model in models]
    assert 3 <= sum(optimum is None for optimum in optima) <= 20
    assert {model.maximise for model in models} == {True, False}
    assert any(np.any(model.row_lower == model.row_upper) for model in models)
    assert any(
        np.any((model.row_lower < model.row_upper) & np.isfinite(model.row_lower + model.row_upper)) for model in models
    )


def test_a_model_of_nothing_is_optimal_at_its_offset(solver: SolverProcess) -> None:
    assert_optimal(solve(solver, milp([], offset=3.5)), 3.5)


@pytest.mark.parametrize(("row", "claim"), [((-1.0, [], 2.0), Claim.OPTIMAL), ((1.0, [], 2.0), Claim.INFEASIBLE)])
def test_rows_count_even_without_columns(
    solver: SolverProcess, row: tuple[float, list[float], float], claim: Claim
) -> None:
    assert solve(solver, milp([], [row], offset=3.5)).claim is claim


def test_a_model_without_rows_is_solved_by_its_bounds(solver: SolverProcess) -> None:
    model = milp([2.0, -3.0], lower=[-4, -1], upper=[5, 7], maximise=True, offset=0.5)
    assert_optimal(solve(solver, model), 13.5)


def test_equations_alone_are_solved(solver: SolverProcess) -> None:
    model = milp([3.0, 2.0, 4.0], [(24, [2, 3, 5], 24), (-2, [1, -1, 1], -2)], upper=10)
    optimum = best(model)
    assert optimum is not None
    assert_optimal(solve(solver, model), optimum)


def test_free_and_negative_variables_and_free_rows_are_kept(solver: SolverProcess) -> None:
    model = milp(
        [1.0, 2.0, -1.0],
        [(-3.0, [1, -2, 0], INF), (-INF, [1, 1, 1], INF), (-INF, [0, 1, 1], 2.0)],
        lower=[-INF, -6, -INF],
        upper=[INF, -2, INF],
    )
    # x >= 2y - 3, z <= 2 - y, -6 <= y <= -2: x + 2y - z >= 2y - 3 + 2y - 2 + y = 5y - 5, least at y = -6.
    assert_optimal(solve(solver, model), -35.0)


@pytest.mark.parametrize("name", ["highs", "scip"])
def test_a_linear_program_is_solved(processes: dict[str, SolverProcess], name: str) -> None:
    model = milp([1.0, 2.0], [(-INF, [1, 1], 4.0)], upper=3.5, kind=CONTINUOUS, maximise=True, offset=1.0)
    assert_optimal(solve(processes[name], model), 8.5)


@pytest.mark.parametrize("name", ["highs", "scip"])
def test_a_model_with_continuous_variables_is_solved(processes: dict[str, SolverProcess], name: str) -> None:
    assert_optimal(solve(processes[name], lot_sizes()), 105.025)


def lot_sizes() -> Model:
    """Order 73.25 from four sources of 50.5 with fixed costs: 50.5 from the third, 22.75 from the first."""
    links = [[float(j == i) for j in range(4)] + [-50.5 * (j == i) for j in range(4)] for i in range(4)]
    return milp(
        [1.3, 1.1, 0.9, 1.7, 20, 30, 10, 14],
        [*((-INF, link, 0.0) for link in links), (73.25, [1.0] * 4 + [0.0] * 4, INF)],
        upper=[INF] * 4 + [1.0] * 4,
        kind=[CONTINUOUS] * 4 + [INTEGER] * 4,
    )


@pytest.mark.parametrize(
    "model",
    [
        lot_sizes(),
        milp([1.0], [(0.3, [1.0], 0.7)], kind=CONTINUOUS),
        milp([0.0], [(0.25, [0.5], 0.25)], kind=CONTINUOUS),
    ],
    ids=["lot sizes", "between whole numbers", "half"],
)
def test_cp_sat_claims_nothing_of_continuous_variables_that_it_cannot_know(
    processes: dict[str, SolverProcess], model: Model
) -> None:
    truth, answer = solve(processes["highs"], model), solve(processes["cp-sat"], model)
    assert truth.claim is Claim.OPTIMAL
    if answer.claim is Claim.OPTIMAL:
        assert answer.objective == pytest.approx(truth.objective)
    else:
        assert answer.claim in (Claim.FEASIBLE, Claim.NOTHING)
        assert answer.bound is None
        assert answer.steps is not None
        assert all(step.bound == -INF for step in answer.steps)


INFEASIBLE = {
    "relaxation": milp([1.0, 1.0], [(5, [2, 2], 6)]),
    "relaxation, continuous": milp([1.0, 1.0], [(5, [2, 2], 6)], kind=CONTINUOUS),
    "integers only": milp([1.0, 1.0], [(1, [2, 2], 1)]),
    "integers only, three rows": milp([1.0] * 3, [(1, [1, 1, 0], 1), (1, [0, 1, 1], 1), (1, [1, 0, 1], 1)]),
    "crossed bounds": milp([1.0, 1.0], [(-5, [1, -2], INF)], lower=[3, 0], upper=[1, 10]),
    "crossed row": milp([1.0, 1.0], [(5, [1, -2], 3)], upper=10),
    "no whole number between the bounds": milp([1.0], [(0, [1], 5)], lower=0.2, upper=0.8),
}


@pytest.mark.parametrize("case", INFEASIBLE)
def test_an_infeasible_model_is_called_so(solver: SolverProcess, case: str) -> None:
    assert solve(solver, INFEASIBLE[case]).claim is Claim.INFEASIBLE


UNBOUNDED = {
    "integer": milp([1.0], upper=INF, maximise=True),
    "continuous": milp([1.0], upper=INF, kind=CONTINUOUS, maximise=True),
    "downwards": milp([1.0, 0.0], [(0, [1, 1], 10)], lower=-INF, upper=INF),
    "along a row": milp([1.0, 1.0], [(0, [2, -2], 0)], upper=INF, maximise=True),
    "rows": milp([-3.0, -2, -4], [(-INF, [2, 3, -1], 7), (-INF, [4, 1, -1], 12), (-INF, [-1, 1, -3], 5)], upper=INF),
}


@pytest.mark.parametrize("case", UNBOUNDED)
def test_an_unbounded_model_is_called_so(solver: SolverProcess, case: str) -> None:
    assert solve(solver, UNBOUNDED[case]).claim is Claim.UNBOUNDED


UNBOUNDED_RELAXATION = {
    "along a row": milp([1.0, 1.0], [(1, [2, -2], 1)], upper=INF, maximise=True),
    "beside a row": milp([1.0, 0.0], [(1, [0, 2], 1)], upper=[INF, 1], maximise=True),
    "beside a row, continuous": milp(
        [1.0, 0.0], [(1, [0, 2], 1)], upper=[INF, 1], kind=[CONTINUOUS, INTEGER], maximise=True
    ),
}
"""No integer point, but the relaxation grows for ever."""


@pytest.mark.parametrize("case", UNBOUNDED_RELAXATION)
def test_an_infeasible_model_with_an_unbounded_relaxation_is_not_called_unbounded(
    solver: SolverProcess, case: str
) -> None:
    assert solve(solver, UNBOUNDED_RELAXATION[case]).claim in (Claim.INFEASIBLE, Claim.NOTHING)


def test_an_optimum_of_thousands_of_millions_is_found_or_left_open(solver: SolverProcess) -> None:
    answer = solve(solver, milp([1.0, 1.0], [(3e9, [1, 2], INF), (1e9, [3, 1], INF)], upper=INF))
    assert answer.claim is not Claim.INFEASIBLE
    if answer.claim is Claim.OPTIMAL:
        assert answer.objective == pytest.approx(1.5e9, rel=1e-6)


SEMI = {
    "zero is best": (milp([1.0, 2.0], [(-INF, [1, 1], 9)], lower=2, upper=5, kind=SEMI_CONTINUOUS), 0.0),
    "above the gap": (milp([1.0, 1.0], [(3, [1, 1], INF)], lower=2, upper=[5, 7], kind=[SEMI_CONTINUOUS, 3]), 3.0),
    "in the gap": (milp([1.0], [(1, [1], 1.5)], lower=2, upper=5, kind=SEMI_CONTINUOUS), None),
    "integer above": (milp([1.0], [(2.5, [1], INF)], lower=2, upper=5, kind=SEMI_INTEGER), 3.0),
    "maximised": (milp([1.0], [(-INF, [1], 4.5)], lower=2, upper=9, kind=SEMI_CONTINUOUS, maximise=True), 4.5),
}


@pytest.mark.parametrize("case", SEMI)
def test_a_semi_continuous_variable_is_respected_or_refused_with_a_reason(solver: SolverProcess, case: str) -> None:
    model, optimum = SEMI[case]
    reason = solver("refuses", model)
    if reason:
        assert "semi-continuous" in reason
        return
    answer = solver("solve", model, {}, 0, SECONDS, 0.0)
    if optimum is None:
        assert answer.claim is Claim.INFEASIBLE
    else:
        assert answer.claim is Claim.OPTIMAL
        assert answer.objective == pytest.approx(optimum)


def test_a_negative_semi_continuous_variable_is_zero_or_negative_or_refused(solver: SolverProcess) -> None:
    model = milp([1.0], [(-1.5, [1], INF)], lower=-5, upper=-2, kind=SEMI_CONTINUOUS)
    if not solver("refuses", model):
        assert solver("solve", model, {}, 0, SECONDS, 0.0).objective == 0.0


def test_an_ordinary_model_is_not_refused(solver: SolverProcess) -> None:
    assert solver("refuses", knapsack(5, 2)) == ""


@pytest.mark.parametrize("coefficient", [1e16, 1e25])
def test_a_coefficient_that_no_solver_can_calculate_with_is_refused_or_harmless(
    solver: SolverProcess, coefficient: float
) -> None:
    model = milp([1.0, 1.0], [(1, [coefficient, -2], INF)], upper=10)
    reason = solver("refuses", model)
    if reason:
        assert "coefficient" in reason
    else:
        assert solver("solve", model, {}, 0, SECONDS, 0.0).claim is not Claim.INFEASIBLE


def test_a_solve_that_is_cut_off_after_a_solution_claims_feasible(solver: SolverProcess) -> None:
    answer = solve(solver, knapsack(300, 20), limit=1.0)
    assert answer.claim is Claim.FEASIBLE
    assert answer.objective is not None
    assert answer.bound is not None
    assert answer.bound > answer.objective


def test_a_solve_that_is_cut_off_before_a_solution_claims_nothing(solver: SolverProcess) -> None:
    answer = solve(solver, market_split(60, 8), limit=0.3)
    assert answer.claim is Claim.NOTHING


def test_the_same_seed_gives_the_same_search_and_another_seed_another(solver: SolverProcess) -> None:
    def trace(seed: int) -> tuple[int | None, int | None]:
        answer = solve(solver, knapsack(35, 5, seed=2), seed=seed)
        assert answer.claim is Claim.OPTIMAL
        return answer.nodes, answer.iterations

    seeds = (0, 1, 2**31 - 1)
    traces = [trace(seed) for seed in seeds]
    assert [trace(seed) for seed in seeds] == traces
    assert len(set(traces)) > 1


@pytest.mark.parametrize("maximise", [True, False])
def test_the_steps_are_the_improving_solutions(solver: SolverProcess, maximise: bool) -> None:
    model = knapsack(40, 5, seed=2)
    if not maximise:
        model = replace(model, maximise=False, objective=-model.objective, offset=-model.offset)
    answer = solve(solver, model)
    assert answer.steps
    assert [step.wall for step in answer.steps] == sorted(step.wall for step in answer.steps)
    better = 1.0 if maximise else -1.0
    objectives = [better * step.objective for step in answer.steps]
    bounds = [better * step.bound for step in answer.steps]
    assert objectives == sorted(objectives)
    assert len(set(objectives)) > 1
    assert answer.steps[-1].objective == pytest.approx(answer.objective)
    assert bounds == sorted(bounds, reverse=True)
    assert objectives[-1] - TOLERANCE <= bounds[-1] < INF


def test_effort_is_counted(solver: SolverProcess) -> None:
    answer = solve(solver, knapsack(40, 5))
    assert answer.nodes is not None
    assert answer.nodes > 1
    assert answer.iterations is not None
    assert answer.iterations > 1


def test_a_wide_gap_may_be_left_open(solver: SolverProcess) -> None:
    tight, wide = solve(solver, knapsack(40, 5)), solve(solver, knapsack(40, 5), gap=0.5)
    assert wide.claim is Claim.OPTIMAL
    assert wide.objective is not None
    assert tight.objective is not None
    assert tight.objective / 2 <= wide.objective <= tight.objective
    assert wide.iterations != tight.iterations


FIXED = {
    "highs": {"threads": 1, "random_seed": 7, "time_limit": 5.5, "mip_rel_gap": 0.25, "mip_abs_gap": 0.0},
    "cp-sat": {
        "num_workers": 1,
        "random_seed": 7,
        "max_time_in_seconds": 5.5,
        "relative_gap_limit": 0.25,
        "absolute_gap_limit": 0.0,
    },
    "scip": {
        "lp/threads": 1,
        "randomization/randomseedshift": 7,
        "limits/time": 5.5,
        "limits/gap": 0.25,
        "limits/absgap": 0.0,
    },
}


def test_seed_limit_gap_and_one_thread_reach_the_solver(solver: SolverProcess) -> None:
    applied = solver("applied", knapsack(5, 2), {}, 7, 5.5, 0.25)
    assert {name: applied[name] for name in FIXED[solver.name]} == FIXED[solver.name]


def test_the_default_changes_nothing_but_what_is_reserved(solver: SolverProcess) -> None:
    applied = solver("applied", knapsack(5, 2), {}, 7, 5.5, 0.25)
    changed = {p.name for p in solver("parameters") if applied.get(p.name, p.default) != p.default and not p.reserved}
    assert changed == set()


def values_of(parameter: Parameter) -> list[Value]:
    domain = parameter.domain
    if isinstance(domain, Boolean):
        return [True, False]
    if isinstance(domain, Choice):
        return list(domain.values)
    middle = (domain.low * domain.high) ** 0.5 if domain.log else (domain.low + domain.high) / 2
    return [domain.low, int(middle) if isinstance(domain, Integer) else middle, domain.high]


def with_conditions(name: str, parameter: Parameter, value: Value) -> dict[str, Value]:
    values: dict[str, Value] = {parameter.name: value}
    for other, allowed in parameter.when:
        values = {**with_conditions(name, default_space(name)[other], allowed[0]), **values}
    return values


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS, ids=[f"{name}-{p.name}" for name, p in PARAMETERS])
def test_every_value_of_the_space_is_applied_and_leaves_the_optimum_alone(
    processes: dict[str, SolverProcess], name: str, parameter: Parameter
) -> None:
    model = knapsack(14, 3)
    optimum = best(model)
    assert optimum is not None
    for value in values_of(parameter):
        chosen = with_conditions(name, parameter, value)
        default_space(name).check(chosen)
        chosen = {key: value for key, value in chosen.items() if value != FOLLOW}
        assert_optimal(solve(processes[name], model, chosen, seed=1), optimum)
        applied = processes[name]("applied", model, chosen, 1, SECONDS, 0.0)
        assert {key: applied.get(key, EMPHASIS) for key in chosen} == {
            key: EMPHASIS if key.endswith(EMPHASIS) else value for key, value in chosen.items()
        }, spell(value)


PRESETS = [(name, preset) for name in SOLVERS for preset in default_space(name).presets]


@pytest.mark.parametrize(("name", "preset"), PRESETS, ids=[f"{name}-{p.meaning}" for name, p in PRESETS])
def test_a_preset_leaves_the_optimum_alone(processes: dict[str, SolverProcess], name: str, preset: Preset) -> None:
    model = knapsack(14, 3)
    assert preset.meaning
    assert_optimal(solve(processes[name], model, preset.configuration.values, seed=1), best(model))


EMPHASIS = "emphasis"
"""How the names of those parameters of SCIP end that stand for many and are none themselves."""


def test_a_parameter_follows_exactly_the_emphases_that_set_it(processes: dict[str, SolverProcess]) -> None:
    space, model = default_space("scip"), knapsack(5, 2)
    usual = processes["scip"]("applied", model, {}, 1, SECONDS, 0.0)
    reserved = {parameter.name for parameter in processes["scip"]("parameters") if parameter.reserved}
    setting: dict[str, set[str]] = {}
    for parameter in space.parameters:
        if parameter.name.endswith(EMPHASIS):
            for word in values_of(parameter):
                if word == FOLLOW:
                    continue
                applied = processes["scip"]("applied", model, {parameter.name: word}, 1, SECONDS, 0.0)
                changed = {name for name in usual if applied[name] != usual[name]}
                assert bool(changed) == (word != parameter.own_default)
                assert changed & reserved == set()
                for name in changed:
                    setting.setdefault(name, set()).add(parameter.name)
    plain = [parameter for parameter in space.parameters if parameter.name in usual]
    assert {p.name: set(p.follows) for p in plain} == {p.name: setting.get(p.name, set()) for p in plain}


def test_a_part_can_be_had_as_usual_within_an_emphasis(processes: dict[str, SolverProcess]) -> None:
    chosen = {"emphasis": "hardlp", "heuristics/emphasis": "default"}
    assert default_space("scip").configuration(chosen).values == chosen
    applied = processes["scip"]("applied", knapsack(5, 2), chosen, 1, SECONDS, 0.0)
    assert applied["heuristics/alns/freq"] == 20
    assert applied["separating/maxroundsroot"] == 5


def test_a_parameter_that_is_set_overrides_the_emphasis_and_a_part_the_whole(
    processes: dict[str, SolverProcess],
) -> None:
    chosen: dict[str, Value] = {
        "heuristics/alns/freq": 20,
        "heuristics/emphasis": "off",
        "emphasis": "feasibility",
    }
    applied = processes["scip"]("applied", knapsack(5, 2), chosen, 1, SECONDS, 0.0)
    assert applied["heuristics/alns/freq"] == 20
    assert applied["heuristics/rins/freq"] == -1, "off, though feasibility has more of it"
    assert applied["separating/maxroundsroot"] == 5, "as feasibility has it"


@pytest.mark.parametrize("name", SOLVERS)
def test_the_space_agrees_with_the_solver(processes: dict[str, SolverProcess], name: str) -> None:
    check_space(default_space(name), processes[name]("parameters"))


@pytest.mark.parametrize("name", SOLVERS)
def test_the_space_has_no_tolerances_limits_seeds_files_or_threads(name: str) -> None:
    hidden = re.compile(
        r"toler|feastol|gap|^limits|(?<!d)time_|memory|seed|thread|worker|file|log_|display|cutoff|target"
    )
    space = default_space(name)
    assert [parameter.name for parameter in space.parameters if hidden.search(parameter.name)] == []
    assert len(space.parameters) >= 15
    assert all(parameter.meaning for parameter in space.parameters)


def test_what_the_solver_says_of_its_parameters_makes_sense(solver: SolverProcess) -> None:
    parameters = solver("parameters")
    names = [parameter.name for parameter in parameters]
    assert len(names) == len(set(names)) > 90
    for parameter in parameters:
        kind = {"boolean": bool, "integer": int, "float": float, "text": str}[parameter.type]
        assert type(parameter.default) is kind, parameter
        assert not parameter.values or parameter.default in parameter.values, parameter
        if parameter.low is not None:
            assert parameter.default >= parameter.low, parameter
        if parameter.high is not None:
            assert parameter.default <= parameter.high, parameter


REFUSED = {
    "highs": [
        ("mip_heuristic_efort", 0.1, "mip_heuristic_effort"),
        ("mip_heuristic_effort", 7.0, "from 0 to 1"),
        ("mip_heuristic_effort", "much", "from 0 to 1"),
        ("mip_lp_age_limit", True, "integer"),
        ("presolve", "maybe", "off, choose, on"),
        ("solver", "ipm", "itself"),
        ("time_limit", 3.0, "itself"),
        ("small_matrix_value", 9.0, "what is proven rests on it"),
        ("presolve_rule_off", -1, "from 0"),
        ("presolve_rule_offf", 1, "presolve_rule_off"),
        ("solve_relaxation", True, "unknown"),
    ],
    "cp-sat": [
        ("linearization_leve", 1, "linearization_level"),
        ("linearization_level", 1.5, "integer"),
        ("search_branching", "MAYBE_SEARCH", "LP_SEARCH"),
        ("max_num_cuts", 2**40, "it takes integer from"),
        ("glucose_decay_increment_period", -3, "must be positive"),
        ("max_time_in_seconds", 3.0, "itself"),
        ("mip_max_activity_exponent", 3, "what is proven rests on it"),
        ("mip_wanted_precision", 10.0, "what is proven rests on it"),
    ],
    "scip": [
        ("separating/maxround", 1, "separating/maxrounds"),
        ("separating/maxrounds", -7, "from -1"),
        ("separating/maxrounds", 0.5, "integer"),
        ("lp/pricing", "y", "l, a, f"),
        ("heuristics/emphasis", "quick", "default, aggressive, fast, off"),
        ("heuristic/emphasis", "fast", "heuristics/emphasis"),
        ("emphasis", 1, "cpsolver"),
        ("limits/time", 3.0, "itself"),
        ("numerics/feastol", 1e-3, "what is proven rests on it"),
    ],
}


@pytest.mark.parametrize(
    ("name", "parameter", "value", "hint"), [(name, *case) for name, cases in REFUSED.items() for case in cases]
)
def test_a_wrong_parameter_is_refused_by_name(
    processes: dict[str, SolverProcess], name: str, parameter: str, value: Value, hint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(parameter)) as error:
        processes[name]("solve", knapsack(5, 2), {parameter: value}, 0, SECONDS, 0.0)
    assert hint in str(error.value)


TRUSTED = {
    "highs": ("infinite_", "_matrix_value", "tolerance", "objective_bound", "objective_target", "user_"),
    "cp-sat": ("precision", "mip_drop", "_exponent", "scal", "true_objective", "as_infinity"),
    "scip": ("numerics/infinity", "numerics/hugeval", "epsilon", "feastol", "convtol", "countsols/active"),
}
"""Parts of the names of parameters on which the checks of an answer rest."""


def test_what_proofs_rest_on_cannot_be_chosen(solver: SolverProcess) -> None:
    prefix = {"highs": "", "cp-sat": "mip_", "scip": ""}[solver.name]
    for part in TRUSTED[solver.name]:
        named = [p for p in solver("parameters") if part in p.name and p.name.startswith(prefix)]
        named = [p for p in named if solver.name != "scip" or p.name.startswith(("numerics/", "constraints/countsols"))]
        assert named, part
        assert [p.name for p in named if not p.reserved] == [], part


WRITING = re.compile(r"(^|[_/])(output|write|dump|save|export)(?![a-z])")
"""How the names of parameters are made that have a solver write something."""
HARMLESS = {
    "highs": {
        "write_solution_style",  # of what is not written
        "mip_improving_solution_save",  # in memory
    },
    "cp-sat": {"save_lp_basis_in_lb_tree_search"},  # in memory
    "scip": {
        *("write/allconss", "write/printzeros", "write/genericnamesoffset", "write/implintlevel"),  # when told to write
        "separating/cgmip/output",  # on the screen
    },
}
"""Those of which it was found out that no file comes of them."""


def test_what_writes_files_cannot_be_chosen(solver: SolverProcess) -> None:
    """Such as the proofs that CP-SAT writes to /tmp/drat.txt; a new parameter of this kind is to be looked at first."""
    chosen = {p.name for p in solver("parameters") if not p.reserved and not is_free_text(p)}
    assert {name for name in chosen if WRITING.search(name)} == HARMLESS[solver.name]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("no_such_option = { type = 'boolean', default = true }", "no_such_option"),
        ("time_limit = { type = 'float', range = [1, 9], default = 1 }", "time_limit.*itself"),
        ("mip_heuristic_effort = { type = 'float', range = [0, 2], default = 0.05 }", "mip_heuristic_effort=2.0"),
        ("mip_heuristic_effort = { type = 'float', range = [0, 1], default = 0.5 }", "in highs it is 0.05"),
        ("presolve = { type = 'choice', values = ['choose', 'no'], default = 'choose' }", "presolve=no"),
    ],
)
def test_a_space_that_the_solver_contradicts_is_refused_by_name(
    processes: dict[str, SolverProcess], entry: str, complaint: str
) -> None:
    space = read_spaces(f"[highs]\n{entry}", "mine.toml")["highs"]
    with pytest.raises(UsageError, match=complaint):
        check_space(space, processes["highs"]("parameters"))


def test_a_parameter_outside_the_built_in_space_can_be_added(processes: dict[str, SolverProcess]) -> None:
    entry = "[highs]\nmip_lifting_for_probing = { type = 'integer', range = [-1, 5], default = -1 }"
    space = read_spaces(entry, "mine.toml", {"highs": default_space("highs")})["highs"]
    check_space(space, processes["highs"]("parameters"))
    assert isinstance(space["mip_lifting_for_probing"].domain, Integer)
    assert isinstance(space["mip_heuristic_effort"].domain, Float)


def test_the_version_is_the_solvers_own(solver: SolverProcess) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", solver("version"))


def test_reading_the_spaces_imports_no_solver() -> None:
    program = (
        "import sys\n"
        "from tuner.follower.solvers import SOLVERS, default_space\n"
        "from tuner.follower.solvers.admission import check_space, is_free_text\n"
        "assert all(default_space(name).parameters for name in SOLVERS)\n"
        "assert not {'highspy', 'ortools'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

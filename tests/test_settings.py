"""What users fix beforehand: read against the real solvers, taken out of what is searched, part of every run."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from storage.records import Configuration, Value
from tests.simulation import space
from tuner.errors import UsageError
from tuner.follower import settings
from tuner.follower.settings import fixed_of, known_parameters, settings_of, with_fixed
from tuner.follower.solvers import SOLVERS, default_space
from tuner.leader.draws import Draws
from tuner.space import Boolean, Choice, Parameter, Space


def fixed(*settings: str, solvers: tuple[str, ...] = ("highs", "scip")) -> Mapping[str, Mapping[str, Value]]:
    return {each.solver: each.values for each in fixed_of(settings, solvers)}


def test_a_setting_is_for_every_solver_that_has_the_parameter() -> None:
    assert fixed("presolve=off") == {"highs": {"presolve": "off"}}
    assert fixed("highs:presolve = off", "separating/maxrounds=0") == {
        "highs": {"presolve": "off"},
        "scip": {"separating/maxrounds": 0},
    }
    both = fixed("cp_model_presolve=false", "linearization_level=0", solvers=("cp-sat",))
    assert both == {"cp-sat": {"cp_model_presolve": False, "linearization_level": 0}}


def test_a_parameter_outside_the_space_can_be_fixed_and_has_the_solvers_type() -> None:
    assert "mip_max_improving_sols" not in {p.name for p in default_space("highs").parameters}
    assert fixed("mip_max_improving_sols=7", "mip_heuristic_effort=0") == {
        "highs": {"mip_max_improving_sols": 7, "mip_heuristic_effort": 0.0}
    }


def test_one_parameter_has_one_value() -> None:
    assert fixed("presolve=off", "highs:presolve=off") == {"highs": {"presolve": "off"}}
    with pytest.raises(UsageError, match="highs's presolve is fixed to off and to on"):
        fixed("presolve=off", "highs:presolve=on")


def test_a_value_that_this_build_of_the_solver_lacks_is_refused_before_the_first_run() -> None:
    assert "hipo" in known_parameters("highs")["mip_lp_solver"].values, "HiGHS lists it, the wheel is built without it"
    with pytest.raises(UsageError) as refused:
        fixed("presolve=off", "mip_lp_solver=hipo")
    assert str(refused.value) == (
        "fix: mip_lp_solver=hipo: the highs that is installed here knows this value but cannot use it: HiGHS does "
        "not take this value; choose another value, or leave it out"
    )
    assert fixed("mip_lp_solver=ipx") == {"highs": {"mip_lp_solver": "ipx"}}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("presolv=off", "unknown parameter of highs, scip: 'presolv'; did you mean presolve"),
        ("highs:presolv=off", "did you mean presolve"),
        ("presolve=perhaps", "presolve=perhaps: highs does not take this value"),
        ("mip_heuristic_effort=7", "=7.0: highs does not take this value; it takes float from 0 to 1"),
        ("mip_heuristic_effort=nan", "highs does not take this value"),
        ("mip_heuristic_effort=", "highs does not take this value"),
        ("time_limit=3", "time_limit: tuner sets this parameter itself"),
        ("mip_feasibility_tolerance=1e-3", "what is proven rests on it"),
        ("solution_file=/etc/passwd", "solution_file: its value is free text"),
        ("write_solution_to_file=true", "write_solution_to_file: tuner sets this parameter itself"),
        ("presolve", "write name=value"),
        ("=off", "write name=value"),
        (":presolve=off", "write name=value"),
        ("gurobi:presolve=off", "unknown solver: 'gurobi'"),
        ("cp-sat:cp_model_presolve=false", "cp-sat is not among the solvers of this job: highs, scip"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(setting: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        fixed(setting)


def test_settings_are_spelled_as_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "untaken", lambda configuration: None)  # a process for each takes long
    drawn = Draws(Random(5))
    for solver in SOLVERS:
        for _ in range(20):
            configuration = drawn.any(default_space(solver))
            given = (configuration,) if configuration.parameters else ()
            assert fixed_of(settings_of(given), [solver]) == given


def test_what_is_fixed_is_in_every_configuration_and_is_not_chosen() -> None:
    whole = space()
    drawn = Draws(Random(3))
    for _ in range(200):
        values = dict(Random(_).sample(sorted(drawn.any(whole).values.items()), 1) or []) | {"beyond": 3}
        (own,) = with_fixed({"alpha": whole}, [Configuration.of("alpha", values)]).values()
        assert own.default == Configuration.of("alpha", values)
        assert not values.keys() & {parameter.name for parameter in own.parameters}
        for configuration in (drawn.any(own), drawn.mutation(own, own.default), *drawn.flips(own)[:3]):
            assert values.items() <= configuration.values.items()
            own.check(configuration.values)
            assert own.configuration(configuration.values) == configuration


def test_parameters_that_what_is_fixed_leaves_without_effect_are_not_chosen() -> None:
    own = space().fix({"p00": False})
    assert not {"p09", "p19"} & {parameter.name for parameter in own.parameters}
    assert {"p09", "p19"} <= {parameter.name for parameter in space().fix({"p00": True}).parameters}


def test_a_combination_that_is_forbidden_with_what_is_fixed_is_refused_or_never_drawn() -> None:
    parameters = (Parameter("a", Boolean(), True), Parameter("b", Choice(("x", "y")), "x"))
    whole = Space("alpha", parameters, ((("a", False), ("b", "x")),))
    with pytest.raises(UsageError, match="forbidden in the space of alpha: a=false b=x; fix another one of them, too"):
        whole.fix({"a": False})
    assert whole.fix({"a": False, "b": "y"}).default.values == {"a": False, "b": "y"}
    assert whole.fix({"b": "x"}).forbids({"a": False})
    with pytest.raises(UsageError, match="b=y: it is fixed to x"):
        whole.fix({"b": "x"}).check({"b": "y"})

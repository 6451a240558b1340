"""Spaces: reading them, their domains and conditions, and the canonical form of a configuration."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records import Configuration
from tuner.errors import UsageError
from tuner.space import FOLLOW, Boolean, Choice, Float, Integer, Space, merge, read_spaces

TEXT = """
[toy.presolve]
type = "choice"
values = ["off", "on"]
default = "on"
meaning = "presolve first"

[toy.effort]
type = "float"
range = [0, 1]
default = 0.25

[toy.rounds]
type = "integer"
range = [1, 1000]
log = true
default = 10
when = { presolve = "on" }

[toy.probing]
type = "boolean"
default = false
when = { presolve = ["on"], rounds = [10, 20] }

[toy."deep/level"]
type = "choice"
values = [-1, 0, 5]
default = 0

[[forbidden]]
solver = "toy"
values = { presolve = "off", "deep/level" = 5 }
"""


@pytest.fixture
def toy() -> Space:
    return read_spaces(TEXT, "toy.toml")["toy"]


def test_a_space_is_read_as_written(toy: Space) -> None:
    assert [parameter.name for parameter in toy.parameters] == ["presolve", "effort", "rounds", "probing", "deep/level"]
    assert toy["presolve"].domain == Choice(("off", "on"))
    assert toy["presolve"].meaning == "presolve first"
    assert toy["effort"].domain == Float(0.0, 1.0)
    assert toy["rounds"].domain == Integer(1, 1000, log=True)
    assert toy["rounds"].when == (("presolve", ("on",)),)
    assert toy["probing"].domain == Boolean()
    assert toy["deep/level"].domain == Choice((-1, 0, 5))
    assert toy.forbidden == ((("presolve", "off"), ("deep/level", 5)),)


def test_an_unknown_parameter_is_named_with_its_neighbours(toy: Space) -> None:
    with pytest.raises(UsageError, match="unknown parameter of toy: 'efort'; did you mean effort"):
        toy["efort"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("effort", 1), ("effort", True), ("rounds", 2.0), ("rounds", True), ("probing", 1), ("deep/level", False)],
)
def test_a_value_of_another_type_is_not_in_the_domain(toy: Space, name: str, value: Any) -> None:
    assert not toy[name].domain.contains(value)


def test_a_parameter_is_active_only_under_its_conditions(toy: Space) -> None:
    assert toy.complete({}) == {"presolve": "on", "effort": 0.25, "rounds": 10, "probing": False, "deep/level": 0}
    assert toy.complete({"presolve": "off"}) == {"presolve": "off", "effort": 0.25, "deep/level": 0}
    assert "probing" not in toy.complete({"rounds": 11})
    assert toy.complete({"rounds": 20, "probing": True})["probing"] is True


def test_a_configuration_keeps_only_what_is_active_and_differs_from_the_default(toy: Space) -> None:
    wordy = {"presolve": "off", "rounds": 99, "probing": True, "effort": 0.25, "deep/level": -1}
    assert toy.configuration(wordy) == Configuration.of("toy", {"presolve": "off", "deep/level": -1})
    assert toy.configuration({"presolve": "on", "effort": 0.25, "rounds": 10}) == toy.default
    assert toy.default.is_default


def test_two_ways_to_say_the_same_are_one_configuration(toy: Space) -> None:
    one = toy.configuration({"effort": 0.5, "presolve": "off", "rounds": 7})
    other = toy.configuration({"presolve": "off", "effort": 0.5})
    assert one == other
    assert one.key == other.key


def test_a_forbidden_combination_counts_defaults_too(toy: Space) -> None:
    assert toy.forbids({"presolve": "off", "deep/level": 5})
    assert not toy.forbids({"deep/level": 5})
    assert not toy.forbids({"presolve": "off"})
    clause = ((("presolve", "on"), ("deep/level", 5)),)
    assert Space("toy", toy.parameters, clause).forbids({"deep/level": 5})


def test_check_lets_a_configuration_pass(toy: Space) -> None:
    toy.check({})
    toy.check({"presolve": "on", "rounds": 20, "probing": True, "deep/level": 5})


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"presolv": "on"}, "unknown parameter of toy: 'presolv'; did you mean presolve"),
        ({"effort": 2.0}, "effort=2.0: not a value of it; it takes 0 .. 1"),
        ({"presolve": "off", "deep/level": 5}, "forbidden in the space of toy: presolve=off deep/level=5"),
        ({"presolve": "off", "rounds": 20}, "rounds=20: has no effect here; it needs presolve = on"),
        ({"rounds": 11, "probing": True}, "probing=true: .*presolve = on and rounds = 10 or 20"),
    ],
)
def test_check_says_what_is_wrong(toy: Space, values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        toy.check(values)


EMPHASES = """
[toy.emphasis]
type = "choice"
values = ["default", "fast"]
default = "default"

[toy."dives/emphasis"]
type = "choice"
values = ["default", "off"]
default = "default"

[toy."dives/freq"]
type = "choice"
values = [-1, 10]
default = 10
follows = ["emphasis", "dives/emphasis"]

[toy.clever]
type = "boolean"
default = true
follows = ["emphasis"]
"""


@pytest.fixture
def emphatic() -> Space:
    return read_spaces(EMPHASES, "toy.toml")["toy"]


def test_a_parameter_that_is_not_set_follows_its_emphasis(emphatic: Space) -> None:
    assert emphatic["dives/freq"].default == emphatic["clever"].default == FOLLOW
    assert emphatic["clever"].domain == Choice((FOLLOW, True, False))
    assert emphatic.complete({"emphasis": "fast"})["dives/freq"] == FOLLOW
    assert emphatic.configuration(emphatic.complete({"emphasis": "fast"})).values == {"emphasis": "fast"}


def test_what_is_set_overrides_the_emphasis_the_solvers_own_default_too(emphatic: Space) -> None:
    for changed in ({"emphasis": "fast"}, {"dives/emphasis": "off"}):
        assert emphatic.configuration({**changed, "dives/freq": 10}).values == {**changed, "dives/freq": 10}
    assert emphatic.configuration({"dives/emphasis": "off", "clever": True}).values == {"dives/emphasis": "off"}


def test_without_an_emphasis_the_solvers_own_default_is_no_change(emphatic: Space) -> None:
    assert emphatic.configuration({"dives/freq": 10, "clever": True}) == emphatic.default
    assert emphatic.configuration({"dives/freq": -1}).values == {"dives/freq": -1}


@given(st.data())
def test_a_canonical_configuration_stays_as_it_is(data: st.DataObject) -> None:
    space = read_spaces(EMPHASES, "toy.toml")["toy"]
    domains = {parameter.name: parameter.domain for parameter in space.parameters}
    values = {name: data.draw(st.sampled_from(d.values)) for name, d in domains.items() if isinstance(d, Choice)}
    configuration = space.configuration(values)
    assert FOLLOW not in configuration.values.values()
    assert space.configuration(configuration.values) == configuration
    assert space.configuration(space.complete(configuration.values)) == configuration


HUGE = "1" + "0" * 400

BAD = {
    "= ": "not valid TOML",
    "toy = 1": "toy: a table of parameters",
    "[toy]\na = 1": "toy.a: a table with type and default",
    "[toy]\na = { type = 'colour', default = 1 }": "toy.a: unknown type 'colour'",
    "[toy]\na = { type = 'boolean' }": "toy.a: the solver's default is missing",
    "[toy]\na = { type = 'boolean', default = 1 }": "toy.a: the default 1 is not in the domain true, false",
    "[toy]\na = { type = 'boolean', default = true, range = [0, 1] }": "toy.a: unknown key: 'range'",
    "[toy]\na = { type = 'integer', range = [0, 9], default = 0, menaing = '' }": "did you mean meaning",
    "[toy]\na = { type = 'integer', default = 1 }": "toy.a: needs range",
    "[toy]\na = { type = 'integer', range = [1, 1], default = 1 }": "toy.a: needs range",
    "[toy]\na = { type = 'integer', range = [1, 2.5], default = 1 }": "toy.a: needs range",
    "[toy]\na = { type = 'integer', range = [true, 3], default = 1 }": "toy.a: needs range",
    "[toy]\na = { type = 'float', range = [1, inf], default = 1 }": "toy.a: needs range",
    "[toy]\na = { type = 'float', range = [1, 2], default = 3 }": "toy.a: the default 3.0 is not in the domain 1 .. 2",
    "[toy]\na = { type = 'float', range = [0, 2], log = true, default = 1 }": "logarithmic range starts above 0",
    "[toy]\na = { type = 'float', range = [1, 2], log = 1, default = 1 }": "log is true or false",
    "[toy]\na = { type = 'choice', values = ['x'], default = 'x' }": "two or more different values",
    "[toy]\na = { type = 'choice', values = ['x', 'x'], default = 'x' }": "two or more different values",
    "[toy]\na = { type = 'choice', values = [[1], [2]], default = [1] }": "two or more different values",
    "[toy]\na = { type = 'boolean', default = true, when = 1 }": "toy.a: write 'when' as",
    "[toy]\na = { type = 'boolean', default = true, when = { b = [true] } }": "no earlier parameter",
    "[toy]\na = { type = 'boolean', default = true, when = { a = [true] } }": "no earlier parameter",
    "[toy]\nb = { type = 'boolean', default = true }\na = { type = 'boolean', default = true, when = { b = [3] } }": (
        r"wants b to be \[3\], but it takes true, false"
    ),
    "[toy]\nb = { type = 'boolean', default = true }\na = { type = 'boolean', default = true, when = { b = [] } }": (
        r"wants b to be \[\]"
    ),
    "[toy]\na = { type = 'boolean', default = true, follows = 'b' }": "toy.a: write 'follows' as",
    "[toy]\na = { type = 'boolean', default = true, follows = ['b'] }": "'follows' names 'b', which is no earlier",
    "[toy]\na = { type = 'boolean', default = true, follows = [[1]] }": "no earlier parameter",
    "[toy]\na = { type = 'integer', range = [1, 2], default = 1, follows = ['b'] }": "toy.a: unknown key: 'follows'",
    "[toy]\nb = { type = 'boolean', default = true }\n"
    "a = { type = 'choice', values = ['follow', 'x'], default = 'x', follows = ['b'] }": "leave 'follow' out",
    "forbidden = 1": r"write forbidden combinations as \[\[forbidden\]\]",
    "[toy]\n[[forbidden]]\nsolver = 'other'\nvalues = { a = 1 }": "needs solver = ",
    "[toy]\n[[forbidden]]\nsolver = ['toy']\nvalues = { a = 1 }": "needs solver = ",
    "[toy]\n[[forbidden]]\nsolver = 'toy'\nvalues = { a = 1 }": (
        r"\[\[forbidden\]\] unknown parameter of toy: 'a'; tuner params toy lists"
    ),
    f"[toy]\na = {{ type = 'integer', range = [0, {HUGE}], default = 0 }}": "toy.a.range: a number of more than",
    f"[toy]\na = {{ type = 'float', range = [0, -{HUGE}], default = 0 }}": "toy.a.range: a number of more than",
    f"[toy]\na = {{ type = 'float', range = [0, 1], default = {HUGE} }}": "toy.a.default: a number of more than",
    f"[toy]\na = {{ type = 'choice', values = [0, 0x{'f' * 5000}], default = 0 }}": "toy.a.values: a number of more",
    f"[toy]\na = {{ type = 'float', range = [0, 1], default = 1{'0' * 5000} }}": "not valid TOML",
    "a = " + "[" * 5000: "not valid TOML: it is nested too deeply",
    "[toy]\na = { type = 'boolean', default = true }\n[[forbidden]]\nsolver = 'toy'\nvalues = { a = 1 }": (
        "a = 1: it takes true, false"
    ),
    "[toy]\na = { type = 'boolean', default = true }\n[[forbidden]]\nsolver = 'toy'\nvalues = { a = true }": (
        "forbids the default of toy"
    ),
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_space_is_refused_with_file_place_and_reason(text: str) -> None:
    with pytest.raises(UsageError, match=BAD[text]) as error:
        read_spaces(text, "mine.toml")
    assert str(error.value).startswith("mine.toml: ")


def test_a_users_file_adds_to_the_built_in_space(toy: Space) -> None:
    text = """
    [toy.cuts]
    type = "boolean"
    default = true
    when = { presolve = ["on"] }

    [[forbidden]]
    solver = "toy"
    values = { cuts = false, probing = true }
    """
    spaces = read_spaces(text, "mine.toml", {"toy": toy, "other": Space("other", ())})
    assert [parameter.name for parameter in spaces["toy"].parameters][-1] == "cuts"
    assert spaces["toy"].forbids({"cuts": False, "probing": True})
    assert spaces["toy"].forbids({"presolve": "off", "deep/level": 5})
    assert "cuts" not in spaces["toy"].complete({"presolve": "off"})
    assert spaces["other"] == Space("other", ())


def test_a_users_file_replaces_a_built_in_parameter_in_its_place(toy: Space) -> None:
    text = "[toy]\neffort = { type = 'float', range = [0.1, 0.5], default = 0.25 }"
    space = read_spaces(text, "mine.toml", {"toy": toy})["toy"]
    assert [parameter.name for parameter in space.parameters] == [parameter.name for parameter in toy.parameters]
    assert space["effort"].domain == Float(0.1, 0.5)


def test_a_replaced_parameter_cannot_depend_on_a_later_one(toy: Space) -> None:
    text = "[toy]\neffort = { type = 'float', range = [0, 1], default = 0.25, when = { probing = true } }"
    with pytest.raises(UsageError, match="no earlier parameter"):
        read_spaces(text, "mine.toml", {"toy": toy})


def test_a_users_file_for_an_unknown_solver_is_refused(toy: Space) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml: unknown solver: 'tox'; did you mean toy.*solvers are toy"):
        read_spaces("[tox]\na = { type = 'boolean', default = true }", "mine.toml", {"toy": toy})


def test_merging_a_space_with_itself_changes_nothing(toy: Space) -> None:
    assert merge(toy, toy) == toy


PRESET = "[[preset]]\nsolver = 'toy'\nmeaning = 'quickly'\nvalues = { presolve = 'off', effort = 1 }\n"


def test_a_preset_is_a_configuration_of_the_space_and_the_users_come_first(toy: Space) -> None:
    (built_in,) = read_spaces(TEXT + PRESET, "toy.toml")["toy"].presets
    assert built_in.meaning == "quickly"
    assert built_in.configuration == toy.configuration({"presolve": "off", "effort": 1.0})
    base = read_spaces(TEXT + PRESET, "toy.toml")
    own = "[[preset]]\nsolver = 'toy'\nvalues = { rounds = 5 }\n[[preset]]\nsolver = 'toy'\nvalues = { rounds = 6 }\n"
    presets = read_spaces(own, "mine.toml", base)["toy"].presets
    assert [preset.configuration.values.get("rounds") for preset in presets] == [5, 6, None]


@pytest.mark.parametrize(
    "text",
    [
        "[toy.effort]\ntype = 'float'\nrange = [0, 0.5]\ndefault = 0.25",
        "[[forbidden]]\nsolver = 'toy'\nvalues = { presolve = 'off', effort = 1.0 }",
    ],
)
def test_a_preset_that_a_users_file_rules_out_is_dropped(text: str) -> None:
    base = read_spaces(TEXT + PRESET, "toy.toml")
    assert read_spaces(text, "mine.toml", base)["toy"].presets == ()


@pytest.mark.parametrize(
    ("preset", "complaint"),
    [
        ("preset = 1", r"write presets as \[\[preset\]\]"),
        ("[[preset]]\nvalues = { effort = 1.0 }", "needs solver = "),
        ("[[preset]]\nsolver = 'toy'", "values = { name = value }"),
        ("[[preset]]\nsolver = 'toy'\nvalues = {}", "values = { name = value }"),
        ("[[preset]]\nsolver = 'top'\nvalues = { effort = 1.0 }", r"one of toy"),
        ("[[preset]]\nsolver = 'toy'\nvalues = { efort = 1.0 }", "did you mean effort.*tuner params toy"),
        ("[[preset]]\nsolver = 'toy'\nvalues = { effort = 7 }", "effort=7.0: not a value of it"),
        ("[[preset]]\nsolver = 'toy'\nvalues = { effort = [1] }", "not a value of it"),
        ("[[preset]]\nsolver = 'toy'\nvalues = { presolve = 'off', rounds = 5 }", "has no effect here"),
        ("[[preset]]\nsolver = 'toy'\nvalues = { presolve = 'off', 'deep/level' = 5 }", "forbidden"),
    ],
)
def test_a_bad_preset_is_refused_with_file_and_reason(preset: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as error:
        read_spaces(preset + "\n" + TEXT if preset.startswith("preset") else TEXT + preset, "mine.toml")
    assert str(error.value).startswith("mine.toml: ")


def test_what_follows_an_emphasis_that_is_fixed_is_set_in_full_and_presets_agree_with_what_is_fixed() -> None:
    text = """
[toy.emphasis]
type = "choice"
values = ["default", "fast"]
default = "default"

[toy.cuts]
type = "choice"
values = [-1, 0, 5]
default = 0
follows = ["emphasis"]

[[preset]]
solver = "toy"
values = { emphasis = "fast", cuts = 5 }

[[preset]]
solver = "toy"
values = { cuts = -1 }
"""
    toy = read_spaces(text, "toy.toml")["toy"]
    assert toy.configuration({"cuts": 0}) == toy.default
    fast = toy.fix({"emphasis": "fast"})
    assert fast.configuration({"cuts": 0}).values == {"emphasis": "fast", "cuts": 0}
    assert [preset.configuration.values for preset in fast.presets] == [
        {"emphasis": "fast", "cuts": 5},
        {"emphasis": "fast", "cuts": -1},
    ]
    slow = toy.fix({"emphasis": "default"})
    assert [preset.configuration.values for preset in slow.presets] == [{"emphasis": "default", "cuts": -1}]


def test_what_follows_two_emphases_at_their_defaults_is_at_its_own() -> None:
    text = """
[toy.emphasis]
type = "choice"
values = ["default", "fast"]
default = "default"

[toy.part]
type = "choice"
values = ["default", "fast"]
default = "default"
follows = ["emphasis"]

[toy.cuts]
type = "choice"
values = [-1, 0, 5]
default = 0
follows = ["emphasis", "part"]
"""
    toy = read_spaces(text, "toy.toml")["toy"]
    assert toy.configuration({"part": "default", "cuts": 0}) == toy.default
    assert toy.configuration({"part": "fast", "cuts": 0}).values == {"part": "fast", "cuts": 0}
    assert toy.configuration({"emphasis": "fast", "part": "default", "cuts": 0}).values == {
        "emphasis": "fast",
        "part": "default",
        "cuts": 0,
    }

"""Which changes a screening tries."""

from __future__ import annotations

from bench.screen import changes_of
from storage.records import Value
from tuner.space import Space, read_spaces

SPACE = read_spaces(
    """
[toy.emphasis]
type = "choice"
values = ["default", "off"]
default = "default"

[toy.freq]
type = "choice"
values = [-1, 20]
default = 20
follows = ["emphasis"]

[toy.presolve]
type = "boolean"
default = false

[toy.effort]
type = "float"
range = [0.0, 1.0]
default = 0.5
when = { presolve = [true] }
""",
    "toy.toml",
)["toy"]


def tried(name: str, base: dict[str, Value], space: Space = SPACE) -> dict[str, dict[str, Value]]:
    return {change: dict(c.values) for change, c in changes_of(space, space[name], base)}


def test_every_other_value_is_tried_with_what_enables_it() -> None:
    assert tried("emphasis", {}) == {"emphasis=off": {"emphasis": "off"}}
    assert tried("effort", {}) == {
        "effort=0.0": {"presolve": True, "effort": 0.0},
        "effort=0.5": {"presolve": True},
        "effort=1.0": {"presolve": True, "effort": 1.0},
    }


def test_what_is_no_change_is_not_tried() -> None:
    assert tried("freq", {}) == {"freq=-1": {"freq": -1}}
    assert "effort=0.5" not in tried("effort", {"presolve": True})


def test_changes_come_on_top_of_the_base() -> None:
    base: dict[str, Value] = {"emphasis": "off"}
    assert tried("freq", base) == {"freq=-1": {**base, "freq": -1}, "freq=20": {**base, "freq": 20}}
    assert tried("emphasis", base) == {"emphasis=default": {}}

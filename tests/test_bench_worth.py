"""What the recordings say of a parameter's worth."""

from __future__ import annotations

import numpy as np

from bench._told import Told
from bench.worth import worths
from tuner.leader.features import Features
from tuner.leader.study import distributions
from tuner.space import read_spaces

SPACE = read_spaces(
    """
[toy.cuts]
type = "choice"
values = ["off", "few", "many"]
default = "many"

[toy.rounds]
type = "integer"
range = [1, 100]
log = true
default = 10

[toy.idle]
type = "boolean"
default = false

[toy.untouched]
type = "boolean"
default = false
""",
    "toy.toml",
)["toy"]
DEFAULTS = {parameter.name: parameter.default for parameter in SPACE.parameters}
FEATURES = Features(distributions(SPACE), DEFAULTS)


def test_a_value_that_is_faster_is_found_and_one_that_does_nothing_is_not() -> None:
    random = np.random.default_rng(3)
    x, y = [], []
    for _ in range(60):
        cuts, rounds = str(random.choice(["off", "few", "many"])), int(random.integers(1, 101))
        values = {"cuts": cuts, "rounds": rounds, "idle": bool(random.integers(2))}
        x.append(FEATURES.vector(DEFAULTS | values))
        y.append({"off": 0.4, "few": -0.4, "many": 0.0}[cuts] + 0.05 * random.normal())
    found = dict(worths(FEATURES, Told([], np.array(x), np.array(y), 20)))
    assert found["cuts"].value == "few"
    assert found["cuts"].helps
    assert -0.45 < found["cuts"].mean < -0.3
    assert not found["rounds"].helps
    assert not found["idle"].helps
    assert "untouched" not in found

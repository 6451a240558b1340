"""Reading and admitting parameters by what the solver itself says it takes."""

import pytest

from tuner.errors import UsageError
from tuner.follower.solvers.admission import admit, read_setting
from tuner.ports import RealParameter

REAL = (
    RealParameter("presolve", "text", "choose", values=("off", "choose", "on")),
    RealParameter("effort", "float", 0.05, 0.0, 1.0),
    RealParameter("rounds", "integer", 10, 1, 1000),
    RealParameter("probing", "boolean", True),
    RealParameter("level", "integer", 0, values=(-1, 0, 5)),
    RealParameter("time_limit", "float", 1e20, 0.0, None, reserved=True),
)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("presolve=off", "off"),
        ("effort=0.5", 0.5),
        ("effort=1", 1.0),
        (" effort = 1e-3 ", 0.001),
        ("rounds=20", 20),
        ("probing=true", True),
        ("probing=Off", False),
        ("level=-1", -1),
    ],
)
def test_a_setting_is_read_as_users_type_it(setting: str, value: object) -> None:
    _, read = read_setting("toy", REAL, setting)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("presolve=maybe", "off, choose, on"),
        ("effort=1.5", "float from 0 to 1"),
        ("effort=nan", "float from 0 to 1"),
        ("effort=much", "float from 0 to 1"),
        ("rounds=0", "integer from 1 to 1000"),
        ("rounds=2.5", "integer from 1 to 1000"),
        ("probing=2", "true, false"),
        ("level=1", "-1, 0, 5"),
        ("efort=1", "did you mean effort"),
        ("effort", "name=value"),
        ("=1", "name=value"),
        ("time_limit=5", "time_limit"),
    ],
)
def test_a_setting_that_the_solver_does_not_take_is_refused_with_what_it_takes(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_setting("toy", REAL, setting)


@pytest.mark.parametrize("values", [{"probing": 1}, {"rounds": True}, {"rounds": 2.0}, {"effort": "0.5"}])
def test_a_value_of_another_type_is_not_admitted(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        admit("toy", REAL, values)  # type: ignore[arg-type]

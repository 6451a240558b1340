"""A builder takes indicator constraints and special ordered sets, and refuses those without a meaning by name."""

from __future__ import annotations

import pytest

from instances.builder import Builder
from instances.model import VariableKind

INF = float("inf")


def three() -> Builder:
    builder = Builder()
    builder.add_binary("b")
    builder.add_column("x", lower=-INF)
    builder.add_column("n", upper=2.0, kind=VariableKind.INTEGER)
    builder.add_row("r", [(1, 1.0)], upper=4.0)
    builder.add_row("s", [(1, 1.0)], upper=5.0)
    return builder


def test_indicators_are_kept_by_row() -> None:
    builder = three()
    builder.add_indicator(1, 0, 0)
    builder.add_indicator(0, 0, 1)
    model = builder.build()
    assert model.indicator_row.tolist() == [0, 1]
    assert model.indicator_column.tolist() == [0, 0]
    assert model.indicator_value.tolist() == [1, 0]
    assert not model.is_linear


def test_sets_are_kept_in_the_order_of_their_weights() -> None:
    builder = three()
    builder.add_set("two", 2, [(2, 7.0), (0, -1.0), (1, 3.5)])
    builder.add_set("none", 1, [])
    builder.add_set("one", 1, [(1, 4.0)])
    model = builder.build()
    assert model.sos_names == ("two", "none", "one")
    assert model.sos_type.tolist() == [2, 1, 1]
    assert model.sos_start.tolist() == [0, 3, 3, 4]
    assert model.sos_column.tolist() == [0, 1, 2, 1]
    assert model.sos_weight.tolist() == [-1.0, 3.5, 7.0, 4.0]
    assert not model.is_linear


def test_equal_weights_leave_members_of_a_set_of_type_1_in_the_order_in_which_they_come() -> None:
    builder = three()
    builder.add_set("s", 1, [(2, 1.0), (0, 1.0), (1, 0.0)])
    assert builder.build().sos_column.tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("type", "members", "complaint"),
    [
        (3, [(0, 1.0)], "set 's' has the type 3; there are 1 and 2"),
        (1, [(0, 1.0), (1, 2.0), (0, 3.0)], "set 's' has 'b' twice"),
        (2, [(0, 1.0), (2, 1.0)], "set 's' has the weight 1 at both 'b' and 'n'"),
        (1, [(0, INF)], "set 's' has the weight inf at 'b'"),
        (2, [(0, 1.0), (1, float("nan"))], "set 's' has the weight nan at 'x'"),
    ],
)
def test_a_set_without_a_meaning_is_refused(type: int, members: list[tuple[int, float]], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        three().add_set("s", type, members)


def test_a_second_set_of_the_same_name_is_refused() -> None:
    builder = three()
    builder.add_set("s", 1, [(0, 1.0)])
    with pytest.raises(ValueError, match="two special ordered sets 's'"):
        builder.add_set("s", 2, [(0, 1.0)])


@pytest.mark.parametrize("column", [1, 2])
def test_an_indicator_that_is_not_binary_is_refused(column: int) -> None:
    builder = three()
    builder.add_indicator(0, column, 1)
    with pytest.raises(ValueError, match=f"row 'r' has the indicator '{'bxn'[column]}', which is not binary"):
        builder.build()


def test_a_second_indicator_of_a_row_and_a_value_that_no_binary_takes_are_refused() -> None:
    builder = three()
    with pytest.raises(ValueError, match="row 'r' has an indicator of value 2; write 0 or 1"):
        builder.add_indicator(0, 0, 2)
    builder.add_indicator(0, 0, 1)
    with pytest.raises(ValueError, match="row 'r' has two indicators"):
        builder.add_indicator(0, 0, 0)

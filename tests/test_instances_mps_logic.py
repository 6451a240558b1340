from __future__ import annotations

from pathlib import Path

import pytest

from instances.model import Model
from tests.test_instances_mps import mps, read
from tests.test_instances_mps_dialects import refused

XYZ = " x obj -1 c 1\n y obj -1 c 1\n z obj -1 c 1\n"
BOUNDS = "BOUNDS\n UP B x 3\n UP B y 3\n UP B z 3\n"


def sets(model: Model) -> list[tuple[str, int, list[str], list[float]]]:
    return [
        (
            model.sos_names[k],
            int(model.sos_type[k]),
            [model.column_names[j] for j in model.sos_column[model.sos_start[k] : model.sos_start[k + 1]]],
            model.sos_weight[model.sos_start[k] : model.sos_start[k + 1]].tolist(),
        )
        for k in range(len(model.sos_type))
    ]


def with_sets(lines: str, columns: str = XYZ, before: str = BOUNDS, section: str = "SOS") -> str:
    return mps(columns=columns, rest=f"{before}{section}\n{lines}")


WRITTEN = [("s1", 1, ["x", "y"], [1, 2]), ("s2", 2, ["x", "y", "z"], [1, 2, 5])]


@pytest.mark.parametrize("section", ["SOS", "SETS"])
@pytest.mark.parametrize(
    "lines",
    [
        " S1 s1\n    x         1\n    y         2\n S2 s2\n    x         1\n    y         2\n    z         5\n",
        " S1 SOS s1\n SOS x 1\n SOS y 2\n S2 SOS s2\n SOS x 1\n SOS y 2\n SOS z 5\n",
        " S1 SOS       s1        7\n    SOS       x 1\n    SOS       y 2\n S2 SOS s2 7\n x 1\n y 2\n z 5\n",
        " S1 s1 7\n x 1\n y 2\n S2 s2 7 $ neighbours\n z 5 $ last\n y 2\n x 1\n",
    ],
    ids=["CPLEX, Gurobi, SCIP", "with the name of all sets", "with priorities and names", "with priorities"],
)
def test_special_ordered_sets_are_read_in_each_dialect(tmp_path: Path, lines: str, section: str) -> None:
    assert sets(read(tmp_path, with_sets(lines, section=section))) == WRITTEN


def test_sets_whose_names_are_numbers_keep_them(tmp_path: Path) -> None:
    model = read(tmp_path, with_sets(" S1 SOS 1\n SOS x 1\n SOS y 2\n S1 SOS 2\n SOS y 1\n SOS z 2\n"))
    assert [members for _, _, members, _ in sets(model)] == [["x", "y"], ["y", "z"]]


def test_sets_without_names_are_read(tmp_path: Path) -> None:
    model = read(tmp_path, with_sets(" S1\n x 1\n y 2\n S1\n y 1\n z 2\n"))
    assert [members for _, _, members, _ in sets(model)] == [["x", "y"], ["y", "z"]]


def test_sets_may_stand_before_the_bounds_and_in_two_layouts(tmp_path: Path) -> None:
    text = with_sets(" S1 s1\n x 1\n y 2\n" + BOUNDS, before="")
    assert (sets(read(tmp_path, text)), read(tmp_path, text).upper.tolist()) == ([WRITTEN[0]], [3, 3, 3])


def test_a_set_without_members_says_nothing(tmp_path: Path) -> None:
    assert sets(read(tmp_path, with_sets(" S1 none\n S1 s1\n x 1\n y 2\n"))) == [WRITTEN[0]]
    assert read(tmp_path, with_sets("")).is_linear


def test_a_column_may_be_called_like_a_type_of_set(tmp_path: Path) -> None:
    text = with_sets(" S1 s1\n    S1        1\n    y         2\n", columns=XYZ.replace(" x ", " S1 "), before="")
    assert sets(read(tmp_path, text)) == [("s1", 1, ["S1", "y"], [1, 2])]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (" S3 s\n x 1\n", "begins with S1 or S2 and its name, not 'S3 s'"),
        (" x 1\n", "begins with S1 or S2"),
        (" S1 s\n x 1\n w 2\n", "line 18: column 'w' is not in section COLUMNS"),
        (" S1 s\n x 1\n x 2\n", "'s' has 'x' twice"),
        (" S1 s\n x\n", "a column and its weight, not 'x'"),
        (" S1 s\n x 1 y 2\n", "a column and its weight, not 'x 1 y 2'"),
        (" S1 s\n SOS x 1\n", "a column and its weight, not 'SOS x 1'"),
        (" S1 s\n x one\n", "'one' is no number"),
        (" S1 s\n x 1\n S1 s\n y 1\n z 2\n", "two special ordered sets 's'"),
        (" S1 s t u\n x 1\n", "a type and a name, not 'S1 s t u'"),
    ],
)
def test_a_set_that_is_not_understood_is_refused(tmp_path: Path, lines: str, words: str) -> None:
    refused(tmp_path, with_sets(lines), words)


SWITCH = " M 'MARKER' 'INTORG'\n b obj 1\n M 'MARKER' 'INTEND'\n x obj -1 c 1 d 1\n".replace(" d 1", "\n x d 1")


def switched(lines: str, rows: str = " N obj\n L c\n G d\n", rest: str = "BOUNDS\n UP B x 9\n") -> str:
    return mps(rows=rows, columns=SWITCH, rest=f"{rest}INDICATORS\n{lines}")


def test_indicators_make_rows_hold_for_a_value_of_a_binary(tmp_path: Path) -> None:
    model = read(tmp_path, switched(" IF d b 0\n IF c         b         1.0 $ on\n"))
    assert model.indicator_row.tolist() == [0, 1]
    assert model.indicator_column.tolist() == [0, 0]
    assert model.indicator_value.tolist() == [1, 0]
    assert (model.row_names, model.row_upper.tolist()) == (("c", "d"), [4, float("inf")])


def test_indicators_of_fixed_files_have_names_with_spaces(tmp_path: Path) -> None:
    lines = [
        "ROWS",
        " N  obj",
        " L  ROW C",
        "COLUMNS",
        "    M         'MARKER'                 'INTORG'",
        "    b b       obj                  1",
        "    M         'MARKER'                 'INTEND'",
        "    x         ROW C                1",
        "RHS",
        "BOUNDS",
        " UP BND       x                    9",
        "INDICATORS",
        " IF ROW C     b b                  1",
        "ENDATA",
    ]
    model = read(tmp_path, "\n".join(lines))
    assert (model.row_names, model.indicator_row.tolist(), model.column_names[0]) == (("ROW C",), [0], "b b")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (" IF c b 2\n", "the value of an indicator is 0 or 1, not 2"),
        (" IF c b 0.5\n", "the value of an indicator is 0 or 1, not 0.5"),
        (" IF c b\n", "an indicator is IF, a row, a column and 0 or 1"),
        (" IF SET c b 1\n", "an indicator is IF, a row, a column and 0 or 1"),
        (" IF e b 1\n", "row 'e' is not in section ROWS"),
        (" IF obj b 1\n", "row 'obj' constrains nothing"),
        (" IF c z 1\n", "column 'z' is not in section COLUMNS"),
        (" IF c x 1\n", "has the indicator 'x', which is not binary"),
        (" IF c b 1\n IF c b 0\n", "row 'c' has two indicators"),
    ],
)
def test_an_indicator_that_is_not_understood_is_refused(tmp_path: Path, lines: str, words: str) -> None:
    refused(tmp_path, switched(lines), words)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from instances.errors import UnreadableModel
from instances.model import Model, VariableKind
from instances.reading import read_model

INF = float("inf")
INTEGERS = " M1 'MARKER' 'INTORG'\n", " M2 'MARKER' 'INTEND'\n"


def mps(
    rows: str = " N obj\n L c\n",
    columns: str = " x obj 1 c 1\n y obj 1 c 1\n",
    sides: str = " RHS c 4\n",
    rest: str = "",
    head: str = "NAME T\n",
) -> str:
    return f"{head}ROWS\n{rows}COLUMNS\n{columns}RHS\n{sides}{rest}ENDATA\n"


def read(folder: Path, text: str) -> Model:
    path = folder / "model.mps"
    path.write_text(text)
    return read_model(path)


def bounds(folder: Path, lines: str, *, integer: bool = False) -> tuple[float, float, int]:
    """Read a model whose column x has these bounds."""
    before, after = INTEGERS if integer else ("", "")
    model = read(folder, mps(columns=f"{before} x obj 1 c 1\n{after} y obj 1 c 1\n", rest=f"BOUNDS\n{lines}"))
    return float(model.lower[0]), float(model.upper[0]), int(model.kind[0])


def test_a_model_is_read_into_rows(tmp_path: Path) -> None:
    text = mps(
        rows=" N cost\n G a\n E b\n L empty\n",
        columns=" x cost 1 b 2\n y a 3\n z b -4.5e0 a 1\n z cost -1\n",
        sides=" RHS a 7 b 8\n",
    )
    model = read(tmp_path, text)
    assert (model.columns, model.rows, model.nonzeros, model.integers) == (3, 3, 4, 0)
    assert model.column_names == ("x", "y", "z")
    assert model.row_names == ("a", "b", "empty")
    assert model.objective.tolist() == [1, 0, -1]
    assert model.row_start.tolist() == [0, 2, 4, 4]
    assert model.column_index.tolist() == [1, 2, 0, 2]
    assert model.value.tolist() == [3, 1, 2, -4.5]
    assert model.row_lower.tolist() == [7, 8, -INF]
    assert model.row_upper.tolist() == [INF, 8, 0]
    assert model.activity(np.array([1.0, 2.0, 3.0])).tolist() == [9, -11.5, 0]
    assert (model.lower.tolist(), model.upper.tolist()) == ([0, 0, 0], [INF, INF, INF])
    assert (model.maximise, model.offset, model.name) == (False, 0, "model")


@pytest.mark.parametrize("ranges_first", [False, True])
@pytest.mark.parametrize(
    ("type", "width", "lower", "upper"),
    [
        ("E", 3, 4, 7),
        ("E", -3, 1, 4),
        ("E", 0, 4, 4),
        ("L", 3, 1, 4),
        ("L", -3, 1, 4),
        ("G", 3, 4, 7),
        ("G", -3, 4, 7),
        ("G", 1e30, 4, INF),
    ],
)
def test_a_range_has_its_meaning_wherever_it_stands(
    tmp_path: Path, type: str, width: float, lower: float, upper: float, ranges_first: bool
) -> None:
    sections = ["RHS\n RHS c 4\n", f"RANGES\n RNG c {width}\n"]
    if ranges_first:
        sections.reverse()
    model = read(tmp_path, f"NAME\nROWS\n N obj\n {type} c\nCOLUMNS\n x c 1\n{''.join(sections)}ENDATA\n")
    assert (model.row_lower.tolist(), model.row_upper.tolist()) == ([lower], [upper])


@pytest.mark.parametrize(
    ("lines", "lower", "upper", "kind"),
    [
        ("", 0, INF, VariableKind.CONTINUOUS),
        (" UP B x 5\n", 0, 5, VariableKind.CONTINUOUS),
        (" UP B x 0\n", 0, 0, VariableKind.CONTINUOUS),
        (" UP B x -4\n", -INF, -4, VariableKind.CONTINUOUS),
        (" LO B x 0\n UP B x -4\n", 0, -4, VariableKind.CONTINUOUS),
        (" UP B x -4\n LO B x -9\n", -9, -4, VariableKind.CONTINUOUS),
        (" LO B x -3\n", -3, INF, VariableKind.CONTINUOUS),
        (" MI B x\n", -INF, INF, VariableKind.CONTINUOUS),
        (" MI B x\n UP B x 5\n", -INF, 5, VariableKind.CONTINUOUS),
        (" UP B x 5\n MI B x\n", -INF, 5, VariableKind.CONTINUOUS),
        (" PL B x\n", 0, INF, VariableKind.CONTINUOUS),
        (" FR B x\n", -INF, INF, VariableKind.CONTINUOUS),
        (" FX B x 3\n", 3, 3, VariableKind.CONTINUOUS),
        (" BV B x\n", 0, 1, VariableKind.INTEGER),
        (" BV B x 1\n", 0, 1, VariableKind.INTEGER),
        (" LI B x 2\n", 2, INF, VariableKind.INTEGER),
        (" UI B x 7\n", 0, 7, VariableKind.INTEGER),
        (" UI B x -7\n", -INF, -7, VariableKind.INTEGER),
        (" SC B x 9\n", 0, 9, VariableKind.SEMI_CONTINUOUS),
        (" LO B x 2\n SC B x 9\n", 2, 9, VariableKind.SEMI_CONTINUOUS),
        (" SC B x 1e30\n", 0, INF, VariableKind.SEMI_CONTINUOUS),
        (" SI B x 9\n", 0, 9, VariableKind.SEMI_INTEGER),
        (" UP B x 1e20\n LO B x -1e30\n", -INF, INF, VariableKind.CONTINUOUS),
        (" UP B x Inf\n LO B x -Infinity\n", -INF, INF, VariableKind.CONTINUOUS),
        (" UP x 5\n", 0, 5, VariableKind.CONTINUOUS),
        (" FR x\n", -INF, INF, VariableKind.CONTINUOUS),
        (" BV x 1\n", 0, 1, VariableKind.INTEGER),
    ],
)
def test_bounds_mean_what_mps_means(tmp_path: Path, lines: str, lower: float, upper: float, kind: int) -> None:
    assert bounds(tmp_path, lines) == (lower, upper, kind)


@pytest.mark.parametrize(
    ("lines", "lower", "upper", "kind"),
    [
        ("", 0, 1, VariableKind.INTEGER),
        (" UP B x 4\n", 0, 4, VariableKind.INTEGER),
        (" UP B x -4\n", -INF, -4, VariableKind.INTEGER),
        (" LO B x 0\n", 0, INF, VariableKind.INTEGER),
        (" PL B x\n", 0, INF, VariableKind.INTEGER),
        (" MI B x\n", -INF, INF, VariableKind.INTEGER),
        (" FR B x\n", -INF, INF, VariableKind.INTEGER),
        (" FX B x 3\n", 3, 3, VariableKind.INTEGER),
        (" SC B x 9\n", 0, 9, VariableKind.SEMI_INTEGER),
    ],
)
def test_integer_columns_between_markers_are_binary_until_bounded(
    tmp_path: Path, lines: str, lower: float, upper: float, kind: int
) -> None:
    assert bounds(tmp_path, lines, integer=True) == (lower, upper, kind)


@pytest.mark.parametrize(
    ("head", "maximise"),
    [
        ("NAME T\nOBJSENSE\n    MAX\n", True),
        ("NAME T\nOBJSENSE MAXIMIZE\n", True),
        ("OBJSENSE MAX\nNAME T\n", True),
        ("NAME T\nOBJSENSE\nMAX\n", True),
        ("NAME T\nOBJSENSE\n    MIN\n", False),
    ],
)
def test_the_sense_is_read_in_a_section_and_inline(tmp_path: Path, head: str, maximise: bool) -> None:
    assert read(tmp_path, mps(head=head)).maximise is maximise


def test_a_right_hand_side_of_the_objective_is_minus_its_constant(tmp_path: Path) -> None:
    assert read(tmp_path, mps(sides=" RHS obj -10 c 4\n")).offset == 10


def test_free_rows_beyond_the_objective_are_left_out(tmp_path: Path) -> None:
    text = mps(
        rows=" N obj\n N other\n L c\n",
        columns=" x other 5 obj 1\n x c 2\n",
        sides=" RHS other 3 c 4\n",
        rest="RANGES\n RNG other 9\n",
    )
    model = read(tmp_path, text)
    assert model.row_names == ("c",)
    assert (model.objective.tolist(), model.value.tolist(), model.offset) == ([1], [2], 0)


def test_the_objective_can_be_named(tmp_path: Path) -> None:
    text = mps(head="NAME T\nOBJNAME\n other\n", rows=" N obj\n N other\n L c\n", columns=" x obj 5 other 7\n x c 1\n")
    assert read(tmp_path, text).objective.tolist() == [7]


@pytest.mark.parametrize(
    ("rows", "columns", "sides", "shape"),
    [
        (" N obj\n", " x obj 1\n", "", (1, 0, 0)),
        (" N obj\n L c\n", "", " RHS c 3\n", (0, 1, 0)),
        (" N obj\n", "", "", (0, 0, 0)),
        (" L c\n", " x c 1\n", "", (1, 1, 1)),
        (" N obj\n L c\n", " x c 0\n", "", (1, 1, 0)),
    ],
    ids=["no rows", "no columns", "nothing", "no objective", "no entries"],
)
def test_models_with_parts_missing_survive(
    tmp_path: Path, rows: str, columns: str, sides: str, shape: tuple[int, int, int]
) -> None:
    model = read(tmp_path, mps(rows=rows, columns=columns, sides=sides))
    assert (model.columns, model.rows, model.nonzeros) == shape
    assert len(model.row_start) == model.rows + 1
    assert model.activity(np.ones(model.columns)).tolist() == [1.0] * model.nonzeros + [0.0] * (
        model.rows - model.nonzeros
    )
    model.save(tmp_path / "arrays.npz")
    assert Model.load(tmp_path / "arrays.npz").column_names == model.column_names


def fixed(*lines: tuple[str, ...]) -> str:
    """Put fields where fixed MPS has them; a line of one field is a section."""
    text = ""
    for fields in lines:
        line = fields[0] if len(fields) == 1 else ""
        for place, field in zip((1, 4, 14, 24, 39, 49), fields if not line else (), strict=False):
            line = line.ljust(place) + field
        text += f"{line}\n"
    return text


def test_names_with_spaces_are_read_in_fixed_format(tmp_path: Path) -> None:
    text = fixed(
        ("NAME          MY MODEL",),
        ("ROWS",),
        ("N", "THE COST"),
        ("L", "ROW ONE"),
        ("G", "ROW TWO"),
        ("COLUMNS",),
        ("", "MARKER", "'MARKER'", "", "'INTORG'"),
        ("", "COL ONE", "THE COST", "1.0", "ROW ONE", "2.0"),
        ("", "COL ONE", "ROW TWO", "3.0"),
        ("", "MARKER", "'MARKER'", "", "'INTEND'"),
        ("", "COL TWO", "THE COST", "-1.0", "ROW ONE", "1.0"),
        ("RHS",),
        ("", "RHS", "THE COST", "-5.0", "ROW ONE", "10.0"),
        ("", "", "ROW TWO", "1.0"),
        ("RANGES",),
        ("", "RNG", "ROW ONE", "4.0"),
        ("BOUNDS",),
        ("UP", "BND", "COL ONE", "4.0"),
        ("UP", "BND", "COL TWO", "-2.0"),
        ("ENDATA",),
    ).replace("              ROW TWO   1.0", "    RHS       ROW TWO   1.0")
    model = read(tmp_path, text)
    assert model.column_names == ("COL ONE", "COL TWO")
    assert model.row_names == ("ROW ONE", "ROW TWO")
    assert model.kind.tolist() == [VariableKind.INTEGER, VariableKind.CONTINUOUS]
    assert (model.lower.tolist(), model.upper.tolist()) == ([0, -INF], [4, -2])
    assert (model.row_lower.tolist(), model.row_upper.tolist()) == ([6, 1], [10, INF])
    assert (model.objective.tolist(), model.offset, model.value.tolist()) == ([1, -1], 5, [2, 1, 3])


@pytest.mark.parametrize("change", [("\n", "\r\n"), (" ", "\t"), ("NAME T\n", "* remark\n\nNAME T\n* another\n")])
def test_line_ends_tabs_and_remarks_change_nothing(tmp_path: Path, change: tuple[str, str]) -> None:
    path = tmp_path / "model.mps"
    path.write_bytes(mps().replace(*change).encode())
    model = read_model(path)
    assert (model.value.tolist(), model.row_upper.tolist()) == ([1, 1], [4])


def test_fortran_exponents_are_numbers(tmp_path: Path) -> None:
    model = read(tmp_path, mps(columns=" x obj 1D2 c 1.5d-1\n"))
    assert (model.objective.tolist(), model.value.tolist()) == ([100], [0.15])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("* nothing\n", "complete"),
        (mps().replace("ENDATA\n", ""), "complete"),
        (mps()[: mps().index(" obj 1 c 1\n y") + 14], "line 7"),
        ("hello world\n", "line 1: 'hello world'"),
        ("COLUMNS\n SC BND       X3           9.0\n", "line 1: section COLUMNS before section ROWS"),
        (mps(columns=" x obj 1a c 1\n"), "line 6: '1a' is no number"),
        (mps(columns=" x obj 1 c 1_0\n"), "line 6: '1_0' is no number"),
        (mps(columns=" x obj 1 c nan\n"), "line 6: row 'c' has the coefficient nan at 'x'"),
        (mps(columns=" x obj inf c 1\n"), "line 6: row 'obj' has the coefficient inf at 'x'"),
        (mps(columns=" x obj 1 c 1e400\n"), "line 6: row 'c' has the coefficient 1e400 at 'x': write a finite number"),
        (mps(sides=" RHS c nan\n"), "line 9: nothing meets row 'c' <= nan: correct the number"),
        (mps(sides=" RHS c -1e30\n"), "line 9: nothing meets row 'c' <= -1e30"),
        (mps(sides=" RHS obj inf\n"), "line 9: nothing meets row 'obj' = inf"),
        (mps(rest="RANGES\n R c nan\n"), "line 11: row 'c' has the range nan: write a number"),
        (mps(rows=" N obj\n G c\n", sides=" RHS c 1e30\n"), "line 9: nothing meets row 'c' >= 1e30"),
        (mps(rest="BOUNDS\n LO B x inf\n"), "line 11: nothing meets column 'x' >= inf: correct the number"),
        (mps(rest="BOUNDS\n FX B x 1e30\n"), "line 11: nothing meets column 'x' = 1e30"),
        (mps(rest="BOUNDS\n UP B x -inf\n"), "line 11: nothing meets column 'x' <= -inf"),
        (mps(columns=" x obj 1 d 1\n"), "line 6: row 'd' is not in section ROWS"),
        (mps(columns=" x obj 1 c\n"), "line 6"),
        (mps(columns=" x obj 1 c 1\n x c 2\n"), "row 'c' has two entries at 'x'"),
        (mps(columns=" x obj 1\n x obj 2\n"), "line 7: a second objective coefficient of 'x'"),
        (mps(columns=" x obj 1\n y obj 1\n x c 1\n"), "line 8: column 'x' goes on"),
        (mps(rows=" N obj\n L c\n G c\n"), "line 5: a second row 'c'"),
        (mps(rows=" N obj\n Q c\n"), "line 4"),
        (mps(sides=" RHS d 4\n"), "line 9: row 'd'"),
        (mps(sides=" RHS c 4\n RHS c 5\n"), "line 10: a second value for row 'c'"),
        (mps(rest="BOUNDS\n UP B z 3\n"), "line 11: column 'z'"),
        (mps(rest="BOUNDS\n UP B x 3\n UP B x 4\n"), "line 12: column 'x' has two upper bounds, UP 3 and UP 4"),
        (mps(rest="BOUNDS\n UP B x 3\n FR B x\n"), "line 12: column 'x' has two upper bounds, UP 3 and FR"),
        (mps(rest="BOUNDS\n BV B x\n UP B x 7\n"), "two upper bounds, BV and UP 7: CPLEX refuses that"),
        (mps(columns=" x obj 1,5 c 1\n"), "line 6: '1,5' is no number: write 1.5 if the comma is a decimal one"),
        (mps(columns=" x obj 0x1F c 1\n"), "line 6: '0x1F' is no number: write it in decimal digits"),
        (mps(rest="BOUNDS\n UP x\n"), "line 11: a bound UP is a type, a set, a column and a value, not 'UP x'"),
        (mps(rest="BOUNDS\n XX B x 3\n"), "line 11: 'XX' is no type of bound"),
        (mps(rest="RHS\n RHS c 3\n"), "line 10: a second section RHS"),
        (mps(head="OBJSENSE\n MOST\n"), "line 2: the objective's sense"),
        (mps(rest="QUADOBJ\n x x 2\n"), "line 10: section QUADOBJ: quadratic"),
        (mps(rest="QCMATRIX c\n x x 2\n"), "section QCMATRIX: quadratic"),
        (mps(rest="FOO\n IF c x 1\n"), "line 10: 'FOO' is no section"),
    ],
)
def test_what_is_not_understood_is_refused_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UnreadableModel) as refusal:
        read(tmp_path, text)
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(f"{tmp_path / 'model.mps'}: ")


@pytest.mark.parametrize("number", ["1" * 90_000, "1," + "1" * 90_000, "0x" + "1" * 90_000])
def test_a_number_of_any_length_makes_a_short_message(tmp_path: Path, number: str) -> None:
    for text in (
        mps(columns=f" x obj 1 c {number}\n"),
        mps(rows=" N obj\n G c\n", sides=f" RHS c {number}\n"),
        mps(rest=f"BOUNDS\n LO B x {number}\n"),
    ):
        with pytest.raises(UnreadableModel) as refusal:
            read(tmp_path, text)
        assert len(str(refusal.value).removeprefix(str(tmp_path))) < 250


def test_a_mistake_in_a_fixed_file_is_reported_where_it_is(tmp_path: Path) -> None:
    text = fixed(
        ("ROWS",),
        ("N", "THE COST"),
        ("L", "ROW ONE"),
        ("COLUMNS",),
        ("", "COL ONE", "THE COST", "1.0", "ROW TWO", "2.0"),
    )
    with pytest.raises(UnreadableModel, match=r"line 5: row 'ROW TWO' is not in section ROWS"):
        read(tmp_path, text)


def test_a_file_that_was_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    before, after = INTEGERS
    text = mps(columns=f"{before} x obj 1 c 1\n{after} y c 1\n", rest="RANGES\n RNG c 2\nBOUNDS\n UP B x 3\n FR B y\n")
    assert read(tmp_path, text.removesuffix("\n")).columns == 2
    for length in range(len(text) - 1):
        with pytest.raises(UnreadableModel):
            read(tmp_path, text[:length])

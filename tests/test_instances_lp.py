from __future__ import annotations

from pathlib import Path

import pytest

from instances.errors import UnreadableModel
from instances.model import Model, VariableKind
from instances.reading import read_model

INF = float("inf")


def read(folder: Path, text: str) -> Model:
    path = folder / "model.lp"
    path.write_text(text)
    return read_model(path)


def row(folder: Path, text: str) -> tuple[dict[str, float], float, float]:
    """Read a model with one row: its coefficients and sides."""
    model = read(folder, f"Minimize\n obj: x\nSubject To\n{text}\nEnd\n")
    assert model.rows == 1
    names = [model.column_names[column] for column in model.column_index]
    return dict(zip(names, model.value.tolist(), strict=True)), float(model.row_lower[0]), float(model.row_upper[0])


def bounds(folder: Path, lines: str) -> tuple[float, float, int]:
    """Read a model whose variable x has these bounds and kinds."""
    model = read(folder, f"Minimize\n obj: x\nSubject To\n c: x + y >= 1\n{lines}\nEnd\n")
    return float(model.lower[0]), float(model.upper[0]), int(model.kind[0])


def test_every_section_is_read(tmp_path: Path) -> None:
    text = """\\ a remark
Maximize
 obj: 3 x + 2 y - z + 4 s
  + 10 \\ a constant
Subject To
 c1: x + y + z <= 10
 r: 1 <= x + z <= 8
 x + s = 5
Bounds
 -5 <= x <= 5
 y free
 z >= -1
 0 <= s <= 7
General
 x
Binary
 b
Semi-continuous
 s
End
"""
    model = read(tmp_path, text)
    assert (model.maximise, model.offset) == (True, 10)
    assert model.column_names == ("x", "y", "z", "s", "b")
    assert model.objective.tolist() == [3, 2, -1, 4, 0]
    assert model.lower.tolist() == [-5, -INF, -1, 0, 0]
    assert model.upper.tolist() == [5, INF, INF, 7, 1]
    integer, continuous = VariableKind.INTEGER, VariableKind.CONTINUOUS
    assert model.kind.tolist() == [integer, continuous, continuous, VariableKind.SEMI_CONTINUOUS, integer]
    assert model.row_names == ("c1", "r", "R3")
    assert model.row_lower.tolist() == [-INF, 1, 5]
    assert model.row_upper.tolist() == [10, 8, 5]
    assert model.row_start.tolist() == [0, 3, 5, 7]
    assert model.column_index.tolist() == [0, 1, 2, 0, 2, 0, 3]


@pytest.mark.parametrize(
    ("text", "coefficients", "lower", "upper"),
    [
        ("c: 2 x - y >= 1", {"x": 2, "y": -1}, 1, INF),
        ("c: x + y =< 3", {"x": 1, "y": 1}, -INF, 3),
        ("c: x + y < 3", {"x": 1, "y": 1}, -INF, 3),
        ("c: x = -3", {"x": 1}, -3, -3),
        ("2x+3y>=1", {"x": 2, "y": 3}, 1, INF),
        ("c: 1 <= 2 x + 3 y <= 8", {"x": 2, "y": 3}, 1, 8),
        ("c: 8 >= x + y >= 1", {"x": 1, "y": 1}, 1, 8),
        ("c: 3 >= x + y", {"x": 1, "y": 1}, -INF, 3),
        ("c: -8 <= - x", {"x": -1}, -8, INF),
        ("c: x + 3 >= 2", {"x": 1}, -1, INF),
        ("c: x + y + x >= 1", {"x": 2, "y": 1}, 1, INF),
        ("c: x - x + y >= 1", {"y": 1}, 1, INF),
        ("c: - - x + + y >= 1", {"x": 1, "y": 1}, 1, INF),
        ("c: 2\n x\n + 3\n y >= 1", {"x": 2, "y": 3}, 1, INF),
        ("c: 1 <= 2 x + 3\n y <= 4", {"x": 2, "y": 3}, 1, 4),
        ("c: x\n + y\n >=\n 1", {"x": 1, "y": 1}, 1, INF),
        ("c: 1e2 e1 + 2.5e-1 x >= .5", {"e1": 100, "x": 0.25}, 0.5, INF),
        ("c: x <= 1e30", {"x": 1}, -INF, INF),
        ("c: -inf <= x <= 3", {"x": 1}, -INF, 3),
        ("c: 0 x >= -1", {}, -1, INF),
        ("c: a[1,2] + b.c_d#1 >= 1", {"a[1,2]": 1, "b.c_d#1": 1}, 1, INF),
    ],
)
def test_a_row_means_what_it_says(
    tmp_path: Path, text: str, coefficients: dict[str, float], lower: float, upper: float
) -> None:
    assert row(tmp_path, text) == (coefficients, lower, upper)


def test_rows_without_names_may_follow_a_number_and_get_names_that_are_free(tmp_path: Path) -> None:
    model = read(tmp_path, "min\n x\nst\n x + y >= 2\n x - y <= 3\n - x + y <= 4\n R2: x <= 9\n y <= 8\nend")
    assert model.row_names == ("R1", "R2_", "R3", "R2", "R5")
    assert model.row_upper.tolist() == [INF, 3, 4, 9, 8]
    assert model.value.tolist() == [1, 1, 1, -1, -1, 1, 1, 1]


@pytest.mark.parametrize(
    ("lines", "lower", "upper", "kind"),
    [
        ("", 0, INF, VariableKind.CONTINUOUS),
        ("Bounds\n x <= 5", 0, 5, VariableKind.CONTINUOUS),
        ("Bounds\n 5 >= x", 0, 5, VariableKind.CONTINUOUS),
        ("Bounds\n x >= -5", -5, INF, VariableKind.CONTINUOUS),
        ("Bounds\n x = 5", 5, 5, VariableKind.CONTINUOUS),
        ("Bounds\n x free", -INF, INF, VariableKind.CONTINUOUS),
        ("Bounds\n x Free\n x <= 3", -INF, 3, VariableKind.CONTINUOUS),
        ("Bounds\n -infinity <= x <= +inf", -INF, INF, VariableKind.CONTINUOUS),
        ("Bounds\n x <= 1e30", 0, INF, VariableKind.CONTINUOUS),
        ("Bounds\n x <= -3", 0, -3, VariableKind.CONTINUOUS),
        ("Bounds\n x <= 3\n x <= 4", 0, 4, VariableKind.CONTINUOUS),
        ("Generals\n x y", 0, INF, VariableKind.INTEGER),
        ("INT\n y x", 0, INF, VariableKind.INTEGER),
        ("Binaries\n x", 0, 1, VariableKind.INTEGER),
        ("Bounds\n x <= 0\nBinary\n x", 0, 0, VariableKind.INTEGER),
        ("Bounds\n x = 1\nBinary\n x", 1, 1, VariableKind.INTEGER),
        ("Binary\n x\nBounds\n x <= 0", 0, 0, VariableKind.INTEGER),
        ("Bounds\n x <= inf\nBinary\n x", 0, 1, VariableKind.INTEGER),
        ("Bounds\n 2 <= x <= 7\nSemis\n x", 2, 7, VariableKind.SEMI_CONTINUOUS),
        ("Semi-continuous\n x\nGeneral\n x", 0, INF, VariableKind.SEMI_INTEGER),
    ],
)
def test_bounds_and_kinds(tmp_path: Path, lines: str, lower: float, upper: float, kind: int) -> None:
    assert bounds(tmp_path, lines) == (lower, upper, kind)


def test_a_model_without_rows_survives(tmp_path: Path) -> None:
    model = read(tmp_path, "MAXIMIZE 2 x - 1\nBounds\n x <= 3\nEND\n")
    assert (model.columns, model.rows, model.maximise, model.offset) == (1, 0, True, -1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\\ remark\n\ngarbage in\n", "line 3: an LP file begins"),
        ("max: 3x+2y;\nc1: x+y<=4;\n", "line 1: an LP file begins"),
        ("Minimize\n x\nSubject To\n c: x >=\n", "complete"),
        (
            "Minimize\n x\nSubject To\n c: x >= 1\n d: foo bar\nEnd\n",
            "line 5: <=, >= or = should stand where 'bar' does",
        ),
        ("Minimize\n x\nSubject To\n c: x >= 1 + 2 x\nEnd\n", "line 4: the next row"),
        ("Minimize\n x\nSubject To\n c: x >= 2 y\nEnd\n", "line 4: the next row"),
        ("Minimize\n x\nSubject To\n c: 1 <= x >= 2\nEnd\n", "'c' needs a lower and an upper side"),
        (
            "Minimize\n x\nSubject To\n c: 0 <= 4\n x >= 1\nEnd\n",
            "line 5: row 'c': does the number before this line multiply",
        ),
        ("Minimize\n x\nSubject To\n c: x >= 1\n c: x >= 2\nEnd\n", "line 5: a second row 'c'"),
        ("Minimize\n x\nSubject To\n c: x >= inf\nEnd\n", "line 4: nothing meets a row >= inf: correct the number"),
        ("Minimize\n inf x\nEnd\n", "line 2: the coefficient of 'x' is infinite"),
        ("Minimize\n x + [ x^2 ] / 2\nEnd\n", "line 2: a number or a variable should stand where '[' does: quadratic"),
        ("Minimize\n x * y\nEnd\n", "line 2: "),
        ("Minimize\n x\nSubject To\n c: -> x >= 1\nEnd\n", "line 4: '->' is no comparison: indicator"),
        (
            "Minimize\n x\nSubject To\n c: b = 1 -> x >= 1\nEnd\n",
            "row 'c' has the indicator 'b', which is not binary: list it in Binaries (LP), or give it a bound BV (MPS)",
        ),
        ("Minimize\n x\nSOS1\n s1: x:1\nEnd\n", "line 3: special ordered sets"),
        ("Minimize\n x\nLazy Constraints\n c: x >= 1\nEnd\n", "line 3: lazy constraints"),
        ("Minimize\n x\nGeneral Constraints\n c: x = 1\nEnd\n", "line 3: general constraints"),
        ("Minimize\n x\nMaximize\n y\nEnd\n", "line 3: another section"),
        ("Minimize\n x\nBounds\n x y\nEnd\n", "line 4: <=, >= or ="),
        ("Minimize\n x\nGeneral\n 3\nEnd\n", "line 4: a variable"),
        ("Minimize\n x\nEnd\n more\n", "line 4: nothing more"),
    ],
)
def test_what_is_not_understood_is_refused_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UnreadableModel) as refusal:
        read(tmp_path, text)
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(f"{tmp_path / 'model.lp'}: ")


def test_a_file_that_was_cut_off_anywhere_is_refused_or_warned_about(tmp_path: Path) -> None:
    text = "Max\n o: x + 2 y\nst\n c: x + y <= 3\n 1 <= x - y <= 2\nBounds\n -1 <= x <= 2\n y free\nGeneral\n x\nEnd"
    assert read(tmp_path, text).warnings == ()
    for length in range(len(text)):
        try:
            model = read(tmp_path, text[:length])
        except UnreadableModel:
            continue
        assert "has no 'End': read to its last line; is it complete?" in model.warnings

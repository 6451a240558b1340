"""Features of models: the kinds of rows, and the ranges of numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from instances.builder import Builder
from instances.features import FEATURES, features
from instances.reading import read_model

HEAD = "Minimize\n obj: 3 x - 0.5 y + 20 k + c\nSubject To\n"
TAIL = "\nBounds\n k <= 9\n c <= 100\nGeneral\n k\nBinary\n x y z\nEnd\n"


def of_rows(tmp_path: Path, *rows: str) -> dict[str, float]:
    path = tmp_path / "model.lp"
    path.write_text(HEAD + "\n".join(f" r{number}: {row}" for number, row in enumerate(rows)) + TAIL, encoding="utf-8")
    return features(read_model(path))


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("x + y + z = 1", "partitioning"),
        ("x + y + z <= 1", "packing"),
        ("- 2 x - 2 y - 2 z >= -2", "packing"),
        ("x + y + z >= 1", "covering"),
        ("- x - y - z <= -1", "covering"),
        ("x + y + z <= 2", "cardinality"),
        ("x + y + z = 2", "cardinality"),
        ("3 x + y + z <= 4", "knapsack"),
        ("-3 x - y - z <= -2", "knapsack"),
        ("c - 50 x <= 0", "variable bound"),
        ("x - y <= 0", "variable bound"),
        ("3 x + y + z = 4", "other"),
        ("3 x + y - z <= 2", "other"),
        ("x + y + c <= 1", "other"),
        ("k + c <= 8", "other"),
    ],
)
def test_a_row_is_of_one_kind(tmp_path: Path, row: str, kind: str) -> None:
    found = of_rows(tmp_path, row)
    rows = {name.removesuffix(" rows"): count for name, count in found.items() if name.endswith(" rows") and count}
    rows.pop("equality", None)
    assert rows == {kind: 1}


def test_columns_are_counted_and_ranges_leave_zero_and_infinity_out(tmp_path: Path) -> None:
    found = of_rows(tmp_path, "x + y = 1", "4 x + 0.25 c + k <= 60")
    assert found.keys() <= FEATURES.keys()
    assert {name: found[name] for name in FEATURES if name.endswith("columns")} == {
        "binary columns": 3,
        "other integer columns": 1,
        "continuous columns": 1,
        "objective columns": 4,
    }
    assert found["density"] == 5 / 10
    assert found["entries of the longest row"] == 3
    assert found["equality rows"] == 1
    assert (found["least coefficient"], found["largest coefficient"]) == (0.25, 4.0)
    assert (found["least cost"], found["largest cost"]) == (0.5, 20.0)
    assert (found["least side"], found["largest side"]) == (1.0, 60.0)


def test_a_model_without_rows_has_features_too(tmp_path: Path) -> None:
    path = tmp_path / "model.lp"
    path.write_text("Minimize\n obj: x\nBounds\n x <= 1\nEnd\n", encoding="utf-8")
    found = features(read_model(path))
    assert (found["other rows"], found["density"], found["continuous columns"]) == (0, 0.0, 1)
    assert "least side" not in found


def test_rows_with_indicators_are_of_their_own_kind_and_sets_are_counted_by_type() -> None:
    builder = Builder()
    columns = [builder.add_binary(f"b{j}") for j in range(4)]
    for number, column in enumerate(columns):
        row = builder.add_row(f"packing{number}", [(other, 1.0) for other in columns if other != column], upper=1.0)
        if number != 1:
            builder.add_indicator(row, column, 1)
    for number, type in enumerate((2, 1, 1)):
        builder.add_set(f"s{number}", type, [(column, float(column)) for column in columns])
    found = features(builder.build())
    rows = {name: count for name, count in found.items() if name.endswith((" rows", " sets")) and count}
    assert rows == {"indicator rows": 3, "packing rows": 1, "sos1 sets": 2, "sos2 sets": 1}


def test_empty_rows_with_indicators_are_no_other_rows() -> None:
    builder = Builder()
    builder.add_indicator(builder.add_row("r", lower=1.0), builder.add_binary("b"), 1)
    found = features(builder.build())
    assert (found["indicator rows"], found["other rows"]) == (1, 0)

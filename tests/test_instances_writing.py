from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from instances.builder import Builder
from instances.model import Model, VariableKind
from instances.reading import read_model
from instances.writing import write_mps

INF = float("inf")


def everything() -> Model:
    """Make a model with a row of every kind, and a column of every kind with bounds of every kind."""
    builder = Builder("everything", maximise=True, offset=-2.5)
    pairs = [
        (0, INF),
        (0, 1),
        (0, 0),
        (-INF, INF),
        (-INF, 5),
        (-INF, -5),
        (-7, INF),
        (-7, -3),
        (2, 9),
        (4, 4),
        (0, -4),
        (3, 1),
    ]
    for kind in VariableKind:
        for lower, upper in pairs:
            builder.add_column(f"{kind.name}[{lower},{upper}]", 0.1 * len(builder.columns), lower, upper, kind)
    for number, (lower, upper) in enumerate(
        [(1, 1), (-INF, 0.3), (0.1, INF), (0.1, 0.3), (-0.9, 0.1), (-INF, INF), (-0.7, 1e9)]
    ):
        entries = [(column, 1 / (column + 3)) for column in range(number, len(builder.columns) - 2, 5)]
        builder.add_row(f"row{number}" if number else "obj", entries, lower=lower, upper=upper)
    builder.add_row("empty", lower=-1.0)
    binary, fixed = builder.columns["INTEGER[0,1]"], builder.columns["INTEGER[0,0]"]
    for row, column, value in ((1, binary, 0), (3, fixed, 1), (4, binary, 1), (7, binary, 1)):
        builder.add_indicator(row, column, value)
    builder.add_set("S1", 1, [(column, 0.1 * column) for column in range(7)])
    builder.add_set("pair", 2, [(column, -1e-7 / (column + 1)) for column in range(3, 40, 4)])
    builder.add_set("alike", 1, [(5, 2.0), (3, 2.0)])
    return builder.build()


def assert_same(one: Model, other: Model) -> None:
    for field in fields(Model):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs, field.name
        assert not isinstance(mine, np.ndarray) or mine.dtype == theirs.dtype, field.name


@pytest.mark.parametrize("suffix", [".mps", ".mps.gz"])
def test_what_is_written_is_read_again_to_the_last_bit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"everything{suffix}"
    write_mps(everything(), path)
    assert_same(read_model(path), everything())


@pytest.mark.parametrize("model", [Builder("none").build(), replace(everything(), maximise=False, offset=0.0)])
def test_models_of_other_shapes_are_read_again_too(tmp_path: Path, model: Model) -> None:
    path = tmp_path / f"{model.name}.mps"
    write_mps(model, path)
    assert_same(read_model(path), model)


def test_arrays_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    everything().save(tmp_path / "arrays")
    assert_same(Model.load(tmp_path / "arrays"), everything())


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mps.gz", "b.mps.gz"):
        write_mps(everything(), tmp_path / name)
    packed = (tmp_path / "a.mps.gz").read_bytes()
    assert packed == (tmp_path / "b.mps.gz").read_bytes()
    # Bytes 4 to 7 of gzip's header are a time, which would change from second to second.
    assert packed[4:8] == bytes(4)


@pytest.mark.parametrize("name", ["a b", "", "a\tb", "'MARKER'", "$a"])
def test_names_that_free_mps_cannot_carry_are_refused(tmp_path: Path, name: str) -> None:
    builder = Builder()
    builder.add_row(name)
    with pytest.raises(ValueError, match="cannot be the name"):
        write_mps(builder.build(), tmp_path / "a.mps")


def test_a_row_that_mps_cannot_say_is_refused(tmp_path: Path) -> None:
    builder = Builder()
    builder.add_row("c", lower=3.0, upper=1.0)
    with pytest.raises(ValueError, match=r"row 'c' has the bounds 3 \.\. 1"):
        write_mps(builder.build(), tmp_path / "a.mps")


def test_a_builder_refuses_one_name_for_two() -> None:
    builder = Builder()
    builder.add_binary("x")
    builder.add_row("c")
    with pytest.raises(ValueError, match="two columns 'x'"):
        builder.add_column("x")
    with pytest.raises(ValueError, match="two rows 'c'"):
        builder.add_row("c")


def test_sets_and_indicators_have_sections_of_their_own(tmp_path: Path) -> None:
    builder = Builder("logic")
    b, x, y = builder.add_binary("b"), builder.add_column("S1"), builder.add_column("y", upper=2.0)
    builder.add_indicator(builder.add_row("r", [(x, 1.0)], lower=-1.0, upper=4.0), b, 0)
    builder.add_row("s", [(x, 1.0)], upper=4.0)
    builder.add_indicator(builder.add_row("t", [(y, 1.0)], upper=1.0), b, 1)
    builder.add_set("two", 2, [(x, 2.5), (b, -1.0), (y, 1e7)])
    builder.add_set("nobody", 1, [])
    builder.add_set("one", 1, [(y, 3.0)])
    write_mps(builder.build(), tmp_path / "a.mps")
    text = (tmp_path / "a.mps").read_text()
    assert text.endswith(
        "SOS\n S2 two\n    b -1.0\n    S1 2.5\n    y 10000000.0\n S1 one\n    y 3.0\n"
        "INDICATORS\n IF r b 0\n IF t b 1\nENDATA\n"
    )


@pytest.mark.parametrize("name", ["a\xa0b", "x'MARKER'y", "Größe", "a$", "*a", "\x1b[1m", "\x1c", "RHS", "3"])
def test_names_of_every_other_kind_come_back(tmp_path: Path, name: str) -> None:
    builder = Builder("a")
    column = builder.add_column(name, 1.0, lower=-2.0, upper=5.0, kind=VariableKind.SEMI_CONTINUOUS)
    builder.add_row(name, [(column, 2.0)], lower=1.0, upper=4.0)
    builder.add_set(name, 1, [(column, 1.0)])
    write_mps(builder.build(), tmp_path / "a.mps")
    assert_same(read_model(tmp_path / "a.mps"), builder.build())


def test_a_name_that_free_mps_cannot_carry_is_refused_for_a_set_too(tmp_path: Path) -> None:
    builder = Builder()
    builder.add_set("a b", 1, [(builder.add_binary("b"), 1.0)])
    with pytest.raises(ValueError, match="'a b' cannot be the name of a row, column or set"):
        write_mps(builder.build(), tmp_path / "a.mps")

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from instances.errors import UnreadableModel
from instances.reading import read_model
from instances.text import ASCII, BYTEWISE, UTF_8, encoding_of, open_text, split_fields
from instances.writing import write_mps

HEAD, TAIL = "NAME T\nROWS\n N obj\n G {row}\nCOLUMNS\n", "RHS\n RHS {row} 4\nENDATA\n"
MODEL = f"{HEAD} {{column}} obj 1 {{row}} 1\n{TAIL}"


def mps(column: str = "x", row: str = "c") -> str:
    return MODEL.format(column=column, row=row)


def written(folder: Path, data: bytes, name: str = "model.mps") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("encoding", "name"),
    [(encoding, name) for encoding in ("utf-8", "cp1252") for name in ("Größe", "prix_€", "a\xa0b", "x…y")]
    + [("latin-1", "Größe")],
)
def test_names_keep_their_characters_in_utf8_and_in_windows_code_page(tmp_path: Path, encoding: str, name: str) -> None:
    data = mps(name, f"r{name}").encode(encoding)
    model = read_model(written(tmp_path, data))
    assert (model.column_names, model.row_names) == ((name,), (f"r{name}",))
    assert (model.value.tolist(), model.row_lower.tolist()) == ([1], [4])


def test_each_byte_above_127_is_one_character_and_no_two_are_the_same(tmp_path: Path) -> None:
    # A file that is no UTF-8: every byte from 0x80 to 0xff in a name of its own.
    names = [b"n" + bytes([byte]) for byte in range(0x80, 0x100)]
    data = HEAD.format(row="c").encode()
    data += b"".join(b" " + name + b" c 1\n" for name in names) + TAIL.format(row="c").encode()
    path = written(tmp_path, data)
    model = read_model(path)
    assert encoding_of(path) == BYTEWISE
    assert len(set(model.column_names)) == 128
    assert {len(name) for name in model.column_names} == {2}
    write_mps(model, tmp_path / "again.mps")
    assert read_model(tmp_path / "again.mps").column_names == model.column_names


def test_one_byte_anywhere_decides_for_the_whole_file(tmp_path: Path) -> None:
    text = mps("ä").encode() + b"* " + "\xfc".encode("latin-1")
    assert read_model(written(tmp_path, text)).column_names == ("Ã¤",)


@pytest.mark.parametrize("cut", [1, 2])
def test_a_character_that_the_end_of_the_file_cuts_off_makes_it_no_utf8(tmp_path: Path, cut: int) -> None:
    assert encoding_of(written(tmp_path, "€".encode()[:cut])) == BYTEWISE
    assert encoding_of(written(tmp_path, "€".encode())) == UTF_8


@pytest.mark.parametrize("rest", ["", "\xe4"])
@pytest.mark.parametrize("packing", ["", ".gz"])
def test_a_byte_order_mark_is_dropped(tmp_path: Path, rest: str, packing: str) -> None:
    data = b"\xef\xbb\xbf" + mps(f"x{rest}").encode("latin-1")
    path = written(tmp_path, gzip.compress(data) if packing else data, f"model.mps{packing}")
    assert read_model(path).column_names == (f"x{rest}",)


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("utf-32-le", "UTF-32"),
        ("utf-32-be", "UTF-32"),
    ],
)
@pytest.mark.parametrize("format", ["mps", "lp"])
def test_text_in_wide_characters_is_refused_by_its_name(tmp_path: Path, encoding: str, named: str, format: str) -> None:
    text = mps() if format == "mps" else "min\n obj: x\nst\n c: x >= 1\nend\n"
    with pytest.raises(UnreadableModel, match=rf"model\.{format}: the file is {named}: save it as UTF-8$"):
        read_model(written(tmp_path, text.encode(encoding), f"model.{format}"))


@pytest.mark.parametrize("format", ["mps", "lp"])
@pytest.mark.parametrize("data", [b"", b"\n \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_empty_file_is_called_empty(tmp_path: Path, data: bytes, format: str) -> None:
    with pytest.raises(UnreadableModel, match=r": the file is empty$"):
        read_model(written(tmp_path, data, f"model.{format}"))


@pytest.mark.parametrize("format", ["mps", "lp"])
def test_a_zero_byte_is_named_with_its_place(tmp_path: Path, format: str) -> None:
    data = b"* " + bytes([65]) * 400_000 + b"\0\n"
    with pytest.raises(UnreadableModel, match=r"is not text: byte 400003 is zero"):
        read_model(written(tmp_path, data, f"model.{format}"))


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    text = mps().replace("ROWS\n", "ROWS\r*\r\n").replace(" obj 1 ", " obj\r1\r")
    assert read_model(written(tmp_path, text.encode())).objective.tolist() == [1]


@pytest.mark.parametrize("format", ["mps", "lp"])
def test_lines_that_end_with_carriage_returns_alone_are_named(tmp_path: Path, format: str) -> None:
    with pytest.raises(UnreadableModel, match="carriage return alone"):
        read_model(written(tmp_path, mps().replace("\n", "\r").encode(), f"model.{format}"))


def test_a_git_lfs_pointer_is_named(tmp_path: Path) -> None:
    data = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    with pytest.raises(UnreadableModel, match="Git LFS pointer"):
        read_model(written(tmp_path, data))


def test_fields_are_cut_at_ascii_white_space_only() -> None:
    assert split_fields(" a\tb\vc\fd \r\n") == ["a", "b", "c", "d"]
    assert split_fields(" a\xa0b \u3000 \x85 \u2028x\r\n") == ["a\xa0b", "\u3000", "\x85", "\u2028x"]
    assert split_fields("a\x1cb\x1fc") == ["a\x1cb\x1fc"]


@pytest.mark.parametrize("end", ["", "\x1c", "\x1f", "ä"])
def test_a_separator_is_no_ascii_text_as_python_would_cut_there(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, mps(f"x{end}y").encode())
    assert encoding_of(path) == (UTF_8 if end else ASCII)
    assert read_model(path).column_names == (f"x{end}y",)


def test_open_text_finds_the_encoding_on_its_own(tmp_path: Path) -> None:
    with open_text(written(tmp_path, b"\xe4\n")) as lines:
        assert lines.read() == "ä\n"


FIXED = """NAME          SP
ROWS
 N  KOSTEN
 G  GR{o}{s}E 1
COLUMNS
    M{u}LL A    KOSTEN             2.0   GR{o}{s}E 1            1.0
    M{u}LL B    KOSTEN             3.0   GR{o}{s}E 1            1.0
RHS
    RHS       GR{o}{s}E 1            4.0
BOUNDS
 UP BND       M{u}LL A             3.0
ENDATA
"""


def test_columns_of_a_fixed_file_are_bytes_in_a_windows_code_page(tmp_path: Path) -> None:
    text = FIXED.format(o="Ö", s="ß", u="Ü")
    model = read_model(written(tmp_path, text.encode("cp1252")))
    assert model.column_names == ("MÜLL A", "MÜLL B")
    assert model.row_names == ("GRÖßE 1",)
    assert (model.objective.tolist(), model.upper.tolist()) == ([2, 3], [3, float("inf")])


def test_columns_of_a_fixed_file_are_bytes_in_utf8(tmp_path: Path) -> None:
    # As a program writes it that pads names to eight bytes.
    lines = FIXED.format(o="Ö", s="S", u="Ü").replace("MÜLL A  ", "MÜLL A ").replace("MÜLL B  ", "MÜLL B ")
    lines = lines.replace("GRÖSE 1  ", "GRÖSE 1 ")
    model = read_model(written(tmp_path, lines.encode()))
    assert (model.column_names, model.row_names) == (("MÜLL A", "MÜLL B"), ("GRÖSE 1",))
    assert (model.objective.tolist(), model.row_lower.tolist()) == ([2, 3], [4])


def test_a_fixed_utf8_file_whose_columns_are_characters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match="line"):
        read_model(written(tmp_path, FIXED.format(o="Ö", s="ß", u="Ü").encode()))

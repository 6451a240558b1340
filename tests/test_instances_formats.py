from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from instances import formats
from instances.caps import Caps
from instances.errors import UnreadableModel
from instances.formats import sha256_of, suffixes
from instances.reading import read_model

TEXT = b"NAME T\nROWS\n N obj\n L c\nCOLUMNS\n x obj 1 c 1\nRHS\n RHS c 4\nENDATA\n"
NOISE = hashlib.shake_256(b"noise").digest(60_000).hex().encode()

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
packed = pytest.mark.parametrize("packing", PACK)
archived = pytest.mark.parametrize("packing", [packing for packing in PACK if packing])


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.mps", ("a", ".mps", "")),
        ("a.LP", ("a", ".lp", "")),
        ("a.b.Mps.GZ", ("a.b", ".mps", ".gz")),
        ("a.lp.zst", ("a", ".lp", ".zst")),
        ("a.mps.zip", None),
        ("a.gz", None),
        ("mps", None),
        (".mps", None),
        ("a.txt", None),
    ],
)
def test_models_are_known_by_their_names(name: str, parts: tuple[str, str, str] | None) -> None:
    assert suffixes(name) == parts


@packed
def test_the_hash_and_the_model_are_those_of_the_content(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"t.MPS{packing.upper()}"
    path.write_bytes(PACK[packing](TEXT))
    assert sha256_of(path) == hashlib.sha256(TEXT).hexdigest()
    assert read_model(path).row_upper.tolist() == [4]


@archived
def test_an_archive_in_several_pieces_is_read_to_its_end(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"t.mps{packing}"
    path.write_bytes(PACK[packing](NOISE) + PACK[packing](TEXT))
    assert sha256_of(path) == hashlib.sha256(NOISE + TEXT).hexdigest()


@archived
@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path, packing: str, kept: float) -> None:
    archive = PACK[packing](NOISE)
    path = tmp_path / f"t.mps{packing}"
    path.write_bytes(archive[: int(len(archive) * kept)])
    with pytest.raises(UnreadableModel, match=r"t\.mps\..*cut off"):
        sha256_of(path)


@archived
def test_plain_text_named_as_an_archive_is_refused_by_what_it_is(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"t.mps{packing}"
    path.write_bytes(TEXT)
    for read in (sha256_of, read_model):
        with pytest.raises(UnreadableModel, match=rf"t\.mps\{packing}: is named \{packing}, but .* plain text"):
            read(path)


@archived
def test_an_archive_whose_first_bytes_are_wrong_is_damaged(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"t.mps{packing}"
    path.write_bytes(b"\0" + PACK[packing](TEXT)[1:])
    with pytest.raises(UnreadableModel, match=r"t\.mps\..*damaged"):
        sha256_of(path)


@pytest.mark.parametrize(
    ("packing", "name"),
    [
        (packing, f"t.mps{other}")
        for packing in formats.PACKINGS
        for other in ("", *formats.PACKINGS)
        if packing != other
    ],
)
def test_an_archive_under_another_name_is_refused_with_the_right_one(tmp_path: Path, packing: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACK[packing](TEXT))
    advice = f"add {packing} to its name" if name == "t.mps" else f"name it {packing} instead of {path.suffix}"
    for read in (sha256_of, read_model):
        with pytest.raises(UnreadableModel, match=rf"{name}: its content is a \w+ archive, .*: {advice}$"):
            read(path)


@archived
@pytest.mark.parametrize("inside", [".gz", ".bz2", ".xz", ".zst"])
def test_an_archive_in_an_archive_is_named(tmp_path: Path, packing: str, inside: str) -> None:
    path = tmp_path / f"t.mps{packing}"
    path.write_bytes(PACK[packing](PACK[inside](TEXT)))
    with pytest.raises(UnreadableModel, match="packed twice"):
        sha256_of(path)


def test_a_zip_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.mps"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.mps", TEXT)
    with pytest.raises(UnreadableModel, match=r"its content is a zip archive, .*: unpack it"):
        sha256_of(path)


@archived
def test_an_empty_file_named_as_an_archive_is_called_empty(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"t.mps{packing}"
    path.write_bytes(b"")
    with pytest.raises(UnreadableModel, match="the file is empty"):
        sha256_of(path)


@packed
def test_more_than_the_limit_is_refused_before_it_is_unpacked(
    tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "CAPS", Caps(model=2**20))
    path = tmp_path / f"t.mps{packing}"
    path.write_bytes(PACK[packing](bytes(2**20)))
    sha256_of(path)
    path.write_bytes(PACK[packing](bytes(2**23)))
    taken = 0
    with pytest.raises(UnreadableModel, match="a model has 1 MiB at most"):
        for block in formats.content(path):
            taken += len(block)
    assert taken <= 2**20


def test_a_file_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match="No such file"):
        read_model(tmp_path / "t.mps")


def test_a_file_that_is_no_model_by_its_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match=r"\.mps or \.lp"):
        read_model(tmp_path / "t.txt")

"""Archives that are made to fill the memory, or to keep a server busy: what is read of them, and what is refused."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from instances.caps import MIB, Caps, TooLarge
from tests.archives import FILE, MPS, tarred, zipped
from tuner.service.archives import SLOWLY, members_of

LONG = 64 * MIB
"""Bytes of a header that is too long by far."""


@contextmanager
def within(memory: int) -> Iterator[None]:
    """Assert that no more memory than this is taken at a time."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < memory


def read(content: bytes) -> dict[str, bytes]:
    return {member.path: member.content.read() for member in members_of(io.BytesIO(content), Caps())}


def header(kind: bytes, size: int) -> bytes:
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.GNU_FORMAT)


def posix(pax: dict[str, str], name: str = "a.mps", form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an entry with extended headers."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.pax_headers = len(MPS), pax
    return entry.tobuf(form) + MPS.ljust(512, b"\0")


def sparse() -> bytes:
    """Return the header of a file with holes whose list of holes does not end soon."""
    entry = bytearray(header(tarfile.GNUTYPE_SPARSE, 0))
    entry[482] = 1  # more of the list follows
    entry[148:156] = b" " * 8
    entry[148:156] = b"%06o\0 " % sum(entry)
    return bytes(entry) + (b"00000000001\0" * 42 + b"\1" * 8) * 1000


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("before", [b"", tarred("", ("a.mps", FILE, MPS))[:1024]])
def test_a_long_header_of_a_tar_is_refused_before_it_fills_the_memory(kind: bytes, before: bytes) -> None:
    content = gzip.compress(before + header(kind, LONG) + b"a" * LONG, 1)
    with within(4 * MIB), pytest.raises(TooLarge, match="the header of an entry has 64 KiB at most"):
        read(content)


def test_a_chain_of_headers_counts_as_one() -> None:
    link = header(tarfile.GNUTYPE_LONGNAME, 512) + b"a".ljust(512, b"\0")
    with pytest.raises(TooLarge, match="the header of an entry"):
        read(link * 100 + posix({}))


def test_a_list_of_holes_counts_as_a_header() -> None:
    with pytest.raises(TooLarge, match="the header of an entry"):
        read(sparse())
    holes = posix({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})[:-512] + b"90000\n" + b"1\n" * 50_000
    with pytest.raises(TooLarge, match="the header of an entry"):
        read(holes)


def test_many_long_headers_are_too_much_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.service.archives.DIRECTORY", MIB)
    entries = b"".join(posix({f"c{n}": "x" * 50_000}) for n in range(30))
    with pytest.raises(TooLarge, match="its long names and other headers have 1 MiB at most"):
        read(entries)


def test_the_headers_of_usual_archives_are_read() -> None:
    name = f"{'folder/' * 6}{'n' * 150}.mps"
    for form, pax in ((tarfile.GNU_FORMAT, {}), (tarfile.PAX_FORMAT, {"mtime": "1.5"})):
        entries = (posix(pax, each, form) for each in (name, "b.mps"))
        assert read(b"".join(entries) + bytes(1024)) == {name: MPS, "b.mps": MPS}


def zip64(entries: int) -> bytes:
    """Return a zip file whose end says that its directory is small, and whose other end (ZIP64) says where it is."""
    central = struct.pack("<4sHHHHHHLLLHHHHHLL", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = central * entries
    record = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    return directory + record + locator + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1, 1, 100, 0, 0)


def test_a_zip_with_two_ends_is_measured_by_the_one_that_counts() -> None:
    content = zip64(400_000)
    with within(24 * MIB), pytest.raises(TooLarge, match="the directory of the zip file is too large"):
        read(content)


def test_the_entries_of_a_zip_are_counted_before_they_are_kept() -> None:
    content = zip64(200_000)
    with within(24 * MIB), pytest.raises(Exception, match="100000 entries at most"):
        read(content)


@pytest.mark.parametrize("path", ["notes.txt", ".hidden/notes", "more.zip"])
def test_what_is_passed_over_in_a_zip_file_obeys_the_ratio_by_what_it_says_of_itself(path: str) -> None:
    assert read(zipped({"a.mps": MPS, path: bytes(3 * MIB)}))["a.mps"] == MPS
    with pytest.raises(TooLarge, match=f"{path}: it becomes more than 200 times larger"):
        read(zipped({"a.mps": MPS, path: bytes(5 * MIB)}))
    with pytest.raises(TooLarge, match="the archive: it becomes more than 200 times larger"):
        read(zipped({"a.mps": MPS, path: bytes(3 * MIB), "other.txt": bytes(3 * MIB)}))


def test_zeros_that_are_passed_over_count_as_unpacked() -> None:
    zeros = tarred("gz", ("notes.txt", FILE, bytes(8 * MIB)), ("a.mps", FILE, MPS))
    with pytest.raises(TooLarge, match="the archive: it becomes more than 200 times larger"):
        list(members_of(io.BytesIO(zeros), Caps()))


def test_members_whose_method_unpacks_without_bounds_are_read_a_little_at_a_time() -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", method) as archive:
            archive.writestr("a.mps", MPS)
        assert [member.at_a_time for member in members_of(made, Caps())] == [SLOWLY]
        assert read(made.getvalue()) == {"a.mps": MPS}


def test_a_member_of_a_zip_cannot_say_that_it_was_packed_to_more_than_the_archive_has() -> None:
    honest = bytearray(zipped({"a.mps": MPS}))
    place = honest.rindex(b"PK\1\2") + 20
    honest[place : place + 4] = (2**31).to_bytes(4, "little")
    (member,) = members_of(io.BytesIO(honest), Caps())
    assert member.packed() == len(honest)

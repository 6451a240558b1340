"""Reading the files of a .zip, .tar or .tar.gz that a stranger made, with little memory.

Only what is read is believed, not what an archive says of itself. Python's own readers are given files that refuse to
be read in too large pieces, so that no header and no directory fills the memory.
"""

from __future__ import annotations

import gzip
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import IO, cast

from instances.caps import MIB, Caps, TooLarge, spelled
from storage.files import PIECE
from tuner.service.problems import TOO_LARGE, UNFIT, Refused

DIRECTORY = 16 * MIB
"""Bytes of a zip file's directory, and of all long headers of a tar file, at most."""
HEADER = MIB // 16
"""Bytes of one entry's header in a tar file, at most, with the long names and other extensions in front of it."""
PLAIN = 3 * tarfile.BLOCKSIZE
"""Bytes of such a header that is not long."""
BUFFER = 2**17
"""Bytes that unpacking takes of a packed archive at a time, at most."""
SLOWLY = 2**12
"""Bytes that are read at a time of a member of a zip file by bzip2 or LZMA: all that they become is kept at once."""
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, OSError, ValueError, RuntimeError, LookupError, struct.error),
)
"""What reading an archive raises that is damaged."""
_ENTRY = b"PK\x01\x02"
"""How each entry of a zip file's directory begins."""


@dataclass(frozen=True)
class Member:
    """A file of an archive."""

    path: str
    content: IO[bytes]
    packed: Callable[[], int]
    """Returns the bytes of the archive that were read for it so far."""
    at_a_time: int = PIECE
    """Bytes that may be read of the content at a time."""


def members_of(file: IO[bytes], caps: Caps) -> Iterator[Member]:
    """Yield every regular file of an archive, once its name is known to lie inside. What is not read is passed over.

    Raises:
        Refused: it has a link, a device or a name that leads out of it.
        TooLarge: it has, or becomes, more than it may.
        Exception: one of `DAMAGE`.

    """
    yield from (_zip_members if zipfile.is_zipfile(file) else _tar_members)(file, caps)


class _Forward:
    """A tar file as `tarfile` reads it: only forward, counted, and of a header only as much as one may have."""

    def __init__(self, file: IO[bytes], caps: Caps) -> None:
        file.seek(0)
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self._file, self._caps = file, caps
        self._whole = cast(IO[bytes], gzip.GzipFile(fileobj=file)) if is_packed else file
        self._place = 0
        self._left: int | None = None
        """Bytes that may still be read of a header; None outside of one."""
        self._long = 0
        """Bytes of long headers so far."""

    def begin_header(self) -> None:
        """Have what is read from now on count as a header."""
        self._left = HEADER

    def end_header(self) -> None:
        """Have what is read from now on count as content."""
        assert self._left is not None
        self._long += max(0, HEADER - self._left - PLAIN)
        self._left = None
        if self._long > DIRECTORY:
            raise TooLarge(f"the archive: its long names and other headers have {spelled(DIRECTORY)} at most")

    def tell(self) -> int:
        return self._place

    def seek(self, place: int) -> int:
        if place < self._place:
            raise tarfile.StreamError("a header leads back")
        while self._place < place and self._next(min(PIECE, place - self._place)):
            pass
        return self._place

    def read(self, count: int) -> bytes:
        if self._left is not None:
            if count > self._left:
                raise TooLarge(f"the archive: the header of an entry has {spelled(HEADER)} at most")
            self._left -= count
        return self._next(count)

    def run_out(self) -> None:
        """Read what is behind the end of the archive: only then it is known whether the packed stream is whole."""
        while self._next(PIECE):
            self._caps.check_total(self._place, "an archive")

    def _next(self, count: int) -> bytes:
        block = self._whole.read(count)
        self._place += len(block)
        if self._whole is not self._file:
            self._caps.check_ratio(self._place, self._file.tell(), "the archive")
        return block


def _tar_members(file: IO[bytes], caps: Caps) -> Iterator[Member]:
    stream = _Forward(file, caps)
    sizes = 0
    stream.begin_header()
    with tarfile.TarFile(fileobj=cast(IO[bytes], stream)) as archive:
        number = 0
        while (entry := archive.next()) is not None:
            stream.end_header()
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep every header
            number += 1
            sizes += max(0, entry.size)
            _check_entries(number, caps)
            caps.check_total(sizes, "an archive")
            _inside(entry.name, caps)
            if not entry.isdir():
                content = archive.extractfile(entry) if entry.isreg() else None
                if content is None:
                    raise Refused(UNFIT, f"{entry.name[:100]!r} is a link or a device; send the file itself")
                packed = partial(_read_since, file, file.tell() - BUFFER)
                yield Member(entry.name.removeprefix("./"), content, packed)
            stream.begin_header()
        stream.end_header()
    stream.run_out()


def _read_since(file: IO[bytes], place: int) -> int:
    return file.tell() - place


class _Directory:
    """A zip file as `zipfile` reads it: its directory, which is read as a whole wherever it lies, has to be small."""

    def __init__(self, file: IO[bytes], caps: Caps) -> None:
        self._file, self._caps = file, caps
        self.seek, self.tell = file.seek, file.tell
        self.is_known = False

    def seekable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        if self.is_known:
            return self._file.read(count)
        block = self._file.read(DIRECTORY + 1 if count < 0 else min(count, DIRECTORY + 1))
        if len(block) > DIRECTORY:
            raise TooLarge("the directory of the zip file is too large; send a tar file")
        _check_entries(block.count(_ENTRY), self._caps)
        return block


def _zip_members(file: IO[bytes], caps: Caps) -> Iterator[Member]:
    size = file.seek(0, 2)
    directory = _Directory(file, caps)
    with zipfile.ZipFile(cast(IO[bytes], directory)) as archive:
        directory.is_known = True
        sizes = 0
        for number, entry in enumerate(archive.infolist(), 1):
            _check_entries(number, caps)
            _inside(entry.filename, caps)
            sizes += entry.file_size  # as it says: of what is passed over nothing else is known
            caps.check_ratio(entry.file_size, entry.compress_size, entry.filename)
            caps.check_ratio(sizes, size, "the archive")
            caps.check_total(sizes, "an archive")
            if (entry.external_attr >> 16) & 0o170000 == 0o120000:
                raise Refused(UNFIT, f"{entry.filename[:100]!r} is a link; send the file itself")
            if entry.is_dir():
                continue
            if entry.flag_bits & 1:
                raise Refused(UNFIT, f"{entry.filename[:100]!r} is encrypted")
            at_a_time = PIECE if entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) else SLOWLY
            with archive.open(entry) as content:
                packed = partial(int, min(entry.compress_size, size))
                yield Member(entry.filename.removeprefix("./"), content, packed, at_a_time)


def _check_entries(number: int, caps: Caps) -> None:
    if number > caps.entries:
        raise Refused(TOO_LARGE, f"an archive has {caps.entries} entries at most")


def _inside(path: str, caps: Caps) -> None:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\\" in path or "\0" in path or re.match(r"[A-Za-z]:", path):
        raise Refused(UNFIT, f"{path[:100]!r} leads out of the archive")
    if len(parts) > caps.depth:
        raise Refused(UNFIT, f"{path[:100]!r} lies more than {caps.depth} folders deep")

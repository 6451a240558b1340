"""What the bytes of a model file mean as text, so that no byte changes the model.

A file that is UTF-8 as a whole is read as UTF-8; a byte order mark at its beginning is dropped. Any other file is read
byte for byte, one character for each, as Windows-1252: writers on Windows (PuLP, Pyomo) use the code page of the
machine, and the bytes that Windows-1252 leaves open are taken as in Latin-1. So every name is kept, different names
stay different, and a column of a fixed file is a byte. UTF-16, UTF-32 and files that hold no text are refused by what
they are.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from instances.errors import UnreadableModel
from instances.formats import content, started

ASCII = "ascii"
"""Without the control characters that `str.split` takes for white space."""
UTF_8 = "utf-8"
BYTEWISE = "cp1252"
"""One byte is one character."""

_BLOCK = 2**18
_MARK = codecs.BOM_UTF8
_OTHER_MARKS = {
    # The longer one first: UTF-32's mark begins with UTF-16's.
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_START = 64
"""Bytes at the beginning that are looked at for what kind of file it is."""
_SEPARATORS = b"\x1c\x1d\x1e\x1f"
"""Bytes that Python takes for white space in text, and C does not."""
WHITE = " \t\n\v\f\r"
"""The characters at which fields are cut."""
_LFS = b"version https://git-lfs.github.com/spec/"


def encoding_of(path: Path) -> str:
    """Return how a model file is to be decoded: `ASCII`, `UTF_8` or `BYTEWISE`. All of it is looked at.

    Raises:
        UnreadableModel: the file is empty, UTF-16 or UTF-32, or holds bytes that no text has; and as `content` does.

    """
    decoder = codecs.getincrementaldecoder(UTF_8)()
    encoding, place, blank, ends = ASCII, 0, True, b""
    start, rest = started(content(path), _START)
    _check_start(start, path)
    for block in chain([start], rest):
        nul = block.find(b"\0")
        if nul >= 0:
            raise UnreadableModel(f"{path}: is not text: byte {place + nul + 1} is zero")
        blank = blank and not (block if place else block.removeprefix(_MARK)).strip()
        place += len(block)
        ends += b"".join(end for end in (b"\n", b"\r") if end not in ends and end in block)
        if encoding == ASCII and (not block.isascii() or len(block.translate(None, _SEPARATORS)) < len(block)):
            encoding = UTF_8
        if encoding == UTF_8:
            encoding = _after(decoder, block, final=False)
    if blank:
        raise UnreadableModel(f"{path}: the file is empty")
    if ends == b"\r":
        raise UnreadableModel(f"{path}: its lines end with a carriage return alone: save it with line feeds")
    return _after(decoder, b"", final=True) if encoding == UTF_8 else encoding


def open_text(path: Path, encoding: str | None = None) -> io.TextIOWrapper:
    """Open the unpacked content as text, without a byte order mark.

    Args:
        path: of the model file.
        encoding: what `encoding_of` says, if it was asked already.

    Raises:
        UnreadableModel: as `encoding_of` does; reading raises it as well, as `content` does.

    """
    stream = io.BufferedReader(_Stream(_unmarked(content(path))), _BLOCK)
    # Only a line feed ends a line, as solvers have it: within one, a carriage return is white space.
    return io.TextIOWrapper(stream, encoding=encoding or encoding_of(path), errors=_AS_LATIN_1, newline="\n")


def split_fields(line: str) -> list[str]:
    """Cut a line at its white space: ASCII's six characters, as solvers have it.

    `str.split` also cuts at no-break spaces and their like, which are parts of names.
    """
    # bytes.split cuts at just these six, and no byte of a longer character is one of them.
    return [field.decode() for field in line.encode().split()]


def stripped(line: str) -> str:
    """Return a line without the white space at its ends, by the measure of `split_fields`."""
    return line.strip(WHITE)


_AS_LATIN_1 = "tuner.as_latin_1"


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(_AS_LATIN_1, _as_latin_1)


def _after(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> str:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return BYTEWISE
    return UTF_8


def _check_start(start: bytes, path: Path) -> None:
    if wide := _wide(start):
        raise UnreadableModel(f"{path}: the file is {wide}: save it as UTF-8")
    if start.startswith(_LFS):
        raise UnreadableModel(f"{path}: is a Git LFS pointer, not the model itself; fetch that with: git lfs pull")


def _wide(start: bytes) -> str:
    """Name the encoding in which a character takes more than one byte, by its mark or by where its zeros are."""
    for mark, name in _OTHER_MARKS.items():
        if start.startswith(mark):
            return name
    zeros = [byte == 0 for byte in start[:8]]
    if len(zeros) == 8 and zeros == zeros[:4] * 2 and sum(zeros) == 6:
        return "UTF-32"
    if zeros and len(zeros) % 2 == 0 and zeros == zeros[:2] * (len(zeros) // 2) and sum(zeros[:2]) == 1:
        return "UTF-16"
    return ""


def _unmarked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    start, rest = started(blocks, len(_MARK))
    yield start.removeprefix(_MARK)
    yield from rest


class _Stream(io.RawIOBase):
    """Blocks of bytes as a stream that can be read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

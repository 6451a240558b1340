"""Which files are models, how they are packed, and their content: one stream of bytes, capped, known by its hash."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, NamedTuple

import zstandard

from instances.caps import CAPS, Meter
from instances.errors import UnreadableModel

FORMATS = (".mps", ".lp")
PACKINGS = (".gz", ".bz2", ".xz", ".zst")
_BLOCK = 2**18
_ZSTD_FEED = 2**10
"""Bytes of an archive handed to zstd at a time: it answers with at most some 30,000 times as many."""
_XZ_MEMORY = 2**28
"""Bytes that unpacking may take: four times what xz -9 wants."""
_DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


class Suffixes(NamedTuple):
    """A model file's name, taken apart; the suffixes in lower case."""

    stem: str
    format: str
    """One of `FORMATS`."""
    packing: str
    """One of `PACKINGS`, or empty for a plain file."""


def suffixes(name: str) -> Suffixes | None:
    """Take the name of a model file apart; None when it does not end like a model's."""
    plain, packing = name, ""
    if name.lower().endswith(PACKINGS):
        plain, _, packing = name.rpartition(".")
        packing = f".{packing.lower()}"
    stem, _, format = plain.rpartition(".")
    format = f".{format.lower()}"
    return Suffixes(stem, format, packing) if stem and format in FORMATS else None


def parts_of(suffix: str) -> Suffixes:
    """Take a suffix apart that is known to be a model's, such as .mps.gz; the stem says nothing."""
    parts = suffixes(f"model{suffix}")
    assert parts is not None
    return parts


def content(path: Path) -> Iterator[bytes]:
    """Yield the content of a file, unpacked according to its name, in blocks of moderate size.

    Raises:
        UnreadableModel: the file cannot be read, its archive is damaged or cut off.
        TooLarge: it becomes larger than `instances.caps` says.

    """
    parts = suffixes(path.name)
    try:
        with path.open("rb") as file:
            packed = os.fstat(file.fileno()).st_size
            meter = Meter(CAPS, lambda: packed, str(path))
            for block in unpacked(file, parts.packing if parts else "", str(path)):
                meter.add(len(block))
                yield block
    except OSError as error:
        raise UnreadableModel(f"{path}: {_complaint(error)}") from None


def unpacked(file: IO[bytes], packing: str, where: str) -> Iterator[bytes]:
    """Yield the content of an open file, unpacked, in blocks of moderate size; whoever reads counts them.

    Args:
        file: at its beginning.
        packing: one of `PACKINGS`, or empty.
        where: what to call it in messages.

    Raises:
        UnreadableModel: the file cannot be read, or its archive is damaged or cut off.

    """
    try:
        yield from _unpacked(file, packing)
    except _DAMAGE as error:
        raise UnreadableModel(f"{where}: {_complaint(error)}") from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the unpacked content, in hexadecimal digits. Raises UnreadableModel as `content` does."""
    digest = hashlib.sha256()
    for block in content(path):
        digest.update(block)
    return digest.hexdigest()


def open_text(path: Path) -> io.TextIOWrapper:
    """Open the unpacked content as text; bytes that are no UTF-8 appear as backslash escapes.

    Reading raises UnreadableModel as `content` does.
    """
    return io.TextIOWrapper(
        io.BufferedReader(_Stream(content(path)), _BLOCK), encoding="utf-8", errors="backslashreplace"
    )


def _unpacked(file: IO[bytes], packing: str) -> Iterator[bytes]:
    if packing in (".zst", ".xz"):
        yield from (_zstd if packing == ".zst" else _xz)(file)
        return
    with _OPENERS[packing](file) as stream:
        while block := stream.read(_BLOCK):
            yield block


_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    "": nullcontext,
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
}


def _zstd(file: IO[bytes]) -> Iterator[bytes]:
    # Not zstandard's own stream reader: it takes an archive that was cut off for a whole one.
    frame = None
    while fed := file.read(_ZSTD_FEED):
        while fed:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(fed)
            fed = frame.unused_data
            if frame.eof:
                frame = None
    if frame is not None:
        raise EOFError


def _complaint(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the archive is cut off: its end is missing"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return f"the archive is damaged: {error}"


def _xz(file: IO[bytes]) -> Iterator[bytes]:
    # Not lzma's own file: it takes as much memory as the archive says.
    frame = None
    while fed := file.read(_BLOCK):
        fed = fed if frame else fed.lstrip(b"\0")  # between two streams there may be zeros
        while fed or (frame is not None and not frame.needs_input):
            frame = frame or lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
            yield frame.decompress(fed, _BLOCK)
            fed = b""
            if frame.eof:
                fed, frame = frame.unused_data.lstrip(b"\0"), None
    if frame is not None:
        raise EOFError


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

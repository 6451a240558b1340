"""Which files are models, how they are packed, and their content: one stream of bytes, capped, known by its hash.

The name of a file says how it is packed, and its first bytes must agree: content that is packed in another way, or
twice, is refused by what it is. What the bytes mean as text is decided in `instances.text`.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import re
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

_START = 8
"""Bytes by which an archive is known."""
_ARCHIVES = {
    "gzip": rb"\x1f\x8b",
    "bzip2": rb"BZh[1-9]",
    "xz": rb"\xfd7zXZ\x00",
    "zstd": rb"[\x28\x50-\x5f](\xb5\x2f\xfd|\x2a\x4d\x18)",
    "zip": rb"PK\x03\x04",
    "7z": rb"7z\xbc\xaf\x27\x1c",
    "rar": rb"Rar!\x1a\x07",
    "compress": rb"\x1f\x9d",
    "lzma": rb"\x5d\x00\x00",
    "lz4": rb"\x04\x22\x4d\x18",
}
"""What archives are called, and how they begin."""
_KINDS = {"": "", ".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
"""The kind of archive that each of `PACKINGS` says."""


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
        file: at its beginning; it can be moved back to there.
        packing: one of `PACKINGS`, or empty.
        where: what to call it in messages.

    Raises:
        UnreadableModel: the file cannot be read, its archive is damaged or cut off, or its first bytes are those of
            another kind of archive than ``packing`` says.

    """
    try:
        start = file.read(_START)
        file.seek(0)
        _check_packing(start, packing, where)
        start, blocks = started(_unpacked(file, packing), _START)
        if packing and (inside := _archive_kind(start)):
            raise UnreadableModel(f"{where}: is packed twice, as {inside} inside {_KINDS[packing]}; unpack it once")
        yield start
        yield from blocks
    except _DAMAGE as error:
        raise UnreadableModel(f"{where}: {_complaint(error)}") from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the unpacked content, in hexadecimal digits. Raises UnreadableModel as `content` does."""
    digest = hashlib.sha256()
    for block in content(path):
        digest.update(block)
    return digest.hexdigest()


def started(blocks: Iterator[bytes], count: int) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes of a stream, ``count`` or more if it has as many, and what follows them."""
    start = b""
    while len(start) < count and (block := next(blocks, None)) is not None:
        start += block
    return start, blocks


def _archive_kind(start: bytes) -> str:
    return next((kind for kind, pattern in _ARCHIVES.items() if re.match(pattern, start)), "")


def _check_packing(start: bytes, packing: str, where: str) -> None:
    kind = _archive_kind(start)
    wanted = _KINDS.get(packing, "")
    if kind == wanted:
        return
    if not kind:
        if start:
            text = all(byte >= 0x20 or byte in b"\t\n\r" for byte in start)
            looks = "plain text: take the suffix away" if text else "those of no archive: it is damaged"
            raise UnreadableModel(f"{where}: is named {packing}, but its first bytes are {looks}")
        raise UnreadableModel(f"{where}: the file is empty")
    fitting = next((suffix for suffix, named in _KINDS.items() if named == kind), "")
    advice = f"add {fitting} to its name" if fitting else "unpack it"
    if packing:
        advice = f"name it {fitting} instead of {packing}" if fitting else "unpack it"
    raise UnreadableModel(f"{where}: its content is a {kind} archive, which its name does not say: {advice}")


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

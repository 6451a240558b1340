"""Archives of models: good ones, and all kinds that are out to do harm."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib

MPS = b"NAME tiny\nROWS\n N obj\n G row\nCOLUMNS\n x obj 1 row 1\nRHS\n r row 1\nENDATA\n"
"""A model."""
FILE = tarfile.REGTYPE


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def tarred(mode: str, *entries: tuple[str, bytes, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=f"w:{mode}") as archive:
        for name, kind, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            if kind == FILE:
                entry.size = len(content)
            else:
                entry.linkname = content.decode()
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def hungry(content: bytes) -> bytes:
    """Return an .xz file that says of itself that unpacking takes 4 GiB."""
    packed = bytearray(lzma.compress(content))
    start, length = 12, 4 * (packed[12] + 1)  # of the header of the only block
    packed[start + 4] = 40  # the size of the dictionary
    packed[start + length - 4 : start + length] = zlib.crc32(packed[start : start + length - 4]).to_bytes(4, "little")
    return bytes(packed)


def disguised(name: str, target: str) -> bytes:
    """Return a zip file with a symbolic link, as Unix writes them."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, target)
    return made.getvalue()


def damaged(method: int) -> bytes:
    """Return a zip file whose only model was packed by a method, and is damaged."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("a.mps", MPS * 10)
    content = bytearray(made.getvalue())
    content[44:59] = b"\xff" * 15  # behind the headers
    return bytes(content)


def nameless() -> bytes:
    """Return a zip file whose only entry has a comment in its directory in place of its name."""
    content = bytearray(zipped({"a.mps": MPS}))
    place = content.rindex(b"PK\x01\x02")
    content[place + 28], content[place + 32] = 0, 5
    return bytes(content)


LINKS = {
    "a symbolic link": (tarfile.SYMTYPE, b"/etc/passwd"),
    "a link up": (tarfile.SYMTYPE, b"../../a"),
    "a hard link": (tarfile.LNKTYPE, b"/etc/passwd"),
    "a device": (tarfile.CHRTYPE, b""),
    "a disk": (tarfile.BLKTYPE, b""),
    "a pipe": (tarfile.FIFOTYPE, b""),
}
METHODS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
WAYS_OUT = ("../a.mps", "a/../../b.mps", "/etc/a.mps", "C:a.mps", "..\\a.mps", "a/..", "//a.mps")
BOMB = gzip.compress(b"\0" * 50_000_000, mtime=0)
HOSTILE = {
    "nothing": b"",
    "no archive": b"hello" * 1000,
    **{f"a damaged zip, packed by {method}": damaged(method) for method in METHODS},
    "a zip without a name": nameless(),
    "a zip that is cut off": zipped({"a.mps": MPS})[:-30],
    "a zip of nothing": zipped({}),
    "a tar that is cut off": tarred("gz", ("a.mps", FILE, MPS))[:-20],
    "a tar that ends in a file": tarred("", ("a.mps", FILE, MPS * 100))[:600],
    "a zip without models": zipped({"a.txt": b"hello"}),
    "a tar without models": tarred("", ("a.txt", FILE, b"hello")),
    "a symbolic link in a zip": disguised("a.mps", "/etc/passwd"),
    **{f"{what} in a tar{mode}": tarred(mode, ("a.mps", *link)) for what, link in LINKS.items() for mode in ("", "gz")},
    **{f"out by {way!r} of a zip": zipped({way: MPS}) for way in WAYS_OUT},
    **{f"out by {way!r} of a tar": tarred("", ("first.mps", FILE, MPS), (way, FILE, MPS)) for way in WAYS_OUT},
    "a name twice": zipped({"a.mps": MPS, "a.lp": MPS}),
    "a name twice in a tar": tarred("", ("a.mps", FILE, MPS), ("a.mps", FILE, MPS)),
    "a model in the folder of another's name": zipped({"a.lp/b.mps": MPS, "a.lp": MPS}),
    "too deep": zipped({"a/b/c/d/e.mps": MPS}),
    "folders too deep": tarred("", ("a/b/c/d/e", tarfile.DIRTYPE, b""), ("a.mps", FILE, MPS)),
    "a hidden name": zipped({".a.mps": MPS}),
    "a name of control characters": tarred("", ("a\x1b[2J.mps", FILE, MPS)),
    "too long a name": zipped({f"{'a' * 300}.mps": MPS}),
    "too many": zipped({f"a{n}.mps": MPS for n in range(21)}),
    "too many entries": zipped({f"a{n}.txt": b"" for n in range(201)}),
    "too many entries of a tar": tarred("gz", *((f"a{n}.txt", FILE, b"") for n in range(201))),
    "a bomb": zipped({"a.mps": b"\0" * 5_000_000}),
    "a bomb in a tar": tarred("gz", ("a.mps", FILE, b"\0" * 5_000_000)),
    "a bomb in a bomb": zipped({"a.mps.gz": BOMB}),
    "a bomb in a tar in a bomb": tarred("gz", ("a.mps.gz", FILE, BOMB)),
    "a bomb behind the end": gzip.compress(tarred("", ("a.mps", FILE, MPS)) + b"\0" * 5_000_000),
    "many large ones": zipped({f"a{n}.mps": b"%d" % n * 90_000 for n in range(5)}),
    "a large file that is no model": tarred("gz", ("a.txt", FILE, b"\0" * 400_000)),
    "an empty model": zipped({"a.mps": b""}),
    "a damaged model": zipped({"a.mps.xz": b"\xfd7zXZ\x00nonsense"}),
    "a model that wants much memory": zipped({"a.mps.xz": hungry(MPS)}),
}
"""By what is wrong with them; with some only for a server with the `CAPS` of `tests.service`."""

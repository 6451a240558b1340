"""Uploads: models as single files or in an archive. Nothing is believed of them, and no model is parsed.

Everything is read as a stream and counted while it is unpacked: bytes in all, bytes for one model, how many models, how
many times larger they become. What comes in lies in a temporary file until it is known to be right.
"""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import PurePosixPath
from typing import IO

from instances.caps import Caps, Meter, TooLarge
from instances.errors import UnreadableModel
from instances.formats import FORMATS, PACKINGS, parts_of, suffixes, unpacked
from storage.errors import StoreFull, StoreUnavailable
from storage.files import PIECE
from storage.names import clash, model_fault, set_fault
from storage.records import InstanceSet, ModelContent
from storage.store import Store
from tuner.service.archives import DAMAGE, Member, members_of
from tuner.service.problems import TOO_LARGE, UNFIT, Refused


def checked_name(name: str, caps: Caps) -> str:
    """Return a model's name in a set; Refused when it is none."""
    if wrong := model_fault(name, caps):
        raise Refused(UNFIT, f"model {name[:100]!r}: the name {wrong}")
    return name


def check_together(names: Collection[str]) -> None:
    """Raise Refused for names of models that cannot lie in one folder."""
    if (found := clash(names)) is not None:
        name, why = found
        raise Refused(UNFIT, f"model {name[:100]!r} {why}")


def checked_suffix(suffix: str) -> str:
    """Return the suffix of a model's file in lower case; Refused when it is none."""
    parts = suffixes(f"model{suffix}")
    if parts is None or parts.stem != "model":
        raise Refused(
            UNFIT,
            f"suffix {suffix[:20]!r}: it is one of {', '.join(FORMATS)}, perhaps with {', '.join(PACKINGS)} behind it",
        )
    return parts.format + parts.packing


class Spool:
    """A temporary file without a name: nothing is left of it when the process is killed.

    What is wrong with its disk is StoreFull or StoreUnavailable: not the client's fault.
    """

    def __init__(self, held: int = 0) -> None:
        """Have nothing written.

        Args:
            held: bytes up to which all is kept in memory, and no file is needed.

        """
        with laid_down():
            kind = partial(tempfile.SpooledTemporaryFile, held) if held else tempfile.TemporaryFile
            self.file: IO[bytes] = kind()  # closed by our own context

    def write(self, block: bytes) -> None:
        """Write what comes next."""
        with laid_down():
            self.file.write(block)

    def rewind(self) -> None:
        """Go to the beginning: what was written is in the file then, not in a buffer."""
        with laid_down():
            self.file.seek(0)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # it would write what is left in the buffer, for which there is no room either
            self.file.close()


@contextmanager
def laid_down() -> Iterator[None]:
    """Raise StoreFull or StoreUnavailable for what is wrong with the disk for temporary files."""
    try:
        yield
    except OSError as error:
        words = f"the server's directory for temporary files ($TMPDIR) cannot be written: {error}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StoreFull(words) from None
        raise StoreUnavailable(words) from None


def keep_model(store: Store, owner: str, file: IO[bytes], suffix: str, caps: Caps) -> ModelContent:
    """Keep a model's file that was spooled; return what it is.

    Raises Refused when it is damaged, or larger than it may be.
    """
    size = file.seek(0, 2)
    with _told():
        content = _content(file, suffix, Meter(caps, lambda: size, "the model"), "the model")
    file.seek(0)
    store.keep_model(owner, content, iter(partial(file.read, PIECE), b""))
    return content


def keep_archive(store: Store, owner: str, name: str, file: IO[bytes], caps: Caps) -> InstanceSet:
    """Keep all models of a zip or tar file as a set, or nothing of it. Other files, and hidden ones, are passed over.

    The archive is read twice: nothing is kept before all of it is known to be right.

    Raises Refused for an archive that is damaged, has links, names that lead elsewhere, too much, or no models.
    """
    with _told():
        found = _models(file, caps)

    def contents() -> Iterator[tuple[str, Iterator[bytes]]]:
        for member in members_of(file, caps):
            if member.path in found:
                _, model = found[member.path]
                yield model.sha256, iter(partial(member.content.read, member.at_a_time), b"")

    return store.keep_set(owner, name, list(found.values()), contents())


@contextmanager
def _told() -> Iterator[None]:
    """Refuse what is too large, or cannot be unpacked."""
    try:
        yield
    except TooLarge as error:
        raise Refused(TOO_LARGE, str(error)) from None
    except UnreadableModel as error:
        raise Refused(UNFIT, str(error)) from None


def _models(file: IO[bytes], caps: Caps) -> dict[str, tuple[str, ModelContent]]:
    """Return the name of each model of an archive and what it is, by its path there; raises as `keep_archive`."""
    found: dict[str, tuple[str, ModelContent]] = {}
    names: set[str] = set()
    total, packed = 0, file.seek(0, 2)
    try:
        for member in members_of(file, caps):
            path = member.path
            parts = suffixes(PurePosixPath(path).name)
            if parts is None or any(part.startswith(".") or part == "__MACOSX" for part in path.split("/")):
                continue
            suffix = parts.format + parts.packing
            name = checked_name(path[: len(path) - len(suffix)], caps)
            if name in names:
                raise Refused(UNFIT, f"model {name!r} is there twice in the archive")
            names.add(name)
            caps.check_models(len(names), "an archive")
            with Spool() as own:
                size = _copied(member, own, caps)
                content = _content(own.file, suffix, Meter(caps, member.packed, path), path)
            total += max(size, content.size)
            caps.check_total(total, "an archive")
            caps.check_ratio(total, packed, "the archive")
            found[path] = name, content
    except DAMAGE as error:
        raise Refused(UNFIT, f"the archive is damaged, or no .zip, .tar or .tar.gz file: {error}") from None
    check_together(names)
    if not found:
        raise Refused(
            UNFIT,
            f"there is no model in the archive; models are files that end with {' or '.join(FORMATS)}, perhaps packed",
        )
    return found


def _copied(member: Member, own: Spool, caps: Caps) -> int:
    meter = Meter(caps, member.packed, member.path)
    while block := member.content.read(member.at_a_time):
        meter.add(len(block))
        own.write(block)
    own.rewind()
    return meter.size


def _content(file: IO[bytes], suffix: str, meter: Meter, where: str) -> ModelContent:
    """Return what a model's file has, counted while it is unpacked."""
    file.seek(0)
    digest = hashlib.sha256()
    for block in unpacked(file, parts_of(suffix).packing, where):
        meter.add(len(block))
        digest.update(block)
    if not meter.size:
        raise Refused(UNFIT, f"{where}: it is empty")
    return ModelContent(digest.hexdigest(), suffix, meter.size)


def set_name(name: str) -> str:
    """Return what a set may be called; Refused when it may not."""
    if wrong := set_fault(name):
        raise Refused(UNFIT, f"set {name[:100]!r}: the name {wrong}")
    return name

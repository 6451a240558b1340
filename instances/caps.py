"""How large anything may be that comes from outside: one table, for uploads, folders, archives and documents alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from instances.errors import UnreadableModel

MIB = 2**20
SMALL = 4 * MIB
"""Bytes up to which it does not matter how many times larger a file becomes."""


class TooLarge(UnreadableModel):
    """Something is larger than it may be; the message says what, and what the limit is."""


@dataclass(frozen=True)
class Caps:
    """The limits."""

    upload: int = 4096 * MIB
    """Bytes of a file as it is sent: a model, packed or not, or an archive."""
    model: int = 2048 * MIB
    """Bytes of one model, unpacked."""
    total: int = 16384 * MIB
    """Bytes of all models of an archive or a folder, unpacked."""
    models: int = 10_000
    """Models in an archive, a folder or a set."""
    ratio: int = 200
    """How many times larger a file may become when it is unpacked, however many times it is packed."""
    depth: int = 8
    """Folders in one another."""
    name: int = 200
    """Characters of a model's name, its folders included."""
    request: int = MIB // 16
    """Bytes of a request of any other kind."""
    form: int = 10_000
    """Bytes of a form of the pages."""
    lists: int = 4 * MIB
    """Bytes of a request that names the models of a set."""
    document: int = 16 * MIB
    """Bytes of a bilevel problem's document."""
    values: int = 1_000_000
    """Numbers, texts, lists and tables in it: a few bytes of JSON may take many in memory."""

    @property
    def entries(self) -> int:
        """Files and folders of an archive, whatever they are."""
        return 10 * self.models

    def check_upload(self, size: float, where: str) -> None:
        """Raise TooLarge for a file of so many bytes."""
        if size > self.upload:
            raise TooLarge(f"{where}: an upload has {spelled(self.upload)} at most")

    def check_models(self, count: int, where: str) -> None:
        """Raise TooLarge for so many models."""
        if count > self.models:
            raise TooLarge(f"{where} has {self.models} models at most")

    def check_total(self, size: int, where: str) -> None:
        """Raise TooLarge for so many bytes of models together."""
        if size > self.total:
            raise TooLarge(f"{where} has {spelled(self.total)} of models at most, unpacked")

    def check_ratio(self, size: int, packed: int, where: str) -> None:
        """Raise TooLarge when ``packed`` bytes become so many that they are made to fill a machine."""
        if size > max(SMALL, self.ratio * packed):
            raise TooLarge(
                f"{where}: it becomes more than {self.ratio} times larger when it is unpacked; "
                "pack it less, or send it unpacked"
            )

    def check_document(self, text: bytes, where: str) -> None:
        """Raise TooLarge for a document that is too long, or has too many values."""
        if len(text) > self.document:
            raise TooLarge(f"{where}: a problem has {spelled(self.document)} at most")
        if sum(map(text.count, (b",", b"[", b"{"))) > self.values:
            raise TooLarge(f"{where}: a problem has {self.values} numbers, texts, lists and tables at most")


CAPS = Caps()
"""The limits everywhere but in tests."""


class Meter:
    """Counts what a packed file becomes."""

    def __init__(self, caps: Caps, packed: Callable[[], int], where: str) -> None:
        """Have nothing counted.

        Args:
            caps: the limits.
            packed: returns the bytes that what was counted takes where it comes from: in an archive or on a disk.
            where: what to call it in messages.

        """
        self._caps, self._packed, self._where = caps, packed, where
        self.size = 0
        """Bytes so far."""

    def add(self, count: int) -> None:
        """Count more bytes; TooLarge when they are too many."""
        self.size += count
        if self.size > self._caps.model:
            raise TooLarge(f"{self._where}: a model has {spelled(self._caps.model)} at most, unpacked")
        self._caps.check_ratio(self.size, self._packed(), self._where)


def spelled(size: int) -> str:
    """Return bytes in words."""
    return f"{size / 2**10:g} KiB" if size < MIB / 8 else f"{size / MIB:g} MiB"

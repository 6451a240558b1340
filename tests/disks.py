"""Disks that really are full: small file systems, which only root can make."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotPermitted(Exception):
    """Nobody but root can make a small file system, or nobody can here."""


class Disk:
    """A file system of its own, which can be filled to its last byte, and emptied of that."""

    def __init__(self, folder: Path) -> None:
        """Take the folder where it is mounted."""
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (2**16, 2**12, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Have the room again that `fill` took."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Disk]:
    """Mount a disk at a folder, made if missing, for as long as the context lasts.

    Raises NotPermitted where that is so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount, options = shutil.which("mount"), ("-t", "tmpfs", "-o", f"size={kib}k", "none")
    if mount is None or subprocess.run([mount, *options, folder], capture_output=True, check=False).returncode != 0:
        raise NotPermitted("a full disk is not tested: nobody but root can make a small file system")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)

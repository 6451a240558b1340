"""Which cores of the host a pool pins its slots to: other pools of the same user take others, as long as there are any.

Every pool keeps a file locked in a folder under the system's temporary one; the file says which cores it has. The
kernel lets go of the lock when the process dies. Containers see each other only where they share that folder.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ATTEMPTS = 5
"""The folder may go in the moment in which it is opened: with the last pool before this one."""


@dataclass(frozen=True)
class CoreLease:
    """Cores that are this pool's until it releases them."""

    cores: tuple[int, ...]
    """One for each slot."""
    lock: int | None
    """The descriptor of the locked file; None where there was none to be had, and others do not know of it."""

    def release(self) -> None:
        """Leave them to others."""
        if self.lock is not None:
            fcntl.flock(self.lock, fcntl.LOCK_UN)  # closing alone would not do if somebody had forked meanwhile
            os.close(self.lock)
            _tidy()


def lease_cores(usable: Sequence[int], slots: int) -> CoreLease:
    """Return a core for each slot: those that the fewest have, nobody's first, else in the given order.

    Args:
        usable: cores to choose from.
        slots: how many are wanted; more than there are share them.

    """
    with suppress(OSError, ValueError):  # the folder cannot be written, is somebody else's, or has something else in it
        for _ in range(ATTEMPTS):
            with suppress(FileNotFoundError), _folder() as folder:
                chosen = _least_used(usable, slots, _in_use(folder))
                return CoreLease(chosen, _locked_file(folder, chosen))
    return CoreLease(_least_used(usable, slots, ()), None)


def _tidy() -> None:
    """Delete the files of the pools that are gone, and the folder if nobody has one."""
    with suppress(OSError, ValueError), _folder() as folder:
        if not _in_use(folder):
            _path().rmdir()


def _path() -> Path:
    return Path(tempfile.gettempdir()) / f"tuner-cores-{os.getuid()}"


@contextmanager
def _folder() -> Iterator[int]:
    """Open the user's folder of leases for us alone, and yield its descriptor."""
    path = _path()
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(folder).st_uid != os.getuid():
            raise PermissionError(f"{path}: is somebody else's")
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
        fcntl.flock(folder, fcntl.LOCK_UN)
    finally:
        os.close(folder)


def _in_use(folder: int) -> list[int]:
    """Return the cores of the pools that live, and delete the files of those that do not."""
    cores: list[int] = []
    for name in os.listdir(folder):
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=folder)
        except BlockingIOError:
            cores += map(int, os.read(file, 2**16).split())
        finally:
            os.close(file)
    return cores


def _least_used(usable: Sequence[int], slots: int, in_use: Iterable[int]) -> tuple[int, ...]:
    users = Counter(in_use)
    chosen = []
    for _ in range(slots):
        core = min(usable, key=users.__getitem__)
        users[core] += 1
        chosen.append(core)
    return tuple(chosen)


def _locked_file(folder: int, cores: Iterable[int]) -> int:
    """Return the descriptor of a new file that says which cores are ours; no process that is started inherits it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    file = os.open(secrets.token_hex(8), flags, mode=0o600, dir_fd=folder)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, " ".join(map(str, cores)).encode())
    except BaseException:
        os.close(file)
        raise
    return file

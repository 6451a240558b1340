"""Folders in which models are laid down for a while: nothing is left there once nobody works on it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "tuner-job-"
"""What the names of jobs' folders begin with. What else lies beside them is somebody's own, and is never deleted."""


@contextmanager
def job_folder(folder: Path, job_id: int) -> Iterator[Path]:
    """Make a folder for a job below this one, which is gone when the context ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with passing_folder(folder, f"{PREFIX}{job_id}-") as own:
        yield own


@contextmanager
def passing_folder(folder: Path, prefix: str) -> Iterator[Path]:
    """Make a folder below one that is there, which is gone when the context ends.

    It is locked meanwhile, so that other processes, which may use the same folder, see that it is in use.
    """
    own, lock = _made(folder, prefix)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(lock)


def _made(folder: Path, prefix: str) -> tuple[Path, int]:
    """Make a folder and lock it; return it with the lock."""
    while True:
        own = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
        lock = os.open(own, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks: others delete nothing there either
            fcntl.flock(lock, fcntl.LOCK_EX)
        if own.exists():  # else it was taken for unused before it was locked
            return own, lock
        os.close(lock)


def clear_unused(folder: Path, prefix: str = PREFIX) -> None:
    """Delete the folders whose processes were killed; of jobs, unless another prefix is given."""
    for own in folder.glob(f"{prefix}*/") if folder.is_dir() else ():
        with suppress(OSError):
            lock = os.open(own, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(own, ignore_errors=True)
            finally:
                os.close(lock)

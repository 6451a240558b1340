"""Folders of jobs: where a worker lays the models of one. Nothing is left there once nobody works on it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "tuner-job-"
"""What the names of these folders begin with. What else lies beside them is somebody's own, and is never deleted."""


@contextmanager
def job_folder(folder: Path, job_id: int) -> Iterator[Path]:
    """Make a folder for a job below this one, which is gone when the context ends.

    It is locked meanwhile, so that other workers, which may have the same folder, see that it is in use.
    """
    own, lock = _made(folder, job_id)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(lock)


def _made(folder: Path, job_id: int) -> tuple[Path, int]:
    """Make a folder and lock it; return it with the lock."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{job_id}-", dir=folder))
        lock = os.open(own, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks: others delete nothing there either
            fcntl.flock(lock, fcntl.LOCK_EX)
        if own.exists():  # else it was taken for unused before it was locked
            return own, lock
        os.close(lock)


def clear_unused(folder: Path) -> None:
    """Delete the folders of jobs whose workers were killed."""
    for own in folder.glob(f"{PREFIX}*/") if folder.is_dir() else ():
        with suppress(OSError):
            lock = os.open(own, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(own, ignore_errors=True)
            finally:
                os.close(lock)

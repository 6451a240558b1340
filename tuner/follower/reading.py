"""Reading instances into the cache of arrays, each file in a child under limits: a malformed one does no harm."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from instances.folder import ModelFile
from instances.instance import Instance
from instances.reading import READER_VERSION
from storage.records import Termination
from tuner.errors import Stopped
from tuner.follower.cache import evict, hold
from tuner.follower.outcome import Outcome
from tuner.follower.pool import Pool
from tuner.follower.tasks import CacheUnwritable, Read

_GENERATION = f"models-{READER_VERSION}"
"""Part of the cache's path: a file may be read into other arrays by another version of the reader."""
_LOOK_EVERY = 0.1
"""Seconds between two looks whether somebody wants it to stop."""

READING_SECONDS, READING_MIB = 60.0, 4096.0
"""What reading one model may take, unless told otherwise."""


@dataclass(frozen=True)
class Reading:
    """What came of reading model files."""

    instances: tuple[Instance, ...]
    """In the order of the files."""
    failed: tuple[tuple[Path, str], ...]
    """The files that could not be read, and why."""


def cache_directory() -> Path:
    """Return the directory for arrays that this version of the reader has read, made if need be.

    ``$TUNER_CACHE``, else ``$XDG_CACHE_HOME/tuner``, else ``~/.cache/tuner``; when that one cannot be written, a
    temporary directory that is this process's own and is gone when it ends.
    """
    named = os.environ.get("TUNER_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tuner"
    directory = base.absolute() / _GENERATION
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return directory
    except OSError:
        return _temporary_directory()


@cache
def _temporary_directory() -> Path:
    place = Path(tempfile.mkdtemp(prefix="tuner-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    directory = place / _GENERATION
    directory.mkdir()
    return directory


def read_instances(
    files: Sequence[ModelFile],
    cache: Path,
    *,
    seconds: float,
    memory_mib: float,
    slots: int,
    stop: threading.Event | None = None,
) -> Reading:
    """Read model files, unless the cache has their arrays; they stay there for this process (`tuner.follower.cache`).

    Args:
        files: what to read; a file that fails is left out and named.
        cache: the directory of arrays, ``SHA-256.npz`` each.
        seconds: wall seconds for one file.
        memory_mib: MiB for one file.
        slots: how many files are read at a time.
        stop: when it is set, what is being read is ended.

    Raises:
        OSError: the cache cannot be written, as on a full disk; this says nothing about the models.
        Stopped: ``stop`` was set before all files were read; those that were are in the cache.

    """
    if not files:
        return Reading((), ())
    hold(cache.absolute(), (file.sha256 for file in files))
    pool: Pool[ModelFile] = Pool(min(slots, len(files)))
    try:
        for file in files:
            arrays = cache.absolute() / f"{file.sha256}.npz"
            path = str(file.path.absolute())
            pool.submit(file, Read(path=path, arrays=str(arrays), seconds=seconds, memory_mib=memory_mib))
        outcomes: dict[ModelFile, Outcome] = {}
        while pool.outstanding:
            if stop is not None and stop.is_set():
                raise Stopped(f"stopped when {len(outcomes)} of {len(files)} models were read")
            finished = pool.wait(None if stop is None else _LOOK_EVERY)
            outcomes.update((done.subject, done.outcome) for done in finished)
    finally:
        pool.close()
        evict(cache.absolute())
    for outcome in outcomes.values():
        if outcome.reason.startswith(f"{CacheUnwritable.__name__}: "):
            words = outcome.reason.removeprefix(f"{CacheUnwritable.__name__}: ")
            raise OSError(f"{cache}: {words}; free space there, or name another directory by $TUNER_CACHE")
    good = [
        Instance(
            file.sha256,
            file.name,
            file.path,
            cache.absolute() / f"{file.sha256}.npz",
            **{**outcomes[file].result, "warnings": tuple(outcomes[file].result["warnings"])},
        )
        for file in files
        if outcomes[file].termination is Termination.EXITED
    ]
    failed = [
        (file.path, _why(outcomes[file], seconds, memory_mib))
        for file in files
        if outcomes[file].termination is not Termination.EXITED
    ]
    return Reading(tuple(good), tuple(failed))


def _why(outcome: Outcome, seconds: float, memory_mib: float) -> str:
    if outcome.termination is Termination.CUTOFF:
        return f"reading it took longer than {seconds:g} s and was ended"
    if outcome.termination is Termination.MEMORY:
        return f"reading it took more than {memory_mib:g} MiB and was ended"
    return outcome.reason.removeprefix("UnreadableModel: ")


def complaint(path: Path, reason: str) -> str:
    """Return why a file cannot be used, behind its path; a reason may begin with that already."""
    named = any(reason.startswith(f"{written}: ") for written in (path, path.absolute()))
    return reason if named else f"{path}: {reason}"

"""Reading instances into the cache of arrays, each file in a child under limits: a malformed one does no harm."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from instances.folder import ModelFile
from instances.instance import Instance
from storage.records import Termination
from tuner.follower.outcome import Outcome
from tuner.follower.pool import Pool
from tuner.follower.tasks import Read

_GENERATION = "models-1"
"""Part of the cache's path; raise the number whenever a file would be read into other arrays than before."""


@dataclass(frozen=True)
class Reading:
    """What came of reading model files."""

    instances: tuple[Instance, ...]
    """In the order of the files."""
    failed: tuple[tuple[Path, str], ...]
    """The files that could not be read, and why."""


def cache_directory() -> Path:
    """Return the directory for arrays, made if need be.

    ``$TUNER_CACHE``, else ``$XDG_CACHE_HOME/tuner``, else ``~/.cache/tuner``; a new temporary directory when that one
    cannot be written.
    """
    named = os.environ.get("TUNER_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tuner"
    directory = base.absolute() / _GENERATION
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return directory
    except OSError:
        return Path(tempfile.mkdtemp(prefix="tuner-"))


def read_instances(
    files: Sequence[ModelFile], cache: Path, *, seconds: float, memory_mib: float, slots: int
) -> Reading:
    """Read model files, unless the cache has their arrays.

    Args:
        files: what to read; a file that fails is left out and named.
        cache: the directory of arrays, ``SHA-256.npz`` each.
        seconds: wall seconds for one file.
        memory_mib: MiB for one file.
        slots: how many files are read at a time.


    """
    if not files:
        return Reading((), ())
    pool: Pool[ModelFile] = Pool(min(slots, len(files)))
    try:
        for file in files:
            arrays = cache.absolute() / f"{file.sha256}.npz"
            path = str(file.path.absolute())
            pool.submit(file, Read(path=path, arrays=str(arrays), seconds=seconds, memory_mib=memory_mib))
        outcomes: dict[ModelFile, Outcome] = {}
        while finished := pool.wait():
            outcomes.update((done.subject, done.outcome) for done in finished)
    finally:
        pool.close()
    good = [
        Instance(file.sha256, file.name, file.path, cache.absolute() / f"{file.sha256}.npz", **outcomes[file].result)
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

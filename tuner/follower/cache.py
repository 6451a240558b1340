"""The cache of arrays stays below a limit: what was not used for longest goes, but nothing that a process still uses.

A process that reads models holds a locked file beside the cache with their names, until it lets go of them or ends,
however it ends. Who deletes looks at those files first; one lock keeps both apart. Files and lock lie in the folder
above the cache, since all of its generations share them.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tuner.scenario import parse_mib

VARIABLE = "TUNER_CACHE_LIMIT"
USUAL = "20GiB"
"""The limit unless the environment has another."""
NONE = "none"
SUFFIX = ".npz"
ABANDONED = 3600.0
"""Seconds after which a file that is half written is one of a process that was killed."""
_FOLDER = re.compile(r"models-[0-9a-f]{1,12}")
_FILE = re.compile(r"(?P<half>\.)?[0-9a-f]{64}\.npz(?(half)\..+)")
"""What is ours below a folder that users name: arrays, and those half written. Whatever else lies there is theirs."""
_HOLDERS = ".in-use"
_LOCK = ".lock"


@dataclass
class _Hold:
    """What this process uses of the caches in one place."""

    path: Path
    descriptor: int
    """Of the open file, which is locked for as long as it is open."""
    names: set[str]


_holds: dict[Path, _Hold] = {}
_own = threading.Lock()
"""Guards `_holds`."""


def limit_bytes() -> float:
    """Return how many bytes the cache may have; infinite where $TUNER_CACHE_LIMIT is none.

    Raises UsageError when that is no size.
    """
    text = os.environ.get(VARIABLE) or USUAL
    return float("inf") if text.lower() == NONE else parse_mib(text, f"${VARIABLE}") * 2**20


def hold(cache: Path, names: Iterable[str]) -> None:
    """Keep models, by SHA-256, in the cache from now on: until `let_go`, or the end of this process."""
    wanted, place = set(names), cache.parent
    with _own, suppress(OSError), _locked(place):  # where nothing can be written, nobody can delete either
        held = _holds.get(place)
        if held is None:
            folder = place / _HOLDERS
            folder.mkdir(exist_ok=True)
            path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            held = _holds[place] = _Hold(path, descriptor, set())
        held.names |= wanted
        os.pwrite(held.descriptor, "".join(f"{name}\n" for name in sorted(held.names)).encode(), 0)
        for name in wanted:
            with suppress(OSError):
                os.utime(cache / f"{name}{SUFFIX}")


def let_go() -> None:
    """Let others delete what this process has used so far."""
    with _own:
        for held in _holds.values():
            held.path.unlink(missing_ok=True)
            os.close(held.descriptor)
        _holds.clear()


atexit.register(let_go)


def evict(cache: Path) -> None:
    """Delete what was not used for longest until the cache is below its limit; nothing that a process uses.

    Arrays of other generations, in the folders beside this one, count and go like the others.
    """
    most = limit_bytes()
    with suppress(OSError):
        place = cache.parent
        if sum(size for _, size, _ in _kept(place)) <= most:
            return
        with _locked(place):
            used = _used(place)
            found = sorted(_kept(place))
            total = sum(size for _, size, _ in found)
            for _, size, path in found:
                if total <= most:
                    return
                if path.name.removesuffix(SUFFIX) not in used:
                    path.unlink(missing_ok=True)
                    total -= size


def _kept(place: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield when each file was last used, its bytes and its path; what was abandoned half written is deleted."""
    for path in place.glob(f"models-*/*{SUFFIX}*"):
        if not _FOLDER.fullmatch(path.parent.name) or not _FILE.fullmatch(path.name):
            continue
        with suppress(FileNotFoundError):
            status = path.stat()
            if path.name.startswith("."):
                if time.time() - status.st_mtime > ABANDONED:
                    path.unlink(missing_ok=True)
                continue
            yield status.st_mtime, status.st_size, path


def _used(place: Path) -> set[str]:
    """Return the models that processes use; the files of those that have ended are deleted."""
    used: set[str] = set()
    mine = {held.path for held in _holds.values()}
    for path in (place / _HOLDERS).glob("*"):
        if path not in mine and _is_abandoned(path):
            path.unlink(missing_ok=True)
        else:
            with suppress(FileNotFoundError):
                used.update(path.read_text(encoding="ascii").split())
    return used


def _is_abandoned(path: Path) -> bool:
    """Whether the process that made this file has ended: then nobody has it locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Keep out every other process that notes or deletes something."""
    descriptor = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

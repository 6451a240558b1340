"""Reading a problem that a server was handed, first in a process of its own under limits: a hostile one does no harm.

What a document describes in a few bytes may take a machine's memory, or for ever. As a program, this module reads
the document on standard input, and says on standard output what is wrong with it.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import tempfile
import threading

from instances.visible import escaped
from tuner.bilevel import Ties
from tuner.bilevel.applications import restored
from tuner.errors import Failed, Stopped, TunerError, UsageError
from tuner.follower.inheritance import clean_environment
from tuner.follower.reading import READING_MIB, READING_SECONDS

WRONG, FULL = 2, 3
"""Exit codes: the problem is wrong, and there was not enough memory."""
POLL = 0.1
"""Seconds between two looks whether it is done, or is to be stopped."""
MIB = 2**20


def try_out(
    document: str, stop: threading.Event, seconds: float = READING_SECONDS, memory_mib: float = READING_MIB
) -> None:
    """See that a problem can be read, and how much that takes.

    Args:
        document: the problem.
        stop: once set, nobody wants to know any more.
        seconds: that it may take, by the wall clock.
        memory_mib: of address space.

    Raises:
        UsageError: it is wrong; the message says what.
        Failed: it takes too long, or too much memory.
        Stopped: ``stop`` was set.

    """
    code, reason = _tried(document, stop, seconds, memory_mib)
    if code == -signal.SIGKILL:  # which says nothing of the problem, unless it happens again
        code, reason = _tried(document, stop, seconds, memory_mib)
    if code == WRONG:
        raise UsageError(reason)
    if code == -signal.SIGKILL:
        raise Failed(
            "the problem as it was handed in: what read it was killed twice, and not by this program (is the machine "
            "out of memory?)"
        )
    if code != 0:
        full = f"reading it took more than {memory_mib:g} MiB and was ended"
        raise Failed(f"the problem as it was handed in: {full if code == FULL or not reason else reason}")


def _tried(document: str, stop: threading.Event, seconds: float, memory_mib: float) -> tuple[int, str]:
    """Return the exit code of a process that reads a problem, and what it says."""
    words = [sys.executable, "-P", "-m", __name__, str(round(memory_mib))]
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as told:
        given.write(document.encode())
        given.seek(0)
        process = subprocess.Popen(words, stdin=given, stdout=told, stderr=subprocess.DEVNULL, env=clean_environment())
        try:
            code = _ended(process, stop, seconds)
        finally:
            process.kill()
            process.wait()
        told.seek(0)
        return code, told.read().decode(errors="replace").strip()


def _ended(process: subprocess.Popen[bytes], stop: threading.Event, seconds: float) -> int:
    """Return the exit code of a process once it has ended."""
    for _ in range(max(1, round(seconds / POLL))):
        try:
            return process.wait(POLL)
        except subprocess.TimeoutExpired:
            if stop.is_set():
                raise Stopped("stopped while the problem was read") from None
    raise Failed(f"the problem as it was handed in: reading it took longer than {seconds:g} s and was ended")


def _main(memory_mib: int) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib * MIB, memory_mib * MIB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        restored(sys.stdin.read()).problem(Ties.OPTIMISTIC)
    except TunerError as error:
        sys.stdout.write(escaped(str(error)))
        return WRONG
    except MemoryError:
        return FULL
    except Exception as error:  # noqa: BLE001  of a kind that nobody thought of: it fails the job, not the worker
        sys.stdout.write(escaped(f"it cannot be read: {type(error).__name__}: {error}"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1])))

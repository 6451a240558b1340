"""Ctrl-C and SIGTERM: the first asks a job to stop, any other ends the command, and none changes how it has ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_decided = threading.Event()


def obey() -> None:
    """Let both end the command by KeyboardInterrupt, so that what is temporary is cleared up, until it is `decided`."""
    _decided.clear()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as a shell starts its background jobs
            signal.signal(number, _end)


def decided() -> None:
    """Say that all is done and the exit code stands: there is nothing left to interrupt."""
    _decided.set()


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Turn the first signal into an event for as long as the context lasts; the second one interrupts at once."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    former = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    if not _decided.is_set():
        raise KeyboardInterrupt

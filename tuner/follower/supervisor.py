"""The supervisor: forks one child at a time, measures it from outside, holds it to its limits, and clears up after it.

It lives in the zygote, which is single-threaded and adopts every descendant of a child whose parent has ended, so that
"no children are left" means "no process of that run is left", whatever session or group it went to.
"""

from __future__ import annotations

import math
import os
import select
import signal
import time
from contextlib import suppress

from storage.records import Termination
from tuner.follower import processes
from tuner.follower.child import ANSWER_LIMIT, Limits, Work, cell, live
from tuner.follower.link import Link
from tuner.follower.outcome import Outcome, Remains, judge
from tuner.follower.processes import MIB
from tuner.follower.reporting import EVERY, Reports

GRACE = 0.5
"""Seconds after its limit that a child may take to end by itself; then its whole tree gets SIGTERM."""
PARTING = 0.5
"""Seconds from SIGTERM to SIGKILL."""
SAMPLE = 0.05
"""Seconds between two looks at the tree's memory."""
TAIL = 4096
"""Bytes that are kept of what a child prints."""
_AGAIN = 0.02
"""Seconds between two rounds of SIGKILL while something is left of the tree."""
_CHUNK = 65536


class LeaderGone(Exception):
    """The leader's end of the pipe is closed: nobody wants an answer any more."""


def supervise(work: Work, limits: Limits, core: int | None, link: Link, reports: bool = False) -> Outcome:
    """Execute ``work`` in a forked child under limits and return what came of it, once all its processes are gone.

    With ``reports``, what the child reports meanwhile goes to the leader as it comes.

    Raises:
        LeaderGone: the leader ended meanwhile; the child and its descendants are gone.

    """
    watch = _Watch(limits, core, link, reports)
    try:
        watch.fork(work)
        while not watch.empty:
            watch.look()
        return watch.outcome()
    finally:
        watch.close()


class _Watch:
    def __init__(self, limits: Limits, core: int | None, link: Link, reports: bool) -> None:
        self._limits, self._link = limits, link
        self._answer, answer = os.pipe()
        self._output, output = os.pipe()
        self._told: int | None = None
        telling: int | None = None
        if reports:
            self._told, telling = os.pipe()
        self._reports, self._next_report = Reports(), 0.0
        self._cell = cell(limits, core, answer, output, telling)
        self._own = [end for end in (self._answer, self._output, self._told) if end is not None]
        for descriptor in self._own:
            os.set_blocking(descriptor, False)
        self._poll = select.poll()
        for descriptor in (link.requests, link.signals, *self._own):
            self._poll.register(descriptor, select.POLLIN)
        _, resident = processes.memory(self._cell.parent)
        self._memory_limit = resident + int(limits.memory_mib * MIB)
        self._message = bytearray()
        self._printed = b""
        self._ended: tuple[Termination, str] | None = None  # from outside, and why
        self._killing = False
        self._status: int | None = None
        self._widest = 0  # bytes of address space, of the child
        self._cpu = 0.0
        self._wall = 0.0
        self._peak_kib = 0
        self.empty = False

    def fork(self, work: Work) -> None:
        self._started = time.monotonic()
        try:
            self._pid = os.fork()
            if self._pid == 0:
                live(work, self._cell)
        finally:
            os.close(self._cell.answer)
            os.close(self._cell.output)
            if self._cell.reports is not None:
                os.close(self._cell.reports)
        self._next_sample = self._started + SAMPLE
        self._next_strike = self._started + self._limits.wall + GRACE

    def close(self) -> None:
        for descriptor in self._own:
            os.close(descriptor)

    def look(self) -> None:
        """Wait for something to happen, or for something that is due, and act on it."""
        due = min(self._next_strike, self._next_sample)
        for descriptor, _ in self._poll.poll(max(0, math.ceil((due - time.monotonic()) * 1000))):
            if descriptor not in self._own:
                self._link.receive()
            elif self._take(descriptor) == b"":
                self._poll.unregister(descriptor)
        if self._link.closed:
            self._deafen()
            self._end(Termination.KILLED, "the leader ended")
        elif self._link.cancelled:
            self._end(Termination.KILLED, "cancelled")
        self._reap()
        if not self.empty:
            self._enforce()

    def outcome(self) -> Outcome:
        if self._link.closed:
            raise LeaderGone
        assert self._status is not None
        spent = self._cpu, self._wall, self._peak_kib / 1024
        if self._ended is not None:
            return Outcome(*self._ended, *spent)
        remains = Remains(
            self._status,
            bytes(self._message),
            self._printed,
            starved=self._widest > 0.95 * self._cell.address_space,
            exhausted=self._cpu >= self._cell.cpu_seconds,
        )
        termination, reason, result = judge(remains)
        return Outcome(termination, reason, *spent, result, remains.killed_by_others)

    def _take(self, descriptor: int) -> bytes | None:
        """Read what is in a pipe; return it: nothing at the end, None when nothing has come yet."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return None
        if descriptor == self._told:
            self._reports.take(chunk)
            self._pass_on()
        elif descriptor == self._output:
            self._printed = (self._printed + chunk)[-TAIL:]
        else:
            self._message += chunk
            if len(self._message) > ANSWER_LIMIT:
                self._end(Termination.CRASHED, f"answered more than {ANSWER_LIMIT // MIB} MiB")
                self._message.clear()
        return chunk

    def _pass_on(self) -> None:
        """Tell the leader what the child has reported, now and then."""
        now = time.monotonic()
        if now >= self._next_report and (news := self._reports.news()):
            self._next_report = now + EVERY
            self._link.report(news)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self.empty = True
                return
            if pid == 0:
                break
            self._cpu += usage.ru_utime + usage.ru_stime
            self._peak_kib = max(self._peak_kib, usage.ru_maxrss)
            if pid == self._pid:
                self._wall = time.monotonic() - self._started
                self._drain()
                self._status = status
        if self._status is not None and not self._killing:  # it left others behind
            self._kill()

    def _drain(self) -> None:
        """Read what the child left in its pipes: a few chunks hold it, and others may be writing still."""
        for descriptor in (self._answer, self._output):
            for _ in range(4):
                if not self._take(descriptor):
                    break

    def _enforce(self) -> None:
        now = time.monotonic()
        if now >= self._next_strike:
            if self._ended is None and not self._killing:
                self._ended = (Termination.CUTOFF, f"did not end by itself {GRACE:g} s after its limit")
                processes.send(signal.SIGTERM, processes.descendants(os.getpid()))
                self._next_strike = now + PARTING
            else:
                self._kill()
        if now >= self._next_sample:
            self._next_sample = now + SAMPLE
            self._sample()

    def _sample(self) -> None:
        held = 0
        for pid in processes.descendants(os.getpid()):
            size, resident = processes.memory(pid)
            held += resident
            if pid == self._pid:
                self._widest = max(self._widest, size)
        if held > self._memory_limit:
            self._end(Termination.MEMORY, f"held {held // MIB} MiB, more than the limit")

    def _end(self, termination: Termination, reason: str) -> None:
        if self._ended is None and self._status is None:
            self._ended = (termination, reason)
        if not self._killing:
            self._kill()

    def _deafen(self) -> None:
        """Wait no more for a leader that is gone: its pipe would be readable for ever."""
        with suppress(KeyError):
            self._poll.unregister(self._link.requests)

    def _kill(self) -> None:
        """Kill whatever is left of the tree now; `look` asks for another round until nothing is."""
        self._killing = True
        self._next_strike = time.monotonic() + _AGAIN
        processes.send(signal.SIGKILL, processes.descendants(os.getpid()))

"""The pool, on the leader's side: slots that execute tasks, each in a child of a warm process.

A thread of its own hands tasks to slots that fall free and collects what comes back, so that a leader that is busy
thinking idles no slot. The leader's process imports no solver.
"""

from __future__ import annotations

import atexit
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar

from storage.records import Termination
from tuner.errors import Failed
from tuner.follower.cores import CoreLease, lease_cores
from tuner.follower.outcome import Outcome
from tuner.follower.spawn import ZygoteProcess
from tuner.follower.tasks import Task
from tuner.ports import Step

S = TypeVar("S")
_PATIENCE = 60.0
"""Seconds beyond a task's own limit after which the zygote itself is taken to be stuck: it may have to import a solver
and load a model first."""


@dataclass(frozen=True)
class Done(Generic[S]):
    """A task that is over."""

    subject: S
    outcome: Outcome


@dataclass(frozen=True)
class Busy(Generic[S]):
    """What a slot executes."""

    subject: S
    since: float
    """`time.monotonic()` when it was handed to the slot."""
    began: float | None = None
    """`time.monotonic()` when its child began, or a little later; None until it has reported."""
    steps: tuple[Step, ...] = ()
    """What it has reported."""


@dataclass(eq=False)
class _Ticket(Generic[S]):
    id: int
    subject: S
    task: Task
    attempts: int = 0
    cancelled: bool = False


@dataclass(eq=False)
class _Slot(Generic[S]):
    core: int
    zygotes: dict[str, ZygoteProcess] = field(default_factory=dict)
    own: deque[_Ticket[S]] = field(default_factory=deque)
    """What this slot is to execute before anything of the queue."""
    ticket: _Ticket[S] | None = None
    since: float = 0.0
    deadline: float = 0.0
    began: float | None = None
    steps: list[Step] = field(default_factory=list)

    def hear(self, steps: Sequence[Step], now: float) -> None:
        """Take in what the child reports; it takes a while to come here."""
        self.steps += steps
        began = now - steps[-1].wall
        self.began = began if self.began is None else min(self.began, began)


class Pool(Generic[S]):
    """Executes tasks, each for a subject of the caller's choice, first in, first out.

    All methods may be called from any thread.
    """

    def __init__(self, slots: int, cores: Sequence[int] | None = None) -> None:
        """Start the thread; the warm processes start when first needed.

        Args:
            slots: how many tasks execute at a time.
            cores: which cores they use, in turn; None for those of this process that no other pool on the host has.

        """
        if slots < 1:
            raise ValueError(f"slots: must be 1 or more, not {slots}")
        self._slots: list[_Slot[S]] = []
        self._queue: deque[_Ticket[S]] = deque()
        self._done: list[Done[S]] = []
        self._outstanding = 0
        self._count = 0
        self._closing = self._closed = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition()  # guards everything above
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ, self._woken)
        self._thread = threading.Thread(target=self._dispatch, args=(slots, cores), name="tuner-slots", daemon=True)
        atexit.register(self.close)  # an interrupt may come before the caller has what it is to close
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._slots or self._failure)

    @property
    def slots(self) -> int:
        """How many tasks execute at a time."""
        return len(self._slots)

    @property
    def outstanding(self) -> int:
        """How many tasks were submitted and not yet returned by `wait`."""
        with self._changed:
            return self._outstanding

    def submit(self, subject: S, task: Task) -> None:
        """Queue a task."""
        with self._changed:
            self._check()
            self._queue.append(self._ticket(subject, task))
            self._alert()

    def submit_to_every_slot(self, subject: S, task: Task) -> None:
        """Let every slot execute a task, before anything that is queued."""
        with self._changed:
            self._check()
            for slot in self._slots:
                slot.own.append(self._ticket(subject, task))
            self._alert()

    def _ticket(self, subject: S, task: Task) -> _Ticket[S]:
        self._count += 1
        self._outstanding += 1
        return _Ticket(self._count, subject, task)

    def wait(self, timeout: float | None = None) -> list[Done[S]]:
        """Return the tasks that are over since the last call, waiting for at least one while any is outstanding."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._done or not self._outstanding or self._failure or self._closing, timeout
            )
            done, self._done = self._done, []
            self._outstanding -= len(done)
            if not done and self._failure is not None:
                raise Failed(f"the thread that serves the slots broke down: {self._failure!r}") from self._failure
            return done

    def cancel(self, subject: S) -> None:
        """End the tasks of this subject, queued or executing. One that ends at this moment may still have a result."""
        with self._changed:
            for ticket in [ticket for ticket in self._queue if ticket.subject == subject]:
                self._queue.remove(ticket)
                self._finish(ticket, Outcome(Termination.KILLED, "cancelled before it began"))
            for slot in self._slots:
                if slot.ticket is not None and slot.ticket.subject == subject and not slot.ticket.cancelled:
                    slot.ticket.cancelled = True
                    zygote = slot.zygotes.get(slot.ticket.task.library)
                    if zygote is not None:  # else it has just died, and the run is not executed again
                        zygote.cancel(slot.ticket.id)

    def activity(self) -> list[Busy[S] | None]:
        """Return what each slot executes now."""
        with self._changed:
            return [
                None if slot.ticket is None else Busy(slot.ticket.subject, slot.since, slot.began, tuple(slot.steps))
                for slot in self._slots
            ]

    def close(self) -> None:
        """Kill what executes, wait until every process is gone, and drop the rest."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._alert()
            # A join that was interrupted once takes the thread for ended from then on (Python 3.11).
            self._changed.wait_for(lambda: self._closed or self._thread.ident is None)
        atexit.unregister(self.close)

    def _check(self) -> None:
        if self._closing:
            raise RuntimeError("the executor is closed")
        if self._failure is not None:
            raise Failed(f"the thread that serves the slots broke down: {self._failure!r}") from self._failure

    def _alert(self) -> None:
        if not self._closed:
            os.eventfd_write(self._wake, 1)

    def _woken(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake)

    def _dispatch(self, slots: int, cores: Sequence[int] | None) -> None:
        # The lease is taken here since no interrupt comes to a thread, which would leave it half taken.
        lease = CoreLease((), None)
        try:
            if cores is None:
                lease = lease_cores(sorted(os.sched_getaffinity(0)), slots)
            else:
                lease = CoreLease(tuple(cores[i % len(cores)] for i in range(slots)), None)
            with self._changed:
                self._slots = [_Slot(core) for core in lease.cores]
                self._changed.notify_all()
            while not self._closing:
                with self._changed:
                    self._feed()
                    deadline = min((slot.deadline for slot in self._slots if slot.ticket), default=None)
                timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
                for key, _ in self._selector.select(timeout):
                    act: Callable[[], None] = key.data
                    act()
                self._lose_patience()
        except BaseException as error:  # noqa: BLE001 (raised again where somebody waits)
            with self._changed:
                self._failure = error
                self._changed.notify_all()
        finally:
            try:
                zygotes = [zygote for slot in self._slots for zygote in slot.zygotes.values()]
                for zygote in zygotes:
                    zygote.dismiss()
                for zygote in zygotes:
                    zygote.bury()
            finally:
                with self._changed:
                    self._selector.close()
                    os.close(self._wake)
                    lease.release()
                    self._closed = True
                    self._changed.notify_all()

    def _feed(self) -> None:
        """Hand each idle slot what it alone is to execute, or else the head of the queue."""
        for slot in self._slots:
            if slot.ticket is None and (waiting := slot.own or self._queue):
                ticket = waiting.popleft()
                ticket.attempts += 1
                slot.ticket = ticket
                slot.since = time.monotonic()
                slot.began, slot.steps = None, []
                slot.deadline = slot.since + ticket.task.limits.wall + _PATIENCE
                library = ticket.task.library
                if library not in slot.zygotes:
                    zygote = ZygoteProcess(library)
                    slot.zygotes[library] = zygote
                    self._selector.register(zygote, selectors.EVENT_READ, partial(self._hear, slot, zygote))
                slot.zygotes[library].request(ticket.id, ticket.task, slot.core)

    def _hear(self, slot: _Slot[S], zygote: ZygoteProcess) -> None:
        """Take in what a zygote says, or that it is gone."""
        replies, gone = zygote.receive()
        if gone:
            self._lose(slot, zygote)
        with self._changed:
            for number, outcome in replies:
                if slot.ticket is not None and slot.ticket.id == number:
                    if isinstance(outcome, list):
                        slot.hear(outcome, time.monotonic())
                        continue
                    if outcome.killed_by_others:
                        self._repeat(slot.ticket, outcome)
                    else:
                        self._finish(slot.ticket, outcome)
                    slot.ticket = None
            ticket = slot.ticket
            if gone and ticket is not None and ticket.task.library == zygote.library:
                self._repeat(ticket, Outcome(Termination.CRASHED, zygote.last_words))
                slot.ticket = None

    def _repeat(self, ticket: _Ticket[S], outcome: Outcome) -> None:
        """Execute a task once more that was ended by no fault of its own, as far as can be told."""
        if ticket.cancelled:
            self._finish(ticket, Outcome(Termination.KILLED, "cancelled"))
        elif ticket.attempts < 2:
            self._queue.appendleft(ticket)
        else:
            self._finish(ticket, replace(outcome, reason=f"executed twice, and {outcome.reason}"))

    def _lose(self, slot: _Slot[S], zygote: ZygoteProcess) -> None:
        self._selector.unregister(zygote)
        with self._changed:
            del slot.zygotes[zygote.library]
        zygote.bury()

    def _lose_patience(self) -> None:
        """Kill a zygote that is stuck itself; its end is then heard like any other."""
        now = time.monotonic()
        for slot in self._slots:
            if slot.ticket is not None and now > slot.deadline:
                slot.deadline = now + _PATIENCE
                slot.zygotes[slot.ticket.task.library].kill()

    def _finish(self, ticket: _Ticket[S], outcome: Outcome) -> None:
        self._done.append(Done(ticket.subject, outcome))
        self._changed.notify_all()

"""The zygote's link to its leader: messages, the leader's end and signals, all as pipes that one can wait for."""

from __future__ import annotations

import json
import os
import select
import signal
from collections import deque
from typing import Any


class Link:
    """The leader's messages, one JSON object a line: a task ``{"id": ..., ...}`` or a wish ``{"cancel": id}``."""

    def __init__(self, requests: int, replies: int) -> None:
        """Read from one pipe, write to the other, and take over SIGCHLD and SIGTERM (a request to end)."""
        self.requests = requests
        """The pipe from the leader: readable for ever once the leader is gone."""
        self._replies = replies
        self.signals, self._signals_end = os.pipe()
        """Readable when a child has ended or this process shall."""
        for end in (requests, self.signals, self._signals_end):
            os.set_blocking(end, False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, _note)  # a handler in Python is what makes the number appear in the pipe
        signal.set_wakeup_fd(self._signals_end, warn_on_full_buffer=False)
        self._rest = b""
        self._tasks: deque[dict[str, Any]] = deque()
        self._current: int | None = None
        self.cancelled = False
        """Whether the leader does not want the task that `next` returned last any more."""
        self.closed = False
        """Whether the leader is gone, or this process was asked to end."""

    def receive(self) -> None:
        """Take in what has arrived, without waiting."""
        if signal.SIGTERM in (_read(self.signals) or b""):
            self.closed = True
        while chunk := _read(self.requests):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._sort(json.loads(line))
        if chunk is not None:
            self.closed = True

    def next(self) -> dict[str, Any] | None:
        """Wait for the next task; None when the leader is gone."""
        poll = select.poll()
        for descriptor in (self.requests, self.signals):
            poll.register(descriptor, select.POLLIN)
        while not self._tasks and not self.closed:
            poll.poll()
            self.receive()
        if self.closed:
            return None
        task = self._tasks.popleft()
        self._current = task["id"]
        self.cancelled = task.pop("cancelled", False)
        return task

    def reply(self, message: dict[str, Any]) -> None:
        """Send a message; BrokenPipeError when the leader is gone."""
        rest = memoryview(json.dumps(message).encode() + b"\n")
        while rest:
            rest = rest[os.write(self._replies, rest) :]

    def report(self, steps: list[list[float | None]]) -> None:
        """Send how far the task is that `next` returned last; BrokenPipeError when the leader is gone."""
        self.reply({"id": self._current, "steps": steps})

    def _sort(self, message: dict[str, Any]) -> None:
        if "cancel" not in message:
            self._tasks.append(message)
        elif message["cancel"] == self._current:
            self.cancelled = True
        else:
            for task in self._tasks:
                if task["id"] == message["cancel"]:
                    task["cancelled"] = True


def _note(number: int, frame: object) -> None:
    pass


def _read(descriptor: int) -> bytes | None:
    """Return what is in a pipe: nothing at its end, None when nothing has come yet."""
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return None

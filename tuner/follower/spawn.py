"""A zygote as the leader holds it: started, spoken to, listened to, and buried with everything it has left behind."""

from __future__ import annotations

import json
import math
import os
import secrets
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from tuner.follower import processes
from tuner.follower.inheritance import clean_environment
from tuner.follower.outcome import Outcome, last_words
from tuner.follower.tasks import Task
from tuner.ports import Step

MARK = "TUNER_ZYGOTE"
"""The environment variable by which a zygote's descendants are known, wherever they went."""
_PATIENCE = 3.0
"""Seconds that a dismissed zygote may take to kill what it has forked."""


class ZygoteProcess:
    """The process ``python -m tuner.follower.zygote``, and its two pipes."""

    def __init__(self, library: str) -> None:
        """Start it. The calling thread has to live as long: the zygote ends with it."""
        self.library = library
        self._mark = secrets.token_hex(8)
        self._stderr = os.fdopen(os.memfd_create(MARK), "w+b")  # no disk that could be full
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tuner.follower.zygote"],  # -P: no module from where the user happens to be
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**clean_environment(), MARK: self._mark},
            bufsize=0,
            start_new_session=True,  # Ctrl-C at the terminal is for the leader, which decides
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._rest = b""
        self.last_words = ""
        """How it ended, once it is buried."""

    def fileno(self) -> int:
        """The descriptor that is readable when `receive` has something to tell."""
        return self._replies.fileno()

    def request(self, number: int, task: Task, core: int) -> None:
        """Ask for a task; a zygote that has ended meanwhile says so by `receive`."""
        self._say({"id": number, "core": core, "task": task.to_json()})

    def cancel(self, number: int) -> None:
        """Ask it to kill the child of a task."""
        self._say({"cancel": number})

    def receive(self) -> tuple[list[tuple[int, Outcome | list[Step]]], bool]:
        """Return what has arrived, by the numbers of the tasks, and whether the zygote has ended.

        That is a task's outcome, or, while it is worked on, some steps of its solver.

        Call it when there is something to read. It reads once: each system call gives the interpreter away, and it
        takes milliseconds to get it back from a leader that is busy.
        """
        chunk = os.read(self._replies.fileno(), 65536)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        messages = map(json.loads, lines)
        return [(message["id"], _content(message)) for message in messages], not chunk

    def kill(self) -> None:
        """Kill it, not gently; `bury` still has to be called."""
        self._process.kill()

    def dismiss(self) -> None:
        """Ask it to end, with everything below it; it does when it sees the end of its pipe."""
        self._requests.close()

    def bury(self) -> None:
        """Wait until it has ended, if need be by force, and kill what it has left behind."""
        self._requests.close()
        try:
            code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        processes.kill_marked(f"{MARK}={self._mark}")
        self._replies.close()
        self._stderr.seek(0)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self.last_words = f"the warm process of {self.library} ended by {how}{last_words(self._stderr.read())}"
        self._stderr.close()

    def _say(self, message: dict[str, object]) -> None:
        with suppress(BrokenPipeError):
            self._requests.write(json.dumps(message).encode() + b"\n")


def _content(message: dict[str, Any]) -> Outcome | list[Step]:
    if "steps" not in message:
        return Outcome.from_json(message["outcome"])
    nothing = math.nan
    return [
        Step(seconds, nothing if objective is None else objective, nothing if bound is None else bound)
        for seconds, objective, bound in message["steps"]
    ]

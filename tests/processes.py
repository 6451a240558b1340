"""The commands as processes of their own: started, ended in every way, and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds; fail after so many seconds."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.05)


class Command:
    """The command ``tuner WORDS``. All that it leaves behind lies in a folder: leaving the context ends it."""

    def __init__(self, url: str, folder: Path, *words: str, **environment: str) -> None:
        """Start nothing yet.

        Args:
            url: of the store.
            folder: where it works; made if missing.
            words: of the command.
            environment: besides that of this process.

        """
        self.folder, self.temporary, self._log = folder, folder / "tmp", folder / "said.txt"
        self.temporary.mkdir(parents=True, exist_ok=True)
        own = {"TUNER_STORE": url, "TUNER_CACHE": str(folder / "cache"), "TMPDIR": str(self.temporary)}
        self._words = words
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **own, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """What it has printed and said since its first start."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tuner", *self._words],
                env=self._environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )

    def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int:
        """End it, if it was started; return its exit code as `wait` does."""
        if self._process is None:
            return 0
        self._process.send_signal(how)
        return self.wait(seconds)

    def wait(self, seconds: float) -> int:
        """Return its exit code once it has ended; after so many seconds it is killed, and the code is negative."""
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class Server(Command):
    """``tuner serve`` on a port of its own, which it keeps."""

    def __init__(self, url: str, folder: Path, *words: str, **environment: str) -> None:
        """Start nothing yet; see `Command`."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        super().__init__(url, folder, "serve", "--port", str(self.port), *words, **environment)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        super().__exit__()

    def start(self) -> None:
        """Start it; return when it answers."""
        super().start()
        until(self._is_ready)

    def _is_ready(self) -> bool:
        assert self.is_running, self.said
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

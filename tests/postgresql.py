"""A private server of PostgreSQL for the tests: started from installed binaries, stopped at will, gone with them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class NotInstalled(Exception):
    """There are no binaries of PostgreSQL here, or nobody who may run them; the message says what was looked for."""


def _binaries() -> Path:
    """Return the folder with initdb and postgres."""
    candidates = [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(answer.stdout.strip()))
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NotInstalled("no initdb and postgres on PATH, by pg_config or in /usr/lib/postgresql/*/bin")


def _account() -> pwd.struct_passwd | None:
    """Return who must run the server: None for ourselves, somebody else when we are root, which it refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NotInstalled("PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it as")


class Server:
    """A server on a socket in a folder of its own. Stopped and started again, it has the same data at the same URL."""

    def __init__(self, folder: Path, binaries: Path, identity: dict[str, Any]) -> None:
        """Make the data directory.

        Args:
            folder: for everything, with a short path, of the account that runs the server.
            binaries: the folder with initdb and postgres.
            identity: what `subprocess.Popen` is to be told about that account.

        """
        self.url = f"postgresql://tuner@/postgres?host={folder}"
        self._folder, self._binaries, self._identity = folder, binaries, identity
        self._process: subprocess.Popen[str] | None = None
        words = ("-U", "tuner", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", *words],
            check=True,
            capture_output=True,
            cwd=folder,
            **identity,
        )

    def start(self) -> None:
        """Start the process; return when it accepts connections."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "shared_buffers": "16MB",
            "log_min_messages": "log",  # "ready" is told, errors are not: nobody reads the pipe after that
            "log_checkpoints": "off",
        }
        flags = [f"--{name}={value}" for name, value in settings.items()]
        self._process = subprocess.Popen(
            [self._binaries / "postgres", "-D", self._folder / "data", *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._folder,
            **self._identity,
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "ready to accept connections" in line:
                return
        raise RuntimeError("the private PostgreSQL server ended before it was ready")

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End the process, if it runs, and all connections with it.

        Args:
            how: SIGQUIT is the immediate shutdown, as if it had crashed; SIGINT the fast one, which tidies up.

        """
        if self._process is not None:
            self._process.send_signal(how)
            self._process.communicate()
            self._process = None


@contextmanager
def stoppable_server() -> Iterator[Server]:
    """Run a server for as long as the context lasts, but for when it is stopped.

    Raises NotInstalled when there is none to run.
    """
    binaries, account = _binaries(), _account()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    identity: dict[str, Any] = {}
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        server = Server(folder, binaries, identity)
        try:
            server.start()
            yield server
        finally:
            server.stop()  # without delay: nothing of it is kept anyway
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def private_server() -> Iterator[str]:
    """Run a server; yields the URL of its database ``postgres``.

    Raises NotInstalled when there is none to run.
    """
    with stoppable_server() as server:
        yield server.url

"""A private server of PostgreSQL for the tests: started from installed binaries, gone with them."""

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


@contextmanager
def private_server() -> Iterator[str]:
    """Run a server on a socket in a folder of its own; yields the URL of its database ``postgres``.

    Raises NotInstalled when there is none to run.
    """
    binaries, account = _binaries(), _account()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    identity = {}
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = folder / "data"
    try:
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "tuner", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            cwd=folder,
            **identity,
        )
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": folder,
            "fsync": "off",
            "shared_buffers": "16MB",
            "log_min_messages": "log",  # "ready" is told, errors are not: nobody reads the pipe after that
            "log_checkpoints": "off",
        }
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            **identity,
        )
        try:
            assert server.stderr is not None
            for line in server.stderr:
                if "ready to accept connections" in line:
                    break
            else:
                raise RuntimeError("the private PostgreSQL server ended before it was ready")
            yield f"postgresql://tuner@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGQUIT)  # the immediate shutdown: nothing of it is kept anyway
            server.communicate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

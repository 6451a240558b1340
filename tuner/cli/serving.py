"""The commands of a service: serve, work, token."""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.names import fault
from storage.records import OwnerLimits, Scope, Token
from storage.store import Store
from tuner.app.job_data import Data
from tuner.app.set_advice import clear_left
from tuner.app.stores import existing_store, open_store, printed_url, store_url
from tuner.app.working import Worker
from tuner.cli.words import print_json, print_table, put, sayer
from tuner.commands import command, counted
from tuner.errors import UsageError
from tuner.follower.processes import die_with_parent
from tuner.scenario import LEAST_BUDGET, parse_mib, parse_seconds, read_whole
from tuner.space import unknown

FEWEST_SECONDS = 1.0
"""A worker that ends sooner is not started again at once."""
SHUTDOWN_SECONDS = 3
"""What requests may take that are under way when the server is stopped: some have no end, such as following a job."""
LINGER_SECONDS = 1.0
"""What threads may take after that."""
LONGEST_TIMEOUT = 7 * 24 * 3600.0
"""Seconds."""
SWEEP_EVERY = 600.0
"""Seconds between two looks at whether killed uploads have left something."""
NONE = "none"
"""In place of a limit where there is to be none."""
_WHOLE_LIMITS = (("jobs", 1, 1000), ("priority", -1000, None), ("slots", 1, None))
"""Limits that are whole numbers, each with the least and the usual one."""
EMBEDDED = "TUNER_EMBEDDED_IN"
"""The environment variable that tells a worker the process of the server that it belongs to."""


def work(arguments: argparse.Namespace) -> int:
    """Carry out the jobs that a server was handed, until interrupted."""
    slots = _slots(arguments)
    say = sayer()
    if server := os.environ.pop(EMBEDDED, ""):
        die_with_parent(signal.SIGTERM)  # however the server ends: its next one brings a worker of its own
        if os.getppid() != int(server):
            return 0
    with open_store(arguments.store) as store:
        largest = _bytes(arguments.folder_limit, "--folder-limit")
        worker = Worker(store, Path(arguments.folder).absolute(), slots, say, largest=largest)
        for signalled in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signalled, lambda *_: worker.stop())
        say(f"worker on {counted(slots, 'slot')}; store {printed_url(arguments.store)}")
        worker.work(until_idle=arguments.until_idle)
    return 0


def serve(arguments: argparse.Namespace) -> int:
    """Serve the API and its pages, with a worker beside it, until interrupted."""
    import uvicorn  # here, and with it all that only a server needs

    from tuner.service import logs
    from tuner.service.access import is_loopback
    from tuner.service.connections import Limits, configured, with_room
    from tuner.service.listening import address, listening
    from tuner.service.server import application

    logs.spell_out()
    port, slots, say = read_whole(arguments.port, "--port"), _slots(arguments), sayer()
    limits = with_room(
        Limits(
            header=_seconds(arguments, "header"),
            body=_seconds(arguments, "body"),
            idle=_seconds(arguments, "idle"),
            reading=_seconds(arguments, "read"),
            peer=_count(arguments.connections_per_address, "--connections-per-address"),
            total=_count(arguments.connections, "--connections"),
        )
    )
    if not 0 < port < 2**16:
        raise UsageError(f"--port {port}: from 1 to 65535")
    of_owners = limits_of(arguments)
    is_open = not is_loopback(arguments.host)
    needs_token = is_open or arguments.tokens
    names = {"localhost", "127.0.0.1", "::1", arguments.host, *arguments.name}
    with listening(arguments.host, port) as sockets, open_store(arguments.store) as store:
        if needs_token and not any(token.revoked_at is None for token in store.tokens()):
            say(f"nobody has a token yet; make one: {command('token', 'create', 'NAME', '--owner', 'WHO')}")
        store.limit_owners(of_owners)
        hosts = frozenset() if is_open and not arguments.name else frozenset(name.lower() for name in names)
        app = application(store, needs_token=needs_token, hosts=hosts, reuse=arguments.reuse)
        say(f"tuner on http://{address(arguments.host, port)}; store {printed_url(arguments.store)}")
        config = configured(app, limits, timeout_graceful_shutdown=SHUTDOWN_SECONDS)
        with _swept(store), _embedded(arguments, slots), suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets)
    _leave_threads()
    return 0


def _seconds(arguments: argparse.Namespace, what: str) -> float:
    """Return a time limit of connections."""
    given: str = getattr(arguments, f"{what}_timeout")
    return min(LONGEST_TIMEOUT, parse_seconds(given, f"--{what}-timeout"))


def _count(text: str, what: str) -> int:
    count = read_whole(text, what)
    if count < 1:
        raise UsageError(f"{what} {text}: 1 or more")
    return count


def limits_of(arguments: argparse.Namespace) -> OwnerLimits:
    """Return the limits of one owner as the options of serve say."""

    def read(
        name: str, reader: Callable[[str, str], float], least: float, default: float | None = None
    ) -> float | None:
        text = getattr(arguments, f"max_{name}")
        if text is None or text.lower() == NONE:
            return default if text is None else None
        value = reader(text, f"--max-{name}")
        if value < least:
            raise UsageError(f"--max-{name} {text}: at least {least:g} is needed, or {NONE} for no limit")
        return value

    whole = {name: read(name, read_whole, least, default) for name, least, default in _WHOLE_LIMITS}
    stored = math.inf if arguments.max_stored is None else _bytes(arguments.max_stored, "--max-stored")
    return OwnerLimits(
        **{name: None if value is None else int(value) for name, value in whole.items()},
        budget=read("budget", parse_seconds, LEAST_BUDGET),
        stored=None if math.isinf(stored) else int(stored),
    )


def _leave_threads() -> None:
    """End this process soon even if threads still compute, which Python would wait for: nobody hears the result."""
    if all(thread.daemon or thread is threading.main_thread() for thread in threading.enumerate()):
        return
    end = threading.Timer(LINGER_SECONDS, os._exit, (0,))
    end.daemon = True
    end.start()


@contextmanager
def _swept(store: Store) -> Iterator[None]:
    """Delete what killed uploads and servers have left, now and again."""
    over = threading.Event()

    def sweep() -> None:
        while not over.is_set():
            clear_left()
            store.sweep()
            over.wait(SWEEP_EVERY)

    threading.Thread(target=sweep, name="sweep", daemon=True).start()
    yield
    over.set()


@contextmanager
def _embedded(arguments: argparse.Namespace, slots: int) -> Iterator[None]:
    """Keep a worker running beside the server, in a process of its own."""
    if arguments.without_worker:
        yield
        return
    over = threading.Event()
    words = [sys.executable, "-m", "tuner", "work", "--slots", str(slots), "--folder", arguments.folder]
    words += ["--folder-limit", arguments.folder_limit]
    environment = {
        **os.environ,
        EMBEDDED: str(os.getpid()),
        "TUNER_STORE": store_url(arguments.store),  # no argument: it may have a password
    }
    process = [subprocess.Popen(words, env=environment)]

    def watch() -> None:
        while not over.is_set():
            process[0].wait()
            if over.wait(FEWEST_SECONDS):
                return
            process[0] = subprocess.Popen(words, env=environment)

    thread = threading.Thread(target=watch, name="worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        process[0].terminate()
        process[0].wait()


def token(arguments: argparse.Namespace) -> int:
    """Make, list or revoke tokens."""
    if arguments.what == "list":
        with existing_store(arguments.store) as store:
            found = store.tokens()
        if arguments.json:
            print_json([_token_data(each) for each in found])
            return 0
        rows = [[str(value if value is not None else "-") for value in _token_data(each).values()] for each in found]
        print_table(("token", "name", "owner", "scope", "made", "revoked"), rows, right=("token",))
        return 0
    if not arguments.name:
        needed = "a NAME" if arguments.what == "create" else "the number of one"
        raise UsageError(f"token {arguments.what} needs {needed}")
    if arguments.what == "revoke":
        with existing_store(arguments.store) as store:
            store.revoke_token(read_whole(arguments.name, "TOKEN"))
        put(f"token {arguments.name} is revoked")
        return 0
    if arguments.scope not in list(Scope):
        raise UsageError(f"{unknown('scope', arguments.scope, list(Scope))}; it is one of {', '.join(Scope)}")
    owner = arguments.owner or arguments.name
    for what, text in (("NAME", arguments.name), ("--owner", owner)):
        if wrong := fault(text):
            raise UsageError(f"{what} {text!r} {wrong}")
    with open_store(arguments.store) as store:
        made, secret = store.create_token(arguments.name, owner, Scope(arguments.scope))
    if arguments.json:
        print_json({**_token_data(made), "secret": secret})
        return 0
    put(secret)
    sayer()(f"token {made.id} of {owner}, for {made.scope.value}; it is shown this once only")
    return 0


def _token_data(found: Token) -> Data:
    return {
        "id": found.id,
        "name": found.name,
        "owner": found.owner,
        "scope": found.scope.value,
        "created_at": found.created_at.isoformat(timespec="seconds"),
        "revoked_at": found.revoked_at and found.revoked_at.isoformat(timespec="seconds"),
    }


def _bytes(text: str, what: str) -> float:
    """Read a size such as 10GiB; infinite for none."""
    return math.inf if text.lower() == NONE else parse_mib(text, what) * 2**20


def _slots(arguments: argparse.Namespace) -> int:
    cores = len(os.sched_getaffinity(0))
    slots = cores if arguments.slots is None else read_whole(arguments.slots, "--slots")
    if not 1 <= slots <= cores:
        raise UsageError(f"--slots {slots}: from 1 to {cores}, the cores that this process may use")
    return slots

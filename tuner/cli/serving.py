"""The commands of a service: work."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path

from rich.console import Console

from tuner.app.stores import open_store, printed_url
from tuner.app.working import Worker
from tuner.commands import counted
from tuner.errors import UsageError
from tuner.scenario import read_whole


def work(arguments: argparse.Namespace) -> int:
    """Carry out the jobs that a server was handed, until interrupted."""
    cores = len(os.sched_getaffinity(0))
    slots = cores if arguments.slots is None else read_whole(arguments.slots, "--slots")
    if not 1 <= slots <= cores:
        raise UsageError(f"--slots {slots}: from 1 to {cores}, the cores that this process may use")
    console = Console(stderr=True, highlight=False)

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    with open_store(arguments.store) as store:
        worker = Worker(store, Path(arguments.folder).absolute(), slots, say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: worker.stop())
        say(f"worker on {counted(slots, 'slot')}; store {printed_url(arguments.store)}")
        worker.work(until_idle=arguments.until_idle)
    return 0

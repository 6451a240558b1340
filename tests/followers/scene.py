"""What the executor's tests share: a tiny model, executors of followers, and a look at what they leave."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import numpy as np

from instances.instance import Instance
from instances.model import Model
from storage.records import Configuration, Response, Run, Value
from tuner.follower.executor import LocalExecutor
from tuner.follower.solvers import Adapter

PATIENCE = 30.0
"""Seconds after which a test gives up waiting for what should have come long before."""
MEMORY_MIB = 200.0


class Followers(dict[str, Adapter]):
    """Every adapter in `tests.followers.misbehaving` by the name of its class, and the honest one."""

    def __missing__(self, name: str) -> Adapter:
        if name == "Honest":
            return Adapter(name, "highspy", "tests.followers.honest:Honest")
        return Adapter(name, "none", f"tests.followers.misbehaving:{name}")

    def __contains__(self, name: object) -> bool:
        return True


def small_model() -> Model:
    """Return: minimise 3 x + 2 y + 10 s.t. 1 <= x + y <= 2; x integer in [0, 5], y in [0, 2.5]. The optimum is 12."""
    return Model(
        name="small",
        maximise=False,
        offset=10.0,
        objective=np.array([3.0, 2.0]),
        lower=np.zeros(2),
        upper=np.array([5.0, 2.5]),
        kind=np.array([1, 0], dtype=np.uint8),
        row_lower=np.array([1.0]),
        row_upper=np.array([2.0]),
        row_start=np.array([0, 2], dtype=np.int32),
        column_index=np.array([0, 1], dtype=np.int32),
        value=np.ones(2),
        column_names=("x", "y"),
        row_names=("demand",),
    )


def saved(model: Model, folder: Path) -> Instance:
    """Save a model and return it as an instance; its name stands for the hash."""
    arrays = folder / f"{model.name}.npz"
    model.save(arrays)
    sizes = (model.columns, model.rows, model.nonzeros, model.integers)
    return Instance(model.name, model.name, folder / f"{model.name}.mps", arrays, *sizes, model.maximise)


def executor(instance: Instance, slots: int = 1, cores: list[int] | None = None) -> LocalExecutor:
    """Return an executor of followers on one instance."""
    return LocalExecutor({instance.sha256: instance}, slots, MEMORY_MIB, 1e-4, cores, Followers())


def run_of(follower: str, limit: float = 5.0, instance: str = "small", seed: int = 0, **parameters: Value) -> Run:
    """Return a run of a follower on the small model."""
    return Run(Configuration.of(follower, parameters), instance, seed, limit, limit)


def execute(runs: LocalExecutor, run: Run) -> Response:
    """Execute one run and return its response."""
    runs.submit(run)
    (finished,) = runs.wait(PATIENCE)
    assert finished.run == run
    return finished.response


class Announcements:
    """A FIFO to which followers write their process ids."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "announcements")
        os.mkfifo(self.path)
        self._descriptor = os.open(self.path, os.O_RDWR)
        self._rest = b""

    def next(self) -> int:
        """Wait for the next one."""
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._descriptor], [], [], PATIENCE)
            assert ready, "no follower has begun"
            self._rest += os.read(self._descriptor, 4096)
        line, _, self._rest = self._rest.partition(b"\n")
        return int(line)


def parent_of(pid: int) -> int:
    """Return the process id of a process's parent; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def processes_with(mark: str) -> set[int]:
    """Return the processes, zombies excepted, that carry a mark in their environment or command line."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                carried = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if mark.encode() in carried:
                found.add(int(entry.name))
    return found


def gone(pids: set[int], seconds: float) -> bool:
    """Wait until all these processes have ended; return whether they have."""
    poll = select.poll()
    waiting = {}
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        waiting[descriptor] = pid
        poll.register(descriptor, select.POLLIN)
    try:
        while waiting:
            ready = poll.poll(seconds * 1000)
            if not ready:
                return False
            for descriptor, _ in ready:
                poll.unregister(descriptor)
                os.close(descriptor)
                del waiting[descriptor]
        return True
    finally:
        for descriptor, pid in waiting.items():
            os.kill(pid, signal.SIGKILL)
            os.close(descriptor)

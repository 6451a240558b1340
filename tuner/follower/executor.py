"""The local executor: runs, executed in processes on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

from instances.instance import Instance
from storage.records import Check, Claim, Purpose, Response, Run
from tuner.errors import Stopped, UsageError
from tuner.follower.outcome import Outcome
from tuner.follower.pool import Pool
from tuner.follower.solvers import SOLVERS, Adapter
from tuner.follower.tasks import Import, Solve
from tuner.ports import Activity, Finished
from tuner.space import unknown

IMPORT_SECONDS = 60.0
"""For the child that has nothing to do once its warm process has imported a solver."""
LOOK_EVERY = 0.2
"""Seconds between two looks whether to stop."""


class LocalExecutor:
    """A `tuner.ports.Executor`. All methods may be called from any thread; leaving its context closes it."""

    def __init__(
        self,
        instances: Mapping[str, Instance],
        slots: int,
        memory_mib: float,
        gap: float,
        cores: Sequence[int] | None = None,
        adapters: Mapping[str, Adapter] = SOLVERS,
        is_watched: bool = False,
    ) -> None:
        """Make the slots; their warm processes start when first needed.

        Args:
            instances: what runs name by their SHA-256; may grow later.
            slots: how many runs execute at a time.
            memory_mib: MiB for one run, beyond what its warm process holds.
            gap: relative gap at which a solver may stop and call its answer optimal.
            cores: the cores to pin slots to, in turn; None for those that no other one on the host has.
            adapters: the solvers, by name.
            is_watched: whether runs of the race report how far they are, which costs some of them a few percent.

        """
        self._is_watched = is_watched
        self._instances, self._memory_mib, self._gap, self._adapters = instances, memory_mib, gap, adapters
        self._pool: Pool[Run | None] = Pool(slots, cores)  # None: no run, but the import of a solver

    def __enter__(self) -> LocalExecutor:
        """Return the executor itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def prepare(self, solvers: Iterable[str], stop: threading.Event | None = None) -> None:
        """Import these solvers in every slot, and wait for it, so that no run has to.

        Runs of a solver that cannot be imported say so.

        Args:
            solvers: by name.
            stop: when it is set, nobody waits any longer.

        Raises:
            Stopped: ``stop`` was set meanwhile; the executor is good for nothing but to be closed.

        """
        for adapter in [self._adapters[solver] for solver in solvers]:
            task = Import(
                library=adapter.library, seconds=IMPORT_SECONDS, adapter=adapter.path, memory_mib=self._memory_mib
            )
            self._pool.submit_to_every_slot(None, task)
        while self.outstanding:
            if stop is not None and stop.is_set():
                raise Stopped("stopped while solvers were imported")
            self._pool.wait(None if stop is None else LOOK_EVERY)

    @property
    def slots(self) -> int:
        """How many runs execute at a time."""
        return self._pool.slots

    @property
    def outstanding(self) -> int:
        """How many runs were submitted and not yet returned by `wait`."""
        return self._pool.outstanding

    def submit(self, run: Run) -> None:
        """Queue a run; the queue is first in, first out.

        Raises:
            UsageError: there is no such solver or instance here.

        """
        solver = run.configuration.solver
        if solver not in self._adapters:
            raise UsageError(f"{unknown('solver', solver, self._adapters)}; solvers are {', '.join(self._adapters)}")
        if run.instance not in self._instances:
            raise UsageError(f"no instance has the SHA-256 {run.instance}; add it to the set that is executed")
        adapter = self._adapters[solver]
        task = Solve(
            library=adapter.library,
            seconds=run.limit,
            adapter=adapter.path,
            arrays=str(self._instances[run.instance].arrays.absolute()),
            parameters=run.configuration.values,
            seed=run.seed,
            gap=self._gap,
            memory_mib=self._memory_mib,
            is_watched=self._is_watched and run.purpose is Purpose.RACE,
        )
        self._pool.submit(run, task)

    def wait(self, timeout: float | None = None) -> list[Finished]:
        """Return the runs that finished since the last call, waiting for at least one.

        Returns an empty list when nothing is outstanding, or after ``timeout`` seconds without a finished run.
        """
        return [
            Finished(done.subject, _response(done.outcome))
            for done in self._pool.wait(timeout)
            if done.subject is not None
        ]

    def cancel(self, run: Run) -> None:
        """End a run, queued or executing; `wait` returns it, killed unless it ended by itself at the same moment."""
        self._pool.cancel(run)

    def activity(self) -> Sequence[Activity | None]:
        """Return what each slot executes now; None for an idle slot."""
        now = time.monotonic()
        return [
            None
            if busy is None or busy.subject is None
            else Activity(busy.subject, now - busy.since, busy.began, busy.steps)
            for busy in self._pool.activity()
        ]

    def close(self) -> None:
        """Kill what executes, wait until every process is gone, and drop the rest."""
        self._pool.close()


def _response(outcome: Outcome) -> Response:
    fields = dict(outcome.result or {})
    return Response(
        termination=outcome.termination,
        claim=Claim(fields.pop("claim", Claim.NOTHING)),
        check=Check(fields.pop("check", Check.UNCONFIRMED)),
        cpu=outcome.cpu,
        wall=outcome.wall,
        peak_mib=outcome.peak_mib,
        reason=outcome.reason,
        **fields,
    )

"""How long it takes to keep a response, with few and with many runs stored; and to read them all again.

Run it as ``python -m bench store``. SQLite in a temporary folder, and PostgreSQL where TUNER_BENCH_POSTGRESQL holds the
URL of an empty database. The target: 5 ms a response together with telling the leader, and with 100,000 runs stored no
more than twice the time with 10,000.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import insert

from bench._scene import HERE
from storage import schema
from storage.lease import Lease, this_process
from storage.records import Check, Claim, Configuration, Member, Response, Run, Submission, Termination
from storage.rows import run_row
from storage.store import Store

SIZES = (10_000, 100_000)
MEASURED = 1_000
INSTANCES = 100
RUNS_OF_ONE = 25
"""Runs of one configuration before the next one: a bit less than a race has."""

RESPONSE = Response(
    Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, 12.5, 12.5, 0.0, 1.25, 1.5, 1.4, 81.0, 99, 4321, 1e6, 0.5, "ok"
)


def main() -> None:
    """Print the median and 95th percentile of keeping a response, per database and number of stored runs."""
    print(f"{'database':<12} {'runs':>8} {'median ms':>10} {'95 % ms':>9} {'read all s':>11}")
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{Path(folder) / 'store.db'}")
    if url := os.environ.get("TUNER_BENCH_POSTGRESQL"):
        measure("PostgreSQL", url)


def measure(database: str, url: str) -> None:
    """Fill the store to each of the sizes, and measure there."""
    medians = []
    with Store.open(url) as store:
        lease = store.claim(store.create_job(_submission()).id, this_process(), 3600)
        runs = _runs()
        stored = 0
        for size in SIZES:
            _fill(store, lease, runs, size - stored)
            times = []
            for run in islice(runs, MEASURED):
                began = time.perf_counter()
                store.record(lease, run, RESPONSE, 1.0, HERE)
                times.append(1000 * (time.perf_counter() - began))
            stored = size + MEASURED
            began = time.perf_counter()
            assert sum(1 for _ in store.responses(lease.job_id)) == stored
            reading = time.perf_counter() - began
            medians.append(median(times))
            print(f"{database:<12} {size:>8,} {medians[-1]:>10.3f} {quantiles(times, n=20)[-1]:>9.3f} {reading:>11.2f}")
    print(f"{database:<12} with {SIZES[1]:,} runs {medians[1] / medians[0]:.2f} times as long as with {SIZES[0]:,}")


def _submission() -> Submission:
    members = tuple(
        Member(f"{n * 7919**15:064x}", f"model{n}", f"/models/{n}.mps", "training", 1, 1, 1, 1)
        for n in range(INSTANCES)
    )
    return Submission("", "bench", "0.3", ("highs",), "par10", "mean", 10.0, 600.0, 2, 2048, 1e-4, 0, "", members)


def _runs() -> Iterator[Run]:
    """Yield runs as a race makes them: new configurations all the time, each on a part of the instances."""
    instances = [member.sha256 for member in _submission().members]
    number = 0
    while True:
        parameters = {f"parameter_{n}": (number + n) / 7 for n in range(8)}
        configuration = Configuration.of("highs", parameters)
        for n in range(RUNS_OF_ONE):
            yield Run(configuration, instances[(number + n) % INSTANCES], number % 3, 10.0, 10.0)
        number += 1


def _fill(store: Store, lease: Lease, runs: Iterator[Run], count: int) -> None:
    """Store runs in bulk, which is what no job does: it has each response on disk before it goes on."""
    now = datetime.now(UTC)
    while count > 0:
        batch = list(islice(runs, min(5_000, count)))
        with store._database.writing() as connection:
            fresh = store._configurations.keep(connection, (run.configuration for run in batch))
            connection.execute(
                insert(schema.runs), [run_row(lease.job_id, run, RESPONSE, 1.0, "here", now) for run in batch]
            )
        store._configurations.remember(fresh)
        count -= len(batch)


if __name__ == "__main__":
    main()

"""The service with a million responses and 500 jobs stored: how soon it answers, and whether its memory grows.

    python -m bench service            about 15 minutes; both kinds of database where PostgreSQL is installed

One job in ten has ten times as many responses as the others; the last tenth of every job's are on its holdout. Each
kind of request is made 300 times over HTTP, one after the other, on jobs in turn; then 10,000 mixed ones, and all
hostile archives of the tests twice over, while the server's memory is looked at. The targets: best p95 20 ms, a page of
responses 50 ms, a job's page 300 ms.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import httpx
from sqlalchemy import insert

from bench._scene import HERE
from bench.store import RESPONSE
from storage import schema
from storage.lease import this_process
from storage.records import Configuration, Incumbent, Job, Member, Purpose, Run, Submission
from storage.rows import run_row
from storage.store import Store
from tests.archives import HOSTILE
from tests.postgresql import NotInstalled, private_server

ON_REQUEST = True
JOBS, RUNS, BATCH = 500, 1_000_000, 10_000
INSTANCES, TRAINING, CONFIGURATIONS = 30, 20, 40
ASKED, MIXED = 300, 10_000
PORT = 8765
TARGETS = {
    "best": 20.0,
    "a page of responses": 50.0,
    "a page of responses, holdout": 50.0,
    "job page": 300.0,
    "figures of a job": None,
    "jobs": None,
}


def main() -> None:
    """Measure on SQLite, and on PostgreSQL where it is installed."""
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{Path(folder) / 'store.db'}")
    try:
        with private_server() as url:
            measure("PostgreSQL", url)
    except NotInstalled as reason:
        print(f"PostgreSQL is not measured: {reason}")


def measure(database: str, url: str) -> None:
    """Fill a store, serve it, and ask."""
    with Store.open(url) as store:
        began = time.perf_counter()
        jobs = _filled(store)
        print(
            f"{database}: {RUNS:,} responses of {JOBS} jobs stored in {time.perf_counter() - began:.0f} s", flush=True
        )
    with _served(url) as (client, pid):
        asked: dict[str, Callable[[int], str]] = {
            "best": lambda number: f"/v1/jobs/{jobs[number % JOBS].id}/best",
            "a page of responses": lambda number: (
                f"/v1/jobs/{jobs[number % JOBS].id}/responses?limit=100&cursor={(number % 7) * 50}"
            ),
            "a page of responses, holdout": lambda number: (
                f"/v1/jobs/{jobs[number % JOBS].id}/responses?limit=100&part=holdout"
            ),
            "job page": lambda number: f"/jobs/{jobs[number % JOBS].id}",
            "figures of a job": lambda number: f"/jobs/{jobs[number % JOBS].id}/figures",
            "jobs": lambda number: "/v1/jobs",
        }
        for name, path in asked.items():
            taken = [_timed(client, path(number)) for number in range(ASKED)]
            p95, target = quantiles(taken, n=20)[-1], TARGETS[name]
            verdict = "" if target is None else f" (target {target:g}: {'met' if p95 <= target else 'MISSED'})"
            print(f"  {name:<28} median {median(taken):6.1f} ms, p95 {p95:6.1f} ms{verdict}", flush=True)
        before = _memory(pid)
        for number in range(MIXED):
            _timed(client, list(asked.values())[number % 4](number))
            if number == MIXED // 10:
                before = _memory(pid)  # once everything has been touched
        print(f"  memory after {MIXED // 10:,} requests {before:.0f} MiB, after {MIXED:,} {_memory(pid):.0f} MiB")
        _attack(client, pid)
    with Store.open(url) as store:
        large = _stored(store, RUNS)
    with _served(url) as (client, pid):
        for form in ("csv", "parquet"):
            _stream(client, pid, f"/v1/jobs/{large.id}/responses?form={form}")


def _stream(client: httpx.Client, pid: int, path: str) -> None:
    """Read a job with a million responses as a whole, and look at the server's memory while it is sent."""
    before, size, peak, began = _memory(pid), 0, 0.0, time.perf_counter()
    with client.stream("GET", path) as answer:
        answer.raise_for_status()
        for number, block in enumerate(answer.iter_bytes()):
            size += len(block)
            if number % 100 == 0:
                peak = max(peak, _memory(pid))
    print(
        f"  {path.rpartition('=')[2]} of {RUNS:,} responses: {size / 2**20:.0f} MiB in "
        f"{time.perf_counter() - began:.0f} s; memory before {before:.0f} MiB, at most {peak:.0f} MiB",
        flush=True,
    )


def _attack(client: httpx.Client, pid: int) -> None:
    """Send every hostile archive, twice: by the caps of a server, some are only a bad or a large one."""
    memory = [_memory(pid)]
    answers: Counter[int] = Counter()
    for _ in range(2):
        for archive in HOSTILE.values():
            answers[client.post("/v1/archives?name=hostile", content=archive).status_code] += 1
        memory.append(_memory(pid))
    told = ", ".join(f"{count} times {status}" for status, count in sorted(answers.items()))
    before, once, twice = memory
    print(
        f"  memory before {len(HOSTILE)} hostile archives {before:.0f} MiB, after them {once:.0f} MiB, and again "
        f"{twice:.0f} MiB; answers: {told}",
        flush=True,
    )


def _timed(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return 1000 * (time.perf_counter() - began)


def _memory(pid: int) -> float:
    """Return the resident MiB of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@contextmanager
def _served(url: str) -> Iterator[tuple[httpx.Client, int]]:
    """Serve a store by the command, and yield a client and the server's process."""
    words = [sys.executable, "-m", "tuner", "serve", "--port", str(PORT), "--without-worker"]
    server = subprocess.Popen(words, env={**os.environ, "TUNER_STORE": url}, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=60) as client:
            give_up = time.monotonic() + 60
            while True:
                try:
                    client.get("/readyz").raise_for_status()
                    break
                except httpx.HTTPError:
                    assert time.monotonic() < give_up
                    time.sleep(0.1)
            yield client, server.pid
    finally:
        server.terminate()
        server.wait()


def _filled(store: Store) -> list[Job]:
    """Store the jobs, finished, with their responses."""
    sizes = [10 if number % 10 == 0 else 1 for number in range(JOBS)]
    unit = RUNS // sum(sizes)
    return [_stored(store, unit * size) for size in sizes]


def _stored(store: Store, count: int) -> Job:
    """Store a finished job with so many responses."""
    members = tuple(
        Member(f"{n:064x}", f"model-{n}", f"/m/{n}.mps", "training" if n < TRAINING else "holdout", 9, 9, 9, 9)
        for n in range(INSTANCES)
    )
    tuned = [{"mip_heuristic_effort": n / 100, "presolve": "on"} for n in range(1, CONFIGURATIONS)]
    configurations = [Configuration("highs"), *(Configuration.of("highs", values) for values in tuned)]
    submission = Submission(
        *("", "/models", "0.3", ("highs",), "par10", "mean", 30.0, 600.0, 2, 2048, 1e-4, 0, ""), members=members
    )
    job = store.create_job(submission)
    lease = store.claim(job.id, this_process(), 600)
    for number, configuration in enumerate(configurations):  # which makes them known
        run = Run(configuration, members[0].sha256, 0, 30.0, 30.0)
        store.record(lease, run, RESPONSE, 1.0, HERE)
        if number < 10:
            store.add_incumbent(lease, Incumbent(configuration, 10.0 * number, 9.0 - number, 10.0, 20))
    _insert(store, job, members, configurations, count - len(configurations))
    store.finish(lease, "gain", "it is faster", configurations[9])
    return job


def _insert(
    store: Store, job: Job, members: tuple[Member, ...], configurations: list[Configuration], count: int
) -> None:
    """Store many runs at once, as the method for one does: one in ten by the verdict, at the end."""
    now, rows = datetime.now(UTC), []
    with store._database.reading() as connection:
        environment = connection.scalar(schema.environments.select().with_only_columns(schema.environments.c.id))
    for number in range(count):
        raced = number < 0.9 * count
        part, purpose = (members[:TRAINING], Purpose.RACE) if raced else (members[TRAINING:], Purpose.HOLDOUT)
        place, seed = number % len(part), 1 + number // len(part) // len(configurations)
        configuration = configurations[number // len(part) % len(configurations)]
        run = Run(configuration, part[place].sha256, seed, 30.0, 30.0, purpose)
        rows.append({**run_row(job.id, run, RESPONSE, 1.0, now), "environment": environment})
        if len(rows) == BATCH or number == count - 1:
            with store._database.writing() as connection:
                connection.execute(insert(schema.runs), rows)
            rows.clear()


if __name__ == "__main__":
    main()

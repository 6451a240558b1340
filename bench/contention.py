"""How long a process waits that writes to a store of SQLite beside a job that really runs.

    python -m bench contention

A job of a minute runs on a committed set with two slots. Meanwhile another process changes a row of the same file some
20 times a second, as a server does to which jobs are submitted. Printed are the median, the 99th and 99.9th percentile
and the longest time of such a write. The target: 99 of 100 within 200 ms.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from sqlalchemy import text

from storage.schema import VERSION_TABLE
from storage.store import Store

SECONDS = 60
EVERY = 0.05
"""Seconds between two writes."""
TARGET = 200.0
"""Milliseconds, of the 99th percentile."""
MODELS = Path(__file__).parents[1] / "instances" / "data" / "multi-knapsack"
PROGRAM = "import sys; from bench.contention import write_beside; write_beside(sys.argv[1], float(sys.argv[2]))"


def main() -> None:
    """Tune, write beside it, and print what the writer waited."""
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'store.db'}"
        Store.open(url).close()
        words = ["tune", str(MODELS), "--solver", "any", "--cutoff", "3s", "--budget", f"{SECONDS}s", "--slots", "2"]
        job = subprocess.Popen(
            [sys.executable, "-m", "tuner", *words, "--store", url],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=name,
        )  # fmt: skip
        writer = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, url, str(SECONDS + 60)], stdout=subprocess.PIPE, text=True
        )
        try:
            code = job.wait()
            writer.terminate()
            told, _ = writer.communicate()
        finally:
            for process in (job, writer):
                process.kill()
        with Store.open(url) as store:
            runs = store.count(store.jobs()[0].id)
    waits = json.loads(told)
    cuts, rarely = quantiles(waits, n=100), quantiles(waits, n=1000)[998]
    verdict = f"target for 99 %: {TARGET:g} ms, {'met' if cuts[98] <= TARGET else 'MISSED'}"
    print(
        f"{len(waits):,} writes beside a job of {runs:,} runs (exit {code}): median {cuts[49]:.1f} ms, "
        f"99 % {cuts[98]:.1f} ms, 99.9 % {rarely:.1f} ms, longest {max(waits):.1f} ms ({verdict})",
        flush=True,
    )


def write_beside(url: str, seconds: float) -> None:
    """Write for some seconds or until terminated; print the milliseconds of each write as JSON."""
    import signal

    waits: list[float] = []
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(1))
    end = time.monotonic() + seconds
    with Store.open(url) as store:
        while time.monotonic() < end and not over:
            began = time.perf_counter()
            with store._database.writing() as connection:
                connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = version_num"))
            waits.append(1000 * (time.perf_counter() - began))
            time.sleep(EVERY)
    print(json.dumps(waits))


if __name__ == "__main__":
    main()

"""A program that owns a job: ``store_program.py URL JOB`` records runs until it is killed.

It prints one line when it owns the job, and one with the seed of every run whose response is kept. With a third
argument it records that many runs, and then keeps the job until its standard input ends.
"""

from __future__ import annotations

import sys
from itertools import count

from storage.lease import this_process
from storage.records import Configuration
from storage.store import Store
from tests.store_samples import HERE, RESPONSE, run


def main(url: str, job: str, runs: str = "") -> None:
    with Store.open(url) as store:
        lease = store.claim(store.job(job).id, this_process(), 3600)
        print("owned", flush=True)
        first = store.count(lease.job_id)
        for seed in range(first, first + int(runs)) if runs else count(first):
            configuration = Configuration.of("highs", {"number": seed // 3})
            store.record(lease, run(seed, configuration, member=seed % 3), RESPONSE, float(seed), HERE)
            print(seed, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

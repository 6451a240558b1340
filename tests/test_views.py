"""What is told of jobs, from both kinds of database."""

from __future__ import annotations

from typing import Any

import pytest

import storage.responses
from storage.lease import this_process
from storage.store import Store
from tests.store_samples import HERE, RESPONSE, SUBMISSION, TUNED, holdout_run, run
from tuner.app.views import Filters, StoredView


@pytest.mark.parametrize(("part", "seeds"), [("training", [0, 1, 2, 3, 7]), ("holdout", [4, 5, 6])])
def test_the_runs_on_one_part_are_read_without_those_on_the_other(
    store: Store, monkeypatch: pytest.MonkeyPatch, part: str, seeds: list[int]
) -> None:
    lease = store.claim(store.create_job(SUBMISSION).id, this_process(), 600)
    for each in (*map(run, range(4)), *(holdout_run(seed, TUNED) for seed in (4, 5, 6)), run(7)):
        store.record(lease, each, RESPONSE, 1.0, HERE)
    read = []

    def seen(row: Any, *others: Any) -> Any:
        read.append(row.seed)
        return make(row, *others)

    make = storage.responses.stored_run_of
    monkeypatch.setattr(storage.responses, "stored_run_of", seen)
    rows = list(StoredView(store).responses(str(lease.job_id), Filters(part)).rows)
    assert {row["part"] for row in rows} == {part}
    assert [row["seed"] for row in rows] == read == seeds

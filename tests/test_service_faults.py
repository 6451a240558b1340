"""A server, workers and solvers that are killed at random moments: a short version of ``python -m bench faults``."""

from __future__ import annotations

from pathlib import Path

from bench.faults import torment


def test_kills_lose_nothing_double_nothing_and_leave_nothing(database_url: str, tmp_path: Path) -> None:
    outcome = torment(database_url, tmp_path, kills=6, jobs=1, seed=4)
    assert (outcome.lost, outcome.doubled, outcome.left) == (0, 0, 0), str(outcome)
    assert outcome.states == {"finished": 1}
    assert outcome.responses > 20
    assert sum(outcome.kills.values()) >= 5

"""The answers of a bilevel problem's follower as rows, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from storage.records import StoredAnswer

COLUMNS = (
    "id",
    "x",
    "status",
    "follower",
    "optimistic",
    "pessimistic",
    "violations",
    "cpu_s",
    "wall_s",
    "solver_wall_s",
    "reason",
    "elapsed_s",
    "host",
    "processor",
    "cores",
    "software",
    "stored_at",
)


def answers(stored: Iterable[StoredAnswer]) -> Iterator[dict[str, Any]]:
    """Yield the rows of `COLUMNS`."""
    for each in stored:
        answer = each.answer
        yield {
            "id": each.id,
            "x": " ".join(f"{name}={value:.12g}" for name, value in answer.x),
            "status": answer.status,
            "follower": answer.value,
            "optimistic": answer.optimistic,
            "pessimistic": answer.pessimistic,
            "violations": " ".join(f"{name}={amount:.6g}" for name, amount in answer.violations),
            "cpu_s": answer.cpu,
            "wall_s": answer.wall,
            "solver_wall_s": answer.solver_wall,
            "reason": answer.reason,
            "elapsed_s": each.elapsed,
            "host": each.environment.host,
            "processor": each.environment.processor,
            "cores": each.environment.cores,
            "software": each.environment.software,
            "stored_at": each.stored_at.isoformat(),
        }

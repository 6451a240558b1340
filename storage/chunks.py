"""Reading many rows some at a time, so that others can write meanwhile and memory stays small."""

from __future__ import annotations

from collections.abc import Iterator

CHUNK = 1000
"""Rows that are read at a time."""


def chunks(limit: int | None) -> Iterator[int]:
    """Yield how many rows are to be read at a time, without end where there is no limit."""
    while limit is None:
        yield CHUNK
    while limit > 0:
        yield min(CHUNK, limit)
        limit -= CHUNK

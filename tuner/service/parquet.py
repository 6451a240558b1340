"""Rows as a Parquet file, written while they are read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from tuner.app.job_data import Data
from tuner.app.response_rows import Rows

GROUP = 10_000
"""Rows of a group: so many are in memory at a time."""
INTEGERS = ("id", "seed", "nodes", "iterations", "cores")
TEXTS = (
    *("instance", "sha256", "part", "solver", "configuration", "parameters", "termination", "claim", "check"),
    *("raw_status", "reason", "doubt", "host", "processor", "software", "stored_at", "x", "status", "violations"),
)


def parquet(found: Rows) -> Iterator[bytes]:
    """Yield a Parquet file piece by piece."""
    schema = pa.schema([(name, _kind(name)) for name in found.columns])
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, schema, compression="zstd") as writer:
        while rows := list(islice(found.rows, GROUP)):
            writer.write_table(_table(rows, schema))
            yield from _taken(buffer)
    yield from _taken(buffer)


def _kind(name: str) -> pa.DataType:
    return pa.int64() if name in INTEGERS else pa.string() if name in TEXTS else pa.float64()


def _table(rows: list[Data], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema)


def _taken(buffer: io.BytesIO) -> Iterator[bytes]:
    """Yield what is in a buffer and empty it; places in the file are counted by the writer itself."""
    data = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    if data:
        yield data

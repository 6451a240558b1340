"""Rows as comma-separated values that a spreadsheet shows and does not compute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from instances.visible import escaped
from tuner.app.views import Rows

PIECE = 2**16
"""Characters that are yielded at a time, about."""
_COMPUTED = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""How a text begins that a spreadsheet takes for a formula, full-width signs included."""


def csv_lines(found: Rows) -> Iterator[str]:
    """Yield comma-separated values piece by piece, with a heading."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, found.columns, lineterminator="\n")
    writer.writeheader()
    for row in found.rows:
        writer.writerow({name: inert(value) for name, value in row.items()})
        if buffer.tell() > PIECE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def inert_csv(text: str) -> str:
    """Return comma-separated values that somebody else has written so that no cell is computed."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in csv.reader(io.StringIO(text, newline="")):
        writer.writerow([cell if _is_number(cell) else inert(cell) for cell in row])
    return buffer.getvalue()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def inert(value: Any) -> Any:
    """Return the cell for a value: a text that would be computed gets an apostrophe in front; numbers stay numbers.

    Hidden characters of a text are spelled out; line breaks in it stay.
    """
    if not isinstance(value, str):
        return value
    return f"'{escaped(value)}" if _COMPUTED.match(value) else escaped(value)

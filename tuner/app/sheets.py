"""Rows as comma-separated values that a spreadsheet shows and does not compute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from instances.visible import escaped
from tuner.app.response_rows import Rows

PIECE = 2**16
"""Characters that are yielded at a time, about."""
_SIGNS = r"=+\-@\uff1d\uff0b\uff0d\uff20"
"""With what a formula begins, full-width signs included."""
_COMPUTED = re.compile(rf"\s*[{_SIGNS}]|[\t\r\n]")
"""How a text begins that a spreadsheet takes for a formula."""
_COMPUTED_INSIDE = re.compile(rf"([;|\r\n][\s\"]*)(?=[{_SIGNS}])")
"""Where a formula begins for a spreadsheet that splits lines at something other than commas, as those of many countries
do; quotes do not help there, since the cell that has them is not one to it."""


def csv_lines(found: Rows) -> Iterator[str]:
    """Yield comma-separated values piece by piece, with a heading. Texts are in quotes, numbers are not."""
    buffer = io.StringIO()
    buffer.write(",".join(found.columns) + "\n")
    for row in found.rows:
        buffer.write(",".join(_cell(row[name]) for name in found.columns) + "\n")
        if buffer.tell() > PIECE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def inert_csv(text: str) -> str:
    """Return comma-separated values that somebody else has written so that no cell is computed."""
    rows = csv.reader(io.StringIO(text, newline=""))
    return "".join(",".join(cell if _is_number(cell) else _cell(cell) for cell in row) + "\n" for row in rows)


def _cell(value: Any) -> str:
    """Return a value as a line has it."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        return str(value)
    quoted = inert(value).replace('"', '""')
    return f'"{quoted}"'


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()


def inert(value: Any) -> Any:
    """Return the cell for a value: a text that would be computed gets an apostrophe in front; numbers stay numbers.

    Within a text, the apostrophe stands where a cell would begin if the line was split elsewhere. Hidden characters of
    a text are spelled out; line breaks in it stay.
    """
    if not isinstance(value, str):
        return value
    safe = _COMPUTED_INSIDE.sub(r"\1'", escaped(value))  # in which tabs are spelled out
    return f"'{safe}" if _COMPUTED.match(value) else safe

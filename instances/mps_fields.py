"""The lines of an MPS file: their fields, by white space or by position, comments and numbers."""

from __future__ import annotations

import re
from collections.abc import Container

from instances.builder import INFINITE
from instances.text import UTF_8, WHITE, stripped

_FIELDS = ((1, 3), (4, 12), (14, 22), (24, 36), (39, 47), (49, 61))
"""Where the six fields of a fixed line are: Python's slices of columns 2-3, 5-12, 15-22, 25-36, 40-47 and 50-61."""
_COMMENT = "$"


class Problem(Exception):
    """What is wrong with a line."""


def cut_fixed(line: str, encoding: str) -> list[str]:
    """Cut a line where fixed MPS has its fields; empty ones are left out, and a comment is left as the last field.

    Raises:
        Problem: there is text between the fields or behind them.

    """
    # A column is a byte: where a character takes more of them, the line is cut as bytes, each a character meanwhile.
    wide = encoding == UTF_8 and not line.isascii()
    columns = line.encode().decode("latin-1") if wide else line
    columns = columns.rstrip(WHITE).expandtabs()
    fields: list[str] = []
    covered = 0
    for number, (start, end) in enumerate((*_FIELDS, (len(columns), len(columns)))):
        between = stripped(columns[covered:start])
        if between.startswith(_COMMENT):
            fields.append(between)
            break
        if between:
            place = "between" if number < len(_FIELDS) else "behind"
            raise Problem(f"text {place} the fields of a fixed line: {quote(line)}")
        field = stripped(columns[start:end])
        covered = max(end, covered)
        fields.append(field)
        if number > 1 and field.startswith(_COMMENT):
            break
    return [field.encode("latin-1").decode(errors="replace") if wide else field for field in fields if field]


def uncommented(fields: list[str], first: int, *names: Container[str]) -> list[str]:
    """Return the fields before a comment, which begins with $ and is none of the first ones.

    Raises:
        Problem: what begins with $ is one of these names, so that solvers read it differently.

    """
    for place in range(first, len(fields)):
        field = fields[place]
        if field.startswith(_COMMENT):
            if any(field in own for own in names):
                raise Problem(dollar(field))
            return fields[:place]
    return fields


def dollar(name: str) -> str:
    """Return what is wrong with a name that begins with $ where a comment may stand."""
    return (
        f"{name!r} is a name to Gurobi and HiGHS here, and the beginning of a comment to CPLEX and SCIP: "
        "give it a name without the $"
    )


def number(text: str) -> float:
    """Return a number as MPS has it, with Fortran's exponents too, which have a D; Problem for anything else."""
    try:
        value = float(text)
        if "_" not in text and text.isascii():
            return value
    except ValueError:
        if re.fullmatch(r"[-+]?[0-9.]+[dD][-+]?[0-9]+", text):
            return number(re.sub("[dD]", "e", text))
    raise Problem(f"{quote(text)} is no number{_instead(text)}")


def check_side(value: float, text: str, what: str, sense: str) -> None:
    """Refuse a bound or a right-hand side, written as ``text``, that nothing meets: nan, or infinity the wrong way.

    Args:
        value: what is read for it.
        text: as it is in the file.
        what: of which row or column it is.
        sense: <=, >= or =.

    """
    if value != value or (sense != "<=" and value >= INFINITE) or (sense != ">=" and value <= -INFINITE):
        raise Problem(f"nothing meets {what} {sense} {shortened(text)}: correct the number")


def _instead(text: str) -> str:
    """Return how to write what may have been meant for a number."""
    if re.fullmatch(r"[-+]?\d+,\d+", text):
        return f": write {shortened(text.replace(',', '.'))} if the comma is a decimal one"
    return ": write it in decimal digits" if re.fullmatch(r"[-+]?0[xX][0-9a-fA-F]+", text) else ""


def is_number(text: str) -> bool:
    """Return whether `number` reads it."""
    try:
        number(text)
    except Problem:
        return False
    return True


def quote(text: str) -> str:
    """Return text for a message, in quotes and shortened."""
    return repr(shortened(text))


def shortened(text: str) -> str:
    """Return text for a message, without the white space around it and no longer than a line."""
    text = stripped(text)
    return text if len(text) <= 60 else f"{text[:57]}..."

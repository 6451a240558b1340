"""How numbers, times and tables are written for people and for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuner.app.views import finite


def number(value: float | None) -> str:
    """Write a number with three significant digits; a dash for none."""
    return "-" if value is None else f"{value:.3g}"


def print_json(value: Any) -> None:
    """Print one JSON document on standard output; numbers that JSON does not have become "inf", "-inf" and "nan"."""
    json.dump(finite(value), sys.stdout, indent=2, default=str, allow_nan=False)
    sys.stdout.write("\n")


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows as comma-separated values on standard output, as they come."""
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table on standard output: fitted to a terminal, never cut when it goes to a file."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def sayer() -> Callable[[str], None]:
    """Return what prints a line on standard error, however wide it is."""
    console = Console(stderr=True, highlight=False)

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    return say

"""How numbers, texts and tables are written for people and for programs.

All that the command line prints goes through here. Names of files and models, solvers' words and a server's answers may
have anything in them, escape sequences for the terminal included: hidden characters are spelled out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from textwrap import fill
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from instances.visible import escaped, one_line
from tuner.app.job_data import finite
from tuner.app.response_rows import Rows
from tuner.app.sheets import csv_lines


def number(value: float | None) -> str:
    """Write a number with three significant digits; a dash for none."""
    return "-" if value is None else f"{value:.3g}"


def print_json(value: Any) -> None:
    """Print one JSON document on standard output; numbers that JSON does not have become "inf", "-inf" and "nan"."""
    text = json.dumps(finite(value), indent=2, default=str, allow_nan=False)
    sys.stdout.write(text.replace("\x7f", r"\u007f") + "\n")  # the only control character that JSON does not spell


def print_csv(found: Rows) -> None:
    """Print rows as comma-separated values on standard output, as they come."""
    for line in csv_lines(found):
        sys.stdout.write(line)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table on standard output: fitted to a terminal, never cut when it goes to a file."""
    console = Terminal(highlight=False)
    if not console.is_terminal:
        console = Terminal(highlight=False, width=10_000)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console.print(table)


def fits(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
    """Whether a table has room on standard output without folded cells: it always has in a file."""
    console = Terminal(highlight=False)
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    return not console.is_terminal or sum(widths) + 2 * (len(widths) - 1) <= console.width


def print_folded(text: str, indent: int) -> None:
    """Print a paragraph on standard output, its lines indented and no wider than the terminal."""
    margin = " " * indent
    width = Terminal(highlight=False).width
    put(fill(one_line(text), width, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False))


def sayer() -> Callable[[str], None]:
    """Return what prints a line on standard error, however wide it is."""
    return terminal().say


class Terminal(Console):
    """A console that spells out the hidden characters of whatever it renders."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of what is printed; those that move the cursor are rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escaped(segment.text), segment.style)

    def say(self, text: str) -> None:
        """Print a text as it is, however wide."""
        self.print(escaped(text), markup=False, highlight=False, soft_wrap=True)


def terminal() -> Terminal:
    """Return the console for progress and messages, on standard error."""
    return Terminal(stderr=True, highlight=False)


def put(text: str = "", end: str = "\n") -> None:
    """Print a text on standard output."""
    sys.stdout.write(escaped(text) + end)


def put_facts(facts: Sequence[tuple[str, Any]]) -> None:
    """Print names with values on standard output, a line for each."""
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        put(f"{name:<{width}}  {'-' if value is None else one_line(str(value))}")


def complain(message: str) -> None:
    """Print what is wrong on standard error."""
    sys.stderr.write(f"tuner: {escaped(message)}\n")

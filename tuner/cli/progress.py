"""Live progress on standard error: a panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from storage.records import Configuration
from tuner.app.progress import Progress, Watcher
from tuner.cli.words import Terminal, number
from tuner.commands import counted, duration
from tuner.verdict import words

LINE_EVERY = 10.0
"""Seconds between plain lines when nothing else happens."""


@contextmanager
def watching(console: Terminal) -> Iterator[Watcher]:
    """Show progress on the console for as long as the context lasts."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            yield _Panel(console, live)
    else:
        yield _Lines(console)


class _Lines:
    """Plain lines: one at the start, for each new incumbent, and every ten seconds."""

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._said_at = -LINE_EVERY
        self._incumbent: Configuration | None = None
        self._phase = ""

    def say(self, text: str) -> None:
        """Print the text."""
        self._console.say(text)

    def show(self, progress: Progress) -> None:
        """Print a line when there is news, or when the last one is long ago."""
        standing = progress.standing
        news = standing.incumbent != self._incumbent or progress.phase != self._phase
        if not news and time.monotonic() - self._said_at < LINE_EVERY:
            return
        if standing.incumbent != self._incumbent and self._incumbent is not None:
            self.say(f"  new incumbent: {_name(progress, standing.incumbent)}")
        self._said_at, self._incumbent, self._phase = time.monotonic(), standing.incumbent, progress.phase
        left = max(0.0, progress.budget - progress.elapsed)
        self.say(
            f"  {progress.phase:<9} {duration(left):>7} left   {counted(progress.runs, 'run')}   "
            f"{counted(standing.configurations, 'configuration')}   {_comparison(progress)}"
            + (f"   {progress.goals}" if progress.goals else "")
        )


class _Panel:
    """A panel that is drawn anew in place."""

    def __init__(self, console: Terminal, live: Live) -> None:
        self._console = console
        self._live = live

    def say(self, text: str) -> None:
        """Print the text above the panel."""
        self._console.say(text)

    def show(self, progress: Progress) -> None:
        """Redraw the panel at the next refresh."""
        self._live.update(_drawn(progress))


def _name(progress: Progress, configuration: Configuration) -> str:
    return f"your settings, {configuration}" if configuration == progress.base else str(configuration)


def _comparison(progress: Progress) -> str:
    """Say what incumbent, default (by its solver's name where there are several) and the user's settings cost."""
    standing = progress.standing
    default = f"{standing.default.solver} default" if len(progress.solvers) > 1 else "default"
    if standing.default_cost is None:
        return f"the incumbent and the {default} share no pair yet" if standing.runs else f"{default} not executed yet"
    told = f"{default} {number(standing.default_cost)}"
    if standing.incumbent != standing.default and standing.incumbent_cost is not None:
        who = "your settings" if standing.incumbent == progress.base else "incumbent"
        told += (
            f" -> {who} {number(standing.incumbent_cost)} "
            f"({_times(standing.default_cost, standing.incumbent_cost)} on {counted(standing.pairs, 'training pair')})"
        )
    if (own := standing.settings) is not None:
        told += f"; your settings {number(own.cost)} ({_times(own.cost, own.incumbent_cost)} on {own.pairs})"
    return told


def _times(cost: float, incumbent_cost: float) -> str:
    return f"{words.number(cost / incumbent_cost if incumbent_cost > 0 else float('inf'))}x"


def _drawn(progress: Progress) -> Panel:
    standing = progress.standing
    left = max(0.0, progress.budget - progress.elapsed)
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        Text(progress.phase, style="bold"),
        ProgressBar(total=progress.budget, completed=min(progress.elapsed, progress.budget), width=36),
        Text(f"{duration(left)} left"),
    )
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    facts.add_row("incumbent", Text(_name(progress, standing.incumbent), style="bold green"))
    facts.add_row("training", _comparison(progress))
    if progress.goals:
        facts.add_row("goals", progress.goals)
    facts.add_row(
        "executed",
        f"{counted(progress.runs, 'run')} of {counted(standing.configurations, 'configuration')}, "
        f"{standing.solved} solved" + (f", [red]{len(standing.flagged)} flagged[/red]" if standing.flagged else ""),
    )
    for slot, activity in enumerate(progress.slots):
        if activity is None:
            facts.add_row(f"slot {slot}", "idle")
            continue
        run = activity.run
        name = escape(progress.names.get(run.instance, run.instance[:12]))
        facts.add_row(
            f"slot {slot}",
            Text.from_markup(f"{name} [dim]{activity.seconds:5.1f} s[/dim] {escape(str(run.configuration))}"),
        )
        facts.columns[1].no_wrap = False
    return Panel(Group(bar, facts), title=escape(progress.job), title_align="left", border_style="dim")

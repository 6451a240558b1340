"""What a job's study says in optuna-dashboard: a note in words, and the figures that the job's own page has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from storage.records import Configuration, Job, spell
from tuner.app.figures import Figures, Point
from tuner.app.views import finite
from tuner.commands import command, counted
from tuner.space import Space

Trace = Mapping[str, Any]
"""What Plotly calls so, or a part of it: names with values."""
_AS_IT_IS = str.maketrans({sign: f"\\{sign}" for sign in r"\`*_{}[]<>()#+-.!|~$&:"})


class Figure:
    """A figure as Plotly's script in the browser takes it; Plotly itself, which is large, is not needed for that."""

    def __init__(self, title: str, x: tuple[str, Trace], y: tuple[str, Trace], *traces: Trace) -> None:
        """Draw traces on two axes, each with its title and what else is to be said of it."""
        layout: dict[str, Any] = {"title": {"text": title}}
        for axis, (text, more) in (("xaxis", x), ("yaxis", y)):
            layout[axis] = {"title": {"text": text}, **more}
        self._content = {"data": list(traces), "layout": layout}

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(finite(self._content))


def plain(text: str) -> str:
    """Return Markdown that shows a text as it is, on one line."""
    return " ".join(text.split()).translate(_AS_IT_IS)


def opening(job: Job) -> str:
    """Return the note of a job that is being carried out, in Markdown."""
    training, holdout = (sum(member.part == part for member in job.members) for part in ("training", "holdout"))
    return (
        f"## {plain(job.name)}\n\n"
        f"{plain(', '.join(job.solvers))} on {plain(job.folder)}: {counted(training, 'model')} to tune on, {holdout} "
        f"held out; cost {job.cost}, cutoff {job.cutoff:g} s, budget {job.budget:g} s, seed {job.seed}\n\n"
        "Each trial is a configuration; its value is the mean difference from the default in the logarithm of the "
        "cost: below zero is better. The verdict comes from the models that were held out, which no trial has seen.\n\n"
        f"Where the job stands: {plain(command('show', job.name))}\n"
    )


def closing(job: Job, outcome: str, report: str, best: Configuration, space: Space) -> str:
    """Return the note of a job with its verdict, in Markdown.

    Args:
        job: with its members.
        outcome: of its verdict.
        report: the verdict in words.
        best: the configuration that it recommends.
        space: of that one's solver.

    """
    changes = [(space[name], value) for name, value in best.parameters]
    rows = [
        f"| {plain(own.name)} | {plain(spell(value))} | {plain(spell(own.default))} | {plain(own.meaning)} |"
        for own, value in changes
    ]
    table = ["| parameter | value | default | meaning |", "| --- | --- | --- | --- |", *rows, ""] if rows else []
    return "\n".join([f"**{plain(outcome)}.** {plain(report)}", "", *table, opening(job)])


def solved_note(job: Job, sentence: str, rows: Mapping[str, str]) -> str:
    """Return the note of a job that has solved a bilevel problem, or was stopped at it, in Markdown.

    Args:
        job: what was handed in.
        sentence: the answer in words.
        rows: what else there is to say of it, by what it is about.

    """
    table = [f"| {plain(name)} | {plain(text)} |" for name, text in rows.items()]
    return (
        f"## {plain(job.name)}\n\n{plain(sentence)}\n\n"
        + "\n".join(["| | |", "| --- | --- |", *table])
        + "\n\nEach trial is a choice of the leader that the follower has answered.\n\n"
        f"Where the job stands: {plain(command('show', job.name))}\n"
    )


def figures(drawn: Figures) -> dict[str, Figure]:
    """Return a job's figures, by what identifies each in its study."""
    steps = drawn.trajectory
    at = [*(step.elapsed for step in steps), drawn.spent]
    ratios = [step.cost / step.default_cost if step.default_cost else None for step in steps]
    trajectory = Figure(
        "Incumbent and default over time",
        ("seconds of the budget", {}),
        (f"{drawn.cost}, as a part of the default's", {"rangemode": "tozero"}),
        _line("default", [0.0, drawn.spent], [1.0, 1.0]),
        _line("incumbent", at, [*ratios, *ratios[-1:]], shape="hv"),
    )
    points = [point for point in drawn.points if point.ends]
    costs = [cost for point in points for cost in point.ends]
    ends = [min(costs), max(costs)] if costs else []
    scatter = Figure(
        "Default against incumbent, model by model",
        ("default", {"type": "log"}),
        ("incumbent", {"type": "log"}),
        _line("alike", ends, ends, dash="dash"),
        *(_markers(part, [point for point in points if point.part == part]) for part in ("training", "holdout")),
    )
    profile = Figure(
        "Performance profile",
        ("at most so many times the better one's cost", {"type": "log"}),
        ("share of models", {"range": [0, 1.02]}),
        *(_line(line.name, line.ratio, line.share, shape="hv") for line in drawn.profiles),
    )
    return {"trajectory": trajectory, "scatter": scatter, "profile": profile}


def _line(name: str, x: Sequence[float], y: Sequence[float | None], **line: str) -> Trace:
    return {"type": "scatter", "name": name, "x": list(x), "y": list(y), "mode": "lines", "line": line}


def _markers(name: str, points: Sequence[Point]) -> Trace:
    return {
        "type": "scatter",
        "name": name,
        "x": [point.default for point in points],
        "y": [point.incumbent for point in points],
        "text": [point.name for point in points],
        "mode": "markers",
    }

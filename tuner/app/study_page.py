"""What a job's study says in optuna-dashboard: a note in words, and the figures that the job's own page has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.records import Configuration, Job, spell
from tuner.app.figures import Figures
from tuner.commands import command, counted
from tuner.space import Space

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_AS_IT_IS = str.maketrans({sign: f"\\{sign}" for sign in r"\`*_{}[]<>()#+-.!|~$&:"})


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


def figures(drawn: Figures) -> dict[str, Figure]:
    """Return a job's figures, by what identifies each in its study."""
    from plotly.graph_objects import Figure, Scatter

    steps = drawn.trajectory
    at = [*(step.elapsed for step in steps), drawn.spent]
    ratios = [step.cost / step.default_cost if step.default_cost else None for step in steps]
    trajectory = Figure(layout={"title": "Incumbent and default over time"})
    trajectory.add_trace(Scatter(name="default", x=[0.0, drawn.spent], y=[1.0, 1.0], mode="lines"))
    trajectory.add_trace(Scatter(name="incumbent", x=at, y=[*ratios, *ratios[-1:]], line={"shape": "hv"}))
    trajectory.update_xaxes(title="seconds of the budget")
    trajectory.update_yaxes(title=f"{drawn.cost}, as a part of the default's", rangemode="tozero")

    scatter = Figure(layout={"title": "Default against incumbent, model by model"})
    points = [point for point in drawn.points if point.ends]
    if points:
        costs = [cost for point in points for cost in point.ends]
        ends = [min(costs), max(costs)]
        scatter.add_trace(Scatter(name="alike", x=ends, y=ends, mode="lines", line={"dash": "dash"}))
    for part in ("training", "holdout"):
        own = [point for point in points if point.part == part]
        scatter.add_trace(
            Scatter(
                name=part,
                x=[point.default for point in own],
                y=[point.incumbent for point in own],
                text=[point.name for point in own],
                mode="markers",
            )
        )
    scatter.update_xaxes(title="default", type="log").update_yaxes(title="incumbent", type="log")

    profile = Figure(layout={"title": "Performance profile"})
    for line in drawn.profiles:
        profile.add_trace(Scatter(name=line.name, x=line.ratio, y=line.share, mode="lines", line={"shape": "hv"}))
    profile.update_xaxes(title="at most so many times the better one's cost", type="log")
    profile.update_yaxes(title="share of models", range=[0, 1.02])
    return {"trajectory": trajectory, "scatter": scatter, "profile": profile}

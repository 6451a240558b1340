"""The figures of a tuning job as Plotly's script takes them: for its page, and for its study's in optuna-dashboard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.app.figures import Figures, Point
from tuner.app.job_data import finite

MARGIN = 1.3
"""How far beyond the points the line of equal costs goes, as a factor."""
Trace = Mapping[str, Any]
"""What Plotly calls so, or a part of it: names with values."""


class Figure:
    """A figure as Plotly's script in the browser takes it; Plotly itself, which is large, is not needed for that."""

    def __init__(self, title: str, x: tuple[str, Trace], y: tuple[str, Trace], *traces: Trace) -> None:
        """Draw traces on two axes, each with its title and what else is to be said of it."""
        layout: dict[str, Any] = {"title": {"text": title}}
        for axis, (text, more) in (("xaxis", x), ("yaxis", y)):
            layout[axis] = {"title": {"text": text}, **more}
        self.content: dict[str, Any] = finite({"data": list(traces), "layout": layout})

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(self.content)


def figures(drawn: Figures) -> dict[str, Figure]:
    """Return a job's figures, by what identifies each in its study and on its page."""
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
    ends = [min(costs) / MARGIN, max(costs) * MARGIN] if costs else []
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
        "customdata": [point.sha256 for point in points],
        "hovertemplate": "%{text}<br>default %{x:.3g}<br>incumbent %{y:.3g}<extra></extra>",
        "mode": "markers",
    }

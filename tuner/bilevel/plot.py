"""F over x, with the jumps where the follower changes its mind: for a leader of one or two variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from tuner.bilevel.problem import ModelProblem, Variable
from tuner.bilevel.responder import Responder, Response, X
from tuner.bilevel.workers import Workers
from tuner.charts import Axis, figure, pixels
from tuner.cost import Ties
from tuner.errors import UsageError

ALONG, ACROSS = 400, 40
"""How many choices are drawn of one variable, and of each of two; all where there are fewer."""
STYLE = (
    "svg{font:11px sans-serif;background:#fff}text{fill:#333}.grid{stroke:#ddd}.frame{fill:none;stroke:#888}"
    ".optimistic{fill:#0b6}.pessimistic{fill:#d33}.best{fill:none;stroke:#000;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){svg{background:#111}text{fill:#ccc}.grid{stroke:#333}.best{stroke:#fff}}"
)


def plot(problem: ModelProblem, *, best: X | None = None, solver: str = "highs", slots: int = 1) -> str:
    """Return F over x as an SVG document: optimistic and pessimistic, the best choice marked.

    Args:
        problem: with one or two variables of the leader.
        best: the choice to mark.
        solver: that answers for the follower.
        slots: how many responses are found at a time.

    Raises:
        UsageError: there are more variables, or one has no bounds.

    """
    variables = problem.variables
    if len(variables) > 2:
        raise UsageError(f"{problem.name}: F is drawn over one or two variables of the leader, not {len(variables)}")
    places = [_places(problem, variable, ALONG if len(variables) == 1 else ACROSS) for variable in variables]
    wanted: list[X] = [(value,) for value in places[0]]
    if len(variables) == 2:
        wanted = [(one, other) for one in places[0] for other in places[1]]
    if best is not None and len(variables) == 1:
        wanted.append(best)
    responses = _responses(problem, wanted, solver, slots)
    drawn = _over_one(problem, responses, best) if len(variables) == 1 else _over_two(problem, responses, places, best)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" width="840" ', 1).replace(
        ">", f"><style>{STYLE}</style>", 1
    )


def _places(problem: ModelProblem, variable: Variable, most: int) -> list[float]:
    if not (math.isfinite(variable.lower) and math.isfinite(variable.upper)):
        raise UsageError(f"{problem.name}: variable {variable.name} of the leader has no bounds to draw between")
    if variable.count <= most:
        return list(variable.values()) if variable.step else [variable.lower]
    width = variable.upper - variable.lower
    return sorted({variable.nearest(variable.lower + width * place / (most - 1)) for place in range(most)})


def _responses(problem: ModelProblem, wanted: Sequence[X], solver: str, slots: int) -> list[Response]:
    found = []
    with Workers(slots) as workers:
        responder = Responder(problem, workers, solver)
        for x in dict.fromkeys(wanted):
            responder.submit(x, None)
        while responder.outstanding:
            found += responder.wait()
    return sorted(found, key=lambda response: response.x)


def _axis(label: str, values: Sequence[float]) -> Axis:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = 0.05 * (high - low) or 1.0
    return Axis(label, low - room, high + room)


def _over_one(problem: ModelProblem, responses: Sequence[Response], best: X | None) -> str:
    values = {
        ties: [(r.x[0], tie.objective) for r in responses if (tie := r.tie(ties)) is not None]
        for ties in (Ties.OPTIMISTIC, Ties.PESSIMISTIC)
    }
    name = problem.variables[0].name
    told = "F at best (green) and at worst (red) over the follower's ties"
    x = _axis(f"{name}: {told}", [response.x[0] for response in responses])
    y = _axis("F", [value for points in values.values() for _, value in points])
    px, py = pixels(x, y)
    marks = [
        f'<circle class="{ties.value}" cx="{px(place):.1f}" cy="{py(value):.1f}" r="{radius}">'
        f"<title>{ties.value}: F = {value:.7g} at {place:.7g}</title></circle>"
        for ties, radius in ((Ties.OPTIMISTIC, 2.6), (Ties.PESSIMISTIC, 1.6))
        for place, value in values[ties]
    ]
    for place, value in values[problem.ties]:
        if best is not None and place == best[0]:
            marks.append(f'<circle class="best" cx="{px(place):.1f}" cy="{py(value):.1f}" r="6"/>')
    return figure(x, y, marks, f"{problem.name}: F over {name}: {told}")


def _over_two(
    problem: ModelProblem, responses: Sequence[Response], places: Sequence[Sequence[float]], best: X | None
) -> str:
    found = {response.x: tie.objective for response in responses if (tie := response.tie(problem.ties)) is not None}
    low, top = (min(found.values()), max(found.values())) if found else (0.0, 1.0)
    told = f"F from {low:.7g} (pale) to {top:.7g} (dark), {problem.ties.value}"
    first, second = (variable.name for variable in problem.variables)
    x, y = _axis(f"{first}: {told}", places[0]), _axis(second, places[1])
    px, py = pixels(x, y)
    columns, rows = (_cells(values) for values in places)
    marks = []
    for (one, other), value in found.items():
        share = (value - low) / (top - low) if top > low else 1.0
        (left, right), (below, above) = columns[one], rows[other]
        marks.append(
            f'<rect x="{px(left):.1f}" y="{py(above):.1f}" width="{px(right) - px(left):.1f}" '
            f'height="{py(below) - py(above):.1f}" fill="hsl(215 70% {92 - 60 * share:.0f}%)">'
            f"<title>F = {value:.7g} at {one:.7g}, {other:.7g}</title></rect>"
        )
    if best is not None:
        marks.append(f'<circle class="best" cx="{px(best[0]):.1f}" cy="{py(best[1]):.1f}" r="6"/>')
    return figure(x, y, marks, f"{problem.name}: F over {first} and {second}: {told}")


def _cells(values: Sequence[float]) -> dict[float, tuple[float, float]]:
    """Return from where to where each of these values, in order, is drawn: half-way to its neighbours."""
    if len(values) == 1:
        return {values[0]: (values[0] - 0.5, values[0] + 0.5)}
    inner = [(one + other) / 2 for one, other in pairwise(values)]
    edges = [2 * values[0] - inner[0], *inner, 2 * values[-1] - inner[-1]]
    return dict(zip(values, pairwise(edges), strict=True))

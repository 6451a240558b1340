"""Figures as SVG without a script. Colours are those of the style sheet of whoever shows them."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from instances.visible import escaped

WIDTH, HEIGHT = 420.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 14.0, 12.0, 44.0


def as_html(text: str) -> str:
    """Return a text as HTML has it, hidden characters spelled out."""
    return html.escape(escaped(text))


@dataclass(frozen=True)
class Axis:
    """A scale from data to pixels, linear or logarithmic."""

    label: str
    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Return where a value lies between both ends, 0 to 1; values beyond are put at the end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """Round values between both ends, about three to seven."""
        if not self.log:
            return _round_steps(self.low, self.high)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            ticks = [digit * 10.0**exponent for exponent in decades for digit in digits]
            ticks = [tick for tick in ticks if self.low * 0.9999 <= tick <= self.high * 1.0001]
            if len(ticks) <= 7:
                break
        return ticks if len(ticks) > 1 else _round_steps(self.low, self.high)


def _round_steps(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.9999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def log_axis(label: str, values: Sequence[float], least: float) -> Axis:
    """Return a logarithmic axis around all values; those below ``least``, zero included, are drawn there."""
    drawn = [max(value, least) for value in values]
    low, high = min(drawn) / 1.25, max(drawn) * 1.25
    return Axis(label, low, high, log=True)


@dataclass(frozen=True)
class Series:
    """A line of a figure."""

    name: str
    points: tuple[tuple[float, float], ...]


def scatter(points: Sequence[tuple[str, float, float]], x: Axis, y: Axis) -> str:
    """Draw named points and the diagonal: those below it are better under y's configuration."""
    px, py = pixels(x, y)
    low, high = max(x.low, y.low), min(x.high, y.high)
    marks = [f'<line class="diagonal" x1="{px(low):.1f}" y1="{py(low):.1f}" x2="{px(high):.1f}" y2="{py(high):.1f}"/>']
    marks += [
        f'<circle class="point" cx="{px(first):.1f}" cy="{py(second):.1f}" r="4.5"><title>{as_html(name)}: '
        f"{first:.3g} and {second:.3g}</title></circle>"
        for name, first, second in points
    ]
    return figure(x, y, marks, f"Scatter of {y.label} against {x.label}")


def steps(series: Sequence[Series], x: Axis, y: Axis) -> str:
    """Draw each series as a line that stays level until its next point; the legend is the report's."""
    px, py = pixels(x, y)
    marks = []
    for place, line in enumerate(series):
        path = ""
        for number, (first, second) in enumerate(line.points):
            path += f"M{px(first):.1f},{py(second):.1f}" if not number else f"H{px(first):.1f}V{py(second):.1f}"
        marks.append(f'<path class="line s{place % 4}" d="{path}"><title>{as_html(line.name)}</title></path>')
    return figure(x, y, marks, f"{y.label} against {x.label}")


def pixels(x: Axis, y: Axis) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Return where values of x and y are drawn."""
    return (
        lambda value: LEFT + x.share(value) * (WIDTH - LEFT - RIGHT),
        lambda value: HEIGHT - BOTTOM - y.share(value) * (HEIGHT - TOP - BOTTOM),
    )


def figure(x: Axis, y: Axis, marks: Sequence[str], title: str) -> str:
    """Return a figure with axes, grid and these marks."""
    px, py = pixels(x, y)
    base, left, right = HEIGHT - BOTTOM, LEFT, WIDTH - RIGHT
    grid = []
    for tick in x.ticks:
        grid.append(f'<line class="grid" x1="{px(tick):.1f}" y1="{TOP}" x2="{px(tick):.1f}" y2="{base}"/>')
        grid.append(f'<text x="{px(tick):.1f}" y="{base + 16}" text-anchor="middle">{tick:g}</text>')
    for tick in y.ticks:
        grid.append(f'<line class="grid" x1="{left}" y1="{py(tick):.1f}" x2="{right}" y2="{py(tick):.1f}"/>')
        grid.append(f'<text x="{left - 6}" y="{py(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    middle = TOP + (base - TOP) / 2
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{as_html(title)}">{"".join(grid)}'
        f'<rect class="frame" x="{left}" y="{TOP}" width="{right - left}" height="{base - TOP}"/>{"".join(marks)}'
        f'<text x="{(left + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{as_html(x.label)}</text>'
        f'<text transform="translate(13 {middle}) rotate(-90)" text-anchor="middle">{as_html(y.label)}</text></svg>'
    )

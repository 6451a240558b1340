"""Draw the figure of docs/racing.md from results of `replay` and `peers`.

python -m bench.replay --table bench/results/replay.csv
python -m bench.peers --results bench/results/peers.jsonl
python -m bench.figure
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import matplotlib as mpl

from bench.peers import OURS, Kept, speeds

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

ON_REQUEST = True
RESULTS = Path(__file__).parent / "results"
FIGURE = Path(__file__).parent.parent / "docs" / "racing.svg"
COLOURS = {"tuner": "#c0392b", "SMAC3": "#2471a3", "irace": "#7d8b2a", "Optuna": "#7d6b91"}
MARKS = {"tuner": "o", "SMAC3": "s", "irace": "^", "Optuna": "D"}


def main() -> None:
    mpl.rcParams.update(
        {"svg.hashsalt": "racing", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), width_ratios=(1, 1.35))
    _replayed(left, RESULTS / "replay.csv")
    _real(right, RESULTS / "peers.jsonl")
    figure.tight_layout()
    figure.savefig(FIGURE, metadata={"Date": None, "Creator": None})
    print(FIGURE)


def _replayed(axes: Axes, path: Path) -> None:
    """Draw the geometric mean over all recordings of what is left of the default's time, against the budget."""
    logs: dict[tuple[str, int], list[float]] = defaultdict(list)
    errors: dict[tuple[str, int], list[float]] = defaultdict(list)
    reps = set()
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            at = row["strategy"], int(row["budget"])
            logs[at].append(math.log(float(row["ratio"])))
            errors[at].append(float(row["error"]) / float(row["ratio"]))
            reps.add(row["reps"])
    budgets = sorted({budget for _, budget in logs})
    for tool in dict.fromkeys(tool for tool, _ in logs):
        middle = [math.exp(fmean(logs[tool, budget])) for budget in budgets]
        spread = [2 * math.hypot(*errors[tool, budget]) / len(errors[tool, budget]) for budget in budgets]
        low = [ratio * math.exp(-error) for ratio, error in zip(middle, spread, strict=True)]
        high = [ratio * math.exp(error) for ratio, error in zip(middle, spread, strict=True)]
        axes.fill_between(budgets, low, high, color=COLOURS[tool], alpha=0.15, linewidth=0)
        axes.plot(budgets, middle, color=COLOURS[tool], marker=MARKS[tool], label=tool)
    axes.set_xscale("log")
    axes.set_xticks(budgets, [f"{budget:,}" for budget in budgets])
    axes.minorticks_off()
    axes.set_xlabel("budget, in runs of the default")
    axes.set_ylabel("time on models not tuned on, default = 1")
    count = len(logs[next(iter(logs))])
    axes.set_title(f"Replayed: {count} families, {'/'.join(sorted(reps))} jobs each", loc="left")
    axes.legend(frameon=False)


def _real(axes: Axes, path: Path) -> None:
    """Draw the speed-ups that real jobs reached, by family and tool, with 95 % intervals."""
    found = speeds(Kept(path))
    families = sorted({family for family, tool in found if tool == OURS}, key=lambda family: -found[family, OURS][0])
    tools = [tool for tool in COLOURS if any((family, tool) in found for family in families)]
    for row, family in enumerate(families):
        for number, tool in enumerate(tools):
            if (family, tool) in found:
                _dot(axes, row + 0.16 * (number - (len(tools) - 1) / 2), tool, found[family, tool])
    axes.axvline(1.0, color="#888888", linewidth=0.8)
    axes.set_xscale("log")
    ticks = [1, 1.5, 2, 3, 4, 6]
    axes.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(families)), families)
    axes.invert_yaxis()
    axes.set_xlabel("speed-up over the default on models not tuned on, 95 % interval")
    axes.set_title("Real HiGHS, two minutes on two cores", loc="left")


def _dot(axes: Axes, height: float, tool: str, speed: Sequence[float]) -> None:
    ratio, low, high = speed
    axes.plot([low, high], [height, height], color=COLOURS[tool], linewidth=1.2)
    axes.plot([ratio], [height], color=COLOURS[tool], marker=MARKS[tool], markersize=5)


if __name__ == "__main__":
    main()

"""The verdict in words, for a terminal and the head of the report."""

from __future__ import annotations

import math

from storage.records import Comparison, spell
from tuner.commands import counted
from tuner.cost import Cost
from tuner.verdict.compare import Measure
from tuner.verdict.decide import GAIN, Verdict, name
from tuner.verdict.delicate import sentences as sentences_on

FEW = 8
"""With fewer holdout instances than this, more of them are what narrows the interval most."""
MOSTLY = 0.8
"""A default that solves less than this share of its runs leaves little to measure under costs in seconds."""
BETTER = {
    Cost.PAR10: "times faster",
    Cost.WALL: "times faster",
    Cost.GAP: "times closer in gap",
    Cost.INTEGRAL: "times smaller in primal-dual integral",
}
"""What follows a ratio above 1, by cost."""
_FACTOR = {
    Cost.PAR10: "speed-up",
    Cost.WALL: "speed-up",
    Cost.GAP: "gain in gap",
    Cost.INTEGRAL: "gain in primal-dual integral",
}


def number(value: float) -> str:
    """Write a number with three significant digits: 0.0123, 1.40, 12.0, 1,230; beyond reason as over or under."""
    if value > 1e6:
        return "over 1,000,000"
    if abs(value) >= 999.5:
        return f"{float(f'{value:.3g}'):,.0f}"
    if 0 < abs(value) < 1e-3:
        return "under 0.001"
    return f"{value:#.3g}".rstrip(".") if value else "0"


def quantity(value: float, cost: Cost) -> str:
    """Write a mean cost with its unit."""
    return f"{number(100 * value)} %" if cost is Cost.GAP else f"{number(value)} s"


def between(comparison: Comparison) -> str:
    """Write the interval of a comparison, such as 1.20 to 2.31."""
    if math.isinf(comparison.high):
        return "unknown, as one instance has none"
    return f"{number(comparison.low)} to {number(comparison.high)}"


def paragraph(verdict: Verdict) -> str:
    """Return the verdict as one paragraph: what to use, how much better it is, how sure that is, and why."""
    said = _gain(verdict) if verdict.outcome == GAIN else _kept(verdict)
    return " ".join([*said, *sentences_on(verdict.delicate), *_caution(verdict)])


def _gain(verdict: Verdict) -> list[str]:
    field, recommended = verdict.contenders, verdict.recommended
    found = verdict.comparison(recommended, field.baseline)
    assert found is not None, "a gain was compared with the baseline"
    if recommended.is_default:
        sentences = [f"Use {name(recommended)}, no parameter changed."]
    else:
        changes = ", ".join(f"{key} = {spell(value)}" for key, value in recommended.parameters)
        sentences = [f"Use {recommended.solver} with {changes}."]
    sentences.append(
        f"On {_extent(verdict, found)} that were not tuned on it is {_times(found, verdict.cost)} than "
        f"{name(field.baseline)}{_means(verdict, found)}."
    )
    sentences += [_solved(found), *_par10(verdict, found)]
    second = verdict.comparison(recommended, field.best_default)
    if field.best_default not in (field.baseline, recommended) and second is not None:
        sentences.append(
            f"Of the solvers as they come {field.best_default.solver} did best in training; "
            f"on {_extent(verdict, second)} it is {_times(second, verdict.cost)} than that. {_solved(second)}"
        )
    if field.incumbent not in (recommended, field.baseline):
        sentences.append(f"The best that tuning found, {field.incumbent}, is not recommended: it {verdict.objection}.")
    return sentences


def _kept(verdict: Verdict) -> list[str]:
    field = verdict.contenders
    sentences = [f"Keep the default: use {name(field.baseline)}."]
    if field.incumbent == field.baseline:
        sentences.append(_fruitless(verdict))
    else:
        sentences.append(f"The best that tuning found, {name(field.incumbent)}, {verdict.objection}.")
    couples = [(field.incumbent, field.best_default), (field.incumbent, field.baseline)]
    if field.best_default != field.incumbent:
        couples.append((field.best_default, field.baseline))
    for candidate, baseline in dict.fromkeys(couples):
        found = verdict.comparison(candidate, baseline)
        if found is not None:
            of = "Its" if candidate == field.incumbent else f"For {name(candidate)}, the"
            sentences.append(
                f"{of} {_FACTOR[verdict.cost]} over {name(baseline)} on {_extent(verdict, found)} held out is "
                f"{number(found.ratio)} (95 % interval {between(found)}; 1 is no gain). {_solved(found)}"
            )
    for row in verdict.rows:
        seen = row.against_baseline
        untold = row.configuration.is_default and row.configuration not in (field.best_default, field.incumbent)
        if untold and seen is not None and seen.low > 1:
            sentences.append(
                f"{name(row.configuration)} did better on the holdout ({_times(seen, verdict.cost)}), but training did "
                "not show it, and what is chosen on the holdout cannot be proven on it."
            )
    if field.baseline in verdict.flagged:
        sentences.append(f"But look at {name(field.baseline)}: a response of it was refuted, crashed or out of memory.")
    row = verdict.row(field.baseline)
    if row.disputed:
        sentences.append(
            f"Warning: {row.disputed} of {row.runs} answers of {name(field.baseline)} itself are disputed."
        )
    return [*sentences, _advice(verdict)]


def _fruitless(verdict: Verdict) -> str:
    """Say why the race ended where it began."""
    if not verdict.tried:
        share = f"{verdict.covered} of {counted(verdict.training, 'instance')}"
        return f"There was no time to try anything else: the race's time went into the default, on {share} to tune on."
    configurations = counted(verdict.tried, "other configuration")
    return f"On {counted(verdict.training, 'instance')} to tune on, none of {configurations} was found to be better."


def _times(found: Comparison, cost: Cost) -> str:
    return f"{number(found.ratio)} {BETTER[cost]} (95 % interval {between(found)})"


def _extent(verdict: Verdict, found: Comparison) -> str:
    """Say on how much a comparison rests: its pairs, which are fewer than a row's runs when one had fewer seeds."""
    instances = verdict.shared[found.candidate, found.baseline]
    seeds = math.ceil(found.pairs / instances)
    return f"{counted(instances, 'instance')} x {counted(seeds, 'seed')}"


def _means(verdict: Verdict, found: Comparison) -> str:
    """Name both means, where the rows' means are those of the pairs compared."""
    ours, theirs = verdict.row(found.candidate), verdict.row(found.baseline)
    if (
        ours.disputed
        or theirs.disputed
        or ours.shifted_geometric_mean is None
        or theirs.shifted_geometric_mean is None
        or ours.runs != theirs.runs
    ):
        return ""
    return (
        f": {quantity(ours.shifted_geometric_mean, verdict.cost)} instead of "
        f"{quantity(theirs.shifted_geometric_mean, verdict.cost)} (shifted geometric mean)"
    )


def _solved(found: Comparison) -> str:
    if found.candidate_solved == found.baseline_solved == found.pairs:
        return f"Both solved {found.pairs} of {found.pairs} runs."
    return f"It solved {found.candidate_solved} of {found.pairs} runs, {name(found.baseline)} {found.baseline_solved}."


def _par10(verdict: Verdict, found: Comparison) -> list[str]:
    par10 = verdict.comparison(found.candidate, found.baseline, Measure.PAR10)
    if par10 is None:
        return []
    return [
        f"With unsolved runs taken as ten cutoffs (PAR10), the mean time is {number(par10.ratio)} times shorter "
        f"(95 % interval {between(par10)})."
    ]


def _caution(verdict: Verdict) -> list[str]:
    """Say when the machine was too busy for the times to be fair."""
    return [busy(verdict.starved, verdict.cutoff)] if verdict.starved else []


def busy(starved: int, cutoff: float) -> str:
    """Say that so many runs were starved; see `tuner.verdict.decide.is_starved`."""
    return (
        f"The machine was busy with other work: {counted(starved, 'run')} had to end at the cutoff of {cutoff:g} s "
        "with less than nine tenths of it in CPU time, and counted as unsolved."
    )


def _advice(verdict: Verdict) -> str:
    """Say what may help, the likeliest first."""
    row = verdict.row(verdict.contenders.baseline)
    ideas = []
    if verdict.cost.is_time and row.solved + row.disputed < MOSTLY * row.runs:
        ideas.append("a larger --cutoff, or --cost gap, as many runs were not solved")
    if 0 < row.instances < FEW:
        ideas.append("more instances")
    ideas.append("a larger --budget")
    return f"What may help: {'; '.join(ideas)}."

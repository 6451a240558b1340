"""The verdict in words, for a terminal and the head of the report."""

from __future__ import annotations

import math

from storage.records import Comparison, Configuration, spell
from tuner.commands import counted
from tuner.cost import Cost
from tuner.verdict.compare import Measure
from tuner.verdict.decide import GAIN, SETTINGS_KEPT, Row, Verdict
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


def columns(cost: Cost) -> list[str]:
    """Return the heading of `cells`."""
    return ["ratio", "95 % interval", "mean", *(["PAR10"] if cost.is_time else []), "solved"]


def cells(row: Row, cost: Cost) -> list[str]:
    """Return what was measured of a configuration, as a table of the terminal or the report shows it.

    What there is not is empty: the ratio of the baseline itself, the mean of a configuration without runs.
    """
    against = row.against_baseline
    return [
        number(against.ratio) if against else "",
        between(against) if against else "",
        "" if row.shifted_geometric_mean is None else quantity(row.shifted_geometric_mean, cost),
        *(["" if row.par10 is None else f"{number(row.par10)} s"] if cost.is_time else []),
        f"{row.solved} of {row.runs}" if row.runs else "",
    ]


def paragraph(verdict: Verdict) -> str:
    """Return the verdict as one paragraph: what to use, how much better it is, how sure that is, and why."""
    said = _gain(verdict) if verdict.outcome == GAIN else _kept(verdict)
    return " ".join([*said, *_fixed(verdict), *sentences_on(verdict.delicate), *_caution(verdict)])


def _gain(verdict: Verdict) -> list[str]:
    field, recommended = verdict.contenders, verdict.recommended
    baseline = field.base if field.base is not None and recommended == field.baseline else field.baseline
    found = verdict.comparison(recommended, baseline)
    assert found is not None, "a gain was compared with what it is a gain over"
    if field.is_default(recommended):
        sentences = [f"Use {field.name(recommended)}, no parameter changed."]
    else:
        changes = ", ".join(f"{key} = {spell(value)}" for key, value in recommended.parameters)
        sentences = [f"Use {recommended.solver} with {changes}."]
    sentences.append(
        f"On {_extent(verdict, found)} that were not tuned on it is {_times(found, verdict.cost)} than "
        f"{field.name(baseline)}{_means(verdict, found)}."
    )
    sentences += [_solved(verdict, found), *_par10(verdict, found)]
    if field.base is not None and field.base not in (recommended, baseline):
        sentences.append(_over_settings(verdict, recommended, field.base))
    second = verdict.comparison(recommended, field.best_default)
    if field.best_default not in (field.baseline, recommended) and second is not None:
        sentences.append(
            f"Of the solvers as they come {field.best_default.solver} did best in training; "
            f"on {_extent(verdict, second)} it is {_times(second, verdict.cost)} than that. "
            f"{_solved(verdict, second)}"
        )
    if field.incumbent not in (recommended, field.baseline):
        sentences.append(f"The best that tuning found, {field.incumbent}, is not recommended: it {verdict.objection}.")
    return sentences


def _kept(verdict: Verdict) -> list[str]:
    field = verdict.contenders
    sentences = [f"Keep the default: use {field.name(field.baseline)}."]
    if verdict.outcome == SETTINGS_KEPT:
        sentences = [*_settings(verdict)]
    if field.incumbent in (field.baseline, field.base):
        sentences.append(_fruitless(verdict))
    else:
        sentences.append(f"The best that tuning found, {field.name(field.incumbent)}, {verdict.objection}.")
    couples = [(field.incumbent, field.best_default), (field.incumbent, field.baseline)]
    if field.best_default != field.incumbent:
        couples.append((field.best_default, field.baseline))
    if field.base is not None:
        couples.insert(0, (field.incumbent, field.base))
        couples = [couple for couple in couples if couple != (field.base, field.baseline)]  # which is told already
    for candidate, baseline in dict.fromkeys(couples):
        found = verdict.comparison(candidate, baseline)
        if found is not None:
            of = "Its" if candidate == field.incumbent != field.baseline else f"For {field.name(candidate)}, the"
            sentences.append(
                f"{of} {_FACTOR[verdict.cost]} over {field.name(baseline)} on {_extent(verdict, found)} held out is "
                f"{number(found.ratio)} (95 % interval {between(found)}; 1 is no gain). {_solved(verdict, found)}"
            )
    for row in verdict.rows:
        seen = row.against_baseline
        chosen = (field.best_default, field.incumbent)
        untold = field.is_default(row.configuration) and row.configuration not in chosen
        if untold and seen is not None and seen.low > 1:
            sentences.append(
                f"{field.name(row.configuration)} did better on the holdout ({_times(seen, verdict.cost)}), but "
                "training did not show it, and what is chosen on the holdout cannot be proven on it."
            )
    if field.base in verdict.flagged:
        sentences.append("Warning: your settings themselves gave a wrong answer, crashed or ran out of memory.")
    name = field.name(field.baseline)
    if field.baseline in verdict.flagged:
        sentences.append(f"Warning: {name} itself gave a wrong answer, crashed or ran out of memory.")
    row = verdict.row(field.baseline)
    if row.disputed:
        sentences.append(
            f"Warning: other answers contradict {row.disputed} of {row.runs} answers of {name}, and "
            "which are right is not proven."
        )
    if row.overstated:
        sentences.append(
            f"Warning: {row.overstated} of {row.runs} answers of {name} claim an objective that no "
            "exact point with the same whole numbers attains. They count as unsolved."
        )
    return [*sentences, _advice(verdict)]


def _over_settings(verdict: Verdict, recommended: Configuration, base: Configuration) -> str:
    """Say how much better what is recommended is than what the user has."""
    found = verdict.comparison(recommended, base)
    if found is None:
        return "With your settings it could not be compared."
    return (
        f"Your settings were compared, too: on {_extent(verdict, found)} it is {_times(found, verdict.cost)} than they "
        f"are{_means(verdict, found)}. {_solved(verdict, found)}"
    )


def _settings(verdict: Verdict) -> list[str]:
    """Say that the user's settings are kept, and what they are worth."""
    field = verdict.contenders
    assert field.base is not None, "settings were kept"
    found = verdict.comparison(field.base, field.baseline)
    sentences = [f"Keep your settings: {field.base}."]
    if found is not None and found.low <= 1:
        sentences.append(
            f"Their {_FACTOR[verdict.cost]} over {field.name(field.baseline)} on {_extent(verdict, found)} held out is "
            f"{number(found.ratio)} (95 % interval {between(found)}; 1 is no gain). {_solved(verdict, found)}"
        )
    elif found is not None:
        sentences.append(
            f"On {_extent(verdict, found)} held out they are {_times(found, verdict.cost)} than "
            f"{field.name(field.baseline)}{_means(verdict, found)}. {_solved(verdict, found)}"
        )
    return sentences


def _fixed(verdict: Verdict) -> list[str]:
    """Say what was not searched, because it was fixed."""
    several = len(verdict.contenders.defaults) > 1
    settings = [
        f"{f'{each.solver} ' if several else ''}{name} = {spell(value)}"
        for each in verdict.fixed
        for name, value in each.parameters
    ]
    return [f"Fixed in every run: {', '.join(settings)}."] if settings else []


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
    shared = verdict.shared[found.candidate, found.baseline]
    least, most = min(shared), max(shared)
    seeds = counted(least, "seed") if least == most else f"{least} to {most} seeds"
    return f"{counted(len(shared), 'instance')} x {seeds}"


def _means(verdict: Verdict, found: Comparison) -> str:
    """Name both means, where the rows' means are those of the pairs compared."""
    ours, theirs = verdict.row(found.candidate), verdict.row(found.baseline)
    if (
        ours.disputed
        or theirs.disputed
        or ours.starved
        or theirs.starved
        or ours.shifted_geometric_mean is None
        or theirs.shifted_geometric_mean is None
        or ours.runs != theirs.runs
    ):
        return ""
    return (
        f": {quantity(ours.shifted_geometric_mean, verdict.cost)} instead of "
        f"{quantity(theirs.shifted_geometric_mean, verdict.cost)} (shifted geometric mean)"
    )


def _solved(verdict: Verdict, found: Comparison) -> str:
    if found.candidate_solved == found.baseline_solved == found.pairs:
        return f"Both solved {found.pairs} of {found.pairs} runs."
    baseline, is_settings = verdict.contenders.name(found.baseline), found.candidate == verdict.contenders.base
    it = "They" if is_settings else "It"
    return f"{it} solved {found.candidate_solved} of {found.pairs} runs, {baseline} {found.baseline_solved}."


def _par10(verdict: Verdict, found: Comparison) -> list[str]:
    par10 = verdict.comparison(found.candidate, found.baseline, Measure.PAR10)
    if par10 is None:
        return []
    return [
        f"With unsolved runs taken as ten cutoffs (PAR10), the mean time is {number(par10.ratio)} times shorter "
        f"(95 % interval {between(par10)})."
    ]


def _caution(verdict: Verdict) -> list[str]:
    """Say when the machine was too busy for the times to be fair, and what was left out for that."""
    if not verdict.starved:
        return []
    told = [f"{busy(verdict.starved, verdict.cost, verdict.cutoff)}."]
    kept = verdict.contenders.base if verdict.outcome == SETTINGS_KEPT else verdict.contenders.baseline
    for (candidate, baseline), missing in verdict.unfair.items():
        if missing.pairs and candidate == verdict.candidate and baseline == kept:
            found = verdict.comparison(candidate, baseline)
            total = missing.pairs + (found.pairs if found is not None else 0)
            told.append(
                f"That says nothing of a configuration: {missing.pairs} of {counted(total, 'pair')} of model and seed "
                f"held out, with such a run, are left out of the comparison with {verdict.contenders.name(baseline)}."
            )
    return told


def busy(starved: int, cost: Cost, cutoff: float) -> str:
    """Say that so many runs were starved, without a full stop; see `tuner.verdict.starved`."""
    told = (
        f"The machine was busy with other work: {counted(starved, 'run')} had to end at the cutoff of {cutoff:g} s "
        f"with less than {'nine tenths' if cost.is_time else 'half'} of it in CPU time"
    )
    return told + (", or spent more than half of its time waiting" if cost in (Cost.WALL, Cost.INTEGRAL) else "")


def _advice(verdict: Verdict) -> str:
    """Say what may help, the likeliest first."""
    row = verdict.row(verdict.contenders.baseline)
    ideas = []
    if verdict.starved:
        ideas.append("a machine, or cores, that nothing else uses meanwhile (fewer --slots)")
    if verdict.cost.is_time and row.solved + row.disputed + row.overstated + row.starved < MOSTLY * row.runs:
        ideas.append("a larger --cutoff, or --cost gap, as many runs were not solved")
    if 0 < row.instances < FEW:
        ideas.append("more instances")
    ideas.append("a larger --budget")
    return f"What may help: {'; '.join(ideas)}."

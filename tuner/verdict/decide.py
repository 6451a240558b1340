"""The decision: use the incumbent, use another solver as it comes, or keep the default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from storage.records import Check, Comparison, Configuration, Job, Purpose, StoredRun, Termination
from tuner.commands import counted
from tuner.cost import Cost, Ties
from tuner.verdict.compare import Measure, compare, mean_cost, outcomes, pair, per_instance
from tuner.verdict.delicate import Delicate, delicate, resting, tallied
from tuner.verdict.holdout import Contenders, contenders
from tuner.verdict.starved import Unfair, is_starved, unfair

GAIN = "gain"
DEFAULT_KEPT = "default kept"
SETTINGS_KEPT = "settings kept"


@dataclass(frozen=True)
class Row:
    """One configuration on the holdout, as a line of the table."""

    configuration: Configuration
    role: str
    """incumbent, baseline, your settings, best default or default, joined by commas; "left out" for one that is not on
    the holdout."""
    shifted_geometric_mean: float | None
    """Of the cost over instances, in seconds or, for the gap, a fraction; None without a run on the holdout."""
    par10: float | None
    """Mean seconds, unsolved runs at ten cutoffs; None without a run, and for costs that are not in seconds."""
    solved: int
    runs: int
    """Those that are disputed or starved included."""
    disputed: int
    """The runs whose answer is disputed: they are not part of the means and comparisons."""
    starved: int
    """The runs that something else on their core decided: they are not part of the means and comparisons."""
    overstated: int
    """The runs whose claimed optimum is better than what is proven of it by more than the gap: they are unsolved."""
    instances: int
    """Those of the means."""
    seeds: int
    """The largest number of seeds that an instance was executed with."""
    against_baseline: Comparison | None
    """Of the shifted geometric mean, on the pairs both have; None for the baseline itself and without a pair."""


@dataclass(frozen=True)
class Verdict:
    """What the tuning was worth."""

    outcome: str
    """"gain", "default kept", or, of a job with the user's own settings, "settings kept"."""
    recommended: Configuration
    contenders: Contenders
    objection: str
    """Why the incumbent is not recommended, as a clause that follows "it"; empty when it is."""
    comparisons: tuple[Comparison, ...]
    """Each other contender with the baseline, then the incumbent with the best default, by each measure."""
    rows: tuple[Row, ...]
    flagged: tuple[Configuration, ...]
    """The contenders with a response that was refuted, crashed or ran out of memory."""
    cost: Cost
    cutoff: float
    """Seconds."""
    training: int
    """How many training instances there were."""
    tried: int
    """How many configurations that are no default were executed in the race."""
    covered: int
    """On how many training instances the baseline was executed."""
    starved: int
    """The runs, of race and holdout, that were starved of their core; see `tuner.verdict.starved`."""
    delicate: tuple[Delicate, ...] = ()
    """The models, of training and holdout, on which it depends on the solver's tolerance what is right."""
    fixed: tuple[Configuration, ...] = ()
    """What was fixed in every run, for each solver that has some."""
    shared: Mapping[tuple[Configuration, Configuration], tuple[int, ...]] = field(default_factory=dict)
    """On how many seeds of each instance a candidate was compared with a baseline."""
    unfair: Mapping[tuple[Configuration, Configuration], Unfair] = field(default_factory=dict)
    """What was left out of that because a run of one of the two was starved."""

    @property
    def candidate(self) -> Configuration:
        """The configuration that the words and figures are about: the recommended one, or else the incumbent."""
        return self.recommended if self.outcome == GAIN else self.contenders.incumbent

    def comparison(
        self, candidate: Configuration, baseline: Configuration, measure: Measure = Measure.SHIFTED
    ) -> Comparison | None:
        """Return the comparison of these two; None when there is none, or when they share no pair."""
        return find(self.comparisons, candidate, baseline, measure)

    def row(self, configuration: Configuration) -> Row:
        """Return the row of one of the contenders."""
        return next(row for row in self.rows if row.configuration == configuration)


def decide(job: Job, runs: Iterable[StoredRun], incumbent: Configuration) -> Verdict:
    """Decide from all responses of a job.

    A configuration is a gain when, on the holdout, the 95 % interval of its ratio of shifted geometric means lies above
    1, against the baseline and against the best default; when it solved no fewer of the shared runs than they (for
    costs in seconds); when no response of it, on training or holdout, was refuted, crashed or ran out of memory; and
    when none rests on the solver's tolerance on a model on which none of theirs does. Pairs on which an answer of
    either is disputed, or a run of either was starved, are left out: they are no evidence of a gain, in either
    direction. But where that leaves out runs that only the others solved, it is no gain.
    The incumbent is asked first, then the best default. If neither is a gain the baseline is kept: it wins ties.
    Where the user has settings of their own, a gain is one against them, too, they are what is kept, and the baseline
    is asked as well: it need only be better than they are. Settings with a response outside C are not kept.

    Args:
        job: the scenario's cost, ties, cutoff, seed and solvers; the baseline is the first solver's default.
        runs: of the job, race and holdout.
        incumbent: the race's.

    """
    runs = list(runs)
    field = contenders(job, runs, incumbent)
    cost, ties, base = Cost(job.cost), Ties(job.ties), field.base
    couples = [(other, field.baseline) for other in field.first if other != field.baseline]
    if field.best_default not in (field.baseline, incumbent) and incumbent != field.baseline:
        couples.append((incumbent, field.best_default))
    if base is not None:
        others = dict.fromkeys((incumbent, field.best_default, field.baseline))
        couples += [(other, base) for other in others if other != base]
    comparisons = tuple(
        comparison
        for candidate, baseline in couples
        for comparison in compare(candidate, baseline, runs, cost, ties, job.cutoff)
    )
    left_out = {(one, other): unfair(one, other, runs, cost) for one, other in couples}
    delicacies = _resting(runs)
    flagged = {stored.run.configuration for stored in runs if not stored.response.feasible}
    ended = [stored.run for stored in runs if stored.response.termination is not Termination.KILLED]
    raced = [run for run in ended if run.purpose is Purpose.RACE]
    kept = field.baseline if base is None or base in flagged else base
    asked = [incumbent, field.best_default] + ([field.baseline] if kept == base else [])
    objections = {
        candidate: _objection(candidate, kept, comparisons, field, cost, flagged, delicacies, left_out)
        for candidate in asked
    }
    accepted = [candidate for candidate, objection in objections.items() if not objection]
    return Verdict(
        outcome=GAIN if accepted else SETTINGS_KEPT if kept == base else DEFAULT_KEPT,
        recommended=accepted[0] if accepted else kept,
        contenders=field,
        objection=objections[incumbent],
        comparisons=comparisons,
        rows=tuple(_row(configuration, field, runs, comparisons, job) for configuration in _listed(job, field)),
        flagged=tuple(configuration for configuration in field.first if configuration in flagged),
        cost=cost,
        cutoff=job.cutoff,
        training=sum(member.part == "training" for member in job.members),
        tried=len({run.configuration for run in raced} - {*job.defaults, base}),
        covered=len({run.instance for run in raced if run.configuration == field.baseline}),
        starved=sum(is_starved(stored, cost) for stored in runs),
        delicate=delicate(job.members, tallied(runs)),
        fixed=job.fixed,
        shared={(one, other): pair(one, other, runs, cost, ties).seeds for one, other in couples},
        unfair=left_out,
    )


def _objection(
    candidate: Configuration,
    kept: Configuration,
    comparisons: Sequence[Comparison],
    field: Contenders,
    cost: Cost,
    flagged: set[Configuration],
    delicacies: Mapping[Configuration, set[str]],
    left_out: Mapping[tuple[Configuration, Configuration], Unfair],
) -> str:
    """Return why the candidate is no gain over what is kept, as a clause that follows "it"; empty when it is one."""
    if candidate == kept:
        return "is the default" if kept == field.baseline else "is what you have"
    if candidate in flagged:
        return "gave a response that was refuted, crashed or ran out of memory"
    rivals = () if candidate == field.baseline else (field.best_default, field.baseline)
    for baseline in dict.fromkeys((*rivals, kept)):
        if candidate == baseline:
            continue
        own, others = delicacies.get(candidate, set()), delicacies.get(baseline, set())
        if own - others:
            return (
                f"gave answers to {counted(len(own - others), 'model')} that are disputed or hold within the solver's "
                f"tolerance only, and {field.name(baseline)} did not"
            )
        found = find(comparisons, candidate, baseline)
        if found is None and own | others:
            return f"cannot be compared with {field.name(baseline)}: on every model held out, an answer is disputed"
        missing = left_out.get((candidate, baseline), Unfair(0, 0, 0))
        if found is None and missing.pairs:
            return (
                f"cannot be compared with {field.name(baseline)}: on every model held out, other work on the machine "
                "left a run too little of its processor"
            )
        if found is None:
            return f"has no run on the holdout to compare with {field.name(baseline)}"
        if found.high < 1:
            return f"is worse than {field.name(baseline)} on the holdout"
        if found.low <= 1:
            return f"is not surely better than {field.name(baseline)}: the 95 % interval includes 1"
        if cost.is_time and found.candidate_solved < found.baseline_solved:
            return f"is faster, but solved fewer runs on the holdout than {field.name(baseline)}"
        if cost.is_time and missing.candidate_solved < missing.baseline_solved:
            return (
                f"is faster where nothing disturbed, but {field.name(baseline)} solved more of the runs that other "
                "work on the machine disturbed"
            )
    return ""


def _resting(runs: Sequence[StoredRun]) -> dict[Configuration, set[str]]:
    """Return the instances, of training or holdout, on which an answer of a configuration rests on the tolerance."""
    found: dict[Configuration, set[str]] = {}
    for run in resting(runs):
        found.setdefault(run.configuration, set()).add(run.instance)
    return found


def find(
    comparisons: Sequence[Comparison],
    candidate: Configuration,
    baseline: Configuration,
    measure: Measure = Measure.SHIFTED,
) -> Comparison | None:
    """Return the comparison of these two by this measure; None when there is none, or when they share no pair."""
    for comparison in comparisons:
        if (comparison.candidate, comparison.baseline, comparison.measure) == (candidate, baseline, measure.value):
            return comparison if comparison.pairs else None
    return None


def _listed(job: Job, field: Contenders) -> list[Configuration]:
    """Return the table's configurations: the incumbent, the user's settings, the baseline and every other default."""
    settings = [] if field.base is None else [field.base]
    return list(dict.fromkeys([field.incumbent, *settings, field.baseline, field.best_default, *job.defaults]))


def _row(
    configuration: Configuration,
    field: Contenders,
    runs: Sequence[StoredRun],
    comparisons: Sequence[Comparison],
    job: Job,
) -> Row:
    cost = Cost(job.cost)
    found = outcomes(configuration, runs, cost)
    seeds: dict[str, list[int]] = {}
    for instance, seed in sorted(found):
        seeds.setdefault(instance, []).append(seed)
    held_out = [
        stored for stored in runs if stored.run.purpose is Purpose.HOLDOUT and stored.run.configuration == configuration
    ]
    own = [stored.response for stored in held_out]
    disputed = sum(response.check is Check.DISPUTED for response in own)
    starved = sum(is_starved(run, cost) and run.response.check is not Check.DISPUTED for run in held_out)
    costs = per_instance(found, seeds, Ties(job.ties))
    means = [
        mean_cost(costs, measure, cost, job.cutoff) if found and (measure is Measure.SHIFTED or cost.is_time) else None
        for measure in Measure
    ]
    named = {
        "incumbent": field.incumbent,
        "baseline": field.baseline,
        "best default": field.best_default,
        "your settings": field.base,
    }
    roles = [role for role, of in named.items() if of == configuration] or ["default"]
    if configuration not in field.first:
        roles.append("left out: worse in training")
    return Row(
        configuration=configuration,
        role=", ".join(roles),
        shifted_geometric_mean=means[0],
        par10=means[1],
        solved=sum(success for _, success in found.values()),
        runs=len(found) + disputed + starved,
        disputed=disputed,
        starved=starved,
        overstated=sum(response.is_overstated for response in own),
        instances=len(seeds),
        seeds=max(map(len, seeds.values()), default=0),
        against_baseline=find(comparisons, configuration, field.baseline),
    )

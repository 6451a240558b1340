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

GAIN = "gain"
DEFAULT_KEPT = "default kept"
STARVED = 0.9
"""A run that had less than this share of its core until the cutoff shared it with something else."""


@dataclass(frozen=True)
class Row:
    """One configuration on the holdout, as a line of the table."""

    configuration: Configuration
    role: str
    """incumbent, baseline, best default or default, joined by commas; "left out" for one not on the holdout."""
    shifted_geometric_mean: float | None
    """Of the cost over instances, in seconds or, for the gap, a fraction; None without a run on the holdout."""
    par10: float | None
    """Mean seconds, unsolved runs at ten cutoffs; None without a run, and for costs that are not in seconds."""
    solved: int
    runs: int
    """Those that are disputed included."""
    disputed: int
    """The runs whose answer is disputed: they are not part of the means and comparisons."""
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
    """"gain" or "default kept"."""
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
    """The runs that had to end at the cutoff before they had used it up in CPU seconds."""
    delicate: tuple[Delicate, ...] = ()
    """The models, of training and holdout, on which it depends on the solver's tolerance what is right."""
    shared: Mapping[tuple[Configuration, Configuration], int] = field(default_factory=dict)
    """On how many instances a candidate was compared with a baseline."""

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
    either is disputed are left out: they are no evidence of a gain, in either direction.
    The incumbent is asked first, then the best default. If neither is a gain the baseline is kept: it wins ties.

    Args:
        job: the scenario's cost, ties, cutoff, seed and solvers; the baseline is the first solver's default.
        runs: of the job, race and holdout.
        incumbent: the race's.

    """
    runs = list(runs)
    field = contenders(job, runs, incumbent)
    cost, ties = Cost(job.cost), Ties(job.ties)
    couples = [(other, field.baseline) for other in field.first if other != field.baseline]
    if field.best_default not in (field.baseline, incumbent) and incumbent != field.baseline:
        couples.append((incumbent, field.best_default))
    comparisons = tuple(
        comparison
        for candidate, baseline in couples
        for comparison in compare(candidate, baseline, runs, cost, ties, job.cutoff, job.seed)
    )
    delicacies = _resting(runs)
    flagged = {stored.run.configuration for stored in runs if not stored.response.feasible}
    ended = [stored.run for stored in runs if stored.response.termination is not Termination.KILLED]
    raced = [run for run in ended if run.purpose is Purpose.RACE]
    objections = {
        candidate: _objection(candidate, comparisons, field, cost, flagged, delicacies)
        for candidate in (incumbent, field.best_default)
    }
    accepted = [candidate for candidate, objection in objections.items() if not objection]
    return Verdict(
        outcome=GAIN if accepted else DEFAULT_KEPT,
        recommended=accepted[0] if accepted else field.baseline,
        contenders=field,
        objection=objections[incumbent],
        comparisons=comparisons,
        rows=tuple(_row(configuration, field, runs, comparisons, job) for configuration in _listed(job, field)),
        flagged=tuple(configuration for configuration in field.first if configuration in flagged),
        cost=cost,
        cutoff=job.cutoff,
        training=sum(member.part == "training" for member in job.members),
        tried=len({run.configuration for run in raced if not run.configuration.is_default}),
        covered=len({run.instance for run in raced if run.configuration == field.baseline}),
        starved=sum(map(is_starved, runs)),
        delicate=delicate(job.members, tallied(runs)),
        shared={(one, other): len(pair(one, other, runs, cost, ties).instances) for one, other in couples},
    )


def is_starved(stored: StoredRun) -> bool:
    """Whether a run had to end at the cutoff, unsolved, because something else used its core.

    The cutoff is enforced in wall time; whoever shares the core gets less of it in CPU time.
    """
    run, response = stored.run, stored.response
    return (
        response.termination is Termination.EXITED
        and not response.solved
        and not run.capped
        and response.cpu < STARVED * run.cutoff <= response.wall
    )


def _objection(
    candidate: Configuration,
    comparisons: Sequence[Comparison],
    field: Contenders,
    cost: Cost,
    flagged: set[Configuration],
    delicacies: Mapping[Configuration, set[str]],
) -> str:
    """Return why the candidate is no gain, as a clause that follows "it"; empty when it is one."""
    if candidate == field.baseline:
        return "is the default"
    if candidate in flagged:
        return "gave a response that was refuted, crashed or ran out of memory"
    for baseline in dict.fromkeys((field.best_default, field.baseline)):
        if candidate == baseline:
            continue
        own, others = delicacies.get(candidate, set()), delicacies.get(baseline, set())
        if own - others:
            return (
                f"gave answers to {counted(len(own - others), 'model')} that hold within the solver's tolerance only, "
                f"and {name(baseline)} did not"
            )
        found = find(comparisons, candidate, baseline)
        if found is None and own | others:
            return f"cannot be compared with {name(baseline)}: on every model held out, an answer is disputed"
        if found is None:
            return f"has no run on the holdout to compare with {name(baseline)}"
        if found.high < 1:
            return f"is worse than {name(baseline)} on the holdout"
        if found.low <= 1:
            return f"is not surely better than {name(baseline)}: the interval includes no gain"
        if cost.is_time and found.candidate_solved < found.baseline_solved:
            return f"is faster, but solved fewer runs on the holdout than {name(baseline)}"
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


def name(configuration: Configuration) -> str:
    """Return how people call a configuration: the default of a solver is the solver as it comes."""
    return f"{configuration.solver} as it comes" if configuration.is_default else str(configuration)


def _listed(job: Job, field: Contenders) -> list[Configuration]:
    """Return the table's configurations: the incumbent, the baseline and every other default."""
    return list(dict.fromkeys([field.incumbent, field.baseline, field.best_default, *map(Configuration, job.solvers)]))


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
    disputed = sum(
        stored.run.purpose is Purpose.HOLDOUT
        and stored.run.configuration == configuration
        and stored.response.check is Check.DISPUTED
        for stored in runs
    )
    costs = per_instance(found, seeds, Ties(job.ties))
    means = [
        mean_cost(costs, measure, cost, job.cutoff) if found and (measure is Measure.SHIFTED or cost.is_time) else None
        for measure in Measure
    ]
    named = {"incumbent": field.incumbent, "baseline": field.baseline, "best default": field.best_default}
    roles = [role for role, of in named.items() if of == configuration] or ["default"]
    if configuration not in field.first:
        roles.append("left out: worse in training")
    return Row(
        configuration=configuration,
        role=", ".join(roles),
        shifted_geometric_mean=means[0],
        par10=means[1],
        solved=sum(success for _, success in found.values()),
        runs=len(found) + disputed,
        disputed=disputed,
        instances=len(seeds),
        seeds=max(map(len, seeds.values()), default=0),
        against_baseline=find(comparisons, configuration, field.baseline),
    )

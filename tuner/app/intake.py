"""From a scenario to what a store is handed: everything that can be wrong is found here, before the first run."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from instances.errors import NoInstances
from instances.folder import Scan, scan, split
from instances.instance import Instance
from storage.records import Configuration, Member, Submission
from tuner.app.progress import Watcher
from tuner.errors import NotFound, UsageError
from tuner.follower.base import base_of, read_base_file
from tuner.follower.describing import refusals
from tuner.follower.reading import READING_MIB, READING_SECONDS, cache_directory, complaint, read_instances
from tuner.follower.settings import fixed_of, with_fixed
from tuner.follower.spaces import solvers_of, space_text, spaces_of
from tuner.scenario import Scenario, check_budget, with_slots

NAMED = 5
"""Models that a message names with the reason why they were left out; the others are counted."""
LONGEST_REASON = 300
"""Characters of such a reason."""
FEWEST = 4
"""With fewer instances there is nothing to tell a gain from luck by."""


def submission_of(scenario: Scenario, watcher: Watcher, tuned: Collection[str] = frozenset()) -> Submission:
    """Return what to hand in to a store for a scenario.

    Reads the models under limits, leaves out what cannot be used and says so, and splits. Of ``tuned``, by SHA-256,
    none is held out if there are enough others: a job that reuses is given what earlier jobs were tuned on.

    Raises:
        UsageError: the scenario cannot be carried out as it is; the message proposes what can.
        NotFound: there is no such folder.

    """
    cores = len(os.sched_getaffinity(0))
    scenario = with_slots(scenario, cores)
    if scenario.slots > cores:
        raise UsageError(
            f"--slots {scenario.slots}: of the cores, this process may use {cores}, and runs that share one slow each "
            f"other down; use --slots {cores}{' or fewer' if cores > 1 else ''}"
        )
    solvers = solvers_of(scenario)
    fixed = fixed_of(scenario.fix, solvers)
    spaces = with_fixed(spaces_of(solvers, space_text(scenario), scenario.space), fixed)
    if len(spaces) == 1 and not scenario.base and not any(space.parameters for space in spaces.values()):
        raise UsageError("fix: no parameter is left to tune; fix fewer of them")
    base = _base(scenario, solvers, fixed, watcher)
    check_budget(scenario.cutoff, scenario.budget)
    left_out = _LeftOut(watcher)
    training, holdout = _instances(scenario, left_out, tuned)
    solvers, training, holdout = _taken(solvers, training, holdout, scenario, left_out)
    check_base(base, solvers)
    total = len(training) + len(holdout)
    if total < FEWEST or len(training) < 2 or not holdout:
        raise UsageError(
            f"{scenario.folder}: usable models: {total} ({len(training)} to tune on, {len(holdout)} held out); at "
            f"least {FEWEST} are needed, two of them to tune on and one held out, better 20: add more of the same kind"
            + (f". {_reasons(left_out.reasons)}" if left_out.reasons else "")
        )
    return Submission(
        name=scenario.name,
        folder=str(Path(scenario.folder).resolve()),
        holdout=scenario.holdout,
        solvers=tuple(solver for solver in spaces if solver in solvers),
        cost=scenario.cost.value,
        ties=scenario.ties.value,
        cutoff=scenario.cutoff,
        budget=scenario.budget,
        slots=scenario.slots,
        memory_mib=round(scenario.memory),
        gap=scenario.gap,
        seed=scenario.seed,
        space=space_text(scenario),
        reuse=bool(scenario.reuse),
        fixed=tuple(each for each in fixed if each.solver in solvers),
        base=base,
        target=scenario.target,
        stop_after=scenario.stop_after,
        members=(*_members(training, "training"), *_members(holdout, "holdout")),
    )


def _base(
    scenario: Scenario, solvers: Sequence[str], fixed: Sequence[Configuration], watcher: Watcher
) -> Configuration | None:
    """Return the user's own settings, and say what of them is left out."""
    if not scenario.base:
        return None
    base = base_of(read_base_file(Path(scenario.base)), scenario.base, solvers, fixed)
    for remark in base.remarks:
        watcher.say(remark)
    return base.configuration


def check_base(base: Configuration | None, solvers: Collection[str]) -> None:
    """Raise UsageError when the settings are of a solver that is left out since it cannot take some of the models."""
    if base is not None and base.solver not in solvers:
        raise UsageError(f"base: the settings are of {base.solver}, which cannot take all of these models; drop --base")


def _instances(scenario: Scenario, left_out: _LeftOut, tuned: Collection[str]) -> tuple[list[Instance], list[Instance]]:
    fraction = scenario.holdout_fraction
    if fraction is not None and not 0 < fraction < 1:
        raise UsageError(f"--holdout {scenario.holdout}: a fraction between 0 and 1, or a folder, is needed")
    instances = _read(scenario.folder, scenario, left_out)
    if fraction is None:
        inside = Path(scenario.holdout).resolve()
        instances = [instance for instance in instances if not instance.path.resolve().is_relative_to(inside)]
        known = {instance.sha256 for instance in instances}
        held_out = []
        for instance in _read(scenario.holdout, scenario, left_out):
            if instance.sha256 in known:
                left_out.watcher.say(f"left out of the holdout: {instance.path} is one of the models to tune on")
            else:
                held_out.append(instance)
        if not instances:
            raise UsageError(
                f"--holdout {scenario.holdout}: all models of {scenario.folder} lie in it, and none is left to tune "
                "on; name a folder of other models, or a fraction to hold out, such as 0.3"
            )
        if not held_out:
            raise UsageError(
                f"--holdout {scenario.holdout}: has no model that is not also one to tune on, and none is held out; "
                "name a folder of other models, or a fraction to hold out, such as 0.3"
            )
        return instances, held_out
    if len(instances) < FEWEST:
        return instances, []
    parts = split(instances, fraction, scenario.seed, tuned)
    return list(parts.training), list(parts.holdout)


class _LeftOut:
    """The models that cannot be used, each with the reason, which the watcher is told, too."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.reasons: list[str] = []

    def add(self, reason: str) -> None:
        self.reasons.append(reason)
        self.watcher.say(f"left out: {reason}")


def _reasons(reasons: Sequence[str]) -> str:
    """Return why models were left out, in a sentence that stays readable."""
    more = f"; and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
    return f"Left out: {'; '.join(reason[:LONGEST_REASON] for reason in reasons[:NAMED])}{more}"


def _read(folder: str, scenario: Scenario, left_out: _LeftOut) -> list[Instance]:
    if not Path(folder).exists():
        raise NotFound(f"{folder}: there is no such folder")
    try:
        found: Scan = scan(Path(folder))
    except NoInstances as error:
        raise UsageError(str(error)) from None
    for remark in found.remarks():
        left_out.watcher.say(remark)
    for damaged in found.damaged:
        left_out.add(str(damaged))
    reading = read_instances(
        found.files, cache_directory(), seconds=READING_SECONDS, memory_mib=READING_MIB, slots=scenario.slots
    )
    for path, reason in reading.failed:
        left_out.add(complaint(path, reason))
    for instance in reading.instances:
        for warning in instance.warnings:
            left_out.watcher.say(f"warning: {instance.path}: {warning}")
    if not reading.instances:
        count = len(found.files) + len(found.damaged)
        raise UsageError(f"{folder}: none of its {count} models can be read. {_reasons(left_out.reasons)}")
    return list(reading.instances)


def _taken(
    solvers: Sequence[str],
    training: list[Instance],
    holdout: list[Instance],
    scenario: Scenario,
    left_out: _LeftOut,
) -> tuple[list[str], list[Instance], list[Instance]]:
    """Leave out what cannot go together: a model that no solver takes, then a solver that does not take every model."""
    everything = [*training, *holdout]
    refused = refusals(solvers, everything, scenario.slots)
    hopeless = {i.sha256 for i in everything if all((solver, i.sha256) in refused for solver in solvers)}
    for instance in everything:
        if instance.sha256 in hopeless:
            reasons = "; ".join(f"{solver}: {refused[solver, instance.sha256]}" for solver in solvers)
            left_out.add(f"{instance.path}: {reasons}")
    taking = []
    for solver in solvers:
        others = [i for i in everything if (solver, i.sha256) in refused and i.sha256 not in hopeless]
        if others:
            first = others[0]
            left_out.watcher.say(
                f"{solver} is left out: it cannot take {len(others)} of the models, "
                f"such as {first.name}: {refused[solver, first.sha256]}"
            )
        else:
            taking.append(solver)
    if not taking:
        raise UsageError(
            f"{scenario.folder}: no solver takes all of these models; name one with --solver, "
            "then only the models that it takes are used"
        )
    return (
        taking,
        [i for i in training if i.sha256 not in hopeless],
        [i for i in holdout if i.sha256 not in hopeless],
    )


def _members(instances: Sequence[Instance], part: str) -> list[Member]:
    return [
        Member(
            sha256=instance.sha256,
            name=instance.name,
            path=str(instance.path.resolve()),
            part=part,
            columns=instance.columns,
            rows=instance.rows,
            nonzeros=instance.nonzeros,
            integers=instance.integers,
            features=instance.features,
        )
        for instance in instances
    ]

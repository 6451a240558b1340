"""Advice without runs: which configurations are expected to help on some models, on what evidence."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from instances.errors import NoInstances
from instances.folder import ModelFile, scan
from storage.store import Store
from tuner.app.job_data import Data, configuration_data
from tuner.app.reuse import knowledge_of
from tuner.commands import counted
from tuner.errors import NotFound, UsageError
from tuner.follower.describing import refusals
from tuner.follower.reading import READING_MIB, READING_SECONDS, cache_directory, complaint, read_instances
from tuner.follower.solvers import default_space
from tuner.follower.spaces import solver_names
from tuner.leader.advice import SKILLED, UNLIKE, Advice, Adviser, is_near
from tuner.leader.kinds import Kind, kinds
from tuner.leader.knowledge import Knowledge, Like
from tuner.leader.shipped import shipped_for

GAP = 1e-4
"""Earlier jobs that count had this relative gap, which is the usual one."""
DISCRETE = ("binary columns", "other integer columns", "sos1 sets", "sos2 sets")
"""Features that make a model more than a linear program."""
MOSTLY = 0.8
"""With this part of the models of one kind, advice is for these; otherwise there is none for so mixed a folder."""
NAMED = 3
"""Known families that are named, and reasons for leaving models out."""


@dataclass(frozen=True)
class SolverAdvice:
    """What is expected of one solver's configurations on some models."""

    solver: str
    configurations: tuple[Advice, ...]
    """The one with the fewest changes first; empty when nothing is known, or nothing is expected to help."""
    alike: tuple[Like, ...]
    """The known families, the most alike first: to the models of the first kind."""
    skill: float
    """Rank correlation of such expectations with what was measured, on known families that were left out."""
    reason: str
    """Why no configuration is advised; empty when one is."""
    kinds: tuple[Kind, ...] = ()
    """Of models, the one with most models first: one where all are alike."""
    remark: str = ""
    """What is to be said of the models, for people: that they are of several kinds, or one alone; mostly empty."""

    @property
    def evidence(self) -> str:
        """What the advice rests on, for people; empty without any."""
        return _evidence(self.alike, self.skill) if self.configurations else ""


@dataclass(frozen=True)
class Advisory:
    """Advice on a folder of models, or on a set of them."""

    models: int
    """How many were looked at."""
    left_out: tuple[str, ...]
    """Models and solvers that could not be taken into account, each with the reason."""
    solvers: tuple[SolverAdvice, ...]

    @property
    def is_known(self) -> bool:
        """Whether anything is advised."""
        return any(each.configurations for each in self.solvers)


def advise_folder(folder: str | Path, solver: str = "any", store: Store | None = None) -> Advisory:
    """Return what is expected to help on the models of a folder, without solving any.

    Args:
        folder: with .mps and .lp files.
        solver: highs, cp-sat or scip, several with commas between, or any.
        store: whose jobs count as knowledge, too, where they were executed on this kind of machine.

    Raises:
        NotFound: there is no such folder.
        UsageError: there is no such solver, the folder has no models that can be read, or none that a solver takes.

    """
    names = solver_names(solver)
    place = Path(folder)
    if not place.exists():
        raise NotFound(f"{folder}: there is no such folder")
    try:
        found = scan(place)
    except NoInstances as error:
        raise UsageError(str(error)) from None
    known = known_of(names, store)
    return advise_on(found.files, known, str(folder), left_out=[str(damaged) for damaged in found.damaged])


def known_of(solvers: Sequence[str], store: Store | None, owner: str | None = None) -> dict[str, Knowledge | None]:
    """Return what is known of each of these solvers, None for nothing.

    Args:
        solvers: by name.
        store: whose jobs count as well.
        owner: whose jobs in it; None for everybody's.

    """
    known = shipped_for(solvers)
    if store is not None:
        spaces = {solver: default_space(solver) for solver in solvers}
        known = knowledge_of(store, spaces, known, GAP, owner)
    return {solver: known.get(solver) for solver in solvers}


def advise_on(
    files: Sequence[ModelFile],
    known: Mapping[str, Knowledge | None],
    where: str,
    *,
    left_out: Sequence[str] = (),
    slots: int | None = None,
    seconds: float = READING_SECONDS,
) -> Advisory:
    """Return what is expected to help on the models of some files, without solving any.

    Args:
        files: which are read under limits.
        known: what is known of each solver that is wanted, None for nothing.
        where: what messages call the models together.
        left_out: files that were left out before, with the reason.
        slots: how many files are read at a time; one per core by default.
        seconds: for reading one file.

    Raises:
        UsageError: no model can be read, or no solver takes any of them.

    """
    slots = slots or len(os.sched_getaffinity(0))
    reading = read_instances(files, cache_directory(), seconds=seconds, memory_mib=READING_MIB, slots=slots)
    missed = [*left_out, *(complaint(path, reason) for path, reason in reading.failed)]
    if not reading.instances:
        count = counted(len(files) + len(left_out), "model")
        raise UsageError(f"{where}: none of its {count} can be read{_why(missed)}")
    refused = refusals(list(known), reading.instances, slots)
    found: list[SolverAdvice] = []
    for solver, knowledge in known.items():
        taken = [instance for instance in reading.instances if (solver, instance.sha256) not in refused]
        if not taken:
            missed.append(f"{solver}: it takes none of the models: {refused[solver, reading.instances[0].sha256]}")
            continue
        if len(taken) < len(reading.instances):
            first = next(instance for instance in reading.instances if instance not in taken)
            missed.append(
                f"{solver}: it does not take {len(reading.instances) - len(taken)} of the models, such as "
                f"{first.name}: {refused[solver, first.sha256]}"
            )
        names = [instance.name for instance in taken]
        found.append(advised(solver, knowledge, [instance.features for instance in taken], names))
    if not found:
        raise UsageError(f"{where}: no solver takes any of these models{_why(missed)}")
    return Advisory(len(reading.instances), tuple(missed), tuple(found))


def advised(
    solver: str, known: Knowledge | None, models: Sequence[Mapping[str, float]], names: Sequence[str] = ()
) -> SolverAdvice:
    """Return what is expected of a solver's configurations on models.

    Where some of them are unlike the others, it is about those of which there are most; if these are less than
    `MOSTLY`, nothing is advised.

    Args:
        solver: by name.
        known: of it; None for nothing.
        models: the features of each.
        names: of the models, for examples; none without them.

    """
    if known is None or not known.families:
        return SolverAdvice(solver, (), (), 0.0, f"nothing is known of {solver} yet")
    if all(not any(features.get(name, 1.0) for name in DISCRETE) for features in models):
        reason = "nothing is known about models like these: none has an integer variable, as all that is known have"
        return SolverAdvice(solver, (), tuple(known.like(models)), known.skill, reason)
    found_kinds = tuple(kinds(known, models))
    first = [models[place] for place in found_kinds[0].models]
    remark = _remark(found_kinds, len(models), names)
    if len(first) < MOSTLY * len(models):
        reason = f"{remark}; no advice would be right for all of them: put each kind into its own folder"
        return SolverAdvice(solver, (), tuple(known.like(first)), known.skill, reason, found_kinds)
    advice = _advised(solver, known, first)
    if len(found_kinds) > 1:
        remark += f"; the advice is for the {len(first)} alone"
    return replace(advice, kinds=found_kinds, remark=remark)


def _remark(found: Sequence[Kind], count: int, names: Sequence[str]) -> str:
    """Say of how many kinds the models are; empty when they are alike, and more than one."""
    if count == 1:
        return "this rests on one model; whether your others are like it cannot be told from it"
    if len(found) == 1:
        return ""
    told = []
    for number, kind in enumerate(found):
        of = f" of {count} are" if number == 0 else ""
        like = "no known family" if kind.like is None else f"{kind.like.family.name} ({kind.like.likeness:.2f} alike)"
        example = f", such as {names[kind.models[0]]}" if number and names else ""
        told.append(f"{len(kind.models)}{of} like {like}{example}")
    return f"the models are unlike each other: {'; '.join(told)}"


def _advised(solver: str, known: Knowledge, models: Sequence[Mapping[str, float]]) -> SolverAdvice:
    """Return what is expected of a solver's configurations on models that are of one kind."""
    alike = tuple(known.like(models))
    first, skill = alike[0], known.skill
    if not is_near(first):
        reason = (
            f"nothing is known about models like these: the most similar known family, {first.family.name}, is "
            f"{first.likeness:.2f} alike, and advice needs {UNLIKE:g} (1 is the same)"
        )
        return SolverAdvice(solver, (), alike, skill, reason)
    if skill < SKILLED:
        reason = (
            f"nothing reliable is known: when each of the {len(alike)} known families was left out, the others ranked "
            f"its configurations with a correlation of {skill:.2f} only"
        )
        return SolverAdvice(solver, (), alike, skill, reason)
    found = tuple(Adviser(default_space(solver), known, models).advise())
    return SolverAdvice(solver, found, alike, skill, "" if found else "no configuration is expected to save time")


def advisory_data(advisory: Advisory) -> Data:
    """Return advice as data."""
    return {
        "models": advisory.models,
        "left_out": list(advisory.left_out),
        "solvers": [
            {
                "solver": each.solver,
                "reason": each.reason or None,
                "rank_correlation": each.skill,
                "evidence": each.evidence or None,
                "remark": each.remark or None,
                "kinds": [
                    {
                        "models": len(kind.models),
                        "family": None if kind.like is None else kind.like.family.name,
                        "likeness": None if kind.like is None else round(kind.like.likeness, 3),
                    }
                    for kind in each.kinds
                ],
                "families": [
                    {
                        "name": like.family.name,
                        "title": like.family.title,
                        "likeness": round(like.likeness, 3),
                        "configurations": like.family.configurations,
                        "runs": like.family.runs,
                    }
                    for like in each.alike
                ],
                "configurations": [_advice_data(advice) for advice in each.configurations],
            }
            for each in advisory.solvers
        ],
    }


def _advice_data(advice: Advice) -> Data:
    return {
        **configuration_data(advice.configuration),
        "ratio": round(advice.ratio, 4),
        "interval": [round(end, 4) for end in advice.interval],
        "changes": [
            {
                "name": change.name,
                "value": change.value,
                "default_value": change.default,
                "share": round(change.share, 4),
            }
            for change in advice.changes
        ],
    }


def _evidence(alike: Sequence[Like], skill: float) -> str:
    near = [like for like in alike if is_near(like)][:NAMED]
    named = ", ".join(
        f"{like.family.name} ({like.likeness:.2f} alike, {counted(like.family.runs, 'run')})" for like in near
    )
    runs = sum(like.family.runs for like in alike)
    return (
        f"known families like these: {named}. In all, {counted(runs, 'run')} on {len(alike)} families; when each of "
        f"them was left out, the others ranked its configurations with a correlation of {skill:.2f}"
    )


def _why(left_out: Sequence[str]) -> str:
    more = f"; and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
    return f". Left out: {'; '.join(left_out[:NAMED])}{more}" if left_out else ""

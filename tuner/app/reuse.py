"""What a job may use of what earlier jobs left in the store."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from storage.records import Job, Response, Run, Termination
from storage.store import Store
from tuner.app.stores import open_store, store_exists
from tuner.commands import counted
from tuner.cost import Cost, Ties
from tuner.follower.environment import environment_of
from tuner.leader.experience import Earlier, Experience, gathered, informed
from tuner.leader.knowledge import Knowledge
from tuner.space import Space

MOST = 50_000
"""Runs of earlier jobs that are read, about: reading more takes seconds, and the latest say the most."""
NOTHING = "nothing"
"""What was used of earlier jobs where there are none."""
NAMED = 3
"""How many jobs are named; the others are counted."""


def tuned_before(url: str | None) -> set[str]:
    """Return the SHA-256 of the instances that jobs in a store were tuned on; nothing where there is no store yet."""
    if not store_exists(url):
        return set()
    with open_store(url) as store:
        return {instance for part in store.parts().values() for instance in part["training"]}


@dataclass(frozen=True)
class _Wanted:
    """What is wanted of earlier jobs."""

    solvers: Sequence[str]
    cost: Cost
    cutoff: float
    gap: float
    memory_mib: float
    owner: str | None
    """Whose jobs may be used; None for everybody's."""
    held_out: frozenset[str] = frozenset()
    """The SHA-256 of instances of which nothing may be known."""
    before: float = math.inf
    """The id of a job: only earlier ones are looked at."""
    upto: int | None = None
    """The id of a run: no later ones are looked at."""


def experience_of(
    store: Store, job: Job, spaces: Mapping[str, Space], known: Mapping[str, Knowledge]
) -> tuple[Experience, str]:
    """Return what earlier jobs let this one expect, and what was used of them, for people.

    The job's own proof stays untouched: no response on an instance that it holds out is looked at, and no job that was
    tuned on one of them, or reused one that was. A job that was handed in to a server uses its owner's only. Only runs
    are used that were executed on the same kind of machine by the same versions of the solvers.

    Args:
        store: with the earlier jobs.
        job: one that reuses.
        spaces: of its solvers.
        known: what is known without any of that, by solver.

    """
    wanted = _Wanted(
        job.solvers,
        Cost(job.cost),
        job.cutoff,
        job.gap,
        job.memory_mib,
        job.owner if job.served else None,
        frozenset(member.sha256 for member in job.members if member.part == "holdout"),
        job.id,
        job.reuse_upto,
    )
    used, words = _used(store, wanted)
    models = [member.features for member in job.members if member.part == "training"]
    return gathered(spaces, used, wanted.cost, Ties(job.ties), known, models), words


def knowledge_of(
    store: Store, spaces: Mapping[str, Space], known: Mapping[str, Knowledge], gap: float, owner: str | None
) -> dict[str, Knowledge]:
    """Return what is known of solvers' times once the jobs in a store are taken into account, by solver.

    Args:
        store: with the jobs.
        spaces: of the solvers.
        known: what is known without them.
        gap: at which their runs counted as solved.
        owner: whose jobs may be used; None for everybody's.

    """
    used, _ = _used(store, _Wanted(tuple(spaces), Cost.PAR10, 0.0, gap, 0.0, owner))
    return informed(spaces, used, Cost.PAR10, Ties.MEAN, known)


def _used(store: Store, wanted: _Wanted) -> tuple[list[Earlier], str]:
    """Return the earlier jobs that may be used, the oldest first, and what was used and left out, for people."""
    jobs = [earlier for earlier in store.jobs() if earlier.id < wanted.before]  # the newest first
    own = [earlier for earlier in jobs if wanted.owner in (None, earlier.owner)]
    touched = _touched(jobs, store.parts())
    used: list[Earlier] = []
    names: list[str] = []
    left_out: list[str] = []
    read = 0
    for earlier in own:
        if read >= MOST:
            break
        runs: list[tuple[Run, Response]] = []
        reason = _unlike(wanted, earlier) or _leak(len(touched[earlier.id] & wanted.held_out))
        if not reason:
            runs = _runs(store, wanted, earlier, MOST - read)
            reason = "" if runs else "no run of it that is known to be from such a machine and these versions"
        if reason:
            left_out.append(f"{earlier.name} ({reason})")
        else:
            members = store.job(earlier.id).members
            features = {member.sha256: member.features for member in members if member.features}
            used.append(Earlier(earlier.name, runs, features))
            names.append(f"{earlier.name} ({len(runs)})")
            read += len(runs)
    words = f"{counted(read, 'response')} of {_listed(names)}" if names else NOTHING
    if left_out:
        words += f"; left out: {_listed(left_out)}"
    return used[::-1], words


def _unlike(wanted: _Wanted, earlier: Job) -> str:
    """Return why an earlier job tells nothing; empty when it may."""
    if not set(wanted.solvers) & set(earlier.solvers):
        return "other solvers"
    costs = {wanted.cost, Cost(earlier.cost)}
    if not all(cost.is_time for cost in costs) and (len(costs) > 1 or wanted.cutoff != earlier.cutoff):
        return "another cost or cutoff"
    return "" if wanted.gap == earlier.gap else "another gap"


def _touched(jobs: Sequence[Job], parts: Mapping[int, Mapping[str, set[str]]]) -> dict[int, set[str]]:
    """Return on which instances what a job has found may rest, by its id.

    Those that it was tuned on, and, if it reused, those of every earlier job that it may have used.
    """
    touched: dict[int, set[str]] = {}
    for job in reversed(jobs):
        part = parts.get(job.id, {"training": set(), "holdout": set()})
        own = set(part["training"])
        if job.reuse:
            own.update(*(before for before in touched.values() if not before & part["holdout"]))
        touched[job.id] = own
    return touched


def _leak(common: int) -> str:
    """Return why a job may not be used that rests on so many models which are held out now; empty for none."""
    are = "is" if common == 1 else "are"
    return f"it rests on {counted(common, 'model')} that {are} held out now" if common else ""


def _listed(words: Sequence[str]) -> str:
    rest = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {counted(rest, 'older job')}" if rest > 0 else "")


def _runs(store: Store, wanted: _Wanted, earlier: Job, most: int) -> list[tuple[Run, Response]]:
    """Return the runs of an earlier job that tell something here.

    A run that wanted more memory than the job had, but perhaps not more than there is now, tells nothing.
    """
    here = [environment_of(solver) for solver in wanted.solvers]
    ignored = {Termination.KILLED} | ({Termination.MEMORY} if earlier.memory_mib < wanted.memory_mib else set())
    found = (
        (stored.run, stored.response)
        for stored in store.responses(earlier.id, upto=wanted.upto, like=here)
        if stored.response.termination not in ignored
        and stored.run.instance not in wanted.held_out
        and stored.run.configuration.solver in wanted.solvers
    )
    return list(islice(found, most))

"""What a job may use of what earlier jobs left in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from storage.records import Job, Response, Run, Termination
from storage.store import Store
from tuner.app.stores import open_store, store_exists
from tuner.commands import counted
from tuner.cost import Cost, Ties
from tuner.follower.environment import environment_of
from tuner.leader.experience import Experience, gathered
from tuner.leader.prior import Prior
from tuner.space import Space

MOST = 50_000
"""Runs of earlier jobs that are read, about: reading more takes seconds, and the latest say the most."""
NAMED = 3
"""How many of the jobs that are left out are named."""
TIMED = (Cost.PAR10, Cost.WALL)
"""Costs whose responses tell of each other."""


def tuned_before(url: str | None) -> set[str]:
    """Return the SHA-256 of the instances that jobs in a store were tuned on; nothing where there is no store yet."""
    if not store_exists(url):
        return set()
    with open_store(url) as store:
        return store.tuned()


def experience_of(
    store: Store, job: Job, spaces: Mapping[str, Space], priors: Mapping[str, Prior]
) -> tuple[Experience, str]:
    """Return what earlier jobs let this one expect, and what was used of them, for people.

    The job's own proof stays untouched: no response on an instance that it holds out is looked at, and no job that was
    tuned on one of them. Only runs are used that were executed on the same kind of machine by the same versions of
    the solvers.

    Args:
        store: with the earlier jobs.
        job: one that reuses.
        spaces: of its solvers.
        priors: what is to be expected without any of that.

    """
    held_out = {member.sha256 for member in job.members if member.part == "holdout"}
    used: list[Sequence[tuple[Run, Response]]] = []
    names: list[str] = []
    left_out: list[str] = []
    read = 0
    for earlier in store.jobs():  # the newest first
        if earlier.id >= job.id or read >= MOST:
            continue
        reason = _unlike(job, earlier)
        if not reason:
            tuned = {member.sha256 for member in store.job(earlier.id).members if member.part == "training"}
            common = len(tuned & held_out)
            are, were = ("is", "was") if common == 1 else ("are", "were")
            reason = f"{counted(common, 'model')} that {are} held out now {were} tuned on there" if common else ""
        if not reason:
            runs = _runs(store, job, earlier, held_out)
            reason = "" if runs else "nothing was executed on a machine of this kind by these versions"
        if reason:
            left_out.append(f"{earlier.name} ({reason})")
        else:
            used.append(runs)
            names.append(f"{earlier.name} ({len(runs)})")
            read += len(runs)
    words = f"reused: {counted(read, 'response')} of {', '.join(names)}" if names else "nothing to reuse"
    if left_out:
        words += f"; left out: {', '.join(left_out[:NAMED])}"
        words += f" and {counted(len(left_out) - NAMED, 'older job')}" if len(left_out) > NAMED else ""
    return gathered(spaces, reversed(used), Cost(job.cost), Ties(job.ties), priors), words


def _unlike(job: Job, earlier: Job) -> str:
    """Return why an earlier job tells nothing; empty when it may."""
    if not set(job.solvers) & set(earlier.solvers):
        return "other solvers"
    costs = {Cost(job.cost), Cost(earlier.cost)}
    if not costs <= set(TIMED) and (len(costs) > 1 or job.cutoff != earlier.cutoff):
        return "another cost or cutoff"
    return "" if job.gap == earlier.gap else "another gap"


def _runs(store: Store, job: Job, earlier: Job, held_out: set[str]) -> list[tuple[Run, Response]]:
    return [
        (stored.run, stored.response)
        for stored in store.responses(earlier.id, upto=job.reuse_upto)
        if stored.response.termination is not Termination.KILLED
        and stored.run.instance not in held_out
        and stored.run.configuration.solver in job.solvers
        and stored.environment.is_like(environment_of(stored.run.configuration.solver))
    ]

"""What a job may use of what earlier jobs left in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

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
"""How many jobs are named; the others are counted."""


def tuned_before(url: str | None) -> set[str]:
    """Return the SHA-256 of the instances that jobs in a store were tuned on; nothing where there is no store yet."""
    if not store_exists(url):
        return set()
    with open_store(url) as store:
        return {instance for part in store.parts().values() for instance in part["training"]}


def experience_of(
    store: Store, job: Job, spaces: Mapping[str, Space], priors: Mapping[str, Prior]
) -> tuple[Experience, str]:
    """Return what earlier jobs let this one expect, and what was used of them, for people.

    The job's own proof stays untouched: no response on an instance that it holds out is looked at, and no job that was
    tuned on one of them, or reused one that was. A job that was handed in to a server uses its owner's only. Only runs
    are used that were executed on the same kind of machine by the same versions of the solvers.

    Args:
        store: with the earlier jobs.
        job: one that reuses.
        spaces: of its solvers.
        priors: what is to be expected without any of that.

    """
    held_out = {member.sha256 for member in job.members if member.part == "holdout"}
    jobs = [earlier for earlier in store.jobs() if earlier.id < job.id]  # the newest first
    own = [earlier for earlier in jobs if not job.served or earlier.owner == job.owner]  # those that its owner may see
    touched = _touched(jobs, store.parts())
    used: list[Sequence[tuple[Run, Response]]] = []
    names: list[str] = []
    left_out: list[str] = []
    read = 0
    for earlier in own:
        if read >= MOST:
            break
        runs: list[tuple[Run, Response]] = []
        reason = _unlike(job, earlier) or _leak(len(touched[earlier.id] & held_out))
        if not reason:
            runs = _runs(store, job, earlier, held_out, MOST - read)
            reason = "" if runs else "no run of it that is known to be from such a machine and these versions"
        if reason:
            left_out.append(f"{earlier.name} ({reason})")
        else:
            used.append(runs)
            names.append(f"{earlier.name} ({len(runs)})")
            read += len(runs)
    words = f"{counted(read, 'response')} of {_listed(names)}" if names else "nothing"
    if left_out:
        words += f"; left out: {_listed(left_out)}"
    return gathered(spaces, reversed(used), Cost(job.cost), Ties(job.ties), priors), words


def _unlike(job: Job, earlier: Job) -> str:
    """Return why an earlier job tells nothing; empty when it may."""
    if not set(job.solvers) & set(earlier.solvers):
        return "other solvers"
    costs = {Cost(job.cost), Cost(earlier.cost)}
    if not all(cost.is_time for cost in costs) and (len(costs) > 1 or job.cutoff != earlier.cutoff):
        return "another cost or cutoff"
    return "" if job.gap == earlier.gap else "another gap"


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


def _runs(store: Store, job: Job, earlier: Job, held_out: set[str], most: int) -> list[tuple[Run, Response]]:
    """Return the runs of an earlier job that tell something here.

    A run that wanted more memory than the job had, but perhaps not more than this one has, tells nothing.
    """
    here = [environment_of(solver) for solver in job.solvers]
    ignored = {Termination.KILLED} | ({Termination.MEMORY} if earlier.memory_mib < job.memory_mib else set())
    found = (
        (stored.run, stored.response)
        for stored in store.responses(earlier.id, upto=job.reuse_upto, like=here)
        if stored.response.termination not in ignored
        and stored.run.instance not in held_out
        and stored.run.configuration.solver in job.solvers
    )
    return list(islice(found, most))

"""Whether what a job has found is proven, and what to say where it is not."""

from __future__ import annotations

from storage.records import Configuration, Job, JobKind, JobState
from tuner.verdict.decide import GAIN, SETTINGS_KEPT

OPTIMAL, INFEASIBLE = "optimal", "bilevel infeasible"
"""Outcomes of a bilevel problem that are proven."""
_ENDED_EARLY = {JobState.CANCELLED: "was cancelled", JobState.FAILED: "failed"}
"""What to say of jobs that do not go on, at least as things are."""


def unproven(job: Job, configuration: Configuration | None = None) -> str:
    """Return why something that a job has found is not proven, as a sentence without its end; empty when it is.

    Args:
        job: that has found it.
        configuration: what was found; None for the choice of a bilevel problem's leader.

    """
    if job.state in _ENDED_EARLY:
        return f"not proven: the job {_ENDED_EARLY[job.state]} before it was done, and this is only the best it found"
    if job.state is not JobState.FINISHED:
        return f"not proven yet: the job is {job.state.value}, and this is only the best so far"
    if job.kind is JobKind.SOLVE:
        return "" if job.outcome in (OPTIMAL, INFEASIBLE) else "not proven: a better choice may exist"
    if configuration != job.best:
        return "not proven: the verdict does not recommend this configuration"
    kept = "your settings are" if job.outcome == SETTINGS_KEPT else "the default is"
    return "" if job.outcome == GAIN else f"not proven: no gain was proven, and {kept} kept"

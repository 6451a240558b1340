"""What is to be said of a job that solves a bilevel problem, in rows: the same from a store as from a server."""

from __future__ import annotations

from storage.records import JobState
from tuner.app.job_data import Data
from tuner.app.proof import INFEASIBLE

TIES, REMARK = "ties", "remark"
"""Kinds of events of a bilevel problem: what hangs on the follower's ties, and what somebody who relies on the answer
should know."""


def result_rows(job: Data) -> list[tuple[str, str]]:
    """Return what is to be said of a job that solves a bilevel problem, as `tuner.bilevel.Result.rows` says it."""
    rows = []
    if job["state"] == JobState.FINISHED:
        rows.append(("ending", f"{job['outcome']}{', proven' if job['outcome'] == INFEASIBLE else ''}"))
    bracket, answers = job["bracket"], job["answers"]
    if bracket is not None:
        value, bound = ("-" if bracket[name] is None else f"{bracket[name]:.7g}" for name in ("objective", "bound"))
        rows.append(("value", value))
        rows.append(("bound", bound if bound == "-" else f"{bound} ({bracket['bound_kind']})"))
        rows.append(("gap", "-" if bracket["gap"] is None else f"{bracket['gap']:.3g}"))
    rows += [(event["kind"], event["text"]) for event in job["events"] if event["kind"] == TIES]
    rows.append(
        (
            "responses",
            f"{answers['all']}: {answers['infeasible']} without an answer of the follower, "
            f"{answers['outside']} outside the leader's constraints, {answers['unproven']} not proven",
        )
    )
    rows.append(("time", f"{job['spent_s']:.1f} s"))
    return rows + [(event["kind"], event["text"]) for event in job["events"] if event["kind"] == REMARK]

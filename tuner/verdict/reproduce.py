"""The command that executes a run again."""

from __future__ import annotations

from storage.records import Job, Run, spell
from tuner.commands import command


def reproducing_line(run: Run, path: str, job: Job) -> str:
    """Return the shell command that executes this run again, with the whole cutoff.

    Args:
        run: any run, of the race or the holdout.
        path: of its instance's file.
        job: whose gap and limit of memory held.

    """
    words = ["execute", path, "--solver", run.configuration.solver]
    for parameter, value in run.configuration.parameters:
        words += ["--set", f"{parameter}={spell(value)}"]
    words += ["--seed", str(run.seed), "--cutoff", f"{run.cutoff:.12g}s"]
    words += ["--gap", f"{job.gap:.12g}", "--memory", f"{job.memory_mib}MiB"]
    return command(*words)

"""The command that executes a run again."""

from __future__ import annotations

from storage.records import Configuration, Job, Run, spell
from tuner.commands import command


def reproducing_line(run: Run, path: str, job: Job) -> str:
    """Return the shell command that executes this run again, with the whole cutoff.

    Args:
        run: any run, of the race or the holdout.
        path: of its instance's file.
        job: whose gap and limit of memory held.

    """
    return execute_line(run.configuration, path, run.seed, run.cutoff, job.gap, job.memory_mib)


def execute_line(
    configuration: Configuration, path: str, seed: int, cutoff: float, gap: float, memory_mib: int = 0
) -> str:
    """Return the shell command that executes a configuration on a model's file; 0 MiB for the limit that is usual."""
    words = ["execute", path, "--solver", configuration.solver]
    for parameter, value in configuration.parameters:
        words += ["--set", f"{parameter}={spell(value)}"]
    words += ["--seed", str(seed), "--cutoff", f"{cutoff:.12g}s", "--gap", f"{gap:.12g}"]
    return command(*words, *(["--memory", f"{memory_mib}MiB"] if memory_mib else []))

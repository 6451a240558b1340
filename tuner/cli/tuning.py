"""The commands that work on a job: tune and resume."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from storage.errors import StoreUnavailable
from storage.names import named_after
from storage.records import Comparison, Configuration, Job, JobKind, JobState
from storage.store import Store
from tuner.app.files import check_folder, prepared_folder, write_files
from tuner.app.intake import submission_of
from tuner.app.job_data import configuration_data, delicate_data, job_data
from tuner.app.reuse import tuned_before
from tuner.app.stores import existing_store, open_store, printed_url, store_exists
from tuner.app.tuning import Conclusion, carry_out
from tuner.app.views import StoredView, View
from tuner.cli.hints import told
from tuner.cli.interrupts import decided, stoppable
from tuner.cli.progress import watching
from tuner.cli.stored import is_remote, viewed
from tuner.cli.words import Terminal, print_json, print_table, put, terminal
from tuner.commands import counted
from tuner.errors import Failed, UsageError
from tuner.scenario import Scenario, read_scenario
from tuner.verdict.decide import Verdict
from tuner.verdict.words import cells, columns, paragraph

GAIN, KEPT, INTERRUPTED = 0, 4, 130
FLAGS = (
    "solver",
    "budget",
    "cutoff",
    "cost",
    "ties",
    "holdout",
    "slots",
    "memory",
    "gap",
    "space",
    "seed",
    "name",
    "reuse",
    "fix",
    "base",
    "target",
    "stop_after",
)


def tune(arguments: argparse.Namespace) -> int:
    """Hand in a job and carry it out."""
    flags = {name: getattr(arguments, name) for name in FLAGS}
    file = Path(arguments.folder)
    if file.suffix not in (".toml", ".json") or file.is_dir():
        return carry_out_scenario(read_scenario(None, {**flags, "folder": arguments.folder}), arguments)
    return carry_out_scenario(read_scenario(file, flags), arguments)


def carry_out_scenario(scenario: Scenario, arguments: argparse.Namespace) -> int:
    """Make a job of a scenario, carry it out, and print the verdict; it reuses earlier jobs unless told otherwise."""
    console = terminal()
    scenario = replace(scenario, reuse=scenario.reuse is not False)
    store_exists(arguments.store)  # or could be made, else it raises: before the models are read, which may take long
    check_folder(scenario.name or named_after(scenario.folder), arguments.out)
    with watching(console) as watcher:  # nothing is stored yet: Ctrl-C simply ends it
        submission = submission_of(scenario, watcher, tuned_before(arguments.store) if scenario.reuse else ())
    with open_store(arguments.store) as store:
        return _conclude(store, store.create_job(submission), console, arguments)


def resume(arguments: argparse.Namespace) -> int:
    """Go on with a job."""
    console = terminal()
    if is_remote(arguments):
        with viewed(arguments) as view:
            return _requeued(view, arguments)
    with existing_store(arguments.store) as store:
        job = store.job(arguments.job)
        if job.served:
            return _requeued(StoredView(store), arguments)
        if job.kind is JobKind.SOLVE and job.state is not JobState.FINISHED:
            from tuner.cli.bilevel import go_on  # what tuning needs none of

            return go_on(store, job, arguments)
        if job.kind is JobKind.SOLVE:
            raise UsageError(
                f"job {job.name!r} is finished ({job.outcome}): there is nothing to go on with; what came of it is in",
                "show",
                job.name,
            )
        if job.state is JobState.FINISHED:
            raise UsageError(
                f"job {job.name!r} is finished ({job.outcome}): there is nothing to go on with; its report and files "
                "are written again by",
                "export",
                job.name,
                "--files",
            )
        return _conclude(store, job, console, arguments)


def _requeued(view: View, arguments: argparse.Namespace) -> int:
    """Have workers go on with a job."""
    job = view.hold(arguments.job, None)
    if arguments.json:
        print_json(job)
    else:
        put(f"{job['name']} is {job['state']}: a worker goes on with it")
    return GAIN


def _conclude(store: Store, job: Job, console: Terminal, arguments: argparse.Namespace) -> int:
    training = sum(member.part == "training" for member in job.members)
    console.say(
        f"{job.name}: {counted(training, 'model')} to tune on, {len(job.members) - training} held out; "
        f"{', '.join(job.solvers)}; cutoff {job.cutoff:g} s; budget {job.budget:g} s; {counted(job.slots, 'slot')}; "
        f"{f'your settings: {job.base}; ' if job.base is not None else ''}store {printed_url(arguments.store)}",
    )
    go_on = ("resume", job.name)
    folder = prepared_folder(job.name, arguments.out)
    try:
        with stoppable() as stop, watching(console) as watcher:
            conclusion = carry_out(store, job, watcher, stop)
    except StoreUnavailable as error:
        raise Failed(str(error), *go_on) from None
    if conclusion.verdict is None:
        kept = f"Interrupted; runs kept: {conclusion.runs}. Go on with"
        console.say(told(kept, go_on, arguments))
        return INTERRUPTED
    if not arguments.json:
        print_verdict(conclusion.verdict)
    try:
        files = write_files(store, conclusion.job, conclusion.verdict, folder)
    except Failed:
        if arguments.json:
            print_json(_data(conclusion, []))
        raise
    if arguments.json:
        print_json(_data(conclusion, files))
        sys.stdout.flush()
    decided()
    if not arguments.json:
        console.say(f"\nWritten to {folder}: {', '.join(path.name for path in files)}")
    return GAIN if conclusion.job.outcome == "gain" else KEPT


def print_verdict(verdict: Verdict) -> None:
    """Print a verdict: its paragraph, and the report's table of what was measured."""
    put(paragraph(verdict))
    put()
    head = columns(verdict.cost)
    rows = [
        (_title(verdict, row.configuration), *(cell or "-" for cell in cells(row, verdict.cost)))
        for row in verdict.rows
    ]
    print_table(("configuration", *head), rows, right=head)


def _title(verdict: Verdict, configuration: Configuration) -> str:
    if configuration == verdict.contenders.base:
        return verdict.contenders.name(configuration)
    if verdict.contenders.is_default(configuration):
        return f"{configuration.solver} default"
    return f"{configuration.solver} with {counted(len(configuration.parameters), 'change')}"


def _data(conclusion: Conclusion, files: list[Path]) -> dict[str, Any]:
    verdict = conclusion.verdict
    assert verdict is not None
    return {
        **job_data(conclusion.job),
        "recommended": configuration_data(verdict.recommended),
        "finalist": configuration_data(verdict.contenders.incumbent),
        "runs": conclusion.runs,
        "delicate": delicate_data(verdict.delicate),
        "comparisons": [_comparison(comparison) for comparison in verdict.comparisons],
        "files": [str(path) for path in files],
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "candidate": configuration_data(found.candidate),
        "baseline": configuration_data(found.baseline),
        "measure": found.measure,
        "ratio": found.ratio,
        "interval": [found.low, found.high],
        "solved": [found.candidate_solved, found.baseline_solved],
        "pairs": found.pairs,
    }

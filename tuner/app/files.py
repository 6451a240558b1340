"""The files that a verdict leaves: the report, the parameters in the solver's own form, a program that uses them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from storage.records import Configuration, Job, JobState
from storage.store import Store
from tuner.app.goals import ENDED, EXPLORED
from tuner.app.proof import unproven
from tuner.errors import Failed, UsageError
from tuner.follower.spaces import spaces_of
from tuner.verdict.decide import Verdict, decide
from tuner.verdict.export import Form, export
from tuner.verdict.report import write_report
from tuner.verdict.words import paragraph

TOLD = {EXPLORED: "This job explored", ENDED: "The race ended"}
"""The kinds of events that the report tells, with what comes before them."""
PARAMETER_FILES = {"highs": "highs.options", "cp-sat": "cp-sat.textproto", "scip": "scip.set"}


def parameter_file(job: Job, configuration: Configuration) -> str:
    """Return the configuration as the solver itself reads it."""
    return export(
        configuration,
        Form.SOLVER,
        seed=job.seed,
        gap=job.gap,
        note=unproven(job, configuration),
        fixed=job.default_of(configuration.solver).values,
    )


def python_file(job: Job, configuration: Configuration) -> str:
    """Return a program that solves a model with the configuration, as the job did."""
    return export(
        configuration,
        Form.PYTHON,
        seed=job.seed,
        gap=job.gap,
        limit=job.cutoff,
        memory_mib=job.memory_mib,
        note=unproven(job, configuration),
        fixed=job.default_of(configuration.solver).values,
    )


def check_folder(name: str, out: str | None) -> None:
    """Look whether the folder for the files of a job of this name could be made and written; nothing is made.

    Raises UsageError when not.
    """
    folder = _folder(name, out)
    try:
        with tempfile.TemporaryFile(dir=next(filter(_there, (folder.absolute(), *folder.absolute().parents)))):
            return
    except OSError as error:
        raise _unwritable(folder, error) from None


def prepared_folder(name: str, out: str | None) -> Path:
    """Return the folder for the files of a job of this name, ``out`` or else tuner-NAME, made if missing.

    Raises UsageError when nothing can be written there, before the work begins.
    """
    folder = _folder(name, out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise _unwritable(folder, error) from None


def _folder(name: str, out: str | None) -> Path:
    # The name is only part of a path: without what a path, or a shell, makes more of.
    plain = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in name)
    return Path(out or f"tuner-{plain}")


def _there(place: Path) -> bool:
    try:
        place.lstat()
    except FileNotFoundError:
        return False
    return True


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{folder}: report and parameter files cannot be written there: {error.strerror}; "
        "name another folder with --out"
    )


def verdict_again(store: Store, job: Job) -> Verdict:
    """Return the verdict of a finished job, decided again from its responses; it says what it said then.

    Raises:
        UsageError: the job is not finished.
        Failed: its responses were decided by other rules than today's.

    """
    if job.state is not JobState.FINISHED:
        raise UsageError(f"job {job.name!r} is {job.state.value}: there are a report and files once it has its verdict")
    runs = list(store.responses(job.id))
    verdicts = [decide(job, runs, finalist) for finalist in _finalists(store, job)]
    same = [v for v in verdicts if (v.outcome, v.recommended) == (job.outcome, job.best)]
    if not same:
        raise Failed(
            f"job {job.name!r} was decided by another version of tuner, and this one decides otherwise; what it said "
            "then is kept",
            "show",
            job.name,
        )
    return next((verdict for verdict in same if paragraph(verdict) == job.report), same[0])


def _finalists(store: Store, job: Job) -> list[Configuration]:
    """Return which configurations the verdict may have been about, the likeliest first.

    What the race ended with is the first that was compared, unless it was the baseline itself: then the first that was
    compared is another default. A default that the race ended with was its last incumbent.
    """
    baseline = job.defaults[0]
    first = next((comparison.candidate for comparison in store.comparisons(job.id)), baseline)
    if first not in (*job.defaults, job.base):
        return [first]
    settings = [] if job.base is None else [job.base]
    last = [step.configuration for step in store.incumbents(job.id, last=1)]
    return sorted(dict.fromkeys((first, baseline, *settings)), key=lambda untuned: untuned not in last)


def report_of(store: Store, job: Job, verdict: Verdict) -> str:
    """Return the report of a finished job as HTML."""
    return write_report(
        job,
        verdict,
        store.responses(job.id),
        store.incumbents(job.id),
        spaces_of(job.solvers, job.space),
        [f"{TOLD[event.kind]}: {event.text}." for event in store.events(job.id) if event.kind in TOLD],
    )


def write_files(store: Store, job: Job, verdict: Verdict, folder: Path) -> list[Path]:
    """Write report, parameters and program into a folder that exists, and return their paths.

    Raises Failed when they cannot be written; the verdict is in the store all the same.
    """
    best = verdict.recommended
    texts = {
        "report.html": report_of(store, job, verdict),
        PARAMETER_FILES[best.solver]: parameter_file(job, best),
        "reproduce.py": python_file(job, best),
    }
    for name, text in texts.items():
        try:
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise Failed(
                f"{folder / name}: cannot be written: {error.strerror}; the verdict is kept: mend that, then write "
                "the files again",
                "export",
                job.name,
                "--files",
            ) from None
    return [folder / name for name in texts]

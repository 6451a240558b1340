"""The files that a verdict leaves: the report, the parameters in the solver's own form, a program that uses them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from storage.records import Configuration, Job
from storage.store import Store
from tuner.app.intake import spaces_of
from tuner.errors import Failed, UsageError
from tuner.verdict.decide import Verdict
from tuner.verdict.export import Form, export
from tuner.verdict.report import write_report

PARAMETER_FILES = {"highs": "highs.options", "cp-sat": "cp-sat.textproto", "scip": "scip.set"}


def parameter_file(job: Job, configuration: Configuration) -> str:
    """Return the configuration as the solver itself reads it."""
    return export(configuration, Form.SOLVER, seed=job.seed, gap=job.gap)


def python_file(job: Job, configuration: Configuration) -> str:
    """Return a program that solves a model with the configuration, as the job did."""
    return export(configuration, Form.PYTHON, seed=job.seed, gap=job.gap, limit=job.cutoff)


def prepared_folder(folder: Path) -> Path:
    """Return the folder, made if missing; UsageError when nothing can be written there, before the work begins."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise UsageError(f"--out {folder}: cannot be written: {error.strerror}") from None


def write_files(store: Store, job: Job, verdict: Verdict, folder: Path) -> list[Path]:
    """Write report, parameters and program into a folder that exists, and return their paths.

    Raises Failed when they cannot be written; the verdict is in the store all the same.
    """
    best = verdict.recommended
    report = write_report(
        job, verdict, store.responses(job.id), store.incumbents(job.id), spaces_of(job.solvers, job.space)
    )
    texts = {
        "report.html": report,
        PARAMETER_FILES[best.solver]: parameter_file(job, best),
        "reproduce.py": python_file(job, best),
    }
    try:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(
            f"{folder}: cannot be written: {error.strerror}; the verdict is kept, see: tuner show {job.name}"
        ) from None
    return [folder / name for name in texts]

"""The files of a finished job, written anew; and the commands that messages name."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from storage.lease import this_process
from storage.records import Configuration, Incumbent, Job, JobState, Run, StoredRun
from storage.store import Store
from tests.verdict_runs import CUTOFF, HIGHS, REFUTED, TRAINING, TUNED, held_out, job, raced, stored
from tuner.app.files import python_file, verdict_again, write_files
from tuner.cli import main
from tuner.errors import Failed, UsageError
from tuner.verdict.decide import Verdict, decide
from tuner.verdict.reproduce import reproducing_line
from tuner.verdict.words import paragraph

SCIP = Configuration("scip")
SLOW = [1.0, 1.3, 0.8, 1.1, 2.0, 0.9, 1.5, 1.2]
FAST = [0.5 * seconds for seconds in SLOW]
MIXED = [seconds * factor for seconds, factor in zip(SLOW, [0.7, 1.4] * 4, strict=True)]
NAME = "it's Tuesday; ls"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path / 'tuner.db'}")


def finish(store: Store, task: Job, runs: list[StoredRun], finalist: Configuration) -> tuple[Job, Verdict]:
    """Keep a job as it is kept once it is finished."""
    kept = store.create_job(task)
    lease = store.claim(kept.id, this_process(), 30.0)
    for entry in runs:
        store.record(lease, entry.run, entry.response, entry.elapsed, entry.host)
    store.add_incumbent(lease, Incumbent(finalist, 1.0, 1.0, 1.0, 10))
    verdict = decide(kept, store.responses(kept.id), finalist)
    store.finish(lease, verdict.outcome, paragraph(verdict), verdict.recommended, verdict.comparisons)
    return store.job(kept.id), verdict


def everywhere(configuration: Configuration, seconds: list[float]) -> list[StoredRun]:
    return [*raced(configuration, *seconds), *held_out(configuration, *seconds)]


@pytest.mark.parametrize(
    ("solvers", "finalist", "runs"),
    [
        (("highs",), TUNED, [*everywhere(HIGHS, SLOW), *everywhere(TUNED, FAST)]),
        (("highs",), TUNED, [*everywhere(HIGHS, SLOW), *everywhere(TUNED, MIXED)]),
        (("highs",), TUNED, [*everywhere(HIGHS, FAST), *everywhere(TUNED, SLOW)]),
        (("highs",), TUNED, [*everywhere(HIGHS, SLOW), *everywhere(TUNED, FAST), stored(TUNED, TRAINING[9], REFUTED)]),
        (("highs",), HIGHS, everywhere(HIGHS, SLOW)),
        (("highs", "scip"), SCIP, [*everywhere(HIGHS, SLOW), *everywhere(SCIP, FAST)]),
        (("highs", "scip"), SCIP, [*everywhere(HIGHS, SLOW), *everywhere(SCIP, MIXED)]),
        (("highs", "scip"), HIGHS, [*everywhere(HIGHS, SLOW), *everywhere(SCIP, MIXED)]),
        (("highs", "scip"), HIGHS, [*everywhere(HIGHS, SLOW), *everywhere(SCIP, FAST)]),
        (("scip", "highs"), TUNED, [*everywhere(HIGHS, FAST), *everywhere(SCIP, SLOW), *everywhere(TUNED, MIXED)]),
    ],
    ids=["gain", "luck", "worse", "refuted", "default", "other", "other-luck", "first", "first-beaten", "three"],
)
def test_the_verdict_is_decided_again_as_it_was(
    store: Store, solvers: tuple[str, ...], finalist: Configuration, runs: list[StoredRun]
) -> None:
    finished, verdict = finish(store, job(solvers), runs, finalist)
    again = verdict_again(store, finished)
    assert paragraph(again) == finished.report
    assert again == verdict


def test_a_verdict_of_other_rules_is_not_passed_off_as_the_former(store: Store) -> None:
    finished, _ = finish(store, job(name=NAME), [*everywhere(HIGHS, SLOW), *everywhere(TUNED, FAST)], TUNED)
    with pytest.raises(Failed, match="decides otherwise") as failed:
        verdict_again(store, replace(finished, outcome="default kept", best=HIGHS))
    assert named(str(failed.value)) == ["tuner", "show", NAME]


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.FINISHED])
def test_a_job_without_a_verdict_has_no_files(
    store: Store, state: JobState, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = store.create_job(job(name=NAME))
    if state is not JobState.QUEUED:
        lease = store.claim(kept.id, this_process(), 30.0)
        if state is JobState.INTERRUPTED:
            store.interrupt(lease)
        if state is JobState.FAILED:
            store.fail(lease, "nothing was solved")
    url = f"sqlite:///{tmp_path / 'tuner.db'}"
    assert main(["export", NAME, "--files", "--out", str(tmp_path / "files"), "--store", url]) == 2
    message = capsys.readouterr().err
    assert state.value in message
    if state is not JobState.RUNNING:
        assert named(message) == ["tuner", "resume", NAME, "--store", url]
    assert not (tmp_path / "files").exists()
    with pytest.raises(UsageError, match=state.value):
        verdict_again(store, store.job(kept.id))


def named(message: str) -> list[str]:
    """Return the command at the end of a message, as a shell takes it apart."""
    return shlex.split(message.strip()[message.index(": tuner ") + 2 :])


def test_messages_name_commands_that_can_be_pasted_into_a_shell(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = store.create_job(job(name=NAME))
    url = f"sqlite:///{tmp_path / 'tuner.db'}"
    assert main(["show", NAME, "--store", url]) == 0
    assert named(capsys.readouterr().out) == ["tuner", "resume", NAME, "--store", url]
    for words in (["responses", NAME, "--instance", "x"], ["export", NAME, "--configuration", "x"]):
        assert main([*words, "--store", url]) == 3
        assert named(capsys.readouterr().err) == ["tuner", "responses", NAME, "--store", url]
    finished, verdict = finish(store, job(name=f"{NAME} 2"), everywhere(HIGHS, SLOW), HIGHS)
    assert main(["resume", finished.name, "--store", url]) == 2
    assert named(capsys.readouterr().err) == ["tuner", "export", finished.name, "--files", "--store", url]
    with pytest.raises(Failed) as failed:
        write_files(store, finished, verdict, tmp_path / "nowhere")
    assert named(str(failed.value)) == ["tuner", "export", finished.name, "--files"]
    assert main(["resume", kept.name, "--store", url, "--out", str(tmp_path / "out")]) == 5  # its models are nowhere
    assert named(capsys.readouterr().err) == ["tuner", "resume", NAME]


def test_the_program_names_the_command_of_the_jobs_own_limits() -> None:
    task = job(name=NAME)
    assert reproducing_line(Run(TUNED, "0" * 64, task.seed, CUTOFF, CUTOFF), "MODEL", task) in python_file(task, TUNED)


def test_no_message_names_a_command_without_quoting_what_it_is_given() -> None:
    for path in (Path(__file__).parent.parent / "tuner").rglob("*.py"):
        assert not re.search(r"\btuner [a-z]+ \{", path.read_text()), path

"""The files of a finished job, written anew; and the commands that messages name."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from storage.lease import this_process
from storage.records import HELD, Configuration, Incumbent, Job, JobState, Run, StoredRun
from storage.store import Store
from tests.verdict_runs import CUTOFF, HIGHS, REFUTED, TRAINING, TUNED, held_out, job, raced, stored
from tuner import cli
from tuner.app import files
from tuner.app.files import python_file, verdict_again
from tuner.app.tuning import Conclusion
from tuner.app.views import RESUMABLE
from tuner.cli import main, tuning
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
        store.record(lease, entry.run, entry.response, entry.elapsed, entry.environment)
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
    assert failed.value.go_on == ("show", NAME)


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.FINISHED])
def test_a_job_without_a_verdict_has_no_files(
    store: Store, state: JobState, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = store.create_job(job(name=NAME))
    if state in HELD:
        store.hold(kept.id, state)
    elif state is not JobState.QUEUED:
        lease = store.claim(kept.id, this_process(), 30.0)
        if state is JobState.INTERRUPTED:
            store.interrupt(lease)
        if state is JobState.FAILED:
            store.fail(lease, "nothing was solved")
    url = f"sqlite:///{tmp_path / 'tuner.db'}"
    assert main(["export", NAME, "--files", "--out", str(tmp_path / "files"), "--store", url]) == 2
    message = capsys.readouterr().err
    assert state.value in message
    if state in RESUMABLE:
        assert named(message) == ["tuner", "resume", NAME, "--store", url, "--out", str(tmp_path / "files")]
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
    finished, _ = finish(store, job(name=f"{NAME} 2"), everywhere(HIGHS, SLOW), HIGHS)
    assert main(["resume", finished.name, "--store", url]) == 2
    assert named(capsys.readouterr().err) == ["tuner", "export", finished.name, "--files", "--store", url]
    out = str(tmp_path / "out")
    assert main(["resume", kept.name, "--store", url, "--out", out]) == 5  # its models are nowhere
    message = capsys.readouterr().err
    assert "rosters/00.mps" in message
    assert named(message) == ["tuner", "resume", NAME, "--store", url, "--out", out]
    assert store.job(kept.id).outcome.endswith("put it back, then go on")


def test_a_verdict_of_other_rules_names_the_store_of_the_former_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(store, job(name=NAME), everywhere(HIGHS, SLOW), HIGHS)
    monkeypatch.setattr(files, "decide", lambda task, runs, _: decide(replace(task, solvers=("scip",)), runs, SCIP))
    url = f"sqlite:///{tmp_path / 'tuner.db'}"
    assert main(["export", NAME, "--files", "--store", url, "--out", "unused"]) == 5
    assert named(capsys.readouterr().err) == ["tuner", "show", NAME, "--store", url]


@pytest.fixture
def concluded(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Path]:
    """The words that carry out a job, which ends at once, and the folder that its files go to."""
    monkeypatch.delenv("TUNER_STORE", raising=False)
    waiting = store.create_job(job(name="waiting"))
    finished, verdict = finish(store, job(name=NAME), everywhere(HIGHS, SLOW), HIGHS)
    monkeypatch.setattr(tuning, "carry_out", lambda *_: Conclusion(finished, 16, verdict))
    out = tmp_path / "out"
    return ["resume", waiting.name, "--store", f"sqlite:///{tmp_path / 'tuner.db'}", "--out", str(out)], out


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_file_that_cannot_be_written_is_named_with_what_writes_it_and_the_verdict_is_printed(
    concluded: tuple[list[str], Path], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words, out = concluded
    (out / "highs.options").mkdir(parents=True)
    assert main([*words, "--json"] if form == "json" else words) == 5
    captured = capsys.readouterr()
    assert f"{out / 'highs.options'}: cannot be written: Is a directory" in captured.err
    assert named(captured.err) == ["tuner", "export", NAME, "--files", *words[2:]]
    if form == "json":
        found = json.loads(captured.out)
        assert (found["outcome"], found["files"]) == ("default kept", [])
    else:
        assert "Keep" in captured.out
    (out / "highs.options").rmdir()
    assert main(named(captured.err)[1:]) == 0
    assert len(list(out.iterdir())) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_once_the_files_are_written_does_not_change_the_exit_code(
    concluded: tuple[list[str], Path], number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, out = concluded
    close = Store.close

    def closed(store: Store) -> None:
        os.kill(os.getpid(), number)
        close(store)

    former = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, as it is in a shell's background job
    monkeypatch.setattr(Store, "close", closed)
    monkeypatch.setattr(sys, "argv", ["tuner", *words])
    try:
        with pytest.raises(SystemExit) as ended:
            cli.entry()
        assert ended.value.code == 4
        assert len(list(out.iterdir())) == 3
        monkeypatch.setattr(sys, "argv", ["tuner", "jobs", *words[2:4]])
        with pytest.raises(SystemExit) as ended:
            cli.entry()
        assert ended.value.code == 130
    finally:
        for one, handler in former.items():
            signal.signal(one, handler)


def test_the_head_line_counts_one_slot_and_one_model(
    store: Store, concluded: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words, _ = concluded
    task = job(name="one")
    store.create_job(replace(task, slots=1, members=(task.members[0], task.members[-1])))
    assert main(["resume", "one", *words[2:]]) == 4
    assert "one: 1 model to tune on, 1 held out; highs; cutoff 10 s; budget 600 s; 1 slot; store" in (
        capsys.readouterr().err
    )
    assert main(["show", "one", *words[2:4]]) == 0
    assert "on 1 slot, 0 runs" in capsys.readouterr().out


def test_a_failed_jobs_line_in_the_list_has_the_first_clause_of_why(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = store.create_job(job())
    store.fail(store.claim(kept.id, this_process(), 30.0), "no solver solved any; tune for the gap instead\nor not")
    url = f"sqlite:///{tmp_path / 'tuner.db'}"
    assert main(["jobs", "--store", url]) == 0
    text = capsys.readouterr().out
    assert "no solver solved any" in text
    assert "tune for the gap" not in text
    assert main(["jobs", "--json", "--store", url]) == 0
    assert "tune for the gap instead" in capsys.readouterr().out


def test_the_best_configuration_is_exported_by_that_name_too(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(store, job(name=NAME), [*everywhere(HIGHS, SLOW), *everywhere(TUNED, FAST)], TUNED)
    words = ["export", NAME, "--store", f"sqlite:///{tmp_path / 'tuner.db'}"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "mip_heuristic_effort" in text
    assert main([*words, "--configuration", "best"]) == 0
    assert capsys.readouterr().out == text


def test_the_program_names_the_command_of_the_jobs_own_limits() -> None:
    task = job(name=NAME)
    assert reproducing_line(Run(TUNED, "0" * 64, task.seed, CUTOFF, CUTOFF), "MODEL", task) in python_file(task, TUNED)


def test_no_message_names_a_command_without_quoting_what_it_is_given() -> None:
    for path in (Path(__file__).parent.parent / "tuner").rglob("*.py"):
        assert not re.search(r"\btuner [a-z]+ \{", path.read_text()), path

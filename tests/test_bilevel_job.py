"""Bilevel problems as jobs: kept, stopped, killed, resumed, and shown."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import pytest
from optuna_dashboard import get_note

from storage.lease import this_process
from storage.records import Answer, Job, JobState
from storage.store import Store
from tests.bilevel_samples import moore_bard, random_problem
from tests.store_samples import HERE
from tests.test_bilevel_files import BY_INDEX, write_pair
from tuner.app.solving import Solved, answer_of, carry_out, hand_in, response_of
from tuner.app.study_page import plain
from tuner.bilevel import Ending, Ties
from tuner.bilevel.applications import Application, example, generated, read_application
from tuner.bilevel.state import Bracket
from tuner.cli import main
from tuner.errors import UsageError

ATTACK = generated("interdiction", 14, 3)
"""Answered some ten times on the way to its proof."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNER_STORE", raising=False)


def handed_in(store: Store, application: Application, ties: Ties = Ties.OPTIMISTIC, budget: float = 120.0) -> Job:
    return hand_in(
        store, application, source="here", name="", ties=ties, solver="highs", budget=budget, slots=1, seed=0
    )


def carried_out(store: Store, job: Job, stop_after: int | None = None) -> Solved:
    stop = threading.Event()

    def watch(bracket: Bracket) -> None:
        if stop_after is not None and bracket.responses >= stop_after:
            stop.set()

    said: list[str] = []
    solved = carry_out(store, job, watch, said.append, stop)
    assert said == []
    return solved


def test_a_job_that_is_stopped_and_resumed_ends_as_one_that_is_not(database_url: str) -> None:
    with Store.open(database_url) as store:
        whole = carried_out(store, handed_in(store, ATTACK))
        job = handed_in(store, ATTACK)
        stopped = carried_out(store, job, stop_after=2)
        assert stopped.interrupted
        assert stopped.job.state is JobState.INTERRUPTED
        assert stopped.result.ending is Ending.FEASIBLE
        assert whole.result.objective is not None
        assert stopped.result.bound <= whole.result.objective
        resumed = carried_out(store, store.job(job.id))
        assert (resumed.job.state, resumed.job.outcome) == (JobState.FINISHED, "optimal")
        assert resumed.result.objective == whole.result.objective
        choices = [stored.answer.x for stored in store.answers(job.id)]
        assert len(set(choices)) == len(choices) == whole.result.responses
        bracket = store.bracket(job.id)
        assert bracket is not None
        assert (bracket.objective, bracket.bound) == (whole.result.objective, whole.result.bound)
        best = next(stored for stored in store.answers(job.id) if stored.id == bracket.best)
        assert resumed.result.x == tuple(value for _, value in best.answer.x)


def test_a_resumed_job_keeps_its_bound_and_asks_again_what_was_not_proven(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store:
        whole = carried_out(store, handed_in(store, ATTACK))
        job = handed_in(store, ATTACK)
        carried_out(store, job, stop_after=4)
        before = store.bracket(job.id)
        assert before is not None
        assert math.isfinite(before.bound)
        lease = store.claim(job.id, this_process(), 30)
        assert whole.result.x is not None
        names = [variable.name for variable in whole.result.problem.variables]
        doubt = Answer(
            tuple(zip(names, whole.result.x, strict=True)), "optimistic", "not proven", reason="out of memory"
        )
        store.record_answer(lease, doubt, 1.0, HERE)
        store.interrupt(lease)
        seen: list[Bracket] = []
        resumed = carry_out(store, store.job(job.id), seen.append, [].append, threading.Event())
        assert min(bracket.bound for bracket in seen if bracket.responses) >= before.bound
        assert (resumed.result.ending, resumed.result.objective) == (Ending.OPTIMAL, whole.result.objective)


def test_a_job_that_is_killed_goes_on_with_every_answer_it_had(sqlite_url: str) -> None:
    words = ["solve", "--example", "interdiction", "--size", "30", "--seed", "2", "--name", "attack"]
    words += ["--store", sqlite_url]
    process = subprocess.Popen(
        [sys.executable, "-m", "tuner", *words], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    with Store.open(sqlite_url) as store:
        until = time.monotonic() + 60.0
        while not (store.jobs() and len(list(store.answers(store.jobs()[0].id))) >= 3):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before = list(store.answers(store.job("attack").id))
        assert store.job("attack").state is JobState.INTERRUPTED
        solved = carried_out(store, store.job("attack"), stop_after=len(before) + 2)
        after = list(store.answers(solved.job.id))
        assert after[: len(before)] == before
        assert len({stored.answer.x for stored in after}) == len(after) > len(before)


@pytest.mark.parametrize("ties", [Ties.OPTIMISTIC, Ties.PESSIMISTIC])
def test_an_answer_is_kept_as_the_response_it_was(ties: Ties) -> None:
    for seed in range(3):
        problem = random_problem(seed).with_ties(ties)
        for x in list(problem.choices())[:3]:
            response = problem.respond(x)
            again = response_of(problem, answer_of(problem, ties, response))
            assert again.tie(ties) == response.tie(ties)
            assert (again.x, again.status, again.value, again.y) == (
                response.x,
                response.status,
                response.value,
                response.y,
            )


def test_optunas_tables_have_a_trial_for_every_answer(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store:
        job = handed_in(store, ATTACK)
        carried_out(store, job, stop_after=2)
        solved = carried_out(store, store.job(job.id))
    study = optuna.load_study(study_name=job.name, storage=sqlite_url)
    assert len(study.trials) == solved.result.responses
    assert study.best_value == solved.result.objective
    assert study.user_attrs["tuner job"] == job.name
    note = get_note(study)
    assert plain(solved.job.report) in note
    assert f"| value | {plain(solved.result.rows()['value'])} |" in note


def test_a_pair_that_has_changed_since_it_was_handed_in_is_refused(sqlite_url: str) -> None:
    path = write_pair(moore_bard(), BY_INDEX)
    with Store.open(sqlite_url) as store:
        job = handed_in(store, read_application(path))
        path.with_suffix(".aux").write_text(BY_INDEX.replace("LO 1", "LO 2"))
        with pytest.raises(UsageError, match=r"problem\.aux: it has changed since it was handed in"):
            carried_out(store, job)
        assert store.job(job.id).state is JobState.FAILED
        path.with_suffix(".aux").write_text(BY_INDEX)
        assert carried_out(store, store.job(job.id)).result.objective == -22.0


def test_the_commands_that_read_jobs_know_this_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "--example", "toll", "--ties", "pessimistic", "--name", "tolls", "--slots", "1"]) == 0
    capsys.readouterr()
    assert main(["jobs", "--json"]) == 0
    (job,) = json.loads(capsys.readouterr().out)
    assert (job["name"], job["kind"], job["state"], job["outcome"]) == ("tolls", "solve", "finished", "optimal")
    assert main(["show", "tolls"]) == 0
    assert "toll 5.99 on A: all commuters take A; revenue 5.99 GBP." in capsys.readouterr().out
    assert main(["best", "tolls"]) == 0
    assert capsys.readouterr().out == "A = 5.99\n"
    assert main(["best", "tolls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bound"] == 5.99
    assert main(["responses", "tolls", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["pessimistic"] for row in rows if row["x"] == "A=5.99"] == [5.99]
    assert main(["responses", "tolls", "--csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(rows) + 1
    for words, complaint in (
        (["export", "tolls"], "solves a bilevel problem: there are no parameters to export; see: tuner best tolls"),
        (["responses", "tolls", "--part", "holdout"], "it has no parts, instances or configurations"),
        (["resume", "tolls"], "job 'tolls' is finished (optimal): there is nothing to go on with"),
        (["solve", "--example", "toll", "--name", "tolls"], "there is a job 'tolls' already"),
    ):
        assert main(words) == 2
        assert complaint in capsys.readouterr().err


def test_a_job_is_called_as_its_problem_unless_told_otherwise(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store:
        names = [handed_in(store, example("toll")).name for _ in range(2)]
    assert names == ["two routes", "two routes-2"]

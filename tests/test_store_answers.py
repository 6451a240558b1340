"""Answers to bilevel problems in the store, on both back ends."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from storage.chunks import CHUNK
from storage.errors import JobBusy, StoreRefused
from storage.lease import this_process
from storage.records import Answer, Bracket, JobKind, JobState, Submission
from storage.store import Store
from tests.store_samples import ANSWER, HERE, PROBLEM, SUBMISSION


@pytest.fixture
def store(database_url: str) -> Store:
    return Store.open(database_url)


def handed_in(store: Store, submission: Submission = PROBLEM) -> int:
    return store.create_job(submission).id


def test_a_bilevel_problem_is_a_job_of_its_own_kind(store: Store) -> None:
    job = store.job(handed_in(store))
    assert (job.kind, job.document, job.members) == (JobKind.SOLVE, PROBLEM.document, ())
    assert store.job(store.create_job(SUBMISSION).id).kind is JobKind.TUNE
    assert [job.kind for job in store.jobs()] == [JobKind.TUNE, JobKind.SOLVE]


def test_answers_are_read_as_they_were_recorded_and_in_order(store: Store) -> None:
    lease = store.claim(handed_in(store), this_process(), 60)
    bare = Answer(x=(("A", math.nan),), ties="optimistic", status="not proven", reason="cutoff: \x00 late")
    numbers = [store.record_answer(lease, answer, float(n), HERE) for n, answer in enumerate((ANSWER, bare))]
    first, second = store.answers(lease.job_id)
    assert [first.id, second.id] == numbers
    assert (first.answer, first.elapsed, first.environment) == (ANSWER, 0.0, HERE)
    assert math.isnan(second.answer.x[0][1])
    assert second.answer.reason == "cutoff: \\x00 late"
    assert [answer.id for answer in store.answers(lease.job_id, since=numbers[0])] == numbers[1:]
    assert store.job(lease.job_id).spent == 1.0


def test_more_answers_than_are_read_at_a_time_are_all_read(store: Store) -> None:
    lease = store.claim(handed_in(store), this_process(), 60)
    small = Answer(x=(), ties="optimistic", status="follower infeasible")
    for _ in range(3):
        store.record_answer(lease, small, 0.0, HERE)
    assert len(list(store.answers(lease.job_id))) == 3 < CHUNK


def test_answers_are_counted_by_what_became_of_them(store: Store) -> None:
    lease = store.claim(handed_in(store), this_process(), 60)
    assert store.count_answers(lease.job_id) == {}
    for status in ("not proven", "bilevel feasible", "not proven"):
        store.record_answer(lease, replace(ANSWER, status=status), 0.0, HERE)
    other = store.claim(store.create_job(replace(PROBLEM, name="other")).id, this_process(), 60)
    store.record_answer(other, ANSWER, 0.0, HERE)
    assert store.count_answers(lease.job_id) == {"not proven": 2, "bilevel feasible": 1}


def test_the_followers_variables_have_the_names_that_were_noted_last(store: Store) -> None:
    lease = store.claim(handed_in(store), this_process(), 60)
    assert store.reaction_names(lease.job_id) == []
    for names in (["a", "b", "c"], ["y", "x"], ["y", "x"]):
        store.name_reactions(lease, names)
    assert store.reaction_names(lease.job_id) == ["y", "x"]
    store.interrupt(lease)
    with pytest.raises(JobBusy):
        store.name_reactions(lease, ["z"])
    assert store.reaction_names(lease.job_id) == ["y", "x"]


def test_a_document_is_read_with_its_job_only(store: Store) -> None:
    number = handed_in(store, replace(PROBLEM, problem="toll", served=True))
    assert store.job(number).document == PROBLEM.document
    assert (store.standing(number).document, store.standing(number).problem) == ("", "toll")
    assert [(job.document, job.problem) for job in store.jobs()] == [("", "toll")]
    assert store.standing(number).state is JobState.QUEUED
    lease = store.claim_next(this_process(), 60, 2)
    assert lease is not None
    assert store.standing(number).state is JobState.RUNNING


def test_a_bracket_is_replaced_and_names_its_best_answer(store: Store) -> None:
    job_id = handed_in(store)
    assert store.bracket(job_id) is None
    lease = store.claim(job_id, this_process(), 60)
    store.set_bracket(lease, Bracket(None, math.inf, "none"), 0.5)
    assert store.bracket(job_id) == Bracket(None, math.inf, "none", None)
    number = store.record_answer(lease, ANSWER, 1.0, HERE)
    store.set_bracket(lease, Bracket(5.5, 6.0, "value-function cuts", number), 1.0)
    assert store.bracket(job_id) == Bracket(5.5, 6.0, "value-function cuts", number)
    store.finish(lease, "optimal", "toll 5.5", None)
    job = store.job(job_id)
    assert (job.state, job.outcome, job.report, job.best) == (JobState.FINISHED, "optimal", "toll 5.5", None)


def test_who_does_not_own_the_job_records_nothing(store: Store) -> None:
    lease = store.claim(handed_in(store), this_process(), 60)
    store.interrupt(lease)
    with pytest.raises(JobBusy):
        store.record_answer(lease, ANSWER, 1.0, HERE)
    with pytest.raises(JobBusy):
        store.set_bracket(lease, Bracket(None, 0.0, "none"), 1.0)
    assert list(store.answers(lease.job_id)) == []


def test_an_answer_of_unknown_ties_is_refused_whole(store: Store) -> None:
    lease = store.claim(handed_in(store), this_process(), 60)
    with pytest.raises(StoreRefused):
        store.record_answer(lease, replace(ANSWER, ties="mean"), 1.0, HERE)
    assert list(store.answers(lease.job_id)) == []

"""What a job tells of responses that are wrong or disputed: each thing once, and then numbers."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from storage.records import Check, Configuration, Response, Run, Termination
from storage.store import Store
from tests.store_samples import DEFAULT, MEMBERS, RESPONSE, SUBMISSION, TUNED, run
from tuner.app.intake import submission_of
from tuner.app.news import MOST_TOLD, News
from tuner.app.progress import Progress
from tuner.app.tuning import carry_out
from tuner.follower.solvers import SOLVERS, Adapter
from tuner.scenario import Scenario

REFUTED = replace(RESPONSE, check=Check.REFUTED, reason="it is too good")
CRASHED = replace(RESPONSE, termination=Termination.CRASHED, check=Check.UNCONFIRMED, reason="it died")
DISPUTED = replace(RESPONSE, check=Check.DISPUTED, reason="another one disagrees")


@pytest.fixture
def news(sqlite_url: str) -> News:
    with Store.open(sqlite_url) as store:
        job = store.create_job(SUBMISSION)
    names, paths = ({member.sha256: getattr(member, what) for member in MEMBERS} for what in ("name", "path"))
    return News(job, names, paths)


def told(news: News, response: Response, *runs: Run) -> list[tuple[str, str]]:
    """Return kind and first words of what is told of a response to each of these runs."""
    found = [news.of(each, response, each) for each in runs]
    return [(kind, text.partition(":")[0]) for kind, text in filter(None, found)]


def seeds(configuration: Configuration, count: int, instance: int = 0) -> list[Run]:
    """Return so many runs on an instance, each with another seed."""
    return [run(seed, configuration, instance) for seed in range(count)]


def test_a_wrong_response_is_told_once_for_its_configuration_and_model_and_then_counted(news: News) -> None:
    assert told(news, REFUTED, *seeds(DEFAULT, 20), *seeds(TUNED, 5), *seeds(DEFAULT, 3, 1)) == [
        ("refuted", "highs default on day/0"),
        ("refuted", f"{TUNED} on day/0"),
        ("refuted", "highs default on day/1"),
    ]
    assert told(news, CRASHED, *seeds(DEFAULT, 2)) == [("crashed", "highs default on day/0")]
    assert list(news.rest()) == [
        ("refuted", "25 more runs of 2 configurations on 2 models; the job's responses have them all"),
        ("crashed", "1 more run of 1 configuration on 1 model; the job's responses have them all"),
    ]
    assert list(news.rest()) == []


def test_many_configurations_that_are_wrong_are_counted_after_some(news: News) -> None:
    many = [Configuration.of("highs", {"mip_heuristic_effort": n / 1000}) for n in range(MOST_TOLD + 7)]
    assert len(told(news, REFUTED, *(seeds(each, 1)[0] for each in many))) == MOST_TOLD
    (rest,) = news.rest()
    assert rest[1].startswith("7 more runs of 7 configurations on 1 model;")


def test_what_was_told_before_the_process_died_is_not_told_again(news: News) -> None:
    first, second, third = seeds(DEFAULT, 3)
    news.remember(first, REFUTED)
    (other,) = seeds(DEFAULT, 1, instance=1)
    news.remember(other, RESPONSE)
    assert told(news, REFUTED, second) == []
    assert told(news, CRASHED, third) == [("crashed", "highs default on day/0")]
    assert told(news, REFUTED, other) == [("refuted", "highs default on day/1")]


def test_a_model_is_told_once_to_be_disputed_and_once_to_be_settled(news: News) -> None:
    disputed, other, newest = seeds(DEFAULT, 3)
    assert told(news, DISPUTED, disputed, other) == [("disputed", "highs default on day/0")]
    assert news.of(newest, RESPONSE, newest) is None
    settled = [news.of(each, RESPONSE, newest) for each in (disputed, other)]
    assert [each and each[0] for each in settled] == ["settled", None]


def test_a_job_tells_each_wrong_configuration_once_a_model_and_all_others_by_number(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str
) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    wrong = Adapter("highs", "highspy", "tests.followers.misreading:Misreading", "highs.toml")
    monkeypatch.setitem(SOLVERS, "highs", wrong)
    said: list[str] = []

    class Listening:
        def say(self, text: str) -> None:
            said.append(text)

        def show(self, progress: Progress) -> None: ...

    with Store.open(sqlite_url) as store:
        scenario = Scenario(folder=str(models), solver="highs", budget=10.0, cutoff=1.0, slots=2, name="wrong")
        job = store.create_job(submission_of(scenario, Listening()))
        carry_out(store, job, Listening(), threading.Event())
        runs = [each for each in store.responses(job.id) if each.response.check is Check.REFUTED]
        events = [event.text for event in store.events(job.id) if event.kind == "refuted"]
    once = [text.partition(": ")[0] for text in events if "tuner execute" in text]
    more = [int(match[1]) for text in events if (match := re.match(r"(\d+) more run", text))]
    assert len(once) == len(set(once)) == len({(each.run.configuration, each.run.instance) for each in runs})
    assert len(runs) > len(once)
    assert len(once) + sum(more) == len(runs)
    assert [text.removeprefix("refuted: ") for text in said if text.startswith("refuted: ")] == events

"""`tuner submit`, `show` and the like against a server, with a worker that carries out what was handed in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from instances.families import FAMILIES, generate
from storage.lease import this_process
from storage.records import ALL_SLOTS, Event, Job, JobState
from storage.store import Store
from tests.bilevel_samples import moore_bard
from tests.service import carried_out, served
from tests.store_samples import SUBMISSION, TUNED
from tests.test_bilevel_files import BY_INDEX, write_pair
from tests.test_working import until
from tuner.app import working
from tuner.app.job_data import MODELS
from tuner.app.stating import try_out
from tuner.app.working import Worker
from tuner.bilevel.applications import example, generated
from tuner.cli import main
from tuner.client import Client
from tuner.errors import Failed, Stopped, UsageError
from tuner.follower.processes import marked
from tuner.service.server import application


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUNER_STORE", raising=False)
    Path("toll.json").write_text(json.dumps(example("toll").document()))


@pytest.fixture
def store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with a server in front of it, which $TUNER_SERVER names."""
    with Store.open(store_url) as opened, served(application(opened)) as client:
        monkeypatch.setenv("TUNER_SERVER", str(client.base_url))
        yield opened


@contextmanager
def working_on(store: Store, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(store, tmp_path / "work", 2, lambda _: None)
    thread = threading.Thread(target=worker.work)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(60)
        assert not thread.is_alive()


def copied(models: Path, tmp_path: Path, name: str = "own") -> Path:
    """Return a copy of a folder that may be changed."""
    return Path(shutil.copytree(models, tmp_path / name))


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(words) == code, capsys.readouterr().err
    return capsys.readouterr().out


def complaint(capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    assert main(words) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


# To the proof


def test_a_problem_is_watched_to_its_proof_and_printed_as_solve_prints_it(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with working_on(store, tmp_path):
        for ties, toll in (("optimistic", "6"), ("pessimistic", "5.99")):
            printed = told(capsys, "submit", "toll.json", "--ties", ties, "--name", ties, "--watch")
            sentence, rows = printed.split("\n\n")
            assert sentence == f"toll {toll} on A: all commuters take A; revenue {toll} GBP."
            lines = dict(line.split(maxsplit=1) for line in rows.splitlines())
            assert (lines["ending"], lines["value"], lines["gap"]) == ("optimal", toll, "0")
            assert lines["bound"] == f"{toll} (value-function cuts)"
            solved = told(capsys, "solve", "toll.json", "--ties", ties, "--store", f"sqlite:///{ties}.db")
            assert [line for line in solved.splitlines() if not line.startswith("time")] == [
                line for line in printed.splitlines() if not line.startswith("time")
            ]
    job = store.job("pessimistic")
    assert (job.state, job.outcome, job.slots) == (JobState.FINISHED, "optimal", 2)
    assert told(capsys, "best", "pessimistic") == "A = 5.99\n"
    best = json.loads(told(capsys, "best", "pessimistic", "--json"))
    assert (best["y"], best["follower"], best["final"]) == ({"commuters: A": 1.0, "commuters: B": 0.0}, 14.99, True)
    shown = told(capsys, "show", "pessimistic")
    assert "value     5.99" in shown
    assert "ties      pessimistic; at this choice the follower's ties leave 5.99 at best" in shown
    assert "2 responses" not in shown
    assert len(json.loads(told(capsys, "responses", "pessimistic", "--json"))) == len(list(store.answers(job.id)))
    assert "bilevel feasible" in told(capsys, "responses", "pessimistic")
    assert told(capsys, "jobs").count("finished") == 2
    assert "tuner best pessimistic" in complaint(capsys, "export", "pessimistic")


def test_a_pair_of_files_is_solved_where_these_files_are_not(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_pair(moore_bard(), BY_INDEX)
    printed = told(capsys, "submit", str(path))
    (job,) = store.jobs()
    assert printed == f"problem is job {job.id}, queued; tuner show problem shows it\n"
    path.unlink()
    path.with_suffix(".aux").unlink()
    with working_on(store, tmp_path):
        until(lambda: store.job("problem").state is JobState.FINISHED)
    assert store.job("problem").report == "F = -22 with x = 2, y = 2."


def test_a_pair_is_written_as_one_file_that_is_solved(capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "solve", str(write_pair(moore_bard(), BY_INDEX)), "--write", "one.json")
    assert json.loads(Path("one.json").read_text())["kind"] == "model"
    assert told(capsys, "solve", "one.json").startswith("F = -22 with x = 2, y = 2.\n")


def test_what_is_not_proven_in_its_time_says_so_by_its_exit_code(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("attack.json").write_text(json.dumps(generated("interdiction", 40, 2).document()))
    with working_on(store, tmp_path):
        job = json.loads(told(capsys, "submit", "attack.json", "--budget", "2s", "--watch", "--json", code=4))
    assert (job["state"], job["outcome"]) == ("finished", "feasible")
    assert job["bracket"]["bound"] < job["bracket"]["objective"]


def test_a_job_is_paused_resumed_and_cancelled_from_afar(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("attack.json").write_text(json.dumps(generated("interdiction", 40, 2).document()))
    told(capsys, "submit", "attack.json", "--name", "attack", "--slots", "1")
    number = store.job("attack").id
    with working_on(store, tmp_path):
        until(lambda: sum(store.count_answers(number).values()) >= 3)
        told(capsys, "pause", "attack")
        until(lambda: store.job("attack").state is JobState.PAUSED)
        kept = [stored.id for stored in store.answers(number)]
        assert "is interrupted: a worker goes on with it" in told(capsys, "resume", "attack")
        until(lambda: sum(store.count_answers(number).values()) > len(kept))
        told(capsys, "cancel", "attack")
        until(lambda: store.job("attack").state is JobState.CANCELLED)
    answers = list(store.answers(number))
    assert [stored.id for stored in answers][: len(kept)] == kept
    assert len({stored.answer.x for stored in answers}) == len(answers)
    assert "was cancelled" in complaint(capsys, "resume", "attack")


def test_a_scenario_file_is_handed_in_as_its_folder_is(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    generate(FAMILIES["set-cover"], 4, Path("models"), seed=1, size=0.3)
    for place, first in enumerate(("", 'kind = "configuration"\n')):
        Path("scenario.toml").write_text(f'{first}folder = "models"\nsolver = "highs"\nbudget = "90s"\ncutoff = "2s"\n')
        told(capsys, "submit", "scenario.toml", "--name", f"job {place}")
        job = store.job(f"job {place}")
        assert (job.solvers, job.budget, job.cutoff, job.folder) == (("highs",), 90.0, 2.0, "models")
    Path("scenario.toml").write_text('folder = "models"\nspace = "space.toml"\n')
    Path("space.toml").write_text("")
    assert "a server takes no space" in complaint(capsys, "submit", "scenario.toml")


def test_what_is_told_to_go_on_names_the_server_that_was_named(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = os.environ["TUNER_SERVER"]
    monkeypatch.delenv("TUNER_SERVER")
    there = ("--server", server)
    handed_in = told(capsys, "submit", "toll.json", "--name", "a b", *there)
    assert handed_in.endswith(f", queued; tuner show 'a b' --server {server} shows it\n")
    assert told(capsys, "show", "a b", *there).endswith(f"Go on with: tuner resume 'a b' --server {server}\n")
    said = complaint(capsys, "export", "a b", *there)
    assert said.endswith(f"no parameters to export; see: tuner best 'a b' --server {server}\n")
    said = complaint(capsys, "export", "a b", "--files", *there)
    assert said.startswith("tuner: --files: they are written from a store, and a server is named")
    assert said.endswith(f": tuner export 'a b' --server {server}\n")


# What is wrong


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere.toml"], 3, "nowhere.toml: there is no such file"),
        (["nowhere.mps"], 3, "nowhere.mps: there is no such file"),
        (["nowhere"], 2, "nowhere: no such folder"),
        (["bad.json"], 2, "bad.json: arcs: at least one arc is needed"),
        (["twice.json"], 2, "twice.json: not valid JSON: 'kind' is there twice"),
        (["unknown.json"], 2, "unknown.json: unknown kind: 'tolls'; did you mean toll"),
        (["toll.json", "--cutoff", "3s"], 2, "--cutoff: only scenarios have one"),
        (["toll.json", "--no-reuse"], 2, "--reuse: only scenarios have one"),
        (["toll.json", "--fix", "presolve=off"], 2, "--fix: only scenarios have one"),
        (["toll.json", "--stop-after", "3s"], 2, "--stop-after: only scenarios have one"),
        (["toll.json", "--base", "my.options"], 2, "--base: only scenarios have one"),
        (["toll.json", "--ties", "mean"], 2, "unknown ties: 'mean'"),
        (["toll.json", "--solver", "any"], 2, "unknown solver: 'any'"),
        (["toll.json", "--slots", "0"], 2, "--slots must be 1 or more"),
        (["toll.json", "--seed", "-1"], 2, "--seed must be from 0"),
        (["toll.json", "--budget", "99999h"], 2, "body.budget_s"),
        (["toll.json", "--priority", "1001"], 2, "body.priority"),
        (["toll.json", "--name", "7"], 2, "has digits only"),
        (["toll.json", "--server", "http://127.0.0.1:1"], 5, "http://127.0.0.1:1: cannot be reached"),
        (["toll.json", "--server", "nowhere"], 2, "write a URL"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_handed_in(
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    Path("bad.json").write_text('{"kind": "toll"}')
    Path("twice.json").write_text('{"kind": "toll", "kind": "toll"}')
    Path("unknown.json").write_text('{"kind": "tolls"}')
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        monkeypatch.setenv("TUNER_SERVER", str(client.base_url))
        assert said in complaint(capsys, "submit", *words, code=code)
        assert store.jobs() == []


def test_a_job_that_fails_is_an_error_with_its_reason(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OverflowError("beyond all numbers")

    monkeypatch.setattr(working, "solve", fails)
    with working_on(store, tmp_path):
        assert main(["submit", "toll.json", "--watch"]) == 5
        shown = capsys.readouterr()
        assert "two routes has failed: it cannot be carried out: OverflowError: beyond all numbers" in shown.err
        assert shown.out == "two routes: failed, it cannot be carried out: OverflowError: beyond all numbers\n"


ENDLESS = {
    "kind": "toll",
    "arcs": [{"from": f"n{n}", "to": f"n{n + 1}", "toll": {"most": 1}} for n in range(3000)],
    "commodities": [{"from": f"n{n}", "to": "n3000"} for n in range(3000)],
}
HUGE = {
    "kind": "contract",
    "cost": 1,
    "wholesale": {"most": 10, "step": 1},
    "retailers": [{"name": f"r{n}", "price": 12, "uniform": 100_000} for n in range(1000)],
}


def test_a_problem_that_would_take_the_machine_fails_by_itself() -> None:
    with pytest.raises(Failed, match="reading it took longer than 3 s and was ended"):
        try_out(json.dumps(ENDLESS), threading.Event(), seconds=3.0)
    with pytest.raises(Failed, match="reading it took more than 1500 MiB and was ended"):
        try_out(json.dumps(HUGE), threading.Event(), memory_mib=1500.0)
    with pytest.raises(UsageError, match="the problem as it was handed in: arcs: at least one arc is needed"):
        try_out('{"kind": "toll"}', threading.Event())
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        try_out(json.dumps(ENDLESS), stop)
    try_out(json.dumps(example("toll").document()), threading.Event())


def test_the_process_that_tries_a_problem_out_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_TUNER_TEST_TRIES", "for secrets")
    monkeypatch.setenv("TUNER_STORE", "postgresql://tuner:hush@host/tuner")
    monkeypatch.setenv("TUNER_TOKEN", "hush")
    stop = threading.Event()

    def tried() -> None:
        with pytest.raises(Stopped):
            try_out(json.dumps(ENDLESS), stop)

    thread = threading.Thread(target=tried)
    thread.start()
    until(lambda: bool(marked("LC_TUNER_TEST_TRIES=for secrets")))
    (pid,) = marked("LC_TUNER_TEST_TRIES=for secrets")
    told = b"".join((Path(f"/proc/{pid}") / each).read_bytes() for each in ("environ", "cmdline"))
    stop.set()
    thread.join(30.0)
    assert b"hush" not in told


def test_trying_a_problem_out_is_done_again_when_somebody_kills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_TUNER_TEST_TRIES", "this one")
    reasons: list[str] = []

    def tried() -> None:
        with pytest.raises(Failed) as failed:
            try_out(json.dumps(ENDLESS), threading.Event())
        reasons.append(str(failed.value))

    thread = threading.Thread(target=tried)
    thread.start()
    killed = []
    for _ in range(2):
        until(lambda: bool(marked("LC_TUNER_TEST_TRIES=this one")))
        (pid,) = marked("LC_TUNER_TEST_TRIES=this one")
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: pid not in marked("LC_TUNER_TEST_TRIES=this one"))  # type: ignore[misc]
        killed.append(pid)
    thread.join(30.0)
    assert len(set(killed)) == 2
    assert "what read it was killed twice" in reasons[0]


def test_a_worker_reads_no_problem_itself_before_it_was_tried_out(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> None:
        raise Failed("reading it took more than 4096 MiB and was ended")

    monkeypatch.setattr(working, "try_out", ended)
    with working_on(store, tmp_path):
        assert main(["submit", "toll.json", "--watch"]) == 5
    assert "two routes has failed: reading it took more than 4096 MiB" in capsys.readouterr().err
    assert store.bracket(store.job("two routes").id) is None


def test_a_worker_goes_on_after_problems_that_are_wrong(store: Store, tmp_path: Path) -> None:
    wrong = {
        "no end": {"kind": "toll", "arcs": [{}], "commodities": [{}]},
        "a bad line": {"kind": "model", "mps": "x" * 100_000, "aux": "LC 0"},
        "a bad column": {"kind": "model", "lp": "min\n obj: x + y\nst\n c: x + y >= 1\nend\n", "aux": "LC 9\nLO 1"},
        "a file": {"kind": "model", "mps": "NAME\nRHS\n /etc/passwd", "aux": "@VARSBEGIN"},
    }
    with Client(os.environ["TUNER_SERVER"]) as client:
        for name, document in wrong.items():
            client.submit_problem({"problem": document, "name": name})
        client.submit_problem({"problem": example("toll").document(), "name": "good"})
    with working_on(store, tmp_path):
        until(lambda: store.job("good").state is JobState.FINISHED)
    for name, reason in (
        ("no end", "arc 1: from is missing"),
        ("a bad line", "model.mps: line 1"),
        ("a bad column", "model.aux, line 1: column 9"),
        ("a file", "model.mps: line"),
    ):
        job = store.job(name)
        assert job.state is JobState.FAILED
        assert reason in job.outcome
        assert len(job.outcome) < 500


def test_what_is_not_known_before_a_worker_has_read_the_models_is_not_made_up(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    carried_out(store)
    queued = replace(SUBMISSION, name="new", members=(), slots=ALL_SLOTS, served=True, owner="local")
    store.submit(queued)
    shown = told(capsys, "show", "new")
    assert f"models    {queued.folder}: not read yet" in shown
    assert "on all slots of a worker, 0 runs" in shown
    assert json.loads(told(capsys, "show", "new", "--json"))["slots"] is None
    newest, done = told(capsys, "jobs").splitlines()[1:]
    assert "queued" in newest
    assert f"highs, {len(TUNED.parameters)} change" in done


def test_who_watches_is_told_news_at_once_and_what_just_goes_on_from_time_to_time(
    store: Store, models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = carried_out(store)

    def follow(client: Client, job: str, say: object) -> Iterator[dict[str, object]]:
        base = {"spent_s": 1.0, "budget_s": 60.0, "incumbent": None, "event": None}
        for runs in range(50):
            yield {**base, "state": "running", "runs": runs}
        step = {"cost": 1.0, "default_cost": 2.0}
        yield {**base, "state": "running", "runs": 50, "incumbent": step}
        yield {**base, "state": "finished", "runs": 50, "incumbent": step}

    monkeypatch.setattr(Client, "follow", follow)
    monkeypatch.setattr(Client, "submit", lambda client, scenario: client.show(name))
    assert main(["submit", str(models), "--watch"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if " run" in line]
    assert [line.split()[0] for line in lines] == ["running", "running", "finished"]
    assert "0 runs" in lines[0]
    assert "2 -> 1" in lines[1]


def test_a_watched_job_that_is_deleted_is_called_by_its_name(
    store: Store, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def delete() -> None:
        until(lambda: bool(store.jobs()))
        store.delete_job(store.jobs()[0].id)

    other = threading.Thread(target=delete)
    other.start()
    assert main(["submit", str(models), "--name", "w2", "--watch"]) == 3
    other.join(60)
    assert capsys.readouterr().err.endswith("job 'w2' was deleted\n")


def test_every_event_of_a_watched_job_is_told_once_and_asked_for_once(
    store: Store, models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job: list[Job] = []
    asked: list[str] = []
    show, log = Client.show, Client.log

    def shown_once(client: Client, reference: str) -> dict[str, object]:
        asked.append("the whole job")
        return show(client, reference)

    def counted(client: Client, reference: str, since: int = 0) -> Iterator[dict[str, object]]:
        for event in log(client, reference, since):
            asked.append(event["text"])
            yield event

    monkeypatch.setattr(Client, "show", shown_once)
    monkeypatch.setattr(Client, "log", counted)

    def work() -> None:
        until(lambda: bool(store.jobs()))
        job.append(store.jobs()[0])
        lease = store.claim(job[0].id, this_process(), 60)
        for kind, text in ((MODELS, "left out: one"), (MODELS, "left out: two"), ("refuted", "three")):
            store.add_event(lease, Event(1.0, kind, text))
        until(lambda: "refuted: three" in shown())
        store.add_event(lease, Event(2.0, "crashed", "four"))
        store.finish(lease, "gain", "it is faster", TUNED)

    said: list[str] = []

    def shown() -> str:
        said.append(capsys.readouterr().err)
        return "".join(said)

    worker = threading.Thread(target=work)
    worker.start()
    assert main(["submit", str(models), "--watch"]) == 0
    worker.join(60)
    told = [line for line in shown().splitlines() if line.split(":")[0] in ("left out", "refuted", "crashed")]
    assert told == ["left out: one", "left out: two", "refuted: three", "crashed: four"]
    assert asked == ["left out: one", "left out: two", "three", "four", "the whole job"]

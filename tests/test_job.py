"""Whole jobs on real solvers: finished, interrupted, killed and resumed, with models and followers that misbehave."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna_dashboard import get_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects

from instances.families import FAMILIES, generate
from storage.lease import this_process
from storage.records import Check, Configuration, Job, JobState, Purpose, Response, Run, Termination
from storage.store import Store
from tests.followers.temptation import boasts
from tests.store_samples import HERE
from tuner.app import tuning
from tuner.app.intake import submission_of
from tuner.app.news import MOST_TOLD
from tuner.app.progress import Progress, Watcher
from tuner.app.reuse import tuned_before
from tuner.app.study_page import plain
from tuner.app.tuning import Conclusion, carry_out
from tuner.cli import main
from tuner.cost import Cost
from tuner.errors import Failed
from tuner.follower import settings
from tuner.follower.processes import marked
from tuner.follower.solvers import SOLVERS, Adapter
from tuner.leader.any_budget import AnyBudget
from tuner.leader.shipped import shipped
from tuner.scenario import Scenario

PATIENCE = 60.0
MARKER = "LC_TUNER_TEST_JOB"


class Silence:
    """A watcher that does not look."""

    def say(self, text: str) -> None: ...

    def show(self, progress: Progress) -> None: ...


class Brief(Silence):
    """A watcher that has seen enough as soon as the race is on."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def show(self, progress: Progress) -> None:
        self.stop.set()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with eight quick models, a cache, and the environment that the command needs."""
    place = tmp_path_factory.mktemp("jobs")
    generate(FAMILIES["generalised-assignment"], 8, place / "models", seed=3, size=0.4)
    former = {name: os.environ.get(name) for name in ("TUNER_CACHE", "TUNER_STORE")}
    os.environ["TUNER_CACHE"] = str(place / "cache")
    os.environ["TUNER_STORE"] = f"sqlite:///{place / 'tuner.db'}"
    yield place
    for name, value in former.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture(scope="module")
def finished(place: Path) -> Job:
    """A job that ``tuner tune`` has finished."""
    process = start(place, "tune", "models", "--budget", "12s", "--cutoff", "1s", "--slots", "2", "--name", "finished")
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 4), errors
    assert "highs" in output
    with the_store() as store:
        return store.job("finished")


def start(place: Path, *words: str, marker: str = "") -> subprocess.Popen[str]:
    """Start the real command."""
    return subprocess.Popen(
        [sys.executable, "-m", "tuner", *words],
        cwd=place,
        env={**os.environ, MARKER: marker},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def hand_in(store: Store, scenario: Scenario, watcher: Watcher) -> Job:
    """Hand in a job that is carried out in this process, or not at all."""
    return store.create_job(submission_of(scenario, watcher))


def the_store() -> Store:
    return Store.open(os.environ["TUNER_STORE"])


def wait_for(condition: Callable[[], bool]) -> None:
    """Look until the condition holds: the other side is a process of its own, and tells nobody."""
    patience = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < patience, "it never happened"
        time.sleep(0.05)


def has_runs(name: str, count: int) -> Callable[[], bool]:
    def look() -> bool:
        with the_store() as store:
            job = next((job for job in store.jobs() if job.name == name), None)
        return job is not None and len(executed(job)) >= count

    return look


def executed(job: Job) -> list[Run]:
    with the_store() as store:
        return [
            stored.run for stored in store.responses(job.id) if stored.response.termination is not Termination.KILLED
        ]


def test_a_job_ends_with_a_verdict_that_is_kept(finished: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert finished.state is JobState.FINISHED
    assert finished.outcome in ("gain", "default kept")
    assert finished.best is not None
    assert main(["show", "finished", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["report"] == finished.report
    assert main(["best", "finished", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == finished.best.values
    assert main(["jobs"]) == 0
    assert "finished" in capsys.readouterr().out


def test_the_default_is_executed_on_every_training_instance_and_every_claim_is_checked(finished: Job) -> None:
    with the_store() as store:
        runs = list(store.responses(finished.id))
    default = Configuration("highs")
    training = {member.sha256 for member in finished.members if member.part == "training"}
    assert training <= {stored.run.instance for stored in runs if stored.run.configuration == default}
    assert {stored.response.check for stored in runs if stored.response.claim == "optimal"} == {Check.CONFIRMED}


def test_responses_are_a_table_of_every_run(finished: Job, capsys: pytest.CaptureFixture[str]) -> None:
    with the_store() as store:
        count = store.count(finished.id)
    assert main(["responses", "finished", "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert len(rows) == count
    assert main(["responses", "finished", "--csv", "--part", "training"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) - 1 == sum(row["part"] == "training" for row in rows)
    assert main(["responses", "finished"]) == 0
    assert rows[0]["configuration"] in capsys.readouterr().out


def test_a_row_of_the_table_is_reproduced_by_execute(
    place: Path, finished: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    with the_store() as store:
        stored = next(s for s in store.responses(finished.id) if s.response.solved and s.run.configuration.parameters)
    member = next(member for member in finished.members if member.sha256 == stored.run.instance)
    solver = stored.run.configuration.solver
    words = ["execute", member.path, "--solver", solver, "--seed", str(stored.run.seed), "--json"]
    for name, value in stored.run.configuration.parameters:
        words += ["--set", f"{name}={json.dumps(value) if not isinstance(value, str) else value}"]
    assert main(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["objective"] == pytest.approx(stored.response.objective)
    assert again["nodes"] == stored.response.nodes


def test_export_writes_the_configuration_in_the_solvers_own_form(
    place: Path, finished: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finished.best is not None
    assert main(["export", "finished"]) == 0
    text = capsys.readouterr().out
    for name, _ in finished.best.parameters:
        assert name in text
    assert main(["export", "finished", "--python"]) == 0
    program = place / "reproduce.py"
    program.write_text(capsys.readouterr().out)
    model = finished.members[0].path
    subprocess.run([sys.executable, program, model], check=True, capture_output=True, timeout=PATIENCE)


def test_optunas_tables_show_the_study(finished: Job) -> None:
    study = optuna.load_study(study_name="finished", storage=os.environ["TUNER_STORE"])
    race = {run.configuration.key for run in executed(finished) if run.purpose is Purpose.RACE}
    assert {trial.user_attrs["configuration"] for trial in study.trials} >= race
    training = sum(member.part == "training" for member in finished.members)
    steps = {step for trial in study.trials for step in trial.intermediate_values}
    assert steps == set(range(training))
    assert plain(finished.report) in get_note(study)
    shown = get_plotly_graph_objects(study._storage.get_study_system_attrs(study._study_id))
    assert set(shown) == {"trajectory", "scatter", "profile"}


def test_a_finished_job_is_not_resumed(finished: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "finished"]) == 2
    assert "tuner export finished --files" in capsys.readouterr().err


def test_the_files_of_a_finished_job_are_written_again_as_they_were(
    place: Path, finished: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "finished", "--files", "--out", str(tmp_path / "again")]) == 0
    assert capsys.readouterr().out == ""
    before = {path.name: path.read_text() for path in (place / "tuner-finished").iterdir()}
    assert {path.name: path.read_text() for path in (tmp_path / "again").iterdir()} == before
    assert len(before) == 3


def test_a_name_that_is_taken_is_refused(place: Path, finished: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", str(place / "models"), "--name", "finished", "--cutoff", "1s"]) == 2
    assert "finished" in capsys.readouterr().err


def test_ctrl_c_stops_cleanly_and_resume_goes_on_without_executing_a_run_again(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("tune", "models", "--solver", "highs", "--budget", "15s", "--cutoff", "1s", "--name", "stopped")
    process = start(place, *words, marker="stopped")
    wait_for(has_runs("stopped", 8))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "tuner resume stopped" in errors
    assert marked(f"{MARKER}=stopped") == []
    with the_store() as store:
        job = store.job("stopped")
    assert job.state is JobState.INTERRUPTED
    before = executed(job)
    assert main(["resume", "stopped", "--out", str(place / "out")]) in (0, 4)
    after = executed(job)
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) > len(before)


def test_ctrl_c_while_models_are_read_anew_stops_at_once_and_the_job_can_be_resumed(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = generate(FAMILIES["generalised-assignment"], 6, tmp_path / "models", seed=6, size=0.3)
    with the_store() as store:
        hand_in(store, Scenario(str(tmp_path / "models"), "highs", 6.0, 1.0, slots=1, name="unread"), Silence())
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cold"))
    content = models[0].read_bytes()
    models[0].unlink()
    os.mkfifo(models[0])  # as on a disk that does not answer
    process = start(place, "resume", "unread", "--out", str(tmp_path / "out"), marker="unread")
    with models[0].open("wb"):  # opens when the reader has opened its end; for as long as it is open, that waits
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        _, errors = process.communicate(timeout=PATIENCE)
        assert time.monotonic() - asked < 2.0
    assert process.returncode == 130, errors
    assert "tuner resume unread" in errors
    assert marked(f"{MARKER}=unread") == []
    with the_store() as store:
        assert store.job("unread").state is JobState.INTERRUPTED
    models[0].unlink()
    models[0].write_bytes(content)
    assert main(["resume", "unread", "--out", str(tmp_path / "out")]) in (0, 4)


def test_a_killed_job_loses_nothing_leaves_nothing_and_executes_nothing_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("tune", "models", "--solver", "highs", "--budget", "15s", "--cutoff", "1s", "--name", "killed")
    process = start(place, *words, marker="killed")
    wait_for(has_runs("killed", 8))
    process.kill()
    process.communicate(timeout=PATIENCE)
    wait_for(lambda: marked(f"{MARKER}=killed") == [])
    with the_store() as store:
        job = store.job("killed")
        before = executed(job)
        assert len(before) >= 8
        submitted: list[Run] = []
        submit = tuning.LocalExecutor.submit

        def watched(executor: tuning.LocalExecutor, run: Run) -> None:
            submitted.append(run)
            submit(executor, run)

        monkeypatch.setattr(tuning.LocalExecutor, "submit", watched)
        conclusion = carry_out(store, job, Silence(), threading.Event())
    assert conclusion.verdict is not None
    assert submitted
    assert not set(submitted) & set(before)


def test_a_running_job_is_not_resumed_by_another_process(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = start(place, "tune", "models", "--solver", "highs", "--budget", "60s", "--cutoff", "1s", "--name", "busy")
    try:
        wait_for(has_runs("busy", 1))
        assert main(["resume", "busy"]) == 2
        assert f"process {process.pid}" in capsys.readouterr().err
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


def carried_out(place: Path, **changes: Any) -> Conclusion:
    """Hand in a job of the eight models and carry it out in this process."""
    values = {"folder": str(place / "models"), "solver": "highs", "budget": 10.0, "cutoff": 1.0, "slots": 2}
    with the_store() as store:
        job = hand_in(store, Scenario(**{**values, **changes}), Silence())
        return carry_out(store, job, Silence(), threading.Event())


def test_a_later_job_starts_from_what_an_earlier_one_has_shown(
    finished: Job, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, Any]] = []

    class Watched(AnyBudget):
        def __init__(self, spaces: Any, instances: Any, **facts: Any) -> None:
            started.append(facts)
            super().__init__(spaces, instances, **facts)

    monkeypatch.setattr(tuning, "AnyBudget", Watched)
    said: list[str] = []

    class Listening(Brief):
        def say(self, text: str) -> None:
            said.append(text)

    scenario = Scenario(str(place / "models"), "highs", 10.0, 1.0, slots=2, name="later", reuse=True)
    with the_store() as store:
        tuned = tuned_before(os.environ["TUNER_STORE"])
        job = store.create_job(submission_of(scenario, Silence(), tuned))
        assert not tuned & {member.sha256 for member in job.members if member.part == "holdout"}
        carry_out(store, job, listening := Listening(), listening.stop)
        carry_out(store, job, listening := Listening(), listening.stop)
    first, resumed = started
    assert first["priors"] == resumed["priors"]
    assert first["first"] == resumed["first"]
    knowledge = shipped("highs")
    assert knowledge is not None
    with the_store() as store:
        models = [member.features for member in store.job(job.id).members if member.part == "training"]
    assert first["priors"]["highs"] != knowledge.prior(models)
    usable = [r for r in executed(finished) if r.purpose is Purpose.RACE and r.configuration.solver == "highs"]
    reused = re.match(r"reused: (\d+) responses of ", said[0])
    assert reused is not None
    assert int(reused[1]) >= len(usable) > 0
    with the_store() as store:
        assert [event.text for event in store.events(job.id) if event.kind == "reused"] == [
            said[0].removeprefix("reused: ")
        ]


def test_what_is_fixed_has_its_value_in_every_run_and_the_verdict_says_so(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--name", "fixed", "--budget", "8s", "--cutoff", "1s", "--slots", "2", "--out", str(place / "fixed")]
    settings = ["--fix", "presolve=off", "--fix", "mip_max_improving_sols=50"]
    assert main(["tune", str(place / "models"), "--solver", "highs", *words, *settings]) in (0, 4)
    told = capsys.readouterr().out
    assert "Fixed in every run: mip_max_improving_sols = 50, presolve = off." in " ".join(told.split())
    with the_store() as store:
        job = store.job("fixed")
    fixed = {"mip_max_improving_sols": 50, "presolve": "off"}
    assert job.defaults == (Configuration.of("highs", fixed),)
    runs = executed(job)
    assert job.defaults[0] in {run.configuration for run in runs[:4]}
    assert all(fixed.items() <= run.configuration.values.items() for run in runs)
    assert len({run.configuration for run in runs}) > 1
    assert main(["show", "fixed"]) == 0
    assert "fixed     highs mip_max_improving_sols=50 presolve=off" in capsys.readouterr().out
    assert main(["export", "fixed"]) == 0
    assert "# Fixed in every run: mip_max_improving_sols, presolve\n" in (text := capsys.readouterr().out)
    assert "presolve = off" in text
    assert main(["export", "fixed", "--python"]) == 0
    assert "Fixed in every run: mip_max_improving_sols, presolve" in capsys.readouterr().out
    assert "fixed in every run" in (place / "fixed" / "report.html").read_text() or job.best in job.defaults


def test_a_fixed_value_that_crashes_every_run_is_refused_or_else_named_when_all_have(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--name", "crashing", "--budget", "4s", "--cutoff", "2s", "--slots", "2", "--fix", "mip_lp_solver=hipo"]
    assert main(["tune", str(place / "models"), "--solver", "highs", *words]) == 2
    assert "fix: mip_lp_solver=hipo: the highs that is installed here knows this value" in capsys.readouterr().err
    monkeypatch.setattr(settings, "untaken", lambda configuration: None)  # as if a tiny model were no trouble
    assert main(["tune", str(place / "models"), "--solver", "highs", *words]) == 5
    told = " ".join(capsys.readouterr().err.split())
    assert "runs of highs mip_lp_solver=hipo without an answer that counts: " in told
    assert "mip_lp_solver=hipo: HiGHS does not take this value" in told
    assert "tune for the gap instead" not in told


def test_the_users_settings_are_a_second_baseline(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = place / "own.options"
    own.write_text("mip_max_improving_sols = 50\npresolve = off\ntime_limit = 7\n")
    words = ["--name", "based", "--budget", "10s", "--cutoff", "1s", "--slots", "2", "--out", str(place / "based")]
    code = main(["tune", str(place / "models"), "--solver", "highs", *words, "--base", str(own)])
    told = capsys.readouterr()
    assert code in (0, 4)
    assert "base: left out: time_limit" in told.err
    assert "your settings" in told.out
    base = Configuration.of("highs", {"mip_max_improving_sols": 50, "presolve": "off"})
    with the_store() as store:
        job = store.job("based")
        runs = [stored.run for stored in store.responses(job.id)]
        assert any(found.baseline == base for found in store.comparisons(job.id))
    assert job.base == base
    assert base in [run.configuration for run in runs if run.purpose is Purpose.RACE][:5]
    assert base in {run.configuration for run in runs if run.purpose is Purpose.HOLDOUT}
    if job.outcome == "settings kept":
        assert job.best == base
    assert main(["export", "based", "--files", "--out", str(place / "based")]) == 0
    assert "your settings" in (place / "based" / "report.html").read_text()
    capsys.readouterr()
    assert main(["show", "based"]) == 0
    assert "settings  highs mip_max_improving_sols=50 presolve=off" in capsys.readouterr().out


def test_a_race_ends_when_nothing_better_comes_and_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = place / "patient.toml"
    file.write_text(
        'folder = "models"\nsolver = "highs"\nbudget = "10m"\ncutoff = "1s"\nslots = 2\nstop-after = "3s"\n'
    )
    words = ["--name", "patient", "--target", "50x", "--out", str(place / "patient")]
    assert main(["tune", str(file), *words]) in (0, 4)
    assert "target 50.0x: " in (said := capsys.readouterr().err)
    assert "race ended: no new incumbent came for 3 s" in said
    assert "the target of 50.0x was not reached: " in said
    assert "The race ended: no new incumbent came" in (place / "patient" / "report.html").read_text()
    with the_store() as store:
        job = store.job("patient")
        assert [event.kind for event in store.events(job.id)].count("race ended") == 1
        runs = list(store.responses(job.id))
    assert (job.target, job.stop_after, job.state) == (50.0, 3.0, JobState.FINISHED)
    assert job.spent < 300
    assert any(stored.run.purpose is Purpose.HOLDOUT for stored in runs) or job.best == Configuration("highs")
    assert main(["show", "patient"]) == 0
    assert "stops     at 50 times the default or after 3 s without a new incumbent" in capsys.readouterr().out


def test_the_command_hands_in_a_job_that_reuses_unless_told_otherwise(
    finished: Job, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handed_in: list[tuple[Scenario, Any]] = []

    def stop_here(scenario: Scenario, watcher: Watcher, tuned: Any) -> None:
        handed_in.append((scenario, tuned))
        raise Failed("seen enough")

    monkeypatch.setattr("tuner.cli.tuning.submission_of", stop_here)
    for flags in (["--reuse"], ["--no-reuse"], []):
        assert main(["tune", str(place / "models"), *flags]) == 5
    assert [scenario.reuse for scenario, _ in handed_in] == [True, False, True]
    with the_store() as store:
        training = {member.sha256 for member in store.job(finished.id).members if member.part == "training"}
    assert training <= handed_in[0][1]
    assert not handed_in[1][1]


def test_the_leader_never_sees_the_holdout(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()

    class Watched(AnyBudget):
        def __init__(self, spaces: Any, instances: Any, **facts: Any) -> None:
            seen.update(instances)
            super().__init__(spaces, instances, **facts)

        def tell(self, run: Run, response: Response) -> None:
            seen.add(run.instance)
            super().tell(run, response)

    monkeypatch.setattr(tuning, "AnyBudget", Watched)
    job = carried_out(place).job
    parts = {part: {m.sha256 for m in job.members if m.part == part} for part in ("training", "holdout")}
    assert seen == parts["training"]
    runs = executed(job)
    assert {run.instance for run in runs if run.purpose is Purpose.RACE} == parts["training"]
    assert {run.instance for run in runs if run.purpose is Purpose.HOLDOUT} <= parts["holdout"]
    race_seeds, fresh = ({run.seed for run in runs if run.purpose is purpose} for purpose in Purpose)
    assert not race_seeds & fresh


def test_a_follower_that_claims_wrong_optima_is_flagged_and_never_recommended(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = Adapter("highs", "highspy", "tests.followers.boasting:Boasting", "highs.toml")
    monkeypatch.setitem(SOLVERS, "highs", liar)
    conclusion = carried_out(place, name="boasting", budget=15.0)
    with the_store() as store:
        runs = list(store.responses(conclusion.job.id))
        events = store.events(conclusion.job.id)
    refuted = {s.run.configuration for s in runs if s.response.check is Check.REFUTED}
    assert refuted
    assert all(boasts(configuration.values) for configuration in refuted)
    assert conclusion.job.best is not None
    assert conclusion.verdict is not None
    assert not boasts(conclusion.verdict.contenders.incumbent.values)
    assert not boasts(conclusion.job.best.values)
    told = [event.text for event in events if event.kind == "refuted"]
    assert told
    assert all("tuner execute " in text and "--solver highs" in text for text in told[:MOST_TOLD])
    assert all("more run" in text and "the job's responses have them all" in text for text in told[MOST_TOLD:])


def test_models_that_cannot_be_used_are_named_and_left_out_and_the_job_goes_on(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mixed"
    generate(FAMILIES["generalised-assignment"], 5, folder, seed=9, size=0.3)
    (folder / "copy.mps.gz").write_bytes((folder / "generalised-assignment-0001.mps.gz").read_bytes())
    (folder / "hangs.mps").write_text("COLUMNS\n SC BND       X3           9.0\n")
    (folder / "cut.mps.gz").write_bytes((folder / "copy.mps.gz").read_bytes()[:200])
    words = ["tune", str(folder), "--solver", "highs", "--budget", "6s", "--cutoff", "1s", "--out", str(tmp_path)]
    assert main([*words, "--json"]) in (0, 4)
    captured = capsys.readouterr()
    for name in ("hangs.mps", "cut.mps.gz", "copy.mps.gz"):
        assert name in captured.err
    assert "3 models to tune on, 2 held out" in captured.err
    assert json.loads(captured.out)["state"] == "finished"


def test_a_holdout_folder_may_lie_inside_the_folder_and_shares_no_model_with_it(place: Path, tmp_path: Path) -> None:
    models = generate(FAMILIES["generalised-assignment"], 6, tmp_path, seed=5, size=0.3)
    (tmp_path / "later").mkdir()
    for model in models[4:]:
        model.rename(tmp_path / "later" / model.name)
    (tmp_path / "later" / "seen.mps.gz").write_bytes(models[0].read_bytes())
    with the_store() as store:
        scenario = Scenario(str(tmp_path), "highs", 10.0, 1.0, holdout=str(tmp_path / "later"), slots=1, name="inside")
        members = hand_in(store, scenario, Silence()).members
    names = {part: sorted(m.name for m in members if m.part == part) for part in ("training", "holdout")}
    assert names["training"] == [f"generalised-assignment-{n:04}" for n in (1, 2, 3, 4)]
    assert names["holdout"] == [f"generalised-assignment-{n:04}" for n in (5, 6)]


def test_a_model_that_changed_on_disk_is_not_taken_for_the_one_that_was_handed_in(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    first, *_ = generate(FAMILIES["generalised-assignment"], 4, folder, seed=4, size=0.3)
    with the_store() as store:
        scenario = Scenario(folder=str(folder), solver="highs", budget=10.0, cutoff=1.0, slots=1, name="changed")
        job = hand_in(store, scenario, Silence())
        monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cold"))
        first.write_bytes(generate(FAMILIES["set-cover"], 1, tmp_path, seed=1, size=0.2)[0].read_bytes())
        with pytest.raises(Failed, match=f"{first.name}.*changed"):
            carry_out(store, job, Silence(), threading.Event())
        assert store.count(job.id) == 0


def test_a_folder_for_files_that_cannot_be_written_is_refused_before_there_is_a_job(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    words = ["tune", str(place / "models"), "--cutoff", "1s", "--budget", "10s", "--out", str(tmp_path / "file" / "x")]
    assert main([*words, "--solver", "highs", "--name", "nowhere to write"]) == 2
    assert "--out" in capsys.readouterr().err
    with the_store() as store:
        assert "nowhere to write" not in {job.name for job in store.jobs()}


def test_a_refutation_that_a_killed_process_did_not_write_down_is_made_up_for(
    place: Path, finished: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    conclusion = carried_out(place, budget=6.0, name="half written")
    with the_store() as store:
        stored = next(
            s for s in store.responses(conclusion.job.id) if s.response.solved and s.run.purpose is Purpose.RACE
        )
        job = hand_in(store, Scenario(str(place / "models"), "highs", 6.0, 1.0, slots=1, name="again"), Silence())
        lease = store.claim(job.id, this_process(), 30.0)
        honest = stored.response
        assert honest.objective is not None
        # Two responses that contradict each other, as they are when the process dies before the first is overturned.
        claimed = honest.objective + 5
        worse = replace(honest, objective=claimed, bound=claimed, proven_objective=claimed)
        store.record(lease, replace(stored.run, seed=77), worse, 0.1, HERE)
        store.record(lease, replace(stored.run, seed=78), honest, 0.2, HERE)
        better = replace(worse, objective=honest.objective - 5, bound=None, proven_objective=None, doubt="row c is off")
        store.record(lease, replace(stored.run, seed=79), better, 0.3, HERE)
        store.interrupt(lease)
        carry_out(store, job, brief := Brief(), brief.stop)
        checks = {s.run.seed: s.response.check for s in store.responses(job.id)}
    assert (checks[77], checks[78], checks[79]) == (Check.REFUTED, Check.CONFIRMED, Check.DISPUTED)


def test_a_job_in_which_nothing_is_solved_says_so_and_proposes_the_gap(place: Path, tmp_path: Path) -> None:
    generate(FAMILIES["set-cover"], 4, tmp_path, seed=2, size=1.5)
    with pytest.raises(Failed, match="--cost gap"):
        carried_out(place, folder=str(tmp_path), cutoff=0.02, name="hopeless")
    with the_store() as store:
        assert store.job("hopeless").state is JobState.FAILED


@pytest.mark.parametrize("cost", [Cost.GAP, Cost.INTEGRAL, Cost.WALL])
def test_other_costs_reach_a_verdict_too(place: Path, cost: Cost) -> None:
    conclusion = carried_out(place, cost=cost, cutoff=0.5, budget=6.0)
    assert conclusion.job.outcome in ("gain", "default kept")


def test_a_job_is_carried_out_on_postgresql(place: Path, postgresql_url: str) -> None:
    with Store.open(postgresql_url) as store:
        scenario = Scenario(folder=str(place / "models"), solver="highs", budget=8.0, cutoff=1.0, slots=2)
        job = hand_in(store, scenario, Silence())
        conclusion = carry_out(store, job, Silence(), threading.Event())
        assert conclusion.job.state is JobState.FINISHED
        assert store.count(job.id) == conclusion.runs > 5


def test_a_dispute_is_told_once_for_each_model_and_the_verdict_names_them(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "budgets"
    folder.mkdir()
    for number in range(4):
        budget = 50_000_000 + 1_000_000 * number
        (folder / f"budget-{number}.lp").write_text(
            f"Maximize\n obj: x + y\nSubject To\n budget: {budget // 2 + 10} x + {budget // 2 + 10} y <= {budget}\n"
            "Binaries\n x y\nEnd\n",
            encoding="ascii",
        )
    words = ["tune", str(folder), "--solver", "any", "--budget", "8s", "--cutoff", "1s", "--out", str(tmp_path / "out")]
    assert main([*words, "--store", f"sqlite:///{tmp_path}/tuner.db"]) == 4
    said = capsys.readouterr()
    told = re.findall(r"disputed: scip .* on (budget-\d)", said.err)
    assert told and len(told) == len(set(told))
    assert "Keep the default: use highs" in said.out
    assert re.search(r"models? (is|are) numerically delicate: budget-", " ".join(said.out.split()))

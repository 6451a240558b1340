from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import optuna
import pytest
from optuna_dashboard import get_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from plotly.graph_objects import Figure

from storage.records import Configuration
from tests.simulation import space
from tuner.leader.candidate import Status, Trial
from tuner.leader.mirror import JOB, Description, Mirror
from tuner.space import Choice

SPACES = {solver: space(solver, 6) for solver in ("alpha", "beta")}
DEFAULT = Trial(Configuration("alpha"), "default", Status.INCUMBENT, 0.0, {0: 1.0, 1: 2.0}, 2, 2, "")
LUCKY = Trial(Configuration.of("alpha", {"p00": False}), "mutation", Status.REJECTED, -0.4, {0: 0.5}, 1, 1, "")
OTHER = Trial(Configuration.of("beta", {"p01": "on"}), "model", Status.RACING, 0.1, {1: 2.1}, 1, 1, "")


def mirrored(path: Path, *offers: list[Trial], name: str = "job") -> optuna.Study:
    """Write the offers, each as a job's process of its own, and return the study as others see it."""
    said: list[str] = []
    for offer in offers:
        with Mirror(f"sqlite:///{path}", name, SPACES, said.append, ["easy", "hard"]) as mirror:
            mirror.offer(offer)
    assert said == []
    return optuna.load_study(study_name=name, storage=f"sqlite:///{path}")


def by_key(study: optuna.Study) -> dict[str, optuna.trial.FrozenTrial]:
    trials = {trial.user_attrs["configuration"]: trial for trial in study.trials}
    assert len(trials) == len(study.trials), "a configuration has two trials"
    return trials


def test_a_configuration_is_a_trial_with_its_costs_as_intermediate_values(tmp_path: Path) -> None:
    study = mirrored(tmp_path / "t.db", [DEFAULT, OTHER])
    trial = by_key(study)[OTHER.configuration.key]
    assert trial.intermediate_values == {1: 2.1}
    assert trial.params["solver"] == "beta"
    assert trial.params["beta:p01"] == "on" and trial.params["beta:p00"] is True
    assert not any(name.startswith("alpha:") for name in trial.params)
    assert trial.user_attrs["changes"] == "p01=on"
    assert (trial.user_attrs["runs"], trial.user_attrs["status"]) == (1, "racing")
    assert study.user_attrs["instances"] == {"0": "easy", "1": "hard"}


def test_the_best_trial_is_the_incumbent_not_a_lucky_one(tmp_path: Path) -> None:
    study = mirrored(tmp_path / "t.db", [LUCKY, DEFAULT])
    assert study.best_trial.user_attrs["configuration"] == DEFAULT.configuration.key
    assert by_key(study)[LUCKY.configuration.key].value == pytest.approx(0.0, abs=1e-6)


def test_a_new_incumbent_is_the_best_trial_even_if_an_old_one_was_luckier(tmp_path: Path) -> None:
    old = replace(LUCKY, status=Status.INCUMBENT)
    new = replace(OTHER, status=Status.INCUMBENT, value=-0.3)
    study = mirrored(tmp_path / "t.db", [DEFAULT, old], [replace(old, status=Status.ELITE), new])
    assert study.best_trial.user_attrs["configuration"] == OTHER.configuration.key
    assert study.best_value == -0.3


def test_going_on_with_a_job_adds_no_trial_twice_and_updates_what_changed(tmp_path: Path) -> None:
    later = replace(OTHER, status=Status.REJECTED, value=0.2, costs={0: 1.2, 1: 2.1}, runs=2, solved=2)
    study = mirrored(tmp_path / "t.db", [DEFAULT, OTHER], [DEFAULT, LUCKY, later])
    trial = by_key(study)[OTHER.configuration.key]
    assert len(study.trials) == 3
    assert trial.state is optuna.trial.TrialState.COMPLETE
    assert (trial.value, trial.intermediate_values, trial.user_attrs["runs"]) == (0.2, {0: 1.2, 1: 2.1}, 2)


def test_an_answer_that_is_refuted_later_makes_the_trial_infeasible(tmp_path: Path) -> None:
    leader = replace(LUCKY, status=Status.INCUMBENT)
    flagged = replace(LUCKY, status=Status.FLAGGED, reason="the objective is wrong")
    study = mirrored(tmp_path / "t.db", [DEFAULT, leader], [flagged, DEFAULT])
    trial = by_key(study)[LUCKY.configuration.key]
    assert trial.constraints == {"0": 1.0, "answer": 1.0}
    assert trial.system_attrs["constraints"] == [1.0], "what the dashboard reads"
    assert trial.user_attrs["reason"] == "the objective is wrong"
    assert study.best_trial.user_attrs["configuration"] == DEFAULT.configuration.key


def test_no_trial_is_left_running_after_the_end(tmp_path: Path) -> None:
    study = mirrored(tmp_path / "t.db", [DEFAULT, replace(LUCKY, status=Status.ELITE), OTHER])
    states = {key: trial.state.name for key, trial in by_key(study).items()}
    assert states[LUCKY.configuration.key] == "COMPLETE"
    assert states[OTHER.configuration.key] == "PRUNED"


def test_two_jobs_have_two_studies_in_one_database(tmp_path: Path) -> None:
    mirrored(tmp_path / "t.db", [DEFAULT])
    assert len(mirrored(tmp_path / "t.db", [DEFAULT, OTHER], name="second").trials) == 2
    assert len(optuna.load_study(study_name="job", storage=f"sqlite:///{tmp_path}/t.db").trials) == 1


def test_a_study_that_somebody_else_made_is_left_alone_and_the_job_has_another(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    for name in ("job", "job (tuner)"):
        theirs = optuna.create_study(study_name=name, storage=url)
        theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    before = [(trial.params, trial.state, trial.value, trial.user_attrs) for trial in theirs.trials]
    for offer in ([DEFAULT], [DEFAULT, OTHER]):
        said: list[str] = []
        with Mirror(url, "job", SPACES, said.append) as mirror:
            mirror.offer(offer)
        assert said == ["the study 'job' of Optuna is somebody else's; this job's is 'job (tuner 2)'"]
    for name in ("job", "job (tuner)"):
        theirs = optuna.load_study(study_name=name, storage=url)
        assert theirs.user_attrs == {}
        assert len(theirs.trials) == 3
    assert [(trial.params, trial.state, trial.value, trial.user_attrs) for trial in theirs.trials] == before
    assert len(by_key(optuna.load_study(study_name="job (tuner 2)", storage=url))) == 2


def test_a_study_that_was_deleted_is_made_anew_with_all_that_is_known(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 't.db'}"
    said: list[str] = []
    with Mirror(url, "job", SPACES, said.append) as mirror:
        mirror.offer([DEFAULT, LUCKY])
        wait_for(lambda: len(trials_of(url)) == 2)
        optuna.delete_study(study_name="job", storage=url)
        mirror.offer([OTHER])
        wait_for(lambda: len(trials_of(url)) == 3)
    assert len(said) == 1
    assert "deleted" in said[0]


def test_a_study_that_went_with_its_job_is_not_made_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 't.db'}"
    said: list[str] = []
    with Mirror(url, "job", SPACES, said.append, is_wanted=lambda: False) as mirror:
        mirror.offer([DEFAULT])
        wait_for(lambda: len(trials_of(url)) == 1)
        optuna.delete_study(study_name="job", storage=url)
        mirror.offer([OTHER])
    assert optuna.get_all_study_names(url) == []
    assert said == []


@contextmanager
def locked(path: Path, how: str) -> Iterator[sqlite3.Connection]:
    """Keep others from writing to a file of SQLite, or from reading it, too."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"BEGIN {how}")
    yield connection
    connection.execute("COMMIT")
    connection.close()


def test_a_mirror_that_was_given_up_before_it_had_a_study_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with locked(path, "EXCLUSIVE"):
        mirror = Mirror(f"sqlite:///{path}", "job", SPACES, print)
        mirror.offer([DEFAULT])
        mirror.close(0.1)
    mirror._rounds._thread.join(60)
    assert optuna.get_all_study_names(f"sqlite:///{path}") == []


def test_a_mirror_that_was_given_up_makes_no_other_study_when_its_own_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    url = f"sqlite:///{path}"
    said: list[str] = []
    mirror = Mirror(url, "job", SPACES, said.append)
    mirror.offer([DEFAULT])
    wait_for(lambda: len(trials_of(url)) == 1)
    with locked(path, "IMMEDIATE") as connection:
        mirror.offer([OTHER])
        mirror.close(0.1)
        connection.execute("DELETE FROM studies")
    mirror._rounds._thread.join(60)
    assert optuna.get_all_study_names(url) == []
    assert said == []


def test_a_study_that_a_mirror_is_making_is_marked_when_the_mirror_is_closed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 't.db'}"
    optuna.create_study(study_name="job", storage=url).set_user_attr("whose", "somebody else's")
    is_made, go_on = Event(), Event()

    def say(_: str) -> None:  # that the study has another name: it is there, and not marked yet
        is_made.set()
        assert go_on.wait(60)

    mirror = Mirror(url, "job", SPACES, say)
    mirror.offer([DEFAULT])
    assert is_made.wait(60)
    closing = Thread(target=mirror.close, args=(0.0,))
    closing.start()
    closing.join(0.5)
    assert closing.is_alive()
    go_on.set()
    closing.join(60)
    assert optuna.load_study(study_name="job (tuner)", storage=url).user_attrs[JOB] == "job"


def test_a_study_that_a_killed_process_could_not_mark_is_the_jobs_own(tmp_path: Path) -> None:
    optuna.create_study(study_name="job", storage=f"sqlite:///{tmp_path / 't.db'}")
    assert len(by_key(mirrored(tmp_path / "t.db", [DEFAULT]))) == 1


def trials_of(url: str) -> list[optuna.trial.FrozenTrial]:
    try:
        return optuna.load_study(study_name="job", storage=url).trials
    except KeyError:
        return []


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < until, "waited 30 s in vain"
        time.sleep(0.1)


def test_a_database_that_cannot_be_written_is_reported_once_and_stops_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    heard = Event()

    def failed(text: str) -> None:
        said.append(text)
        heard.set()

    with Mirror(f"sqlite:///{tmp_path}/nowhere/t.db", "job", SPACES, failed) as mirror:
        mirror.offer([DEFAULT])
        assert heard.wait(20.0)
        mirror.offer([OTHER])
    assert len(said) == 1
    assert "cannot be written" in said[0] and "unable to open database file" in said[0]


def test_it_waits_for_another_writer(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    mirrored(path, [DEFAULT])
    writer = sqlite3.connect(path, isolation_level=None)
    said: list[str] = []
    with Mirror(f"sqlite:///{path}", "job", SPACES, said.append) as mirror:
        writer.execute("BEGIN IMMEDIATE")
        mirror.offer([OTHER])
        writer.execute("COMMIT")
    writer.close()
    assert said == []
    assert len(optuna.load_study(study_name="job", storage=f"sqlite:///{path}").trials) == 2


def test_optuna_does_not_talk_into_the_progress(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    with Mirror(f"sqlite:///{tmp_path / 't.db'}", "job", SPACES, print) as mirror:
        mirror.offer([DEFAULT])
    assert capfd.readouterr() == ("", "")


def test_a_study_says_what_it_is_told_to_the_latest_time(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    figure = Figure(layout={"title": "costs"})
    with Mirror(f"sqlite:///{path}", "job", SPACES, print) as mirror:
        mirror.describe(Description("begun", {"costs": Figure()}))
        mirror.offer([DEFAULT])
    with Mirror(f"sqlite:///{path}", "job", SPACES, print) as mirror:
        mirror.describe(Description("going on"))
        mirror.describe(Description("*done*", {"costs": figure, "more": figure}))
    study = optuna.load_study(study_name="job", storage=f"sqlite:///{path}")
    assert get_note(study) == "*done*"
    shown = get_plotly_graph_objects(study._storage.get_study_system_attrs(study._study_id))
    assert {name: json.loads(text)["layout"]["title"] for name, text in shown.items()} == {
        "costs": {"text": "costs"},
        "more": {"text": "costs"},
    }


def test_a_study_whose_space_was_another_one_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    url, said = f"sqlite:///{tmp_path}/t.db", list[str]()
    with Mirror(url, "job", SPACES, said.append) as mirror:
        mirror.offer([DEFAULT])
    spaces = {}
    for solver, known in SPACES.items():
        others = (replace(each, domain=Choice((each.default, "new"))) for each in known.parameters)
        spaces[solver] = replace(known, parameters=tuple(others))
    with Mirror(url, "job", spaces, said.append) as mirror:
        mirror.offer([replace(LUCKY, configuration=Configuration.of("alpha", {"p01": "new"}))])
        wait_for(lambda: bool(said))
        mirror.offer([replace(LUCKY, configuration=Configuration.of("alpha", {"p02": "new"}))])
    assert len(said) == 1
    assert "cannot be written" in said[0]
    assert "dynamic value space" in said[0]

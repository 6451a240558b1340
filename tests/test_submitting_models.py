"""The models that `tuner submit` sends: what they are called, and what is left out or refused."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.records import JobState
from storage.store import Store
from tests.service import CAPS, served
from tests.test_submitting import complaint, copied, told, working_on
from tests.test_working import until
from tuner.cli import main
from tuner.service.server import application


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUNER_STORE", raising=False)


@pytest.fixture
def store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with a server in front of it, which $TUNER_SERVER names."""
    with Store.open(store_url) as opened, served(application(opened)) as client:
        monkeypatch.setenv("TUNER_SERVER", str(client.base_url))
        yield opened


def test_who_watches_is_told_which_models_are_left_out_as_tune_tells_it(
    store: Store, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = copied(models, tmp_path)
    (models / "broken.mps").write_text("ROWS\n N cost\nCOLUMNS\n x cost what\n")
    words = (str(models), "--solver", "highs", "--budget", "6s", "--cutoff", "1s", "--slots", "1")
    with working_on(store, tmp_path):
        assert main(["submit", *words, "--watch"]) in (0, 4)
    watched = [line for line in capsys.readouterr().err.splitlines() if "broken" in line]
    assert main(["tune", *words, "--store", "sqlite:///own.db"]) in (0, 4)
    tuned = [line for line in capsys.readouterr().err.splitlines() if "broken" in line]
    assert len(tuned) == 1
    assert [line.replace(f"{models}/", "") for line in tuned] == watched
    assert watched[0].startswith("left out: broken.mps: ")


def test_every_model_is_sent_under_a_name_of_its_own_as_tune_calls_it(
    store: Store, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = copied(models, tmp_path)
    files = sorted(models.iterdir())
    for file, name in zip(files, ("a.mps", "a.mps.gz", "a.mps.mps", "b.mps.mps.gz"), strict=False):
        content = gzip.decompress(file.read_bytes())
        file.unlink()
        (models / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    words = (str(models), "--solver", "highs", "--budget", "6s", "--cutoff", "1s", "--slots", "1")
    assert main(["submit", *words]) == 0
    submitted = [line for line in capsys.readouterr().err.splitlines() if line.startswith("named with")]
    (made,) = store.instance_sets()
    sent = {name: model.sha256 for name, model in store.instance_set(made.id).members}
    assert len(sent) == len(files)
    assert sent.keys() >= {"a.mps", "a.mps.gz", "a.mps.mps", "b.mps"}
    with working_on(store, tmp_path):
        until(lambda: store.jobs()[0].state is JobState.FINISHED)
    (there,) = store.jobs()
    assert main(["tune", *words, "--store", "sqlite:///own.db"]) in (0, 4)
    tuned = [line for line in capsys.readouterr().err.splitlines() if line.startswith("named with")]
    with Store.open("sqlite:///own.db") as own:
        for job in (store.job(there.id), own.job(1)):
            assert {member.name: member.sha256 for member in job.members} == sent
    assert tuned == submitted
    assert [line.split()[4].rpartition("/")[2] for line in submitted] == ["a.mps", "a.mps.gz", "a.mps.mps"]


def test_files_that_cannot_be_sent_are_left_out_in_the_words_of_tune_and_the_others_are_sent(
    store: Store, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = copied(models, tmp_path)
    (models / "empty.mps").touch()
    (models / "empty.lp.gz").write_bytes(gzip.compress(b""))
    (models / "cut.lp.gz").write_bytes(gzip.compress(b"x" * 1000)[:-9])
    words = (str(models), "--solver", "highs", "--budget", "6s", "--cutoff", "1s", "--slots", "1")
    assert main(["submit", *words]) == 0
    told = capsys.readouterr().err.splitlines()
    left_out = [line for line in told if line.startswith("left out")]
    assert left_out == [
        f"left out: {models}/cut.lp.gz: the archive is cut off: its end is missing",
        f"left out: {models}/empty.lp.gz: the file is empty",
        f"left out: {models}/empty.mps: the file is empty",
    ]
    assert "6 models, 6 of them to be sent" in told
    assert store.instance_sets()[0].size == 6
    assert main(["tune", *words, "--store", "sqlite:///own.db"]) in (0, 4)
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("left out")] == left_out


def test_a_model_that_the_server_does_not_take_is_left_out_by_name(
    store_url: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = copied(models, tmp_path)
    large = models / "large.lp"
    large.write_bytes(b" " * CAPS.model + b" ")
    with Store.open(store_url) as store, served(application(store, caps=CAPS)) as client:
        monkeypatch.setenv("TUNER_SERVER", str(client.base_url))
        assert main(["submit", str(models)]) == 0
        assert (
            f"left out: {large}: the server does not take it: the model: a model has 97.6562 KiB at most, unpacked"
            in capsys.readouterr().err.splitlines()
        )
        assert store.instance_sets()[0].size == 6
        for file in models.iterdir():
            if file != large:
                file.unlink()
        assert f"{models}: none of its models could be sent" in complaint(capsys, "submit", str(models))
        assert len(store.instance_sets()) == 1


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("a/b/c/d/e/f/g/h/deep.mps.gz", "has more than 8 parts"),
        ("3:4.mps.gz", "has the character :"),
        (f"{'x' * 100}/{'y' * 100}.mps.gz", "has more than 200 characters"),
        ("0000.mps/0001.mps.gz", "lies in a folder '0000.mps'"),
    ],
)
def test_a_name_that_the_server_would_refuse_is_refused_before_anything_is_sent(
    store: Store, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, why: str
) -> None:
    models = copied(models, tmp_path)
    first, other = sorted(models.iterdir())[:2]
    first.rename(models / "0000.mps.gz")
    (models / place).parent.mkdir(parents=True, exist_ok=True)
    other.rename(models / place)
    said = complaint(capsys, "submit", str(models))
    assert f"tuner: {models / place}: cannot be sent: the model's name" in said
    assert why in said
    assert "to be sent" not in said
    assert store.instance_sets() == []


def test_a_folder_whose_name_no_set_may_have_is_sent_under_a_name_that_fits(
    store: Store, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(models, tmp_path, "m" * 120)
    told(capsys, "submit", str(folder))
    (made,) = store.instance_sets()
    assert made.name == "m" * 90

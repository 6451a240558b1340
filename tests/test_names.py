"""Names of jobs and of models: what is refused, and how a folder's name is made to fit."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from storage.names import LONGEST, clash, fault, fitted, model_fault, set_fault
from storage.store import Store
from tests.store_samples import UNNAMED
from tuner.cli import main
from tuner.cli.parser import build
from tuner.commands import command
from tuner.errors import UsageError
from tuner.scenario import Scenario

GOOD = ["models", "it's Tuesday; ls $HOME", "unit commitment", "tag-3", "3 days", "Größe", "1e3", "#1"]
BAD = [
    "-x",
    "--store",
    "1",
    "2024",
    "٣",
    " ",
    "\t",
    " x",
    "x ",
    "a\nb",
    "a\x1b[2Jb",
    "a\x00",
    "a/b",
    ".",
    "..",
    "\u202ex",
    "x" * 101,
]


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_cannot_be_pasted_or_is_taken_for_a_number_is_refused_with_one_that_is_not(name: str) -> None:
    with pytest.raises(UsageError, match=r"^name: .*; choose another, such as") as refused:
        Scenario("models", name=name)
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert fault(fitted(name)) == ""


@pytest.mark.parametrize("name", GOOD)
def test_any_other_name_is_taken_and_a_shell_and_the_command_line_understand_it(name: str) -> None:
    assert Scenario("models", name=name).name == name
    assert fitted(name) == name
    line = command("resume", name)
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True).stdout
    assert words.splitlines() == ["tuner", "resume", name]
    assert build().parse_args(words.splitlines()[1:]).job == name


@pytest.mark.parametrize(("folder", "name"), [("-x", "x"), ("2024", "job-2024"), ("a\nb", "a_b"), ("/", "job")])
def test_a_job_that_is_called_as_its_folder_has_a_name_that_fits(tmp_path: Path, folder: str, name: str) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'tuner.db'}") as store:
        assert store.create_job(replace(UNNAMED, folder=str(tmp_path / folder))).name == name
        assert store.create_job(replace(UNNAMED, folder=str(tmp_path / folder))).name == f"{name}-2"


def test_a_set_is_not_called_as_the_number_of_one() -> None:
    assert set_fault("3") == "has digits only, as the numbers of sets"
    assert set_fault(fitted("3", "set")) == ""
    assert fitted("3", "set") == "set-3"
    assert set_fault("3 days") == ""


def test_a_folders_long_name_leaves_room_for_a_number(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'tuner.db'}") as store:
        names = [store.create_job(replace(UNNAMED, folder=f"/{'x' * 200}")).name for _ in range(2)]
    assert len(set(names)) == 2
    assert max(map(len, names)) <= LONGEST


def test_tune_refuses_such_a_name_before_it_does_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["tune", "nowhere", "--name=-x"]) == 2
    assert "begins with a dash" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (" ", "is blank"),
        ("a\x00b", "has U+0000"),
        ("x" * 201, "has more than 200 characters"),
        ("a/b/c/d/e/f/g/h/i", "has more than 8 parts"),
        ("\u00e9" * 101, "has a part of more than 200 bytes"),
        ("a/b:c", "has the character :"),
        ("a//b", "a part of it is empty"),
        ("a/../b", "has a part that begins with a dot"),
        ("a/b ", "has a part that begins or ends with a blank"),
    ],
)
def test_a_models_name_is_refused_with_the_reason(name: str, why: str) -> None:
    assert why in model_fault(name)


@pytest.mark.parametrize("name", ["a", "a/b/c/d/e/f/g/h", "day 1/x.lp", "x" * 200, "\u00e9" * 100, "-1"])
def test_a_models_name_that_can_be_a_path_is_taken(name: str) -> None:
    assert model_fault(name) == ""


def test_models_that_cannot_lie_in_one_folder_are_named() -> None:
    assert clash(["a", "b/a", "b.lp/c"]) is None
    found = clash(["b", "b.lp/c"])
    assert found is not None
    assert found[0] == "b.lp/c"
    assert found[1].startswith("lies in a folder 'b.lp'")

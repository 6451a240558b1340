"""The command advise, as a user types it, and what can be wrong with a folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from instances.builder import Builder
from instances.families import FAMILIES, generate
from instances.writing import write_mps
from tests.logical_models import INF
from tests.small_models import market_split
from tuner.app.advising import advise_folder
from tuner.cli import main
from tuner.errors import NotFound, UsageError


@pytest.fixture(scope="module")
def covers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "covers"
    generate(FAMILIES["set-cover"], 4, folder, 3, 0.6)
    return folder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUNER_STORE", raising=False)


def test_the_command_prints_advice_with_its_evidence_and_makes_no_store(covers: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tuner", "advise", str(covers), "--solver", "highs"]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 models; nothing was solved" in done.stdout
    assert "1. 0." in done.stdout and "80 % interval" in done.stdout
    assert "known families like these: set-cover (" in done.stdout
    assert f"Proof on your own models: tuner tune {covers}" in done.stdout
    assert not list(tmp_path.glob("*.db"))


def test_json_has_the_same(covers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["advise", str(covers), "--solver", "highs,cp-sat", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    highs, cpsat = found["solvers"]
    assert (found["models"], highs["solver"], highs["reason"]) == (4, "highs", None)
    first = highs["configurations"][0]
    assert first["interval"][0] < first["ratio"] < 1
    assert set(first["parameters"]) == {change["name"] for change in first["changes"]}
    assert highs["families"][0]["name"] == "set-cover"
    assert bool(cpsat["configurations"]) is (cpsat["reason"] is None)


def test_nothing_known_is_said_and_told_by_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "splits"
    folder.mkdir()
    for seed in range(2):
        write_mps(market_split(40, 4, seed), folder / f"split{seed}.mps")
    assert main(["advise", str(folder), "--solver", "highs"]) == 4
    assert "highs: nothing is known about models like these" in capsys.readouterr().out


def test_folders_that_cannot_be_used_are_refused(tmp_path: Path, covers: Path) -> None:
    with pytest.raises(NotFound, match="there is no such folder"):
        advise_folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="is empty"):
        advise_folder(tmp_path / "empty")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "one.mps").write_text("this is no model\n")
    with pytest.raises(UsageError, match=r"none of its 1 model can be read\. Left out: .*one.mps"):
        advise_folder(broken)
    with pytest.raises(UsageError, match="unknown solver"):
        advise_folder(covers, "gurobi")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "mixed"
    for family in ("facility-location", "lot-sizing"):
        generate(FAMILIES[family], 3, folder, 11)
    return folder


def test_a_folder_of_two_kinds_gets_no_advice_and_is_told_so(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["advise", str(mixed), "--solver", "highs"]) == 4
    said = " ".join(capsys.readouterr().out.split())
    assert "highs: the models are unlike each other: 3 of 6 are like facility-location (0.9" in said
    assert "; 3 like lot-sizing (0.9" in said
    assert "alike), such as lot-sizing-0001; no advice would be right for all of them: put each" in said
    assert "network-design" not in said, "which their mean is alike to"
    assert main(["advise", str(mixed), "--solver", "highs", "--json"]) == 4
    (highs,) = json.loads(capsys.readouterr().out)["solvers"]
    assert highs["configurations"] == []
    assert [(kind["models"], kind["family"]) for kind in highs["kinds"]] == [
        (3, "facility-location"),
        (3, "lot-sizing"),
    ]
    assert all(kind["likeness"] > 0.9 for kind in highs["kinds"])


def test_advice_is_for_the_most_where_few_are_unlike_them(
    covers: Path, mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(covers, tmp_path / "mostly")
    stray = next(mixed.glob("lot-sizing-*"))
    shutil.copy(stray, tmp_path / "mostly")
    assert main(["advise", str(covers), "--solver", "highs", "--json"]) == 0
    (alone,) = json.loads(capsys.readouterr().out)["solvers"]
    assert alone["remark"] is None
    assert main(["advise", str(tmp_path / "mostly"), "--solver", "highs", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["solvers"]
    assert found["configurations"] == alone["configurations"]
    assert found["remark"].startswith("the models are unlike each other: 4 of 5 are like set-cover (0.8")
    assert found["remark"].endswith("; the advice is for the 4 alone")


def test_one_model_is_told_to_be_little(covers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one").mkdir()
    shutil.copy(next(covers.glob("*")), tmp_path / "one")
    assert main(["advise", str(tmp_path / "one"), "--solver", "highs"]) == 0
    said = capsys.readouterr().out
    assert "Note: this rests on one model; whether your others are like it cannot be told from it." in said


def test_a_broken_model_is_left_out_and_named(covers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mixed"
    generate(FAMILIES["set-cover"], 3, folder, 3, 0.6)
    (folder / "broken.mps").write_text("NAME\nROWS\n X what\n")
    assert main(["advise", str(folder), "--solver", "highs"]) == 0
    shown = capsys.readouterr()
    assert "3 models" in shown.out
    assert "left out: " in shown.err and "broken.mps" in shown.err


def unbounded_indicator(path: Path) -> None:
    """Write a model that HiGHS and CP-SAT are not given: its indicator row has a column without bounds."""
    builder = Builder("open")
    switch = builder.add_binary("switch", 1.0)
    free = builder.add_column("free", 1.0, -INF, INF)
    row = builder.add_row("held", [(free, 1.0)], lower=2.0, upper=INF)
    builder.add_indicator(row, switch, 1)
    write_mps(builder.build(), path)


def test_models_that_a_solver_refuses_are_not_advised_on(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    unbounded_indicator(folder / "open.mps")
    with pytest.raises(UsageError, match=r"no solver takes any of these models\. Left out: highs: it takes none"):
        advise_folder(folder, "highs")
    generate(FAMILIES["set-cover"], 2, folder, 3, 0.6)
    found = advise_folder(folder, "highs")
    assert found.solvers[0].alike[0].family.name == "set-cover"
    assert any("highs: it does not take 1 of the models, such as open: " in reason for reason in found.left_out)

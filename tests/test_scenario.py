"""Reading scenarios: units, files, flags, and everything that can be wrong with them."""

from pathlib import Path

import pytest

from tuner.cli import main
from tuner.cost import Cost, Ties
from tuner.errors import NotFound, UsageError
from tuner.scenario import Scenario, check_budget, parse_mib, parse_seconds, read_scenario


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("500ms", 0.5), ("1d", 86400), (" 2 min ", 120), (30, 30)],
)
def test_durations_are_read_with_their_unit(text: str | int, seconds: float) -> None:
    assert parse_seconds(text, "budget") == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3s", "0", "10 parsecs", "1e999", "nan", "3:20"])
def test_a_duration_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="budget"):
        parse_seconds(text, "budget")


def test_a_duration_without_end_is_called_too_large() -> None:
    with pytest.raises(UsageError, match="cutoff: '1e400s' is too large"):
        parse_seconds("1e400s", "cutoff")
    with pytest.raises(UsageError, match="budget: inf is too large"):
        Scenario("models", budget=float("inf"))


@pytest.mark.parametrize(("text", "mib"), [("512MiB", 512), ("2GiB", 2048), ("2g", 2048), ("100", 100), ("1024KiB", 1)])
def test_amounts_of_memory_are_read_with_their_unit(text: str, mib: float) -> None:
    assert parse_mib(text, "memory") == mib


def test_flags_override_the_file_and_the_file_overrides_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text('folder = "models"\nbudget = "5m"\ncutoff = 3\nties = "pessimistic"\n')
    scenario = read_scenario(file, {"budget": "20m", "cost": "wall", "seed": None})
    assert scenario == Scenario(
        folder=str(tmp_path / "models"), budget=1200, cutoff=3, ties=Ties.PESSIMISTIC, cost=Cost.WALL
    )


@pytest.mark.parametrize(
    "text", ["fix = 'presolve=off'", "fix = ['presolve=off']", "fix = { presolve = 'off' }", "[fix]\npresolve = 'off'"]
)
def test_what_is_fixed_is_written_in_a_file_as_on_the_command_line_or_as_a_table(tmp_path: Path, text: str) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(f'folder = "models"\n{text}\n')
    assert read_scenario(file, {"fix": None}).fix == ("presolve=off",)
    assert read_scenario(file, {"fix": ["threads=1"]}).fix == ("threads=1",)


def test_paths_in_a_file_are_relative_to_it_and_a_fraction_is_no_path(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text('folder = "/models"\nholdout = "other"\nspace = "my.toml"\n')
    scenario = read_scenario(file, {})
    assert (scenario.folder, scenario.holdout, scenario.space) == (
        "/models",
        str(tmp_path / "other"),
        str(tmp_path / "my.toml"),
    )
    file.write_text('folder = "m"\nholdout = "0.25"\n')
    assert read_scenario(file, {}).holdout_fraction == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folder = ", "not valid TOML"),
        ('folder = "m"\nbudgt = "5m"', "did you mean budget"),
        ('folder = "m"\ncost = "speed"', "par10, wall, gap, integral"),
        ('folder = "m"\nties = 3', "unknown ties"),
        ('folder = "m"\nslots = 1.5', "whole number"),
        ('folder = "m"\nslots = -1', "slots"),
        ('folder = "m"\ngap = 2.0', "gap"),
        ('folder = "m"\nseed = -1', "seed"),
        ('folder = "m"\nreuse = "yes"', "reuse: true or false is needed"),
        ('folder = "m"\nfix = 3', "fix: settings are needed"),
        ('folder = "m"\nfix = ["presolve=off", 3]', "fix: settings are needed"),
        ('folder = "m"\n[fix]\npresolve = ["off"]', "fix: a parameter's value is true, false, a number or text"),
        ('folder = ["m"]', "folder"),
        ("folder = 5", "folder: text is needed, not 5"),
        ('folder = "m"\nspace = 5', "space: text is needed"),
        ('folder = "m"\nholdout = true', "holdout: a fraction such as 0.3"),
        ('folder = ""', "folder: the name is empty"),
        ('folder = "m"\nholdout = " "', "holdout: it is empty"),
        ('folder = "m"\ngap = 1' + "0" * 400, "gap: a number of more than 1023 bits"),
        ('folder = "m"\ncutoff = 1' + "0" * 400, "cutoff: a number of more than 1023 bits"),
        ('folder = "m"\nbudget = inf', "budget: inf is not understood"),
        ('cutoff = "5s"', "folder"),
    ],
)
def test_a_wrong_scenario_file_is_refused_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_scenario(file, {})


def test_a_scenario_file_that_is_missing_or_binary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.toml"):
        read_scenario(tmp_path / "nowhere.toml", {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not valid TOML"):
        read_scenario(tmp_path / "binary.toml", {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cutoff": 0.001}, "cutoff: 0.001 s are over before a run's process has started; at least 0.01 s"),
        ({"cutoff": 0.0099}, "at least 0.01 s"),
        ({"budget": 0.5}, "budget: at least 1 s are needed, not 0.5 s"),
    ],
)
def test_a_cutoff_or_budget_in_which_nothing_can_be_executed_is_refused(change: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Scenario("models", **change)  # type: ignore[arg-type]
    Scenario("models", cutoff=0.01, budget=1.0)


def test_a_cutoff_longer_than_the_budget_is_refused_and_the_message_proposes_what_fits() -> None:
    check_budget(15.0, 15.0)
    with pytest.raises(UsageError, match=r"could outlast the job; use --cutoff 1\.5s, or --budget 300s"):
        check_budget(30.0, 15.0)


def test_a_bilevel_problem_has_a_least_budget_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "--example", "toll", "--budget", "1ms"]) == 2
    assert "--budget 1ms: no response comes in so short a time; at least 0.01 s" in capsys.readouterr().err

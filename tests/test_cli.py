"""The commands as a user types them: help, exit codes, and every kind of bad input. No job is raced here."""

import gzip
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from instances.families import FAMILIES, generate
from instances.writing import write_mps
from storage.store import Store
from tests.small_models import market_split
from tuner.cli import HANDLERS, main
from tuner.cli.parser import EXIT_CODES, build

MODEL = """NAME tiny
ROWS
 N cost
 G cover
COLUMNS
 M1 'MARKER' 'INTORG'
 x cost 2 cover 1
 y cost 3 cover 2
 M2 'MARKER' 'INTEND'
RHS
 RHS cover 3
BOUNDS
 UP BND x 5
 UP BND y 5
ENDATA
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty directory with a cache and a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUNER_STORE", raising=False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.mps"
    path.write_text(MODEL)
    return path


def folder_of_models(folder: Path, count: int) -> Path:
    generate(FAMILIES["generalised-assignment"], count, folder, 0, 0.3)
    return folder


@pytest.mark.parametrize("command", HANDLERS)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert f"examples:\n  tuner {command}" in text


def test_every_example_in_the_help_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    parser = build()
    for command in HANDLERS:
        with pytest.raises(SystemExit):
            main([command, "--help"])
        examples = re.findall(r"^  tuner (.*?)(?:  +#.*| >.*)?$", capsys.readouterr().out, re.MULTILINE)
        assert examples
        for example in examples:
            assert parser.parse_args(example.split()).command == command


def test_the_readme_names_every_command_and_exit_code() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    for command in HANDLERS:
        assert f"tuner {command}" in readme
    for code in re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE):
        assert f"| {code} |" in readme


def test_no_command_prints_the_help_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "tuner tune FOLDER" in capsys.readouterr().err


def refused(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    assert main(words) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("tuner: ") == 1
    assert "Traceback" not in captured.err
    return captured.err


def test_a_folder_that_is_missing_empty_or_without_models_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere" in refused(capsys, 3, "tune", "nowhere")
    assert "name the folder of models" in refused(capsys, 2, "tune", "")
    (tmp_path / "empty").mkdir()
    assert ".mps" in refused(capsys, 2, "tune", "empty")
    (tmp_path / "empty" / "notes.txt").write_text("no model")
    assert "notes.txt" in refused(capsys, 2, "tune", "empty")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]  # and no store is made


def test_fewer_than_four_models_are_refused_and_no_job_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of_models(tmp_path / "models", 3)
    assert "at least 4" in refused(capsys, 2, "tune", "models")
    assert not (tmp_path / "tuner.db").exists()
    Store.open("sqlite:///tuner.db").close()
    assert "at least 4" in refused(capsys, 2, "tune", "models")
    assert main(["jobs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_store_that_cannot_be_used_is_found_before_the_models_are_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "there is no folder" in refused(capsys, 5, "tune", "nowhere", "--store", "sqlite:///none/x.db")
    with sqlite3.connect("foreign.db") as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    assert "another program" in refused(capsys, 5, "tune", "nowhere", "--store", "sqlite:///foreign.db")
    assert [path.name for path in tmp_path.iterdir()] == ["foreign.db"]


@pytest.mark.parametrize("out", ["file/x/y", "/proc/nowhere", "x" * 300, "file"])
def test_a_folder_that_cannot_be_written_is_found_before_the_models_are_looked_at(
    tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    message = refused(capsys, 2, "tune", "nowhere", "--out", out)
    assert f"tuner: {out}: report and parameter files cannot be written there" in message
    assert "another folder with --out" in message
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_usual_folder_for_files_is_looked_at_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["models"], ["nowhere", "--name", "a;b"]):
        name = "tuner-a_b" if "a;b" in words else "tuner-models"
        (tmp_path / name).write_text("in the way")
        message = refused(capsys, 2, "tune", *words)
        assert f"tuner: {name}: report and parameter files cannot be written there" in message
        assert "with --out" in message


def test_looking_at_the_folder_for_files_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, 3, "tune", "nowhere", "--out", "a/b")
    refused(capsys, 3, "tune", "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_holdout_that_leaves_nothing_to_tune_on_or_holds_nothing_out_is_called_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of_models(tmp_path / "models", 4)
    message = refused(capsys, 2, "tune", "models", "--holdout", "models")
    assert "--holdout models: all models of models lie in it" in message
    assert "more of the same kind" not in message
    shutil.copytree(tmp_path / "models", tmp_path / "same")
    assert main(["tune", "models", "--holdout", "same"]) == 2
    assert "--holdout same: has no model that is not also one to tune on" in capsys.readouterr().err


def test_a_model_that_is_left_out_is_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = sorted(folder_of_models(tmp_path / "models", 3).iterdir())
    paths[0].write_bytes(paths[0].read_bytes()[:100])
    paths[1].write_bytes(gzip.compress(b"ROWS\n N cost\nCOLUMNS\n x cost what\n"))
    assert main(["tune", "models"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("left out: ")]
    assert len(lines) == 2
    for path in paths[:2]:
        assert "".join(lines).count(path.name) == 1


def test_a_cutoff_that_the_budget_cannot_pay_for_is_refused_with_a_proposal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of_models(tmp_path / "models", 4)
    message = refused(capsys, 2, "tune", "models", "--budget", "10s", "--cutoff", "60s", "--slots", "2")
    proposal = re.search(r"use (--cutoff) (\S+), or (--budget) (\S+)", message)
    assert proposal
    assert float(proposal[2].rstrip("s")) < 4
    assert float(proposal[4].rstrip("s")) > 150


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--solver", "cplex"], "solvers are highs, cp-sat, scip"),
        (["--solver", "highss"], "did you mean highs"),
        (["--solver", "highs,anny"], "'anny'; did you mean any?; solvers are highs, cp-sat, scip, or any"),
        (["--cutoff", "1e400s"], "too large"),
        (["--name=-x"], "begins with a dash"),
        (["--holdout", ""], "holdout: it is empty"),
        (["--budget", "soon"], "budget"),
        (["--budget", "10 parsecs"], "unknown unit"),
        (["--cutoff", "0"], "cutoff"),
        (["--memory", "lots"], "memory"),
        (["--cost", "speed"], "par10"),
        (["--ties", "maybe"], "optimistic"),
        (["--holdout", "1.5"], "holdout"),
        (["--holdout", "nowhere"], "nowhere"),
        (["--slots", "-2"], "slots"),
        (["--slots", "two"], "slots"),
        (["--slots", "5000"], "cores"),
        (["--memory", "1KiB"], "memory"),
        (["--seed", "x"], "seed"),
        (["--gap", "7"], "gap"),
        (["--space", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_a_wrong_flag_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    folder_of_models(tmp_path / "models", 4)
    code = 3 if flags[-1] == "nowhere" else 2
    assert message in refused(capsys, code, "tune", "models", *flags)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            "[highs.mip_heuristic_effrt]\ntype='float'\nrange=[0.0,1.0]\ndefault=0.05",
            "did you mean mip_heuristic_effort",
        ),
        ("[highs.nosuch]\ntype='boolean'\ndefault=true", "'nosuch'; tuner params highs --all lists what it has"),
        (
            "[[forbidden]]\nsolver = 'highs'\nvalues = { nosuch = 1 }",
            "space.toml: [[forbidden]] unknown parameter of highs: 'nosuch'; tuner params highs lists",
        ),
        ("[[forbidden]]\nsolver = ['highs']\nvalues = { presolve = 'off' }", "needs solver"),
        ("[highs.mip_heuristic_effort]\ntype='float'\nrange=[0.0,7.0]\ndefault=0.05", "mip_heuristic_effort"),
        ("[highs.mip_heuristic_effort]\ntype='float'\nrange=[0.0,1.0]\ndefault=0.5", "default"),
        ("[cplex.x]\ntype='boolean'\ndefault=true", "unknown solver"),
        ("[highs.presolve]\ntype='choice'\nvalues=['choose','maybe']\ndefault='choose'", "maybe"),
        ("highs = 3", "table"),
    ],
)
def test_a_space_file_with_what_the_solver_does_not_have_is_refused_before_the_first_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], space: str, message: str
) -> None:
    folder_of_models(tmp_path / "models", 4)
    (tmp_path / "space.toml").write_text(space)
    assert message in refused(capsys, 2, "tune", "models", "--solver", "highs", "--space", "space.toml")


@pytest.mark.parametrize("command", ["resume", "show", "best", "responses", "export"])
def test_an_unknown_job_is_not_found(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    Store.open("sqlite:///tuner.db").close()
    assert "nosuch" in refused(capsys, 3, command, "nosuch")


@pytest.mark.parametrize("words", [["jobs"], ["show", "x"], ["resume", "x"], ["responses", "x"]])
def test_reading_makes_no_store(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no store" in refused(capsys, 3, *words, "--store", "sqlite:///typo.db")
    assert not (tmp_path / "typo.db").exists()


@pytest.mark.parametrize("url", ["notes.txt", "sqlite:///notes.txt", "oracle://x/y", "sqlite:////proc/nowhere/x.db"])
def test_a_store_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str) -> None:
    (tmp_path / "notes.txt").write_text("These are my notes, not a database, and they are to stay as they are. " * 20)
    before = (tmp_path / "notes.txt").read_bytes()
    refused(capsys, 5, "jobs", "--store", url)
    assert (tmp_path / "notes.txt").read_bytes() == before


def test_execute_prints_the_whole_response(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for solver in ("highs", "cp-sat", "scip"):
        assert main(["execute", str(model), "--solver", solver, "--seed", "3", "--cutoff", "5s", "--json"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert (data["termination"], data["claim"], data["check"]) == ("exited", "optimal", "confirmed")
        assert data["objective"] == pytest.approx(5)
        assert data["cpu_s"] > 0
        assert data["peak_mib"] > 1


def test_execute_takes_any_parameter_the_solver_has_and_refuses_others_by_name(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["execute", str(model), "--solver", "highs", "--set"]
    assert main([*words, "mip_heuristic_effort=0.2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["configuration"] == "highs mip_heuristic_effort=0.2"
    assert "did you mean mip_heuristic_effort" in refused(capsys, 2, *words, "mip_heuristic_efort=0.2")
    assert "mip_heuristic_effort" in refused(capsys, 2, *words, "mip_heuristic_effort=2")
    assert "mip_heuristic_effort" in refused(capsys, 2, *words, "mip_heuristic_effort=much")
    assert "name=value" in refused(capsys, 2, *words, "mip_heuristic_effort")


def test_a_cache_that_stands_in_for_one_that_cannot_be_written_is_gone_at_the_end(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "temporary").mkdir()
    write_mps(market_split(40, 5), tmp_path / "endless.mps")
    environment = {**os.environ, "TUNER_CACHE": str(tmp_path / "file"), "TMPDIR": str(tmp_path / "temporary")}

    def start(path: Path) -> subprocess.Popen[bytes]:
        # A shell starts its background jobs, which these tests may be one of, with SIGINT ignored.
        program = "import signal as s; s.signal(s.SIGINT, s.default_int_handler); from tuner.cli import entry; entry()"
        words = [sys.executable, "-c", program, "execute", str(path), "--solver", "highs"]
        return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    process = start(model)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert list((tmp_path / "temporary").iterdir()) == []
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start(tmp_path / "endless.mps")
        while not list((tmp_path / "temporary").rglob("*.npz")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert list((tmp_path / "temporary").iterdir()) == []


def test_execute_refuses_seeds_and_gaps_that_are_none(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["execute", str(model), "--solver", "highs"]
    for flag, value in (("--seed", "-5"), ("--seed", "99999999999"), ("--gap", "7"), ("--gap", "nan"), ("--gap", "-1")):
        assert flag in refused(capsys, 2, *words, f"{flag}={value}")


def test_execute_refuses_files_that_are_no_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(capsys, 3, "execute", "nowhere.mps", "--solver", "highs")
    assert "is a folder" in refused(capsys, 2, "execute", str(tmp_path), "--solver", "highs")
    (tmp_path / "broken.mps").write_text("ROWS\n N cost\nCOLUMNS\n x cost what\n")
    assert "broken.mps" in refused(capsys, 2, "execute", "broken.mps", "--solver", "highs")
    (tmp_path / "cut.mps.gz").write_bytes(gzip.compress(MODEL.encode())[:40])
    assert "cut.mps.gz" in refused(capsys, 2, "execute", "cut.mps.gz", "--solver", "highs")
    (tmp_path / "table.csv").write_text("a,b\n")
    assert "table.csv" in refused(capsys, 2, "execute", "table.csv", "--solver", "highs")


@pytest.mark.parametrize("solver", ["highs", "cp-sat", "scip"])
def test_params_lists_the_space_and_every_real_parameter(solver: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["params", solver, "--json"]) == 0
    curated = json.loads(capsys.readouterr().out)["parameters"]
    assert all(parameter["meaning"] and parameter["range"] for parameter in curated)
    assert main(["params", solver, "--all", "--json"]) == 0
    real = {parameter["name"]: parameter for parameter in json.loads(capsys.readouterr().out)["parameters"]}
    for parameter in curated:
        assert real[parameter["name"]]["default"] == parameter["default"]
    assert main(["params", solver]) == 0
    assert curated[0]["name"] in capsys.readouterr().out


@pytest.mark.parametrize("solver", ["highs", "cp-sat", "scip"])
@pytest.mark.parametrize("words", [(), ("--all",)], ids=["tuned", "all"])
def test_params_fits_a_terminal_of_100_columns_and_is_a_table_elsewhere(
    solver: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["params", solver, *words]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[1].split()[:3] == ["name", "default", "range"]
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, for rich
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["params", solver, *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[1:])) <= 100
    names = [line.split(" = ")[0] for line in lines[1:] if not line.startswith(" ")]
    assert names == [line.split()[0] for line in table[2:]]


def test_generate_is_repeatable_and_refuses_unknown_families(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("one", "two"):
        assert main(["generate", "set-cover", "2", folder, "--seed", "5", "--size", "0.2"]) == 0
    first, second = (sorted((tmp_path / folder).iterdir()) for folder in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert len({path.read_bytes() for path in first}) == 2
    capsys.readouterr()
    assert "did you mean set-cover" in refused(capsys, 2, "generate", "setcover", "2", "three")
    assert "N must be" in refused(capsys, 2, "generate", "set-cover", "0", "three")
    assert not (tmp_path / "three").exists()


def test_doctor_names_versions_limits_and_the_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["highspy"] and found["solver scip"]
    assert any(name.startswith("limit: ") for name in found)
    assert found["store"] == "sqlite:///tuner.db: is not there yet; tuner tune makes it"
    assert not Path("tuner.db").exists()
    Store.open("sqlite:///tuner.db").close()
    assert main(["doctor"]) == 0
    assert "sqlite:///tuner.db: works, 0 jobs" in capsys.readouterr().out

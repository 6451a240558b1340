"""The user's own settings: read from the solvers' own files and from JSON, whatever is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from storage.records import Configuration
from tuner.errors import NotFound, UsageError
from tuner.follower import settings
from tuner.follower.base import base_of, read_base_file
from tuner.follower.settings import known_parameters
from tuner.follower.solvers import SOLVERS, default_space
from tuner.leader.draws import Draws
from tuner.verdict.export import Form, export

ALL = tuple(SOLVERS)
HIGHS = """\
# options of mine
presolve = off
  mip_heuristic_effort=0.25   # more of it
time_limit = 60
threads = 8
solution_file = /tmp/x
mip_rel_gap = 0.01
mip_detect_symmetry = false
log_to_console = t
"""
SCIP = """\
# SCIP version 10.0.0

# [type: int, advanced: FALSE, range: [-1,2147483647], default: -1]
separating/maxrounds = 0
presolving/maxrounds = -1
limits/time = 1e+20
nodeselection/childsel = d
heuristics/rins/freq = 5
heuristics/rins/freq/fix = TRUE
constraints/linear/upgrade/knapsack = FALSE
visual/vbcfilename = "my.vbc"
randomization/randomseedshift = 3
"""
PROTO = """\
# mine
linearization_level: 0  cp_model_presolve: false, search_branching: FIXED_SEARCH;
num_workers: 8
max_time_in_seconds: 60.5
clause_cleanup_ratio: 0.25 # less
name: "a: b"
"""


def test_highs_options_are_read_without_what_tuner_sets_itself() -> None:
    base = base_of(HIGHS, "my.options", ALL)
    values = {"presolve": "off", "mip_heuristic_effort": 0.25, "mip_detect_symmetry": False}
    assert base.configuration == Configuration.of("highs", values)
    assert base.remarks == (
        "base: left out: mip_rel_gap, solution_file, threads, time_limit; tuner sets these itself or keeps their "
        "defaults, or they are free text",
    )


def test_a_set_file_of_scip_is_read() -> None:
    base = base_of(SCIP, "my.set", ALL)
    assert base.configuration == Configuration.of(
        "scip",
        {
            "separating/maxrounds": 0,
            "nodeselection/childsel": "d",
            "heuristics/rins/freq": 5,
            "constraints/linear/upgrade/knapsack": False,
        },
    )
    (remark,) = base.remarks
    assert remark.startswith("base: left out: randomization/randomseedshift, visual/vbcfilename; ")


def test_a_text_proto_of_cp_sat_is_read() -> None:
    base = base_of(PROTO, "my.txt", ALL)
    values = {
        "linearization_level": 0,
        "cp_model_presolve": False,
        "search_branching": "FIXED_SEARCH",
        "clause_cleanup_ratio": 0.25,
    }
    assert base.configuration == Configuration.of("cp-sat", values)
    assert base.remarks[0].startswith("base: left out: max_time_in_seconds, name, num_workers; ")


@pytest.mark.parametrize("around", ["{}", '{{"name": "job", "solver": "x", "best": {}}}', '{{"recommended": {}}}'])
def test_json_is_read_as_tuner_prints_it(around: str) -> None:
    own = {"key": "0" * 16, "solver": "highs", "parameters": {"presolve": "off", "mip_heuristic_effort": 0}}
    base = base_of(around.format(json.dumps({**own, "default": False})), "best.json", ALL)
    assert base.configuration == Configuration.of("highs", {"presolve": "off", "mip_heuristic_effort": 0.0})
    assert base.remarks == ()


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_tuner_exports_comes_back(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "untaken", lambda configuration: None)  # a process for each takes long
    drawn = Draws(Random(7))
    for _ in range(30):
        configuration = drawn.any(default_space(solver))
        if configuration.parameters:
            exported = export(configuration, Form.SOLVER, seed=3, gap=1e-4, note="a = b", fixed=["presolve"])
            assert base_of(exported, "exported", ALL).configuration == configuration
            assert base_of(json.dumps({"solver": solver, "parameters": configuration.values}), "", ALL).remarks == ()


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_file_of_all_parameters_at_their_defaults_changes_nothing(solver: str) -> None:
    sign, known = (":" if solver == "cp-sat" else "="), known_parameters(solver)
    lines = [
        f'{name} {sign} "{p.default}"' if p.type == "text" else f"{name} {sign} {str(p.default).lower()}"
        for name, p in known.items()
    ]
    base = base_of("\n".join(lines), "all", ALL)
    assert base.configuration is None
    assert base.remarks == (
        f"base: all: nothing differs from {solver} as it comes, so there is nothing more to compare with",
    )


def test_of_two_lines_the_later_one_holds() -> None:
    assert base_of("presolve = off\npresolve = on\n", "f", ALL).configuration == Configuration.of(
        "highs", {"presolve": "on"}
    )
    assert base_of("presolve = off\npresolve = choose\n", "f", ALL).configuration is None


def test_what_is_fixed_holds_for_the_settings_too() -> None:
    fixed = (Configuration.of("highs", {"presolve": "on"}),)
    base = base_of(HIGHS, "my.options", ALL, fixed)
    assert base.configuration is not None
    assert base.configuration.values["presolve"] == "on"
    assert base.remarks[-1] == "base: presolve is fixed to on, in your settings, too"
    assert base_of("presolve = off", "f", ALL, fixed).configuration is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no settings in it"),
        ("# only a comment\n\n", "there are no settings in it"),
        ("presolve off", "line 1: 'presolve off': name = value was expected"),
        ("presolve = off\nof off", "line 2: 'of off': name = value"),
        ("presolv = off", "line 1: unknown parameter of highs: 'presolv'; did you mean presolve"),
        ("mip_heuristic_effort = much", "line 1: mip_heuristic_effort=much: highs does not take this value"),
        ("mip_heuristic_effort = 3", "line 1: mip_heuristic_effort=3.0: highs does not take this value"),
        ("mip_heuristic_effort = nan", "highs does not take this value"),
        ("presolve = off\nlp/scaling = 1", "unknown parameter of scip: 'presolve'"),
        ("set heuristics emphasis off", "name = value was expected"),
        (
            "presolve = off\nmip_ipm_solver = hipo",
            "mip_ipm_solver=hipo: the highs that is installed here knows this value",
        ),
        (
            "lp/scaling = 1\n\nemphasis: separating off",
            "line 3: 'emphasis: separating off' is below line 1, 'lp/scaling = 1': SCIP",
        ),
        (
            "emphasis: heuristics off\nemphasis: hardlp",
            "line 2: 'emphasis: hardlp' is below line 1, 'emphasis: heuristics off'",
        ),
        ("subsolvers: ['core']", "lists and messages cannot be set"),
        ("linearization_level 0: 1", "name = value was expected"),
        ("linearization_level: 99999999999999999999", "cp-sat does not take this value; it takes integer from"),
        ("linearization_level: x", "line 1: linearization_level=x: cp-sat does not take this value"),
        ("restart_period { }", "lists and messages cannot be set"),
        ('{"solver": "gurobi", "parameters": {}}', "unknown solver: 'gurobi'"),
        ('{"solver": "highs", "parameters": ["presolve"]}', "write {"),
        ('{"parameters": {"presolve": "off"}}', "write {"),
        ('{"solver": "highs", "parameters": {"presolve": null}}', "presolve: true, false, a number or text is needed"),
        ('{"solver": "highs", "parameters": {"presolve": 3}}', "presolve=3: highs does not take this value"),
        ('{"solver": "highs", ', "not valid JSON"),
        ("Minimize\n obj: x\nSubject To\n c: x >= 1\nEnd", "name = value was expected"),
        ("x" * 100_000 + " = 1", "unknown parameter of highs"),
        ("y: 1 " * 50_000, "unknown parameter of cp-sat: 'y'"),
    ],
)
def test_wrong_settings_are_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        base_of(text, "my.file", ALL)
    assert str(refused.value).startswith("base: my.file")
    assert len(str(refused.value)) < 1000


def test_emphases_above_the_parameters_are_read_the_whole_before_its_parts() -> None:
    text = "# mine\nemphasis: hardlp\nemphasis: heuristics off\nemphasis: separating fast\nlp/scaling = 0\n"
    values = {"emphasis": "hardlp", "heuristics/emphasis": "off", "separating/emphasis": "fast", "lp/scaling": 0}
    assert base_of(text, "my.set", ALL).configuration == Configuration.of("scip", values)


def test_settings_of_a_solver_that_the_job_has_not_are_refused() -> None:
    with pytest.raises(
        UsageError, match="these are settings of scip, which is not among the solvers of this job: highs"
    ):
        base_of(SCIP, "my.set", ["highs"])


def test_a_file_that_is_missing_binary_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no such file"):
        read_base_file(tmp_path / "nowhere")
    (tmp_path / "binary").write_bytes(b"\x7fELF\xff\xfe")
    (tmp_path / "nul").write_bytes(b"presolve = off\0")
    for name, words in (("binary", "not a text file"), ("nul", "not a text file"), (".", "cannot be read")):
        with pytest.raises(UsageError, match=words):
            read_base_file(tmp_path / name)

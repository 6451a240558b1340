"""Bilevel problems from files, and everything that can be wrong with them, as a user of the command meets it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from instances.writing import write_mps
from tests.bilevel_samples import mersha_dempe, moore_bard, random_problem
from tuner.bilevel import LinearProblem, read_pair
from tuner.bilevel.applications import EXAMPLES, example, generated, read_application
from tuner.bilevel.files import read_texts, texts_of
from tuner.cli import main
from tuner.scenario import CONFIGURATION

BY_NAME = """@NUMVARS
1
@NUMCONSTRS
4
@VARSBEGIN
y 1.
@VARSEND
@CONSTRSBEGIN
r1
r2
r3
r4
@CONSTRSEND
@NAME
General Example
@MPS
problem.mps
"""
BY_INDEX = "N 1\nM 4\nLC 1\nLR 0\nLR 1\nLR 2\nLR 3\nLO 1\nOS 1\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))


def write_pair(problem: LinearProblem, aux: str, name: str = "problem") -> Path:
    path = Path(f"{name}.mps")
    write_mps(problem.joint, path)
    path.with_suffix(".aux").write_text(aux)
    return path


def solved(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["solve", *words, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    assert main(["solve", *words]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


@pytest.mark.parametrize(
    "aux",
    [
        BY_NAME,
        BY_INDEX,
        BY_NAME.replace("CONSTRSBEGIN", "CONSTRBEGIN")
        .replace("CONSTRSEND", "CONSTREND")
        .replace("NUMCONSTRS", "NUMCONSTR"),
        BY_NAME.replace("CONSTRSBEGIN", "CONSTSBEGIN"),
        "N 1\nM 4\nOS 1\n@VARSBEGIN\ny 1\n@CONSTSBEGIN\nr1\nr2\nr3\nr4\n",
        BY_NAME.replace("@VARSBEGIN", "@OBJSENSE\nMIN\n@VARSBEGIN"),
        BY_INDEX.replace("LO 1", "LO -1").replace("OS 1", "OS -1"),
    ],
)
def test_every_spelling_of_an_aux_file_is_read(aux: str) -> None:
    read, made = read_pair(write_pair(moore_bard(), aux)), moore_bard()
    assert (read.y.tolist(), read.lower_rows.tolist()) == (made.y.tolist(), made.lower_rows.tolist())
    sign = -1.0 if read.lower_maximise else 1.0
    assert (sign * read.lower_objective).tolist() == made.lower_objective.tolist()


def test_either_file_of_a_pair_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    path = write_pair(moore_bard(), BY_NAME)
    for name in (str(path), "problem.aux"):
        found = solved(capsys, name)
        assert (found["objective"], found["x"], found["y"]) == (-22.0, {"x": 2.0}, {"y": 2.0})


def test_rows_that_the_aux_file_does_not_name_are_the_leaders(capsys: pytest.CaptureFixture[str]) -> None:
    aux = "N 1\nM 2\nLC 1\nLR 0\nLR 1\nLO -1\nOS 1\n"
    assert solved(capsys, str(write_pair(mersha_dempe(in_the_follower=False), aux)))["objective"] == pytest.approx(-20)
    aux = "N 1\nM 4\nLC 1\nLR 0\nLR 1\nLR 2\nLR 3\nLO -1\nOS 1\n"
    assert solved(capsys, str(write_pair(mersha_dempe(in_the_follower=False), aux)))["objective"] == pytest.approx(-22)


@pytest.mark.parametrize(
    ("aux", "complaint"),
    [
        ("", "is empty"),
        (BY_NAME.replace("y 1.", "z 1."), "line 6: the model has no such variable: unknown variable: 'z'"),
        (BY_NAME.replace("r3", "R3"), "line 11: the model has no such row: unknown row: 'R3'; did you mean r3"),
        (BY_NAME.replace("y 1.", "y"), "line 6: a variable and its coefficient are needed"),
        (BY_NAME.replace("y 1.", "y one"), "line 6: 'one' is no number"),
        (BY_NAME.replace("y 1.", "y inf"), "line 6: 'inf' is not finite"),
        (BY_NAME.replace("@NUMVARS\n1", "@NUMVARS\n2"), "says that the follower has 2 variables, and names 1"),
        (BY_NAME.replace("r4", "r1"), "names one of the follower's rows twice"),
        (BY_NAME.replace("@NAME", "@NAM"), "unknown keyword: '@NAM'; did you mean @NAME"),
        (BY_NAME.replace("@VARSBEGIN", "@OBJSENSE\nMAX\n@VARSBEGIN"), "the follower always minimises"),
        (BY_INDEX.replace("LC 1", "LC 2"), "line 3: column 2 of a model with 2, counted from 0"),
        (BY_INDEX.replace("LR 3", "LR 4"), "line 7: row 4 of a model with 4"),
        (BY_INDEX.replace("LR 3", "LR -1"), "line 7: '-1' is no count"),
        (BY_INDEX.replace("LO 1\n", ""), "0 coefficients of the follower's objective, 1 variables"),
        (BY_INDEX.replace("OS 1", "OS 2"), "OS is 2; 1 minimises and -1 maximises"),
        (BY_INDEX.replace("OS 1", "SO 1"), "unknown key: 'SO'"),
        ("N 0\nM 0\n", "the follower has no variable"),
        ("LC 0\nLC 1\nLO 1\nLO 1\nIC 1\nIB 2\n", "is written as a file of the kind interdiction"),
    ],
)
def test_an_aux_file_that_does_not_fit_is_refused(aux: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint in refused(capsys, str(write_pair(moore_bard(), aux)))


def test_half_a_pair_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_pair(moore_bard(), BY_NAME)
    Path("problem.aux").unlink()
    assert "problem.aux: there is no such file" in refused(capsys, "problem.mps", code=3)
    Path("other.aux").write_text(BY_NAME)
    assert "other.mps: there is no such file" in refused(capsys, "other.aux", code=3)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_what_is_written_is_read_again(kind: str) -> None:
    for made in (example(kind), generated(kind, 4, 1)):
        path = Path("problem.json")
        path.write_text(json.dumps(made.document()))
        assert read_application(path) == made


@pytest.mark.parametrize("kind", [kind for kind in EXAMPLES if kind != CONFIGURATION])
def test_random_examples_are_proven(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = solved(capsys, "--example", kind, "--size", "4", "--seed", "3")
    assert found["ending"] == "optimal"
    assert found["bound"] == pytest.approx(found["objective"])


TOLL = """kind = "toll"
[[arcs]]
from = "a"
to = "b"
toll = { most = 10, step = 0.5 }
[[arcs]]
name = "free"
from = "a"
to = "b"
cost = 3
[[commodities]]
from = "a"
to = "b"
demand = 2
"""
KNAPSACK = """kind = "interdiction"
defender = "knapsack"
budget = 1
capacity = 2
[[items]]
profit = 1
weight = 1
"""


def test_a_toll_file_is_solved(capsys: pytest.CaptureFixture[str]) -> None:
    Path("toll.toml").write_text(TOLL)
    assert solved(capsys, "toll.toml")["objective"] == 6.0
    assert solved(capsys, "toll.toml", "--ties", "pessimistic")["objective"] == 5.0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "kind is missing"),
        ("kind = ", "not valid TOML"),
        ('kind = "tol"', "unknown kind: 'tol'; did you mean toll"),
        (TOLL.replace("toll = {", "tol = {"), "arc 1: unknown key: 'tol'; did you mean toll or to"),
        (TOLL.replace("toll = { most = 10, step = 0.5 }\n", ""), "no arc has a toll"),
        (TOLL.replace("most = 10", "most = -1"), "arc 1: toll: most is -1; it has to be 0 or more"),
        (TOLL.replace("most = 10", "most = nan"), "arc 1: toll: most is nan; a number is needed"),
        (TOLL.replace("cost = 3", 'cost = "3"'), "arc 2: cost is '3'; a number is needed"),
        (TOLL.replace("cost = 3", "cost = 1e300"), "beyond 1e+15"),
        (TOLL.replace("demand = 2", "demand = 2.5"), "commodity 1: demand is 2.5; a whole number is needed"),
        (TOLL.replace("demand = 2", "demand = -2"), "demand is -2; it has to be 0 or more"),
        (TOLL[: TOLL.index("[[comm")], "at least one commodity is needed, written as [[commodities]]"),
        (TOLL.replace('to = "b"\ndemand', 'to = "c"\ndemand'), "commodity 1: no arc touches 'c'"),
        (TOLL.replace('name = "free"', 'name = "a-b"'), "2 arcs have the name a-b; give each its own"),
        (TOLL.replace('name = "free"', 'name = "k: free"'), "arcs: k: free: a colon and a blank may not be in a name"),
        (KNAPSACK.replace("profit = 1", "name = 'remove 1'\nprofit = 1"), "a target may not have the name remove 1"),
        (KNAPSACK.replace("knapsack", "sack"), "unknown defender: 'sack'"),
        (KNAPSACK.replace("budget = 1", "budget = -1"), "budget is -1; it has to be 0 or more"),
        (KNAPSACK.replace("profit = 1", ""), "item 1: profit is missing"),
        (KNAPSACK + "[[items]]\nname = '1'\nprofit = 1\nweight = 1", "2 targets have the name 1"),
    ],
)
def test_a_file_that_says_something_wrong_is_refused(
    text: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("problem.toml").write_text(text)
    message = refused(capsys, "problem.toml")
    assert message.startswith("tuner: problem.toml")
    assert complaint in message


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"kind": "configuration", "folder": "a\0b"}, "folder: 'a\\x00b' has characters that are no text"),
        ({"kind": "toll", "name": "\ud800"}, "characters that are no text"),
        ({"kind": "toll", "\ud800": 1}, "characters that are no text"),
        (
            {
                "kind": "interdiction",
                "defender": "shortest path",
                "budget": 1,
                "from": "a",
                "to": "b",
                "penalty": 9,
                "arcs": [{"from": "a", "to": "b", "length": -3}, {"from": "b", "to": "a", "length": 2}],
            },
            "round a cycle of negative length",
        ),
        (
            {
                "kind": "contract",
                "cost": 0.2,
                "wholesale": {"most": 1, "step": 0.1},
                "retailers": [{"price": 1, "demands": [1], "salvage": 3}],
            },
            "salvage is 3, above the price of 1",
        ),
    ],
)
def test_a_document_that_no_problem_is_in_is_refused(
    document: dict[str, object], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("problem.json").write_text(json.dumps(document))
    assert complaint in refused(capsys, "problem.json")


@pytest.mark.parametrize(
    ("words", "complaint", "code"),
    [
        ([], "name a FILE to solve, or one of the examples", 2),
        (["--example", "tol"], "unknown example: 'tol'; did you mean toll", 2),
        (["--example", "toll", "x.toml"], "name a FILE to solve, or one of the examples", 2),
        (["--example", "toll", "--ties", "mean"], "unknown ties: 'mean'", 2),
        (["--example", "toll", "--solver", "gurobi"], "unknown solver: 'gurobi'", 2),
        (["--example", "toll", "--budget", "0"], "--budget", 2),
        (["--example", "toll", "--slots", "0"], "--slots must be 1 or more", 2),
        (["--example", "toll", "--cutoff", "1s"], "only runs of configurations have one", 2),
        (["--example", "toll", "--size", "10001"], "10000 nodes of the network at most", 2),
        (["--example", "toll", "--size", "1"], "--size 1: 2 nodes of the network are needed at least", 2),
        (["--example", "toll", "--at", "B=1"], "unknown variable: 'B'", 2),
        (["--example", "toll", "--at", "A=1.505"], "1.505 is not among 0 to 10 in steps of 0.01", 2),
        (["--example", "toll", "--at", "A"], "--at A: NAME=NUMBER is needed", 2),
        (["--example", "toll", "--write", "toll.xml"], "a name that ends in .json is needed", 2),
        (["--example", "toll", "--write", "no/toll.json"], "cannot be written", 5),
        (["--example", "toll", "--plot", "f.png"], "a name that ends in .svg is needed", 2),
        (["--example", "interdiction", "--plot", "f.svg"], "this one has 3", 2),
        (["missing.toml"], "missing.toml: there is no such file", 3),
        (["problem.txt"], "no bilevel problem by its name", 2),
    ],
)
def test_a_wrong_request_is_refused(
    words: list[str], complaint: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint in refused(capsys, *words, code=code)


def test_who_does_not_travel_is_no_obstacle(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = '[[commodities]]\nname = "nobody"\nfrom = "b"\nto = "a"\ndemand = 0\n'
    Path("toll.toml").write_text(TOLL + nobody)
    assert solved(capsys, "toll.toml")["objective"] == 6.0


def test_travellers_that_could_go_round_for_ever_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    cycle = '[[arcs]]\nfrom = "u"\nto = "v"\ncost = -5\n[[arcs]]\nfrom = "v"\nto = "u"\ncost = 4\n'
    Path("toll.toml").write_text(TOLL.replace("[[commodities]]", cycle + "[[commodities]]"))
    assert "could go round a cycle of negative cost for ever" in refused(capsys, "toll.toml")
    Path("toll.toml").write_text(TOLL.replace("[[commodities]]", cycle.replace("4", "6") + "[[commodities]]"))
    assert solved(capsys, "toll.toml")["objective"] == 6.0


def test_the_sentence_says_how_many_take_an_arc(capsys: pytest.CaptureFixture[str]) -> None:
    Path("toll.toml").write_text(TOLL.replace("toll = {", "capacity = 1\ntoll = {"))
    assert solved(capsys, "toll.toml")["sentence"].startswith(  # type: ignore[attr-defined]
        "toll 3 on a-b: 1 commodity 1 take a-b, 1 commodity 1 take free"
    )


def test_no_proof_is_claimed_when_there_was_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "--example", "contract", "--size", "30", "--budget", "0.01s"]) == 4
    assert "no terms were found so far." in capsys.readouterr().out


def test_the_response_to_one_choice_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = solved(capsys, "--example", "toll", "--at", "A=6")
    assert (found["status"], found["optimistic"], found["pessimistic"]) == ("bilevel feasible", 6.0, 0.0)


@pytest.mark.parametrize("solver", ["highs", "cp-sat", "scip"])
def test_any_solver_answers_for_a_follower_of_integers(solver: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = solved(capsys, str(write_pair(moore_bard(), BY_NAME)), "--solver", solver, "--ties", "pessimistic")
    assert found["objective"] == -22.0


def test_a_bound_is_told_when_there_is_no_time_for_a_proof(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "--example", "interdiction", "--size", "60", "--seed", "1", "--budget", "2s", "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["ending"] == "feasible"
    assert found["bound"] < found["objective"]


def test_a_follower_without_an_answer_for_any_choice_is_proven_infeasible(capsys: pytest.CaptureFixture[str]) -> None:
    Path("toll.toml").write_text(
        TOLL.replace('to = "b"\ndemand', 'to = "a"\ndemand').replace('from = "a"\nto = "a"', 'from = "b"\nto = "a"')
    )
    found = solved(capsys, "toll.toml")
    assert (found["ending"], found["x"]) == ("bilevel infeasible", None)
    assert found["sentence"] == "no tolls let every traveller arrive"


def test_f_is_drawn_over_the_tolls_with_its_jump(capsys: pytest.CaptureFixture[str]) -> None:
    Path("toll.toml").write_text(TOLL)
    solved(capsys, "toll.toml", "--ties", "pessimistic", "--plot", "f.svg")
    drawn = ElementTree.parse("f.svg").getroot()
    titles = [title.text or "" for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert "optimistic: F = 6 at 3" in titles
    assert "pessimistic: F = 0 at 3" in titles
    (best,) = [mark for mark in drawn.iter() if mark.get("class") == "best"]
    assert best.get("r") == "6"


def test_f_is_drawn_over_two_variables(capsys: pytest.CaptureFixture[str]) -> None:
    solved(capsys, "--example", "contract", "--size", "2", "--plot", "f.svg")
    drawn = ElementTree.parse("f.svg").getroot()
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}rect"))) > 21 * 17 * 0.9


def test_generated_problems_differ_by_their_seed() -> None:
    assert generated("toll", 5, 1) != generated("toll", 5, 2)
    assert random_problem(1).joint.columns


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"kind": "toll", "kind": "contract"}', "'kind' is there twice in one object"),
        ('{"kind": "toll", "arcs": [{"from": "a", "from": "b"}]}', "'from' is there twice in one object"),
        ('{"kind": NaN}', "NaN is no finite number"),
        ('{"kind": -1e999}', "-1e999 is no finite number"),
        ("[" * 9000, "it is nested too deeply"),
        ('{"a":' * 60 + "1" + "}" * 60, "it is nested more than 50 deep"),
        ('{"a": [' * 30 + "1" + "]}" * 30, "it is nested more than 50 deep"),
        ('{"a": {"b": ["\\ud800"]}}', "a.b: '\\ud800' has characters that are no text"),
        ('{"\\u0000": 1}', "has characters that are no text"),
        ("[1]", "an object of names with values is needed"),
    ],
)
def test_json_that_means_nothing_is_refused_with_the_place(
    text: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("problem.json").write_text(text)
    message = refused(capsys, "problem.json")
    assert message.startswith("tuner: problem.json: ")
    assert complaint in message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("kind = 'model'\naux = 'LC 0'", "mps is missing"),
        ("kind = 'model'\nlp = 'nonsense'\naux = 'LC 0'", "model.lp: line 1"),
        ("kind = 'model'\nname = 'p'\nmps = 'x'\naux = 'LC 0'", "p.mps: line 1"),
        ("kind = 'model'\nlp = 'x'\nmps = 'x'\naux = 'LC 0'", "unknown key: 'lp'"),
        ("kind = 'contract'\ncost = 1\nwholesale = {most = 1e15, step = 5e-324}", "the step 4.94066e-324 is too small"),
        (TOLL.replace("step = 0.5", "step = 5e-324"), "the step 4.94066e-324 is too small for tolls"),
        (TOLL.replace("demand = 2", f"demand = 1{'0' * 40}"), "demand is beyond 1e+15"),
    ],
)
def test_a_problem_that_no_solver_can_compute_with_is_refused(
    text: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("problem.toml").write_text(text)
    assert complaint in refused(capsys, "problem.toml")


FIXED = """NAME          PAIR
ROWS
 N  COST
 G  NEED Ä
COLUMNS
    ÜBER A    COST               2.0   NEED Ä             1.0
    ÜBER B    COST               3.0   NEED Ä             1.0
RHS
    RHS       NEED Ä             4.0
BOUNDS
 UP BND       ÜBER A             3.0
 UP BND       ÜBER B             9.0
ENDATA
"""


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_fixed_file_with_letters_beyond_ascii_is_read_alike_from_files_and_from_its_texts(encoding: str) -> None:
    text = FIXED
    if encoding == "utf-8":  # columns are bytes
        for name in ("NEED Ä", "ÜBER A", "ÜBER B"):
            text = text.replace(f"{name}  ", f"{name} ")
    Path("pair.mps").write_bytes(text.encode(encoding))
    Path("pair.aux").write_bytes("N 1\nM 0\nLC 1\nLO 1\nOS 1\n".encode(encoding))
    read = read_pair(Path("pair.mps"))
    sent = read_texts(texts_of(Path("pair.mps")))
    for problem in (read, sent):
        assert problem.joint.column_names == ("ÜBER A", "ÜBER B")
        assert problem.joint.upper.tolist() == [3, 9]

"""What CPLEX, Gurobi, HiGHS and SCIP make of an LP file decides how it is read, or that it is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from instances.builder import Builder
from instances.errors import UnreadableModel
from instances.lp import sections
from instances.model import Model, VariableKind
from instances.reading import read_model

INF = float("inf")
GUROBI = "\\ Model plan\n\\ LP format - for model browsing. Use MPS format to capture full model detail.\n"
SCIP = "\\ SCIP STATISTICS\n\\   Problem name     : model\n"
HIGHS = "\\ File written by HiGHS .lp file handler\n"


def read(folder: Path, text: str) -> Model:
    path = folder / "model.lp"
    path.write_text(text, newline="")
    return read_model(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(UnreadableModel) as refused:
        read(folder, text)
    return str(refused.value)


def with_row(text: str) -> str:
    return f"Minimize\n obj: x + y\nSubject To\n{text}\nEnd\n"


def with_sections(text: str) -> str:
    return f"Minimize\n obj: x + y\nSubject To\n c: x + y >= 1\n{text}\nEnd\n"


def named_row(model: Model, row: int = 0) -> dict[str, float]:
    return {model.column_names[column]: value for column, value in model.row(row).items()}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "f[a-b]",
            "x[a+b]",
            "x[1,2]",
            "x[2024-01-01]",
            "x[a/b]",
            "x[a<=b]",
            "x[1][2]",
            "x[a[1]-2]",
            "x[-1]",
        ),
        *(
            "a/b",
            "a/",
            "x,1",
            "a#1",
            "#1",
            'a"',
            '"a"',
            "a'b",
            "'a'",
            "a!b",
            "!a",
            "a&b",
            "a@b",
            "a~",
            "a;b",
            "a?",
            "a%",
        ),
        *("$a", "a(1,2)", "a(b)", "x{1}", "_a", "a|b", ".a", "a.", "x_{1}", "a`b", "(a)"),
        *("café", "x²", "x→y", "日本", "x\u00a0y", "x\u2028y", "x\u0663"),
        *("e", "e1", "E12", "e1x", "nan", "infinit", "inf1", "free", "subject", "to", "such", "sos1", "int", "obj"),
    ],
)
def test_a_name_is_kept_whole(tmp_path: Path, name: str) -> None:
    text = f"Minimize\n obj: 2 {name} + y\nSubject To\n c: y + 3 {name} >= 1\nBounds\n {name} <= 7\nEnd\n"
    model = read(tmp_path, text)
    assert model.column_names == (name, "y")
    assert model.objective.tolist() == [2, 1]
    assert named_row(model) == {name: 3, "y": 1}
    assert model.upper.tolist() == [7, INF]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("c: 2 x[a b] + y >= 1", "x[a b]"),
        ("c: 2 x[a:b] + y >= 1", "x[a:b]"),
        ("c: x[a^2] + y >= 1", "x[a^2]"),
        ("c: x[a*b] + y >= 1", "x[a*b]' is a name to Gurobi and a product to SCIP"),
        ("c: 3 x + y[2*x]/2 >= 1", "y[2*x]/2' is a name to Gurobi and a product to SCIP"),
        ("q[x*y]: x + y >= 1", "q[x*y]:"),
        ("c: x[a + y >= 1", "x[a"),
        ("c: x[a\\b] + y >= 1", "x[a"),
        ("c: x(a-b) + y >= 1", "x(a-b)"),
        ("c: x(a b) + y >= 1", "x(a b)"),
        ("c: x{a-b} + y >= 1", "x{a-b}"),
        ("c: 2 (x + y) >= 1", "(x + y)"),
        ('c: "a-b" + y >= 1', '"a-b"'),
        ("c: 'a b' + y >= 1", "'a b'"),
        ("c: x_2024-01-01 + y >= 1", "x_2024-01-01"),
        ("c: x-1 >= 1", "x-1"),
        ("c: 2*x >= 1", "2*x"),
        ("c: x^2 >= 1", "x^2"),
        ("c: 2e >= 1", "2e"),
        ("c: 3e + 1 x >= 1", "3e"),
        ("c: 1.x >= 1", "1.x"),
        ("c: 3,5x + y >= 1", "3,5x"),
        ("c: x <= 1,000", "1,000"),
        ("gen + x >= 1", "gen"),
        ("end + x >= 1", "end"),
        ("st<=1", "st"),
        ("st-x<=1", "st"),
        ("bin-x<=1", "bin"),
        ("c: x +\n bin >= 1", "bin"),
        ("c: x >= 1\nst + x >= 1", "st"),
        ("c: y + x\x01 >= 1", r"x\x01"),
    ],
)
def test_what_might_be_cut_out_of_a_name_is_refused_by_that_name(tmp_path: Path, text: str, name: str) -> None:
    message = refusal(tmp_path, with_row(text))
    assert name in message
    assert re.search(r"line [45]: ", message)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bounds\n x-y <= 3", "x-y"),
        ("Bounds\n Inf <= 3", "Inf"),
        ("Bounds\n Inf free", "Inf"),
        ("Bounds\n st <= 3", "st"),
        ("Bounds\n st<=3", "st"),
        ("Bounds\n bounds-1<=x", "bounds"),
        ("Bounds\n bounds <= 3", "bounds"),
        ("Generals\n x[a b]", "x[a b]"),
        ("Generals\n x bin", "bin"),
        ("Generals\n x end", "end"),
        ("Generals\n x\nInt\n y", "Int"),
        ("Generals\n x, y", "x,"),
        ("Generals\n x,y", "x,y"),
        ("Generals\n x-y", "x-y"),
    ],
)
def test_a_name_that_a_section_cannot_hold_is_refused_by_that_name(tmp_path: Path, text: str, name: str) -> None:
    assert name in refusal(tmp_path, with_sections(text))


def test_a_variable_that_also_begins_a_section_is_refused_where_it_may_be_listed(tmp_path: Path) -> None:
    text = "Minimize\n obj: x + bin + y\nSubject To\n c: x + bin >= 1\nGenerals\n x\n bin\n y\nEnd\n"
    assert "'bin' is a variable and begins a section" in refusal(tmp_path, text)


def test_a_variable_called_end_does_not_hide_the_end(tmp_path: Path) -> None:
    model = read(tmp_path, "min\n obj: x + end\nst\n c: x + end >= 1\ngen\n x\nend\n")
    assert model.kind.tolist() == [VariableKind.INTEGER, VariableKind.CONTINUOUS]
    assert model.warnings == ()


@pytest.mark.parametrize("word", ["end", "st", "bin", "gen", "bounds", "free", "min", "binary", "semi", "sos"])
def test_words_that_begin_sections_are_names_within_a_line(tmp_path: Path, word: str) -> None:
    text = f"Minimize\n obj: x + {word}\nSubject To\n c: x + 2 {word} >= 1\n {word}: x >= 0\nEnd\n"
    model = read(tmp_path, text)
    assert model.column_names == ("x", word)
    assert model.row_names == ("c", word)


def test_inf_is_a_variable_where_no_number_can_stand(tmp_path: Path) -> None:
    model = read(
        tmp_path,
        "Minimize\n obj: Inf + x\nSubject To\n a: Inf + x >= 2\n b: x - 3 Inf >= -9\n c: Inf >= 1\n d: - Inf >= -5\n"
        " e: x <= Inf\n f: -inf <= x + Inf <= 8\nBounds\n 0 <= Inf <= 4\n -Inf <= x <= Inf\nGenerals\n Inf\nEnd\n",
    )
    assert model.column_names == ("Inf", "x")
    assert [named_row(model, row) for row in range(4)] == [
        {"Inf": 1, "x": 1},
        {"Inf": -3, "x": 1},
        {"Inf": 1},
        {"Inf": -1},
    ]
    assert model.row_lower.tolist() == [2, -9, 1, -5, -INF, -INF]
    assert model.row_upper.tolist() == [INF, INF, INF, INF, INF, 8]
    assert (model.lower.tolist(), model.upper.tolist()) == ([0, -INF], [4, INF])
    assert model.kind.tolist() == [VariableKind.INTEGER, VariableKind.CONTINUOUS]


@pytest.mark.parametrize(
    ("mark", "text", "name"),
    [
        (GUROBI, "Minimize\n  2 a-b + y\nSubject To\n c: y + a-b >= 1\nEnd\n", "a-b"),
        (GUROBI, "Minimize\n  2 y + -a\nSubject To\n c: y >= 1\nEnd\n", "-a"),
        (GUROBI, "Minimize\n  y + 3x\nSubject To\n c: y >= 1\nEnd\n", "3x"),
        (GUROBI, "Minimize\n  y + 2024-01-01\nSubject To\n c: y >= 1\nEnd\n", "2024-01-01"),
        (GUROBI, "Minimize\n  y + 12\nSubject To\n c: y >= 1\nEnd\n", "12"),
        (GUROBI, "Minimize\n  y + 2 a\\b + z\nSubject To\n c: y >= 1\nEnd\n", "a\\b"),
        (GUROBI, "Minimize\n  y + 2 a<b + z\nSubject To\n c: y >= 1\nEnd\n", "a<b"),
        (GUROBI, "Minimize\n  2 a_b + 3 a_b\nSubject To\n c: a_b >= 1\nEnd\n", "a_b"),
        (SCIP, "Maximize\n Obj: +1 x +1 a-b +3\nSubject to\n c: +1 x >= +1\nEnd\n", "a-b"),
        (SCIP, "Maximize\n Obj: +1 x +1 w y +3\nSubject to\n c: +1 x >= +1\nEnd\n", "y"),
        (HIGHS, "min\n obj: +1 a-b +4\nst\n c: +1 a-b >= +2\nend\n", "a-b"),
    ],
)
def test_names_that_a_program_wrote_but_none_reads_are_refused(tmp_path: Path, mark: str, text: str, name: str) -> None:
    assert repr(name)[1:-1] in refusal(tmp_path, mark + text)


@pytest.mark.parametrize(
    "text",
    [
        GUROBI
        + "Minimize\n  2 x[a-b] + 0 y + 7 Constant\nSubject To\n R0: x[a-b] - y >= -4\nBounds\n -infinity <= y <= -4\n"
        " Constant = 1\nEnd\n",
        SCIP + "Maximize\n Obj: -1 z +2 y +3\nSubject to\n c: +1 z +1 y <= +5\nBounds\n -3 <= z <= 8\n y free\nEnd\n",
        HIGHS + "min\n obj: +2 c0 +3 c1  +4\nst\n c#1: +1 c0 +1 c1 >= +2\nbounds\n -inf <= c0 <= 1\nend\n",
    ],
)
def test_files_that_these_programs_write_are_read(tmp_path: Path, text: str) -> None:
    model = read(tmp_path, text)
    assert model.rows == 1
    assert not model.warnings


@pytest.mark.parametrize(
    ("text", "upper", "kinds"),
    [
        ("generals x y", INF, [1, 1]),
        ("General x\ny", INF, [1, 1]),
        ("binary x", 1, [1, 0]),
        ("Bounds x <= 3", 3, [0, 0]),
        ("Bounds -1 <= x <= 3", 3, [0, 0]),
        ("semis x", INF, [2, 0]),
        ("Integers\n x\nBounds\n x <= 7", 7, [1, 0]),
        ("Semi-continuous\n x\nBinary\n x", 1, [1, 0]),
        ("Bounds\n x == 4", 4, [0, 0]),
        ("Bounds\n 4 => x", 4, [0, 0]),
        ("Bounds\n x =< 4", 4, [0, 0]),
        ("Bounds\n x <=\n 4", 4, [0, 0]),
        ("Bounds\n x <= 5\n x <= inf\n x free", INF, [0, 0]),
    ],
)
def test_what_three_readers_take_is_taken(tmp_path: Path, text: str, upper: float, kinds: list[int]) -> None:
    model = read(tmp_path, with_sections(text))
    assert model.upper[0] == upper
    assert model.kind.tolist() == kinds


@pytest.mark.parametrize(
    "text",
    [
        "Bounds\n x <= 7\nBinary\n x",
        "Bounds\n x >= -3\nBin\n x",
        "Bounds\n x <= 7\nGenerals\n x\nBinary\n x",
        "Bounds\n x <= 7\nSemis\n x\nBinary\n x",
        "Bounds\n x <= 7\nBinary\n x\nBounds\n x >= 0",
    ],
)
def test_a_binary_with_wider_bounds_is_0_or_1_with_a_warning(tmp_path: Path, text: str) -> None:
    model = read(tmp_path, with_sections(text))
    assert (model.lower[0], model.upper[0]) == (0, 1)
    (warning,) = model.warnings
    assert warning.startswith("'x' is binary and has the bounds ")
    assert "HiGHS keeps the bounds" in warning


@pytest.mark.parametrize(
    "bound", ["x <= 7", "x >= -3", "-1 <= x <= 1", "x free", "x <= 1e30", "x = 2", "-inf <= x <= 1"]
)
@pytest.mark.parametrize("lists", ["Binary\n x", "Binary\n x\nGenerals\n x", "Bounds\n x <= 5\nBinary\n x"])
def test_wider_bounds_behind_the_list_of_binaries_are_refused(tmp_path: Path, lists: str, bound: str) -> None:
    said = refusal(tmp_path, with_sections(f"{lists}\nBounds\n {bound}"))
    assert f"line {len(lists.splitlines()) + 6}: 'x' is binary and has " in said
    assert "HiGHS and SCIP read that, CPLEX ignores it, and Gurobi refuses the file" in said


@pytest.mark.parametrize("bound", ["0 <= x <= 1", "x <= inf", "x <= 1", "x >= 0"])
def test_bounds_of_0_and_1_behind_the_list_of_binaries_change_nothing(tmp_path: Path, bound: str) -> None:
    model = read(tmp_path, with_sections(f"Binary\n x\nBounds\n {bound}"))
    assert (model.lower[0], model.upper[0], model.kind[0]) == (0, 1, VariableKind.INTEGER)
    assert model.warnings == ()


@pytest.mark.parametrize("other", ["Generals", "Semis"])
@pytest.mark.parametrize("bound", ["x <= 5", "x >= -3", "x free"])
def test_a_wide_binary_in_a_later_list_is_refused(tmp_path: Path, bound: str, other: str) -> None:
    said = refusal(tmp_path, with_sections(f"Bounds\n {bound}\nBinaries\n x\n{other}\n x"))
    assert "line 10: 'x' has the bounds " in said
    assert "CPLEX keeps these bounds, and SCIP reads 0 .. 1; list it once" in said
    assert read(tmp_path, with_sections(f"Binaries\n x\n{other}\n x")).upper[0] == 1


def test_a_file_may_have_no_objective_or_an_empty_one(tmp_path: Path) -> None:
    rows = "Subject To\n c1: x0 + x1 = 1\nBinary\n x0 x1\nEnd\n"
    for text in (rows, f"Minimize\n{rows}", f"Minimize\n obj:\n{rows}"):
        model = read(tmp_path, text)
        assert model.objective.tolist() == [0, 0]
        assert named_row(model) == {"x0": 1, "x1": 1}


def test_rows_may_begin_on_the_line_of_their_header_and_be_empty(tmp_path: Path) -> None:
    model = read(tmp_path, "Minimize\n x\nSubject To c1: x + y >= 2\n c2: <= 3\n x == 4\nEnd\n")
    assert model.row_names == ("c1", "c2", "R3")
    assert model.row_lower.tolist() == [2, -INF, 4]
    assert model.row_upper.tolist() == [INF, 3, 4]
    assert model.row_start.tolist() == [0, 2, 2, 3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Bounds\n x <= -1\n x free", "Gurobi and SCIP keep that bound, CPLEX and HiGHS drop it"),
        ("Bounds\n x = 3\n x free", "'x' has the upper bound 3 and is then free"),
        ("Bounds\n x = 5\nBinary\n x", "'x' is binary and has the bounds 5 .. 5, which neither 0 nor 1 meets"),
        ("Bounds\n x >= 2\nBinary\n x", "'x' is binary and has the bounds 2 .. inf, which neither"),
        ("Bounds\n x = 1\nBinary\n x\nSemis\n x", "'x' is binary, semi-continuous and not 0 by its bounds"),
        ("Bounds\n 1 <= x >= 2", "two bounds around a variable"),
        ("Bounds\n 1 <= x = 2", "two bounds around a variable"),
        ("Bounds\n x <= 3 y <= 4", "the next bound, on a line of its own, should stand where 'y' does"),
        ("Bounds\n x <= 1 000", "the next bound, on a line of its own, should stand where '000' does"),
        ("Bounds\n x <=", "line 6: the line ends where a number should follow"),
        ("Bounds\n x", "line 6: the line ends where <=, >= or = should follow"),
        ("Bounds\n x >= inf", "line 6: nothing meets a bound >= inf: correct the number"),
        ("Bounds:\n x free", "line 5: 'Bounds:' is no section: write 'Bounds', without a colon"),
        ("Minimize\n y", "another section, as a file has one objective"),
    ],
)
def test_what_readers_disagree_on_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusal(tmp_path, with_sections(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c: 0 >= 2", "row 'c' has no variable"),
        ("3 >= 2", "a row has no variable"),
        ("c: 3 4 x >= 1", "<=, >= or = should stand where '4' does"),
        ("c: x <= 50,000,000", "'50,000,000' has ',' between its digits; write 50000000"),
        ("c: x <= 50_000", "'50_000' has '_' between its digits; write 50000"),
        ("c: x <= 50.000.000", "'50.000.000' has '.' between its digits; write 50000000"),
        ("c: 3,000,000 x <= 5", "'3,000,000' has ',' between its digits; write 3000000"),
        ("c: 3,000 x <= 5", "'3,000' has ',' between its digits; write 3000, or 3.000 if the comma is a decimal one"),
        (
            "x + y <= 1 000\n x - y >= 1",
            "the next row, since a right-hand side is one number, should stand where '000' does",
        ),
        ("c: x >= 1 d: y >= 2", "the next row"),
        ("c: 2 <= x\n - y <= 3", "line 5: row 'c': does this line go on with it, or begin the next row?"),
        ("c: 1 <= 0\n - x <= 3", "line 5: row 'c': does this line go on with it, or begin the next row?"),
        ("c: 1e30 - x <= 3", "a row has the infinite constant 1e+30"),
        ("c: x <= y", "a number should stand where 'y' does"),
        ("c: 1e20 x + y >= 1", "the coefficient 1e+20 of 'x' is infinite to HiGHS and SCIP"),
        ("c: b = 1 <-> x <= 3", "'<->'"),
        ("c: b = 1 => x <= 3", "the next row"),
        ("c: b = 2 -> x <= 3", "before '->' stands a binary variable that equals 0 or 1"),
        ("c: b >= 1 -> x <= 3", "before '->'"),
        ("c: b + x = 1 -> y <= 3", "before '->'"),
        ("c: [ x^2 ] >= 1", "quadratic terms are not part of a MILP"),
        ("c: x + [ x * y ] >= 1", "quadratic terms are not part of a MILP"),
        ("c: x + 2[ x * y ] >= 1", "quadratic terms are not part of a MILP"),
    ],
)
def test_a_row_that_nobody_or_not_everybody_reads_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusal(tmp_path, with_row(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "Minimize multi-objectives\n  OBJ0: Priority=2 Weight=1\n    x\nEnd\n",
            "line 1: the file has several objectives",
        ),
        (
            "Minimize\n a: x\n b: y\nSubject To\n c: x >= 1\nEnd\n",
            "line 3: 'Subject To' is missing before 'b:', or the file has several objectives",
        ),
        ("Minimize\n obj: x\n c1: x >= 1\nEnd\n", "line 3: 'Subject To' is missing before 'c1:', or"),
        ("Minimize\n obj: x\n 1: x >= 1\nEnd\n", "line 3: 'Subject To' is missing before '1:', or"),
        ("Minimize\n obj: x\nst:\n c1: x >= 1\nEnd\n", "line 3: 'st:' is no section: write 'st', without a colon"),
        ("Minimize\n obj: x\nSubject To:\n c1: x >= 1\nEnd\n", "line 3: 'Subject To:' is no section: write"),
        ("Minimize\n total cost: x\nSubject To\n c: x >= 1\nEnd\n", "line 2: a name has no spaces: 'total cost:'"),
        ("Min the total cost: x\nst\n c: x >= 1\nEnd\n", "line 1: a name has no spaces: 'the total cost:'"),
        ("Minimize\n x\nSubject To\n c 1: x >= 1\nEnd\n", "line 4: a name has no spaces: 'c 1:'"),
        ("Minimize\n x\nSubject To\n c: x >= 1\nSOS\n s 1: S1:: x:1\nEnd\n", "a name has no spaces: 's 1:'"),
        ("Minimize\n x\nLazy Constraints\n c: x >= 1\nEnd\n", "lazy constraints are not read"),
        ("Minimize\n x\nUser Cuts\n c: x >= 1\nEnd\n", "user cuts are not read"),
        ("Minimize\n x\nPWLObj\n x: (1,1) (2,2)\nEnd\n", "piecewise-linear objectives"),
        ("Minimize\n x\nGeneral Constraints\n c: y = MAX ( x , 3 )\nEnd\n", "general constraints"),
        (
            "Generals\n x\nEnd\n",
            "an LP file begins with Minimize or Maximize, or, without an objective, with Subject To",
        ),
        ("st <= 3\n", "line 1: 'st' begins a section"),
        *(
            (text, "this looks like lp_solve's own format: write it as MPS with 'lp_solve")
            for text in (
                "/* plan */\nmax: 3x+2y;\n",
                "max: 3x+2y;\nc1: x<=4;\n",
                "minimise : ;\n",
                "// plan\nmin: x;\n",
            )
        ),
        (
            "Maximize:\n x\nSubject To\n c: x <= 1\nEnd\n",
            "; write 'Maximize' without a colon, or, if this is lp_solve's",
        ),
    ],
)
def test_a_refusal_names_the_cause(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # The line that ends too early, not the next one.
        ("c: x + y", "line 4: the line ends where <=, >= or = should follow"),
        ("c: x + y >=\n d: x >= 1", "line 4: the line ends where a number should follow"),
        ("c: x >= 1\nBounds\n x <=\n y <= 3", "line 6: the line ends where a number should follow"),
        # The line that a thing is in, not that of what follows it.
        ("c: x >= 1\nBounds\n x <= -1\n x free", "line 7: 'x' has the upper bound -1 and is then free"),
        ("c: 2 <= x >= 1", "line 4: row 'c' needs a lower and an upper side"),
        ("c: x-1 >= 1", "line 4: 'x-1' is one name to Gurobi"),
        ("c: y + 1e25\n x >= 1", "line 5: the coefficient 1e+25 of 'x' is infinite to HiGHS and SCIP"),
        # Infinity where it means nothing.
        ("c: 1e400 x >= 1", "line 4: the coefficient of 'x' is infinite: write a smaller one"),
        ("c: x >= 1\nBounds\n x <= -inf", "line 6: nothing meets a bound <= -inf: correct the number"),
        ("c: x >= 1\nBounds\n x = inf", "line 6: nothing meets a bound = inf: correct the number"),
        ("c: x + y <= -1e30", "line 4: nothing meets a row <= -1e+30: correct the number"),
        # A word that is no section, or is none as it is written.
        ("c: x >= 1\ngens\n x", "line 5: the line ends where <=, >= or = should follow; if 'gens' is meant to begin"),
        ("c: x >= 1\nSemicontinuous\n x", "if 'Semicontinuous' is meant to begin a section: these are Subject To, B"),
        ("c: x >= 1\nGenerals:\n x", "line 5: 'Generals:' is no section: write 'Generals', without a colon"),
        ("c: x >= 1\nBinary: x", "line 5: 'Binary:' is no section: write 'Binary', without a colon"),
        # More than a bound.
        ("c: x >= 1\nBounds\n 2 x <= 4", "line 6: a bound is one variable and numbers, without a coefficient"),
        ("c: x >= 1\nBounds\n -x <= 4", "line 6: a bound is one variable and numbers, without a coefficient"),
        ("c: x >= 1\nBounds\n x + y <= 4", "line 6: a bound is one variable and numbers, without a coefficient"),
        ("c: x >= 1\nBounds\n 2 <= x + y", "line 6: a bound is one variable and numbers, without a coefficient"),
        ("c: x >= 1\nBounds\n x <= y", "line 6: a bound is one variable and numbers, without a coefficient"),
        ("c: x >= 1\nBounds\n b1: x <= 4", "line 6: a bound has no name: remove what stands before the colon"),
        ("c: x >= 1\nBounds\n <= 4", "line 6: a variable or a number should stand where '<' does"),
        # Numbers as other programs write them.
        ("c: 0x10 x >= 1", "line 4: '0x10' is neither a number nor a name"),
        ("c: 1d5 x >= 1", "line 4: '1d5' is neither a number nor a name"),
        ("c: 1_0 x >= 1", "line 4: '1_0' is neither a number nor a name"),
        ("c: 1/2 x >= 1", "line 4: <=, >= or = should stand where '/' does: write a fraction as a decimal number"),
        ("c: x >= 1/2", "where '/' does: write a fraction as a decimal number"),
        ("c: 2 1a >= 1", "line 4: '1a' begins with a digit, which a name in an LP file does not: rename it"),
        ("c: 2 * x >= 1", "where '*' does: a coefficient stands before its variable without a '*'"),
        ("c: x * y >= 1", "where '*' does: products and powers are not part of a MILP"),
        ("c: x >= 1;", "where ';' does: lines end without a semicolon"),
        ("c: x >= 1 // more", "where '/' does: comments begin with a backslash"),
        (
            "/* a remark */\nc: x >= 1",
            "line 4: <=, >= or = should stand where '/' does: comments begin with a backslash",
        ),
    ],
)
def test_a_refusal_names_the_line_and_the_cause(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, with_row(text))


def test_a_name_that_begins_with_a_digit_is_named_whole_where_gurobi_wrote_it(tmp_path: Path) -> None:
    text = with_row("c: x + 2 1a >= 1")
    assert "line 6: '1a' begins with a digit" in refusal(tmp_path, GUROBI + text)


def test_a_missing_end_is_a_warning(tmp_path: Path) -> None:
    text = "Minimize\n x\nSubject To\n c: x >= 1\nGenerals\n x\n"
    model = read(tmp_path, text)
    assert model.kind.tolist() == [VariableKind.INTEGER]
    assert model.warnings == ("has no 'End': read to its last line; is it complete?",)
    assert read(tmp_path, f"{text}End").warnings == ()


def test_variables_that_occur_in_lists_or_bounds_only_are_a_warning(tmp_path: Path) -> None:
    model = read(tmp_path, with_sections("Generals\n x u v\nBinaries\n v w q\nBounds\n u <= 3"))
    assert model.warnings == (
        "only bounds, or lists of integer, binary or semi-continuous variables, have 'u', 'v', 'w' and 1 other: CPLEX "
        "leaves them out; check the spelling",
    )
    bounded = read(tmp_path, with_sections("Bounds\n x <= 5\n xx <= -4"))
    assert (bounded.column_names, bounded.upper.tolist()) == (("x", "y", "xx"), [5, INF, -4])
    assert bounded.warnings[0].startswith(
        "only bounds, or lists of integer, binary or semi-continuous variables, have 'xx':"
    )
    (warning,) = read(tmp_path, with_sections("Generals\n p q r s t")).warnings
    assert "'p', 'q', 'r' and 2 others: " in warning


def test_a_section_with_a_colon_is_a_row_to_all_readers_and_a_warning(tmp_path: Path) -> None:
    model = read(tmp_path, with_sections("Bounds:\n x >= -5"))
    assert model.row_names == ("c", "Bounds")
    assert model.lower.tolist() == [0, 0]
    assert model.warnings == ("line 5: 'Bounds:' is read as a row's name; a section's begins without a colon",)


def test_warnings_are_kept_with_the_arrays(tmp_path: Path) -> None:
    model = read(tmp_path, "Minimize\n x\n")
    model.save(tmp_path / "arrays.npz")
    assert Model.load(tmp_path / "arrays.npz").warnings == model.warnings != ()


SETS = "Minimize\n obj: x + y + z\nSubject To\n c: x + y + z >= 1\nBounds\n x <= 4\n y <= 4\nSOS\n"


def sets(model: Model) -> list[tuple[str, int, list[tuple[str, float]]]]:
    spans = zip(model.sos_start, model.sos_start[1:], strict=False)
    members = [
        [(model.column_names[model.sos_column[k]], float(model.sos_weight[k])) for k in range(start, end)]
        for start, end in spans
    ]
    return list(zip(model.sos_names, model.sos_type.tolist(), members, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" s1: S1:: x:1 y:2 z:3\n", [("s1", 1, [("x", 1), ("y", 2), ("z", 3)])]),
        ("s1:S2::x:1 y:2\n", [("s1", 2, [("x", 1), ("y", 2)])]),
        (" so1: S1 ::  x : 1  y : 2 \n", [("so1", 1, [("x", 1), ("y", 2)])]),
        (" s1: S1:: x:1\n y:2\n z:3\n", [("s1", 1, [("x", 1), ("y", 2), ("z", 3)])]),
        (" S1:: x:1 y:2\n S2:: y:1 z:2\n", [("SOS1", 1, [("x", 1), ("y", 2)]), ("SOS2", 2, [("y", 1), ("z", 2)])]),
        (
            " S1:: x:1 y:2\n SOS1: S2:: y:1 z:2\n",
            [("SOS1_", 1, [("x", 1), ("y", 2)]), ("SOS1", 2, [("y", 1), ("z", 2)])],
        ),
        (" s1: S1:: x:2 y:-1.5e0\n", [("s1", 1, [("y", -1.5), ("x", 2)])]),
        (" s1: S1:: x:1 y:1\n", [("s1", 1, [("x", 1), ("y", 1)])]),
        (" s(3): S1:: x:0 y:1\n", [("s(3)", 1, [("x", 0), ("y", 1)])]),
        (" empty: S1::\n s2: S2:: x:1 y:2\n", [("s2", 2, [("x", 1), ("y", 2)])]),
        ("", []),
    ],
)
def test_special_ordered_sets_are_read(tmp_path: Path, text: str, expected: list[object]) -> None:
    for end in ("End\n", "Generals\n x\nEnd\n"):
        assert sets(read(tmp_path, f"{SETS}{text}{end}")) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" s1: S3:: x:1 y:2", "'S3' is no type of special ordered set"),
        (" s1: s1:: x:1 y:2", "'s1' is no type"),
        (" s1: x:1 y:2", "'x' is no type"),
        (" s1: S1: x:1 y:2", "a second ':' should stand where 'x' does"),
        (" s1: S1:: x:1 w:2", "there is no variable 'w', which a special ordered set names"),
        (" s1: S1:: x y", "a member of a set, such as x:1, or a section should stand where 'x' does"),
        (" s1: S1:: x:1 y:2 <= 2", "a member of a set"),
        (" s1: S1:: x:1,y:2", "there is no variable ',y'"),
        (" s1: S2:: x:1 y:1", "which members are neighbours is not defined"),
        (" s1: S1:: x:1 x:2", "has 'x' twice"),
        (" s1: S1:: x:1\n s1: S1:: y:1", "two special ordered sets 's1'"),
        (" s1: S1:: x:1 y:", "line 9: the line ends where a number should follow"),
    ],
)
def test_a_special_ordered_set_that_is_not_clear_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusal(tmp_path, f"{SETS}{text}\nEnd\n")


@pytest.mark.parametrize(
    ("text", "value", "terms", "lower", "upper"),
    [
        ("c: b = 1 -> x + y <= 3", 1, {"x": 1, "y": 1}, -INF, 3),
        ("c: b = 0 -> x - y >= 3", 0, {"x": 1, "y": -1}, 3, INF),
        ("c: b=1->x+b<=3", 1, {"x": 1, "b": 1}, -INF, 3),
        ("c: b = 1 ->\n x = 3", 1, {"x": 1}, 3, 3),
        ("c: b = 1\n -> x > 3", 1, {"x": 1}, 3, INF),
        ("c: b = 1.0 ->  +1 x +1 y =< +3", 1, {"x": 1, "y": 1}, -INF, 3),
        ("c: b = 1 -> 1 <= x + y <= 3", 1, {"x": 1, "y": 1}, 1, 3),
    ],
)
def test_indicator_constraints_are_read(
    tmp_path: Path, text: str, value: int, terms: dict[str, float], lower: float, upper: float
) -> None:
    model = read(
        tmp_path, f"Minimize\n obj: b + x + y\nSubject To\n before: x >= 1\n{text}\n y <= 4\nBinaries\n b\nEnd\n"
    )
    assert model.row_names == ("before", "c", "R3")
    assert model.indicator_row.tolist() == [1]
    assert model.column_names[model.indicator_column[0]] == "b"
    assert model.indicator_value.tolist() == [value]
    assert named_row(model, 1) == terms
    assert (model.row_lower[1], model.row_upper[1]) == (lower, upper)


def test_names_are_not_looked_up_column_by_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(dict[str, int]):
        walks = 0

        def __iter__(self) -> Iterator[str]:
            Counting.walks += 1
            return super().__iter__()

    class CountingBuilder(Builder):
        def __init__(self) -> None:
            super().__init__()
            self.columns = Counting()

    monkeypatch.setattr(sections, "Builder", CountingBuilder)
    walks = []
    for count in (2, 50):
        names = [f"x{number}" for number in range(count)]
        bounds = "".join(f" {name} <= 5\n" for name in names)
        rows = f"Minimize\n obj: x + {' + '.join(names)}\nSubject To\n c: x >= 1\n"
        lists = f"Binaries\n {' '.join(names)}\nGenerals\n {' '.join(f'stray{name}' for name in names)}\n"
        before = Counting.walks
        read(tmp_path, f"{rows}Bounds\n{bounds}{lists}End\n")
        walks.append(Counting.walks - before)
    assert walks[0] == walks[1] > 0


@pytest.mark.parametrize(
    ("name", "encoding"), [("\u30bd", "shift_jis"), ("x\u8868", "cp932"), ("\u4e57", "gbk"), ("\u529f", "big5")]
)
@pytest.mark.parametrize(
    "text",
    [
        "Maximize\n obj: x + {0} + 3 y\nSubject To\n c: x + y + {0}\n <= 4\nEnd\n",
        "Maximize\n obj: {0}1 + {0}2\nSubject To\n c: x <= 1\nEnd\n",
        "Minimize\n obj: y\nSubject To\n c: y >= 1\nBounds\n 1 <= {0} <= 5\nEnd\n",
    ],
)
def test_a_character_whose_second_byte_is_a_backslash_is_refused(
    tmp_path: Path, text: str, name: str, encoding: str
) -> None:
    raw = text.format(name).encode(encoding)
    assert b"\\" in raw
    path = tmp_path / "model.lp"
    path.write_bytes(raw)
    with pytest.raises(UnreadableModel, match=r"a backslash stands directly behind '.*multi-byte code page.*as UTF-8"):
        read_model(path)
    path.write_text(text.format(name))
    assert name in "".join(read_model(path).column_names)


@pytest.mark.parametrize(
    "line",
    [
        # The second byte of the long vowel in Shift-JIS, as of the first Chinese character in GBK, is a bracket.
        "c: \u30c7\u30fc\u30bf + x >= 1".encode("shift_jis"),
        "c: x + \u4e55+3\u4e5a + y >= 1".encode("gbk"),
        "\u30c7\u30fc\u30bf: x + y >= 1".encode("shift_jis"),
        "c: x >= 1\nGenerals\n \u30c7\u30fc\u30bf".encode("shift_jis"),
    ],
)
def test_a_character_whose_second_byte_is_a_bracket_is_refused(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "model.lp"
    path.write_bytes(b"Minimize\n obj: x\nSubject To\n " + line + b"\nEnd\n")
    with pytest.raises(UnreadableModel, match=r"line \d: a bracket stands directly behind '.*multi-byte code page"):
        read_model(path)


def test_other_second_bytes_of_a_code_page_stay_in_their_names(tmp_path: Path) -> None:
    # 0x40 .. 0x7e without the brackets, the backslash and the circumflex, which end names.
    seconds = [byte for byte in range(0x40, 0x7F) if chr(byte) not in "[\\]^{"]
    names = [f"x{number}".encode() + bytes([0x83, byte]) for number, byte in enumerate(seconds)]
    path = tmp_path / "model.lp"
    path.write_bytes(b"Minimize\n obj: " + b" + ".join(names) + b"\nSubject To\n c: x0 >= 1\nEnd\n")
    model = read_model(path)
    assert model.column_names[:-1] == tuple(name.decode("cp1252") for name in names)


def test_brackets_and_comments_in_a_windows_code_page_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.lp"
    text = "Minimize\n obj: caf\u00e9[1,2] + \u00e9 \\ \u00e9\\\nSubject To\n c: caf\u00e9[1,2] >= 1\nEnd\n"
    path.write_bytes(text.encode("cp1252"))
    assert read_model(path).column_names == ("caf\u00e9[1,2]", "\u00e9")


def test_labels_may_be_numbers(tmp_path: Path) -> None:
    model = read(
        tmp_path,
        "Minimize\n 1: x + y\nSubject To 1: x + y >= 1\n 2.5 : x -\n y <=\n 3\n 02:\n 2 x + 3 y >= 4\n x >= 1\n"
        " 7:3x<=9\nSOS\n 1: S1:: x:1 y:\n 2\n 2: S1:: y:1 x:2\nEnd\n",
    )
    assert model.row_names == ("1", "2.5", "02", "R4", "7")
    assert model.row_lower.tolist() == [1, -INF, 4, 1, -INF]
    assert model.value.tolist() == [1, 1, 1, -1, 2, 3, 1, 3]
    assert model.sos_names == ("1", "2")


@pytest.mark.parametrize(
    "text",
    ["c: x >=\n 1: x <= 3", "c: 2\n 3: x >= 1", "x + y >= 1 2: x <= 3", "1:: x >= 1", "-1: x >= 1", "1: 2: x >= 1"],
)
def test_a_number_with_a_colon_is_a_label_at_the_beginning_of_a_row_only(tmp_path: Path, text: str) -> None:
    assert re.search(" should stand where |the line ends where ", refusal(tmp_path, with_row(text)))

"""What MPS files mean where CPLEX, Gurobi, HiGHS and SCIP were asked: docs/reading.md has the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from instances.errors import UnreadableModel
from instances.model import VariableKind
from tests.test_instances_mps import INF, INTEGERS, bounds, fixed, mps, read

TWO = {"rows": " N obj\n N other\n L c\n", "columns": " x obj 5 other 7\n x c 1\n y obj 1 c 1\n"}
THREE = {"rows": " N obj\n L c\n L d\n", "columns": " x obj 1 c 1\n x d 1\n y obj 1 c 1\n"}


def refused(folder: Path, text: str, *words: str) -> None:
    """Assert that a file is refused with all these words."""
    with pytest.raises(UnreadableModel) as refusal:
        read(folder, text)
    for word in words:
        assert word in str(refusal.value)


WORDS = ("MAX", "MAXIMUM", "MAXIMIZE", "MAXIMISE", "max", "Maximum", "Maximization", "MIN", "MINIMUM", "minimize")


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "head",
    [
        "NAME T\nOBJSENSE\n    {}\n",
        "NAME T\nOBJSENSE {}\n",
        "NAME T\nOBJSENSE\n{}\n",
        "OBJSENSE\n\t{}\nNAME T\n",
        "NAME T\nOBJSENSE\n    {} $ of profit\n",
        "NAME T\nOBJSENSE {} $ of profit\n",
        "NAME T\nobjsense\n    {}\n",
    ],
)
def test_every_spelling_of_the_sense_is_read_wherever_it_stands(tmp_path: Path, head: str, word: str) -> None:
    assert read(tmp_path, mps(head=head.format(word))).maximise is word.upper().startswith("MAX")


@pytest.mark.parametrize("place", ["COLUMNS", "RHS", "ENDATA"])
def test_the_sense_may_stand_after_the_rows(tmp_path: Path, place: str) -> None:
    assert read(tmp_path, mps().replace(f"{place}\n", f"OBJSENSE\n MAX\n{place}\n")).maximise


def test_the_sense_may_be_fixed_format(tmp_path: Path) -> None:
    text = fixed(("OBJSENSE",), ("", "MAXIMUM"), ("ROWS",), ("N", "THE COST"), ("COLUMNS",))
    text += fixed(("", "X ONE", "THE COST", "3.0"), ("ENDATA",))
    assert read(tmp_path, text).maximise


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("OBJSENSE\n MAX\n MIN\n", "line 3: the objective's sense is given twice"),
        ("OBJSENSE\n", "line 2: section OBJSENSE has no sense: CPLEX and HiGHS minimise, Gurobi and SCIP refuse"),
        ("OBJSENSE\n \n* MAX\n", "line 4: section OBJSENSE has no sense"),
        ("OBJNAME\n", "line 2: section OBJNAME names no row"),
        ("OBJSENSE MAX\n MIN\n", "line 2: the objective's sense is given twice"),
        ("OBJSENSE\n MAX\nOBJSENSE\n MIN\n", "a second section OBJSENSE"),
        ("OBJSENSE\n MAX MIN\n", "not 'MAX MIN'"),
        ("OBJSENSE MAX obj\n", "not 'MAX obj'"),
        ("OBJSENSE\n -1\n", "MAX or MIN, not '-1'"),
        ("OBJSENSE: MAX\n", "section OBJSENSE stands without a colon"),
    ],
)
def test_a_sense_that_solvers_read_differently_is_refused(tmp_path: Path, head: str, words: str) -> None:
    refused(tmp_path, mps(head=head), words)


@pytest.mark.parametrize(("name", "what"), [("c", "is a constraint"), ("zzz", "is not in section ROWS")])
def test_objname_names_an_objective_row_or_is_refused(tmp_path: Path, name: str, what: str) -> None:
    refused(tmp_path, mps(head=f"OBJNAME\n {name}\n", **TWO), f"'{name}'", what, "CPLEX, Gurobi and HiGHS", "SCIP")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (mps(head="OBJNAME other\n", **TWO), "on the line after OBJNAME"),
        (mps(head="OBJNAME\n other\n obj\n", **TWO), "a second name in section OBJNAME"),
        (mps(**TWO).replace("COLUMNS", "OBJNAME\n other\nCOLUMNS"), "OBJNAME after section ROWS"),
        (mps(**TWO).replace("ENDATA", "OBJNAME\n other\nENDATA"), "OBJNAME after section ROWS"),
    ],
)
def test_objname_stands_before_the_rows_with_one_name(tmp_path: Path, text: str, words: str) -> None:
    refused(tmp_path, text, words)


COMMENTED = mps(
    rows=" N obj $ what it costs\n L c $\n E d $ x 3\n",
    columns=" M1 'MARKER' 'INTORG' $ whole\n x obj 1 $ per unit\n x c 2 d 3 $unit\n M2 'MARKER' 'INTEND'\n y c 4 $\n",
    sides=" RHS c 9 $ tons\n d 8 $ tons\n",
    rest="RANGES $ which\n RNG c 2 $ tons 3\nBOUNDS\n UP BND x 3 $ at most\n FR BND y $ free\n",
).replace(" d 8", " RHS d 8")


def test_a_comment_begins_with_a_dollar_in_all_sections(tmp_path: Path) -> None:
    model = read(tmp_path, COMMENTED)
    assert (model.objective.tolist(), model.value.tolist()) == ([1, 0], [2, 4, 3])
    assert (model.row_lower.tolist(), model.row_upper.tolist()) == ([7, 8], [9, 8])
    assert (model.lower.tolist(), model.upper.tolist()) == ([0, -INF], [3, INF])
    assert model.kind.tolist() == [VariableKind.INTEGER, VariableKind.CONTINUOUS]


def test_a_comment_may_stand_in_a_fixed_file_with_spaces_in_its_names(tmp_path: Path) -> None:
    text = fixed(
        ("ROWS",),
        ("N", "THE COST"),
        ("L", "ROW ONE", "", "$ iron is scarce, and it costs more than the others do"),
        ("COLUMNS",),
        ("", "COL ONE", "THE COST", "1.0", "$ a ton"),
        ("", "COL ONE", "ROW ONE", "2.0", "THE COST", "0.0    $ behind"),
        ("RHS",),
        ("", "RHS", "ROW ONE", "4.0", "$"),
        ("ENDATA",),
    ).replace("   THE COST  0.0 ", "   $THE COST 0.0 ")
    model = read(tmp_path, text)
    assert (model.column_names, model.row_names) == (("COL ONE",), ("ROW ONE",))
    assert (model.objective.tolist(), model.value.tolist(), model.row_upper.tolist()) == ([1], [2], [4])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (mps(rows=" N obj\n L $c\n", columns=" x obj 1 $c 1\n", sides=""), "$c"),
        (mps(rows=" N $obj\n L c\n", columns=" x $obj 1 c 1\n"), "$obj"),
        (mps(rows=" N obj\n L $c\n", columns=" x obj 1\n", sides=" RHS $c 1\n"), "$c"),
        (mps(columns=" $x obj 1 c 1\n", rest="BOUNDS\n UP B $x 1\n"), "$x"),
        (mps(columns=" $x obj 1 c 1\n", rest="BOUNDS\n UP $x 1\n"), "$x"),
        (mps(columns=" $x obj 1 c 1\n", rest="BOUNDS\n FR $x\n"), "$x"),
    ],
)
def test_a_name_that_some_solvers_take_for_a_comment_is_refused(tmp_path: Path, text: str, name: str) -> None:
    refused(tmp_path, text, f"'{name}' is a name to Gurobi and HiGHS here", "CPLEX and SCIP")


def test_a_dollar_elsewhere_belongs_to_the_name(tmp_path: Path) -> None:
    model = read(tmp_path, mps(rows=" N o$\n L c$1\n", columns=" $x o$ 1 c$1 1\n y$ c$1 2\n", sides=" $R c$1 4\n"))
    assert (model.column_names, model.row_names) == (("$x", "y$"), ("c$1",))
    assert (model.value.tolist(), model.row_upper.tolist()) == ([1, 2], [4])


def test_a_second_set_may_repeat_what_the_first_one_has(tmp_path: Path) -> None:
    text = mps(
        sides=" R1 c 4\n R2 c 5\n",
        rest="RANGES\n S1 c 1\n S2 c 2\nBOUNDS\n UP B1 x 3\n LO B1 y 1\n UP B2 x 4\n LO B2 y 2\n UP B1 y 8\n",
    )
    model = read(tmp_path, text)
    assert (model.row_lower.tolist(), model.row_upper.tolist()) == ([3], [4])
    assert (model.lower.tolist(), model.upper.tolist()) == ([0, 1], [3, 8])
    assert model.warnings == (
        "section RHS: the set 'R2' repeats what 'R1' has and is left out",
        "section RANGES: the set 'S2' repeats what 'S1' has and is left out",
        "section BOUNDS: the set 'B2' repeats what 'B1' has and is left out",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (mps(sides=" R1 c 4\n R2 d 5\n", **THREE), "line 12: a second set 'R2' in section RHS after 'R1'"),
        (mps(sides=" R1 c 4\n R2 obj 5\n"), "row 'obj'"),
        (mps(sides=" R1 c 4 obj 5\n R2 obj 6\n"), "row 'obj'"),
        (mps(rest="RANGES\n S1 c 2\n S2 d 3\n", **THREE), "a second set 'S2' in section RANGES"),
        (mps(rest="BOUNDS\n UP B1 x 3\n UP B2 y 4\n"), "a second set 'B2' in section BOUNDS"),
        (mps(rest="BOUNDS\n UP B1 x 3\n LO B2 x 1\n"), "this bound LO of column 'x'"),
        (mps(rest="BOUNDS\n UP B1 x 3\n FX B2 x 1\n"), "this bound FX of column 'x'"),
        (mps(rest="BOUNDS\n UP B1 x 3\n UI B2 x 3\n"), "this bound UI of column 'x'"),
    ],
)
def test_what_a_second_set_adds_is_refused_with_who_reads_it(tmp_path: Path, text: str, words: str) -> None:
    refused(tmp_path, text, words, "CPLEX and SCIP leave that out, Gurobi and HiGHS read it")


@pytest.mark.parametrize(
    "text", [mps(sides=" R1 c 4\n c 4\n"), mps(rest="BOUNDS\n UP x 3\n UP B y 3\n"), mps(rest="RANGES\n R c 1\n c 1\n")]
)
def test_a_set_is_named_in_all_lines_of_a_section_or_in_none(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text, "in some lines and none in others")


@pytest.mark.parametrize("section", ["RHS", "RANGES"])
def test_a_set_that_reads_as_a_row_and_its_value_is_refused(tmp_path: Path, section: str) -> None:
    text = fixed(
        ("ROWS",),
        ("N", "COST"),
        ("L", "R"),
        ("L", "C"),
        ("COLUMNS",),
        ("", "X", "COST", "1.0", "R", "1.0"),
        ("", "X", "C", "1.0"),
        (section,),
        ("", "R 7", "C", "4.0"),
        ("ENDATA",),
    )
    refused(tmp_path, text, "line 9: 'R 7' is a row and its value to HiGHS, and the name of a set")
    for line in ("    R_7       C         4.0", " R 7 C 4.0"):
        assert read(tmp_path, text.replace("    R 7       C         4.0", line)).columns == 1


def test_an_objective_has_one_right_hand_side(tmp_path: Path) -> None:
    refused(tmp_path, mps(sides=" RHS obj 4\n RHS obj 4\n"), "a second value for row 'obj'")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (" LO B x 9\n FX B x 9\n", "a bound FX where it has LO already"),
        (" UP B x 1\n BV B x\n", "a bound BV where it has UP already"),
        (" UP B x 5\n UI B x 5\n", "a bound UI where it has UP already"),
        (" UP B x 1e30\n FR B x\n", "a bound FR where it has UP already"),
        (" SC B x 5\n FX B x 5\n", "a bound FX where it has SC already"),
    ],
)
def test_a_bound_of_another_type_in_the_same_place_is_refused(tmp_path: Path, lines: str, words: str) -> None:
    refused(tmp_path, mps(rest=f"BOUNDS\n{lines}"), words, "CPLEX")


def test_the_same_bound_may_be_given_twice(tmp_path: Path) -> None:
    assert bounds(tmp_path, " UP B x 5\n UP B x 5\n FX B y 1\n FX B y 1\n")[:2] == (0, 5)


def test_the_same_right_hand_side_may_be_given_twice(tmp_path: Path) -> None:
    assert read(tmp_path, mps(sides=" R c 4\n R c 4.0\n")).row_upper.tolist() == [4]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (" UP BND z 3\n", ("'z' is not in section COLUMNS", "HiGHS and SCIP would add it", "Gurobi")),
        (" UP BND x\n", ("line 11: the bound UP of column 'x' has no value",)),
        (" FX BND x\n", ("line 11: the bound FX of column 'x' has no value",)),
        (" UP x\n", ("a type, a set, a column and a value, not 'UP x'",)),
        (" UP BND x 3 y 4\n", ("not 'UP BND x 3 y 4'",)),
        (" UP BND x nan\n", ("nothing meets column 'x' <= nan",)),
        (" FR BND x free\n", ("'free' is no number",)),
        (" SC BND x -9\n", ("semi-continuous column 'x'", "-9", "CPLEX 1", "HiGHS and SCIP 0")),
        (" SI BND x -9\n", ("semi-continuous column 'x'",)),
        (
            " SC BND x 9\n LI BND x 2\n",
            ("semi-continuous column 'x' has the bound LI", "CPLEX and SCIP", "Gurobi and HiGHS"),
        ),
        (" SI BND x 9\n LI BND x 2\n", ("semi-continuous column 'x' has the bound LI",)),
        (" UP BND x 0x10\n", ("'0x10' is no number",)),
        (" UP BND x 1,5\n", ("'1,5' is no number",)),
        (" UP BND x \u0663\n", ("'\u0663' is no number",)),
    ],
)
def test_a_bound_that_solvers_read_differently_is_refused(tmp_path: Path, lines: str, words: tuple[str, ...]) -> None:
    refused(tmp_path, mps(rest=f"BOUNDS\n{lines}"), *words)


@pytest.mark.parametrize(
    ("lines", "integer", "kind"),
    [
        (" SC B x 9\n SC B x 9\n", False, VariableKind.SEMI_CONTINUOUS),
        (" SC B x 9\n SC B x 9\n", True, VariableKind.SEMI_INTEGER),
        (" LI B x 2\n SC B x 9\n", False, VariableKind.SEMI_INTEGER),
    ],
)
def test_a_bound_adds_to_the_kind_of_a_column(tmp_path: Path, lines: str, integer: bool, kind: int) -> None:
    assert bounds(tmp_path, lines, integer=integer)[2] == kind


def test_a_bound_of_a_column_whose_name_is_a_number_needs_its_set(tmp_path: Path) -> None:
    columns = " x obj 1 c 1\n 3 obj 1 c 1\n"
    assert read(tmp_path, mps(columns=columns, rest="BOUNDS\n UP B 3 2\n")).upper.tolist() == [INF, 2]
    refused(tmp_path, mps(columns=columns, rest="BOUNDS\n UP x 3\n"), "a set, a column and a value")


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("M1 MARKER INTORG", "a marker is written 'MARKER'"),
        ("M1 'marker' 'intorg'", "a marker is written 'MARKER'"),
        ('M1 "MARKER" "INTORG"', "a marker is written 'MARKER'"),
        ("M1 'MARKER' 'BINORG'", "a marker is a name, 'MARKER', and 'INTORG'"),
        ("M1 'MARKER' 'SOSORG'", "put them into section SOS"),
    ],
)
def test_a_marker_spelled_otherwise_is_refused(tmp_path: Path, marker: str, words: str) -> None:
    refused(tmp_path, mps(columns=f" {marker}\n x obj 1 c 1\n"), words)


def test_integers_may_last_to_the_end_of_the_columns(tmp_path: Path) -> None:
    assert read(tmp_path, mps(columns=f"{INTEGERS[0]} x obj 1 c 1\n")).kind.tolist() == [VariableKind.INTEGER]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (mps(rows=" N o1 2 1 1e-06 0\n N o2 1 1 1e-06 0\n L c\n", columns=" x o1 1 c 1\n"), "several objectives"),
        (mps(rest="MULTIOBJ\n x\n"), "several objectives"),
        (mps().replace("COLUMNS", "LAZYCONS\n L d\nCOLUMNS"), "lazy constraints"),
        (mps().replace("COLUMNS", "USERCUTS\n L d\nCOLUMNS"), "user cuts"),
        (mps(rest="GENCONS\n MAX g\n x\n y\n"), "general constraints"),
        (mps(rest="PWLOBJ\n x 0 0\n"), "piecewise-linear"),
        (mps(rest="QSECTION obj\n x x 2\n"), "quadratic"),
        (mps(rest="CSECTION k 0.0 QUAD\n x\n"), "cones"),
        (mps(rest="SOS1\n S1 s\n x 1\n"), "stand in a section SOS"),
        (mps(rest="SCENARIOS 1\n NAME 0\n"), "scenarios"),
    ],
)
def test_what_is_beyond_a_milp_is_refused_by_its_name(tmp_path: Path, text: str, words: str) -> None:
    refused(tmp_path, text, words)


@pytest.mark.parametrize(
    "text",
    [
        mps().replace("RHS\n RHS c 4\n", "RHS c 4\n"),
        mps(rest="BOUNDS UP BND x 3\n"),
        mps().replace("COLUMNS\n x obj 1 c 1\n", "COLUMNS x obj 1 c 1\n"),
    ],
)
def test_data_on_the_line_of_a_section_are_refused(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text, "data behind the name of section")


def test_words_on_the_line_of_a_section_say_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, mps().replace("COLUMNS\n", "COLUMNS (two of them)\n")).columns == 2


def test_a_comment_that_says_maximize_where_no_section_does_is_told(tmp_path: Path) -> None:
    text = mps(rows=" N obj\n L c\n", columns=" x obj 1 c 1\n")
    model = read(tmp_path, f"*SENSE:Maximize\n{text}")
    assert not model.maximise
    (warning,) = model.warnings
    assert "read as a minimisation" in warning
    assert read(tmp_path, f"*SENSE:Minimize\n{text}").warnings == ()
    assert read(tmp_path, f"*SENSE:Maximize\nOBJSENSE\n MAX\n{text}").warnings == ()


def test_a_bound_without_a_value_of_no_column_names_what_may_have_been_meant(tmp_path: Path) -> None:
    refused(tmp_path, mps(rest="BOUNDS\n FR BND zz\n"), "neither 'BND' nor 'zz' is a column")

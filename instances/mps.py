"""Reading MPS, fixed and free, strictly: what is not understood is refused with its line, never guessed.

Solvers' own readers are lax, each in its way. HiGHS 1.15 reads a file that was cut off as another model, drops a
coefficient "nan", reads "1a" as 1 and loses a negative range that stands before its right-hand side. Here a file means
one thing or is refused, and all solvers get the same arrays. What CPLEX, Gurobi, HiGHS and SCIP agree on is read so,
and mostly what three of them read. Where they differ a file is refused, or read as follows (`docs/reading.md` says
who reads what):

- An integer column between markers without any bound is 0 .. 1; with any bound, what is not given is 0 and +inf
  (CPLEX, Gurobi, SCIP, HiGHS).
- A negative upper bound without a lower bound makes the lower bound -inf, for UP and UI alike (CPLEX, Gurobi, SAS;
  HiGHS, SCIP and OR-Tools leave 0, which no number meets). An upper bound of zero does not.
- A right-hand side on the objective row is minus the objective's constant (all).
- A range R on an E row with right-hand side b is b .. b + R, or b + R .. b for a negative R; on other rows its sign
  means nothing (all).
- SC on an integer column makes it semi-integer (CPLEX, Gurobi); HiGHS drops the integrality.
- Numbers from 1e20 on are infinite as bounds, right-hand sides and ranges.
- N rows beyond the objective constrain nothing and are left out.
- The sense is a word that begins with MAX or MIN, below OBJSENSE or on its line (CPLEX reads none on its line).
- OBJNAME says which N row is the objective (CPLEX, SCIP; the others take the first one). Any other name is refused.
- $ begins a comment from the second name of a line on (CPLEX, SCIP, in part HiGHS), unless a row or column is called
  so, which is refused.
- Of a second set of RHS, RANGES or BOUNDS, what repeats the first set is left out (all); what it adds is refused.
- Two different bounds for one thing, two right-hand sides, two entries in one place: some readers take the first, some
  the last, some the sum. Here they are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from math import isfinite

from instances.builder import INFINITY, Builder, bounded
from instances.errors import UnreadableModel
from instances.model import Model, VariableKind
from instances.mps_bounds import SENSES, VALUED, VALUELESS, Bounds
from instances.mps_fields import (
    Problem,
    check_side,
    cut_fixed,
    dollar,
    is_number,
    number,
    quote,
    shortened,
    uncommented,
)
from instances.mps_logic import SetSection, add_indicator
from instances.text import ASCII, UTF_8, WHITE, split_fields, stripped

_SECTIONS = ("NAME", "OBJSENSE", "OBJNAME", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "SOS", "INDICATORS", "ENDATA")
_SENSES = {"N": "=", "E": "=", "L": "<=", "G": ">="}
"""What a row's right-hand side says of it, by the row's type."""
_ALSO_CALLED = {"SETS": "SOS"}
_REFUSED = {
    **dict.fromkeys(("QUADOBJ", "QMATRIX", "QSECTION", "QCMATRIX"), "quadratic terms are not part of a MILP"),
    "CSECTION": "cones are not part of a MILP",
    "LAZYCONS": "lazy constraints are not read; put them into section ROWS, where they always hold",
    "USERCUTS": "user cuts are not read; leave them out, the model is the same without them",
    "GENCONS": "general constraints (MAX, ABS, PWL and the like) are not read; write them as linear rows",
    **dict.fromkeys(("SOS1", "SOS2"), "special ordered sets stand in a section SOS, with S1 or S2 before each name"),
    "PWLOBJ": "piecewise-linear objectives are not read; write them with linear rows and special ordered sets",
    "SCENARIOS": "several scenarios are not read; write each as a model of its own",
    "MULTIOBJ": "several objectives are not part of a MILP; keep one",
    "DELAYEDROWS": "delayed rows are not read; put them into section ROWS, where they always hold",
    "MODELCUTS": "model cuts are not read; leave them out, the model is the same without them",
}


class _Malformed(Exception):
    """The file is not MPS of this layout."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


def read_mps(source: Callable[[], AbstractContextManager[Iterable[str]]], encoding: str = UTF_8) -> Model:
    """Read a model from the lines of an MPS file, cut by white space or, if that makes no sense, by position.

    Args:
        source: opens the file; called once per attempt.
        encoding: of the file, `ASCII`, `UTF_8` or `BYTEWISE`: the columns of a fixed file are bytes.

    Raises:
        UnreadableModel: says what is wrong and in which line.

    """
    problems: list[_Malformed] = []
    for cut in (str.split if encoding == ASCII else split_fields, partial(cut_fixed, encoding=encoding)):
        try:
            with source() as lines:
                return _read(lines, _Reader(cut, encoding))
        except _Malformed as problem:
            problems.append(problem)
    # The layout that made sense for longer is the one that was meant.
    meant = max(problems, key=lambda problem: problem.line)
    raise UnreadableModel(str(meant))


def _read(lines: Iterable[str], reader: _Reader) -> Model:
    try:
        for line in lines:
            reader.take(line)
            if reader.ended:
                break
        else:
            raise Problem("the file ends without ENDATA: is it complete?")
    except (Problem, ValueError) as problem:
        raise _Malformed(reader.line, f"line {reader.line}: {problem}") from None
    try:
        return reader.model()
    except ValueError as problem:
        raise _Malformed(reader.line, str(problem)) from None


class _Reader:
    """What has been read so far."""

    def __init__(self, cut: Callable[[str], list[str]], encoding: str) -> None:
        self._cut = cut
        self._encoding = encoding
        self._builder = Builder()
        self._bounds = Bounds(self._builder)
        self._sets = SetSection(self._builder)
        self._takers: dict[str, Callable[[str], None]] = {
            "OBJSENSE": self._take_sense_line,
            "OBJNAME": self._take_objective_name,
            "ROWS": self._take_row,
            "COLUMNS": self._take_column,
            "RHS": self._take_right_hand_side,
            "RANGES": self._take_range,
            "BOUNDS": self._take_bound,
            "SOS": self._take_set,
            "INDICATORS": self._take_indicator,
        }
        self._section = ""
        self._seen: set[str] = set()
        self._set_names: dict[str, str] = {}
        self._repeated: set[str] = set()
        """The sections in which a second set repeats the first, which is said once."""
        self._row_types: dict[str, str] = {}
        self._sense: bool | None = None
        self._told_sense = False
        """Whether a comment says that the objective is maximised, as PuLP writes it."""
        self._named: str | None = None
        """What OBJNAME says."""
        self._objective_name: str | None = None
        self._column: str | None = None
        self._column_index = 0
        self._integer = False
        self._right_hand_sides: dict[str, float] = {}
        self._ranges: dict[str, float] = {}
        self.line = 0
        """The number of the line that was taken last."""
        self.ended = False

    def take(self, line: str) -> None:
        """Take in the next line."""
        self.line += 1
        if line[0] == "*":
            self._told_sense |= line.upper().replace(" ", "").startswith(("*SENSE:MAX", "*SENSE=MAX"))
            return
        if line.isspace() and not stripped(line):
            return
        if line[0] not in WHITE:
            self._enter(line)
        elif self._section in self._takers:
            self._takers[self._section](line)
        else:
            raise Problem(f"data outside a section: {quote(line)}")

    def model(self) -> Model:
        """Return the model, once all lines are taken."""
        builder = self._builder
        builder.maximise = bool(self._sense)
        if self._told_sense and self._sense is None:
            builder.warnings.append(
                "a comment says Maximize, but no section OBJSENSE does: read as a minimisation, as all solvers do; "
                "add OBJSENSE MAX if the objective is to be maximised (PuLP: writeMPS(..., with_objsense=True))"
            )
        for name, index in builder.rows.items():
            builder.row_lower[index], builder.row_upper[index] = self._row_bounds(name)
        if self._objective_name is not None:
            builder.offset = 0.0 - self._right_hand_sides.get(self._objective_name, 0.0)
        for name, index in builder.columns.items():
            builder.lower[index], builder.upper[index] = self._bounds.of(name, index)
        return builder.build()

    def _fields(self, line: str, first: int) -> list[str]:
        """Cut a data line; a comment may begin from the field ``first`` on, counted from 0."""
        fields = self._cut(line)
        return uncommented(fields, first, self._row_types, self._builder.columns) if "$" in line else fields

    def _enter(self, line: str) -> None:
        word, *rest = split_fields(line)
        if "$" in line:
            rest = uncommented(rest, 0)
        word = word.upper()
        if self._section == "OBJSENSE" and word.startswith(("MAX", "MIN")):
            self._take_sense([word, *rest])
            return
        if word in _REFUSED:
            raise Problem(f"section {word}: {_REFUSED[word]}")
        word = _ALSO_CALLED.get(word, word)
        if word.endswith(":") and word[:-1] in _SECTIONS:
            raise Problem(f"section {word[:-1]} stands without a colon: with one, solvers read it differently")
        if word not in _SECTIONS:
            raise Problem(f"{quote(line)} is no section of an MPS file; data lines start with a space")
        self._check_order(word)
        self._check_said()
        if self._section == "SOS":
            self._sets.finish()
        self._seen.add(word)
        self._section = word
        self.ended = word == "ENDATA"
        if word == "OBJSENSE" and rest:
            self._take_sense(rest)
        elif word == "OBJNAME" and rest:
            raise Problem("the name of the objective row stands on the line after OBJNAME, behind a space")
        elif word not in ("NAME", "ENDATA") and rest and is_number(rest[-1]):
            # CPLEX, Gurobi and SCIP would leave them out.
            raise Problem(f"data behind the name of section {word}: put them on the next line, behind a space")
        if word == "COLUMNS":
            self._choose_objective()

    def _check_said(self) -> None:
        """Refuse that the section which ends was to say something and did not."""
        if self._section == "OBJSENSE" and self._sense is None:
            raise Problem(
                "section OBJSENSE has no sense: CPLEX and HiGHS minimise, Gurobi and SCIP refuse the file; write MAX "
                "or MIN below it"
            )
        if self._section == "OBJNAME" and self._named is None:
            raise Problem("section OBJNAME names no row: name one, or take the section out")

    def _check_order(self, word: str) -> None:
        if word in self._seen:
            raise Problem(f"a second section {word}")
        if word in ("COLUMNS", "RHS", "RANGES", "BOUNDS", "SOS", "INDICATORS", "ENDATA"):
            needed = "ROWS" if word == "COLUMNS" else "COLUMNS"
            if needed not in self._seen:
                raise Problem(f"section {word} before section {needed}")
        if word == "OBJNAME" and "ROWS" in self._seen:
            raise Problem("section OBJNAME after section ROWS, where no solver reads it: put it before ROWS")

    def _take_sense_line(self, line: str) -> None:
        fields = split_fields(line)
        self._take_sense(uncommented(fields, 1) if "$" in line else fields)

    def _take_sense(self, fields: list[str]) -> None:
        word = fields[0].upper()
        if len(fields) != 1 or not word.startswith(("MAX", "MIN")):
            raise Problem(f"the objective's sense is MAX or MIN, not {quote(' '.join(fields))}")
        sense = word.startswith("MAX")
        if self._sense not in (None, sense):
            raise Problem(
                "the objective's sense is given twice: CPLEX takes the first one and HiGHS the last; keep one"
            )
        self._sense = sense

    def _take_objective_name(self, line: str) -> None:
        if self._named is not None:
            raise Problem("a second name in section OBJNAME")
        self._named = stripped(line)

    def _choose_objective(self) -> None:
        first = next((name for name, type in self._row_types.items() if type == "N"), None)
        self._objective_name = first if self._named is None else self._named
        if self._named is not None and self._row_types.get(self._named) != "N":
            what = "is a constraint" if self._named in self._row_types else "is not in section ROWS"
            raise Problem(
                f"OBJNAME names {self._named!r}, which {what}: CPLEX, Gurobi and HiGHS take the first N row instead, "
                "SCIP does not; name an N row, or take section OBJNAME out"
            )

    def _take_row(self, line: str) -> None:
        fields = self._fields(line, 2)
        if fields[0] == "N" and len(fields) > 2 and all(is_number(field) for field in fields[2:]):
            raise Problem(
                f"row {fields[1]!r} is one of several objectives, with a priority or weight: these are not part of a "
                "MILP; keep one objective, without numbers behind it"
            )
        if len(fields) != 2 or fields[0] not in ("N", "L", "G", "E"):
            raise Problem(f"a row is a type, one of N L G E, and a name, not {quote(line)}")
        type, name = fields
        if name in self._row_types:
            raise Problem(f"a second row {name!r}")
        self._row_types[name] = type
        if type != "N":
            self._builder.add_row(name)

    def _take_column(self, line: str) -> None:
        if "'MARKER'" in line and "'MARKER'" in (words := split_fields(line)):
            # By white space in both layouts: writers are careless about the positions.
            self._take_marker(uncommented(words, 1), line)
            return
        fields = self._fields(line, 1)
        if len(fields) not in (3, 5):
            raise Problem(f"a column's line is a column, then one or two rows with values, not {quote(line)}")
        name = fields[0]
        if name != self._column:
            if name in self._builder.columns:
                raise Problem(f"column {name!r} goes on after another column began")
            kind = VariableKind.INTEGER if self._integer else VariableKind.CONTINUOUS
            self._column, self._column_index = name, self._builder.add_column(name, kind=kind)
            if self._integer:
                self._bounds.marked.add(self._column_index)
        for place in range(1, len(fields), 2):
            self._put(fields[place], fields[place + 1])

    def _take_marker(self, fields: list[str], line: str) -> None:
        if len(fields) == 3 and fields[2] in ("'SOSORG'", "'SOSEND'"):
            raise Problem("special ordered sets between markers are not read; put them into section SOS")
        if len(fields) != 3 or fields[1] != "'MARKER'" or fields[2] not in ("'INTORG'", "'INTEND'"):
            raise Problem(f"a marker is a name, 'MARKER', and 'INTORG' or 'INTEND', not {quote(line)}")
        self._integer = fields[2] == "'INTORG'"

    def _put(self, row: str, text: str) -> None:
        index = self._builder.rows.get(row)
        if index is not None:
            self._builder.add_entry(index, self._column_index, self._coefficient(row, text))
            return
        if row not in self._row_types:
            if row.strip("'\"").upper() == "MARKER":
                raise Problem(
                    "a marker is written 'MARKER' and 'INTORG' or 'INTEND', in capitals and quotes like these"
                )
            raise Problem(f"row {row!r} is not in section ROWS")
        value = self._coefficient(row, text)
        if row == self._objective_name:
            if self._builder.objective[self._column_index]:
                raise Problem(f"a second objective coefficient of {self._column!r}")
            self._builder.objective[self._column_index] = value

    def _coefficient(self, row: str, text: str) -> float:
        value = number(text)
        if not isfinite(value):
            raise Problem(
                f"row {row!r} has the coefficient {shortened(text)} at {self._column!r}: write a finite number"
            )
        return value

    def _take_right_hand_side(self, line: str) -> None:
        self._take_row_values(line, self._right_hand_sides)

    def _take_range(self, line: str) -> None:
        self._take_row_values(line, self._ranges)

    def _take_row_values(self, line: str, values: dict[str, float]) -> None:
        fields = self._fields(line, 1)
        if len(fields) not in (2, 3, 4, 5):
            raise Problem(f"a line of {self._section} is a set, then one or two rows with values, not {quote(line)}")
        # Without the name of the set, which may be left out, their number is even.
        set_name = fields.pop(0) if len(fields) % 2 else ""
        if not set_name:
            self._check_position(line, fields)
        second = self._is_second(set_name)
        for row, text in zip(fields[::2], fields[1::2], strict=True):
            if row not in self._row_types:
                raise Problem(f"row {row!r} is not in section ROWS")
            value = number(text)
            if values is self._right_hand_sides:
                check_side(value, text, f"row {row!r}", _SENSES[self._row_types[row]])
            elif value != value:
                raise Problem(f"row {row!r} has the range {shortened(text)}: write a number")
            # Solvers differ in an objective's repeated right-hand side, and in a repeated range.
            free = self._row_types[row] == "N"
            if second:
                self._check_repeated(set_name, row in values and not free, f"row {row!r}")
            elif row in values and (free or values is self._ranges or values[row] != value):
                raise Problem(f"a second value for row {row!r} in section {self._section}")
            else:
                values[row] = value

    def _check_position(self, line: str, fields: list[str]) -> None:
        """Refuse a line that has no set by white space, but one with a space in its name by position."""
        try:
            set_name, *placed = cut_fixed(line, self._encoding)
        except Problem:
            return
        if placed == fields[2:] and placed and placed[0] in self._row_types:
            # Not a Problem, after which the file would be read by position.
            raise UnreadableModel(
                f"line {self.line}: {set_name!r} is a row and its value to HiGHS, and the name of a set, by its "
                "position, to Gurobi and SCIP: give the set a name without a space"
            )

    def _is_second(self, set_name: str) -> bool:
        """Return whether this is not the section's first set, whose values count."""
        first = self._set_names.setdefault(self._section, set_name)
        if set_name != first and not (set_name and first):
            raise Problem(
                f"section {self._section} has the set {set_name or first!r} in some lines and none in others: HiGHS "
                "reads all of them, SCIP those like the first one; name one set in all lines"
            )
        return set_name != first

    def _check_repeated(self, set_name: str, known: bool, what: str) -> None:
        """Let a second set repeat what the first one has; all solvers keep to the first one then."""
        if not known:
            raise Problem(
                f"a second set {set_name!r} in section {self._section} after {self._set_names[self._section]!r}, which "
                f"does not have {what}: CPLEX and SCIP leave that out, Gurobi and HiGHS read it; keep the set that "
                "counts"
            )
        if self._section not in self._repeated:
            self._repeated.add(self._section)
            first = self._set_names[self._section]
            self._builder.warnings.append(
                f"section {self._section}: the set {set_name!r} repeats what {first!r} has and is left out"
            )

    def _row_bounds(self, name: str) -> tuple[float, float]:
        type = self._row_types[name]
        side = bounded(self._right_hand_sides.get(name, 0.0))
        span = self._ranges.get(name)
        width = None if span is None else abs(bounded(span))
        if type == "L":
            return -INFINITY if width is None else side - width, side
        if type == "G":
            return side, INFINITY if width is None else side + width
        if span is None or width is None:
            return side, side
        return (side - width, side) if span < 0 else (side, side + width)

    def _take_bound(self, line: str) -> None:
        fields = self._fields(line, 2)
        type = fields[0]
        if type not in VALUED and type not in VALUELESS:
            raise Problem(f"{type!r} is no type of bound; these are {' '.join(VALUED + VALUELESS)}")
        set_name, name, text = self._parts_of_bound(type, fields[1:], line)
        column = self._builder.columns.get(name)
        if column is None:
            raise Problem(
                f"column {name!r} is not in section COLUMNS; HiGHS and SCIP would add it to the model, Gurobi would "
                "leave its bound out"
            )
        if name.startswith("$"):
            raise Problem(dollar(name))
        value = bounded(number(text)) if text else 0.0
        if type in VALUED:
            check_side(value, text, f"column {name!r}", SENSES[type])
        if self._is_second(set_name):
            self._check_repeated(set_name, self._bounds.has(type, column), f"this bound {type} of column {name!r}")
        else:
            self._bounds.add(type, name, column, value if type in VALUED else 0.0)

    def _parts_of_bound(self, type: str, fields: list[str], line: str) -> tuple[str, str, str]:
        """Return set, column and value, of which the first and, where none is needed, the last may be empty."""
        columns = self._builder.columns
        match fields:
            case [set_name, name, text]:
                return set_name, name, text
            case [set_name, name] if type in VALUELESS and set_name not in columns and name not in columns:
                raise Problem(f"neither {set_name!r} nor {name!r} is a column of section COLUMNS")
            case [set_name, name] if name in columns and (type in VALUELESS or not is_number(name)):
                if type in VALUED:
                    raise Problem(f"the bound {type} of column {name!r} has no value")
                return set_name, name, ""
            case [name, text] if text not in columns:
                return "", name, text
            case [name] if type in VALUELESS:
                return "", name, ""
        value = " and a value" if type in VALUED else ""
        raise Problem(f"a bound {type} is a type, a set, a column{value}, not {quote(line)}")

    def _take_set(self, line: str) -> None:
        self._sets.take(line, self._fields(line, 1))

    def _take_indicator(self, line: str) -> None:
        add_indicator(self._builder, line, self._fields(line, 1), self._row_types.__contains__)

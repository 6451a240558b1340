"""Reading MPS, fixed and free, strictly: what is not understood is refused with its line, never guessed.

Solvers' own readers are lax, each in its way. HiGHS 1.15 reads a file that was cut off as another model, drops a
coefficient "nan", reads "1a" as 1 and loses a negative range that stands before its right-hand side. Here a file means
one thing or is refused, and all solvers get the same arrays. Where readers disagree:

- An integer column between markers without any bound is 0 .. 1; with any bound, what is not given is 0 and +inf
  (CPLEX, Gurobi, SCIP, HiGHS).
- A negative upper bound without a lower bound makes the lower bound -inf, for UP and UI alike (CPLEX, Gurobi, SAS;
  HiGHS and OR-Tools leave 0, which no number meets). An upper bound of zero does not.
- A right-hand side on the objective row is minus the objective's constant (all).
- A range R on an E row with right-hand side b is b .. b + R, or b + R .. b for a negative R; on other rows its sign
  means nothing (all).
- SC on an integer column makes it semi-integer (CPLEX); HiGHS drops the integrality.
- Numbers from 1e20 on are infinite as bounds, right-hand sides and ranges.
- N rows beyond the objective constrain nothing and are left out.
- Two different bounds for one thing, two right-hand sides, two entries in one place, two sets of RHS, RANGES or BOUNDS:
  some readers take the first, some the last, some the sum. Here they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial

from instances.builder import INFINITY, Builder, bounded
from instances.errors import UnreadableModel
from instances.model import Model, VariableKind
from instances.text import UTF_8, WHITE, split_fields, stripped

_SENSES = {"MAX": True, "MAXIMIZE": True, "MAXIMISE": True, "MIN": False, "MINIMIZE": False, "MINIMISE": False}
_SECTIONS = ("NAME", "OBJSENSE", "OBJNAME", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "ENDATA")
_NOT_LINEAR = {
    **dict.fromkeys(("QUADOBJ", "QMATRIX", "QSECTION", "QCMATRIX", "CSECTION"), "quadratic terms or cones"),
    **dict.fromkeys(("SOS", "SOS1", "SOS2", "SETS"), "special ordered sets"),
    **dict.fromkeys(("INDICATORS", "GENCONS", "PWLOBJ", "LAZYCONS", "USERCUTS"), "constraints beyond linear rows"),
}
_VALUELESS = ("FR", "MI", "PL", "BV")
_VALUED = ("UP", "LO", "FX", "LI", "UI", "SC", "SI")


class _Problem(Exception):
    """What is wrong with a line."""


class _Malformed(Exception):
    """The file is not MPS of this layout."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


def read_mps(source: Callable[[], AbstractContextManager[Iterable[str]]], encoding: str = UTF_8) -> Model:
    """Read a model from the lines of an MPS file, cut by white space or, if that makes no sense, by position.

    Args:
        source: opens the file; called once per attempt.
        encoding: of the file, `UTF_8` or `BYTEWISE`: the columns of a fixed file are bytes.

    Raises:
        UnreadableModel: says what is wrong and in which line.

    """
    problems: list[_Malformed] = []
    for cut in (split_fields, partial(_cut_fixed, encoding=encoding)):
        try:
            with source() as lines:
                return _read(lines, _Reader(cut))
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
            raise _Problem("the file ends without ENDATA: is it complete?")
    except _Problem as problem:
        raise _Malformed(reader.line, f"line {reader.line}: {problem}") from None
    try:
        return reader.model()
    except ValueError as problem:
        raise _Malformed(reader.line, str(problem)) from None


class _Reader:
    """What has been read so far."""

    def __init__(self, cut: Callable[[str], list[str]]) -> None:
        self._cut = cut
        self._builder = Builder()
        self._takers: dict[str, Callable[[str], None]] = {
            "OBJSENSE": self._take_sense,
            "OBJNAME": self._take_objective_name,
            "ROWS": self._take_row,
            "COLUMNS": self._take_column,
            "RHS": self._take_right_hand_side,
            "RANGES": self._take_range,
            "BOUNDS": self._take_bound,
        }
        self._section = ""
        self._seen: set[str] = set()
        self._set_names: dict[str, str] = {}
        self._row_types: dict[str, str] = {}
        self._objective_name: str | None = None
        self._column: str | None = None
        self._column_index = 0
        self._integer = False
        self._right_hand_sides: dict[str, float] = {}
        self._ranges: dict[str, float] = {}
        self._lower: dict[int, float] = {}
        self._upper: dict[int, float] = {}
        self._marked: set[int] = set()
        self.line = 0
        """The number of the line that was taken last."""
        self.ended = False

    def take(self, line: str) -> None:
        """Take in the next line."""
        self.line += 1
        if line.startswith("*") or not stripped(line):
            return
        if line[0] not in WHITE:
            self._enter(line)
        elif self._section in self._takers:
            self._takers[self._section](line)
        else:
            raise _Problem(f"data outside a section: {_quote(line)}")

    def model(self) -> Model:
        """Return the model, once all lines are taken."""
        builder = self._builder
        for name, index in builder.rows.items():
            builder.row_lower[index], builder.row_upper[index] = self._row_bounds(name)
        if self._objective_name is not None:
            builder.offset = 0.0 - self._right_hand_sides.get(self._objective_name, 0.0)
        for index in range(len(builder.objective)):
            low, high = self._lower.get(index), self._upper.get(index)
            if low is None and high is None:
                low, high = 0.0, 1.0 if index in self._marked else INFINITY
            elif low is None and high is not None:
                low = -INFINITY if high < 0 else 0.0
            builder.lower[index] = 0.0 if low is None else low
            builder.upper[index] = INFINITY if high is None else high
        return builder.build()

    def _enter(self, line: str) -> None:
        word, *rest = split_fields(line)
        word = word.upper()
        if self._section == "OBJSENSE" and word in _SENSES:
            self._take_sense(word)
            return
        if word in _NOT_LINEAR:
            raise _Problem(f"section {word}: {_NOT_LINEAR[word]} are not part of a MILP")
        if word not in _SECTIONS:
            raise _Problem(f"{_quote(line)} is no section of an MPS file; data lines start with a space")
        if word in self._seen:
            raise _Problem(f"a second section {word}")
        if word in ("COLUMNS", "RHS", "RANGES", "BOUNDS", "ENDATA"):
            needed = "ROWS" if word == "COLUMNS" else "COLUMNS"
            if needed not in self._seen:
                raise _Problem(f"section {word} before section {needed}")
        self._seen.add(word)
        self._section = word
        self.ended = word == "ENDATA"
        if word == "OBJSENSE" and rest:
            self._take_sense(rest[0])

    def _take_sense(self, line: str) -> None:
        sense = stripped(line).upper()
        if sense not in _SENSES:
            raise _Problem(f"the objective's sense is MAX or MIN, not {_quote(line)}")
        self._builder.maximise = _SENSES[sense]

    def _take_objective_name(self, line: str) -> None:
        self._objective_name = stripped(line)

    def _take_row(self, line: str) -> None:
        fields = self._cut(line)
        if len(fields) != 2 or fields[0] not in ("N", "L", "G", "E"):
            raise _Problem(f"a row is a type, one of N L G E, and a name, not {_quote(line)}")
        type, name = fields
        if name in self._row_types:
            raise _Problem(f"a second row {name!r}")
        self._row_types[name] = type
        if type != "N":
            self._builder.add_row(name)
        elif self._objective_name is None:
            self._objective_name = name

    def _take_column(self, line: str) -> None:
        if "'MARKER'" in line:
            self._take_marker(line)
            return
        fields = self._cut(line)
        if len(fields) not in (3, 5):
            raise _Problem(f"a column's line is a column, then one or two rows with values, not {_quote(line)}")
        name = fields[0]
        if name != self._column:
            if name in self._builder.columns:
                raise _Problem(f"column {name!r} goes on after another column began")
            kind = VariableKind.INTEGER if self._integer else VariableKind.CONTINUOUS
            self._column, self._column_index = name, self._builder.add_column(name, kind=kind)
            if self._integer:
                self._marked.add(self._column_index)
        for place in range(1, len(fields), 2):
            self._put(fields[place], fields[place + 1])

    def _take_marker(self, line: str) -> None:
        # By white space in both layouts: writers are careless about the positions.
        fields = split_fields(line)
        if len(fields) != 3 or fields[1] != "'MARKER'" or fields[2] not in ("'INTORG'", "'INTEND'"):
            raise _Problem(f"a marker is a name, 'MARKER', and 'INTORG' or 'INTEND', not {_quote(line)}")
        self._integer = fields[2] == "'INTORG'"

    def _put(self, row: str, text: str) -> None:
        value = _number(text)
        index = self._builder.rows.get(row)
        if index is not None:
            self._builder.add_entry(index, self._column_index, value)
        elif row == self._objective_name:
            if self._builder.objective[self._column_index]:
                raise _Problem(f"a second objective coefficient of {self._column!r}")
            self._builder.objective[self._column_index] = value
        elif row not in self._row_types:
            raise _Problem(f"row {row!r} is not in section ROWS")

    def _take_right_hand_side(self, line: str) -> None:
        self._take_row_values(line, self._right_hand_sides)

    def _take_range(self, line: str) -> None:
        self._take_row_values(line, self._ranges)

    def _take_row_values(self, line: str, values: dict[str, float]) -> None:
        fields = self._cut(line)
        if len(fields) not in (2, 3, 4, 5):
            raise _Problem(f"a line of {self._section} is a set, then one or two rows with values, not {_quote(line)}")
        # Without the name of the set, which may be left out, their number is even.
        self._check_set(fields.pop(0) if len(fields) % 2 else "")
        for row, text in zip(fields[::2], fields[1::2], strict=True):
            if row not in self._row_types:
                raise _Problem(f"row {row!r} is not in section ROWS")
            if row in values:
                raise _Problem(f"a second value for row {row!r} in section {self._section}")
            values[row] = _number(text)

    def _check_set(self, name: str) -> None:
        first = self._set_names.setdefault(self._section, name)
        if name != first:
            raise _Problem(
                f"a second set {name!r} in section {self._section} after {first!r}: keep the one that counts"
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
        fields = self._cut(line)
        type = fields[0]
        if type not in _VALUED and type not in _VALUELESS:
            raise _Problem(f"{type!r} is no type of bound; these are {' '.join(_VALUED + _VALUELESS)}")
        valued = type in _VALUED
        # The name of the set may be left out, and a value may stand where none is needed: the columns tell.
        if len(fields) == 4 or (len(fields) == 3 and not valued and fields[2] in self._builder.columns):
            self._check_set(fields.pop(1))
        elif len(fields) == 3 or (len(fields) == 2 and not valued):
            self._check_set("")
        else:
            raise _Problem(f"a bound {type} is a type, a set, a column{' and a value' * valued}, not {_quote(line)}")
        column = self._builder.columns.get(fields[1])
        if column is None:
            raise _Problem(f"column {fields[1]!r} is not in section COLUMNS")
        self._bound(type, column, bounded(_number(fields[2])) if valued else 0.0)

    def _bound(self, type: str, column: int, value: float) -> None:
        kind = self._builder.kind
        if type in ("LO", "LI", "FX"):
            self._set(self._lower, column, value)
        if type in ("UP", "UI", "FX", "SC", "SI"):
            self._set(self._upper, column, value)
        if type in ("FR", "MI"):
            self._set(self._lower, column, -INFINITY)
        if type in ("FR", "PL"):
            self._set(self._upper, column, INFINITY)
        if type == "BV":
            self._set(self._lower, column, 0.0)
            self._set(self._upper, column, 1.0)
        if type in ("BV", "LI", "UI"):
            kind[column] = VariableKind.INTEGER
        if type == "SI" or (type == "SC" and kind[column] == VariableKind.INTEGER):
            kind[column] = VariableKind.SEMI_INTEGER
        elif type == "SC":
            kind[column] = VariableKind.SEMI_CONTINUOUS

    def _set(self, bounds: dict[int, float], column: int, value: float) -> None:
        if bounds.setdefault(column, value) != value:
            name = list(self._builder.columns)[column]
            raise _Problem(f"column {name!r} has this bound twice: {bounds[column]:g} and {value:g}")


_FIELDS = ((1, 3), (4, 12), (14, 22), (24, 36), (39, 47), (49, 61))
"""Where the six fields of a fixed line are: Python's slices of columns 2-3, 5-12, 15-22, 25-36, 40-47 and 50-61."""


def _cut_fixed(line: str, encoding: str) -> list[str]:
    # A column is a byte: where a character takes more of them, the line is cut as bytes, each a character meanwhile.
    wide = encoding == UTF_8 and not line.isascii()
    columns = line.encode().decode("latin-1") if wide else line
    columns = columns.rstrip(WHITE).expandtabs()
    covered = 0
    fields = []
    for start, end in _FIELDS:
        if stripped(columns[covered:start]):
            raise _Problem(f"text between the fields of a fixed line: {_quote(line)}")
        fields.append(stripped(columns[start:end]))
        covered = end
    if stripped(columns[covered:]):
        raise _Problem(f"text behind the fields of a fixed line: {_quote(line)}")
    return [field.encode("latin-1").decode() if wide else field for field in fields if field]


def _number(text: str) -> float:
    try:
        if "_" not in text:
            return float(text)
    except ValueError:
        # Fortran writes exponents with a D.
        if re.fullmatch(r"[-+]?[0-9.]+[dD][-+]?[0-9]+", text):
            return _number(re.sub("[dD]", "e", text))
    raise _Problem(f"{_quote(text)} is no number")


def _quote(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 60 else f"{text[:57]}...")

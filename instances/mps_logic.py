"""The parts of an MPS file beyond linear rows: special ordered sets and indicator constraints.

Sets begin with their type, S1 or S2, and a name, which a priority may follow: ``S1 name 3``. Their members follow, a
column and its weight each. Older files put the name of all sets first, in both kinds of line: ``S1 SOS name`` and
``SOS column weight`` (Gurobi reads that; CPLEX and SCIP leave all members out). Section SETS is XPRESS' name for SOS.

An indicator ``IF row column value`` makes a row hold only where a binary column has the value, 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable

from instances.builder import Builder
from instances.mps_fields import Problem, is_number, number, quote
from instances.text import WHITE

_TYPES = {"S1": 1, "S2": 2}
_HEADER_INDENT = 2
"""The blanks before a set's type, at most; a member stands further to the right. It matters to a column called S1."""


class SetSection:
    """Section SOS, line by line; `finish` when it is over."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._type = 0
        self._family = ""
        """What stands before the name: the name of all sets, if any."""
        self._name = ""
        self._names: set[str] = set()
        self._members: list[tuple[int, float]] = []

    def take(self, line: str, fields: list[str]) -> None:
        """Take in a line, cut into its fields."""
        if self._is_header(line, fields):
            self.finish()
            self._begin(fields)
        elif not self._type:
            raise Problem(f"a special ordered set begins with S1 or S2 and its name, not {quote(line)}")
        else:
            self._member(line, fields)

    def finish(self) -> None:
        """Put the set that was read last into the model; one without members says nothing and is left out."""
        if self._members:
            self._builder.add_set(self._name, self._type, self._members)
        self._members = []

    def _is_header(self, line: str, fields: list[str]) -> bool:
        if fields[0] not in _TYPES:
            return False
        if fields[0] not in self._builder.columns:
            return True
        return len(line) - len(line.lstrip(WHITE)) <= _HEADER_INDENT

    def _begin(self, fields: list[str]) -> None:
        self._type = _TYPES[fields[0]]
        names = fields[1:]
        last = names.pop() if len(names) > 1 and is_number(names[-1]) else ""
        if len(names) > 2:
            raise Problem(f"a special ordered set has a type and a name, not {quote(' '.join(fields))}")
        self._name = names[-1] if names else f"sos{len(self._names) + 1}"
        if last and self._name in self._names:
            self._name = last  # no priority, then, but the name
        self._family = fields[1] if len(fields) > 2 else ""
        self._names.add(self._name)

    def _member(self, line: str, fields: list[str]) -> None:
        if len(fields) == 3 and fields[0] == self._family:
            fields = fields[1:]
        if len(fields) != 2:
            raise Problem(f"a member of a special ordered set is a column and its weight, not {quote(line)}")
        self._members.append((_column(self._builder, fields[0]), number(fields[1])))


def add_indicator(builder: Builder, line: str, fields: list[str], is_free: Callable[[str], bool]) -> None:
    """Take in a line of section INDICATORS, cut into its fields; ``is_free`` tells the names of N rows."""
    if len(fields) != 4 or fields[0] != "IF":
        raise Problem(f"an indicator is IF, a row, a column and 0 or 1, not {quote(line)}")
    row = builder.rows.get(fields[1])
    if row is None:
        known = "constrains nothing" if is_free(fields[1]) else "is not in section ROWS"
        raise Problem(f"row {fields[1]!r} {known}")
    value = number(fields[3])
    if value not in (0.0, 1.0):
        raise Problem(f"the value of an indicator is 0 or 1, not {fields[3]}")
    builder.add_indicator(row, _column(builder, fields[2]), int(value))


def _column(builder: Builder, name: str) -> int:
    column = builder.columns.get(name)
    if column is None:
        raise Problem(f"column {name!r} is not in section COLUMNS")
    return column

"""Writing a model as free MPS: the same model always gives the same text."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from instances.model import Model, VariableKind
from instances.text import split_fields

_INFINITE = "1e30"
_INTEGRAL = (VariableKind.INTEGER, VariableKind.SEMI_INTEGER)
_SEMI = (VariableKind.SEMI_CONTINUOUS, VariableKind.SEMI_INTEGER)


def write_mps(model: Model, path: Path) -> None:
    """Write a model; compressed when the file's name ends in .gz.

    Reading it again gives the same arrays, but for two things: a side of a range may differ in its last bit, where no
    width in binary gives it back, and a special ordered set without members is left out. Sets and indicators are
    written as CPLEX does, which Gurobi and SCIP read too; HiGHS reads neither.

    Raises:
        ValueError: a name that free MPS cannot carry (with white space, empty), or a row with lower > upper.

    """
    text = "".join(f"{line}\n" for line in _lines(model)).encode()
    if path.suffix.lower() == ".gz":
        # Without the time and the file's name, which gzip would put into its header.
        text = gzip.compress(text, mtime=0)
    path.write_bytes(text)


def _lines(model: Model) -> Iterator[str]:
    for name in (*model.column_names, *model.row_names, *model.sos_names):
        # Behind $ some readers see a comment.
        if len(split_fields(name)) != 1 or name == "'MARKER'" or name.startswith("$"):
            raise ValueError(f"{name!r} cannot be the name of a row, column or set in free MPS")
    objective = "obj"
    while objective in model.row_names:
        objective += "_"
    rows = [
        _Row(*each) for each in zip(model.row_names, model.row_lower.tolist(), model.row_upper.tolist(), strict=True)
    ]
    yield f"NAME {'_'.join(model.name.split())}".rstrip()
    if model.maximise:
        yield from ("OBJSENSE", " MAX")
    yield "ROWS"
    yield f" N {objective}"
    yield from (f" {row.type} {row.name}" for row in rows)
    yield "COLUMNS"
    yield from _columns(model, objective)
    yield "RHS"
    if model.offset:
        yield f" RHS {objective} {-model.offset!r}"
    yield from (f" RHS {row.name} {row.side}" for row in rows if row.side != "0.0")
    ranges = [row for row in rows if row.width]
    yield from chain(["RANGES"] if ranges else [], (f" RNG {row.name} {row.width}" for row in ranges))
    yield "BOUNDS"
    for each in zip(model.column_names, model.lower.tolist(), model.upper.tolist(), model.kind.tolist(), strict=True):
        yield from _bounds(*each)
    yield from _sets(model)
    yield from _indicators(model)
    yield "ENDATA"


class _Row:
    """A row as MPS has it: its type, one side, and the width of its range."""

    def __init__(self, name: str, lower: float, upper: float) -> None:
        if lower > upper:
            raise ValueError(f"row {name!r} has the bounds {lower:g} .. {upper:g}, which MPS cannot say")
        self.name = name
        self.width = ""
        if lower == upper:
            self.type, side = "E", lower
        elif lower == float("-inf"):
            self.type, side = "L", upper
        else:
            self.type, side = "G", lower
            if upper != float("inf"):
                width = upper - lower
                self.width = repr(width)
                if lower + width != upper:
                    self.type, side = "L", upper
        self.side = repr(side) if side != float("inf") else _INFINITE


def _columns(model: Model, objective: str) -> Iterator[str]:
    entries: list[list[str]] = [[] for _ in model.column_names]
    for column, cost in enumerate(model.objective.tolist()):
        if cost:
            entries[column].append(f"{objective} {cost!r}")
    starts = model.row_start.tolist()
    index, value = model.column_index.tolist(), model.value.tolist()
    for row, name in enumerate(model.row_names):
        for place in range(starts[row], starts[row + 1]):
            entries[index[place]].append(f"{name} {value[place]!r}")
    inside = False
    for name, kind, own in zip(model.column_names, model.kind.tolist(), entries, strict=True):
        if (kind in _INTEGRAL) != inside:
            inside = not inside
            yield f" MARKER 'MARKER' '{'INTORG' if inside else 'INTEND'}'"
        # A column exists by its entries: one without any is given a zero.
        for entry in own or [f"{objective} 0.0"]:
            yield f" {name} {entry}"
    if inside:
        yield " MARKER 'MARKER' 'INTEND'"


def _bounds(name: str, lower: float, upper: float, kind: int) -> Iterator[str]:
    free = lower == float("-inf")
    unbounded = upper == float("inf")
    if kind in _SEMI:
        if free or lower or upper < 0:
            yield f" MI BND {name}" if free else f" LO BND {name} {lower!r}"
        yield f" SC BND {name} {_INFINITE if unbounded else repr(upper)}"
    elif kind == VariableKind.INTEGER and (lower, upper) == (0.0, 1.0):
        yield f" BV BND {name}"
    elif free and unbounded:
        yield f" FR BND {name}"
    elif lower == upper:
        yield f" FX BND {name} {lower!r}"
    else:
        # A negative upper bound alone would take the lower bound of zero away.
        if free or lower or upper < 0:
            yield f" MI BND {name}" if free else f" LO BND {name} {lower!r}"
        if not unbounded:
            yield f" UP BND {name} {upper!r}"
        elif kind == VariableKind.INTEGER and not lower:
            yield f" PL BND {name}"


def _sets(model: Model) -> Iterator[str]:
    if len(model.sos_column):
        yield "SOS"
    members = [model.column_names[column] for column in model.sos_column.tolist()]
    weights, starts = model.sos_weight.tolist(), model.sos_start.tolist()
    for number, (name, type) in enumerate(zip(model.sos_names, model.sos_type.tolist(), strict=True)):
        first, end = starts[number], starts[number + 1]
        if first < end:
            yield f" S{type} {name}"
            # The indentation tells a member that is called S1 from the beginning of a set.
            yield from (f"    {members[place]} {weights[place]!r}" for place in range(first, end))


def _indicators(model: Model) -> Iterator[str]:
    if len(model.indicator_row):
        yield "INDICATORS"
    for row, column, value in zip(model.indicator_row, model.indicator_column, model.indicator_value, strict=True):
        yield f" IF {model.row_names[row]} {model.column_names[column]} {value}"

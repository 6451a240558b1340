"""How two readings of a file differ, and which differences are known: docs/reading.md lists them by the same names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instances.builder import bounded
from instances.errors import UnreadableModel
from instances.model import Model
from instances.reading import read_model
from instances.text import BYTEWISE
from tests.reading_cases import Case
from tests.reading_peers import read_by


@dataclass(frozen=True)
class Difference:
    """One number or name that a peer reads otherwise; ``what`` is refused, maximise, offset, column, row, set or
    indicator.
    """

    what: str
    name: str = ""
    field: str = ""
    """Of a column: objective, lower, upper, kind. Of a row: lower, upper, entries. Of both: presence."""
    ours: Any = None
    theirs: Any = None


@dataclass(frozen=True)
class Known:
    """A difference that is documented."""

    id: str
    """As in docs/reading.md."""
    peers: tuple[str, ...]
    explains: Callable[[Difference, Case], bool]


def differences(model: Model, answer: dict[str, Any]) -> Iterator[Difference]:
    """Yield how a peer's answer, as `tests.reading_peers` gives it, differs from our model."""
    if "refused" in answer:
        yield Difference("refused", theirs=answer["refused"])
        return
    if model.maximise is not answer["maximise"]:
        yield Difference("maximise", ours=model.maximise, theirs=answer["maximise"])
    if not _same(model.offset, answer["offset"]):
        yield Difference("offset", ours=model.offset, theirs=answer["offset"])
    columns = _names(model.column_names, answer["columns"])
    rows = _names(model.row_names, answer["rows"])
    yield from _table("column", _columns(model, columns), answer["columns"], ("objective", "lower", "upper", "kind"))
    yield from _table("row", _rows(model, rows, columns), answer["rows"], ("lower", "upper", "entries"))
    if answer["sets"] or answer["indicators"] or not model.is_linear:
        yield from _logic(model, rows, columns, answer)


def answer_of(model: Model) -> dict[str, Any]:
    """Return our model in the form of a peer's answer."""
    columns, rows = list(model.column_names), list(model.row_names)
    starts = model.sos_start.tolist()
    members = [columns[j] for j in model.sos_column.tolist()]
    triples = zip(model.indicator_row, model.indicator_column, model.indicator_value, strict=True)
    return {
        "maximise": model.maximise,
        "offset": model.offset,
        "columns": _columns(model, columns),
        "rows": _rows(model, rows, columns),
        "sets": [[type, members[starts[k] : starts[k + 1]]] for k, type in enumerate(model.sos_type.tolist())],
        "indicators": [[rows[i], columns[j], int(value)] for i, j, value in triples],
    }


def _names(ours: tuple[str, ...], theirs: dict[str, Any]) -> list[str]:
    """Return what the peer calls our columns or rows: by number, or with underscores for spaces."""
    if "#0" in theirs:
        return [f"#{place}" for place in range(len(ours))]
    return [name.replace(" ", "_") if name not in theirs else name for name in ours]


def _columns(model: Model, names: list[str]) -> dict[str, list[Any]]:
    parts = (model.objective, model.lower, model.upper, model.kind)
    return dict(zip(names, (list(each) for each in zip(*(part.tolist() for part in parts), strict=True)), strict=True))


def _rows(model: Model, names: list[str], columns: list[str]) -> dict[str, list[Any]]:
    return {
        name: [
            float(model.row_lower[i]),
            float(model.row_upper[i]),
            {columns[j]: value for j, value in model.row(i).items()},
        ]
        for i, name in enumerate(names)
    }


def _table(
    what: str, ours: dict[str, list[Any]], theirs: dict[str, list[Any]], fields: tuple[str, ...]
) -> Iterator[Difference]:
    for name in sorted(ours.keys() ^ theirs.keys()):
        yield Difference(what, name, "presence", name in ours, name in theirs)
    for name in sorted(ours.keys() & theirs.keys()):
        for field, own, other in zip(fields, ours[name], theirs[name], strict=True):
            if other is not None and not _same(own, other):
                yield Difference(what, name, field, own, other)


def _logic(model: Model, rows: list[str], columns: list[str], answer: dict[str, Any]) -> Iterator[Difference]:
    starts = model.sos_start.tolist()
    members = [columns[j] for j in model.sos_column.tolist()]
    sets = [[type, members[starts[k] : starts[k + 1]]] for k, type in enumerate(model.sos_type.tolist())]
    theirs = [own for own in answer["sets"] if own[1]]
    if sets != theirs:
        yield Difference("set", ours=sets, theirs=theirs)
    triples = zip(model.indicator_row, model.indicator_column, model.indicator_value, strict=True)
    own = sorted({(rows[i], columns[j], int(value)) for i, j, value in triples})
    if own != (others := sorted({(row, column, value) for row, column, value in answer["indicators"]})):
        yield Difference("indicator", ours=own, theirs=others)


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict):
        present = {name: value for name, value in theirs.items() if value}
        return ours.keys() == present.keys() and all(_same(ours[name], present[name]) for name in ours)
    own, other = bounded(float(ours)), bounded(float(theirs))
    return own == other or math.isclose(own, other, rel_tol=1e-14)


def _section(case: Case, *names: str) -> list[list[str]]:
    """Return the words of the lines in sections of an MPS file."""
    inside, lines = False, []
    for line in case.text.splitlines():
        if line[:1] not in ("", " ", "\t", "*"):
            inside = line.split()[0].upper() in names
        elif inside and line.split():
            lines.append(line.partition(" $")[0].split())
    return lines


def _without_set(difference: Difference, case: Case) -> bool:
    """Whether a line of RHS, RANGES or BOUNDS has no name of a set."""
    if any(len(words) % 2 == 0 for words in _section(case, "RHS", "RANGES")):
        return True
    bounds = _section(case, "BOUNDS")
    columns = {words[0] for words in _section(case, "COLUMNS")}
    return any(len(words) < 3 or (len(words) == 3 and words[2] not in columns) for words in bounds)


def _by_position(difference: Difference, case: Case) -> bool:
    """Whether some line has other than the fields of free format, which is read by position then."""
    counts = {"ROWS": (2,), "COLUMNS": (3, 5), "RHS": (2, 3, 4, 5), "RANGES": (2, 3, 4, 5), "BOUNDS": (2, 3, 4)}
    markers = ("'INTORG'", "'INTEND'")
    columns = {words[0] for words in _section(case, "COLUMNS")}
    if any(len(words) == 4 and words[2] not in columns for words in _section(case, "BOUNDS")):
        return True
    return any(
        len(words) not in allowed and not (name == "COLUMNS" and words[-1] in markers)
        for name, allowed in counts.items()
        for words in _section(case, name)
    )


def _set_like_a_row(difference: Difference, case: Case) -> bool:
    names = {words[-1] for words in _section(case, "ROWS")}
    columns = {words[0] for words in _section(case, "COLUMNS")}
    return any(words[0] in names for words in _section(case, "RHS", "RANGES")) or any(
        words[1] in columns for words in _section(case, "BOUNDS") if len(words) > 3
    )


def _order(case: Case, written: Callable[[str], str] = str.upper) -> list[str]:
    return [written(line.split()[0]) for line in case.text.splitlines() if line[:1] not in ("", " ", "\t", "*", "\r")]


def _unusual_order(difference: Difference, case: Case) -> bool:
    usual = ("NAME", "OBJSENSE", "OBJNAME", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "SOS", "INDICATORS", "ENDATA")
    order = [usual.index(name) if name in usual else -1 for name in _order(case)]
    return order != sorted(order) or not {"NAME", "RHS"} <= set(_order(case))


def _has(pattern: str) -> Callable[[Difference, Case], bool]:
    return lambda difference, case: re.search(pattern, case.text, re.MULTILINE | re.IGNORECASE) is not None


def _where(what: str, *fields: str) -> Callable[[Difference, Case], bool]:
    return lambda difference, case: difference.what == what and (not fields or difference.field in fields)


def _all(*tests: Callable[[Difference, Case], bool]) -> Callable[[Difference, Case], bool]:
    return lambda difference, case: all(test(difference, case) for test in tests)


def _negative_upper(difference: Difference, case: Case) -> bool:
    return (difference.what, difference.field, difference.ours) == ("column", "lower", -math.inf) and (
        difference.theirs == 0
    )


def _lower_sense(difference: Difference, case: Case) -> bool:
    return re.search(r"^OBJSENSE\s+[A-Z]*[a-z]", case.text, re.MULTILINE) is not None


def _upper_lost(difference: Difference, case: Case) -> bool:
    known = (difference.what, difference.field) == ("column", "upper") and difference.theirs >= 1e20
    lowered = [words for words in _section(case, "BOUNDS") if words[0] in ("MI", "LO", "LI")]
    parts = [difference.name, *difference.name.split("_")]
    return known and any(part in words for words in lowered for part in parts)


def _lost_entry(difference: Difference, case: Case) -> bool:
    return difference.field in ("entries", "objective") and not (difference.theirs and difference.field == "objective")


def _where_row_or_column(difference: Difference, case: Case) -> bool:
    return difference.what in ("row", "column")


def _is_logical(difference: Difference, case: Case) -> bool:
    return bool(_section(case, "SOS", "SETS", "INDICATORS"))


_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
"""The bytes that Windows-1252 leaves open."""
_NUMERIC = "objective", "lower", "upper"

KNOWN_MPS: tuple[Known, ...] = (
    Known("negative-upper", ("highs", "scip"), _negative_upper),
    Known("sense-beside", ("highs",), _all(_where("maximise"), _has(r"^OBJSENSE[ \t]+\S"))),
    Known("objname", ("highs",), _all(_where("column", "objective"), _has(r"^OBJNAME"))),
    Known("objname", ("highs",), _all(_where("offset"), _has(r"^OBJNAME"))),
    Known("d-exponent", ("scip",), _has(r"[0-9.]d[-+]?[0-9]")),
    Known("semi-integer", ("highs",), _all(_where("column", "kind"), _has(r"^[ \t]+SC\b"))),
    Known("free-row-side", ("highs",), _all(_where("offset"), _has(r"^[ \t]+N\b(.*\n)+[ \t]+N\b"))),
    Known("range-first", ("highs",), _all(_where("row", "lower", "upper"), _unusual_order)),
    Known("set-like-a-row", ("highs",), _set_like_a_row),
    Known("no-set", ("scip",), _without_set),
    Known("spaces", ("highs", "scip"), _by_position),
    Known("logic", ("highs", "scip"), _all(_where("refused"), _is_logical)),
    Known("negative-semi", ("scip",), _all(_where_row_or_column, _has(r"^[ \t]+(SC|SI)\b.*-"))),
    Known("row-comment", ("highs", "scip"), _has(r"^[ \t]+[NLGE][ \t]+\S.*\$")),
    Known("integer-upper", ("scip",), _upper_lost),
    Known("huge-coefficient", ("highs", "scip"), _all(_where("refused"), _has(r"\b1e(\+)?(30|20|19)\b"))),
    Known("aligned-blanks", ("scip",), _all(_lost_entry, _has(r"^[ \t]+\S+  \S+  \S+ +\S+ +\S+"))),
    Known("header-words", ("highs",), _has(r"^(ROWS|COLUMNS|RHS|RANGES|BOUNDS|ENDATA)[ \t\r]+\S")),
    Known("stray-marker", ("highs",), _all(_where("refused"), _has(r"'INT(ORG|END)'"))),
    Known("mark-without-name", ("highs",), _has("\\A\ufeff(?!NAME)")),
    Known("capitals", ("scip",), _all(_where("refused"), _lower_sense)),
    Known("capitals", ("scip",), _all(_where("refused"), lambda difference, case: _order(case) != _order(case, str))),
    Known("bytes", ("scip",), lambda difference, case: "UnicodeDecodeError" in str(difference.theirs)),
    Known("order", ("highs", "scip"), _all(_where("refused"), _unusual_order)),
)


@dataclass(frozen=True)
class Comparison:
    """What came of a case."""

    case: Case
    refusal: str
    """Ours; empty when we read it."""
    unexplained: tuple[tuple[str, Difference], ...]
    """By peer: what no known difference explains."""
    known: frozenset[str]
    """The known differences that were met."""


def compared(cases: Sequence[Case], folder: Path, peers: Sequence[str], known: Sequence[Known]) -> list[Comparison]:
    """Read all cases by us and by peers.

    A peer that refuses a file says nothing about what it means; only when all do it is a difference of its own.
    """
    paths = [folder / f"{number}{case.format}" for number, case in enumerate(cases)]
    models: list[Model | str] = []
    for case, path in zip(cases, paths, strict=True):
        path.write_bytes(case.data)
        try:
            models.append(read_model(path))
        except UnreadableModel as error:
            models.append(str(error))
    ours = [number for number, model in enumerate(models) if isinstance(model, Model)]
    answers = {peer: dict(zip(ours, read_by(peer, [paths[k] for k in ours]), strict=True)) for peer in peers}
    return [
        _compared(case, model, {peer: answers[peer][number] for peer in peers}, known)
        if isinstance(model, Model)
        else Comparison(case, model, (), frozenset())
        for number, (case, model) in enumerate(zip(cases, models, strict=True))
    ]


def _is_bytewise(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def _as_bytes(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer about a file that is not UTF-8 with the names that are as a reader of single bytes has them."""
    if "refused" in answer:
        return answer
    return {
        **answer,
        "columns": {_bytewise(name): column for name, column in answer["columns"].items()},
        "rows": {
            _bytewise(name): [lower, upper, entries and {_bytewise(column): each for column, each in entries.items()}]
            for name, (lower, upper, entries) in answer["rows"].items()
        },
        "sets": [[type, [_bytewise(column) for column in members]] for type, members in answer["sets"]],
        "indicators": [[_bytewise(row), _bytewise(column), value] for row, column, value in answer["indicators"]],
    }


def _bytewise(name: str) -> str:
    return "".join(bytes([byte]).decode(BYTEWISE) if byte not in _UNDEFINED else chr(byte) for byte in name.encode())


def _compared(case: Case, model: Model, answers: dict[str, dict[str, Any]], known: Sequence[Known]) -> Comparison:
    answers = {peer: _as_bytes(answer) if _is_bytewise(case.data) else answer for peer, answer in answers.items()}
    found = {peer: list(differences(model, answer)) for peer, answer in answers.items()}
    refused = [peer for peer, answer in answers.items() if "refused" in answer]
    unexplained, met = [], set()
    for peer, own in found.items():
        for difference in own:
            if difference.what == "refused" and len(refused) < len(answers):
                continue
            ids = [one.id for one in known if peer in one.peers and one.explains(difference, case)]
            met.update(ids[:1])
            if not ids:
                unexplained.append((peer, difference))
    return Comparison(case, "", tuple(unexplained), frozenset(met))

"""Reading bilevel problems from a model with an .aux file beside it, in either of MibS' formats.

By name::

    @VARSBEGIN          the follower's variables, each with its coefficient in the follower's objective
    y1 -1
    @VARSEND
    @CONSTRSBEGIN       the follower's rows; @CONSTRBEGIN and @CONSTSBEGIN are met, too
    r2
    @CONSTRSEND

By index, rows and columns counted from 0 in the order of the model, the objective not counted::

    LC 3                a variable of the follower
    LR 0                a row of the follower
    LO -1               the coefficient of the variable of the same rank among LC
    OS 1                1: the follower minimises; -1: it maximises
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path

from instances.errors import UnreadableModel
from instances.formats import suffixes
from instances.lp import read_lp
from instances.lp.characters import whole_characters
from instances.model import Model
from instances.mps import read_mps
from instances.reading import read_model
from instances.text import BYTEWISE, encoding_of, open_text, split_fields
from tuner.bilevel.linear import LinearProblem
from tuner.cost import Ties
from tuner.errors import NotFound, UsageError
from tuner.space import unknown

SUFFIX = ".aux"
COLUMNS, ROWS = "columns", "rows"
_SECTIONS = {"@VARSBEGIN": COLUMNS, "@CONSTRSBEGIN": ROWS, "@CONSTRBEGIN": ROWS, "@CONSTSBEGIN": ROWS}
_ENDS = ("@VARSEND", "@CONSTRSEND", "@CONSTREND", "@CONSTSEND")
_COUNTS = {"@NUMVARS": COLUMNS, "@NUMCONSTRS": ROWS, "@NUMCONSTR": ROWS}
_TEXTS = ("@NAME", "@MPS", "@LP")
_KEYS = ("N", "M", "LC", "LR", "LO", "OS", "IC", "IB")


@dataclass
class Lower:
    """What an .aux file says of the follower."""

    columns: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    objective: list[float] = field(default_factory=list)
    maximise: bool = False
    counted: dict[str, int] = field(default_factory=dict)
    """How many columns and rows the file itself says that there are."""


def read_pair(path: Path, ties: Ties = Ties.OPTIMISTIC) -> LinearProblem:
    """Read a problem from a model's file or the .aux file beside it; either name will do.

    Raises:
        NotFound: one of the two is not there.
        UsageError: one of them cannot be read, or they do not fit each other; names the line.

    """
    model_path, aux_path = _existing(path)
    try:
        joint = read_model(model_path)
    except UnreadableModel as error:
        raise UsageError(str(error)) from None
    for warning in joint.warnings:
        warnings.warn(f"{model_path}: {warning}", stacklevel=2)
    return _problem(joint, _text(aux_path), str(aux_path), ties)


@dataclass(frozen=True)
class Texts:
    """What the two files of a pair say, for whoever has no such files."""

    name: str
    """Of the problem."""
    format: str
    """Of the model: .mps or .lp."""
    model: str
    aux: str


def texts_of(path: Path) -> Texts:
    """Return what the files of a pair say, the model unpacked; NotFound or UsageError when one cannot be read."""
    model_path, aux_path = _existing(path)
    parts = suffixes(model_path.name)
    assert parts is not None
    try:
        encoding = encoding_of(model_path)
        with open_text(model_path, encoding) as lines:
            model = lines.read()
    except UnreadableModel as error:
        raise UsageError(str(error)) from None
    if parts.format == ".lp" and encoding == BYTEWISE:
        _check_characters(model, model_path.name)
    return Texts(parts.stem, parts.format, model, _text(aux_path))


def _check_characters(model: str, name: str) -> None:
    # Here, since the text alone does not say that it was read byte for byte.
    try:
        for _ in whole_characters(StringIO(model)):
            pass
    except UnreadableModel as error:
        raise UsageError(f"{name}: {error}") from None


def read_texts(texts: Texts, ties: Ties = Ties.OPTIMISTIC) -> LinearProblem:
    """Read a problem from what its files say; UsageError for what is wrong with them, with the line."""
    name = f"{texts.name}{texts.format}"
    try:
        joint = _FORMATS[texts.format](texts.model)
    except UnreadableModel as error:
        raise UsageError(f"{name}: {error}") from None
    return _problem(replace(joint, name=texts.name), texts.aux, f"{texts.name}{SUFFIX}", ties)


def _read_mps(text: str) -> Model:
    try:
        return read_mps(lambda: StringIO(text))
    except UnreadableModel:
        if text.isascii():
            raise
        # The text does not say how many bytes a character had where the columns of a fixed file were counted.
        return read_mps(lambda: StringIO(text), BYTEWISE)


_FORMATS: dict[str, Callable[[str], Model]] = {
    ".mps": _read_mps,
    ".lp": lambda text: read_lp(StringIO(text)),
}


def _existing(path: Path) -> tuple[Path, Path]:
    model_path, aux_path = pair_of(path)
    for file in (model_path, aux_path):
        if not file.is_file():
            raise NotFound(
                f"{file}: there is no such file; a bilevel problem is a model and an {SUFFIX} file beside it"
            )
    return model_path, aux_path


def _text(path: Path) -> str:
    try:
        with open_text(path) as lines:
            return lines.read()
    except UnreadableModel as error:
        raise UsageError(str(error)) from None


def _problem(joint: Model, text: str, aux_path: str, ties: Ties) -> LinearProblem:
    lower = _read(text, joint, aux_path)
    if len(lower.columns) == joint.columns:
        raise UsageError(
            f"{aux_path}: all variables of the model are the follower's. An interdiction by IC and IB, whose leader "
            "has none in it, is written as a file of the kind interdiction"
        )
    return LinearProblem(joint, lower.columns, lower.rows, lower.objective, lower_maximise=lower.maximise, ties=ties)


def pair_of(path: Path) -> tuple[Path, Path]:
    """Return the model's file and the .aux file of a pair of which one is named.

    Raises UsageError when no model stands beside an .aux file.
    """
    if path.suffix != SUFFIX:
        parts = suffixes(path.name)
        if parts is None:
            raise UsageError(f"{path}: no bilevel problem by its name; an {SUFFIX} file, .mps or .lp is")
        beside = path.with_name(parts.stem + SUFFIX)
        longer = path.with_name(path.name + SUFFIX)
        return path, longer if longer.is_file() and not beside.is_file() else beside
    stem = path.name.removesuffix(SUFFIX)
    for candidate in sorted(path.parent.glob("*")) if path.parent.is_dir() else ():
        parts = suffixes(candidate.name)
        if parts is not None and (parts.stem == stem or candidate.name == stem):
            return candidate, path
    return path.with_name(stem + ".mps"), path


def _read(text: str, joint: Model, path: str) -> Lower:
    lines = [(number, words) for number, line in enumerate(text.split("\n"), 1) if (words := split_fields(line))]
    if not lines:
        raise UsageError(f"{path}: is empty")
    lower = _parse(lines, joint, path)
    for what, found, said in (
        ("variables", lower.columns, lower.counted.get(COLUMNS)),
        ("rows", lower.rows, lower.counted.get(ROWS)),
    ):
        if said is not None and said != len(found):
            raise UsageError(f"{path}: says that the follower has {said} {what}, and names {len(found)}")
        if len(set(found)) < len(found):
            raise UsageError(f"{path}: names one of the follower's {what} twice")
    if len(lower.objective) != len(lower.columns):
        raise UsageError(
            f"{path}: {len(lower.objective)} coefficients of the follower's objective, {len(lower.columns)} variables"
        )
    if not lower.columns:
        raise UsageError(f"{path}: the follower has no variable")
    return lower


Lines = Sequence[tuple[int, list[str]]]


def _parse(lines: Lines, joint: Model, path: str) -> Lower:
    columns = {name: number for number, name in enumerate(joint.column_names)}
    rows = {name: number for number, name in enumerate(joint.row_names)}
    lower, section = Lower(), ""
    rest = iter(lines)
    for number, words in rest:
        place, keyword = f"{path}, line {number}", words[0].upper()
        if keyword.startswith("@"):
            section = _keyword(keyword, words[0], rest, lower, place)
        elif section == COLUMNS:
            if len(words) != 2:
                raise UsageError(f"{place}: a variable and its coefficient are needed, not {' '.join(words)!r}")
            lower.columns.append(_known(words[0], columns, "variable", place))
            lower.objective.append(_number(words[1], place))
        elif section == ROWS:
            lower.rows.append(_known(" ".join(words), rows, "row", place))
        elif len(words) != 2:
            raise UsageError(f"{place}: a key and a value are needed, not {' '.join(words)!r}")
        else:
            _entry(keyword, words[1], joint, lower, place)
    return lower


def _keyword(keyword: str, word: str, rest: Iterator[tuple[int, list[str]]], lower: Lower, place: str) -> str:
    """Take a keyword, with the next line where it has its value there; return the section that it begins, if any."""
    if keyword in _SECTIONS:
        return _SECTIONS[keyword]
    if keyword in _ENDS:
        return ""
    if keyword in _COUNTS:
        lower.counted[_COUNTS[keyword]] = _whole(_next(rest, place)[0], place)
    elif keyword == "@OBJSENSE":
        if not _next(rest, place)[0].upper().startswith("MIN"):
            raise UsageError(
                f"{place}: in this format the follower always minimises (MibS passes this keyword over); "
                "say MIN and change the signs of its coefficients"
            )
    elif keyword in _TEXTS:
        _next(rest, place)
    else:
        known = (*_SECTIONS, *_ENDS, *_COUNTS, *_TEXTS, "@OBJSENSE")
        raise UsageError(f"{place}: {unknown('keyword', word, known)}")
    return ""


def _entry(key: str, value: str, joint: Model, lower: Lower, place: str) -> None:
    """Take a key with its value."""
    if key == "LC":
        lower.columns.append(_index(value, joint.columns, "column", place))
    elif key == "LR":
        lower.rows.append(_index(value, joint.rows, "row", place))
    elif key == "LO":
        lower.objective.append(_number(value, place))
    elif key == "OS":
        if _number(value, place) not in (1.0, -1.0):
            raise UsageError(f"{place}: OS is {value}; 1 minimises and -1 maximises")
        lower.maximise = _number(value, place) < 0
    elif key in ("N", "M"):
        lower.counted[COLUMNS if key == "N" else ROWS] = _whole(value, place)
    elif key not in ("IC", "IB"):  # the costs and the budget of an interdiction, as a row of the leader has them
        raise UsageError(f"{place}: {unknown('key', key, _KEYS)}")


def _next(rest: Iterator[tuple[int, list[str]]], place: str) -> list[str]:
    found = next(rest, None)
    if found is None:
        raise UsageError(f"{place}: a value is needed in the next line")
    return found[1]


def _known(name: str, known: dict[str, int], what: str, place: str) -> int:
    if name not in known:
        raise UsageError(f"{place}: the model has no such {what}: {unknown(what, name, known)}")
    return known[name]


def _index(text: str, count: int, what: str, place: str) -> int:
    index = _whole(text, place)
    if not index < count:
        raise UsageError(f"{place}: {what} {index} of a model with {count}, counted from 0 and without the objective")
    return index


def _parsed(read: Callable[[str], float], text: str, place: str) -> float:
    try:
        value = read(text)
    except ValueError:
        raise UsageError(f"{place}: {text!r} is no number") from None
    if not abs(value) < float("inf"):
        raise UsageError(f"{place}: {text!r} is not finite")
    return value


def _number(text: str, place: str) -> float:
    return _parsed(float, text, place)


def _whole(text: str, place: str) -> int:
    value = _parsed(float, text, place)
    if value < 0 or value != int(value):
        raise UsageError(f"{place}: {text!r} is no count")
    return int(value)

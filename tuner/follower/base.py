"""The user's own settings, as a second baseline: read from the solver's own parameter file, or from tuner's JSON.

HiGHS options (``name = value``), a SCIP .set file (the same, with names such as ``lp/scaling``), a CP-SAT text proto
(``name: value``), or an object of JSON with solver and parameters, as ``tuner best --json`` prints. What tuner sets
itself or keeps (limits of time, threads, seeds, gaps, tolerances, output) and what is free text, such as a file's name,
is left out, and said so where it differs from the solver's default. A file may have all of a solver's parameters: what
is at its default there is none of the settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instances.caps import CAPS, TooLarge
from storage.records import Configuration, Value, spell
from tuner.documents import read_json
from tuner.errors import NotFound, UsageError
from tuner.follower.settings import check_taken, known_parameters
from tuner.follower.solvers import SOLVERS
from tuner.follower.solvers.admission import admit, is_free_text, read_value
from tuner.ports import RealParameter
from tuner.space import unknown

LONGEST_NAME = 200
"""Characters of a name that similar names are looked for of."""
NAMED = 8
"""Parameters that are named when they are left out; the others are counted."""
_FIELD = re.compile(r"""\s*([A-Za-z_]\w*)\s*:\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;"'{}\[\]#:]+)\s*[,;]?""")
"""A field of a text proto that is no message and no list."""
_NEXT = re.compile(r"\S")
_WORDS = {"1": "true", "t": "true", "0": "false", "f": "false"}
"""How else solvers' files spell true and false."""


@dataclass(frozen=True)
class Base:
    """What a file of settings says."""

    configuration: Configuration | None
    """What differs from the solver's default; None when nothing does."""
    remarks: tuple[str, ...] = ()
    """What was left out, and why, for people."""


def read_base_file(path: Path) -> str:
    """Return the text of a file of settings.

    Raises:
        NotFound: there is none.
        UsageError: it cannot be read, is too large or no text.

    """
    try:
        content = path.read_bytes()
        CAPS.check_document(content, f"base: {path}")
        text = content.decode()
    except FileNotFoundError:
        raise NotFound(f"base: {path}: there is no such file") from None
    except TooLarge as error:
        raise UsageError(str(error)) from None
    except UnicodeDecodeError:
        raise UsageError(f"base: {path}: not a text file; {_WANTED}") from None
    except OSError as error:
        raise UsageError(f"base: {path}: cannot be read: {error.strerror}") from None
    if "\0" in text:
        raise UsageError(f"base: {path}: not a text file; {_WANTED}")
    return text


def base_of(text: str, source: str, solvers: Sequence[str], fixed: Sequence[Configuration] = ()) -> Base:
    """Return the settings in a text.

    Args:
        text: of the file.
        source: what to call it in messages.
        solvers: of the job; the settings are of one of them.
        fixed: what has one value in every run: it holds for the settings, too.

    Raises:
        UsageError: names the line or parameter that is wrong, and says what is wrong with it.

    """
    where = f"base: {source}"
    solver, entries = _entries(text, where)
    if solver not in SOLVERS:
        raise UsageError(f"{where}: {unknown('solver', solver, SOLVERS)}; solvers are {', '.join(SOLVERS)}")
    if solver not in solvers:
        raise UsageError(
            f"{where}: these are settings of {solver}, which is not among the solvers of this job: {', '.join(solvers)}"
        )
    known = known_parameters(solver)
    values: dict[str, Value] = {}
    ignored: list[str] = []
    has_emphasis = any(name.rpartition("/")[2] == "emphasis" and given != "default" for _, name, given in entries)
    for place, name, given in entries:
        if name not in known:
            name = name[:LONGEST_NAME]
            raise UsageError(f"{where}{place}: {unknown(f'parameter of {solver}', name, known)}; remove it there")
        value = _value(known[name], given, f"{where}{place}", solver)
        values.pop(name, None)  # of two lines the later one holds, as for the solver
        if not has_emphasis and value == known[name].default and type(value) is type(known[name].default):
            continue  # under an emphasis it may be another value than without this line
        if known[name].reserved or is_free_text(known[name]):
            ignored.append(name)
        else:
            values[name] = value
    remarks = [_left_out(sorted(set(ignored)))] if ignored else []
    held = next((each for each in fixed if each.solver == solver), Configuration(solver))
    for name, value in held.parameters:
        if values.get(name, known[name].default) != value:
            remarks.append(f"base: {name} is fixed to {spell(value)}, in your settings, too")
    configuration = Configuration.of(solver, {**values, **held.values})
    if configuration == held:
        same = f"base: {source}: nothing differs from {solver} as it comes, so there is nothing more to compare with"
        return Base(None, (*remarks, same))
    check_taken(configuration, where)
    return Base(configuration, tuple(remarks))


_WANTED = "HiGHS options, a SCIP .set file, a CP-SAT text proto or JSON with solver and parameters was expected"

Entry = tuple[str, str, Any]
"""Where it is, for messages; the parameter's name; its value: as text, or as JSON has it."""


def _entries(text: str, where: str) -> tuple[str, list[Entry]]:
    """Return the solver and what is set of it."""
    if text.lstrip().startswith("{"):
        return _of_json(read_json(text, where), where)
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines:
        raise UsageError(f"{where}: there are no settings in it; {_WANTED}")
    if re.match(r"(?!emphasis:)[A-Za-z_]\w*\s*[:{]", lines[0][1]):
        return "cp-sat", list(_of_proto(lines, where))
    _check_order(lines, where)
    entries = list(_of_lines(lines, where))
    return "scip" if any("/" in name or name == "emphasis" for _, name, _ in entries) else "highs", entries


def _of_json(document: Mapping[str, Any], where: str) -> tuple[str, list[Entry]]:
    for name in ("recommended", "best"):  # of a whole job
        if isinstance(inner := document.get(name), dict):
            document = inner
    solver, parameters = document.get("solver"), document.get("parameters", {})
    if not isinstance(solver, str) or not isinstance(parameters, dict):
        raise UsageError(f'{where}: write {{"solver": "highs", "parameters": {{"presolve": "off"}}}}')
    return solver, [("", name, value) for name, value in parameters.items()]


def _check_order(lines: Sequence[tuple[int, str]], where: str) -> None:
    """Raise UsageError for an emphasis that SCIP does not read, or that overrides what tuner sets after it."""
    parameter = part = ""
    for number, line in lines:
        if not line.startswith("emphasis:"):
            parameter = parameter or f"line {number}, {line[:60]!r}"
            continue
        if parameter:
            raise UsageError(
                f"{where}: line {number}: {line[:60]!r} is below {parameter}: SCIP stops reading there, so neither it "
                "nor what follows would hold; move every emphasis above the parameters"
            )
        is_part = len(line.removeprefix("emphasis:").split()) > 1
        if part and not is_part:
            raise UsageError(
                f"{where}: line {number}: {line[:60]!r} is below {part}: SCIP would override that one in part, tuner "
                "sets it first; move it to the top, or drop one of them"
            )
        part = part or (f"line {number}, {line[:60]!r}" if is_part else "")


def _of_lines(lines: Sequence[tuple[int, str]], where: str) -> Iterator[Entry]:
    for number, line in lines:
        if line.startswith("emphasis:") and (words := line.removeprefix("emphasis:").split()):  # of SCIP's own files
            yield f": line {number}", "/".join((*words[:-1], "emphasis")), words[-1]
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name or re.search(r"\s", name):
            raise UsageError(f"{where}: line {number}: {line[:60]!r}: name = value was expected; {_WANTED}")
        value = _without_comment(value)
        if name.endswith("/fix"):  # SCIP's mark of a parameter that its own settings leave alone
            continue
        yield f": line {number}", name, value


def _without_comment(value: str) -> str:
    """Return a value without its quotes, and without a comment behind it."""
    quoted = re.match(r'"((?:[^"\\]|\\.)*)"', value)
    return quoted[1] if quoted else value.partition("#")[0].strip()


def _of_proto(lines: Sequence[tuple[int, str]], where: str) -> Iterator[Entry]:
    for number, line in lines:
        position = 0
        while (found := _NEXT.search(line, position)) is not None and found[0] != "#":
            position = found.start()
            field = _FIELD.match(line, position)
            if field is None:
                raise UsageError(
                    f"{where}: line {number}: {line[position : position + 60]!r}: name: value was expected; lists and "
                    "messages cannot be set"
                )
            value = field[2]
            yield f": line {number}", field[1], value[1:-1] if value[0] in "\"'" else value
            position = field.end()


def _value(parameter: RealParameter, given: Any, where: str, solver: str) -> Value:
    """Return a value in the type that the solver wants; what tuner sets itself need not be one that it takes."""
    value = given
    if isinstance(given, str):
        is_switch = parameter.type == "boolean"
        value = read_value(parameter, _WORDS.get(given.lower(), given) if is_switch else given)
    if parameter.reserved or is_free_text(parameter):
        return value if isinstance(value, (bool, int, float, str)) else str(value)
    if not isinstance(value, (bool, int, float, str)):
        raise UsageError(f"{where}: {parameter.name}: true, false, a number or text is needed, not {str(value)[:40]}")
    try:
        return admit(solver, [parameter], {parameter.name: value})[parameter.name]
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None


def _left_out(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return (
        f"base: left out: {', '.join(names[:NAMED])}{more}; tuner sets these itself or keeps their defaults, or they "
        "are free text"
    )

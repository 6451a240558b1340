"""Reading the TOML and JSON that users write: spaces, scenarios and bilevel problems alike."""

from __future__ import annotations

import json
import math
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from instances.caps import CAPS, TooLarge
from storage.names import unseen
from tuner.errors import NotFound, UsageError

FLOAT_BITS = 1023
"""An integer of more bits may be too large for a float."""
LINES = ("mps", "lp", "aux")
"""Names behind which a document has the text of a model, with line breaks: whatever else is text there, is a name."""
DEEPEST = 50
"""Tables and lists within one another, at most."""


def read_document(path: Path) -> dict[str, Any]:
    """Read a file: JSON by its name, else TOML.

    Raises:
        NotFound: there is none.
        UsageError: it is not valid, or has something else than names with values.

    """
    language = "JSON" if path.suffix == ".json" else "TOML"
    try:
        content = path.read_bytes()
        CAPS.check_document(content, str(path))
        text = content.decode()
    except TooLarge as error:
        raise UsageError(str(error)) from None
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not valid {language}: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    return (read_toml if language == "TOML" else read_json)(text, str(path))


def read_json(text: str, source: str) -> dict[str, Any]:
    """Return the document; whatever was written, nothing but UsageError comes of it.

    Args:
        text: the JSON.
        source: what to call it in messages, usually the file's name.

    Raises:
        UsageError: it is not valid JSON, not an object, says something twice or has a number that is none.

    """
    try:
        document = json.loads(text, object_pairs_hook=once, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise UsageError(f"{source}: not valid JSON: it is nested too deeply") from None
    except ValueError as error:  # of JSON itself, or of Python for an integer of thousands of digits
        raise UsageError(f"{source}: not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{source}: an object of names with values is needed")
    _check(document, source)
    return document


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON, for `json.loads`.

    Raises ValueError for a name that is there twice: nobody knows which value was meant.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{name[:40]!r} is there twice in one object")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is no finite number")
    return value


def read_toml(text: str, source: str) -> dict[str, Any]:
    """Return the document.

    Args:
        text: the TOML.
        source: what to call it in messages, usually the file's name.

    Raises:
        UsageError: it is not valid TOML, or an integer in it is larger than a float can be.

    """
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise UsageError(f"{source}: not valid TOML: it is nested too deeply") from None
    except ValueError as error:  # of TOML itself, or of Python for an integer of thousands of digits
        raise UsageError(f"{source}: not valid TOML: {error}") from None
    _check(document, source)
    return document


def _check(document: Any, source: str) -> None:
    """Raise UsageError for what no document of ours has."""
    level: list[tuple[tuple[str, ...], Any]] = [((), document)]
    for _ in range(DEEPEST):
        below: list[tuple[tuple[str, ...], Any]] = []
        for names, value in level:
            if isinstance(value, dict):
                for name, entry in value.items():
                    _check_value(name, names, source)
                    below.append(((*names, name), entry))
            elif isinstance(value, list):
                below += ((names, entry) for entry in value)
            else:
                _check_value(value, names, source)
        if not below:
            return
        level = below
    raise UsageError(f"{source}: it is nested more than {DEEPEST} deep")


def _check_value(value: Any, names: tuple[str, ...], source: str) -> None:
    place = f"{source}: {'.'.join(name[:40] for name in names)}"
    if isinstance(value, str) and not _is_text(value):
        raise UsageError(f"{place}: {value[:40]!r} has characters that are no text")
    if isinstance(value, str) and names[-1:] not in [(name,) for name in LINES] and (wrong := unseen(value)):
        raise UsageError(f"{place}: {value[:40]!r} {wrong}")
    if isinstance(value, int) and value.bit_length() > FLOAT_BITS:
        raise UsageError(f"{place}: a number of more than {FLOAT_BITS} bits is too large")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half a character, which JSON can spell
        return False
    return "\0" not in value

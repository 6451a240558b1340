"""Reading the TOML and JSON that users write: spaces, scenarios and bilevel problems alike."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from tuner.errors import NotFound, UsageError

FLOAT_BITS = 1023
"""An integer of more bits may be too large for a float."""


def read_document(path: Path) -> dict[str, Any]:
    """Read a file: JSON by its name, else TOML.

    Raises:
        NotFound: there is none.
        UsageError: it is not valid, or has something else than names with values.

    """
    language = "JSON" if path.suffix == ".json" else "TOML"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not valid {language}: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if language == "TOML":
        return read_toml(text, str(path))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path}: an object of names with values is needed")
    _check(document, str(path))
    return document


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


def _check(value: Any, source: str, *names: str) -> None:
    if isinstance(value, dict):
        for name, entry in value.items():
            _check(name, source, *names)
            _check(entry, source, *names, name)
    elif isinstance(value, list):
        for entry in value:
            _check(entry, source, *names)
    elif isinstance(value, str):
        if not _is_text(value):
            raise UsageError(f"{source}: {'.'.join(names)}: {value[:40]!r} has characters that are no text")
    elif isinstance(value, int) and value.bit_length() > FLOAT_BITS:
        raise UsageError(f"{source}: {'.'.join(names)}: a number of more than {FLOAT_BITS} bits is too large")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half a character, which JSON can spell
        return False
    return "\0" not in value

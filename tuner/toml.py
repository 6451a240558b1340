"""Reading the TOML that users write, space files and scenarios alike."""

from __future__ import annotations

import tomllib
from typing import Any

from tuner.errors import UsageError

FLOAT_BITS = 1023
"""An integer of more bits may be too large for a float."""


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
    _check_numbers(document, source)
    return document


def _check_numbers(value: Any, source: str, *names: str) -> None:
    if isinstance(value, dict):
        for name, entry in value.items():
            _check_numbers(entry, source, *names, name)
    elif isinstance(value, list):
        for entry in value:
            _check_numbers(entry, source, *names)
    elif isinstance(value, int) and value.bit_length() > FLOAT_BITS:
        raise UsageError(f"{source}: {'.'.join(names)}: a number of more than {FLOAT_BITS} bits is too large")

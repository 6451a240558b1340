"""Reading what a user wrote about a problem, TOML or JSON alike: every complaint names the place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tuner.errors import UsageError
from tuner.space import unknown

LARGEST = 1e15
LONGEST = 60
"""Characters of a value in a message."""


class Table:
    """Named values of one place of a document. What was not asked for by the end is a mistake of the user's."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        """Hold values found at a place."""
        self._values, self.place = dict(values), place
        self._asked: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether there is something of this name."""
        self._asked.add(name)
        return name in self._values

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text, not empty."""
        value = self._get(name, default)
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{self.place}: {name} is {_shown(value)}; a text is needed")
        return value

    def number(
        self, name: str, default: float | None = None, *, least: float = -math.inf, most: float = math.inf
    ) -> float:
        """Return a finite number."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
            raise UsageError(f"{self.place}: {name} is {_shown(value)}; a number is needed")
        if abs(value) > LARGEST:
            raise UsageError(f"{self.place}: {name} is beyond {LARGEST:g}; no solver computes with that")
        if not least <= value <= most:
            raise UsageError(f"{self.place}: {name} is {value:g}; it has to be {_range(least, most)}")
        return float(value)

    def whole(self, name: str, default: int | None = None, *, least: int = 0) -> int:
        """Return a whole number."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{self.place}: {name} is {_shown(value)}; a whole number is needed")
        if value < least:
            raise UsageError(f"{self.place}: {name} is {value}; it has to be {least} or more")
        if value > LARGEST:
            raise UsageError(f"{self.place}: {name} is beyond {LARGEST:g}; no solver computes with that")
        return value

    def numbers(self, name: str, *, least: float = -math.inf) -> list[float]:
        """Return a list of at least one finite number."""
        value = self._get(name, None)
        if not isinstance(value, list) or not value:
            raise UsageError(f"{self.place}: {name} is {_shown(value)}; a list of numbers is needed")
        entries = Table({f"{name}[{i}]": entry for i, entry in enumerate(value)}, self.place)
        return [entries.number(f"{name}[{i}]", least=least) for i in range(len(value))]

    def choice(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """Return one of a few texts."""
        value = self.text(name, default)
        if value not in allowed:
            raise UsageError(f"{self.place}: {unknown(name, value, allowed)}; there are {', '.join(allowed)}")
        return value

    def table(self, name: str) -> Table:
        """Return a table within this one."""
        value = self._get(name, None)
        if not isinstance(value, dict):
            raise UsageError(f"{self.place}: {name} is {_shown(value)}; a table is needed")
        return Table(value, f"{self.place}: {name}")

    def tables(self, name: str, what: str) -> list[Table]:
        """Return a list of at least one table, each called after what it is and its number, counted from 1."""
        value = self._get(name, [])
        if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
            raise UsageError(f"{self.place}: {name}: at least one {what} is needed, written as [[{name}]]")
        return [Table(entry, f"{self.place}: {what} {number}") for number, entry in enumerate(value, 1)]

    def distinct(self, what: str, names: Iterable[str]) -> None:
        """Raise UsageError when two of these have the same name."""
        for name, count in Counter(names).items():
            if count > 1:
                raise UsageError(f"{self.place}: {count} {what} have the name {name}; give each its own")

    def done(self) -> None:
        """Raise UsageError for the first name that nobody asked for."""
        for name in self._values:
            if name not in self._asked:
                raise UsageError(f"{self.place}: {unknown('key', name, self._asked)}")

    def _get(self, name: str, default: Any) -> Any:
        self._asked.add(name)
        if name not in self._values and default is None:
            raise UsageError(f"{self.place}: {name} is missing")
        return self._values.get(name, default)


def _shown(value: Any) -> str:
    """Return a value as a message has it: what users write by mistake may be long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _range(least: float, most: float) -> str:
    if math.isinf(most):
        return f"{least:g} or more"
    return f"{most:g} or less" if math.isinf(least) else f"from {least:g} to {most:g}"

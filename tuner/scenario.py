"""The scenario: the frozen, validated description of a tuning task, with a unit for every limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from storage.names import fault, fitted, unseen
from tuner.cost import Cost, Ties
from tuner.documents import read_document
from tuner.errors import UsageError
from tuner.space import unknown

ANY = "any"
KIND, CONFIGURATION = "kind", "configuration"
"""What says in a file that it describes a scenario; it may be left out."""
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
MIB = {
    "kib": 1 / 1024,
    "mib": 1.0,
    "gib": 1024.0,
    "k": 1 / 1024,
    "m": 1.0,
    "g": 1024.0,
    "mb": 1e6 / 2**20,
    "gb": 1e9 / 2**20,
}


@dataclass(frozen=True)
class Scenario:
    """What to tune, on what, for how long and by which measure."""

    folder: str
    """The folder of models."""
    solver: str = ANY
    """highs, cp-sat, scip, or any: then the leader chooses the solver too."""
    budget: float = 600.0
    """Wall seconds for the whole job, the verdict included."""
    cutoff: float = 30.0
    """Seconds for one run, enforced in wall time; a run counts as solved when its CPU seconds are within it, too."""
    cost: Cost = Cost.PAR10
    ties: Ties = Ties.MEAN
    holdout: str = "0.3"
    """The fraction of the instances that the leader never sees, or a folder of other ones."""
    slots: int = 0
    """Runs at a time; 0: one for every core that this process may use."""
    memory: float = 2048.0
    """MiB for one run."""
    gap: float = 1e-4
    """Relative gap at which every solver may stop and call its answer optimal: the same for all, never tuned."""
    space: str = ""
    """A file with parameters to add to the built-in spaces, or to change there; empty for none."""
    seed: int = 0
    """Of the leader and of the split into training and holdout; solver seeds are derived from it."""
    name: str = ""
    """What to call the job; empty for a name made from the folder's."""
    reuse: bool = False
    """Whether responses that earlier jobs left in the store may be used."""

    def __post_init__(self) -> None:
        """Raise UsageError for the first value that makes no sense."""
        for name in ("folder", "holdout", "space"):
            if wrong := unseen(getattr(self, name)):
                raise UsageError(f"{name}: {getattr(self, name)!r} {wrong}; rename it")
        if not self.folder.strip():
            raise UsageError("folder: the name is empty; name the folder of models, . for the one you are in")
        if not self.holdout.strip():
            raise UsageError("holdout: it is empty; a fraction such as 0.3, or the name of a folder, is needed")
        if self.name and (wrong := fault(self.name)):
            raise UsageError(f"name: {self.name!r} {wrong}; choose another, such as {fitted(self.name)!r}")
        for name in ("budget", "cutoff", "memory"):
            _check_limit(getattr(self, name), name, f"{getattr(self, name):g}")
        if self.memory < 1:
            raise UsageError(f"memory: at least 1 MiB is needed, not {self.memory:g} MiB")
        if not 0 <= self.gap < 1:
            raise UsageError(f"gap: a relative gap from 0 to below 1 is needed, not {self.gap:g}")
        if self.slots < 0:
            raise UsageError(f"slots: must be 1 or more (or 0 for one per core), not {self.slots}")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"seed: must be from 0 to {2**31 - 1}, not {self.seed}")

    @property
    def holdout_fraction(self) -> float | None:
        """The fraction of the instances held out, or None when the holdout is a folder."""
        try:
            return float(self.holdout)
        except ValueError:
            return None


def parse_seconds(text: str | float, what: str) -> float:
    """Read a duration such as 90, 90s, 10m, 1.5h; a plain number is seconds.

    Raises UsageError when it is none.
    """
    return _quantity(text, what, SECONDS, "30s, 10m, 1.5h")


def parse_mib(text: str | float, what: str) -> float:
    """Read an amount of memory such as 2GiB, 512MiB; a plain number is MiB.

    Raises UsageError when it is none.
    """
    return _quantity(text, what, MIB, "512MiB, 2GiB")


def _quantity(text: str | float, what: str, units: Mapping[str, float], examples: str) -> float:
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z]*)\s*", str(text))
    if match is None:
        raise UsageError(f"{what}: {text!r} is not understood; write for example {examples}")
    number, unit = match.groups()
    if unit.lower() not in units and unit:
        raise UsageError(f"{what}: unknown unit {unit!r} in {text!r}; units are {', '.join(units)}, as in {examples}")
    value = float(number) * (units[unit.lower()] if unit else 1.0)
    _check_limit(value, what, repr(text))
    return value


def _check_limit(value: float, what: str, written: str) -> None:
    if value == float("inf"):
        raise UsageError(f"{what}: {written} is too large")
    if not value > 0:
        raise UsageError(f"{what}: must be above zero, not {written}")


def _choice(kind: type[Cost] | type[Ties], text: Any, what: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        names = [member.value for member in kind]
        raise UsageError(f"{unknown(what, str(text), names)}; it is one of {', '.join(names)}") from None


def read_whole(text: Any, what: str) -> int:
    """Read a whole number; UsageError when it is none."""
    try:
        if isinstance(text, bool) or (isinstance(text, float) and not text.is_integer()):
            raise ValueError
        return int(text)
    except (ValueError, TypeError):
        raise UsageError(f"{what}: a whole number is needed, not {text!r}") from None


def read_number(text: Any, what: str) -> float:
    """Read a number; UsageError when it is none."""
    try:
        return float(text)
    except (ValueError, TypeError):
        raise UsageError(f"{what}: a number is needed, not {text!r}") from None


def _text(text: Any, what: str) -> str:
    if not isinstance(text, str):
        raise UsageError(f"{what}: text is needed, not {text!r}")
    return text


def _yes_or_no(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{what}: true or false is needed, not {value!r}")
    return value


def _holdout(text: Any, what: str) -> str:
    if not isinstance(text, (str, int, float)) or isinstance(text, bool):
        raise UsageError(f"{what}: a fraction such as 0.3, or the name of a folder, is needed, not {text!r}")
    return str(text)


_READERS = {
    "folder": _text,
    "solver": _text,
    "budget": parse_seconds,
    "cutoff": parse_seconds,
    "cost": lambda text, what: _choice(Cost, text, what),
    "ties": lambda text, what: _choice(Ties, text, what),
    "holdout": _holdout,
    "slots": read_whole,
    "memory": parse_mib,
    "gap": read_number,
    "space": _text,
    "seed": read_whole,
    "name": _text,
    "reuse": _yes_or_no,
}


def read_scenario(path: Path | None, flags: Mapping[str, Any]) -> Scenario:
    """Make a scenario from a TOML or JSON file, or none, and flags, which override it.

    Paths in the file are taken relative to the file.

    Args:
        path: the file, with the fields of `Scenario` as keys.
        flags: the same fields; None for a flag that was not given.

    Raises:
        UsageError: names the file or flag, the value and what it should be.

    """
    entries: dict[str, Any] = {}
    if path is not None:
        entries = _entries(path)
    entries.update({name: value for name, value in flags.items() if value is not None})
    if "folder" not in entries:
        raise UsageError("folder: the folder of models is missing; name it on the command line or in the scenario file")
    values = {name: _READERS[name](value, name) for name, value in entries.items()}
    return Scenario(**values)


def _entries(path: Path) -> dict[str, Any]:
    entries = read_document(path)
    if (kind := entries.pop(KIND, CONFIGURATION)) != CONFIGURATION:
        raise UsageError(f"{path}: {KIND} is {kind!r}, not {CONFIGURATION!r}; tuner solve takes other kinds")
    known = [field.name for field in fields(Scenario)]
    for name in entries:
        if name not in known:
            raise UsageError(f"{path}: {unknown('key', name, known)}; keys are {', '.join(known)}")
    for name in ("folder", "space", "holdout"):
        value = entries.get(name)
        if isinstance(value, str) and value.strip() and not (name == "holdout" and re.fullmatch(r"[0-9.]+", value)):
            entries[name] = str(path.parent / value)
    return entries


def with_slots(scenario: Scenario, cores: int) -> Scenario:
    """Return the scenario with its slots settled: one for every core when none were asked for."""
    return replace(scenario, slots=scenario.slots or cores)

"""The scenario: the frozen, validated description of a tuning task, with a unit for every limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from storage.names import fault, fitted, unseen
from storage.records import spell
from tuner.cost import Cost, Ties
from tuner.documents import read_document
from tuner.errors import UsageError
from tuner.space import unknown

ANY = "any"
LEAST_CUTOFF = 0.01
"""Seconds: starting a run's process and reaping it takes five to ten milliseconds where nothing else is to be done."""
LEAST_BUDGET = 1.0
"""Seconds of a tuning job."""
LEAST_PATIENCE = 1.0
"""Seconds without a new incumbent: a race that ends sooner has hardly looked for one."""
LARGEST_TARGET = 1e6
"""Times better than the default."""
TYPICAL = 10
"""How many cutoffs a budget has when it is proposed."""
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
    reuse: bool | None = None
    """Whether responses that earlier jobs left in the store may be used; None where that is not said: `tuner tune` uses
    them then, and a server does as its operator decided."""
    fix: tuple[str, ...] = ()
    """Parameters that have one value in every run: ``name=value``, or ``solver:name=value``."""
    base: str = ""
    """A file of the user's own settings, with which the verdict compares, too; empty for none."""
    target: float | None = None
    """The race ends once the incumbent is surely this many times better than the default; None: it goes on."""
    stop_after: float | None = None
    """Seconds without a new incumbent after which the race ends; None: it goes on."""

    def __post_init__(self) -> None:
        """Raise UsageError for the first value that makes no sense."""
        for name in ("folder", "holdout", "space", "base"):
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
        check_cutoff(self.cutoff)
        if self.budget < LEAST_BUDGET:
            raise UsageError(f"budget: at least {LEAST_BUDGET:g} s are needed, not {self.budget:g} s")
        check_goals(self.target, self.stop_after)
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


def check_goals(target: float | None, stop_after: float | None) -> None:
    """Raise UsageError for a target or a patience, in seconds, that makes no sense."""
    if target is not None and not 1 < target <= LARGEST_TARGET:
        raise UsageError(f"target: must be above 1 and at most {LARGEST_TARGET:g} times the default, not {target:g}")
    if stop_after is not None:
        _check_limit(stop_after, "stop_after", f"{stop_after:g}")
        if stop_after < LEAST_PATIENCE:
            raise UsageError(f"stop_after: at least {LEAST_PATIENCE:g} s are needed, not {stop_after:g} s")


def check_cutoff(cutoff: float) -> None:
    """Raise UsageError for a cutoff, in seconds, within which no run's process can start and end."""
    if cutoff < LEAST_CUTOFF:
        raise UsageError(
            f"cutoff: {cutoff:g} s are over before a run's process has started; at least {LEAST_CUTOFF:g} s are needed"
        )


def check_budget(cutoff: float, budget: float) -> None:
    """Raise UsageError where a single run may take longer, in seconds, than the whole job.

    Nothing more is asked: how many runs a budget is worth depends on what the models take, which nobody knows yet.
    """
    if cutoff > budget:
        raise UsageError(
            f"a cutoff of {cutoff:g} s is too long for a budget of {budget:g} s: a single run could outlast the job; "
            f"use --cutoff {max(budget / TYPICAL, LEAST_CUTOFF):.3g}s, or --budget {TYPICAL * cutoff:.3g}s"
        )


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


def parse_target(text: str | float, what: str) -> float:
    """Read how many times better: 3x, 1.5x or just the number.

    Raises UsageError when it is none.
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*[xX]?\s*", str(text))
    if match is None or isinstance(text, bool):
        raise UsageError(f"{what}: {text!r} is not understood; write for example 3x, for three times faster")
    return float(match[1])


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


def _settings(value: Any, what: str) -> tuple[str, ...]:
    """Read settings: one as text, a list of them, or a table of names with values."""
    if isinstance(value, Mapping):
        wrong = next((entry for entry in value.values() if not isinstance(entry, (bool, int, float, str))), None)
        if wrong is not None:
            raise UsageError(f"{what}: a parameter's value is true, false, a number or text, not {wrong!r}")
        return tuple(f"{name}={spell(entry)}" for name, entry in value.items())
    settings = [value] if isinstance(value, str) else value
    if not isinstance(settings, (list, tuple)) or not all(isinstance(each, str) for each in settings):
        raise UsageError(f'{what}: settings are needed, such as ["presolve=off"], not {value!r}')
    for each in settings:
        if wrong := unseen(each):
            raise UsageError(f"{what}: {each!r} {wrong}")
    return tuple(settings)


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
    "fix": _settings,
    "base": _text,
    "target": parse_target,
    "stop_after": parse_seconds,
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
    entries = {name.replace("-", "_"): value for name, value in read_document(path).items()}
    if (kind := entries.pop(KIND, CONFIGURATION)) != CONFIGURATION:
        raise UsageError(f"{path}: {KIND} is {kind!r}, not {CONFIGURATION!r}; tuner solve takes other kinds")
    known = [field.name for field in fields(Scenario)]
    for name in entries:
        if name not in known:
            raise UsageError(f"{path}: {unknown('key', name, known)}; keys are {', '.join(known)}")
    for name in ("folder", "space", "holdout", "base"):
        value = entries.get(name)
        if isinstance(value, str) and value.strip() and not (name == "holdout" and re.fullmatch(r"[0-9.]+", value)):
            entries[name] = str(path.parent / value)
    return entries


def with_slots(scenario: Scenario, cores: int) -> Scenario:
    """Return the scenario with its slots settled: one for every core when none were asked for."""
    return replace(scenario, slots=scenario.slots or cores)

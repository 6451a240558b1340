"""Where runs are executed here: what their seconds depend on besides the run."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from storage.records import Environment
from tuner.follower.solvers import adapter

_CPUINFO = Path("/proc/cpuinfo")
_MODEL = ("model name", "cpu model", "hardware", "machine")
"""What Linux calls the processor's model, by architecture; ARM has none of them, and numbers instead."""
_NUMBERS = ("cpu implementer", "cpu part", "cpu variant")


@cache
def environment_of(solver: str) -> Environment:
    """Return the environment of this process's runs of a solver."""
    library = adapter(solver).library
    try:
        software = f"{library} {version(library)}"
    except PackageNotFoundError:
        software = ""
    return Environment(platform.node(), _processor(), os.cpu_count() or 0, software)


def _processor() -> str:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    fields: dict[str, str] = {}
    for key, _, value in (line.partition(":") for line in lines):
        fields.setdefault(key.strip().lower(), value.strip())
    for key in _MODEL:
        if fields.get(key):
            return fields[key]
    numbers = " ".join(f"{key.removeprefix('cpu ')} {fields[key]}" for key in _NUMBERS if fields.get(key))
    return f"{platform.machine()} {numbers}" if numbers else platform.processor()

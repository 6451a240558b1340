"""What a peer's process is told, and how it executes runs. Imports nothing of the product but the standard nouns."""

from __future__ import annotations

import json
import math
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """One parameter, in terms that every tool knows."""

    name: str
    kind: str
    """boolean, choice, integer or float."""
    default: Any
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    values: Sequence[Any] = ()
    when: Sequence[tuple[str, Sequence[Any]]] = ()
    """Active only when each of these parameters has one of these values."""

    def native(self, value: Any) -> Any:
        """Return a value as Python's own type, whatever a tool made of it: text, or a number of numpy's."""
        if self.kind == "boolean":
            return str(value).lower() == "true"
        if self.kind == "integer":
            return int(value)
        if self.kind == "float":
            return float(value)
        return next(own for own in self.values if str(own) == str(value))


@dataclass(frozen=True)
class Spec:
    """A tuning task for a peer."""

    socket: str
    instances: int
    cutoff: float
    budget: float
    """Wall seconds."""
    slots: int
    seed: int
    parameters: Sequence[Parameter]
    folder: str
    """For the tool's own files."""

    @classmethod
    def read(cls, path: str) -> Spec:
        """Read a spec."""
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
        fields["parameters"] = [Parameter(**parameter) for parameter in fields["parameters"]]
        return cls(**fields)

    def write(self, path: Path) -> None:
        """Write it for `read`."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def changed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the active values that differ from the default, as native types."""
        full = {p.name: p.native(values.get(p.name, p.default)) for p in self.parameters}
        changed = {}
        for parameter in self.parameters:
            value = full[parameter.name]
            active = all(full[other] in allowed for other, allowed in parameter.when)
            if active and value != parameter.default:
                changed[parameter.name] = value
        return changed


class Client:
    """Executes runs at the server, over one connection for each thread."""

    def __init__(self, spec: Spec) -> None:
        """Connect when first needed."""
        self._spec = spec
        self._local = threading.local()

    def cost(self, values: Mapping[str, Any], instance: int, seed: int) -> float:
        """Execute a run and return its PAR10 seconds."""
        stream = getattr(self._local, "stream", None)
        if stream is None:
            connected = socket.socket(socket.AF_UNIX)
            connected.connect(self._spec.socket)
            stream = self._local.stream = connected.makefile("rw")
        asked = {"parameters": self._spec.changed(values), "instance": instance, "seed": seed}
        stream.write(json.dumps(asked) + "\n")
        stream.flush()
        told = json.loads(stream.readline())
        return float(told["cpu"]) if told["solved"] else 10 * self._spec.cutoff


def deadline(spec: Spec) -> float:
    """Return when to end, by `time.monotonic`."""
    return time.monotonic() + spec.budget


def done(spec: Spec, values: Mapping[str, Any]) -> None:
    """Print the tool's final answer for the bench."""
    print(json.dumps({"answer": spec.changed(values)}), flush=True)


def score(spec: Spec, cost: float) -> float:
    """Return the logarithm of the shifted cost, whose mean every tool is judged by."""
    return math.log(0.01 * spec.cutoff + cost)


def spec_of_this_process() -> Spec:
    """Return the spec that the command line names."""
    return Spec.read(sys.argv[1])

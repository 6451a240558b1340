"""Bilevel problems that are built in, each a module that a reader can take as a model for one of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tuner.bilevel.applications.configuration import Tuning
from tuner.bilevel.applications.contract import Contract
from tuner.bilevel.applications.interdiction import Defender, Interdiction
from tuner.bilevel.applications.pair import PAIR, TEXTS, Pair, Written
from tuner.bilevel.applications.toll import TollNetwork
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.result import Result
from tuner.bilevel.table import Table
from tuner.cost import Ties
from tuner.documents import read_document
from tuner.errors import UsageError
from tuner.scenario import CONFIGURATION, KIND
from tuner.space import unknown

KINDS = ("toll", "contract", "interdiction", TEXTS, CONFIGURATION)

LARGEST = 10_000
"""Size of a random problem, at most."""


class Application(Protocol):
    """A bilevel problem in the words of its field, whose follower solves a model."""

    @property
    def name(self) -> str:
        """What to call it."""
        ...

    def problem(self, ties: Ties = Ties.OPTIMISTIC) -> LinearProblem:
        """Return it as a bilevel problem."""
        ...

    def sentence(self, result: Result) -> str:
        """Say a result in the words of the problem."""
        ...

    def document(self) -> dict[str, Any]:
        """Return it as it is written in a file."""
        ...


def read_application(path: Path) -> Application | Tuning:
    """Read a problem from a file: .toml or .json of a kind that is built in, or a model with an .aux file beside it.

    Raises:
        NotFound: there is no such file.
        UsageError: it cannot be read; names the place.

    """
    if path.suffix not in (".toml", ".json"):
        return Pair.read(path)
    document = read_document(path)
    if document.get(KIND) == CONFIGURATION:
        return Tuning.read(path)
    return _of(Table(document, str(path)))


def without_files(application: Application) -> Application:
    """Return the problem as one that needs no file: whoever carries it out may be on another machine."""
    return application.written() if isinstance(application, Pair) else application


def restored(document: str) -> Application:
    """Return the problem whose `document` this is, as JSON.

    Raises:
        NotFound: a file that it names is gone.
        UsageError: a file that it names is another one now.

    """
    return _of(Table(json.loads(document), "the problem as it was handed in"))


def _of(table: Table) -> Application:
    kind = table.choice(KIND, (*KINDS, PAIR))
    if kind == "toll":
        return TollNetwork.read(table)
    if kind == "contract":
        return Contract.read(table)
    if kind == "interdiction":
        return Interdiction.read(table)
    return Written.read(table) if kind == TEXTS else Pair.restore(table)


@dataclass(frozen=True)
class Example:
    """A kind of problem to start from."""

    small: Callable[[], Application | Tuning]
    """Returns a small one."""
    random: Callable[[int, int], Application | Tuning]
    """Returns one of a size, from a seed."""
    size: str
    """What the size counts."""


EXAMPLES = {
    "toll": Example(
        TollNetwork.example, lambda n, seed: TollNetwork.generated(n, max(1, n // 3), seed), "nodes of the network"
    ),
    "contract": Example(Contract.example, lambda n, seed: Contract.generated(n, 10, seed), "retailers"),
    "interdiction": Example(Interdiction.example, Interdiction.generated, "items of the knapsack"),
    "interdiction-path": Example(
        lambda: Interdiction.example(Defender.PATH),
        lambda n, seed: Interdiction.generated(n, seed, Defender.PATH),
        "nodes of the network",
    ),
    "interdiction-flow": Example(
        lambda: Interdiction.example(Defender.FLOW),
        lambda n, seed: Interdiction.generated(n, seed, Defender.FLOW),
        "nodes of the network",
    ),
    CONFIGURATION: Example(Tuning.example, Tuning.generated, "models"),
}


def example(name: str) -> Application | Tuning:
    """Return the example of a name; UsageError when there is none."""
    return _example(name).small()


def generated(name: str, size: int, seed: int) -> Application | Tuning:
    """Return a random problem.

    Args:
        name: one of `EXAMPLES`.
        size: see there.
        seed: the same gives the same problem.

    Raises:
        UsageError: there is no such example, or the size is too small.

    """
    found = _example(name)
    if size > LARGEST:
        raise UsageError(f"--size {size}: {LARGEST} {found.size} at most")
    if size < 2:
        raise UsageError(f"--size {size}: 2 {found.size} are needed at least")
    return found.random(size, seed)


def _example(name: str) -> Example:
    if name not in EXAMPLES:
        raise UsageError(f"{unknown('example', name, EXAMPLES)}; there are {', '.join(EXAMPLES)}")
    return EXAMPLES[name]

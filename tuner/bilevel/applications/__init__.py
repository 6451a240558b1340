"""Bilevel problems that are built in, each a module that a reader can take as a model for one of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from tuner.bilevel.applications.configuration import Tuning
from tuner.bilevel.applications.contract import Contract
from tuner.bilevel.applications.interdiction import Interdiction
from tuner.bilevel.applications.pair import PAIR, Pair
from tuner.bilevel.applications.toll import TollNetwork
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.result import Result
from tuner.bilevel.table import Table
from tuner.cost import Ties
from tuner.documents import read_document
from tuner.errors import UsageError
from tuner.scenario import CONFIGURATION, KIND

KINDS = ("toll", "contract", "interdiction", CONFIGURATION)


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
    return Interdiction.read(table) if kind == "interdiction" else Pair.restore(table)


def example(kind: str) -> Application | Tuning:
    """Return the example of a kind."""
    if kind == CONFIGURATION:
        return Tuning.example()
    if kind == "toll":
        return TollNetwork.example()
    return Contract.example() if kind == "contract" else Interdiction.example()


def generated(kind: str, size: int, seed: int) -> Application | Tuning:
    """Return a random problem of a kind.

    Args:
        kind: one of `KINDS`.
        size: nodes of a toll network, retailers of a contract, items of an interdiction, models of a
            configuration.
        seed: the same gives the same problem.

    Raises:
        UsageError: the size is too small.

    """
    if size < 2:
        raise UsageError(f"--size {size}: 2 or more is needed")
    if kind == CONFIGURATION:
        return Tuning.generated(size, seed)
    if kind == "toll":
        return TollNetwork.generated(size, max(1, size // 3), seed)
    return Contract.generated(size, 10, seed) if kind == "contract" else Interdiction.generated(size, seed)

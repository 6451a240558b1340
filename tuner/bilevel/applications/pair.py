"""Any mixed-integer bilevel linear problem, from a model and the .aux file beside it, or from what these two say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from instances.formats import FORMATS, sha256_of
from storage.names import fitted, unseen
from tuner.bilevel.files import Texts, pair_of, read_pair, read_texts, texts_of
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.result import Result
from tuner.bilevel.table import Table
from tuner.cost import Ties
from tuner.errors import UsageError

PAIR, TEXTS = "pair", "model"
"""The kinds: two files, and what they say."""
SHOWN = 12
"""Variables that are shown; the others are in the JSON."""


@dataclass(frozen=True)
class Written:
    """A problem without words of its own, as texts: it needs no file."""

    texts: Texts
    read_problem: LinearProblem

    @classmethod
    def read(cls, table: Table) -> Written:
        """Read what a user wrote; UsageError for what is wrong with it."""
        format = next((format for format in FORMATS if table.has(format[1:])), FORMATS[0])
        texts = Texts(table.text("name", TEXTS), format, table.text(format[1:]), table.text("aux"))
        table.done()
        try:
            return cls(texts, read_texts(texts))
        except UsageError as error:
            raise UsageError(f"{table.place}: {error}") from None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.texts.name

    def problem(self, ties: Ties = Ties.OPTIMISTIC) -> LinearProblem:
        """Return the problem."""
        return self.read_problem.with_ties(ties)

    def sentence(self, result: Result) -> str:
        """Say which variables are not 0, and F."""
        return _sentence(result)

    def document(self) -> dict[str, Any]:
        """Return it as it is written in a file."""
        texts = self.texts
        return {"kind": TEXTS, "name": texts.name, texts.format[1:]: texts.model, "aux": texts.aux}


@dataclass(frozen=True)
class Pair:
    """The same in two files."""

    path: Path
    read_problem: LinearProblem

    @classmethod
    def read(cls, path: Path) -> Pair:
        """Read a pair of which one file is named; the errors are those of `read_pair`."""
        return cls(path, read_pair(path))

    @property
    def name(self) -> str:
        """The model's name."""
        return self.read_problem.name

    def problem(self, ties: Ties = Ties.OPTIMISTIC) -> LinearProblem:
        """Return the problem."""
        return self.read_problem.with_ties(ties)

    def sentence(self, result: Result) -> str:
        """Say which variables are not 0, and F."""
        return _sentence(result)

    def written(self) -> Written:
        """Return it without the files; UsageError when these cannot be read any more."""
        texts = texts_of(self.path)
        if unseen(texts.name):  # of a file, which may be called anything
            texts = replace(texts, name=fitted(texts.name))
        return Written(texts, read_texts(texts))

    def document(self) -> dict[str, Any]:
        """Return which files it is in, and what they were."""
        model, aux = pair_of(self.path)
        return {
            "kind": PAIR,
            "model": str(model.absolute()),
            "aux": str(aux.absolute()),
            "model_sha256": sha256_of(model),
            "aux_sha256": _sha256(aux),
        }

    @classmethod
    def restore(cls, table: Table) -> Pair:
        """Read the pair of files that a document names.

        Raises:
            NotFound: one of them is gone.
            UsageError: one of them has changed, or cannot be read.

        """
        model, aux = Path(table.text("model")), Path(table.text("aux"))
        read = cls.read(model)
        for path, found, known in (
            (model, sha256_of(model), table.text("model_sha256")),
            (aux, _sha256(aux), table.text("aux_sha256")),
        ):
            if found != known:
                raise UsageError(f"{path}: it has changed since it was handed in; put the former one back")
        return read


def _sentence(result: Result) -> str:
    if result.x is None or result.objective is None or result.y is None:
        so_far = "" if result.is_proven else " of those that were looked at"
        return f"no choice of the leader is bilevel feasible{so_far}"
    named = {**result.problem.named(result.x), **result.y}
    values = [f"{name} = {value:.7g}" for name, value in named.items() if abs(value) > 1e-9]
    shown = ", ".join(values[:SHOWN]) + (f", and {len(values) - SHOWN} more" if len(values) > SHOWN else "")
    return f"F = {result.objective:.7g} with {shown or 'all variables 0'}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""Reading LP files (CPLEX's format), strictly: what is not understood is refused with its line, never guessed."""

from __future__ import annotations

from collections.abc import Iterable

from instances.errors import UnreadableModel
from instances.lp.sections import Sections
from instances.lp.tokens import Problem, Tokens
from instances.model import Model


def read_lp(lines: Iterable[str]) -> Model:
    """Read a model from the lines of an LP file.

    Raises:
        UnreadableModel: says what is wrong and in which line.

    """
    tokens = Tokens(lines)
    try:
        sections = Sections(tokens)
        sections.read()
    except Problem as problem:
        raise UnreadableModel(f"line {problem.line or tokens.line}: {problem}") from None
    try:
        return sections.model()
    except (Problem, ValueError) as problem:
        raise UnreadableModel(str(problem)) from None

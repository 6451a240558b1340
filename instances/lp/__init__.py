"""Reading LP files (CPLEX's format), strictly: what is not understood is refused with its line, never guessed.

CPLEX 22, Gurobi 13, HiGHS 1.16 and SCIP 10 were asked what they read. What three of them read is read so. Where they
disagree the file is refused, with who says what; where one meaning only is possible it may be read nevertheless. The
whole table is in docs/reading.md; the decisions that shape this package:

- Names may hold all that does not end them: brackets keep signs together (``x[a-b]``, Gurobi alone) but not products,
  and a slash, a comma or a quote belong to the name. A name that a sign, a space, ``:`` or ``^`` would cut is refused,
  by that name.
- ``3x`` is three times x (Gurobi: a name); ``2e``, ``1.x``, ``3,5x`` and, in a row, ``x-1`` are refused.
- In a file that is read byte for byte, a backslash, or a bracket with a sign in it, directly behind a letter beyond
  ASCII may be half a character of Shift-JIS, GBK or Big5: it is refused, as it would begin a comment or a name.
- In files that Gurobi, SCIP or HiGHS say they wrote, spaces stand around all but names: what is cut there is refused.
- Words that begin sections do so at the beginning of a line only; within a line they are names.
- ``inf`` is a variable where it stands as a term (not SCIP), and infinity where a number must stand.
- A bound that is given again replaces the one before; the lower bound of 0 stays when only a negative upper bound is
  given. ``free`` behind an upper bound is refused: two against two.
- A binary with wider bounds is 0 .. 1 where its bounds come first and Binaries is its last list, and refused otherwise.
- A row may have constants, and sides before and behind its expression, which no other reader takes rightly.
- Numbers from 1e20 on are infinite as bounds and right-hand sides, and refused as coefficients.
- A missing ``End``, and names that only bounds and lists of kinds have, are warnings.
"""

from __future__ import annotations

from collections.abc import Iterable

from instances.errors import UnreadableModel
from instances.lp.characters import whole_characters
from instances.lp.sections import Sections
from instances.lp.token import Problem
from instances.lp.tokens import Tokens
from instances.model import Model
from instances.text import BYTEWISE


def read_lp(lines: Iterable[str], encoding: str = "") -> Model:
    """Read a model from the lines of an LP file; what it leaves open is among the model's warnings.

    Args:
        lines: with their ends or without.
        encoding: what `instances.text.encoding_of` says of the file; empty when it is not known.

    Raises:
        UnreadableModel: says what is wrong and in which line.

    """
    tokens = Tokens(whole_characters(lines) if encoding == BYTEWISE else lines)
    try:
        tokens.start()
        sections = Sections(tokens)
        sections.read()
    except Problem as problem:
        raise UnreadableModel(f"line {problem.line or tokens.last_line}: {problem}") from None
    try:
        return sections.model()
    except (Problem, ValueError) as problem:
        raise UnreadableModel(str(problem)) from None

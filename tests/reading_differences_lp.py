"""The differences to readers of LP files that docs/reading.md lists."""

from __future__ import annotations

import math
import re

from instances.builder import INFINITE
from tests.reading_cases import Case
from tests.reading_differences import Difference, Known

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WORDS = r"(st\.?|end|bin|binary|binaries|gen|generals?|int|integers?|bounds?|semis?|min|max|sos|free)"


def _row_constant(difference: Difference, case: Case) -> bool:
    """Whether a side differs by a number of the file, which may be a constant of the row."""
    if difference.what != "row" or difference.field not in ("lower", "upper"):
        return False
    if not math.isfinite(difference.ours) or not math.isfinite(difference.theirs):
        return False
    shift = abs(difference.ours - difference.theirs)
    numbers = sorted({float(number) for number in _NUMBER.findall(case.text)})
    sums = {0.0, *numbers, *(-number for number in numbers)}
    return any(math.isclose(shift, first + second, rel_tol=1e-9) for first in numbers for second in sums)


def _semi(difference: Difference, case: Case) -> bool:
    return (difference.what, difference.field) == ("column", "kind") and {difference.ours, difference.theirs} <= {
        *(0, 2),
        *(1, 3),
    }


def _wide_binary(difference: Difference, case: Case) -> bool:
    """Whether a binary's bounds differ: what is read here lies within 0 .. 1."""
    return (
        difference.what == "column"
        and (difference.field, difference.ours) in (("lower", 0.0), ("upper", 1.0))
        and _BINARY.search(case.text) is not None
    )


def _small(difference: Difference, case: Case) -> bool:
    return difference.field in ("entries", "objective") and re.search(r"e-[0-9]{2,}", case.text) is not None


def _whole_bounds(difference: Difference, case: Case) -> bool:
    """Whether a bound is rounded to the whole number that an integer column can reach."""
    if difference.what != "column" or difference.field not in ("lower", "upper") or not math.isfinite(difference.ours):
        return False
    rounded = math.floor if difference.field == "upper" else math.ceil
    return bool(difference.theirs == rounded(difference.ours))


def _infinite_term(difference: Difference, case: Case) -> bool:
    """Whether a variable called inf is lost, or makes a constant infinite."""
    return difference.name.lower() == "inf" or (difference.what == "offset" and abs(difference.theirs) >= INFINITE)


def _refused(difference: Difference) -> bool:
    return difference.what == "refused"


def _has(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE | re.IGNORECASE)


_END = _has(r"^[ \t]*end[ \t]*(\\.*)?\r?$")
_NUMBER_FIRST = _has(rf"^([^\\:\n]*:)?[ \t]*[-+]*[ \t]*({_NUMBER.pattern}|inf)[ \t]*[<>=]")
_BINARY = _has(r"^[ \t]*bin(ary|aries)?\b")
_SPELLED = _has(r"^\s*(min|max)imise\b")
_WORD_WITHIN_LINE = _has(rf"\S[ \t]*(?<![A-Za-z_.]){_WORDS}(?![^\s<>=+-])")


KNOWN_LP: tuple[Known, ...] = (
    Known("row-constant", ("highs",), _row_constant),
    Known("semi", ("highs", "scip"), _semi),
    Known("imise", ("scip",), lambda difference, case: _SPELLED.search(case.text) is not None),
    Known("section-words", ("scip",), lambda difference, case: _WORD_WITHIN_LINE.search(case.text) is not None),
    Known("no-end", ("highs", "scip"), lambda difference, case: _refused(difference) and not _END.search(case.text)),
    Known(
        "number-first",
        ("highs", "scip"),
        lambda difference, case: _refused(difference) and _NUMBER_FIRST.search(case.text) is not None,
    ),
    Known(
        "objective-alone",
        ("scip",),
        lambda difference, case: difference.what == "offset" and not _END.search(case.text),
    ),
    Known("point", ("scip",), lambda difference, case: difference.name.startswith(".")),
    Known("brackets", ("highs", "scip"), lambda difference, case: _refused(difference) and "[" in case.text),
    Known("wide-binary", ("highs",), _wide_binary),
    Known("whole-bounds", ("scip",), _whole_bounds),
    Known("infinite-term", ("scip",), _infinite_term),
    Known("small", ("highs", "scip"), _small),
)

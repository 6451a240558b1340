"""What problems of each kind have at their top: enough to refuse what is none, without reading the problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.bilevel.applications.pair import PAIR, TEXTS
from tuner.bilevel.table import Table
from tuner.errors import UsageError
from tuner.scenario import CONFIGURATION, KIND
from tuner.space import unknown

TEXT, NUMBER, TABLE, TABLES = "a text", "a number", "a table", "a list of tables"


@dataclass(frozen=True)
class Outline:
    """The names that a document of a kind has, each with what stands behind it."""

    needed: Mapping[str, str]
    other: Mapping[str, str] = field(default_factory=dict)
    """What it may have besides."""


OUTLINES = {
    "toll": Outline({"arcs": TABLES, "commodities": TABLES}, {"name": TEXT, "currency": TEXT}),
    "contract": Outline(
        {"cost": NUMBER, "wholesale": TABLE, "retailers": TABLES},
        {"name": TEXT, "buy_back": TABLE, "revenue_share": TABLE},
    ),
    "interdiction": Outline(
        {"defender": TEXT, "budget": NUMBER},
        {
            "name": TEXT,
            "capacity": NUMBER,
            "items": TABLES,
            "from": TEXT,
            "to": TEXT,
            "penalty": NUMBER,
            "arcs": TABLES,
        },
    ),
    TEXTS: Outline({"aux": TEXT}, {"name": TEXT, "mps": TEXT, "lp": TEXT}),
}
"""Of the kinds that need no file."""


def outlined(document: Mapping[str, Any]) -> str:
    """Return the kind of a document that looks like a problem, and needs no file.

    Raises:
        UsageError: it does not; names the place. Whether it is one, and can be solved, is known once it is read.

    """
    table = Table(document, "problem")
    kind = table.text(KIND)
    if kind == PAIR:
        raise UsageError(f"problem: it names files of another machine; tuner submit sends what is in them ({TEXTS!r})")
    if kind == CONFIGURATION:
        raise UsageError(
            "problem: it names a folder of another machine; make an instance set of its models and a job of the "
            "scenario, as tuner submit FOLDER does"
        )
    if kind not in OUTLINES:
        raise UsageError(f"problem: {unknown(KIND, kind[:100], OUTLINES)}; there are {', '.join(OUTLINES)}")
    outline = OUTLINES[kind]
    for name, what in (*outline.needed.items(), *outline.other.items()):
        if table.has(name) or name in outline.needed:
            _READERS[what](table, name)
    if kind == TEXTS and table.has("mps") == table.has("lp"):
        raise UsageError("problem: the text of a model is needed, as mps or as lp")
    table.done()
    return kind


_READERS = {
    TEXT: lambda table, name: table.text(name),
    NUMBER: lambda table, name: table.number(name),
    TABLE: lambda table, name: table.table(name),
    TABLES: lambda table, name: table.tables(name, "table"),
}

"""MPS files in all the dialects that people write, and what becomes of them when somebody edits them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from tests.reading_cases import Case, mutated

_NUMBERS = (
    "1",
    "2",
    "-1",
    "3.5",
    "-0.25",
    "1e2",
    "7",
    "10",
    "1.5e-1",
    "4",
    "5",
    "6",
    "-3",
    "0.5",
    "1E+1",
    "8",
    "9",
    "12",
)
_SENSES = ("MAX", "MIN", "MAXIMUM", "MINIMIZE", "maximise", "Minimum", "MAXIMIZATION")
_BOUNDS = ("UP", "LO", "FX", "FR", "MI", "PL", "BV", "LI", "UI", "SC")
_PLACES = (1, 4, 14, 24, 39, 49)


def mps_cases(seed: int) -> Iterator[Case]:
    """Yield MPS files: one as written, then two that were changed, and so on."""
    number = 0
    while True:
        dice = random.Random(f"{seed}:{number}")
        case = Case(f"mps {seed}:{number}", ".mps", _encoded(dice, _Written(dice)))
        yield case
        yield mutated(case, dice, 1)
        yield mutated(case, dice, dice.choice((1, 2, 3)))
        number += 1


def _encoded(dice: random.Random, written: _Written) -> bytes:
    text = written.text()
    if dice.random() < 0.1:
        text = text.replace("\n", "\r\n")
    data = text.encode(written.encoding)
    return b"\xef\xbb\xbf" + data if dice.random() < 0.05 else data


class _Written:
    """One model, written in a dialect that is drawn first."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.encoding = dice.choice(("utf-8", "utf-8", "cp1252"))
        self.fixed = dice.random() < 0.4
        spaces = self.fixed and dice.random() < 0.5
        accents = dice.random() < 0.15
        join = " " if spaces else "_" if dice.random() < 0.5 else ""
        vowel = "ä" if accents else "a"
        self.objectives = [f"c{vowel}st{join}{k}" for k in range(1 + (dice.random() < 0.2))]
        self.rows = [f"r{vowel}w{join}{k}" for k in range(dice.randint(1, 4))]
        self.columns = [f"x{join}{k}" for k in range(dice.randint(1, 4))]
        self.types = [dice.choice("LGE") for _ in self.rows]
        self.comments = dice.random() < 0.1
        self.sets = dice.random() < 0.8
        self.integers = dice.random() < 0.6

    def text(self) -> str:
        """Return the file."""
        sections = [self._rows(), self._matrix()]
        tail = [self._sides(), self._ranges(), self._bounds(), self._logic()]
        if self.dice.random() < 0.1:
            self.dice.shuffle(tail)
        return "".join([self._head(), *sections, *tail, "ENDATA\n"])

    def _chance(self, probability: float) -> bool:
        return self.dice.random() < probability

    def _number(self) -> str:
        return "1d1" if self._chance(0.005) else self.dice.choice(_NUMBERS)

    def _line(self, fields: Sequence[str]) -> str:
        """Write a data line from its fields, the first of which is the type and may be empty."""
        comment = f" $ {self.dice.choice(('tons', '12', '$'))}" if self.comments and self._chance(0.3) else ""
        if not self.fixed:
            between = self.dice.choice((" ", "  ", "\t"))
            return f" {between.join(field for field in fields if field)}{comment}\n"
        line = ""
        for place, field in zip(_PLACES, fields, strict=False):
            line = line.encode(self.encoding).ljust(place).decode(self.encoding) + field
        return f"{line}{comment}\n"

    def _head(self) -> str:
        text = f"NAME          {self.dice.choice(('T', 'model one', ''))}\n" if self._chance(0.95) else ""
        if self._chance(0.4):
            sense = self.dice.choice(_SENSES)
            text += self.dice.choice((f"OBJSENSE\n    {sense}\n", f"OBJSENSE\n    {sense}\n", f"OBJSENSE {sense}\n"))
        if self._chance(0.08):
            names = (*self.objectives, *self.objectives, self.rows[0], "nothing")
            text += f"OBJNAME\n    {self.dice.choice(names)}\n"
        return text

    def _rows(self) -> str:
        rows = [*(("N", name) for name in self.objectives), *zip(self.types, self.rows, strict=True)]
        return "ROWS\n" + "".join(self._line(row) for row in rows)

    def _matrix(self) -> str:
        text, inside = "COLUMNS\n", False
        for column in self.columns:
            if self.integers and self._chance(0.6) != inside:
                inside = not inside
                text += self._marker("INTORG" if inside else "INTEND")
            own = [row for row in (*self.objectives, *self.rows) if self._chance(0.6)] or [self.objectives[0]]
            text += self._pairs(column, own)
        return text + (self._marker("INTEND") if inside else "")

    def _marker(self, kind: str) -> str:
        return self._line(("", "MARKER", "'MARKER'", "", f"'{kind}'"))

    def _pairs(self, first: str, rows: Sequence[str]) -> str:
        """Write rows with values, one or two to a line, behind a column or a set."""
        step = self.dice.choice((1, 2))
        return "".join(
            self._line(("", first, *(part for row in rows[at : at + step] for part in (row, self._number()))))
            for at in range(0, len(rows), step)
        )

    def _set(self, name: str) -> str:
        return name if self.sets else ""

    def _sides(self) -> str:
        candidates = [*self.rows, self.objectives[0]] if self._chance(0.3) else self.rows
        text = "RHS\n" + self._pairs(self._set("RHS"), [row for row in candidates if self._chance(0.7)])
        if self.sets and self._chance(0.08):
            text += self._pairs("RHS2", [row for row in candidates if self._chance(0.4)])
        return text if self._chance(0.95) else ""

    def _ranges(self) -> str:
        if self._chance(0.6):
            return ""
        return "RANGES\n" + self._pairs(self._set("RNG"), [row for row in self.rows if self._chance(0.6)])

    def _bounds(self) -> str:
        lines = []
        for column in (*self.columns, self.columns[0]):
            if self._chance(0.5):
                type = self.dice.choice(_BOUNDS)
                value = "" if type in ("FR", "MI", "PL", "BV") and self._chance(0.8) else self._number()
                set_name = "BND2" if self.sets and self._chance(0.05) else self._set("BND")
                lines.append(self._line((type, set_name, column, value)))
        return f"BOUNDS\n{''.join(lines)}" if self._chance(0.9) else ""

    def _logic(self) -> str:
        text = ""
        if self._chance(0.1):
            members = [column for column in self.columns if self._chance(0.8)]
            text += f"SOS\n {self.dice.choice(('S1', 'S2'))} set{self.dice.choice(('', ' 3'))}\n"
            text += "".join(f"    {column:<8}  {weight}\n" for weight, column in enumerate(members, 1))
        if self._chance(0.1):
            row, column = self.dice.choice(self.rows), self.dice.choice(self.columns)
            text += "INDICATORS\n" + self._line(("IF", row, column, self.dice.choice(("0", "1"))))
        return text

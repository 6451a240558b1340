"""LP files to compare readers by, in many styles, and what may happen to them on their way."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from tests.reading_cases import Case, mutated

_NAMES = (
    *(
        "x",
        "y",
        "z",
        "x1",
        "x_2",
        "x#3",
        "a(1)",
        "a,b",
        "a/b",
        "e",
        "e1",
        "E2x",
        "inf",
        "free",
        "y'",
        "_u",
        "n.1",
        "$v",
    ),
    *("st", "end", "bin", "x{1}", "café", "x\u00a0y", "W!", "obj"),
)
_NEVER_FIRST = ("inf", "st", "end", "bin")
"""Names that a line may not begin with, or that mean something else there."""
_HEADERS = {
    "minimize": ("Minimize", "MINIMIZE", "min", "Minimum", "minimise"),
    "maximize": ("Maximize", "max", "MAXIMUM", "Maximise"),
    "rows": ("Subject To", "subject to", "st", "s.t.", "ST.", "such that", "SUBJECT  TO"),
    "bounds": ("Bounds", "BOUNDS", "bound"),
    "general": ("Generals", "General", "gen", "Integers", "integer", "GENERALS"),
    "binary": ("Binaries", "Binary", "bin", "BINARY"),
    "semi": ("Semi-continuous", "semis", "Semi"),
    "end": ("End", "END", "end"),
}
_PIECES = (
    *(
        "<=",
        ">=",
        "=",
        "<",
        ">",
        "=<",
        "=>",
        "==",
        "->",
        "+",
        "-",
        "*",
        "^",
        "[",
        "]",
        "/",
        ":",
        "::",
        ",",
        ";",
        "(",
        ")",
    ),
    *(
        "free",
        "inf",
        "-inf",
        "infinity",
        "1e30",
        "0",
        "1",
        "2",
        "3x",
        "2e",
        "x",
        "y",
        "nan",
        "\\",
        "\\ remark",
        "x[a-b]",
    ),
    *(
        "x-y",
        "x-1",
        "c:",
        "R1:",
        "obj:",
        "Bounds",
        "Generals",
        "Binary",
        "End",
        "st",
        "Subject To",
        "sos1",
        "int",
        "b =",
    ),
    *("S1::", "x:1", "SOS", "x[a b]", "x[x*y]", "x(a-b)", "a-b", "1:", "2 :"),
)


def lp_cases(seed: int) -> Iterator[Case]:
    """Yield LP files: one as written, then two that were changed, and so on."""
    number = 0
    while True:
        dice = random.Random(f"{seed}:{number}")
        text = _Writer(dice).text()
        case = Case(f"lp {seed}:{number}", ".lp", _encoded(text, dice))
        yield case
        yield mutated(case, dice, 1)
        count = dice.choice((1, 1, 2, 3))
        for _ in range(count):
            text = dice.choice((_other_piece, _other_piece, _other_character))(text, dice)
        yield Case(f"{case.name}, other pieces {count} times", ".lp", _encoded(text, dice))
        number += 1


def _encoded(text: str, dice: random.Random) -> bytes:
    if dice.random() < 0.1:
        text = text.replace("\n", "\r\n")
    return text.encode(dice.choice(("utf-8", "utf-8", "cp1252")))


def _other_piece(text: str, dice: random.Random) -> str:
    pieces = re.split(r"(\s+)", text)
    place = dice.randrange(len(pieces))
    change = dice.randrange(5)
    if change == 0:
        del pieces[place]
    elif change == 1:
        pieces.insert(place, pieces[place])
    elif change == 2:
        other = dice.randrange(len(pieces))
        pieces[place], pieces[other] = pieces[other], pieces[place]
    elif change == 3:
        pieces[place] = dice.choice(_PIECES)
    else:
        pieces[place:place] = [" ", dice.choice(_PIECES), " "]
    return "".join(pieces)


def _other_character(text: str, dice: random.Random) -> str:
    place = dice.randrange(len(text))
    return text[:place] + dice.choice(("", "", " ", "\n", dice.choice("+-<>=:[]/*^e0123.x\\,()"))) + text[place + 1 :]


class _Writer:
    """Writes one file, in one of many styles."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._names = dice.sample(_NAMES, dice.randint(2, 6)) if dice.random() < 0.7 else ["x", "y", "z", "w"]
        self._spaced = dice.random() < 0.7
        self._wrapped = dice.random() < 0.3

    def text(self) -> str:
        """Return the file."""
        self._binary = self._dice.sample(self._names, self._dice.choice((0, 0, 1, 2)))
        sections = [self._rows(), self._bounds(), *self._lists()]
        order = self._dice.random()
        if order < 0.1:
            self._dice.shuffle(sections)
        elif order < 0.3:
            sections.append(sections.pop(1))
        end = "" if self._dice.random() < 0.1 else self._header("end") + "\n"
        return "".join([self._remark(), self._objective(), *sections, end])

    def _remark(self) -> str:
        return self._dice.choice(("", "", "\\ a remark\n", "\\* another *\\\n", "\n"))

    def _header(self, section: str) -> str:
        return self._dice.choice(_HEADERS[section])

    def _objective(self) -> str:
        label = self._dice.choice(("", " obj: ", "\n obj: ", "\n", "obj:\n"))
        constant = self._dice.choice(("", "", "", " + 3", " - 2.5"))
        return f"{self._header(self._dice.choice(('minimize', 'maximize')))} {label}{self._sum()}{constant}\n"

    def _sum(self) -> str:
        terms = []
        for name in self._dice.sample(self._names, self._dice.randint(1, len(self._names))):
            sign = self._dice.choice("++-")
            number = self._dice.choice(("", "", "2", "3.5", ".5", "1e1", "0", "10"))
            space = " " if self._spaced or number.endswith(".") or name[0] in "eE" else ""
            terms.append(f"{sign}{' ' if self._spaced else ''}{number}{space if number else ''}{name}")
        text = (" " if self._spaced else "").join(terms)
        if self._wrapped:
            text = text.replace(" + ", "\n + ")
        return text.removeprefix("+").removeprefix(" ")

    def _rows(self) -> str:
        lines = []
        for number in range(self._dice.randint(0, 4)):
            label = self._dice.choice(("", f" c{number}: ", f"row_{number}:", f" r({number}) : ", f" {number}: "))
            comparison = self._dice.choice(("<=", ">=", "=", "<", ">", "=<", "=>"))
            space = " " if self._spaced else ""
            side = self._dice.choice(
                ("1", "-2", "0", "3.5", "1e30" if comparison in ("<=", "<", "=<") else "12", "- 4")
            )
            remark = self._dice.choice(("", "", "", " \\ a remark"))
            lines.append(f" {label}{self._sum()}{space}{comparison}{space}{side}{remark}")
        return f"{self._header('rows')}\n" + "".join(f"{line}\n" for line in lines)

    def _bounds(self) -> str:
        lines = []
        for name in self._names:
            low, high = (
                self._dice.choice(("0", "-1", "-inf", "-1e30", "2")),
                self._dice.choice(("4", "3.5", "inf", "+inf")),
            )
            form = self._dice.choice(
                (
                    "",
                    "",
                    "{0} <= {2}",
                    "{0} >= {1}",
                    "{1} <= {0} <= {2}",
                    "{0} free",
                    "{2} >= {0}",
                    "{0} = 2",
                    "{1}<={0}",
                )
            )
            bounded = name not in self._binary or self._dice.random() < 0.4
            if form and bounded and name not in _NEVER_FIRST:
                lines.append(" " + form.format(name, low, high))
        if self._dice.random() < 0.1:
            lines += lines[:1]
        if not lines and self._dice.random() < 0.5:
            return ""
        return f"{self._header('bounds')}\n" + "".join(f"{line}\n" for line in lines)

    def _lists(self) -> Iterator[str]:
        lists = {"binary": self._binary}
        for section in self._dice.sample(("general", "semi"), self._dice.randint(0, 2)):
            lists[section] = self._dice.sample(self._names, self._dice.randint(0, 2))
        for section, members in lists.items():
            names = [name for name in members if name not in (*_NEVER_FIRST, "free")]
            if names or self._dice.random() < 0.1:
                between = self._dice.choice(("\n ", " "))
                yield f"{self._header(section)}{self._dice.choice((chr(10), chr(10), ' '))}{between.join(names)}\n"

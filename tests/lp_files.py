"""Generated LP files, and mutations of them, for comparisons with other readers: the same seed gives the same files."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

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
)


def generated(seed: int) -> str:
    """Return an LP file that means one thing."""
    return _Writer(random.Random(seed)).text()


def mutated(seed: int) -> str:
    """Return a generated LP file with a few pieces changed, of which it may mean another thing or none."""
    draw = random.Random(seed)
    text = _Writer(draw).text()
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        text = draw.choice((_other_piece, _other_piece, _other_line, _other_character))(text or "End", draw)
    return text


def _other_piece(text: str, draw: random.Random) -> str:
    pieces = re.split(r"(\s+)", text)
    place = draw.randrange(len(pieces))
    change = draw.randrange(5)
    if change == 0:
        del pieces[place]
    elif change == 1:
        pieces.insert(place, pieces[place])
    elif change == 2:
        other = draw.randrange(len(pieces))
        pieces[place], pieces[other] = pieces[other], pieces[place]
    elif change == 3:
        pieces[place] = draw.choice(_PIECES)
    else:
        pieces[place:place] = [" ", draw.choice(_PIECES), " "]
    return "".join(pieces)


def _other_line(text: str, draw: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    change = draw.randrange(5)
    if change == 0:
        del lines[place]
    elif change == 1:
        lines.insert(place, lines[place])
    elif change == 2:
        other = draw.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif change == 3:
        lines[place] = lines[place].rstrip("\n") + " "
    else:
        return "".join(lines[: place + 1])
    return "".join(lines)


def _other_character(text: str, draw: random.Random) -> str:
    place = draw.randrange(len(text))
    return text[:place] + draw.choice(("", "", " ", "\n", draw.choice("+-<>=:[]/*^e0123.x\\,()"))) + text[place + 1 :]


class _Writer:
    """Writes one file, in one of many styles."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._names = draw.sample(_NAMES, draw.randint(2, 6)) if draw.random() < 0.7 else ["x", "y", "z", "w"]
        self._spaced = draw.random() < 0.7
        self._wrapped = draw.random() < 0.3

    def text(self) -> str:
        """Return the file."""
        self._binary = self._draw.sample(self._names, self._draw.choice((0, 0, 1, 2)))
        sections = [self._rows(), self._bounds(), *self._lists()]
        if self._draw.random() < 0.1:
            self._draw.shuffle(sections)
        end = "" if self._draw.random() < 0.1 else self._header("end") + "\n"
        return "".join([self._remark(), self._objective(), *sections, end])

    def _remark(self) -> str:
        return self._draw.choice(("", "", "\\ a remark\n", "\\* another *\\\n", "\n"))

    def _header(self, section: str) -> str:
        return self._draw.choice(_HEADERS[section])

    def _objective(self) -> str:
        label = self._draw.choice(("", " obj: ", "\n obj: ", "\n", "obj:\n"))
        constant = self._draw.choice(("", "", "", " + 3", " - 2.5"))
        return f"{self._header(self._draw.choice(('minimize', 'maximize')))} {label}{self._sum()}{constant}\n"

    def _sum(self) -> str:
        terms = []
        for name in self._draw.sample(self._names, self._draw.randint(1, len(self._names))):
            sign = self._draw.choice("++-")
            number = self._draw.choice(("", "", "2", "3.5", ".5", "1e1", "0", "10"))
            space = " " if self._spaced or number.endswith(".") or name[0] in "eE" else ""
            terms.append(f"{sign}{' ' if self._spaced else ''}{number}{space if number else ''}{name}")
        text = (" " if self._spaced else "").join(terms)
        if self._wrapped:
            text = text.replace(" + ", "\n + ")
        return text.removeprefix("+").removeprefix(" ")

    def _rows(self) -> str:
        lines = []
        for number in range(self._draw.randint(0, 4)):
            label = self._draw.choice(("", f" c{number}: ", f"row_{number}:", f" r({number}) : "))
            comparison = self._draw.choice(("<=", ">=", "=", "<", ">", "=<", "=>"))
            space = " " if self._spaced else ""
            side = self._draw.choice(
                ("1", "-2", "0", "3.5", "1e30" if comparison in ("<=", "<", "=<") else "12", "- 4")
            )
            remark = self._draw.choice(("", "", "", " \\ a remark"))
            lines.append(f" {label}{self._sum()}{space}{comparison}{space}{side}{remark}")
        return f"{self._header('rows')}\n" + "".join(f"{line}\n" for line in lines)

    def _bounds(self) -> str:
        lines = []
        for name in self._names:
            low, high = (
                self._draw.choice(("0", "-1", "-inf", "-1e30", "2")),
                self._draw.choice(("4", "3.5", "inf", "+inf")),
            )
            form = self._draw.choice(
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
            if form and name not in (*_NEVER_FIRST, *self._binary):
                lines.append(" " + form.format(name, low, high))
        if self._draw.random() < 0.1:
            lines += lines[:1]
        if not lines and self._draw.random() < 0.5:
            return ""
        return f"{self._header('bounds')}\n" + "".join(f"{line}\n" for line in lines)

    def _lists(self) -> Iterator[str]:
        lists = {"binary": self._binary}
        for section in self._draw.sample(("general", "semi"), self._draw.randint(0, 2)):
            lists[section] = self._draw.sample(self._names, self._draw.randint(0, 2))
        for section, members in lists.items():
            names = [name for name in members if name not in (*_NEVER_FIRST, "free")]
            if names or self._draw.random() < 0.1:
                between = self._draw.choice(("\n ", " "))
                yield f"{self._header(section)}{self._draw.choice((chr(10), chr(10), ' '))}{between.join(names)}\n"

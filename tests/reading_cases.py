"""Model files to compare readers by: a case, and what may happen to a text on its way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A model file."""

    name: str
    """Says how it was made: generator, seed and mutations."""
    format: str
    """.mps or .lp."""
    data: bytes

    @property
    def text(self) -> str:
        """What it says, where a byte that is no UTF-8 is a surrogate."""
        return self.data.decode(errors="surrogateescape")


NUMBERS = (
    "0",
    "1",
    "-1",
    "3",
    "-4",
    "2.5",
    "1e3",
    "1d1",
    "1E+02",
    "inf",
    "-inf",
    "1e30",
    "-1e30",
    "1e20",
    "1e19",
    "nan",
)
ODD_NUMBERS = ("1e", "--1", "0x10", "1,5", "1_0", "3a", "1e400", "+5", ".5", "5.")

Mutation = Callable[[random.Random, list[str]], str]
"""Changes the lines of a text in place and says how."""


def mutated(case: Case, dice: random.Random, count: int) -> Case:
    """Return a case to which so many things have happened."""
    lines = case.data.decode(errors="surrogateescape").split("\n")
    done = [dice.choice(MUTATIONS)(dice, lines) for _ in range(count) if any(line.split() for line in lines)]
    data = "\n".join(lines).encode(errors="surrogateescape")
    return Case(f"{case.name}, {', '.join(done)}", case.format, data)


def _somewhere(dice: random.Random, lines: list[str]) -> tuple[int, list[str]]:
    """Choose a line with words."""
    place = dice.choice([number for number, line in enumerate(lines) if line.split()])
    return place, lines[place].split(" ")


def _word(dice: random.Random, words: list[str]) -> int:
    return dice.choice([number for number, word in enumerate(words) if word.strip()])


def _drop_word(dice: random.Random, lines: list[str]) -> str:
    place, words = _somewhere(dice, lines)
    words.pop(_word(dice, words))
    lines[place] = " ".join(words)
    return f"without a word in line {place + 1}"


def _repeat_word(dice: random.Random, lines: list[str]) -> str:
    place, words = _somewhere(dice, lines)
    word = _word(dice, words)
    words.insert(word, words[word])
    lines[place] = " ".join(words)
    return f"a word twice in line {place + 1}"


def _other_word(dice: random.Random, lines: list[str]) -> str:
    place, words = _somewhere(dice, lines)
    _, others = _somewhere(dice, lines)
    words[_word(dice, words)] = others[_word(dice, others)]
    lines[place] = " ".join(words)
    return f"a word from elsewhere in line {place + 1}"


def _other_number(dice: random.Random, lines: list[str]) -> str:
    place, words = _somewhere(dice, lines)
    numbers = [number for number, word in enumerate(words) if word.lstrip("+-").replace(".", "").isdigit()]
    if numbers:
        words[dice.choice(numbers)] = dice.choice(NUMBERS + ODD_NUMBERS)
        lines[place] = " ".join(words)
    return f"another number in line {place + 1}"


def _drop_line(dice: random.Random, lines: list[str]) -> str:
    place, _ = _somewhere(dice, lines)
    lines.pop(place)
    return f"without line {place + 1}"


def _repeat_line(dice: random.Random, lines: list[str]) -> str:
    place, _ = _somewhere(dice, lines)
    lines.insert(dice.choice((place, dice.randrange(len(lines)))), lines[place])
    return f"line {place + 1} twice"


def _move_line(dice: random.Random, lines: list[str]) -> str:
    place, _ = _somewhere(dice, lines)
    lines.insert(dice.randrange(len(lines)), lines.pop(place))
    return f"line {place + 1} elsewhere"


def _cut_off(dice: random.Random, lines: list[str]) -> str:
    place, _ = _somewhere(dice, lines)
    del lines[place + 1 :]
    lines[place] = lines[place][: dice.randrange(len(lines[place]) + 1)]
    return f"cut off in line {place + 1}"


def _insert(dice: random.Random, lines: list[str]) -> str:
    place, _ = _somewhere(dice, lines)
    what = dice.choice((" ", "\t", "$", "*", "\udca0", "\udce4", "ä", "\u00a0", "\r", "'", ":", "\\", "-"))
    column = dice.randrange(len(lines[place]) + 1)
    lines[place] = lines[place][:column] + what + lines[place][column:]
    return f"{what!a} in line {place + 1}"


def _change_case(dice: random.Random, lines: list[str]) -> str:
    place, _ = _somewhere(dice, lines)
    lines[place] = lines[place].swapcase()
    return f"line {place + 1} in the other case"


MUTATIONS: tuple[Mutation, ...] = (
    _drop_word,
    _repeat_word,
    _other_word,
    _other_number,
    _other_number,
    _drop_line,
    _repeat_line,
    _move_line,
    _cut_off,
    _insert,
    _change_case,
)

Generator = Callable[[int], Iterator[Case]]
"""Yields cases without end, the same ones for the same seed."""

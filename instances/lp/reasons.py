"""Why something cannot stand where it does in an LP file, and how to write it."""

from __future__ import annotations

import re

from instances.lp.token import NUMBER, SPACE, Token

INDICATORS = "indicator constraints are written 'b = 1 -> x + y <= 3'"
_SEPARATED = re.compile(r"\d{1,3}(?:([,._'])\d{3}(?:\1\d{3})*)")
"""A number with something between its thousands, as people write it."""
_WORD = re.compile(r"[a-z][a-z-]{2,}", re.IGNORECASE)
_COEFFICIENT = re.compile(rf"(?:.*[{SPACE}+-])?{NUMBER}[{SPACE}]*")
"""What stands before a ``*`` that multiplies by a number."""
_NO_DECIMAL = re.compile(r"x[0-9a-f]+|[d_][0-9_]*", re.IGNORECASE)
"""What follows the digits of a hexadecimal number, one of Fortran's, or one of Python's."""
_CLOSING = {"(": ")", "{": "}"}


def reason(token: Token) -> str:
    """Return why a token may stand where another was expected."""
    last = token.source[token.start - 1] if token.glued else ""
    if token.text == "[" and not _part_of_name(last):
        return ": quadratic terms are not part of a MILP"
    if token.text == "[" and "*" in token.word:
        return f": {token.word!r} is a name to Gurobi and a product to SCIP, which is no part of a MILP: rename it"
    if token.text == "*" and _COEFFICIENT.fullmatch(token.source, 0, token.start):
        where = f" (in {token.word!r})" if token.word != "*" else ""
        return f": a coefficient stands before its variable without a '*'{where}"
    if token.text in ("^", "*"):
        return f": products and powers are not part of a MILP (in {token.word!r})"
    if token.text in ("->", "<->"):
        return f": {INDICATORS}"
    if last and (problem := separators(token.word)):
        return f": {problem}"
    if token.text == "/":
        comment = token.source.startswith(("/*", "//"), token.start)
        return ": comments begin with a backslash" if comment else ": write a fraction as a decimal number, as in 0.5 x"
    if token.text[0] == ";":
        return ": lines end without a semicolon"
    if token.kind == "number" and (problem := digit_first(token)):
        return f": {problem}"
    if last and token.kind != "header":
        return f": {token.word!r} is no name in an LP file; if it was meant to be one, rename it"
    return ""


def separators(word: str) -> str:
    """Return what is wrong with a number that has something between its thousands; empty when the word is none."""
    if not (found := _SEPARATED.fullmatch(word)):
        return ""
    decimal = f", or {word.replace(',', '.')} if the comma is a decimal one" if word.count(",") == 1 else ""
    return f"{word!r} has {found[1]!r} between its digits; write {re.sub(r'[^0-9]', '', word)}{decimal}"


def digit_first(token: Token) -> str:
    """Return what is wrong with a name of which a token is the number it begins with; empty when it is none."""
    if token.glued or token.word == token.text:
        return ""
    return f"{token.word!r} begins with a digit, which a name in an LP file does not: rename it"


def no_decimal(token: Token) -> str:
    """Return what is wrong with a number, as other programs write it, that ends with a token; empty when none does."""
    if not token.glued or not _NO_DECIMAL.fullmatch(token.text):
        return ""
    return f"{token.word!r} is neither a number nor a name: write the number in decimal digits"


def with_colon(label: str) -> str:
    """Say that a label is a section's word."""
    return f"'{label}:' is no section: write {label!r}, without a colon"


def other_section(token: Token) -> str:
    """Return which sections there are, when a word alone on its line seems to be meant to begin one."""
    if token.source.strip(SPACE) != token.text or not _WORD.fullmatch(token.text):
        return ""
    known = "Subject To, Bounds, Generals, Binaries, Semi-Continuous, SOS and End"
    return f"; if {token.text!r} is meant to begin a section: these are {known}"


def _part_of_name(character: str) -> bool:
    return character != "" and character not in "0123456789+-*/<>=:"


def cut_name(token: Token) -> str | None:
    """Return the whole word when a name's token is only a part of it: a bracket or quote opened in it is not closed."""
    name = token.text
    quoted = name[0] in "\"'" and (len(name) == 1 or name[-1] != name[0])
    if quoted or any(name.count(opening) > name.count(_CLOSING[opening]) for opening in "({"):
        return token.word
    return None

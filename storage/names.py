"""What anything may be called: jobs, instance sets, and the models in a set.

A job's name can be pasted after ``tuner resume``. Names of jobs and sets are told from their numbers. A model's name
is a path below a folder of any worker. A server and its client go by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from instances.caps import CAPS, Caps
from instances.formats import suffixes
from instances.visible import hidden

LONGEST = 100
"""Characters of the name of a job or a set."""
PART = 200
"""Bytes of a part of a model's name, which file systems take together with a suffix."""
_ODD = re.compile(r"[\\:*?\"<>|]")
"""Characters that some file systems do not take in a name."""


def unseen(name: str) -> str:
    """Return what is wrong with a name of anything, as a clause that follows it; empty when nothing is.

    Every name that comes from outside is checked by this, whatever else is asked of it.
    """
    if letter := hidden(name):
        return f"has {letter}: leave out line breaks and other characters that cannot be seen"
    return ""


def fault(name: str) -> str:
    """Return what is wrong with a job's name, as a clause that follows it; empty when nothing is."""
    if not name.strip():
        return "is blank"
    if wrong := unseen(name):
        return wrong
    if name != name.strip():
        return "begins or ends with a blank"
    if name.startswith("-"):
        return "begins with a dash, as options do"
    if "/" in name:
        return "has a slash, as paths have"
    if name in (".", ".."):
        return "is a path"
    if name.isdecimal():
        return "has digits only, as the numbers of jobs"
    if len(name) > LONGEST:
        return f"has more than {LONGEST} characters"
    return ""


def named_after(folder: str) -> str:
    """Return what a job of this folder is called when nobody says otherwise."""
    return fitted(Path(folder).resolve().name)


def fitted(text: str, kind: str = "job") -> str:
    """Return a name made of any text, such as a folder's name; the text itself where a job may be called so.

    Args:
        text: any.
        kind: what is named, a job or a set: in front of digits, and in place of a text of which nothing is left.

    """
    if not fault(text):
        return text
    plain = "".join("_" if letter == "/" or hidden(letter) else letter for letter in text)
    name = plain.strip("- ")[: LONGEST - 10].strip()  # which leaves room for the number of a name that is taken
    return name if not fault(name) else f"{kind}-{name}" if name else kind


def set_fault(name: str) -> str:
    """Return what is wrong with the name of an instance set, as a clause that follows it; empty when nothing is."""
    if not name.strip():
        return "is blank"
    if wrong := unseen(name):
        return wrong
    if "/" in name:
        return "has a slash, as paths have"
    if name.isdecimal():
        return "has digits only, as the numbers of sets"
    if len(name) > LONGEST:
        return f"has more than {LONGEST} characters"
    return ""


def model_fault(name: str, caps: Caps = CAPS) -> str:
    """Return what is wrong with a model's name in a set, a relative path without suffix, as a clause; empty if nothing.

    Args:
        name: with a slash between its parts.
        caps: its depth and its length.

    """
    parts = name.split("/")
    if not name.strip():
        return "is blank"
    if wrong := unseen(name):
        return wrong
    if len(name) > caps.name:
        return f"has more than {caps.name} characters"
    if len(parts) > caps.depth:
        return f"has more than {caps.depth} parts: put the model into fewer folders"
    if any(len(part.encode()) > PART for part in parts):
        return f"has a part of more than {PART} bytes"
    if odd := _ODD.search(name):
        return f"has the character {odd.group()}, which not every file system takes"
    if "" in parts:
        return "is no relative path: a part of it is empty"
    if any(part.startswith(".") for part in parts):
        return "has a part that begins with a dot"
    if any(part != part.strip() for part in parts):
        return "has a part that begins or ends with a blank"
    return ""


def clash(names: Collection[str]) -> tuple[str, str] | None:
    """Return a model that cannot lie in one folder with the others, whatever their suffixes, and why; None if all can.

    The reason is a clause that follows the name.
    """
    known = frozenset(names)
    for name in names:
        for folder in PurePosixPath(name).parents:
            parts = suffixes(folder.name)
            if parts is not None and str(folder.with_name(parts.stem)) in known:
                return (
                    name,
                    f"lies in a folder {str(folder)[:100]!r}, which has the name of another model's file; "
                    "rename the folder",
                )
    return None

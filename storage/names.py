"""What anything may be called, and a job: its name can be pasted after ``tuner resume``, and is told from a number."""

from __future__ import annotations

from pathlib import Path

from instances.visible import hidden

LONGEST = 100


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


def fitted(text: str) -> str:
    """Return a job's name made of any text, such as a folder's name; the text itself where it is one."""
    if not fault(text):
        return text
    plain = "".join("_" if letter == "/" or hidden(letter) else letter for letter in text)
    name = plain.strip("- ")[: LONGEST - 10].strip()  # which leaves room for the number of a name that is taken
    return name if not fault(name) else f"job-{name}" if name else "job"

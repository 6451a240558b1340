"""What a job may be called: its name can be pasted after ``tuner resume``, and is told from a job's number."""

from __future__ import annotations

from pathlib import Path

LONGEST = 100


def fault(name: str) -> str:
    """Return what is wrong with a job's name, as a clause that follows it; empty when nothing is."""
    if not name.strip():
        return "is blank"
    if name != name.strip():
        return "begins or ends with a blank"
    if not name.isprintable():
        return "has line breaks or other characters that cannot be printed"
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
    plain = "".join("_" if letter == "/" or not letter.isprintable() else letter for letter in text)
    name = plain.strip("- ")[: LONGEST - 10].strip()  # which leaves room for the number of a name that is taken
    return name if not fault(name) else f"job-{name}" if name else "job"

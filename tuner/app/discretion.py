"""What is told of a job that a server took does not say where things lie on the machine that carries it out."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

from tuner.follower.reading import cache_directory

_END = r"(?=$|[\s'\":,;()<>\[\]])"
"""What a path ends before."""


def without_places(text: str, *own: Path) -> str:
    """Return a text in which files are called by their names only, and folders of this machine not at all.

    Args:
        text: for whoever handed the job in.
        own: folders below which a path is kept as it is there, such as that of the job's models.

    """
    for folder in own:
        for written in {str(folder), str(folder.absolute()), str(folder.resolve())}:
            text = text.replace(f"{written}/", "").replace(written, folder.name)
    return _machine().sub(lambda found: Path(found[0]).name, text)


@cache
def _machine() -> re.Pattern[str]:
    """Return the pattern of paths of this machine: below a folder of its root, or of ours, blanks in that included."""
    ours = (
        sys.prefix,
        sys.base_prefix,
        tempfile.gettempdir(),
        str(Path.home()),
        str(cache_directory()),
        str(Path.cwd()),
    )
    roots = {re.escape(place.rstrip("/")) for place in ours if place.strip("/")}
    roots |= {f"/{re.escape(name)}" for name in os.listdir("/")}  # noqa: PTH208  names alone
    longest_first = "|".join(sorted(roots, key=len, reverse=True))
    return re.compile(rf"(?<![\w/.:])(?:{longest_first})(?:/[^\s'\":,;()<>\[\]]*|{_END})")

"""Reading a model file into arrays. No solver is involved: all of them are handed the same arrays."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

from instances.errors import UnreadableModel
from instances.formats import FORMATS, suffixes
from instances.lp import read_lp
from instances.model import Model
from instances.mps import read_mps
from instances.text import encoding_of, open_text


def _version() -> str:
    """Return a digest of the sources below this package: what any of them changes may be read into other arrays."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


READER_VERSION = _version()
"""Arrays that another version has read, or laid out in another way, are not taken from a cache."""


def read_model(path: Path) -> Model:
    """Read an MPS or LP file, plain or packed; the model is named after the file.

    Executed in a child process under limits of time and memory: a file may be larger than this machine can take.

    Raises:
        UnreadableModel: says which file, what is wrong with it and, where it can be told, in which line.

    """
    parts = suffixes(path.name)
    if parts is None:
        raise UnreadableModel(f"{path}: no model by its name; those end in {' or '.join(FORMATS)}, packed or not")
    try:
        encoding = encoding_of(path)
        source = partial(open_text, path, encoding)
        if parts.format == ".mps":
            model = read_mps(source, encoding)
        else:
            with source() as lines:
                model = read_lp(lines, encoding)
    except UnreadableModel as error:
        message = str(error)
        raise UnreadableModel(message if message.startswith(f"{path}: ") else f"{path}: {message}") from None
    return replace(model, name=parts.stem)

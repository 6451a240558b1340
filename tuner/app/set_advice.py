"""Advice on an instance set that a server has: its models are laid down for a moment, and read under limits."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from instances.folder import ModelFile
from storage.records import InstanceSet, ModelContent
from storage.store import Store
from tuner.app.advising import Advisory, advise_on, known_of
from tuner.app.discretion import without_places
from tuner.app.job_folders import clear_unused, passing_folder
from tuner.errors import UsageError
from tuner.follower import cache

SAMPLE = 20
"""Models of a set that are looked at, evenly over their order: what more of them look like changes little."""
LARGEST = 256 * 2**20
"""Bytes of unpacked models that are looked at together; larger ones are passed over."""
SECONDS = 10.0
"""For reading one model."""
PREFIX = "tuner-advice-"
"""What the names of the folders begin with, in that for temporary files."""


def clear_left() -> None:
    """Delete what servers have left that were killed while they looked at a set."""
    clear_unused(Path(tempfile.gettempdir()), PREFIX)


def advise_set(store: Store, found: InstanceSet, solvers: Sequence[str]) -> Advisory:
    """Return what is expected to help on the models of a set, without solving any; its owner's jobs count as knowledge.

    Args:
        store: with the models.
        found: with its members.
        solvers: by name.

    Raises:
        UsageError: no model can be read, or no solver takes any of them.

    """
    known = known_of(solvers, store, found.owner)
    with passing_folder(Path(tempfile.gettempdir()), PREFIX) as folder:
        chosen, left = _sample(found)
        files = [_laid(store, folder, number, name, model) for number, (name, model) in enumerate(chosen)]
        if not files:
            raise UsageError(f"set {found.name!r}: its models are too large; {LARGEST >> 20} MiB are read at most")
        try:
            advisory = advise_on(files, known, f"set {found.name!r}", left_out=left, slots=1, seconds=SECONDS)
        except UsageError as error:
            raise UsageError(_named(str(error), folder, files)) from None
        finally:
            cache.let_go()
    return replace(advisory, left_out=tuple(_named(reason, folder, files) for reason in advisory.left_out))


def _sample(found: InstanceSet) -> tuple[list[tuple[str, ModelContent]], list[str]]:
    """Return the members to look at, and what is said of those that are too large."""
    every = found.members
    step = max(1.0, len(every) / SAMPLE)
    chosen, left, total = [], [], 0
    for name, model in (every[int(number * step)] for number in range(min(SAMPLE, len(every)))):
        if total + model.size > LARGEST:
            left.append(f"{name}: too large to be looked at; {LARGEST >> 20} MiB are, of all models together")
            continue
        total += model.size
        chosen.append((name, model))
    return chosen, left


def _laid(store: Store, folder: Path, number: int, name: str, model: ModelContent) -> ModelFile:
    """Lay a model's file into a folder."""
    path = folder / f"model{number}{model.suffix}"
    with path.open("wb") as file:
        for piece in store.model(model.sha256):
            file.write(piece)
    return ModelFile(path, name, model.sha256)


def _named(text: str, folder: Path, files: Sequence[ModelFile]) -> str:
    """Return a text in which models are called as in the set, and nothing says where they were laid."""
    for file in sorted(files, key=lambda file: -len(file.path.name)):
        text = text.replace(str(file.path), file.name)
    return without_places(text, folder)

"""An instance set: the models below a folder, each once, and their split into training and holdout."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from instances.caps import CAPS, TooLarge
from instances.errors import NoInstances, UnreadableModel
from instances.formats import FORMATS, PACKINGS, sha256_of, suffixes
from instances.instance import Instance
from instances.visible import hidden

_EMPTY = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class ModelFile:
    """A file that holds a model by its name and could be unpacked; nothing in it has been understood yet."""

    path: Path
    name: str
    """The path below the folder without suffixes; with them where two files would have one name. No two have one."""
    sha256: str
    """Of the unpacked content."""

    @property
    def keeps_suffixes(self) -> bool:
        """Whether the name has the file's suffixes, because another file would have the same name without them."""
        return PurePosixPath(self.name).name == self.path.name


@dataclass(frozen=True)
class Duplicate:
    """A file whose unpacked content another one has as well."""

    path: Path
    original: Path
    """The one that is used: the first in order."""


@dataclass(frozen=True)
class Damaged:
    """A file or folder that could not be read."""

    path: Path
    reason: str
    """Without the path."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Scan:
    """What was found below a folder, each part in the order of the paths."""

    files: tuple[ModelFile, ...]
    duplicates: tuple[Duplicate, ...]
    damaged: tuple[Damaged, ...]

    def remarks(self) -> Iterator[str]:
        """Yield what to tell of files that can be read: copies that are not used, and names that are not as usual."""
        for duplicate in self.duplicates:
            yield f"used once: {duplicate.path} is the same model as {duplicate.original}"
        for file in self.files:
            if file.keeps_suffixes:
                yield (
                    f"named with its suffix: {file.path} is called {file.name}, because another model would have the "
                    "same name without it"
                )


@dataclass(frozen=True)
class Split:
    """Two disjoint parts of an instance set, each in a random order that depends on the seed and the contents alone."""

    training: tuple[Instance, ...]
    holdout: tuple[Instance, ...]


def scan(folder: Path) -> Scan:
    """Find the models below a folder, in subfolders and behind links too; hidden files and folders are left out.

    Raises:
        NoInstances: there is no such folder, no model in it that can be read, or more models than can be used.

    """
    if not folder.is_dir():
        raise NoInstances(_no_folder(folder))
    damaged: list[Damaged] = []
    models: list[Path] = []
    others: list[Path] = []
    for path in sorted(_walk(folder, damaged), key=lambda path: path.relative_to(folder).parts):
        (models if suffixes(path.name) else others).append(path)
    originals: dict[str, Path] = {}
    duplicates: list[Duplicate] = []
    for path in models:
        if letter := hidden(path.relative_to(folder).as_posix()):
            damaged.append(Damaged(path, f"its name has {letter}, which cannot be seen or is no UTF-8; rename it"))
            continue
        try:
            sha256 = _hash(path)
        except UnreadableModel as error:
            damaged.append(Damaged(path, str(error).removeprefix(f"{path}: ")))
            continue
        original = originals.setdefault(sha256, path)
        if original is not path:
            duplicates.append(Duplicate(path, original))
    if not originals:
        raise NoInstances(_nothing_found(folder, others, damaged))
    try:
        CAPS.check_models(len(originals), str(folder))
    except TooLarge as error:
        raise NoInstances(str(error)) from None
    names = _names(folder, originals.values())
    files = tuple(ModelFile(path, name, sha256) for (sha256, path), name in zip(originals.items(), names, strict=True))
    return Scan(files, tuple(duplicates), tuple(sorted(damaged, key=lambda one: one.path)))


def split(instances: Sequence[Instance], fraction: float, seed: int, tuned: Collection[str] = frozenset()) -> Split:
    """Hold out a fraction of the instances, with small and large ones in both parts as in the whole.

    The instances, ordered by nonzeros, are cut into as many equal groups as there are to hold out, and one of each
    group is drawn. The draw depends on the seed and the contents, not on names, paths or the order given.

    Args:
        instances: two or more, all different.
        fraction: of the instances to hold out, above 0 and below 1. At least two are held out and at least two are
            left where four or more are given, else at least one each.
        seed: of the draw.
        tuned: the SHA-256 of instances of which none is held out, if there are enough others; these are then what is
            cut into groups.

    Raises:
        ValueError: too few instances, or no such fraction.

    """
    drawn = {instance.sha256: _draw(instance.sha256, seed) for instance in instances}
    ordered = sorted(instances, key=lambda instance: (instance.nonzeros, drawn[instance.sha256]))
    if len(ordered) < 2:
        raise ValueError(f"two or more instances are needed to hold some out, not {len(ordered)}")
    if not 0 < fraction < 1:
        raise ValueError(f"a fraction above 0 and below 1 can be held out, not {fraction:g}")
    least = 2 if len(ordered) >= 4 else 1
    count = min(max(round(len(ordered) * fraction), least), len(ordered) - least)
    fresh = [instance for instance in ordered if instance.sha256 not in tuned]
    pool = fresh if len(fresh) >= count else ordered
    cuts = [len(pool) * group // count for group in range(count + 1)]
    held = {
        min((drawn[instance.sha256], instance.sha256) for instance in pool[start:end])[1]
        for start, end in pairwise(cuts)
    }
    shuffled = sorted(ordered, key=lambda instance: drawn[instance.sha256])
    return Split(
        tuple(instance for instance in shuffled if instance.sha256 not in held),
        tuple(instance for instance in shuffled if instance.sha256 in held),
    )


def _draw(sha256: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{sha256}".encode()).digest()


def _walk(folder: Path, damaged: list[Damaged]) -> Iterator[Path]:
    """Yield the files below a folder; folders that are reached twice, by links, are entered once."""
    entered: set[tuple[int, int]] = set()

    def blame(error: OSError) -> None:
        damaged.append(Damaged(Path(error.filename), f"cannot be read: {error.strerror}"))

    for parent, folders, names in os.walk(folder, onerror=blame, followlinks=True):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _hash(path: Path) -> str:
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise UnreadableModel(f"{path}: cannot be read: {error.strerror}") from None
    if not regular:
        # A pipe, say, would be read for ever.
        raise UnreadableModel(f"{path}: is not a regular file")
    sha256 = sha256_of(path)
    if sha256 == _EMPTY:
        raise UnreadableModel(f"{path}: the file is empty")
    return sha256


def _names(folder: Path, paths: Iterable[Path]) -> list[str]:
    """Return a name for each file, no two of them the same: without suffixes where that name is no other file's."""
    places = [path.relative_to(folder) for path in paths]
    wholes = [place.as_posix() for place in places]
    names = [place.with_name(parts.stem).as_posix() for place in places if (parts := suffixes(place.name))]
    while True:  # a name with suffixes, as of a.lp beside a.mps, may be that of another file without, as of a.lp.lp
        counts = Counter(names)
        unique = [name if counts[name] == 1 else whole for name, whole in zip(names, wholes, strict=True)]
        if unique == names:
            return names
        names = unique


_WANTED = f"files that end in {' or '.join(FORMATS)}, plain or with {', '.join(PACKINGS)}"


def _no_folder(folder: Path) -> str:
    if not folder.exists():
        return f"{folder}: no such folder; name one with {_WANTED}"
    if suffixes(folder.name):
        return f"{folder}: is a single model; a folder with several is needed, for example {folder.parent}"
    return f"{folder}: is not a folder; name one with {_WANTED}"


def _nothing_found(folder: Path, others: list[Path], damaged: list[Damaged]) -> str:
    if damaged:
        return f"{folder}: none of its {len(damaged)} models can be read, the first because: {damaged[0]}"
    if not others:
        return f"{folder}: is empty; looked for {_WANTED}"
    example = others[0].relative_to(folder)
    count = f"{len(others)} other files, such as" if len(others) > 1 else "one other file,"
    return f"{folder}: has no models, but {count} {example}; looked for {_WANTED}"

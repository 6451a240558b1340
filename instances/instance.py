"""An instance: one MILP on disk, known by the SHA-256 of its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Instance:
    """A model that was read: where it came from and where its arrays are."""

    sha256: str
    """Of the decompressed content of the file: the same model, packed or not, is the same instance."""
    name: str
    """The file's path below its folder, without the model and compression suffixes; for people."""
    path: Path
    """The file it was read from."""
    arrays: Path
    """The `Model` saved as arrays, in the cache; every solver reads this and nothing else."""
    columns: int
    rows: int
    nonzeros: int
    integers: int
    maximise: bool = False
    """Whether more is better: the sense of its objective."""
    warnings: tuple[str, ...] = ()
    """What its file left open, and how it was read; see `Model.warnings`."""
    features: Mapping[str, float] = field(default_factory=dict, hash=False)
    """By the names of `instances.features.FEATURES`."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
from dataclasses import replace
from pathlib import Path

import pytest

from instances.errors import NoInstances
from instances.folder import scan, split
from instances.instance import Instance


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = (text or path.name).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def names(folder: Path) -> list[str]:
    return [file.name for file in scan(folder).files]


def test_models_are_found_in_all_subfolders_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.mps", "a/z.lp.gz", "a/B/c.MPS", "c.txt", "a.zip"):
        put(tmp_path / name)
    assert names(tmp_path) == ["a/B/c", "a/z", "b"]
    assert scan(tmp_path).files[2].sha256 == hashlib.sha256(b"b.mps").hexdigest()


def test_files_that_would_have_one_name_keep_their_suffixes(tmp_path: Path) -> None:
    for name in ("a.mps", "a.lp", "b.mps", "sub/a.mps.gz"):
        put(tmp_path / name)
    assert names(tmp_path) == ["a.lp", "a.mps", "b", "sub/a"]


def test_no_two_models_have_one_name_also_where_one_has_a_suffix_within_its_name(tmp_path: Path) -> None:
    for name in ("a.lp", "a.lp.gz", "a.lp.lp", "a.lp.lp.lp", "b.lp.lp", "sub/a.lp.lp"):
        put(tmp_path / name, name)
    assert names(tmp_path) == ["a.lp", "a.lp.gz", "a.lp.lp", "a.lp.lp.lp", "b.lp", "sub/a.lp"]
    assert list(scan(tmp_path).remarks()) == [
        f"named with its suffix: {tmp_path / name} is called {name}, because another model would have the same name "
        "without it"
        for name in ("a.lp", "a.lp.gz", "a.lp.lp", "a.lp.lp.lp")
    ]


def test_one_content_is_used_once_packed_or_not(tmp_path: Path) -> None:
    first, second, third = (put(tmp_path / name, "same") for name in ("a.mps", "b.mps.gz", "sub/a.mps"))
    put(tmp_path / "c.mps", "other")
    found = scan(tmp_path)
    assert [file.path for file in found.files] == [first, tmp_path / "c.mps"]
    assert [(copy.path, copy.original) for copy in found.duplicates] == [(second, first), (third, first)]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("a.mps", ".b.mps", ".hidden/c.mps"):
        put(tmp_path / name)
    assert names(tmp_path) == ["a"]


def test_a_folder_is_entered_once_whatever_links_lead_to_it(tmp_path: Path) -> None:
    put(tmp_path / "set" / "a.mps")
    (tmp_path / "set" / "loop").symlink_to(tmp_path / "set")
    put(tmp_path / "elsewhere" / "b.mps")
    (tmp_path / "set" / "link").symlink_to(tmp_path / "elsewhere")
    found = scan(tmp_path / "set")
    assert [file.name for file in found.files] == ["a", "link/b"]
    assert found.duplicates == ()


def test_what_cannot_be_read_is_reported_and_the_rest_is_used(tmp_path: Path) -> None:
    put(tmp_path / "good.mps")
    (tmp_path / "cut.mps.gz").write_bytes(gzip.compress(b"x" * 1000)[:-9])
    (tmp_path / "broken.mps").symlink_to(tmp_path / "nowhere.mps")
    os.mkfifo(tmp_path / "pipe.mps")
    (tmp_path / "folder.mps").mkdir()
    (tmp_path / "empty.lp").touch()
    (tmp_path / "empty.lp.xz").write_bytes(lzma.compress(b""))
    found = scan(tmp_path)
    assert [file.name for file in found.files] == ["good"]
    reasons = {one.path.name: one.reason for one in found.damaged}
    assert list(reasons) == ["broken.mps", "cut.mps.gz", "empty.lp", "empty.lp.xz", "pipe.mps"]
    assert [reason for reason in reasons.values() if str(tmp_path) in reason] == []
    assert reasons["empty.lp"] == reasons["empty.lp.xz"] == "the file is empty"
    assert "No such file" in reasons["broken.mps"]
    assert "cut off" in reasons["cut.mps.gz"]
    assert "not a regular file" in reasons["pipe.mps"]


@pytest.mark.parametrize(
    ("files", "place", "message"),
    [
        ([], "nowhere", "no such folder"),
        ([], "", r"is empty; looked for files that end in \.mps or \.lp, plain or with \.gz, \.bz2, \.xz, \.zst"),
        (["b.txt", "a.txt"], "", r"has no models, but 2 other files, such as a\.txt"),
        (["a.txt"], "", r"has no models, but one other file, a\.txt"),
        (["a.txt"], "a.txt", "is not a folder"),
        (["a.mps"], "a.mps", "is a single model; a folder with several is needed"),
    ],
)
def test_a_place_without_models_is_refused(tmp_path: Path, files: list[str], place: str, message: str) -> None:
    for name in files:
        put(tmp_path / name)
    with pytest.raises(NoInstances, match=message):
        scan(tmp_path / place)


def test_a_folder_of_which_no_model_can_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mps.gz").write_bytes(b"no archive")
    with pytest.raises(NoInstances, match=r"none of its 1 models can be read, the first because: .*a\.mps\.gz"):
        scan(tmp_path)


def instances(count: int) -> list[Instance]:
    """Make instances of which a third is small and the rest grows."""
    return [
        Instance(
            sha256=hashlib.sha256(str(number).encode()).hexdigest(),
            name=f"i{number}",
            path=Path(f"i{number}.mps"),
            arrays=Path(f"i{number}.npz"),
            columns=1,
            rows=1,
            nonzeros=max(100, number * 10),
            integers=1,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "fraction", "held"),
    [(30, 0.34, 10), (30, 0.3, 9), (10, 0.01, 2), (10, 0.99, 8), (4, 0.3, 2), (3, 0.3, 1), (2, 0.5, 1)],
)
def test_a_split_has_two_disjoint_parts_of_the_size_asked_for(count: int, fraction: float, held: int) -> None:
    whole = instances(count)
    parts = split(whole, fraction, 1)
    assert len(parts.holdout) == held
    together = [instance.sha256 for instance in (*parts.training, *parts.holdout)]
    assert sorted(together) == sorted(instance.sha256 for instance in whole)


def test_a_split_depends_on_the_seed_and_the_contents_alone() -> None:
    whole = instances(30)
    moved = [replace(instance, name=f"x{place}", path=Path("x")) for place, instance in enumerate(reversed(whole))]

    def drawn(among: list[Instance], seed: int) -> list[list[str]]:
        parts = split(among, 0.3, seed)
        return [[instance.sha256 for instance in part] for part in (parts.training, parts.holdout)]

    assert drawn(whole, 1) == drawn(moved, 1)
    assert set(drawn(whole, 1)[1]) != set(drawn(whole, 2)[1])


@pytest.mark.parametrize("seed", range(20))
def test_the_holdout_has_small_and_large_instances_as_the_whole_has(seed: int) -> None:
    held = sorted(instance.nonzeros for instance in split(instances(30), 0.2, seed).holdout)
    sizes = sorted(instance.nonzeros for instance in instances(30))
    sixths = [sizes[start : start + 5] for start in range(0, 30, 5)]
    assert all(size in sixth for size, sixth in zip(held, sixths, strict=True))


def test_what_was_tuned_on_is_held_out_only_where_there_is_too_little_else() -> None:
    whole = instances(30)
    first = split(whole, 0.3, 1)
    tuned = {instance.sha256 for instance in first.training}
    assert split(whole, 0.3, 2, tuned).holdout != split(whole, 0.3, 2).holdout
    assert not tuned & {instance.sha256 for instance in split(whole, 0.3, 2, tuned).holdout}
    assert split(whole, 0.3, 1, tuned) == first
    assert split(whole, 0.3, 2, {instance.sha256 for instance in whole[1:]}) == split(whole, 0.3, 2)


@pytest.mark.parametrize(("count", "fraction"), [(1, 0.3), (0, 0.3), (5, 0.0), (5, 1.0), (5, float("nan"))])
def test_a_split_that_makes_no_sense_is_refused(count: int, fraction: float) -> None:
    with pytest.raises(ValueError, match=r"held out|hold some out"):
        split(instances(count), fraction, 1)

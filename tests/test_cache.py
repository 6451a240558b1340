"""The cache of arrays stays below its limit, and keeps what a process uses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from instances.families import FAMILIES, generate
from instances.folder import scan
from tuner.errors import UsageError
from tuner.follower import cache
from tuner.follower.reading import cache_directory, read_instances

HOLDING = """
import sys
from pathlib import Path
from tuner.follower import cache
cache.hold(Path(sys.argv[1]), [name * 64 for name in "ab"])
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of four files of 1 MiB, a the oldest; its limit is 2 MiB."""
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(cache.VARIABLE, "2MiB")
    folder = cache_directory()
    for age, name in enumerate("dcba"):
        (folder / f"{name * 64}.npz").write_bytes(bytes(2**20))
        os.utime(folder / f"{name * 64}.npz", (1e9 - age, 1e9 - age))
    yield folder
    cache.let_go()


def names(folder: Path) -> str:
    return "".join(sorted(path.stem[0] for path in folder.glob("*.npz")))


def test_what_was_not_used_for_longest_goes_first(place: Path) -> None:
    cache.evict(place)
    assert names(place) == "cd"


def test_what_is_used_again_is_the_newest(place: Path) -> None:
    cache.hold(place, ["a" * 64])
    cache.let_go()
    cache.evict(place)
    assert names(place) == "ad"


def test_what_another_process_uses_stays_until_it_has_ended_however_it_ends(place: Path) -> None:
    words = [sys.executable, "-c", HOLDING, str(place)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "holding\n"
        for name in "ab":
            os.utime(place / f"{name * 64}.npz", (1.0, 1.0))
        cache.hold(place, ["c" * 64])
        cache.evict(place)
        assert names(place) == "abc"
        other.kill()
    cache.evict(place)
    assert "c" in names(place)
    assert len(names(place)) == 2
    assert len(list((place.parent / ".in-use").iterdir())) == 1


def test_older_generations_go_like_the_others(place: Path) -> None:
    older = place.parent / "models-0"
    older.mkdir()
    (older / f"{'e' * 64}.npz").write_bytes(bytes(2**20))
    os.utime(older / f"{'e' * 64}.npz", (1.0, 1.0))
    cache.evict(place)
    assert list(older.iterdir()) == []


def test_what_a_killed_process_has_half_written_goes(place: Path) -> None:
    for name, when in ((f".{'e' * 64}.npz.1", 1.0), (f".{'f' * 64}.npz.2", None)):
        (place / name).write_bytes(bytes(10))
        if when is not None:
            os.utime(place / name, (when, when))
    cache.evict(place)
    assert not (place / f".{'e' * 64}.npz.1").exists()
    assert (place / f".{'f' * 64}.npz.2").exists()


def test_models_that_are_read_stay_though_they_are_more_than_the_limit(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, "1KiB")
    generate(FAMILIES["generalised-assignment"], 3, tmp_path / "models", seed=1, size=0.3)
    files = scan(tmp_path / "models").files
    reading = read_instances(files, place, seconds=30.0, memory_mib=1000.0, slots=1)
    assert len(reading.instances) == 3
    assert {path.stem for path in place.glob("*.npz")} == {file.sha256 for file in files}


def test_there_may_be_no_limit_and_a_wrong_one_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, "none")
    cache.evict(place)
    assert names(place) == "abcd"
    monkeypatch.setenv(cache.VARIABLE, "much")
    with pytest.raises(UsageError, match=r"\$TUNER_CACHE_LIMIT: 'much' is not understood"):
        cache.evict(place)


def test_files_of_others_are_never_deleted(place: Path) -> None:
    folder = place.parent / "models-2024"
    folder.mkdir()
    theirs = [folder / name for name in ("weights.npz", "weights.npz.bak", ".draft.npz", f"{'a' * 64}.npz.bak")]
    others = place.parent / "models-new"
    others.mkdir()
    theirs.append(others / f"{'a' * 64}.npz")
    for path in theirs:
        path.write_bytes(bytes(2**22))
        os.utime(path, (1.0, 1.0))
    cache.evict(place)
    assert all(path.exists() for path in theirs)

"""Reading instances in children, where bad files do no harm; and asking solvers of themselves there."""

from __future__ import annotations

import gzip
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import instances
from instances.folder import ModelFile, scan
from instances.formats import sha256_of
from instances.model import Model
from instances.reading import READER_VERSION
from instances.writing import write_mps
from tests.followers.scene import Followers, saved, small_model
from tuner.errors import Failed
from tuner.follower.describing import describe, refusals
from tuner.follower.reading import Reading, cache_directory, read_instances
from tuner.ports import RealParameter


def read(files: tuple[ModelFile, ...], cache: Path, seconds: float = 30.0, memory_mib: float = 500.0) -> Reading:
    return read_instances(files, cache, seconds=seconds, memory_mib=memory_mib, slots=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    models = tmp_path / "models"
    models.mkdir()
    write_mps(small_model(), models / "one.mps")
    write_mps(replace(small_model(), maximise=True, offset=1.0), models / "two.mps")
    return models


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def test_models_are_read_into_the_cache_of_arrays(folder, cache):
    reading = read(scan(folder).files, cache)
    assert reading.failed == ()
    assert [(one.name, one.maximise) for one in reading.instances] == [("one", False), ("two", True)]
    first = reading.instances[0]
    assert (first.columns, first.rows, first.nonzeros, first.integers) == (2, 1, 2, 1)
    assert first.arrays == cache / f"{first.sha256}.npz"
    np.testing.assert_array_equal(Model.load(first.arrays).objective, [3.0, 2.0])
    assert sorted(path.name for path in cache.iterdir()) == sorted(f"{one.sha256}.npz" for one in reading.instances)


def test_what_the_cache_has_is_not_read_again(folder, cache):
    files = scan(folder).files
    before = read(files, cache)
    for file in files:
        file.path.write_text("no model any more")
    assert read(files, cache) == before


def test_a_damaged_entry_of_the_cache_is_made_anew(folder, cache):
    files = scan(folder).files
    before = read(files, cache)
    for one, length in zip(before.instances, (0, 700), strict=True):
        one.arrays.write_bytes(one.arrays.read_bytes()[:length])
    assert read(files, cache) == before
    assert Model.load(before.instances[0].arrays).columns == 2


@pytest.mark.parametrize("layout", ["former", "strange", "one array"])
def test_an_entry_of_the_cache_in_another_layout_is_made_again(folder, cache, layout):
    files = scan(folder).files
    before = read(files, cache)
    entry = before.instances[0].arrays
    if layout == "one array":
        with entry.open("wb") as stream:
            np.save(stream, np.zeros(3))
    else:
        with np.load(entry) as arrays:
            kept = {name: arrays[name] for name in arrays if name not in ("sos_type", "indicator_row")}
        with entry.open("wb") as stream:
            np.savez(stream, **(kept if layout == "former" else kept | {"sense": np.array(1)}))
    assert read(files, cache) == before
    assert Model.load(entry).columns == 2


def test_each_version_of_the_reader_has_a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    assert cache_directory().name == f"models-{READER_VERSION}"
    package = shutil.copytree(Path(instances.__file__).parent, tmp_path / "instances")

    def version() -> str:
        ask = "from instances.reading import READER_VERSION; print(READER_VERSION, end='')"
        return subprocess.run(
            [sys.executable, "-c", ask], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    seen = {version()}
    assert seen == {READER_VERSION}
    for changed in ("builder.py", "lp/tokens.py"):
        with (package / changed).open("a") as source:
            source.write("CHANGED = True\n")
        seen.add(version())
    assert len(seen) == 3


def test_a_malformed_file_is_named_and_the_others_are_read(folder, cache):
    (folder / "bad.mps").write_text("COLUMNS\n SC BND       X3           9.0\n")
    reading = read(scan(folder).files, cache)
    assert [one.name for one in reading.instances] == ["one", "two"]
    ((path, reason),) = reading.failed
    assert path == folder / "bad.mps"
    assert reason.startswith(str(path))


def test_a_file_whose_reading_hangs_is_left_out(folder, cache):
    endless = folder / "endless.mps"
    os.mkfifo(endless)
    reading = read((ModelFile(endless, "endless", "0" * 64), *scan(folder).files[:1]), cache, seconds=0.3)
    assert reading.failed == ((endless, "reading it took longer than 0.3 s and was ended"),)
    assert len(reading.instances) == 1


def test_a_file_that_takes_too_much_memory_is_left_out(folder, cache):
    large = folder / "large.mps.gz"
    dice = np.random.default_rng(0)
    piece = b"".join(dice.bytes(32).hex().encode() + b"x" * 1000 for _ in range(1000))  # within the cap of the ratio
    large.write_bytes(gzip.compress(b"* " + piece * 120, compresslevel=1))
    reading = read((ModelFile(large, "large", sha256_of(large)),), cache, memory_mib=20.0)
    assert reading.failed == ((large, "reading it took more than 20 MiB and was ended"),)


def test_a_cache_that_cannot_be_written_is_no_fault_of_the_model(folder, cache):
    with pytest.raises(OSError, match=r"missing: .*No such file or directory.*TUNER_CACHE"):
        read(scan(folder).files[:1], cache / "missing")


def test_a_disk_that_is_full_leaves_no_model_out_and_nothing_half_written(folder, cache):
    many = 5000
    wide = replace(
        small_model(),
        objective=np.ones(many),
        lower=np.zeros(many),
        upper=np.ones(many),
        kind=np.ones(many, dtype=np.uint8),
        column_names=tuple(f"x{j}" for j in range(many)),
    )
    write_mps(wide, folder / "wide.mps")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, limits[1]))  # writing more fails, as on a full disk
    try:
        with pytest.raises(OSError, match="File too large; free space there"):
            read(scan(folder).files, cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(list(cache.iterdir())) == 2


def test_nothing_is_read_of_nothing(cache):
    assert read((), cache) == Reading((), ())


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("TUNER_CACHE", raising=False)
    assert cache_directory().parent == tmp_path / "xdg" / "tuner"
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "own"))
    assert cache_directory().parent == tmp_path / "own"
    assert cache_directory().is_dir()


def test_a_cache_that_cannot_be_made_is_replaced_by_a_temporary_one(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    directory = cache_directory()
    assert directory.parent.parent == tmp_path and directory.is_dir()


def test_a_solver_describes_itself():
    description = describe("Follower", Followers())
    assert description.version == "1.0"
    assert description.parameters == (
        RealParameter("announce", "text", ""),
        RealParameter("level", "integer", 3, low=0, high=9),
    )


def test_a_solver_that_cannot_be_imported_says_why():
    with pytest.raises(Failed, match=r"IsNotThere does not work here: .* no attribute 'IsNotThere'"):
        describe("IsNotThere", Followers())


def test_the_instances_that_a_solver_refuses_are_told_with_the_reason(tmp_path):
    rows = saved(small_model(), tmp_path)
    none = saved(
        replace(
            small_model(),
            name="rowless",
            row_lower=np.zeros(0),
            row_upper=np.zeros(0),
            row_start=np.zeros(1, dtype=np.int32),
            column_index=np.zeros(0, dtype=np.int32),
            value=np.zeros(0),
            row_names=(),
        ),
        tmp_path,
    )
    refused = refusals(["Follower"], [rows, none], adapters=Followers())
    assert refused == {("Follower", "small"): "only models without rows"}

"""From what the lifecycle leaves to samples: build roots, releases and packs."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

import atdata
from atdata import DictSample, load_dataset
from atdata.errors import (
    DigestMismatch,
    EntryNotFound,
    SchemaConflict,
    ShardError,
    StorageError,
)
from atdata.lifecycle import Catalog, pack, publish
from readings import Reading, labels, readings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A build root of ten readings."""
    atdata.write_shards(readings(10), tmp_path / "readings", version="1.0.0", maxcount=4)
    return tmp_path / "readings"


@pytest.fixture
def store(root: Path, tmp_path: Path) -> Path:
    """A serving store with two releases, the first of which is current."""
    publish(root, tmp_path / "store")
    atdata.write_shards(readings(12), root, version="2.0.0", maxcount=4, overwrite=True)
    publish(root, tmp_path / "store")
    Catalog(tmp_path / "store").promote("readings", "1.0.0")
    return tmp_path / "store"


def test_a_build_root_is_typed_by_its_schema(root: Path) -> None:
    found = load_dataset(root, split="train")
    assert found.sample_type.__name__ == "Reading"
    assert found.sample_type is not DictSample
    assert labels(found) == list(range(10))
    assert [one.packed for one in found] == [one.packed for one in readings(10)]
    assert load_dataset(root, Reading, split="train").sample_type is Reading


def test_splits_that_are_build_roots_are_typed_each(tmp_path: Path) -> None:
    atdata.write_shards(readings(4), tmp_path / "data" / "train")
    (tmp_path / "data" / "test").mkdir()
    loose = (tmp_path / "data" / "train" / "000000.tar").read_bytes()
    (tmp_path / "data" / "test" / "000000.tar").write_bytes(loose)
    found = load_dataset(tmp_path / "data")
    assert found["train"].sample_type.__name__ == "Reading"
    assert found["test"].sample_type is DictSample


def test_another_schema_than_the_manifest_names_is_refused(root: Path) -> None:
    document = json.loads((root / "schema.json").read_text())
    document["description"] = "Another one."
    (root / "schema.json").write_text(json.dumps(document))
    with pytest.raises(SchemaConflict, match="the manifest names"):
        load_dataset(root)
    assert labels(load_dataset(root, Reading, split="train")) == list(range(10))


def test_unfinished_shards_are_not_loaded(root: Path) -> None:
    hidden = root.parent / "data" / ".atdata-write-1" / "new"
    hidden.mkdir(parents=True)
    (hidden / "000000.tar").write_bytes((root / "000000.tar").read_bytes())
    with pytest.raises(StorageError, match="no shards there"):
        load_dataset(root.parent / "data")


def test_a_release_is_opened_by_name_and_version(store: Path) -> None:
    catalog = Catalog(store)
    assert labels(catalog.open_dataset("readings", "2.0.0")) == list(range(12))
    current = catalog.open_dataset("readings")
    assert (len(current), labels(current)) == (10, list(range(10)))
    assert current.sample_type.__name__ == "Reading"
    assert catalog.open_dataset("readings", "1.0.0", Reading).sample_type is Reading
    catalog.alias("readings", "newest", "2.0.0")
    assert len(catalog.open_dataset("readings", "newest")) == 12


def test_a_release_of_a_bucket_is_opened_too(
    root: Path, s3_bucket: str, s3_credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_credentials.items():
        monkeypatch.setenv(name, value)
    publish(root, f"s3://{s3_bucket}/serving")
    opened = Catalog(f"s3://{s3_bucket}/serving").open_dataset("readings", "1.0.0")
    assert labels(opened) == list(range(10))


def test_a_release_of_a_bucket_of_google_is_opened_too(root: Path, gcs_bucket: str) -> None:
    place = f"gs://{gcs_bucket}/serving"
    publish(root, place)
    assert Catalog(place).promote("readings", "1.0.0").ok
    opened = Catalog(place).open_dataset("readings")
    assert labels(opened) == list(range(10))


def test_releases_that_are_not_there(store: Path, root: Path, tmp_path: Path) -> None:
    catalog = Catalog(store)
    for name, version in (("readings", "3.0.0"), ("nothing", "1.0.0"), ("nothing", None)):
        with pytest.raises(EntryNotFound):
            catalog.open_dataset(name, version)
    publish(root, tmp_path / "other")
    with pytest.raises(EntryNotFound, match=r"no current release.*\n.*catalog promote"):
        Catalog(tmp_path / "other").open_dataset("readings")


def test_a_changed_shard_of_a_release_is_not_read(store: Path) -> None:
    opened = Catalog(store).open_dataset("readings")
    path = Path(opened.list_shards()[0])
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with pytest.raises(DigestMismatch):
        labels(opened)


def test_the_root_of_a_store_says_how_releases_are_opened(store: Path) -> None:
    with pytest.raises(StorageError, match=r"serving store.*\n.*open_dataset\(name, version\)"):
        load_dataset(store)


def test_a_pack_says_how_it_is_opened(root: Path, tmp_path: Path) -> None:
    pack(root, tmp_path / "readings.tar")
    with pytest.raises(ShardError, match=r"looks like a pack.*verify-pack.*tar -xf"):
        list(atdata.Dataset(tmp_path / "readings.tar"))
    with tarfile.open(tmp_path / "readings.tar") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert labels(load_dataset(tmp_path / "unpacked", split="train")) == list(range(10))

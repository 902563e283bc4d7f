"""One content CID, and the same bytes, along the path that the README walks."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, DatasetLoader
from atdata.lifecycle import pack, publish
from atdata.local import GCSDataStore, LocalDiskStore, LocalIndex, S3DataStore
from atdata.promote import promote_to_atmosphere
from atdata.shards.manifest import Manifest
from atdata.stores import IPFSStore
from readings import readings

pytestmark = pytest.mark.xdist_group("pds")


BACK_ENDS = ["sqlite and disk", "redis and s3", "sqlite and gcs", "redis and ipfs"]


@pytest.fixture(params=BACK_ENDS)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> LocalIndex:
    """An index of either kind, with a store of each kind."""
    database, _, kind = request.param.partition(" and ")
    store: Any
    if kind == "disk":
        store = LocalDiskStore(tmp_path / "store")
    elif kind == "s3":
        credentials = request.getfixturevalue("s3_credentials")
        store = S3DataStore(credentials, bucket=request.getfixturevalue("s3_bucket"))
    elif kind == "gcs":
        store = GCSDataStore(bucket=request.getfixturevalue("gcs_bucket"))
    else:
        store = IPFSStore(request.getfixturevalue("ipfs_env").api)
    if database == "redis":
        return LocalIndex(redis=request.getfixturevalue("redis_client"), data_store=store)
    return LocalIndex(path=tmp_path / "index.db", data_store=store)


def contents(dataset: atdata.Dataset[Any]) -> list[bytes]:
    """The bytes of each shard."""
    return [stream.read() for _, stream in dataset.shards]


def test_one_content_cid_and_the_same_bytes_from_writing_to_loading(
    index: LocalIndex, client: AtmosphereClient, tmp_path: Path
) -> None:
    root = tmp_path / "readings"
    dataset = atdata.write_shards(readings(50), root, maxcount=12)
    manifest = Manifest.from_json((root / "dataset.json").read_bytes())
    written = contents(dataset)
    assert len(written) == 5

    entry = index.insert_dataset(dataset, name="readings")
    assert contents(atdata.Dataset(entry.data_urls)) == written

    packed = pack(root, tmp_path / "readings.tar")
    with tarfile.open(tmp_path / "readings.tar") as archive:
        members = [m for m in archive.getmembers() if m.name.endswith(".tar")]
        streams = [archive.extractfile(member) for member in members]
        assert [stream.read() for stream in streams if stream] == written
    published = publish(root, tmp_path / "serving")

    uri = promote_to_atmosphere(entry, index, client)
    loaded = atdata.load_dataset(uri, split="train")
    assert contents(loaded) == written
    assert [sample.label for sample in loaded] == list(range(50))

    assert {
        manifest.content_cid,
        entry.content_cid,
        entry.cid,
        DatasetLoader(AtmosphereClient()).read(uri).content_cid,
        packed.subject["content_cid"],
        published.subject["content_cid"],
    } == {manifest.content_cid}

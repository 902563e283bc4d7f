"""Our sources pass the suite, and sources that are broken in one way fail the test for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from atdata.atmosphere import AtmosphereClient
from atdata.shards.manifest import inspect_shard
from atdata.sources import BlobSource, S3Source, URLSource, VerifiedSource
from atdata.sources.streams import ShardStreams
from atdata.stores import GCSDataStore, S3DataStore
from atdata.stores.pds import PDSBlobStore
from atdata.testing import DataSourceSuite, shard_bytes
from servers.atproto_pds import Pds
from sources.web import web_server

CONTENTS = [shard_bytes(3), shard_bytes(2, start=3)]


def on_disk(folder: Path) -> list[str]:
    paths = [folder / f"{n}.tar" for n in range(len(CONTENTS))]
    for path, data in zip(paths, CONTENTS, strict=True):
        path.write_bytes(data)
    return list(map(str, paths))


class OfContents(DataSourceSuite):
    @pytest.fixture
    def contents(self) -> list[bytes]:
        return CONTENTS


class TestDisk(OfContents):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Any:
        return URLSource(on_disk(tmp_path))


class TestHttp(OfContents):
    @pytest.fixture
    def source(self) -> Any:
        with web_server() as web:
            urls = [web.serve(f"/{n}.tar", data) for n, data in enumerate(CONTENTS)]
            yield URLSource(urls)


class TestVerified(OfContents):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Any:
        paths = on_disk(tmp_path)
        return VerifiedSource(URLSource(paths), [inspect_shard(Path(path)) for path in paths])


class TestS3(OfContents):
    @pytest.fixture
    def source(self, tmp_path: Path, s3_bucket: str, s3_credentials: dict[str, str]) -> Any:
        store = S3DataStore(s3_credentials, bucket=s3_bucket)
        urls = store.copy_shards(URLSource(on_disk(tmp_path)), prefix="p")
        keys = [url.removeprefix(f"s3://{s3_bucket}/") for url in urls]
        return S3Source.from_credentials(s3_credentials, s3_bucket, keys)

    @pytest.fixture
    def secrets(self, s3_credentials: dict[str, str]) -> list[str]:
        return [s3_credentials["AWS_SECRET_ACCESS_KEY"]]


class TestGcs(OfContents):
    @pytest.fixture
    def source(self, tmp_path: Path, gcs_bucket: str) -> Any:
        store = GCSDataStore(bucket=gcs_bucket)
        return URLSource(store.copy_shards(URLSource(on_disk(tmp_path)), prefix="p"))


@pytest.mark.xdist_group("pds")
class TestBlobs(OfContents):
    @pytest.fixture
    def source(self, tmp_path: Path, client: AtmosphereClient, pds: Pds) -> Any:
        store = PDSBlobStore(client)
        urls = store.copy_shards(URLSource(on_disk(tmp_path)), prefix="p")
        # Blobs can be read once a record refers to them.
        client.put_record("com.example.thing", "a", {"storage": store.storage(urls).to_dict()})
        refs = [{"did": client.did, "cid": info.cid, "size": info.size} for info in urls.shards]
        return BlobSource(refs, pds_endpoint=pds.url)


class Sound:
    """A source in memory, to be broken."""

    def __init__(self) -> None:
        self.data = dict(zip(["a", "b"], CONTENTS, strict=True))
        self.shards = ShardStreams(self)

    @property
    def shard_list(self) -> list[str]:
        return list(self.data)

    def list_shards(self) -> list[str]:
        return self.shard_list

    def open_shard(self, name: str) -> Any:
        return io.BytesIO(self.data[name])


class TestSound(OfContents):
    @pytest.fixture
    def source(self) -> Any:
        return Sound()


class Twice(Sound):
    shard_list = property(lambda self: ["a", "a"])  # type: ignore[assignment]


class Backwards(Sound):
    def list_shards(self) -> list[str]:
        return self.shard_list[::-1]


class SameShard(Sound):
    def open_shard(self, name: str) -> Any:
        self.data[name]
        return io.BytesIO(CONTENTS[0])


class Forgiving(Sound):
    def open_shard(self, name: str) -> Any:
        return io.BytesIO(self.data.get(name, b""))


class CutOff(Sound):
    def open_shard(self, name: str) -> Any:
        return io.BytesIO(self.data[name][:600])


class Talkative(Sound):
    def __repr__(self) -> str:
        return "Talkative(secret='hunter2')"


class Different:
    shards = ()


@pytest.mark.parametrize(
    ("broken", "test", "arguments"),
    [
        (Different, "test_it_has_the_interface", ()),
        (Twice, "test_names_are_texts_each_once_and_stay", (CONTENTS,)),
        (Backwards, "test_shards_come_in_order", (CONTENTS,)),
        (SameShard, "test_shards_open_by_name_in_any_order", (CONTENTS,)),
        (CutOff, "test_streams_read_in_pieces", (CONTENTS,)),
        (Forgiving, "test_an_unknown_name_is_a_key_error", ()),
        (Backwards, "test_datasets_read_it", ()),
        (Talkative, "test_its_repr_tells_no_secret", (["hunter2"],)),
    ],
)
def test_the_suite_fails_what_is_broken(broken: Any, test: str, arguments: Any) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(DataSourceSuite(), test)(broken(), *arguments)

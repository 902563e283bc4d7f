"""Our stores pass the suite, and stores that are broken in one way fail the test for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atdata.atmosphere import AtmosphereClient
from atdata.stores import GCSDataStore, LocalDiskStore, S3DataStore
from atdata.stores.pds import PDSBlobStore
from atdata.testing import DataStoreSuite, Thing


class TestDisk(DataStoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        return LocalDiskStore(tmp_path / "store")


class TestS3(DataStoreSuite):
    @pytest.fixture
    def store(self, s3_bucket: str, s3_credentials: dict[str, str]) -> Any:
        return S3DataStore(s3_credentials, bucket=s3_bucket)


class TestGcs(DataStoreSuite):
    @pytest.fixture
    def store(self, gcs_bucket: str) -> Any:
        return GCSDataStore(bucket=gcs_bucket)


@pytest.mark.xdist_group("pds")
class TestPds(DataStoreSuite):
    @pytest.fixture
    def store(self, client: AtmosphereClient) -> Any:
        return PDSBlobStore(client)

    def read(self, store: Any, urls: list[str]) -> list[Thing]:
        # Blobs can be read once a record refers to them.
        if hasattr(urls, "shards"):
            storage = store.storage(urls).to_dict()
            key = urls.shards[0].cid[-12:]
            store._client.put_record("com.example.thing", key, {"storage": storage})
        return super().read(store, urls)

    def test_maxcount_bounds_shards(self, store: Any, tmp_path: Path) -> None:
        from atdata.testing import write_things

        urls = store.write_shards(write_things(tmp_path / "in", 7), prefix="p", maxcount=3)
        assert [info.samples for info in urls.shards] == [3, 3, 1]
        assert len(self.read(store, urls)) == 7


class Deaf(LocalDiskStore):
    def write_shards(self, ds: Any, *, prefix: str, **options: Any) -> Any:
        return super().write_shards(ds, prefix=prefix)


class Lossy(LocalDiskStore):
    def write_shards(self, ds: Any, *, prefix: str, **options: Any) -> Any:
        return super().write_shards(ds, prefix=prefix, maxcount=3)[:-1]


class Overwriting(LocalDiskStore):
    def put(self, path: Path, key: str, info: Any) -> str:
        return super().put(path, "same/name.tar", info)


class Careless(LocalDiskStore):
    def write_shards(self, ds: Any, *, prefix: str, **options: Any) -> Any:
        return super().write_shards(ds, prefix="p")


class Different(LocalDiskStore):
    def supports_streaming(self) -> Any:
        return "perhaps"


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Lossy, "test_what_is_written_is_read"),
        (Deaf, "test_maxcount_bounds_shards"),
        (Overwriting, "test_datasets_do_not_overwrite_each_other"),
        (Careless, "test_a_prefix_leads_nowhere_else"),
    ],
)
def test_the_suite_fails_what_is_broken(broken: Any, test: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(DataStoreSuite(), test)(broken(tmp_path / "store"), tmp_path)


def test_the_suite_fails_another_interface(tmp_path: Path) -> None:
    for broken in (object(), Different(tmp_path)):
        with pytest.raises(AssertionError):
            DataStoreSuite().test_it_has_the_interface(broken)

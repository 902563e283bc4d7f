"""Our stores pass the suite, and stores that are broken in one way fail the test for it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from atdata.atmosphere import AtmosphereClient
from atdata.atmosphere.pds_store import PDSBlobStore
from atdata.dataset import Dataset
from atdata.errors import StorageError
from atdata.stores import GCSDataStore, IPFSStore, LocalDiskStore, S3DataStore
from atdata.testing import CopyingStoreSuite, DataStoreSuite, DryRunStoreSuite, Thing
from servers.atproto_pds import Account
from servers.ipfs import IpfsGateway


class TestDisk(DataStoreSuite, CopyingStoreSuite, DryRunStoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        return LocalDiskStore(tmp_path / "store")


class TestS3(DataStoreSuite, CopyingStoreSuite, DryRunStoreSuite):
    @pytest.fixture
    def store(self, s3_bucket: str, s3_credentials: dict[str, str]) -> Any:
        return S3DataStore(s3_credentials, bucket=s3_bucket)

    @pytest.fixture
    def secrets(self, s3_credentials: dict[str, str]) -> list[str]:
        return [s3_credentials["AWS_SECRET_ACCESS_KEY"]]


class TestGcs(DataStoreSuite, CopyingStoreSuite, DryRunStoreSuite):
    @pytest.fixture
    def store(self, gcs_bucket: str) -> Any:
        return GCSDataStore(bucket=gcs_bucket)


class TestIpfs(DataStoreSuite, CopyingStoreSuite):
    @pytest.fixture
    def store(self, ipfs_env: IpfsGateway) -> Any:
        return IPFSStore(ipfs_env.api.replace("//", "//me:hunter2@"))

    @pytest.fixture
    def secrets(self) -> list[str]:
        return ["hunter2"]


@pytest.mark.xdist_group("pds")
class TestPds(DataStoreSuite, CopyingStoreSuite, DryRunStoreSuite):
    @pytest.fixture
    def store(self, client: AtmosphereClient) -> Any:
        return PDSBlobStore(client)

    @pytest.fixture
    def secrets(self, account: Account) -> list[str]:
        return [account.password, account.app_password]

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


class Replacing(LocalDiskStore):
    """Writing a second time moves the shards elsewhere."""

    def write_shards(self, ds: Any, *, prefix: str, **options: Any) -> Any:
        urls = super().write_shards(ds, prefix=f"{prefix}/{uuid4()}", **options)
        for earlier in getattr(self, "earlier", []):
            Path(earlier).unlink()
        self.earlier = urls
        return urls


class Consuming(LocalDiskStore):
    """Moves the shards that it was given away."""

    def write_shards(self, ds: Any, *, prefix: str, **options: Any) -> Any:
        urls = super().write_shards(ds, prefix=prefix, **options)
        for path in ds.list_shards():
            Path(path).unlink()
        return urls


class Forgiving(LocalDiskStore):
    """Keeps what it has got of a dataset that ends in an error."""

    def write_shards(self, ds: Any, *, prefix: str, **options: Any) -> Any:
        with suppress(ValueError):
            return super().write_shards(ds, prefix=prefix, **options)


class Talkative(LocalDiskStore):
    def __repr__(self) -> str:
        return "Talkative(secret='hunter2')"


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
        (Replacing, "test_writing_again_harms_nothing"),
        (Consuming, "test_what_is_written_from_is_left_alone"),
        (Overwriting, "test_two_write_at_once"),
        (Forgiving, "test_a_dataset_that_ends_in_an_error_is_one"),
    ],
)
def test_the_suite_fails_what_is_broken(broken: Any, test: str, tmp_path: Path) -> None:
    failed = (AssertionError, pytest.fail.Exception, StorageError)
    with pytest.raises(failed):
        getattr(DataStoreSuite(), test)(broken(tmp_path / "store"), tmp_path)


def test_the_suite_fails_what_shows_secrets(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        DataStoreSuite().test_it_shows_no_secret(Talkative(tmp_path / "s"), ["hunter2"], tmp_path)


def test_the_suite_fails_another_interface(tmp_path: Path) -> None:
    for broken in (object(), Different(tmp_path)):
        with pytest.raises(AssertionError):
            DataStoreSuite().test_it_has_the_interface(broken)


class Recutting(LocalDiskStore):
    """Packs the samples anew, and does not look at the infos."""

    def copy_shards(self, source: Any, **options: Any) -> Any:
        options.pop("infos", None)
        return self.write_shards(Dataset[Thing](source), maxcount=5, **options)


class Forcing(LocalDiskStore):
    """Copies the files without a look at them."""

    def copy_shards(self, source: Any, *, prefix: str, **options: Any) -> Any:
        return source.shard_list


class Eager(LocalDiskStore):
    """Writes even if it must not."""

    def write_shards(self, ds: Any, *, dry_run: bool = False, **options: Any) -> Any:
        return super().write_shards(ds, **options)


class Changing(LocalDiskStore):
    def write_shards(self, ds: Any, *, prefix: str, **options: Any) -> Any:
        return super().write_shards(ds, prefix=f"{prefix}/{uuid4()}", **options)


@pytest.mark.parametrize(
    ("suite", "broken", "test"),
    [
        (CopyingStoreSuite, Recutting, "test_copies_have_the_digests_of_the_shards"),
        (CopyingStoreSuite, Recutting, "test_other_shards_than_the_infos_describe_are_refused"),
        (CopyingStoreSuite, Forcing, "test_a_damaged_shard_is_not_copied"),
        (DryRunStoreSuite, Changing, "test_a_dry_run_returns_what_is_then_written"),
        (DryRunStoreSuite, Eager, "test_a_dry_run_stores_nothing"),
    ],
)
def test_the_optional_suites_fail_what_is_broken(
    suite: Any, broken: Any, test: str, tmp_path: Path
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(suite(), test)(broken(tmp_path / "store"), tmp_path)


def test_a_store_that_learns_its_urls_by_storing_has_no_dry_run(ipfs_env: IpfsGateway) -> None:
    store = IPFSStore(ipfs_env.api)
    assert not store.supports_dry_run()
    with pytest.raises(AssertionError):
        DryRunStoreSuite().test_it_has_the_interface_of_dry_run_stores(store)

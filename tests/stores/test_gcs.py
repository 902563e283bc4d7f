"""The GCS store, against a server that speaks the API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient
from atdata.errors import NetworkError, StorageError
from atdata.local import LocalIndex
from atdata.promote import promote_to_atmosphere
from atdata.shards.info import ShardInfo
from atdata.stores import GCSDataStore
from servers.gcs import GcsServer
from servers.proxy import proxy_to
from servers.refusing import Refusal, refusing_proxy

from .conftest import Number, numbers
from .test_s3 import slowly, write_shard

MakeDataset = Callable[[int], atdata.Dataset[Number]]
KEY = "p/shard.tar"


@pytest.fixture
def store(gcs_bucket: str) -> GCSDataStore:
    return GCSDataStore(bucket=gcs_bucket)


@pytest.fixture
def shard(tmp_path: Path) -> tuple[Path, ShardInfo]:
    return write_shard(tmp_path / "shard.tar", 100)


def content(server: GcsServer, store: GCSDataStore, key: str = KEY) -> bytes:
    return server.get(store.bucket, key)


def test_what_is_written_is_read_in_this_process(
    store: GCSDataStore, make_dataset: MakeDataset
) -> None:
    urls = store.write_shards(make_dataset(25), prefix="numbers", maxcount=10)
    assert urls[0].startswith(f"gs://{store.bucket}/numbers/000000-")
    assert list(atdata.Dataset[Number](list(urls)).ordered()) == numbers(25)
    assert store.write_shards(make_dataset(25), prefix="numbers", maxcount=10) == urls


def test_what_is_written_is_read_in_another_process_from_the_environment(
    store: GCSDataStore, make_dataset: MakeDataset
) -> None:
    (url,) = store.write_shards(make_dataset(5), prefix="p")
    child = f"import atdata; print(len(list(atdata.Dataset[atdata.DictSample]({url!r}).ordered())))"
    done = subprocess.run(
        [sys.executable, "-c", child], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "5"


@pytest.mark.parametrize("size", [100, 20_000_000])
def test_shards_of_any_size_arrive_whole(
    store: GCSDataStore, gcs_server: GcsServer, tmp_path: Path, size: int
) -> None:
    path, info = write_shard(tmp_path / "s.tar", size)
    assert store.put(path, KEY, info) == f"gs://{store.bucket}/{KEY}"
    assert content(gcs_server, store) == path.read_bytes()


def test_copies_are_byte_for_byte(store: GCSDataStore, make_dataset: MakeDataset) -> None:
    written = store.write_shards(make_dataset(5), prefix="p")
    source = atdata.Dataset[Number](written[0]).source
    assert store.copy_shards(source, prefix="copy", infos=written.shards).shards == written.shards


def test_nothing_is_written_offline(
    store: GCSDataStore, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_OFFLINE", "1")
    with pytest.raises(NetworkError, match="ATDATA_OFFLINE"):
        store.write_shards(make_dataset(1), prefix="p")


def test_a_url_is_known_before_the_shard_is_there(
    store: GCSDataStore, make_dataset: MakeDataset
) -> None:
    expected = store.write_shards(make_dataset(5), prefix="p", dry_run=True)
    assert store.write_shards(make_dataset(5), prefix="p") == expected


def test_an_index_keeps_its_data_there(gcs_bucket: str, make_dataset: MakeDataset) -> None:
    with LocalIndex(data_store=GCSDataStore(bucket=gcs_bucket)) as index:
        entry = index.insert_dataset(make_dataset(25), name="numbers")
        assert entry.data_urls[0].startswith(f"gs://{gcs_bucket}/")
        ds = atdata.load_dataset("@local/numbers", Number, split="train", index=index)
        assert list(ds.ordered()) == numbers(25)


@pytest.mark.xdist_group("pds")
def test_a_published_dataset_has_its_data_there(
    gcs_bucket: str, make_dataset: MakeDataset, client: AtmosphereClient
) -> None:
    store = GCSDataStore(bucket=gcs_bucket)
    with LocalIndex() as index:
        entry = index.insert_dataset(make_dataset(25), name="numbers")
        uri = promote_to_atmosphere(entry, index, client, data_store=store)
    ds = atdata.load_dataset(uri, split="train")
    assert ds.list_shards()[0].startswith(f"gs://{gcs_bucket}/")
    assert [sample.value for sample in ds.ordered()] == list(range(25))


class TestWhatIsThereAlready:
    def test_other_bytes_are_never_overwritten(
        self, store: GCSDataStore, shard: tuple[Path, ShardInfo], gcs_server: GcsServer
    ) -> None:
        path, info = shard
        for other in (b"other bytes", b"x" * info.size):
            gcs_server.put(store.bucket, KEY, other)
            with pytest.raises(StorageError, match="other bytes") as caught:
                store.put(path, KEY, info)
            assert caught.value.uri == f"gs://{store.bucket}/{KEY}"
            assert content(gcs_server, store) == other

    def test_the_same_bytes_from_elsewhere_are_taken(
        self, store: GCSDataStore, shard: tuple[Path, ShardInfo], gcs_server: GcsServer
    ) -> None:
        gcs_server.put(store.bucket, KEY, shard[0].read_bytes())
        with refusing_proxy(gcs_server.endpoint) as proxy:
            looking = GCSDataStore(bucket=store.bucket, endpoint=proxy.url)
            assert looking.put(shard[0], KEY, shard[1]) == f"gs://{store.bucket}/{KEY}"
            assert [line.split()[0] for line in proxy.asked] == ["GET"]

    @pytest.mark.parametrize("same", [True, False])
    def test_objects_without_an_md5_are_read_back(
        self,
        store: GCSDataStore,
        shard: tuple[Path, ShardInfo],
        gcs_server: GcsServer,
        same: bool,
    ) -> None:
        path, info = shard
        gcs_server.put(store.bucket, KEY, path.read_bytes() if same else b"x" * info.size)
        with proxy_to(gcs_server.endpoint) as proxy:
            # As of objects that were composed of others.
            proxy.spoil_back = lambda data: data.replace(b"md5Hash", b"nothing")
            looking = GCSDataStore(bucket=store.bucket, endpoint=proxy.url)
            if same:
                assert looking.put(path, KEY, info) == f"gs://{store.bucket}/{KEY}"
            else:
                with pytest.raises(StorageError, match="other bytes"):
                    looking.put(path, KEY, info)

    def test_a_later_writer_finds_the_shard_and_continues(
        self, store: GCSDataStore, shard: tuple[Path, ShardInfo], gcs_server: GcsServer
    ) -> None:
        store.put(shard[0], KEY, shard[1])
        with refusing_proxy(gcs_server.endpoint) as proxy:
            later = GCSDataStore(bucket=store.bucket, endpoint=proxy.url)
            # It was not there yet when the later one looked.
            proxy.next_answers(Refusal(404, "notFound"))
            assert later.put(shard[0], KEY, shard[1]) == f"gs://{store.bucket}/{KEY}"
            assert [line.split()[0] for line in proxy.asked] == ["GET", "POST", "GET"]

    def test_a_later_writer_with_other_bytes_raises(
        self, store: GCSDataStore, shard: tuple[Path, ShardInfo], gcs_server: GcsServer
    ) -> None:
        gcs_server.put(store.bucket, KEY, b"other bytes")
        with refusing_proxy(gcs_server.endpoint) as proxy:
            later = GCSDataStore(bucket=store.bucket, endpoint=proxy.url)
            proxy.next_answers(Refusal(404, "notFound"))
            with pytest.raises(StorageError, match="other bytes"):
                later.put(shard[0], KEY, shard[1])
        assert content(gcs_server, store) == b"other bytes"

    def test_two_writers_at_once_both_succeed(
        self, gcs_bucket: str, shard: tuple[Path, ShardInfo], gcs_server: GcsServer
    ) -> None:
        start = threading.Barrier(2)

        def write(_: int) -> str:
            store = GCSDataStore(bucket=gcs_bucket)
            start.wait()
            return store.put(shard[0], KEY, shard[1])

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(write, range(2))) == [f"gs://{gcs_bucket}/{KEY}"] * 2
        assert gcs_server.get(gcs_bucket, KEY) == shard[0].read_bytes()

    def test_an_object_that_comes_and_goes(
        self, store: GCSDataStore, shard: tuple[Path, ShardInfo], gcs_server: GcsServer
    ) -> None:
        with refusing_proxy(gcs_server.endpoint) as proxy:
            proxy.refuse = lambda method, path, headers: (
                Refusal(404, "notFound") if method == "GET" else Refusal(412, "conditionNotMet")
            )
            later = GCSDataStore(bucket=store.bucket, endpoint=proxy.url)
            with pytest.raises(StorageError, match="keep changing"):
                later.put(shard[0], KEY, shard[1])


def test_what_is_damaged_on_the_way_is_taken_away(
    store: GCSDataStore, shard: tuple[Path, ShardInfo], gcs_server: GcsServer
) -> None:
    with proxy_to(gcs_server.endpoint) as proxy:
        proxy.spoil = lambda data: data.replace(b"x" * 100, b"y" * 100)
        damaged = GCSDataStore(bucket=store.bucket, endpoint=proxy.url)
        with pytest.raises(NetworkError, match="damaged on the way") as caught:
            damaged.put(shard[0], KEY, shard[1])
        assert caught.value.transient
    assert gcs_server.keys(store.bucket) == []


CHILD = """
import sys
from pathlib import Path
from atdata.shards.info import inspect_shard
from atdata.stores import GCSDataStore
path = Path(sys.argv[1])
print(GCSDataStore(bucket=sys.argv[2]).put(path, "p/shard.tar", inspect_shard(path)))
"""


def test_half_an_upload_is_no_object_and_a_second_run_completes_it(
    store: GCSDataStore, gcs_server: GcsServer, tmp_path: Path
) -> None:
    path, info = write_shard(tmp_path / "s.tar", 40_000_000)
    with proxy_to(gcs_server.endpoint) as proxy:
        proxy.spoil = slowly
        # The server itself says where the parts of an upload go to: past the proxy.
        proxy.spoil_back = lambda data: data.replace(
            gcs_server.endpoint.encode(), proxy.url.encode()
        )
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), store.bucket],
            env=os.environ | {"STORAGE_EMULATOR_HOST": proxy.url},
        )
        while proxy.sent < 20_000_000:
            assert child.poll() is None
            time.sleep(0.01)
        child.kill()
        assert child.wait() == -signal.SIGKILL
        assert proxy.sent < info.size
    assert gcs_server.keys(store.bucket) == []
    store.put(path, KEY, info)
    assert content(gcs_server, store) == path.read_bytes()


class TestRefusals:
    def test_a_bucket_that_is_missing(
        self, gcs_server: GcsServer, make_dataset: MakeDataset
    ) -> None:
        store = GCSDataStore(bucket="no-such-bucket", endpoint=gcs_server.endpoint)
        with pytest.raises(StorageError, match="404") as caught:
            store.write_shards(make_dataset(1), prefix="p")
        assert "bucket" in str(caught.value.hint)

    @pytest.mark.parametrize("status", [401, 403])
    def test_those_who_may_not_write(
        self,
        gcs_server: GcsServer,
        gcs_bucket: str,
        shard: tuple[Path, ShardInfo],
        status: int,
    ) -> None:
        with refusing_proxy(gcs_server.endpoint) as proxy:
            proxy.refuse = lambda method, path, headers: (
                Refusal(status, "no") if method == "POST" else None
            )
            store = GCSDataStore(bucket=gcs_bucket, endpoint=proxy.url)
            with pytest.raises(StorageError, match=str(status)) as caught:
                store.put(shard[0], KEY, shard[1])
            assert caught.value.hint

    def test_those_who_may_not_look(
        self, gcs_server: GcsServer, gcs_bucket: str, shard: tuple[Path, ShardInfo]
    ) -> None:
        with refusing_proxy(gcs_server.endpoint) as proxy:
            proxy.refuse = lambda method, path, headers: (
                Refusal(403, "no") if method == "GET" else None
            )
            store = GCSDataStore(bucket=gcs_bucket, endpoint=proxy.url)
            store.put(shard[0], KEY, shard[1])
            # It can't be known whether what is there is the shard.
            with pytest.raises(StorageError, match="403"):
                store.put(shard[0], KEY, shard[1])

    @pytest.mark.parametrize("status", [429, 503])
    def test_transient_errors_are_retried(
        self,
        gcs_server: GcsServer,
        gcs_bucket: str,
        shard: tuple[Path, ShardInfo],
        status: int,
    ) -> None:
        with refusing_proxy(gcs_server.endpoint) as proxy:
            proxy.next_answers(None, Refusal(status, "later"))
            store = GCSDataStore(bucket=gcs_bucket, endpoint=proxy.url)
            store.put(shard[0], KEY, shard[1])
        assert gcs_server.get(gcs_bucket, KEY) == shard[0].read_bytes()

    def test_a_server_that_is_not_there(self, make_dataset: MakeDataset) -> None:
        store = GCSDataStore(bucket="b", endpoint="http://127.0.0.1:9")
        with pytest.raises(NetworkError, match="can't be reached"):
            store.write_shards(make_dataset(1), prefix="p")


SECRET = {"private_key": "the-secret", "type": "service_account"}


class TestCredentials:
    def test_a_file_or_what_is_in_it(self, tmp_path: Path) -> None:
        path = tmp_path / "account.json"
        path.write_text(json.dumps(SECRET))
        for given in (path, str(path), SECRET):
            store = GCSDataStore(given, bucket="b")
            assert store._place.access.credentials in (str(path), SECRET)
            assert "the-secret" not in repr(store)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="no such file of credentials"):
            GCSDataStore(tmp_path / "none.json", bucket="b")

    def test_anonymous_credentials_write_where_all_may(
        self, gcs_server: GcsServer, gcs_bucket: str, make_dataset: MakeDataset
    ) -> None:
        store = GCSDataStore("anon", bucket=gcs_bucket, endpoint=gcs_server.endpoint)
        assert store.write_shards(make_dataset(1), prefix="p")

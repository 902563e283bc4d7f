"""Shards as blobs, on the reference PDS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient
from atdata.errors import DigestMismatch, ShardError, StorageError
from atdata.shards.manifest import ShardInfo, inspect_shard
from atdata.sources import URLSource
from atdata.stores import ShardStore
from atdata.stores.pds import PDSBlobStore
from servers.atproto_pds import pds_server

from .conftest import Number, numbers

pytestmark = pytest.mark.xdist_group("pds")

MakeDataset = Callable[[int], atdata.Dataset[Number]]
BIG = 10**9


@pytest.fixture
def store(client: AtmosphereClient) -> PDSBlobStore:
    return PDSBlobStore(client)


def publish(client: AtmosphereClient, store: PDSBlobStore, urls: object) -> None:
    """A record that refers to the blobs: they can be read from then on."""
    client.put_record("com.example.thing", "a", {"storage": store.storage(urls).to_dict()})


def test_it_is_a_store(store: PDSBlobStore) -> None:
    assert isinstance(store, ShardStore)
    assert isinstance(store, atdata.AbstractDataStore)
    assert store.supports_streaming()


def test_what_is_written_is_read_once_a_record_refers_to_it(
    client: AtmosphereClient, store: PDSBlobStore, make_dataset: MakeDataset
) -> None:
    urls = store.write_shards(make_dataset(25), prefix="numbers", maxcount=10)
    assert [info.samples for info in urls.shards] == [10, 10, 5]
    blobs = store.storage(urls).blobs
    assert [(blob.ref, blob.size) for blob in blobs] == [(i.cid, i.size) for i in urls.shards]
    assert {blob.mime_type for blob in blobs} == {"application/x-tar"}
    publish(client, store, urls)
    assert store.read_url(urls[0]) == urls[0]
    for source in (list(urls), store.create_source(urls), store.create_source(list(urls))):
        assert list(atdata.Dataset[Number](source).ordered()) == numbers(25)


def test_copies_are_the_same_bytes(
    client: AtmosphereClient, store: PDSBlobStore, make_dataset: MakeDataset
) -> None:
    source = make_dataset(25).source
    info = inspect_shard(Path(source.shard_list[0]))
    urls = store.copy_shards(source, prefix="numbers", infos=[info])
    assert urls.shards == (info,)
    publish(client, store, urls)
    assert client.get_blob(client.did, info.cid) == Path(source.shard_list[0]).read_bytes()


def test_other_bytes_than_were_told(store: PDSBlobStore, make_dataset: MakeDataset) -> None:
    source = make_dataset(5).source
    told = inspect_shard(Path(source.shard_list[0]))
    with pytest.raises(DigestMismatch):
        store.copy_shards(
            source, prefix="numbers", infos=[ShardInfo(told.cid, told.size, told.samples + 1)]
        )


def test_what_is_no_shard(store: PDSBlobStore, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no shard" * 1000)
    with pytest.raises(ShardError):
        store.copy_shards(URLSource(tmp_path / "x.tar"), prefix="x")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> AtmosphereClient:
    """A client of a server that takes blobs of 20 kB."""
    with pds_server(blob_limit=20_000) as pds:
        monkeypatch.setenv("ATDATA_PDS_URL", pds.url)
        monkeypatch.setenv("ATDATA_PLC_URL", pds.plc_url)
        account = pds.new_account()
        client = AtmosphereClient()
        client.login(account.handle, account.app_password)
        yield client


def test_the_servers_limit(small: AtmosphereClient, make_dataset: MakeDataset) -> None:
    store, ds = PDSBlobStore(small), make_dataset(100)
    info = inspect_shard(Path(ds.list_shards()[0]))
    assert info.size > 20_000
    # Shards are cut to it …
    urls = store.write_shards(ds, prefix="numbers")
    assert len(urls) > 1
    assert all(told.size <= 20_000 for told in urls.shards)
    # … one that is too large is refused before the first byte, or when its size is known …
    for infos in ([info], None):
        with pytest.raises(StorageError, match=r"20,000 bytes.*\n.*maxsize="):
            store.copy_shards(ds.source, prefix="numbers", infos=infos)
    # … and a single sample that is larger can't be a blob.
    with pytest.raises(ShardError, match="limit is 20000"):
        store.write_shards(_one_large_sample(ds), prefix="numbers")


def _one_large_sample(ds: atdata.Dataset[Number]) -> atdata.Dataset[Number]:
    from atdata.shards.writer import ShardWriter

    path = Path(ds.list_shards()[0]).with_name("large.tar")
    with ShardWriter(path) as writer:
        writer.write("a", Number(value=1, text="x" * 30_000).packed)
    return atdata.Dataset[Number](str(path))


class Silent:
    """A client whose server does not tell its limit, and keeps nothing."""

    did = "did:plc:abc"

    def __init__(self) -> None:
        self.uploads = 0

    def blob_limit(self) -> None:
        return None

    def upload_blob(self, data: object, mime_type: str) -> dict[str, object]:
        self.uploads += 1
        return {"ref": {"$link": "bafkreia"}}

    def get_blob_url(self, did: str, cid: str) -> str:
        return f"https://pds.example.com/{cid}"


def test_much_data_draws_a_warning_and_too_much_is_refused(make_dataset: MakeDataset) -> None:
    client = Silent()
    source = make_dataset(1).source
    store = PDSBlobStore(client)
    with (
        pytest.warns(UserWarning, match="More than 100 MB"),
        pytest.raises(DigestMismatch, match="2 shards"),
    ):
        store.copy_shards(
            source, prefix="a", infos=[ShardInfo("a", 9 * 10**7, 1), ShardInfo("b", 2 * 10**7, 1)]
        )
    with pytest.raises(StorageError, match="more than 10 GB"):
        store.copy_shards(source, prefix="a", infos=[ShardInfo("a", 11 * BIG, 1)])
    assert client.uploads == 0


def test_a_server_that_stores_other_bytes(make_dataset: MakeDataset) -> None:
    with pytest.raises(DigestMismatch, match="the server stored"):
        PDSBlobStore(Silent()).copy_shards(make_dataset(1).source, prefix="a")


def test_no_secret_in_its_repr(store: PDSBlobStore, client: AtmosphereClient) -> None:
    for secret in client.export_session().split(":::")[2:4]:
        assert secret not in repr(store)

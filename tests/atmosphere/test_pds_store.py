"""Shards as blobs, on the reference PDS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient
from atdata.atmosphere.pds_store import PDSBlobStore
from atdata.atmosphere.uploads import forget_uploads
from atdata.errors import DigestMismatch, SampleTooLarge, ShardError, StorageError, XrpcError
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.shards.reader import read_stream
from atdata.shards.writer import ShardWriter
from atdata.sources import URLSource
from atdata.stores import ShardStore
from atdata_records import cid as cids
from servers.atproto_pds import Pds, pds_server
from servers.proxy import proxy_to
from stores.conftest import Number, numbers

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


def test_other_bytes_than_announced_raise(store: PDSBlobStore, make_dataset: MakeDataset) -> None:
    source = make_dataset(5).source
    info = inspect_shard(Path(source.shard_list[0]))
    with pytest.raises(DigestMismatch):
        store.copy_shards(
            source, prefix="numbers", infos=[ShardInfo(info.cid, info.size, info.samples + 1)]
        )


def test_what_is_no_shard(store: PDSBlobStore, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no shard" * 1000)
    with pytest.raises(ShardError):
        store.copy_shards(URLSource(tmp_path / "x.tar"), prefix="x")


@pytest.fixture
def small_pds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pds]:
    """A server that takes blobs of 20 kB."""
    with pds_server(blob_limit=20_000) as pds:
        monkeypatch.setenv("ATDATA_PDS_URL", pds.url)
        monkeypatch.setenv("ATDATA_PLC_URL", pds.plc_url)
        yield pds


@pytest.fixture
def small(small_pds: Pds) -> AtmosphereClient:
    """A client of it."""
    account = small_pds.new_account()
    client = AtmosphereClient()
    client.login(account.handle, account.app_password)
    return client


def samples_of(shards: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Keys and payloads, in their order."""
    return [
        (key, bytes(payload))
        for shard in shards
        for _, key, _, payload in read_stream(BytesIO(shard), "shard")
    ]


def test_the_servers_limit(
    small: AtmosphereClient, small_pds: Pds, make_dataset: MakeDataset
) -> None:
    store, ds = PDSBlobStore(small), make_dataset(100)
    path = Path(ds.list_shards()[0])
    info = inspect_shard(path)
    assert info.size > 20_000
    # What is written is cut to it …
    urls = store.write_shards(ds, prefix="numbers")
    assert len(urls) > 1
    assert all(info.size <= 20_000 for info in urls.shards)
    assert urls.cut_from is None
    # … and so is what is copied, whether its size is known or not: with keys and order …
    for infos in ([info], None):
        copied = store.copy_shards(ds.source, prefix="numbers", infos=infos)
        assert copied.cut_from == (info,)
        assert all(info.size <= 20_000 for info in copied.shards)
        publish(small, store, copied)
        blobs = [small.get_blob(small.did, info.cid) for info in copied.shards]
        assert samples_of(blobs) == samples_of([path.read_bytes()])
    # … but a single sample that is larger can't be a blob.
    large = _one_large_sample(ds)
    with pytest.raises(ShardError, match="limit is 20000"):
        store.write_shards(large, prefix="numbers")
    with (
        small_pds.requests() as made,
        pytest.raises(SampleTooLarge, match=r"20,000 bytes at most.*31,744.*\n.*S3DataStore"),
    ):
        store.copy_shards(URLSource([path, large.list_shards()[0]]), prefix="numbers")
    assert made == []
    assert inspect_shard(path) == info


def test_a_shard_that_fits_is_not_cut(small: AtmosphereClient, make_dataset: MakeDataset) -> None:
    source = URLSource([*make_dataset(2).list_shards(), *make_dataset(50).list_shards()])
    infos = [inspect_shard(path) for path in source.list_shards()]
    urls = PDSBlobStore(small).copy_shards(source, prefix="numbers")
    assert urls.cut_from == tuple(infos)
    assert urls.shards[0] == infos[0]
    assert sum(info.samples for info in urls.shards) == 52


def _one_large_sample(ds: atdata.Dataset[Number]) -> atdata.Dataset[Number]:
    path = Path(ds.list_shards()[0]).with_name("large.tar")
    with ShardWriter(path) as writer:
        writer.write("a", Number(value=1, text="x" * 30_000).packed)
    return atdata.Dataset[Number](str(path))


class Silent:
    """A client whose server does not tell its limit, lists no blobs, and keeps nothing."""

    did = "did:plc:abc"
    base_url = "https://pds.example.com"

    def __init__(self) -> None:
        self.uploads = 0

    def blob_limit(self) -> None:
        return None

    def list_blobs(self) -> Iterator[str]:
        raise XrpcError.answer(501, "MethodNotImplemented", "", uri=self.base_url)

    def upload_blob(self, data: object, mime_type: str) -> dict[str, object]:
        self.uploads += 1
        return {"ref": {"$link": "bafkreia"}}

    def get_blob_url(self, did: str, cid: str) -> str:
        return f"{self.base_url}/{cid}"


def test_a_server_that_does_not_report_its_limit() -> None:
    assert PDSBlobStore(Silent()).largest_shard() == 5 * 2**20
    assert PDSBlobStore(Silent(), blob_limit=1000).largest_shard() == 1000


def test_much_data_draws_a_warning_and_too_much_is_refused(make_dataset: MakeDataset) -> None:
    client = Silent()
    source = make_dataset(1).source
    other = cids.of_bytes(b"")
    shards = [ShardInfo(other, 9 * 10**7, 100_000), ShardInfo(other, 2 * 10**7, 100_000)]
    both = URLSource([*source.list_shards(), "https://example.com/b.tar"])
    store = PDSBlobStore(client)
    with (
        pytest.warns(UserWarning, match=r"110\.0 MB: above 100 MB, prefer URLs"),
        pytest.raises(DigestMismatch),
    ):
        store.copy_shards(both, prefix="a", infos=shards)
    with pytest.raises(StorageError, match=r"more than 10 GB.*\n.*11\.0 GB: above 10 GB, always"):
        store.copy_shards(source, prefix="a", infos=[ShardInfo(other, 11 * BIG, 100_000)])
    assert client.uploads == 0


def test_a_server_that_stores_other_bytes(make_dataset: MakeDataset) -> None:
    with pytest.raises(DigestMismatch, match="the server stored"):
        PDSBlobStore(Silent()).copy_shards(make_dataset(1).source, prefix="a")


def test_a_server_that_takes_less_than_it_reports(
    store: PDSBlobStore, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AtmosphereClient, "blob_limit", lambda self: 10**9)
    path = Path(make_dataset(1).list_shards()[0]).with_name("large.tar")
    with ShardWriter(path) as writer:
        writer.write("a", Number(value=1, text="x" * 6_000_000).packed)
    with pytest.raises(StorageError, match=r"refuses a blob of 6,00.*\n.*blob_limit="):
        store.copy_shards(URLSource(path), prefix="numbers")


# -- nothing twice


def test_what_was_uploaded_and_waits_for_its_record(
    client: AtmosphereClient, pds: Pds, make_dataset: MakeDataset
) -> None:
    with pds.requests() as made:
        first = PDSBlobStore(client).write_shards(make_dataset(25), prefix="a", maxcount=10)
        second = PDSBlobStore(client).write_shards(make_dataset(25), prefix="b", maxcount=10)
    assert made.count("uploadBlob") == 3
    assert list(first) == list(second)


def test_what_records_refer_to(
    client: AtmosphereClient, store: PDSBlobStore, pds: Pds, make_dataset: MakeDataset
) -> None:
    urls = store.write_shards(make_dataset(25), prefix="a", maxcount=10)
    publish(client, store, urls)
    forget_uploads(client.did)
    another = PDSBlobStore(client)
    with pds.requests() as made:
        again = another.write_shards(make_dataset(25), prefix="b", maxcount=10)
    assert made.count("uploadBlob") == 0
    assert another.storage(again) == store.storage(urls)


def test_an_upload_whose_answer_is_lost_is_tried_again(
    client: AtmosphereClient, pds: Pds, make_dataset: MakeDataset
) -> None:
    with proxy_to(pds.url) as proxy, pds.requests() as made:
        through = AtmosphereClient()
        through.login_with_session(client.export_session().replace(pds.url, proxy.url))
        # The first connection lists blobs; the second uploads, and breaks.
        proxy.cut_after = [10**9, 0]
        store = PDSBlobStore(through, blob_limit=10**6)
        urls = store.write_shards(make_dataset(5), prefix="a")
        assert proxy.connections == 3
    publish(client, store, urls)
    assert client.get_blob(client.did, urls.shards[0].cid)
    assert "uploadBlob" in made


# -- what others see of it


def test_a_dry_run_uploads_nothing_and_reports_the_same(
    client: AtmosphereClient, store: PDSBlobStore, pds: Pds, make_dataset: MakeDataset
) -> None:
    ds = make_dataset(25)
    with pds.requests() as made:
        planned = store.write_shards(ds, prefix="a", maxcount=10, dry_run=True)
        copied = store.copy_shards(ds.source, prefix="a", dry_run=True)
        storage = store.storage(planned)
    assert "uploadBlob" not in made
    real = store.write_shards(ds, prefix="a", maxcount=10)
    assert (list(planned), planned.shards, storage) == (
        list(real),
        real.shards,
        store.storage(real),
    )
    assert copied.shards == (inspect_shard(Path(ds.list_shards()[0])),)


def test_no_secret_in_its_repr(store: PDSBlobStore, client: AtmosphereClient) -> None:
    for secret in client.export_session().split(":::")[2:4]:
        assert secret not in repr(store)

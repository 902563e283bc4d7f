"""``at://`` URLs given to datasets, on the reference PDS."""

from __future__ import annotations

from pathlib import Path

import pytest

from atdata import Dataset
from atdata.atmosphere import AtmosphereClient, AtUri, DatasetLoader, DatasetPublisher
from atdata.atmosphere.at_source import open_at
from atdata.errors import AddressRefused, DigestMismatch, EntryNotFound, NetworkError, UrlError
from atdata.shards.info import inspect_shard
from atdata.sources import BlobSource, URLSource
from atdata_records import cid
from readings import Reading, labels, write_readings

from .web import Web

pytestmark = pytest.mark.xdist_group("pds")


@pytest.fixture
def uri(publisher: DatasetPublisher, tmp_path: Path) -> AtUri:
    """Two shards of four readings, as blobs."""
    shards = write_readings(tmp_path / "in", 8)
    return publisher.publish(Dataset[Reading](shards), name="readings")


def test_a_record_stands_for_its_shards(client: AtmosphereClient, uri: AtUri) -> None:
    by_handle = str(uri).replace(client.did, client.handle)
    for url in (str(uri), by_handle):
        assert labels(Dataset[Reading](url)) == list(range(8))
    assert Dataset(str(uri))[5].label == 5
    assert len(Dataset[Reading](str(uri))) == 8


def test_nothing_is_asked_before_it_is_read() -> None:
    assert URLSource("at://nobody.example/ac.foundation.dataset.record/x").urls


def test_it_can_stand_beside_other_urls(uri: AtUri, tmp_path: Path) -> None:
    more = write_readings(tmp_path / "more", 4, start=8)
    assert labels(Dataset[Reading]([str(uri), *more])) == list(range(12))


def test_one_blob(client: AtmosphereClient, uri: AtUri, tmp_path: Path) -> None:
    (first, _) = write_readings(tmp_path / "again", 8)
    url = f"at://{client.did}/blob/{cid.of_bytes(Path(first).read_bytes())}"
    assert isinstance(open_at(url, untrusted=False), BlobSource)
    assert labels(Dataset[Reading](url)) == list(range(4))


def test_blobs_are_read_from_the_server_that_their_did_names(
    client: AtmosphereClient, uri: AtUri, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = DatasetLoader(client).get_blobs(uri)
    source = BlobSource([{"did": client.did, "cid": blob["ref"]["$link"]} for blob in blobs])
    assert labels(Dataset[Reading](source)) == list(range(8))
    # The server was looked up once.
    monkeypatch.setattr(AtmosphereClient, "resolve", None)
    assert labels(Dataset[Reading](source)) == list(range(8))


@pytest.mark.usefixtures("pds_env")
def test_blobs_of_an_unknown_account_can_not_be_read() -> None:
    source = BlobSource.from_refs([f"at://did:plc:{'a' * 24}/blob/{cid.of_bytes(b'')}"])
    with pytest.raises(NetworkError, match="did:plc"):
        source.open_shard(source.shard_list[0])


@pytest.mark.usefixtures("pds_env")
def test_what_is_not_there(client: AtmosphereClient, uri: AtUri) -> None:
    with pytest.raises(EntryNotFound):
        Dataset[Reading](f"{uri}x").list_shards()
    for url in (f"at://{client.did}", f"at://{client.did}/blob/x", "at://"):
        with pytest.raises(UrlError):
            Dataset[Reading](url).list_shards()


def test_a_record_may_not_name_another(uri: AtUri) -> None:
    with pytest.raises(AddressRefused, match="another one"):
        URLSource(str(uri), untrusted=True).list_shards()


def test_other_bytes_than_published(
    publisher: DatasetPublisher, schema: AtUri, web: Web, tmp_path: Path
) -> None:
    (path,) = write_readings(tmp_path / "in", 4)
    web.routes["/a.tar"] = Path(path).read_bytes()
    ds = Dataset[Reading](path)
    info = inspect_shard(path)
    uri = publisher.publish_with_urls([f"{web.url}/a.tar"], schema, name="tampered", shards=[info])
    web.routes["/a.tar"] = Path(path).read_bytes()[:-1] + b"x"
    with pytest.raises(DigestMismatch):
        labels(Dataset[Reading](str(uri)))
    assert labels(ds) == list(range(4))

"""An AppView is not believed: records come from the repository, and bytes are held to them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import atdata
from atdata.atmosphere import AppViewClient
from atdata.errors import (
    AddressRefused,
    DigestMismatch,
    EntryNotFound,
    NetworkError,
    RandomAccessError,
    SchemaConflict,
    UrlError,
)
from atdata.samples.schema import record_cid, to_record
from atdata.shards.info import ShardInfo, content_cid
from atdata.shards.writer import cut_shards
from atdata.storage import reach
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

from .web import Web, web_server

NOW = "2026-01-02T03:04:05.678Z"
BASE = "ac.foundation.dataset"


@atdata.packable
class Number:
    """A sample that is a number."""

    value: int


SCHEMA = to_record(Number, "1.0.0", created_at=NOW)


class Published:
    """A repository with a dataset, and beside it an AppView, until a test bends their answers."""

    def __init__(self, home: Web, web: Web, folder: Path) -> None:
        self.home = home
        self.web = web
        home.document()
        ((path, self.info),) = cut_shards((Number(value=n) for n in range(3)), folder)
        self.shard = path.read_bytes()
        self.url = f"{web.url}/shard.tar"
        self.schema = SCHEMA.to_dict()
        self.record = {
            "$type": Record.NSID,
            "name": "numbers",
            "schemaRef": f"at://{home.did}/{BASE}.sampleSchema/Number:1.0.0",
            "schemaCid": record_cid(SCHEMA),
            "storage": {"$type": f"{Record.NSID}#urlStorage", "urls": ["https://h.example/a.tar"]},
            "shards": [self.row(self.info)],
            "contentCid": content_cid(record_cid(SCHEMA), [self.info]),
            "createdAt": NOW,
        }
        self.ref = f"@{home.did}/numbers"
        self.answer()

    def row(self, info: ShardInfo) -> dict[str, Any]:
        return {"cid": info.cid, "size": info.size, "samples": info.samples}

    def answer(self) -> None:
        """Answer from the attributes as they are now."""
        self.home.xrpc("com.atproto.repo.getRecord", self.stored)
        shard = {"url": self.url, **self.row(self.info)}
        self.web.xrpc(f"{BASE}.resolveShards", {"wds": self.url, "shards": [shard]})
        self.web.routes["/shard.tar"] = self.shard
        view = {
            "did": self.home.did,
            "createdAt": NOW,
            "indexedAt": NOW,
            "uri": f"at://{self.home.did}/{Record.NSID}/numbers",
            "cid": Record.from_dict(self.record).cid(),
            "name": "numbers",
            "schemaRef": self.record["schemaRef"],
            "storage": "urls",
        }
        pages = {
            None: {"datasets": [view, view], "cursor": "next"},
            "next": {"datasets": [view]},
        }
        self.web.xrpc(f"{BASE}.searchDatasets", lambda query: pages[query.get("cursor")])

    def stored(self, query: dict[str, str]) -> dict[str, Any]:
        uri = f"at://{query['repo']}/{query['collection']}/{query['rkey']}"
        if query["collection"] == Record.NSID:
            return {"uri": uri, "cid": Record.from_dict(self.record).cid(), "value": self.record}
        return {"uri": uri, "cid": SampleSchema.from_dict(self.schema).cid(), "value": self.schema}

    def load(self, sample_type: type[Any] | None = None) -> list[int]:
        ds = AppViewClient(self.web.url).to_dataset(self.ref, sample_type)
        return [sample.value for sample in ds.ordered()]


@pytest.fixture
def appview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    """Only the repository's server and the AppView are chosen by the user."""
    monkeypatch.setattr(reach, "_allowed", set())
    monkeypatch.delenv("ATDATA_ALLOW_PRIVATE", raising=False)
    with web_server() as home, web_server() as web:
        monkeypatch.setenv("ATDATA_PDS_URL", home.url)
        yield Published(home, web, tmp_path)


def test_what_is_sound_is_loaded(appview: Published) -> None:
    assert appview.load() == [0, 1, 2]
    assert appview.load(Number) == [0, 1, 2]
    record = f"at%3A%2F%2F{quote(appview.home.did, safe='')}%2F{Record.NSID}%2Fnumbers"
    assert f"/xrpc/{BASE}.resolveShards?uri={record}" in appview.web.asked
    assert "/shard.tar" in appview.web.asked


def test_other_bytes(appview: Published) -> None:
    appview.shard = appview.shard.replace(b"value", b"VALUE", 1)
    appview.answer()
    with pytest.raises(DigestMismatch):
        appview.load()


def test_a_forged_dataset_is_not_read(appview: Published, tmp_path: Path) -> None:
    # The AppView tells of digests that fit what it gives. Those of the repository count.
    folder = tmp_path / "forged"
    folder.mkdir()
    ((path, forged),) = cut_shards((Number(value=31337) for _ in range(3)), folder)
    honest, appview.info, appview.shard = appview.record, forged, path.read_bytes()
    appview.answer()
    with pytest.raises(DigestMismatch):
        appview.load()
    left_out = ("shards", "contentCid")
    appview.record = {key: value for key, value in honest.items() if key not in left_out}
    with pytest.raises(NetworkError, match="no digests"):
        appview.load()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "pipe:id", "https://h.example/{0..1}.tar"])
def test_urls_that_data_may_not_name(appview: Published, url: str) -> None:
    appview.url = url
    appview.answer()
    with pytest.raises(NetworkError, match="not the record's"):
        appview.load()


def test_a_private_address_is_refused(appview: Published) -> None:
    with web_server() as other:
        other.routes["/shard.tar"] = appview.shard
        appview.url = f"{other.url}/shard.tar"
        appview.answer()
        with pytest.raises(AddressRefused):
            appview.load()
        assert other.asked == []


def test_workers_reach_an_appview_that_the_user_named(
    appview: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(AppViewClient(appview.web.url).to_dataset(appview.ref, Number).source)
    # As in another process, where nothing was named yet.
    monkeypatch.setattr(reach, "_allowed", set())
    source = pickle.loads(pickled)
    assert [sample.value for sample in atdata.Dataset[Number](source)] == [0, 1, 2]


def test_load_dataset_asks_the_repository_where_the_appview_is_of_no_use(
    appview: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_APPVIEW_URL", appview.web.url)
    assert atdata.load_dataset(appview.ref, split="train").list_shards() == [appview.url]
    appview.url = "file:///etc/passwd"
    appview.answer()
    with pytest.warns(UserWarning, match="asking the repository itself"):
        ds = atdata.load_dataset(appview.ref, split="train")
    assert ds.list_shards() == ["https://h.example/a.tar"]


def test_another_schema(appview: Published) -> None:
    appview.record["schemaCid"] = appview.info.cid
    del appview.record["contentCid"]
    with pytest.raises(SchemaConflict):
        appview.load()


def test_uncounted_blobs_have_no_length(appview: Published) -> None:
    for member in ("shards", "contentCid"):
        del appview.record[member]
    blob = {
        "$type": "blob",
        "ref": {"$link": appview.info.cid},
        "mimeType": "application/x-tar",
        "size": appview.info.size,
    }
    appview.record["storage"] = {"$type": f"{Record.NSID}#blobStorage", "blobs": [blob]}
    ds = AppViewClient(appview.web.url).to_dataset(appview.ref, Number)
    with pytest.raises(RandomAccessError, match="number of samples is not known"):
        len(ds)
    assert [sample.value for sample in ds] == [0, 1, 2]


def test_what_is_not_known_there(appview: Published) -> None:
    # The test's server says no more than the status; an AppView also names the error.
    appview.web.xrpc(f"{BASE}.resolveShards", 404)
    with pytest.raises(NetworkError):
        appview.load()
    appview.home.xrpc("com.atproto.repo.getRecord", 404)
    with pytest.raises((NetworkError, EntryNotFound)):
        appview.load()


def test_searching_goes_from_page_to_page(appview: Published) -> None:
    client = AppViewClient(appview.web.url)
    assert len(list(client.search("numbers", tags=["a", "b"], license="MIT"))) == 3
    assert "tags=a&tags=b" in appview.web.asked[0]
    assert len(list(client.search(limit=1))) == 1


def test_answers_that_break_their_lexicon(appview: Published) -> None:
    appview.web.xrpc(f"{BASE}.searchDatasets", {"datasets": [{"name": 5}]})
    with pytest.raises(NetworkError, match="breaks its lexicon"):
        list(AppViewClient(appview.web.url).search())


def test_an_appview_must_be_named() -> None:
    with pytest.raises(UrlError, match="no AppView"):
        AppViewClient()

"""An AppView is not believed: what it sends must be what the record's CIDs tell."""

from __future__ import annotations

from typing import Any

import pytest

import atdata
from atdata.atmosphere import AppViewClient
from atdata.errors import (
    DigestMismatch,
    EntryNotFound,
    NetworkError,
    RandomAccessError,
    RecordError,
    SchemaConflict,
    SchemaNotFound,
    UrlError,
)
from atdata.samples.schema import record_cid, to_record
from atdata.shards.manifest import ShardInfo, content_cid
from atdata.shards.writer import cut_shards
from atdata_records.ac.foundation.dataset.record import Record

from .web import Web, web_server

DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
NOW = "2026-01-02T03:04:05.678Z"
BASE = "ac.foundation.dataset"


@atdata.packable
class Number:
    """A sample that is a number."""

    value: int


SCHEMA = to_record(Number, "1.0.0", created_at=NOW)


class AppView:
    """A server that answers as an AppView would, until a test bends the answers."""

    def __init__(self, web: Web, folder: Any) -> None:
        self.web = web
        ((path, self.info),) = cut_shards((Number(value=n) for n in range(3)), folder)
        self.shard = path.read_bytes()
        self.schema = SCHEMA.to_dict()
        self.record = {
            "$type": Record.NSID,
            "name": "numbers",
            "schemaRef": f"at://{DID}/{BASE}.sampleSchema/Number:1.0.0",
            "schemaCid": record_cid(SCHEMA),
            "storage": {"$type": f"{Record.NSID}#urlStorage", "urls": ["https://h.example/a.tar"]},
            "shards": [self.row(self.info)],
            "contentCid": content_cid(record_cid(SCHEMA), [self.info]),
            "createdAt": NOW,
        }
        self.cid = Record.from_dict(self.record).cid()
        self.answer()

    def row(self, info: ShardInfo) -> dict[str, Any]:
        return {"cid": info.cid, "size": info.size, "samples": info.samples}

    def answer(self) -> None:
        """Answer from the attributes as they are now."""
        seen = {"did": DID, "createdAt": NOW, "indexedAt": NOW}
        view = seen | {
            "uri": f"at://{DID}/{Record.NSID}/numbers",
            "cid": self.cid,
            "name": "numbers",
            "schemaRef": self.record["schemaRef"],
            "storage": "urls",
        }
        self.web.xrpc(f"{BASE}.getDataset", {"dataset": view, "record": self.record})
        schema = seen | {
            "uri": self.record["schemaRef"],
            "cid": SCHEMA.cid(),
            "name": "Number",
            "version": "1.0.0",
            "schemaCid": record_cid(SCHEMA),
        }
        self.web.xrpc(f"{BASE}.getSchema", {"schema": schema, "record": self.schema})
        shard = {"url": f"{self.web.url}/shard.tar", **self.row(self.info)}
        self.web.xrpc(
            f"{BASE}.resolveShards", {"wds": f"{self.web.url}/shard.tar", "shards": [shard]}
        )
        self.web.routes["/shard.tar"] = self.shard
        pages = {
            None: {"datasets": [view, view], "cursor": "next"},
            "next": {"datasets": [view]},
        }
        self.web.xrpc(f"{BASE}.searchDatasets", lambda query: pages[query.get("cursor")])

    def load(self, sample_type: type[Any] | None = None) -> list[int]:
        ds = AppViewClient(self.web.url).to_dataset("@lab.example/numbers", sample_type)
        return [sample.value for sample in ds.ordered()]


@pytest.fixture
def appview(tmp_path: Any) -> Any:
    with web_server() as web:
        yield AppView(web, tmp_path)


def test_what_is_sound_is_loaded(appview: AppView) -> None:
    assert appview.load() == [0, 1, 2]
    assert appview.load(Number) == [0, 1, 2]
    assert "uri=at%3A%2F%2Flab.example%2Fac.foundation.dataset.record%2Fnumbers" in "".join(
        appview.web.asked
    )


def test_other_bytes(appview: AppView) -> None:
    appview.shard = appview.shard.replace(b"value", b"VALUE", 1)
    appview.answer()
    with pytest.raises(DigestMismatch):
        appview.load()


def test_another_record(appview: AppView) -> None:
    appview.record["name"] = "other"
    appview.answer()
    with pytest.raises(RecordError, match="CID"):
        appview.load()


def test_another_schema(appview: AppView) -> None:
    appview.schema = to_record(Number, "1.0.1", created_at=NOW).to_dict()
    appview.answer()
    with pytest.raises(RecordError, match="CID"):
        appview.load()
    appview.schema = SCHEMA.to_dict()
    appview.record["schemaCid"] = appview.info.cid
    appview.cid = Record.from_dict(appview.record).cid()
    appview.answer()
    with pytest.raises(SchemaConflict):
        appview.load()


def test_a_list_that_the_record_leaves_to_a_manifest(appview: AppView) -> None:
    del appview.record["shards"]
    appview.cid = Record.from_dict(appview.record).cid()
    appview.answer()
    assert appview.load() == [0, 1, 2]
    appview.info = ShardInfo(appview.info.cid, appview.info.size, 4)
    appview.answer()
    with pytest.raises(RecordError, match="list of shards"):
        appview.load()
    del appview.record["contentCid"]
    appview.cid = Record.from_dict(appview.record).cid()
    appview.answer()
    with pytest.raises(NetworkError, match="vouch"):
        appview.load()


def test_blobs_that_nobody_has_counted_have_no_length(appview: AppView) -> None:
    for member in ("shards", "contentCid"):
        del appview.record[member]
    blob = {
        "$type": "blob",
        "ref": {"$link": appview.info.cid},
        "mimeType": "application/x-tar",
        "size": appview.info.size,
    }
    appview.record["storage"] = {"$type": f"{Record.NSID}#blobStorage", "blobs": [blob]}
    appview.cid = Record.from_dict(appview.record).cid()
    appview.answer()
    ds = AppViewClient(appview.web.url).to_dataset("@lab.example/numbers", Number)
    with pytest.raises(RandomAccessError, match="number of samples is not known"):
        len(ds)
    assert [sample.value for sample in ds] == [0, 1, 2]


def test_what_is_not_known_there(appview: AppView) -> None:
    # The test's server says no more than the status; an AppView also names the error.
    for method in ("getSchema", "getDataset"):
        appview.web.xrpc(f"{BASE}.{method}", 404)
        with pytest.raises((NetworkError, EntryNotFound, SchemaNotFound)):
            appview.load()


def test_searching_goes_from_page_to_page(appview: AppView) -> None:
    client = AppViewClient(appview.web.url)
    assert len(list(client.search("numbers", tags=["a", "b"], license="MIT"))) == 3
    assert "tags=a&tags=b" in appview.web.asked[0]
    assert len(list(client.search(limit=1))) == 1


def test_answers_that_break_their_lexicon(appview: AppView) -> None:
    appview.web.xrpc(f"{BASE}.searchDatasets", {"datasets": [{"name": 5}]})
    with pytest.raises(NetworkError, match="breaks its lexicon"):
        list(AppViewClient(appview.web.url).search())


def test_an_appview_must_be_named() -> None:
    with pytest.raises(UrlError, match="no AppView"):
        AppViewClient()

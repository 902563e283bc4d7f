"""The AppView shows what the earlier implementation publishes, and proxies its blobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import atdata
from appview.content import DID, rev
from appview.running import AppView, as_process, in_thread, wait_until
from atdata.appview.database.takedowns import find_subject
from atdata.appview.database.writing import drop_older, put_records, restore, take_down
from atdata.appview.events import Write
from atdata.atmosphere import AtmosphereClient
from atdata_records import cid, dag_cbor
from atdata_records.data import read_data
from servers.atproto_pds import Pds

from . import assert_equal, records, shards
from .kinds import readings

pytestmark = pytest.mark.xdist_group("pds")
BLOB = {"$type": "blob", "ref": {"$link": cid.of_bytes(b"x")}, "mimeType": "*/*", "size": 1}


@pytest.fixture
def service(pds_env: Pds, published: AtmosphereClient, tmp_path: Path) -> Iterator[AppView]:
    """A service that reads the account's history from its server."""
    with as_process(tmp_path / "appview", "--pds", pds_env.url) as appview:
        wait_until(lambda: len(found(appview, published)) == 3 and schemas(appview, published))
        yield appview


@pytest.fixture
def appview(tmp_path: Path) -> Iterator[AppView]:
    with in_thread(tmp_path / "appview") as service:
        service.follow(DID)
        yield service


def heard(rkey: str, value: dict[str, Any]) -> Write:
    """A record as a stream has it."""
    packed = dag_cbor.encode(read_data(value, 0))
    return Write(value["$type"], rkey, cid.of_cbor(packed), packed)


def put(appview: AppView, rkey: str, value: dict[str, Any]) -> str:
    with appview.database.write() as tx:
        put_records(tx, DID, rev(5), [heard(rkey, value)])
    return f"at://{DID}/{value['$type']}/{rkey}"


def found(appview: AppView, client: AtmosphereClient) -> list[dict[str, Any]]:
    answer = appview.query("searchDatasets", author=client.did)
    return answer.json()["datasets"] if answer.status_code == 200 else []


def schemas(appview: AppView, client: AtmosphereClient) -> list[dict[str, Any]]:
    return appview.query("listSchemas", author=client.did).json()["schemas"]


def test_datasets_and_schemas_are_shown(service: AppView, published: AtmosphereClient) -> None:
    views = {view["name"]: view for view in found(service, published)}
    assert {name: view["storage"] for name, view in views.items()} == {
        "as blobs": "blobs",
        "by url": "urls",
        "by key": "urls",
    }
    uri = views["by url"]["uri"]
    assert published.get_record(uri)["name"] == "by url"  # the record's own address
    answer = service.query("getDataset", uri=uri).json()
    assert (answer["dataset"]["license"], answer["dataset"]["tags"]) == ("CC0-1.0", ["earlier"])
    ref = answer["dataset"]["schemaRef"]
    schema = service.query("getSchema", uri=ref).json()
    assert (schema["schema"]["name"], schema["schema"]["version"]) == ("Reading", "1.2.0")
    assert [one["uri"] for one in schemas(service, published)] == [ref]
    named = service.query("searchDatasets", q="by url", author=published.did)
    (same,) = named.json()["datasets"]
    assert same["uri"] == uri


def test_pages_say_what_is_unverified(service: AppView, published: AtmosphereClient) -> None:
    for view in found(service, published):
        _, _, did, collection, rkey = view["uri"].split("/")
        own = collection == "ac.foundation.dataset.record"
        key = rkey if own else f"{collection}!{rkey}"
        page = service.get(f"/dataset/{did}/{quote(key)}")
        assert page.status_code == 200
        said = "contains no digests of its shards" in page.text
        assert said == (view["name"] != "as blobs")
        assert "Reading" in page.text


def test_blobs_are_proxied_and_checked(
    service: AppView, published: AtmosphereClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (view,) = [view for view in found(service, published) if view["name"] == "as blobs"]
    (shard,) = shards(folder, "readings")
    assert service.get(view["wds"].removeprefix(service.url)).content == Path(shard).read_bytes()
    monkeypatch.setenv("ATDATA_APPVIEW_URL", service.url)
    for name in ("as blobs", "best"):
        dataset = atdata.load_dataset(f"@{published.handle}/{name}", split="train")
        assert all(url.startswith(service.url) for url in dataset.list_shards())
        for sample, expected in zip(dataset, readings(), strict=True):
            assert_equal(vars(sample), expected)
    (unverified,) = [view for view in found(service, published) if view["name"] == "by url"]
    answer = service.query("resolveShards", uri=unverified["uri"]).json()
    assert answer["shards"][0].keys() == {"url", "source"}
    passed_on = service.get(answer["shards"][0]["url"].removeprefix(service.url))
    assert passed_on.status_code == 307  # to where the record says, not proxied


def test_records_of_a_stream_are_the_same_as_those_of_a_listing(
    folder: Path, appview: AppView
) -> None:
    for number, one in enumerate(records(folder, DID, BLOB)):
        if not one["collection"].endswith("label"):
            write = heard(f"3k{number}", one["value"])
            listed = Write(write.collection, f"3l{number}", write.cid, one["value"])
            with appview.database.write() as tx:
                put_records(tx, DID, rev(number), [write, listed])
    assert appview.database.read("SELECT * FROM refused") == []
    rows = appview.database.read("SELECT rkey, value FROM datasets ORDER BY rkey")
    assert len(rows) == 6
    assert len({row["value"] for row in rows}) == 3


def test_equal_keys_of_two_collections_are_two_records(appview: AppView) -> None:
    entry, own = "science.alt.dataset.entry", "ac.foundation.dataset.record"
    value = {
        "name": "theirs",
        "schemaRef": f"at://{DID}/science.alt.dataset.schema/3k",
        "storage": {
            "$type": "science.alt.dataset.storageExternal",
            "urls": ["https://x.org/0.tar"],
        },
        "createdAt": "2026-01-02T03:04:05Z",
    }
    theirs = put(appview, "3k", {"$type": entry, **value})
    storage = {"$type": f"{own}#urlStorage", "urls": ["https://x.org/0.tar"]}
    ours = put(appview, "3k", {"$type": own, **value, "name": "ours", "storage": storage})
    names = {uri: appview.query("getDataset", uri=uri).json() for uri in (theirs, ours)}
    assert [one["dataset"]["name"] for one in names.values()] == ["theirs", "ours"]
    assert find_subject(appview.database, theirs) == theirs
    with appview.database.write() as tx:
        take_down(tx, theirs, "for a test")
    assert appview.query("getDataset", uri=theirs).status_code == 404
    assert appview.query("getDataset", uri=ours).status_code == 200
    with appview.database.write() as tx:
        restore(tx, theirs)
        put_records(tx, DID, rev(10**6), [Write(own, "3k")])
    assert appview.query("getDataset", uri=ours).status_code == 404
    assert appview.query("getDataset", uri=theirs).status_code == 200
    with appview.database.write() as tx:
        drop_older(tx, DID, rev(10**6))
    assert appview.query("getDataset", uri=theirs).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"storage": None},
        {"storage": {"$type": "science.alt.dataset.storageBlobs", "blobs": [5]}},
        {"storage": {"$type": "science.alt.dataset.storageHttp", "shards": [{"url": 5}]}},
        {"name": 5},
        {"schemaRef": "nowhere"},
    ],
)
def test_what_can_not_be_read_is_refused_with_its_reason(
    appview: AppView, changes: dict[str, Any]
) -> None:
    value = {"$type": "science.alt.dataset.entry", "name": "x", "createdAt": "2026-01-02T03:04:05Z"}
    value["schemaRef"] = f"at://{DID}/science.alt.dataset.schema/3k"
    uri = put(appview, "3k", {**value, **changes})
    assert appview.query("getDataset", uri=uri).status_code == 404
    (row,) = appview.database.read("SELECT * FROM refused")
    assert (row["collection"], row["rkey"]) == ("science.alt.dataset.entry", "3k")
    assert "$." in row["issues"]

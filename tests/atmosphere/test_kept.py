"""A published dataset that was read once is there offline, with all its proofs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.atmosphere.kept import LIFETIME
from atdata.errors import DigestMismatch, NetworkError, RecordError
from atdata.samples.schema import record_cid, to_record
from atdata.shards.info import content_cid
from atdata.shards.writer import cut_shards
from atdata_records import cid as cids
from atdata_records.ac.foundation.dataset.record import Record
from readings import Reading, labels, readings

from .web import Web, web_server

NOW = "2026-01-02T03:04:05.678Z"
SCHEMA = to_record(Reading, "1.0.0", created_at=NOW)


def publish(web: Web, folder: Path, *, rkey: str = "readings", with_manifest: bool = False) -> str:
    """A dataset in blobs of a repository, and its reference."""
    web.document()
    shards = list(cut_shards(iter(readings(20)), folder, maxcount=10))
    blobs = {info.cid: path.read_bytes() for path, info in shards}
    rows = [{"cid": info.cid, "size": info.size, "samples": info.samples} for _, info in shards]
    manifest = json.dumps(rows).encode()
    record: dict[str, Any] = {
        "$type": Record.NSID,
        "name": "readings",
        "schemaRef": f"at://{web.did}/ac.foundation.dataset.sampleSchema/Reading:1.0.0",
        "schemaCid": record_cid(SCHEMA),
        "storage": {
            "$type": f"{Record.NSID}#blobStorage",
            "blobs": [blob(info.cid, info.size) for _, info in shards],
        },
        "contentCid": content_cid(record_cid(SCHEMA), [info for _, info in shards]),
        "createdAt": NOW,
    }
    if with_manifest:
        blobs[cids.of_bytes(manifest)] = manifest
        record["manifest"] = blob(cids.of_bytes(manifest), len(manifest), "application/json")
    else:
        record["shards"] = rows

    def stored(query: dict[str, str]) -> dict[str, Any] | int:
        uri = f"at://{query['repo']}/{query['collection']}/{query['rkey']}"
        if query["collection"] == Record.NSID:
            return {"uri": uri, "cid": Record.from_dict(record).cid(), "value": record}
        return {"uri": uri, "cid": SCHEMA.cid(), "value": SCHEMA.to_dict()}

    web.xrpc("com.atproto.repo.getRecord", stored)
    web.xrpc("com.atproto.sync.getBlob", lambda query: blobs[query["cid"]])
    return f"@{web.did}/readings"


def blob(cid: str, size: int, kind: str = "application/x-tar") -> dict[str, Any]:
    return {"$type": "blob", "ref": {"$link": cid}, "mimeType": kind, "size": size}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own, empty."""
    monkeypatch.setenv("ATDATA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=[False, True], ids=["in the record", "in a manifest"])
def read_once(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A dataset that was read once; its server is gone, and the user is offline."""
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    with web_server() as web:
        ref = publish(web, tmp_path, with_manifest=request.param)
        assert labels(atdata.load_dataset(ref, split="train")) == list(range(20))
    monkeypatch.setenv("ATDATA_OFFLINE", "1")
    return ref


def test_it_is_loaded_offline(read_once: str) -> None:
    ds = atdata.load_dataset(read_once, split="train")
    assert labels(ds) == list(range(20))
    assert len(ds) == 20
    assert labels(atdata.load_dataset(read_once, Reading, split="train")) == list(range(20))


def test_others_are_not(read_once: str) -> None:
    with pytest.raises(NetworkError, match="ATDATA_OFFLINE"):
        atdata.load_dataset(read_once + "-2", split="train")
    with pytest.raises(NetworkError, match="ATDATA_OFFLINE"):
        atdata.load_dataset("@other.example/readings", split="train")


def test_answers_are_used_for_thirty_days(read_once: str, cache: Path) -> None:
    for age, is_used in ((LIFETIME - 3600, True), (LIFETIME + 1, False)):
        for path in (cache / ".answers").iterdir():
            os.utime(path, (time.time() - age,) * 2)
        if is_used:
            atdata.load_dataset(read_once, split="train")
        else:
            with pytest.raises(NetworkError, match="ATDATA_OFFLINE"):
                atdata.load_dataset(read_once, split="train")


def test_a_record_that_was_changed_is_not_believed(read_once: str, cache: Path) -> None:
    for path in (cache / ".answers").iterdir():
        path.write_bytes(path.read_bytes().replace(b'"samples": 10', b'"samples": 11'))
    with pytest.raises((RecordError, DigestMismatch)):
        atdata.load_dataset(read_once, split="train")


def test_damage_is_as_if_nothing_was_there(read_once: str, cache: Path) -> None:
    for damage in (b"", b"{", b"[]", b'{"x": 1}'):
        for path in (cache / ".answers").iterdir():
            path.write_bytes(damage)
        with pytest.raises(NetworkError):
            atdata.load_dataset(read_once, split="train")


def test_online_the_server_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    with web_server() as web:
        ref = publish(web, tmp_path)
        atdata.load_dataset(ref, split="train")
        web.asked.clear()
        atdata.load_dataset(ref, split="train")
        assert any("getRecord" in asked for asked in web.asked)

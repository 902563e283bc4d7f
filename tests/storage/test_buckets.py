from __future__ import annotations

import pickle

import pytest

from atdata.sources import URLSource
from atdata.storage import gs, s3_access
from atdata.storage.buckets import known_buckets, remember_buckets
from atdata.storage.gs import GCSAccess
from atdata.storage.s3_access import S3Access

S3 = S3Access("http://127.0.0.1:1", "id", "secret")
GS = GCSAccess("http://127.0.0.1:1", {"type": "service_account", "private_key": "secret"})


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (s3_access, gs):
        monkeypatch.setattr(module, "_known", {})


def test_only_what_the_urls_name_is_told() -> None:
    buckets = [("gs", "b", GS), ("s3", "b", S3)]
    remember_buckets([*buckets, ("s3", "other", S3)])
    urls = ["s3://b/k.tar", "s3://b/l.tar", "s3://unknown/k.tar", "gs://b/k", "https://b/k", "b/k"]
    assert known_buckets(urls) == buckets
    assert known_buckets([]) == known_buckets(["/b/k.tar"]) == []


def test_a_source_brings_along_how_its_buckets_are_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remember_buckets([("s3", "b-1", S3), ("gs", "b", GS)])
    sent = pickle.dumps(URLSource(["s3://b-{1..2}/k.tar", "gs://b/k.tar", "/local.tar"]))
    for module in (s3_access, gs):
        monkeypatch.setattr(module, "_known", {})
    source = pickle.loads(sent)
    assert source.list_shards() == [
        "s3://b-1/k.tar",
        "s3://b-2/k.tar",
        "gs://b/k.tar",
        "/local.tar",
    ]
    assert s3_access.access_for("b-1") == S3
    assert s3_access.remembered("b-2") is None
    assert gs.access_for("b") == GS
    assert "_buckets" not in vars(source)

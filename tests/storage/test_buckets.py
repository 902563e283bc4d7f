from __future__ import annotations

import pickle

import pytest

from atdata.sources import URLSource
from atdata.storage import buckets
from atdata.storage.buckets import find_bucket, known_buckets, named_buckets, remember
from atdata.storage.gcs import GCSAccess, GCSBucket
from atdata.storage.s3 import S3Access, S3Bucket

S3 = S3Access("http://127.0.0.1:1", "id", "secret")
OTHER = S3Access("http://127.0.0.1:2", "id", "secret")
GS = GCSAccess("http://127.0.0.1:1", {"type": "service_account", "private_key": "secret"})


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_known", {})


def test_a_bucket_that_is_given_comes_before_one_that_is_known() -> None:
    remember(S3Bucket("b", S3))
    given = known_buckets([S3Bucket("b", OTHER)])
    assert find_bucket(S3Bucket, "b").access == S3
    assert find_bucket(S3Bucket, "b", given=given).access == OTHER
    assert find_bucket(GCSBucket, "b", given=given).access == GCSAccess()


def test_a_prefix_is_not_a_part_of_how_a_bucket_is_reached() -> None:
    given = known_buckets([S3Bucket("b", S3, "a/prefix/")])
    assert find_bucket(S3Bucket, "b", given=given) == S3Bucket("b", S3)


def test_urls_name_buckets() -> None:
    urls = ["s3://b/k.tar", "s3://b/l.tar", "gs://b/k"]
    assert named_buckets(urls) == {("s3", "b"), ("gs", "b")}


def test_a_source_takes_along_how_its_own_buckets_are_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for bucket in (S3Bucket("b-1", S3), GCSBucket("b", GS), S3Bucket("other", S3)):
        remember(bucket)
    given = [S3Bucket("b-1", OTHER)]
    sent = pickle.dumps(
        URLSource(["s3://b-{1..2}/k.tar", "gs://b/k.tar", "/local.tar"], buckets=given)
    )
    monkeypatch.setattr(buckets, "_known", {})
    source = pickle.loads(sent)
    assert source.list_shards() == [
        "s3://b-1/k.tar",
        "s3://b-2/k.tar",
        "gs://b/k.tar",
        "/local.tar",
    ]
    assert source._buckets == {
        ("s3", "b-1"): S3Bucket("b-1", OTHER),
        ("gs", "b"): GCSBucket("b", GS),
    }
    assert buckets._known == {}


def test_a_source_keeps_the_buckets_that_were_known_when_it_was_made() -> None:
    remember(S3Bucket("b", S3))
    source = URLSource("s3://b/k.tar")
    remember(S3Bucket("b", OTHER))
    assert find_bucket(S3Bucket, "b", given=source._buckets).access == S3

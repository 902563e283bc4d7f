from __future__ import annotations

from typing import Any

import pytest

from atdata._protocols import DataSource
from atdata.errors import NetworkError, ShardNotFound, StorageError, UrlError
from atdata.sources import S3Source, open_url
from atdata.sources.s3 import S3Access, access_for, open_s3, remember_bucket, split_url
from servers.s3 import S3Server

CONTENT = b"content" * 100_000


@pytest.fixture
def access(s3_server: S3Server) -> S3Access:
    return S3Access(s3_server.endpoint, s3_server.access_key, s3_server.secret_key)


@pytest.fixture
def bucket(s3_bucket: str, access: S3Access) -> str:
    for i in range(3):
        access.client().put_object(Bucket=s3_bucket, Key=f"d/{i}.tar", Body=CONTENT + b"%d" % i)
    return s3_bucket


def test_a_source_reads_its_keys(bucket: str, s3_server: S3Server) -> None:
    source = S3Source(
        bucket,
        ["d/0.tar", "d/2.tar"],
        endpoint=s3_server.endpoint,
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
    )
    assert isinstance(source, DataSource)
    assert source.shard_list == [f"s3://{bucket}/d/0.tar", f"s3://{bucket}/d/2.tar"]
    contents = []
    for _, stream in source.shards():
        with stream:
            contents.append(stream.read())
    assert contents == [CONTENT + b"0", CONTENT + b"2"]
    with pytest.raises(ShardNotFound):
        source.open_shard(f"s3://{bucket}/d/1.tar")


def test_from_urls_and_from_credentials(
    bucket: str, s3_server: S3Server, s3_credentials: dict[str, str]
) -> None:
    by_url = S3Source.from_urls(
        f"s3://{bucket}/d/{{0..2}}.tar",
        endpoint=s3_server.endpoint,
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
    )
    keys = ["d/0.tar", "d/1.tar", "d/2.tar"]
    by_key = S3Source.from_credentials(s3_credentials, bucket, keys)
    assert by_url.keys == by_key.keys == keys
    for source in (by_url, by_key):
        with source.open_shard(f"s3://{bucket}/d/1.tar") as stream:
            assert stream.read() == CONTENT + b"1"


def test_a_bucket_that_is_remembered_opens_by_url(bucket: str, access: S3Access) -> None:
    remember_bucket(bucket, access)
    assert access_for(bucket) == access
    with open_url(f"s3://{bucket}/d/0.tar", untrusted=True) as stream:
        assert stream.read(7) == b"content"


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
def test_the_aws_environment_is_honoured(
    bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, s3_server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    monkeypatch.setenv("AWS_REGION", name.lower().replace("_", "-"))
    with open_s3(f"s3://{bucket}/d/0.tar") as stream:
        assert stream.read() == CONTENT + b"0"


@pytest.mark.parametrize(
    ("key", "changes", "message"),
    [
        ("d/none.tar", {}, "NoSuchKey"),
        ("d/0.tar", {"secret_key": "wrong-secret"}, "SignatureDoesNotMatch"),
        ("d/0.tar", {"access_key": "wrong-id"}, "InvalidAccessKeyId"),
    ],
)
def test_refusals_are_told_apart_without_secrets(
    bucket: str, access: S3Access, key: str, changes: dict[str, Any], message: str
) -> None:
    given = {
        "endpoint": access.endpoint,
        "access_key": access.access_key,
        "secret_key": access.secret_key,
        **changes,
    }
    with pytest.raises(StorageError, match=message) as caught:
        open_s3(f"s3://{bucket}/{key}", S3Access(**given))
    assert caught.value.hint
    assert caught.value.uri == f"s3://{bucket}/{key}"
    for secret in (access.secret_key, "wrong-secret"):
        assert str(secret) not in str(caught.value)


def test_a_bucket_that_is_not_there(access: S3Access) -> None:
    with pytest.raises(StorageError, match="NoSuchBucket"):
        open_s3("s3://no-such-bucket-here/k", access)


def test_a_server_that_is_not_there_is_a_network_error() -> None:
    access = S3Access("http://127.0.0.1:9", "id", "secret")
    with pytest.raises(NetworkError, match="can't be reached"):
        open_s3("s3://bucket/key", access)


@pytest.mark.parametrize("access", [S3Access("not a url"), S3Access("http://h", region="a b")])
def test_an_endpoint_or_region_without_form(access: S3Access) -> None:
    with pytest.raises(UrlError, match="endpoint or region"):
        open_s3("s3://bucket/key", access)


def test_no_credentials(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StorageError, match="NoCredentialsError") as caught:
        open_s3("s3://bucket/key", S3Access(s3_server.endpoint, region="nowhere"))
    assert "AWS_ACCESS_KEY_ID" in str(caught.value)


@pytest.mark.parametrize("url", ["s3://", "s3://bucket", "s3://bucket/", "s3:///key", "http://b/k"])
def test_urls_of_objects(url: str) -> None:
    with pytest.raises(UrlError, match="s3://bucket/key"):
        split_url(url)


def test_one_source_one_bucket() -> None:
    with pytest.raises(UrlError, match="2 buckets: a, b"):
        S3Source.from_urls(["s3://a/x", "s3://b/x"])
    with pytest.raises(UrlError, match="0 buckets"):
        S3Source.from_urls([])


def test_no_secret_is_shown() -> None:
    source = S3Source("b", ["k"], "http://user:the-password@h", "the-key-id", "the-secret")
    for text in (repr(source), repr(source._access), str(source._access)):
        assert "the-secret" not in text
        assert "the-key-id" not in text
        assert "the-password" not in text
        assert "http://h" in text


def test_a_client_is_made_once() -> None:
    one, other = S3Access("http://h:1", "a", "b"), S3Access("http://h:1", "a", "b")
    assert one.client() is other.client()
    assert one.client() is not S3Access("http://h:2", "a", "b").client()

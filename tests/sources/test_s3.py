from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from atdata._protocols import DataSource
from atdata.errors import NetworkError, ShardNotFound, StorageError, UrlError
from atdata.shards.expected import ExpectedShard
from atdata.sources import S3Source, open_url
from atdata.sources.adapt import AdaptedSource
from atdata.storage.buckets import find_bucket, remember, split_bucket
from atdata.storage.objects import StoredObject
from atdata.storage.resume import Opened
from atdata.storage.s3 import S3Access, S3Bucket
from atdata_records import cid
from servers.proxy import Proxy, proxy_to
from servers.s3 import S3Server

CONTENT = b"content" * 100_000


@pytest.fixture
def access(s3_server: S3Server) -> S3Access:
    return S3Access.from_credentials(s3_server.credentials)


@pytest.fixture
def bucket(s3_bucket: str, access: S3Access) -> str:
    for i in range(3):
        access.client().put_object(Bucket=s3_bucket, Key=f"d/{i}.tar", Body=CONTENT + b"%d" % i)
    return s3_bucket


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[Proxy]:
    with proxy_to(s3_server.endpoint) as proxy:
        yield proxy


def stored(url: str, access: S3Access | None = None) -> StoredObject:
    name, key = split_bucket(url, "s3")
    return StoredObject(S3Bucket(name, access) if access else find_bucket(S3Bucket, name), key)


def open_range(url: str, *, access: S3Access, **part: Any) -> Opened:
    return stored(url, access).ask(**part)


class TestSource:
    def test_a_source_reads_its_keys(self, bucket: str, s3_server: S3Server) -> None:
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
        self, bucket: str, s3_server: S3Server, s3_credentials: dict[str, str]
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

    def test_a_session_token_is_taken_in_each_way(self) -> None:
        token = {"session_token": "the-token"}
        lent = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        for source in (
            S3Source("b", ["k"], None, "a", "b", **token),
            S3Source.from_urls("s3://b/k", access_key="a", secret_key="b", **token),
            S3Source.from_credentials(lent | {"AWS_SESSION_TOKEN": "the-token"}, "b", ["k"]),
        ):
            assert source._access == S3Access(None, "a", "b", None, "the-token")
            assert "the-token" not in repr(source)

    def test_shards_come_by_way_of_the_cache(self, bucket: str, proxy: Proxy) -> None:
        source = S3Source(bucket, ["d/0.tar", "d/1.tar"], proxy.url, "minioadmin", "minioadmin")
        name = f"s3://{bucket}/d/1.tar"
        assert AdaptedSource(source).is_remote
        for _ in range(2):
            path = source.fetch(name)
            assert path is not None
            assert path.read_bytes() == CONTENT + b"1"
        seen = proxy.seen
        expected = ExpectedShard(cid.of_bytes(CONTENT + b"1"))
        assert source.fetch(name, expected=expected) == path
        assert proxy.seen == seen
        with pytest.raises(ShardNotFound):
            source.fetch(f"s3://{bucket}/d/2.tar")

    def test_one_source_one_bucket(self) -> None:
        with pytest.raises(UrlError, match="2 buckets: a, b"):
            S3Source.from_urls(["s3://a/x", "s3://b/x"])
        with pytest.raises(UrlError, match="0 buckets"):
            S3Source.from_urls([])

    def test_no_secret_is_shown(self) -> None:
        source = S3Source("b", ["k"], "http://user:the-password@h", "the-key-id", "the-secret")
        for text in (repr(source), repr(source._access), str(source._access)):
            assert "the-secret" not in text
            assert "the-key-id" not in text
            assert "the-password" not in text
            assert "http://h" in text


class TestRanges:
    @pytest.mark.parametrize(
        ("start", "stop", "wanted"),
        [
            (0, None, CONTENT + b"0"),
            (0, 7, b"content"),
            (7, 10, b"con"),
            (700_000, None, b"0"),
            (699_999, 800_000, b"t0"),
        ],
    )
    def test_parts_of_an_object(
        self, bucket: str, access: S3Access, start: int, stop: int | None, wanted: bytes
    ) -> None:
        opened = open_range(f"s3://{bucket}/d/0.tar", start=start, stop=stop, access=access)
        with opened.stream as stream:
            assert stream.read() == wanted
        assert (opened.start, opened.size) == (start, 700_001)
        assert opened.tag

    def test_parts_of_one_state_fit_together(self, bucket: str, access: S3Access) -> None:
        url = f"s3://{bucket}/d/0.tar"
        first = open_range(url, stop=10, access=access)
        with first.stream, open_range(url, start=10, tag=first.tag, access=access).stream as rest:
            assert first.stream.read() + rest.read() == CONTENT + b"0"

    def test_an_object_that_is_replaced_meanwhile(self, bucket: str, access: S3Access) -> None:
        url = f"s3://{bucket}/d/0.tar"
        with open_range(url, stop=10, access=access).stream:
            tag = open_range(url, stop=10, access=access).tag
        access.client().put_object(Bucket=bucket, Key="d/0.tar", Body=CONTENT + b"9")
        with pytest.raises(StorageError, match="PreconditionFailed") as caught:
            open_range(url, start=10, tag=tag, access=access)
        assert "was replaced" in str(caught.value.hint)

    def test_a_part_after_the_end(self, bucket: str, access: S3Access) -> None:
        with pytest.raises(StorageError, match="InvalidRange"):
            open_range(f"s3://{bucket}/d/0.tar", start=800_000, access=access)

    def test_the_start_of_an_empty_object_is_nothing(self, bucket: str, access: S3Access) -> None:
        access.client().put_object(Bucket=bucket, Key="empty", Body=b"")
        opened = open_range(f"s3://{bucket}/empty", stop=100, access=access)
        with opened.stream as stream:
            assert (opened.start, opened.size, stream.read()) == (0, 0, b"")

    def test_an_object_that_is_not_there(self, bucket: str, access: S3Access) -> None:
        with pytest.raises(StorageError, match="NoSuchKey") as caught:
            open_range(f"s3://{bucket}/none", access=access)
        assert caught.value.uri == f"s3://{bucket}/none"

    def test_a_connection_that_is_cut_is_not_taken_for_the_end(
        self, bucket: str, s3_server: S3Server, proxy: Proxy
    ) -> None:
        through = S3Access(proxy.url, s3_server.access_key, s3_server.secret_key)
        proxy.cut_after = [300_000]
        with (
            open_range(f"s3://{bucket}/d/0.tar", access=through).stream as stream,
            pytest.raises(NetworkError, match="broke") as caught,
        ):
            stream.read()
        assert caught.value.transient


class TestOpening:
    def test_a_stream_goes_on_where_the_connection_was_cut(
        self, bucket: str, s3_server: S3Server, proxy: Proxy
    ) -> None:
        through = S3Access(proxy.url, s3_server.access_key, s3_server.secret_key)
        proxy.cut_after = [300_000, 100_000]
        with stored(f"s3://{bucket}/d/0.tar", through).open() as stream:
            assert stream.read() == CONTENT + b"0"
        assert proxy.connections == 3
        assert proxy.seen < 2 * len(CONTENT)

    def test_a_stream_never_joins_two_states_of_an_object(
        self, bucket: str, access: S3Access, s3_server: S3Server, proxy: Proxy
    ) -> None:
        through = S3Access(proxy.url, s3_server.access_key, s3_server.secret_key)
        proxy.cut_after = [300_000]
        with stored(f"s3://{bucket}/d/0.tar", through).open() as stream:
            stream.read(7)
            access.client().put_object(Bucket=bucket, Key="d/0.tar", Body=CONTENT + b"9")
            with pytest.raises(StorageError, match="PreconditionFailed"):
                stream.read()

    def test_a_bucket_that_is_remembered_opens_by_url(self, bucket: str, access: S3Access) -> None:
        remember(S3Bucket(bucket, access))
        with open_url(f"s3://{bucket}/d/0.tar", untrusted=True) as stream:
            assert stream.read(7) == b"content"

    @pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
    def test_the_aws_environment_is_honoured(
        self, bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(name, s3_server.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
        monkeypatch.setenv("AWS_REGION", name.lower().replace("_", "-"))
        with stored(f"s3://{bucket}/d/0.tar").open() as stream:
            assert stream.read() == CONTENT + b"0"

    def test_a_presigned_url_that_has_expired(
        self, bucket: str, access: S3Access, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = access.client().generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": "d/0.tar"}, ExpiresIn=1
        )
        with open_url(url) as stream:
            assert stream.read() == CONTENT + b"0"
        time.sleep(2)
        with pytest.raises(NetworkError, match="403") as caught:
            open_url(url)
        assert "expired" in str(caught.value.hint)
        assert "Signature" not in str(caught.value)

    @pytest.mark.parametrize(
        "url", ["s3://", "s3://bucket", "s3://bucket/", "s3:///key", "http://b/k"]
    )
    def test_urls_of_objects(self, url: str) -> None:
        with pytest.raises(UrlError, match="s3://bucket/key"):
            split_bucket(url, "s3")

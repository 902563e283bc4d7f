"""One file as one object, against a real server and what can go wrong on the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.shards.info import ShardInfo
from atdata.storage.s3 import S3Access
from atdata.storage.s3_upload import Upload, part_length
from atdata.stores import S3DataStore
from atdata_records import cid
from servers.proxy import Proxy, proxy_to
from servers.refusing import Refusal, refusing_proxy
from servers.s3 import S3Server

OPTIONS = {"ContentType": "application/x-tar", "Metadata": {"sha256": "ab"}}
SIZES = [0, 1, 8 << 20, (8 << 20) + 1, 20_000_000]


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[Proxy]:
    with proxy_to(s3_server.endpoint) as proxy:
        yield proxy


def file_of(size: int, folder: Path) -> Path:
    path = folder / f"{size}.bin"
    path.write_bytes((b"GOODBYTE" * (size // 8 + 1))[:size])
    return path


def upload(server: S3Server, bucket: str, url: str | None = None, **changes: Any) -> Upload:
    access = S3Access(url or server.endpoint, server.access_key, server.secret_key)
    return Upload(access.client(), bucket, "k", OPTIONS, **changes)


def unfinished(server: S3Server, bucket: str) -> list[Any]:
    """Uploads in parts of which the server still holds some."""
    return list(server.client().list_multipart_uploads(Bucket=bucket).get("Uploads", []))


def keys(server: S3Server, bucket: str) -> list[str]:
    rows = server.client().list_objects_v2(Bucket=bucket).get("Contents", [])
    return [row["Key"] for row in rows]


@pytest.mark.parametrize("size", SIZES)
def test_an_uploaded_file_is_stored_with_its_type_and_digest(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path, size: int
) -> None:
    path = file_of(size, tmp_path)
    upload(s3_server, s3_bucket).send(path)
    there = s3_server.client().get_object(Bucket=s3_bucket, Key="k")
    assert there["Body"].read() == path.read_bytes()
    assert (there["ContentType"], there["Metadata"]) == ("application/x-tar", {"sha256": "ab"})
    assert unfinished(s3_server, s3_bucket) == []


@pytest.mark.parametrize("size", [100, 20_000_000])
def test_an_object_that_is_there_stays(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path, size: int
) -> None:
    s3_server.client().put_object(Bucket=s3_bucket, Key="k", Body=b"first")
    with pytest.raises(Exception, match="PreconditionFailed"):
        upload(s3_server, s3_bucket).send(file_of(size, tmp_path))
    assert s3_server.client().get_object(Bucket=s3_bucket, Key="k")["Body"].read() == b"first"
    assert unfinished(s3_server, s3_bucket) == []
    upload(s3_server, s3_bucket, condition={}).send(file_of(size, tmp_path))
    assert s3_server.client().head_object(Bucket=s3_bucket, Key="k")["ContentLength"] == size


@pytest.mark.parametrize("size", [100, 20_000_000])
def test_what_is_damaged_on_the_way_is_refused(
    s3_server: S3Server, s3_bucket: str, proxy: Proxy, tmp_path: Path, size: int
) -> None:
    proxy.spoil = lambda data: data.replace(b"GOODBYTE", b"BADBYTES")
    with pytest.raises(Exception, match="BadDigest"):
        upload(s3_server, s3_bucket, proxy.url).send(file_of(size, tmp_path))
    assert keys(s3_server, s3_bucket) == []
    assert unfinished(s3_server, s3_bucket) == []


@pytest.mark.parametrize("which", ["partNumber=2", "uploadId"])
def test_parts_of_an_upload_that_fails_are_taken_away(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path, which: str
) -> None:
    method = "PUT" if which.startswith("part") else "POST"
    with refusing_proxy(s3_server.endpoint) as proxy:
        proxy.refuse = lambda asked, path, headers: (
            Refusal(403, "AccessDenied") if asked == method and which in path else None
        )
        with pytest.raises(Exception, match="AccessDenied"):
            upload(s3_server, s3_bucket, proxy.url).send(file_of(20_000_000, tmp_path))
        assert proxy.asked[-1].startswith("DELETE ")
    assert keys(s3_server, s3_bucket) == []
    assert unfinished(s3_server, s3_bucket) == []


def test_what_went_wrong_raises_even_if_parts_stay(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path
) -> None:
    with refusing_proxy(s3_server.endpoint) as proxy:
        proxy.refuse = lambda asked, path, headers: (
            Refusal(403, "AccessDenied") if asked in ("PUT", "DELETE") else None
        )
        with pytest.raises(Exception, match="UploadPart"):
            upload(s3_server, s3_bucket, proxy.url).send(file_of(20_000_000, tmp_path))


def test_a_part_is_sent_again_after_a_transient_error(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path
) -> None:
    path = file_of(20_000_000, tmp_path)
    with refusing_proxy(s3_server.endpoint) as proxy:
        refused: list[str] = []

        def once(method: str, path: str, headers: Any) -> Refusal | None:
            if "partNumber=3" not in path or refused:
                return None
            refused.append(path)
            return Refusal(503, "SlowDown")

        proxy.refuse = once
        upload(s3_server, s3_bucket, proxy.url).send(path)
        assert refused
    there = s3_server.client().get_object(Bucket=s3_bucket, Key="k")["Body"].read()
    assert there == path.read_bytes()


@given(size=st.integers(1, 5 << 40))
def test_there_are_never_more_parts_than_s3_takes(size: int) -> None:
    length = part_length(size)
    assert length >= 5 << 20
    assert (size - 1) // length + 1 <= 10_000


def test_parts_that_a_killed_process_left_go_with_the_next_upload_of_the_key(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path
) -> None:
    client = s3_server.client()
    for key in ("k", "k2"):
        started = client.create_multipart_upload(Bucket=s3_bucket, Key=key)["UploadId"]
        client.upload_part(
            Bucket=s3_bucket, Key=key, UploadId=started, PartNumber=1, Body=bytes(5 << 20)
        )
    upload(s3_server, s3_bucket).send(file_of(20_000_000, tmp_path))
    assert [left["Key"] for left in unfinished(s3_server, s3_bucket)] == ["k2"]


def test_without_the_right_to_list_uploads_a_shard_is_stored_all_the_same(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path
) -> None:
    with refusing_proxy(s3_server.endpoint) as proxy:
        proxy.refuse = lambda asked, path, headers: (
            Refusal(403, "AccessDenied") if asked == "GET" and "uploads" in path else None
        )
        upload(s3_server, s3_bucket, proxy.url).send(file_of(20_000_000, tmp_path))
    assert keys(s3_server, s3_bucket) == ["k"]


def test_a_writer_that_was_overtaken_finds_the_shard(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path
) -> None:
    info = ShardInfo(cid.from_digest(bytes(32)), 20_000_000, 1)
    path = file_of(info.size, tmp_path)
    overtaken: list[str] = []
    with refusing_proxy(s3_server.endpoint) as proxy:

        def overtake(method: str, asked: str, headers: Any) -> Refusal | None:
            if "partNumber=2" in asked and not overtaken:
                overtaken.append(asked)
                S3DataStore(s3_server.credentials, bucket=s3_bucket).put(path, "k", info)
            return None

        proxy.refuse = overtake
        slow = S3DataStore({**s3_server.credentials, "AWS_ENDPOINT": proxy.url}, bucket=s3_bucket)
        assert slow.put(path, "k", info) == f"s3://{s3_bucket}/k"
    assert overtaken
    assert unfinished(s3_server, s3_bucket) == []

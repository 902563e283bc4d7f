"""The S3 store, against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

import atdata
from atdata.errors import NetworkError, StorageError, UrlError
from atdata.shards.manifest import inspect_shard
from atdata.shards.writer import ShardWriter
from atdata.stores import S3DataStore
from atdata_records import cid
from servers.s3 import S3Server

from .conftest import Number, numbers

MakeDataset = Callable[[int], atdata.Dataset[Number]]


@pytest.fixture
def store(s3_credentials: dict[str, str], s3_bucket: str) -> S3DataStore:
    return S3DataStore(s3_credentials, bucket=s3_bucket)


def test_what_is_written_is_read_in_this_process(
    store: S3DataStore, make_dataset: MakeDataset
) -> None:
    urls = store.write_shards(make_dataset(25), prefix="numbers", maxcount=10)
    assert urls[0].startswith(f"s3://{store.bucket}/numbers/000000-")
    assert list(atdata.Dataset[Number](list(urls)).ordered()) == numbers(25)


def test_what_is_written_is_read_in_another_process_from_the_environment(
    store: S3DataStore, make_dataset: MakeDataset, s3_credentials: dict[str, str]
) -> None:
    (url,) = store.write_shards(make_dataset(5), prefix="p")
    child = f"import atdata; print(len(list(atdata.Dataset[atdata.DictSample]({url!r}).ordered())))"
    done = subprocess.run(
        [sys.executable, "-c", child],
        env=os.environ | s3_credentials,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "5"


def test_an_object_says_what_it_is(
    store: S3DataStore, make_dataset: MakeDataset, s3_server: S3Server
) -> None:
    urls = store.write_shards(make_dataset(5), prefix="p")
    head = s3_server.client().head_object(
        Bucket=store.bucket, Key=urls[0].removeprefix(f"s3://{store.bucket}/")
    )
    assert head["ContentType"] == "application/x-tar"
    assert head["ContentLength"] == urls.shards[0].size
    assert head["Metadata"]["sha256"] == cid.digest(urls.shards[0].cid).hex()


def test_a_second_run_uploads_nothing(
    store: S3DataStore, make_dataset: MakeDataset, s3_server: S3Server
) -> None:
    client = s3_server.client()
    (url,) = store.write_shards(make_dataset(5), prefix="p")
    key = url.removeprefix(f"s3://{store.bucket}/")
    # A mark that an upload would take away.
    head = client.head_object(Bucket=store.bucket, Key=key)
    client.put_object(
        Bucket=store.bucket,
        Key=key,
        Body=client.get_object(Bucket=store.bucket, Key=key)["Body"].read(),
        ContentType="application/x-marked",
        Metadata=head["Metadata"],
    )
    assert store.write_shards(make_dataset(5), prefix="p") == [url]
    marked = client.head_object(Bucket=store.bucket, Key=key)
    assert marked["ContentType"] == "application/x-marked"


def test_an_object_with_other_bytes_is_written_anew(
    store: S3DataStore, make_dataset: MakeDataset, s3_server: S3Server
) -> None:
    (url,) = store.write_shards(make_dataset(5), prefix="p")
    key = url.removeprefix(f"s3://{store.bucket}/")
    s3_server.client().put_object(Bucket=store.bucket, Key=key, Body=b"damaged")
    assert store.write_shards(make_dataset(5), prefix="p") == [url]
    assert list(atdata.Dataset[Number](url).ordered()) == numbers(5)


def test_a_shard_that_is_uploaded_in_parts(store: S3DataStore, tmp_path: Path) -> None:
    large = Number(value=0, text="x" * 20_000_000)
    with ShardWriter(tmp_path / "large.tar") as writer:
        writer.write("large", large.packed)
    ds = atdata.Dataset[Number](str(tmp_path / "large.tar"))
    urls = store.write_shards(ds, prefix="large")
    assert store.write_shards(ds, prefix="large") == urls
    assert list(atdata.Dataset[Number](urls[0]).ordered()) == [large]


def test_copies_are_byte_for_byte(
    store: S3DataStore, make_dataset: MakeDataset, s3_server: S3Server
) -> None:
    source = make_dataset(5).source
    copied = store.copy_shards(source, prefix="copy")
    key = copied[0].removeprefix(f"s3://{store.bucket}/")
    body = s3_server.client().get_object(Bucket=store.bucket, Key=key)["Body"].read()
    assert body == Path(source.list_shards()[0]).read_bytes()
    again = store.copy_shards(
        atdata.Dataset[Number](copied[0]).source, prefix="again", infos=copied.shards
    )
    assert again.shards == copied.shards


def test_a_presigned_url_needs_no_credentials(
    store: S3DataStore, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    urls = store.write_shards(make_dataset(5), prefix="p")
    path = tmp_path / "fetched.tar"
    with urllib.request.urlopen(store.read_url(urls[0]), timeout=20) as answer:
        path.write_bytes(answer.read())
    assert inspect_shard(path) == urls.shards[0]


@pytest.mark.parametrize("url", ["s3://another/key.tar", "/a/path.tar", "https://example.org/x"])
def test_only_urls_of_the_bucket_are_signed(store: S3DataStore, url: str) -> None:
    with pytest.raises(UrlError):
        store.read_url(url)


def test_credentials_from_an_env_file(
    s3_credentials: dict[str, str], s3_bucket: str, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    path = tmp_path / "creds.env"
    path.write_text("".join(f"export {name}='{value}'\n" for name, value in s3_credentials.items()))
    store = S3DataStore(credentials=str(path), bucket=s3_bucket)
    (url,) = store.write_shards(make_dataset(2), prefix="p")
    assert list(atdata.Dataset[Number](url).ordered()) == numbers(2)


def test_credentials_from_the_environment(
    s3_credentials: dict[str, str],
    s3_bucket: str,
    make_dataset: MakeDataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in s3_credentials.items():
        monkeypatch.setenv(name, value)
    (url,) = S3DataStore(bucket=s3_bucket).write_shards(make_dataset(2), prefix="p")
    assert list(atdata.Dataset[Number](url).ordered()) == numbers(2)


def test_no_secret_is_shown(store: S3DataStore, s3_server: S3Server) -> None:
    assert s3_server.secret_key not in repr(store)
    assert s3_server.access_key not in repr(store)


class TestRefusals:
    def test_a_bucket_that_is_missing(
        self, s3_credentials: dict[str, str], make_dataset: MakeDataset
    ) -> None:
        store = S3DataStore(s3_credentials, bucket="no-such-bucket")
        with pytest.raises(StorageError, match="NoSuchBucket") as caught:
            store.write_shards(make_dataset(1), prefix="p")
        assert "bucket" in str(caught.value.hint)

    def test_a_wrong_secret(
        self, s3_credentials: dict[str, str], s3_bucket: str, make_dataset: MakeDataset
    ) -> None:
        wrong = s3_credentials | {"AWS_SECRET_ACCESS_KEY": "wrong-secret-of-mine"}
        store = S3DataStore(wrong, bucket=s3_bucket)
        with pytest.raises(StorageError, match="SignatureDoesNotMatch") as caught:
            store.write_shards(make_dataset(1), prefix="p")
        assert "AWS_SECRET_ACCESS_KEY" in str(caught.value.hint)
        assert "wrong-secret-of-mine" not in str(caught.value)

    def test_a_server_that_is_not_there(
        self, s3_credentials: dict[str, str], make_dataset: MakeDataset
    ) -> None:
        store = S3DataStore(s3_credentials | {"AWS_ENDPOINT": "http://127.0.0.1:9"}, bucket="b")
        with pytest.raises(NetworkError):
            store.write_shards(make_dataset(1), prefix="p")

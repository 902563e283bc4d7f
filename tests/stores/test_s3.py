"""The S3 store, against a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import atdata
from atdata.errors import NetworkError, StorageError, UrlError
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.shards.writer import ShardWriter
from atdata.stores import S3DataStore
from atdata_records import cid
from servers.proxy import proxy_to
from servers.refusing import Refusal, refusing_proxy
from servers.s3 import S3Server
from storage.test_s3_upload import unfinished

from .conftest import Number, numbers

MakeDataset = Callable[[int], atdata.Dataset[Number]]


@pytest.fixture
def shard(tmp_path: Path) -> tuple[Path, ShardInfo]:
    """A shard, and what is known of it."""
    return write_shard(tmp_path / "shard.tar", 100)


@pytest.fixture
def large_shard(tmp_path: Path) -> tuple[Path, ShardInfo]:
    """One that is uploaded in three parts."""
    return write_shard(tmp_path / "large.tar", 20_000_000)


def write_shard(path: Path, size: int) -> tuple[Path, ShardInfo]:
    with ShardWriter(path) as writer:
        writer.write("large", Number(value=0, text="x" * size).packed)
    return path, writer.info


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


def test_urls_of_another_bucket_are_signed_with_the_same_credentials(
    store: S3DataStore, s3_server: S3Server
) -> None:
    bucket = s3_server.new_bucket()
    s3_server.client().put_object(Bucket=bucket, Key="a/b.tar", Body=b"other")
    with urllib.request.urlopen(store.read_url(f"s3://{bucket}/a/b.tar"), timeout=20) as answer:
        assert answer.read() == b"other"


@pytest.mark.parametrize("url", ["s3://another/", "/a/path.tar", "https://example.org/x"])
def test_only_urls_of_objects_in_s3_are_signed(store: S3DataStore, url: str) -> None:
    with pytest.raises(UrlError):
        store.read_url(url)


def test_nothing_is_written_offline(
    store: S3DataStore, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_OFFLINE", "1")
    with pytest.raises(NetworkError, match="ATDATA_OFFLINE"):
        store.write_shards(make_dataset(1), prefix="p")


def test_a_url_is_known_before_the_shard_is_there(
    store: S3DataStore, make_dataset: MakeDataset
) -> None:
    expected = store.write_shards(make_dataset(5), prefix="p", dry_run=True)
    assert store.write_shards(make_dataset(5), prefix="p") == expected


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


def content(store: S3DataStore, key: str, server: S3Server) -> bytes:
    body = server.client().get_object(Bucket=store.bucket, Key=key)["Body"]
    return bytes(body.read())


class TestWhatIsThereAlready:
    KEY = "p/shard.tar"

    def test_other_bytes_are_never_overwritten(
        self, store: S3DataStore, shard: tuple[Path, ShardInfo], s3_server: S3Server
    ) -> None:
        path, info = shard
        for other in (b"other bytes", b"x" * info.size):
            s3_server.client().put_object(Bucket=store.bucket, Key=self.KEY, Body=other)
            with pytest.raises(StorageError, match="other bytes") as caught:
                store.put(path, self.KEY, info)
            assert caught.value.uri == f"s3://{store.bucket}/{self.KEY}"
            assert "remove it" in str(caught.value.hint)
            assert content(store, self.KEY, s3_server) == other

    def test_the_same_bytes_from_elsewhere_are_taken(
        self, store: S3DataStore, shard: tuple[Path, ShardInfo], s3_server: S3Server
    ) -> None:
        path, info = shard
        s3_server.client().put_object(Bucket=store.bucket, Key=self.KEY, Body=path.read_bytes())
        before = s3_server.client().head_object(Bucket=store.bucket, Key=self.KEY)
        assert store.put(path, self.KEY, info) == f"s3://{store.bucket}/{self.KEY}"
        after = s3_server.client().head_object(Bucket=store.bucket, Key=self.KEY)
        assert after["LastModified"] == before["LastModified"]

    @pytest.mark.parametrize("size", [100, 20_000_000])
    def test_a_later_writer_finds_the_shard_and_continues(
        self,
        s3_server: S3Server,
        s3_bucket: str,
        tmp_path: Path,
        size: int,
    ) -> None:
        path, info = write_shard(tmp_path / "s.tar", size)
        S3DataStore(s3_server.credentials, bucket=s3_bucket).put(path, self.KEY, info)
        with refusing_proxy(s3_server.endpoint) as proxy:
            later = S3DataStore(
                s3_server.credentials | {"AWS_ENDPOINT": proxy.url}, bucket=s3_bucket
            )
            # It was not there yet when the later one looked.
            proxy.next_answers(Refusal(404, "NoSuchKey"))
            assert later.put(path, self.KEY, info) == f"s3://{s3_bucket}/{self.KEY}"
            assert proxy.asked[-1].startswith("HEAD ")
        assert unfinished(s3_server, s3_bucket) == []

    def test_a_later_writer_with_other_bytes_raises(
        self, s3_server: S3Server, s3_bucket: str, shard: tuple[Path, ShardInfo]
    ) -> None:
        s3_server.client().put_object(Bucket=s3_bucket, Key=self.KEY, Body=b"other bytes")
        with refusing_proxy(s3_server.endpoint) as proxy:
            later = S3DataStore(
                s3_server.credentials | {"AWS_ENDPOINT": proxy.url}, bucket=s3_bucket
            )
            proxy.next_answers(Refusal(404, "NoSuchKey"))
            with pytest.raises(StorageError, match="other bytes"):
                later.put(shard[0], self.KEY, shard[1])
        assert s3_server.client().get_object(Bucket=s3_bucket, Key=self.KEY)["Body"].read() == (
            b"other bytes"
        )

    def test_two_writers_at_once_both_succeed(
        self, s3_server: S3Server, s3_bucket: str, large_shard: tuple[Path, ShardInfo]
    ) -> None:
        path, info = large_shard
        start = threading.Barrier(2)

        def write(_: int) -> str:
            store = S3DataStore(s3_server.credentials, bucket=s3_bucket)
            start.wait()
            return store.put(path, self.KEY, info)

        with ThreadPoolExecutor(2) as pool:
            urls = list(pool.map(write, range(2)))
        assert urls == [f"s3://{s3_bucket}/{self.KEY}"] * 2
        store = S3DataStore(s3_server.credentials, bucket=s3_bucket)
        assert content(store, self.KEY, s3_server) == path.read_bytes()
        assert unfinished(s3_server, s3_bucket) == []

    @pytest.mark.parametrize("size", [100, 20_000_000])
    def test_a_server_without_conditional_writes_is_asked_first(
        self, s3_server: S3Server, s3_bucket: str, tmp_path: Path, size: int
    ) -> None:
        path, info = write_shard(tmp_path / "s.tar", size)
        with refusing_proxy(s3_server.endpoint) as proxy:
            proxy.refuse = lambda method, path, headers: (
                Refusal(501, "NotImplemented") if "If-None-Match" in headers else None
            )
            store = S3DataStore(
                s3_server.credentials | {"AWS_ENDPOINT": proxy.url}, bucket=s3_bucket
            )
            for key in ("p/a.tar", "p/b.tar"):
                store.put(path, key, info)
                assert content(store, key, s3_server) == path.read_bytes()
            asked = len(proxy.asked)
            store.put(path, "p/a.tar", info)
            assert [line.split()[0] for line in proxy.asked[asked:]] == ["HEAD"]
        assert unfinished(s3_server, s3_bucket) == []

    def test_after_a_conflict_it_looks_and_tries_again(
        self, s3_server: S3Server, s3_bucket: str, shard: tuple[Path, ShardInfo]
    ) -> None:
        with refusing_proxy(s3_server.endpoint) as proxy:
            proxy.next_answers(None, Refusal(409, "ConditionalRequestConflict"))
            store = S3DataStore(
                s3_server.credentials | {"AWS_ENDPOINT": proxy.url}, bucket=s3_bucket
            )
            store.put(shard[0], self.KEY, shard[1])
            asked = [line.split()[0] for line in proxy.asked]
            assert asked == ["HEAD", "PUT", "HEAD", "PUT"]
        assert content(store, self.KEY, s3_server) == shard[0].read_bytes()

    def test_an_object_that_comes_and_goes(
        self, s3_server: S3Server, s3_bucket: str, shard: tuple[Path, ShardInfo]
    ) -> None:
        with refusing_proxy(s3_server.endpoint) as proxy:
            proxy.refuse = lambda method, path, headers: (
                Refusal(404, "NoSuchKey") if method == "HEAD" else Refusal(412, "Precondition")
            )
            store = S3DataStore(
                s3_server.credentials | {"AWS_ENDPOINT": proxy.url}, bucket=s3_bucket
            )
            with pytest.raises(StorageError, match="keep changing"):
                store.put(shard[0], self.KEY, shard[1])


class TestKilled:
    CHILD = """
import sys
from pathlib import Path
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.stores import S3DataStore
path = Path(sys.argv[1])
print(S3DataStore(bucket=sys.argv[2]).put(path, "p/shard.tar", inspect_shard(path)))
"""

    def test_half_an_upload_is_no_object_and_a_second_run_completes_it(
        self, s3_server: S3Server, s3_bucket: str, tmp_path: Path
    ) -> None:
        path, info = write_shard(tmp_path / "s.tar", 40_000_000)
        with proxy_to(s3_server.endpoint) as proxy:
            proxy.spoil = slowly
            child = subprocess.Popen(
                [sys.executable, "-c", self.CHILD, str(path), s3_bucket],
                env=os.environ | s3_server.credentials | {"AWS_ENDPOINT": proxy.url},
            )
            while proxy.sent < 10_000_000:
                assert child.poll() is None
                time.sleep(0.01)
            child.kill()
            assert child.wait() == -signal.SIGKILL
            assert proxy.sent < info.size
        assert "Contents" not in s3_server.client().list_objects_v2(Bucket=s3_bucket)
        store = S3DataStore(s3_server.credentials, bucket=s3_bucket)
        store.put(path, "p/shard.tar", info)
        assert content(store, "p/shard.tar", s3_server) == path.read_bytes()


def slowly(data: bytes) -> bytes:
    time.sleep(0.002)
    return data


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

    def test_credentials_that_may_only_read(
        self, s3_server: S3Server, s3_bucket: str, make_dataset: MakeDataset
    ) -> None:
        store = S3DataStore(s3_server.reader_credentials, bucket=s3_bucket)
        with pytest.raises(StorageError, match="AccessDenied"):
            store.write_shards(make_dataset(1), prefix="p")

    def test_credentials_that_may_not_look(
        self, s3_server: S3Server, s3_bucket: str, shard: tuple[Path, ShardInfo]
    ) -> None:
        with refusing_proxy(s3_server.endpoint) as proxy:
            proxy.refuse = lambda method, path, headers: (
                Refusal(403, "AccessDenied") if method == "HEAD" else None
            )
            store = S3DataStore(
                s3_server.credentials | {"AWS_ENDPOINT": proxy.url}, bucket=s3_bucket
            )
            store.put(shard[0], "p/shard.tar", shard[1])
            # It can't be known whether what is there is the shard.
            with pytest.raises(StorageError, match="403"):
                store.put(shard[0], "p/shard.tar", shard[1])

    def test_a_server_that_is_not_there(
        self, s3_credentials: dict[str, str], make_dataset: MakeDataset
    ) -> None:
        store = S3DataStore(s3_credentials | {"AWS_ENDPOINT": "http://127.0.0.1:9"}, bucket="b")
        with pytest.raises(NetworkError):
            store.write_shards(make_dataset(1), prefix="p")

"""Google Cloud Storage, read from a server that speaks its API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from atdata.errors import NetworkError, StorageError, UrlError
from atdata.sources import URLSource, open_url
from atdata.storage.buckets import find_bucket, remember, split_bucket
from atdata.storage.gcs import GCSAccess, GCSBucket
from atdata.storage.resume import Opened
from servers.gcs import GcsServer
from servers.proxy import Proxy, proxy_to
from servers.refusing import Refusal, Refusing, refusing_proxy

CONTENT = b"content" * 100_000
KEY = "a folder/d#1?.tar"


def open_range(url: str, *, access: GCSAccess | None = None, **part: Any) -> Opened:
    name, key = split_bucket(url, "gs")
    bucket = GCSBucket(name, access) if access else find_bucket(GCSBucket, name)
    return bucket.open_range(key, **part)


@pytest.fixture
def url(gcs_server: GcsServer, gcs_bucket: str) -> str:
    """An object whose key needs care in a URL."""
    gcs_server.put(gcs_bucket, KEY, CONTENT)
    return f"gs://{gcs_bucket}/{KEY}"


@pytest.fixture
def proxy(gcs_server: GcsServer) -> Iterator[Proxy]:
    with proxy_to(gcs_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def refusing(gcs_server: GcsServer) -> Iterator[Refusing]:
    with refusing_proxy(gcs_server.endpoint) as proxy:
        yield proxy


class TestRanges:
    @pytest.mark.parametrize(
        ("start", "stop", "wanted"),
        [
            (0, None, CONTENT),
            (0, 7, b"content"),
            (7, 10, b"con"),
            (699_999, None, b"t"),
            (699_998, 800_000, b"nt"),
        ],
    )
    def test_parts_of_an_object(
        self, url: str, start: int, stop: int | None, wanted: bytes
    ) -> None:
        opened = open_range(url, start=start, stop=stop)
        with opened.stream as stream:
            assert stream.read() == wanted
        assert (opened.start, opened.size) == (start, 700_000)
        assert opened.tag

    def test_each_part_is_one_request(self, url: str, refusing: Refusing) -> None:
        with open_range(url, start=5, access=GCSAccess(refusing.url)).stream as stream:
            assert stream.read() == CONTENT[5:]
        assert len(refusing.asked) == 1

    def test_parts_of_one_state_fit_together(self, url: str) -> None:
        first = open_range(url, stop=10)
        with first.stream, open_range(url, start=10, tag=first.tag).stream as rest:
            assert first.stream.read() + rest.read() == CONTENT

    def test_an_object_that_is_replaced_meanwhile(
        self, url: str, gcs_server: GcsServer, gcs_bucket: str
    ) -> None:
        first = open_range(url, stop=10)
        first.stream.close()
        gcs_server.put(gcs_bucket, KEY, CONTENT + b"9")
        with pytest.raises(StorageError, match="was replaced"):
            open_range(url, start=10, tag=first.tag)

    def test_a_part_after_the_end(self, url: str) -> None:
        with pytest.raises(StorageError, match="416"):
            open_range(url, start=800_000)

    def test_the_start_of_an_empty_object_is_nothing(
        self, gcs_server: GcsServer, gcs_bucket: str
    ) -> None:
        gcs_server.put(gcs_bucket, "empty", b"")
        opened = open_range(f"gs://{gcs_bucket}/empty", stop=100)
        with opened.stream as stream:
            assert (opened.start, opened.size, stream.read()) == (0, 0, b"")

    def test_a_stream_that_is_left_early(self, url: str) -> None:
        with open_range(url).stream as stream:
            assert stream.read(7) == b"content"
        with open_range(url).stream as stream:
            assert stream.read() == CONTENT


class TestOpening:
    def test_a_stream_goes_on_where_the_connection_was_cut(
        self, url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        proxy.cut_after = [300_000, 100_000]
        with open_url(url) as stream:
            assert stream.read() == CONTENT
        assert proxy.connections == 3
        assert proxy.seen < 2 * len(CONTENT)

    def test_urls_open_by_the_environment(self, url: str) -> None:
        with open_url(url) as stream:
            assert stream.read() == CONTENT

    def test_an_emulator_may_be_named_without_a_scheme(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "localhost:4443")
        assert (
            find_bucket(GCSBucket, "a-bucket-without-a-store").access.endpoint
            == "http://localhost:4443"
        )
        monkeypatch.delenv("STORAGE_EMULATOR_HOST")
        assert find_bucket(GCSBucket, "a-bucket-without-a-store").access == GCSAccess()

    def test_a_bucket_that_is_remembered_opens_by_url(
        self, url: str, gcs_server: GcsServer, gcs_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
        remember(GCSBucket(gcs_bucket, GCSAccess(gcs_server.endpoint)))
        with open_url(url) as stream:
            assert stream.read(7) == b"content"

    def test_a_source_with_braces(self, gcs_server: GcsServer, gcs_bucket: str) -> None:
        for i in range(3):
            gcs_server.put(gcs_bucket, f"d/{i}.tar", b"%d" % i)
        source = URLSource(f"gs://{gcs_bucket}/d/{{0..2}}.tar")
        assert [stream.read() for _, stream in source.shards()] == [b"0", b"1", b"2"]

    @pytest.mark.parametrize("url", ["gs://", "gs://bucket", "gs://bucket/", "gs:///k", "s3://b/k"])
    def test_urls_of_objects(self, url: str) -> None:
        with pytest.raises(UrlError, match="gs://bucket/key"):
            split_bucket(url, "gs")


def test_a_shard_comes_by_way_of_the_cache(
    gcs_server: GcsServer, gcs_bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(20_000_000)
    gcs_server.put(gcs_bucket, "large.tar", content)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
    proxy.cut_after = [1_000_000]
    source = URLSource(f"gs://{gcs_bucket}/large.tar")
    for _ in range(2):
        path = source.fetch(source.url)
        assert path is not None
        assert path.read_bytes() == content
    assert proxy.seen < 40_000_000


class TestRefusals:
    @pytest.mark.parametrize("name", ["none", "../../o", "a b#c?d"])
    def test_an_object_that_is_not_there(self, gcs_bucket: str, name: str) -> None:
        with pytest.raises(StorageError, match="404") as caught:
            open_range(f"gs://{gcs_bucket}/{name}")
        assert "key" in str(caught.value.hint)
        assert caught.value.uri == f"gs://{gcs_bucket}/{name}"

    def test_a_bucket_that_is_not_there(self, gcs_bucket: str) -> None:
        with pytest.raises(StorageError, match="404"):
            open_range("gs://no-such-bucket/k")

    @pytest.mark.parametrize(
        ("status", "hint"), [(401, "gcloud auth"), (403, "a role on the bucket")]
    )
    def test_those_who_may_not(self, refusing: Refusing, status: int, hint: str) -> None:
        refusing.next_answers(Refusal(status, "no"))
        with pytest.raises(StorageError, match=str(status)) as caught:
            open_range("gs://b/k", access=GCSAccess(refusing.url))
        assert hint in str(caught.value.hint)

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_what_may_pass_says_so(self, refusing: Refusing, status: int) -> None:
        refusing.next_answers(Refusal(status, "no", {"Retry-After": "7"}))
        with pytest.raises(NetworkError, match=str(status)) as caught:
            open_range("gs://b/k", access=GCSAccess(refusing.url))
        assert (caught.value.transient, caught.value.status) == (True, status)
        assert caught.value.retry_after == 7

    def test_a_server_that_is_not_there(self) -> None:
        with pytest.raises(NetworkError, match="can't be reached") as caught:
            open_range("gs://b/k", access=GCSAccess("http://127.0.0.1:9"))
        assert caught.value.transient

    def test_a_connection_that_is_cut_is_not_taken_for_the_end(
        self, url: str, proxy: Proxy
    ) -> None:
        proxy.cut_after = [300_000]
        with (
            open_range(url, access=GCSAccess(proxy.url)).stream as stream,
            pytest.raises(NetworkError, match="broke off") as caught,
        ):
            stream.read()
        assert caught.value.transient

    def test_credentials_that_are_none(self, tmp_path: Path) -> None:
        path = tmp_path / "account.json"
        path.write_text('{"private_key": "the-secret"}')
        for given in (str(path), {"private_key": "the-secret"}):
            with pytest.raises(StorageError, match="can't be understood") as caught:
                GCSAccess("http://127.0.0.1:9", given).session()
            assert "the-secret" not in str(caught.value)

    def test_no_secret_is_shown(self) -> None:
        access = GCSAccess("http://user:word@h", {"private_key": "the-secret"})
        assert repr(access) == "GCSAccess(endpoint='http://h')"


def test_another_process_reads_after_a_fork(url: str) -> None:
    with open_range(url).stream as stream:
        assert stream.read(7) == b"content"
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        assert pool.submit(read, url).result(timeout=30) == CONTENT


def read(url: str) -> bytes:
    with open_range(url).stream as stream:
        return stream.read()

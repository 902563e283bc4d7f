"""Shards through the proxy, from servers that do what they like."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from atdata_records import cid
from servers.process import free_ports

from ..content import dataset, shard, with_blobs, with_urls
from ..hostile_pds import HostilePDS, Request
from ..running import AppView, in_thread, wait_until

LARGE = shard(samples=8, padding=400_000)  # several pieces


def publish(
    appview: AppView, hostile_pds: HostilePDS, value: dict[str, Any], rkey: str = "set"
) -> str:
    """Put a dataset of the hostile server into the database; the path of its first shard."""
    if not appview.database.read("SELECT 1 FROM repos WHERE did = ?", (hostile_pds.did,)):
        appview.follow(hostile_pds.did, hostile_pds.url)
    appview.put(hostile_pds.did, rkey, value)
    return f"/wds/{quote(hostile_pds.did, safe=':')}/{rkey}/000000.tar"


def offered(appview: AppView, hostile_pds: HostilePDS, data: bytes, behaviour: Any = None) -> str:
    """A dataset of one blob that the hostile_pds answers for as told."""
    name = cid.of_bytes(data)
    if behaviour is None:
        hostile_pds.offer(name, data)
    else:
        hostile_pds.behaviours[name] = behaviour
    return publish(appview, hostile_pds, with_blobs("set", [data]))


def cached(appview: AppView) -> set[str]:
    names = (path.name for path in (appview.data / "shards").iterdir())
    return {name for name in names if not name.startswith(".")}


# -- what is sound


def test_a_blob_is_passed_on_and_kept(appview: AppView, hostile_pds: HostilePDS) -> None:
    data = shard()
    path = offered(appview, hostile_pds, data)
    first, second = appview.get(path), appview.get(path)
    assert first.content == second.content == data
    assert "content-length" not in first.headers
    assert second.headers["content-length"] == str(len(data))
    assert hostile_pds.asked.count(cid.of_bytes(data)) == 1
    assert cached(appview) == {cid.of_bytes(data)}
    for answer in (first, second):
        assert answer.headers["etag"] == f'"{cid.of_bytes(data)}"'
        assert "immutable" in answer.headers["cache-control"]
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_large_blob_streams_before_it_is_whole(appview: AppView, hostile_pds: HostilePDS) -> None:
    go_on = threading.Event()

    def hesitate(request: Request) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(LARGE[:-1])
        request.wfile.flush()
        go_on.wait(20)
        request.wfile.write(LARGE[-1:])

    path = offered(appview, hostile_pds, LARGE, hesitate)
    with httpx.stream("GET", appview.url + path, timeout=20) as answer:
        pieces = answer.iter_raw()
        begin = next(pieces)
        assert LARGE.startswith(begin)
        assert not any(name.startswith("bafk") for name in cached(appview))
        go_on.set()
        assert begin + b"".join(pieces) == LARGE


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=500-", 500, None),
        ("bytes=-10", -10, None),
        ("bytes=0-999999999", 0, None),
    ],
)
def test_ranges_of_what_was_verified(
    appview: AppView, hostile_pds: HostilePDS, asked: str, start: int, end: int | None
) -> None:
    data = shard()
    path = offered(appview, hostile_pds, data)
    for _ in range(2):  # first it has to be fetched, then it is there
        answer = appview.get(path, headers={"range": asked})
        assert answer.status_code == 206
        assert answer.content == data[start:end]
        assert answer.headers["content-range"].endswith(f"/{len(data)}")
    assert hostile_pds.asked.count(cid.of_bytes(data)) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"range": "bytes=99999999-"}, 416),
        ({"range": "bytes=-0"}, 416),
        ({"range": "lines=1-2"}, 200),
        ({"range": "bytes=0-1,5-6"}, 200),
        ({"range": "bytes=-"}, 200),
        ({"range": "bytes=0-9", "if-range": '"something else"'}, 200),
        ({"if-none-match": '"something else"'}, 200),
    ],
)
def test_ranges_and_conditions_that_do_not_hold(
    appview: AppView, hostile_pds: HostilePDS, headers: dict[str, str], status: int
) -> None:
    path = offered(appview, hostile_pds, shard())
    appview.get(path)
    assert appview.get(path, headers=headers).status_code == status


def test_conditions_that_hold(appview: AppView, hostile_pds: HostilePDS) -> None:
    data = shard()
    path, etag = offered(appview, hostile_pds, data), f'"{cid.of_bytes(data)}"'
    assert appview.get(path, headers={"if-none-match": f'"x", W/{etag}'}).status_code == 304
    assert hostile_pds.asked == []
    answer = appview.get(path, headers={"range": "bytes=1-3", "if-range": etag})
    assert answer.content == data[1:4]


def test_head_promises_a_length_only_of_what_was_verified(
    appview: AppView, hostile_pds: HostilePDS
) -> None:
    data = shard()
    path = offered(appview, hostile_pds, data)
    before = httpx.head(appview.url + path)
    assert before.headers["etag"] == f'"{cid.of_bytes(data)}"'
    assert "content-length" not in before.headers
    assert hostile_pds.asked == []
    appview.get(path)
    assert httpx.head(appview.url + path).headers["content-length"] == str(len(data))


def test_many_who_want_a_blob_make_it_be_fetched_once(
    appview: AppView, hostile_pds: HostilePDS
) -> None:
    path = offered(
        appview, hostile_pds, LARGE, lambda request: request.trickle(LARGE, 0.001, 2**16)
    )
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: appview.get(path).content, range(12)))
    assert all(answer == LARGE for answer in answers)
    assert hostile_pds.asked.count(cid.of_bytes(LARGE)) == 1


def test_shards_at_urls_are_checked_too(appview: AppView, hostile_pds: HostilePDS) -> None:
    shards = [shard(1), shard(2)]
    for number, data in enumerate(shards):
        hostile_pds.offer(f"/data-{number}.tar", data)
    value = with_urls("set", [f"{hostile_pds.url}/data-{{0..1}}.tar"], shards)
    path = publish(appview, hostile_pds, value)
    assert appview.get(path).content == shards[0]
    assert appview.get(path.replace("000000", "000001")).content == shards[1]
    hostile_pds.offer("/data-0.tar", shard(5))
    assert appview.get(path).content == shards[0]
    value = with_urls("other", [f"{hostile_pds.url}/data-0.tar"], [shard(7)])
    answer = appview.get(publish(appview, hostile_pds, value, "other"))
    assert (answer.status_code, answer.json()["error"]) == (502, "DigestMismatch")


def test_shards_without_digests_are_not_passed_on(
    appview: AppView, hostile_pds: HostilePDS
) -> None:
    answer = appview.get(publish(appview, hostile_pds, dataset("set")), follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"] == "https://example.com/data-000000.tar"
    value = dataset("set", storage={**dataset("x")["storage"], "urls": ["s3://bucket/a.tar"]})
    answer = appview.get(publish(appview, hostile_pds, value, "s3"))
    assert (answer.status_code, answer.json()["error"]) == (501, "NotProxied")


# -- what is not there


@pytest.mark.parametrize(
    "name", ["000001.tar", "0.tar", "000000.zip", "%2e%2e", "x" * 3000, "00000000000000000000.tar"]
)
def test_names_of_no_shard(appview: AppView, hostile_pds: HostilePDS, name: str) -> None:
    path = offered(appview, hostile_pds, shard())
    assert appview.get(path.replace("000000.tar", name)).status_code == 404


def test_what_was_taken_down_is_not_served(appview: AppView, hostile_pds: HostilePDS) -> None:
    from atdata.appview.database.writing import take_down

    path = offered(appview, hostile_pds, shard())
    assert appview.get(path).status_code == 200
    with appview.database.write() as tx:
        take_down(tx, hostile_pds.did, "asked for")
    assert appview.get(path).status_code == 404


# -- servers that fail or lie


def hang_up(request: Request) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


def redirect_to_mail(request: Request) -> None:
    request.send_status(302, location=f"{request.hostile_pds.url.rpartition(':')[0]}:25/")


def redirect_to_private(request: Request) -> None:
    request.send_status(302, location="http://127.0.0.1:9/secret")


SMALL = shard()


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        (lambda request: request.send_bytes(b"x" * len(SMALL)), 502, "DigestMismatch"),
        (lambda request: request.send_bytes(SMALL + b"more"), 502, "DigestMismatch"),
        (lambda request: request.send_bytes(SMALL[:-1]), 502, "DigestMismatch"),
        (lambda request: request.send_bytes(SMALL[:-1], len(SMALL)), 502, "UpstreamUnreachable"),
        (lambda request: request.send_bytes(b""), 502, "DigestMismatch"),
        (hang_up, 502, "UpstreamUnreachable"),
        (redirect_to_private, 502, "AddressRefused"),
        (redirect_to_mail, 502, "AddressRefused"),
        (lambda request: request.send_status(404), 404, "UpstreamNotFound"),
        (lambda request: request.send_status(400), 404, "UpstreamNotFound"),
        (lambda request: request.send_status(403), 502, "UpstreamRefused"),
        (lambda request: request.send_status(500), 502, "UpstreamRefused"),
        (
            lambda request: request.send_status(302, location="gopher://x/"),
            502,
            "UpstreamUnreachable",
        ),
    ],
)
def test_faults_are_reported_and_nothing_is_kept(
    appview: AppView, hostile_pds: HostilePDS, behaviour: Any, status: int, code: str
) -> None:
    answer = appview.get(offered(appview, hostile_pds, SMALL, behaviour))
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.headers["cache-control"] == "no-store"
    assert cached(appview) == set()


def test_a_busy_server_is_left_alone_for_as_long_as_it_says(
    appview: AppView, hostile_pds: HostilePDS
) -> None:
    path = offered(
        appview, hostile_pds, SMALL, lambda request: request.send_status(429, retry_after="7")
    )
    for _ in range(3):
        answer = appview.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert len(hostile_pds.asked) == 1


def test_a_failure_is_not_for_ever(appview: AppView, hostile_pds: HostilePDS) -> None:
    path = offered(appview, hostile_pds, SMALL, hang_up)
    assert appview.get(path).status_code == 502
    hostile_pds.offer(cid.of_bytes(SMALL), SMALL)
    wait_until(lambda: appview.get(path).status_code == 200, 10)


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda request: request.send_bytes(LARGE[:-1] + b"\xff"),
        lambda request: request.send_bytes(LARGE[:-600_000]),
        lambda request: request.send_bytes(LARGE + b"x" * 5_000_000),
        lambda request: request.trickle(LARGE[:2_000_000] + b"\1" * 1_200_000, 0, 2**16),
    ],
)
def test_a_bad_tail_breaks_the_connection(
    appview: AppView, hostile_pds: HostilePDS, behaviour: Callable[[Request], None]
) -> None:
    path = offered(appview, hostile_pds, LARGE, behaviour)
    received, ended_well = bytearray(), False
    with (
        contextlib.suppress(httpx.RemoteProtocolError),
        httpx.stream("GET", appview.url + path, timeout=20) as answer,
    ):
        for piece in answer.iter_raw():
            received += piece
        # When all came at once, the first thing to tell was the mismatch.
        ended_well = answer.status_code != 502
    assert not ended_well
    assert len(received) < len(LARGE)
    wait_until(lambda: cached(appview) == set(), 5)


def test_a_server_that_is_down(appview: AppView, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("ATDATA_PDS_URL", url)
    appview.follow("did:web:down.example", url)
    appview.put("did:web:down.example", "a", with_blobs("set", [SMALL]))
    answer = appview.get("/wds/did:web:down.example/a/000000.tar")
    assert (answer.status_code, answer.json()["error"]) == (502, "UpstreamUnreachable")


def test_a_slow_server_is_given_up(
    appview: AppView, hostile_pds: HostilePDS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.proxy.upstream._GRACE_SECONDS", 0.5)
    path = offered(appview, hostile_pds, SMALL, lambda request: request.trickle(SMALL, 0.3, 100))
    began = time.monotonic()
    answer = appview.get(path)
    assert (answer.status_code, answer.json()["error"]) == (504, "UpstreamTimeout")
    assert time.monotonic() - began < 10
    assert cached(appview) == set()


def test_a_silent_server_is_given_up(
    appview: AppView, hostile_pds: HostilePDS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.appview.proxy.upstream._READ_SECONDS", 0.5)
    path = offered(appview, hostile_pds, SMALL, lambda _: time.sleep(3))
    answer = appview.get(path)
    assert (answer.status_code, answer.json()["error"]) == (504, "UpstreamTimeout")


def test_the_client_who_goes_away_ends_the_fetch(appview: AppView, hostile_pds: HostilePDS) -> None:
    path = offered(appview, hostile_pds, LARGE, lambda request: request.trickle(LARGE, 0.01, 2**14))
    with httpx.stream("GET", appview.url + path, timeout=20) as answer:
        next(answer.iter_raw())
    wait_until(lambda: hostile_pds.cut_off == [cid.of_bytes(LARGE)], 10)
    wait_until(lambda: cached(appview) == set(), 5)


def test_the_client_who_goes_before_the_first_byte_ends_the_fetch_too(
    appview: AppView, hostile_pds: HostilePDS
) -> None:
    path = offered(appview, hostile_pds, SMALL, lambda request: request.trickle(SMALL, 0.2, 64))
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(appview.url + path, timeout=0.5)
    wait_until(lambda: hostile_pds.cut_off == [cid.of_bytes(SMALL)], 10)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/a.tar",
        "http://[::1]:9/a.tar",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/a.tar",
        "http://0.0.0.0:9/a.tar",
        "http://[::ffff:127.0.0.1]:9/a.tar",
        "http://2130706433:9/a.tar",
        "http://example.com:25/a.tar",
    ],
)
def test_records_that_lead_to_private_addresses(
    appview: AppView, hostile_pds: HostilePDS, url: str
) -> None:
    answer = appview.get(publish(appview, hostile_pds, with_urls("set", [url], [SMALL])))
    assert answer.status_code == 502
    assert answer.json()["error"] in ("AddressRefused", "UpstreamUnreachable")
    # What is there must not be told to whoever asks.
    assert "127.0.0.1" not in answer.json()["message"]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "s3://bucket/key.tar", "pipe:id", "gs://b/k"]
)
def test_places_that_are_not_read(appview: AppView, hostile_pds: HostilePDS, url: str) -> None:
    answer = appview.get(publish(appview, hostile_pds, with_urls("set", [url], [SMALL])))
    assert (answer.status_code, answer.json()["error"]) == (501, "NotProxied")


@pytest.mark.parametrize(
    "urls",
    [["https://h/{0..99999999}.tar"], ["https://h/a.tar", "https://h/b.tar"], ["https://h/{a"]],
)
def test_records_whose_lists_do_not_fit(
    appview: AppView, hostile_pds: HostilePDS, urls: list[str]
) -> None:
    answer = appview.get(publish(appview, hostile_pds, with_urls("set", urls, [SMALL])))
    assert answer.status_code in (501, 502)


def test_shards_that_are_too_large_are_not_begun(hostile_pds: HostilePDS, tmp_path: Path) -> None:
    with in_thread(tmp_path / "small", largest_shard=1000) as appview:
        answer = appview.get(offered(appview, hostile_pds, SMALL))
        assert (answer.status_code, answer.json()["error"]) == (501, "TooLarge")
    assert hostile_pds.asked == []


def test_the_cache_stays_within_its_bounds(hostile_pds: HostilePDS, tmp_path: Path) -> None:
    shards = [shard(number) for number in range(1, 6)]
    room = len(shards[3]) + len(shards[4])
    with in_thread(tmp_path / "small", cache_bytes=room) as appview:
        for data in shards:
            hostile_pds.offer(cid.of_bytes(data), data)
        path = publish(appview, hostile_pds, with_blobs("set", shards))
        for number, data in enumerate(shards):
            assert appview.get(path.replace("000000", f"{number:06d}")).content == data
        assert cached(appview) == {cid.of_bytes(data) for data in shards[3:]}
    with in_thread(tmp_path / "small", cache_bytes=room) as appview:
        hostile_pds.asked.clear()
        assert appview.get(path.replace("000000", "000004")).content == shards[4]
        assert hostile_pds.asked == []


def test_lists_of_shards_outside_of_the_record(appview: AppView, hostile_pds: HostilePDS) -> None:
    import json

    data = shard()
    listed = with_urls("set", [f"{hostile_pds.url}/a.tar"], [data])
    manifest = json.dumps(listed.pop("shards")).encode()
    blob = {"$link": cid.of_bytes(manifest)}
    listed["manifest"] = {
        "$type": "blob",
        "ref": blob,
        "mimeType": "application/json",
        "size": len(manifest),
    }
    hostile_pds.offer(cid.of_bytes(manifest), manifest)
    hostile_pds.offer("/a.tar", data)
    assert appview.get(publish(appview, hostile_pds, listed)).content == data


def test_buckets_are_read_only_when_the_operator_opened_them(
    s3_bucket: str,
    s3_credentials: dict[str, str],
    hostile_pds: HostilePDS,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from atdata.storage.s3 import S3Access

    for name, value in s3_credentials.items():
        monkeypatch.setenv(name, value)
    data = shard()
    access = S3Access(
        endpoint=s3_credentials["AWS_ENDPOINT"],
        access_key=s3_credentials["AWS_ACCESS_KEY_ID"],
        secret_key=s3_credentials["AWS_SECRET_ACCESS_KEY"],
    )
    access.client().put_object(Bucket=s3_bucket, Key="a.tar", Body=data)
    value = with_urls("set", [f"s3://{s3_bucket}/a.tar"], [data])
    with in_thread(tmp_path / "closed") as appview:
        assert appview.get(publish(appview, hostile_pds, value)).status_code == 501
    with in_thread(tmp_path / "open", buckets=frozenset({s3_bucket})) as appview:
        assert appview.get(publish(appview, hostile_pds, value)).content == data

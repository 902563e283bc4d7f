"""Records, schemas and shards that are made to cost the AppView much more than their size."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from appview.content import DID, dataset, schema, shard, with_urls
from appview.running import AppView, as_process
from atdata.appview.web.pictures import file_pixels
from atdata.appview.web.preview import preview
from atdata_records import cid

from .measure import MEBIBYTE, MEMORY
from .server import HostileServer, Reply

BUSY = 2.0
"""Seconds of CPU time that one request may take."""


class Measured(AppView):
    """A service as a process of its own."""

    process: Any

    def cpu(self) -> float:
        """Seconds that the service and its ended children took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / 100

    def peak(self) -> int:
        """The largest resident size of the service so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) << 10


@pytest.fixture(scope="module")
def appview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppView]:
    folder = tmp_path_factory.mktemp("appview")
    with as_process(folder, ATDATA_ALLOW_PRIVATE="1") as service:
        service.follow(DID, "https://pds.example")
        shown = service.put(DID, "good", dataset("good", description="a good one"))
        assert shown
        for path in ("/", "/dataset/" + DID + "/good", "/preview/" + DID + "/good"):
            assert service.get(path).status_code == 200
        service.__class__ = Measured
        yield service


class Pulse:
    """How long a service takes to answer its health while something else is asked of it."""

    def __init__(self, appview: AppView) -> None:
        self._appview = appview
        self._ended = threading.Event()
        self.slowest = 0.0

    def beat(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self._ended.wait(0.02):
                began = time.monotonic()
                assert client.get(f"{self._appview.url}/health").status_code == 200
                self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self) -> Pulse:
        self._thread = threading.Thread(target=self.beat)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def ask(appview: Any, path: str, *, at_once: int = 1, cpu: float = BUSY) -> list[httpx.Response]:
    """Ask for a path, within the bounds of a request; the answers."""
    before, peak = appview.cpu(), appview.peak()
    with Pulse(appview) as pulse, ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(lambda _: appview.get(path), range(at_once)))
    assert appview.cpu() - before < cpu * at_once + 1.0, "CPU time, and the pulse's own"
    assert appview.peak() - peak < MEMORY * at_once, f"{(appview.peak() - peak) / MEBIBYTE} MiB"
    # The loop itself is held for less; this is as seen through HTTP on a machine of two cores
    # that runs other tests.
    assert pulse.slowest < 1.0
    return answers


def schema_page(appview: AppView, document: Any, rkey: str = "Evil:1.0.0") -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    appview.put(DID, rkey, schema(rkey.partition(":")[0], "1.0.0", text=text))
    return f"/schema/{DID}/{rkey}"


# -- schemas


def test_many_required_fields_are_not_looked_for_one_by_one(appview: AppView) -> None:
    names = [f"f{n}" for n in range(27_000)]
    document = {
        "type": "object",
        "properties": dict.fromkeys(names, True),
        "required": ["x"] * 12_000,
        "x-atdata-order": names[::-1][:100],
    }
    (answer,) = ask(appview, schema_page(appview, document))
    assert answer.status_code == 200
    assert "f13" in answer.text


@pytest.mark.parametrize(
    "document",
    [
        {"properties": {"a": {"x-atdata-type": "array", "x-atdata-shape": 5}}},
        {"properties": {"a": {"x-atdata-type": "array", "x-atdata-shape": [[1], {}, None]}}},
        {"properties": {"a": True}, "x-atdata-order": [[1], {}, 5, "a", "a"]},
        {"properties": {"a": True}, "required": [[1], {"a": 1}]},
        {"properties": {"a": {"type": ["array"], "description": 5}}},
        {"properties": {"a": {"$ref": {"$ref": []}}, "b": {"enum": 5}, "c": {"enum": [[1]]}}},
        {"properties": {"a": {"anyOf": [{"anyOf": []}] * 20}}},
        '{"properties":{"a":' + '{"items":' * 20_000 + "1" + "}" * 20_000 + "}}",
        '{"properties":{"a":' + "[" * 400 + "1," * 20_000 + "1" + "]" * 400 + "}}",
        '{"properties":{"a":' + "[" * 900 + "1," * 200_000 + "1" + "]" * 900 + "}}",
        '{"properties":{'
        + ",".join(f'"{n}":{{"enum":[{"1," * 999}1]}}' for n in range(200))
        + "}}",
    ],
    ids=range(11),
)
def test_schemas_that_no_sample_type_has_are_shown_all_the_same(
    appview: AppView, document: Any
) -> None:
    (answer,) = ask(appview, schema_page(appview, document))
    assert answer.status_code == 200
    assert len(answer.content) < 4 * MEBIBYTE


def test_a_schema_is_shown_with_its_fields_and_document(appview: AppView) -> None:
    document = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    (answer,) = ask(appview, schema_page(appview, document, "Good:1.0.0"))
    assert "<td>integer</td><td>yes</td>" in answer.text
    assert "  &#34;properties&#34;: {" in answer.text


# -- names in braces


@pytest.mark.parametrize("pattern", ["a" * 2000 + "{0..99999}.tar", "{a,b,c}" * 280, "{" * 900])
@pytest.mark.parametrize("page", ["/wds/{}/evil/000000.tar", "/dataset/{}/evil"])
def test_names_in_braces_are_not_written_out(appview: AppView, pattern: str, page: str) -> None:
    storage = {**dataset("x")["storage"], "urls": [f"https://e.example/{pattern}"]}
    appview.put(DID, "evil", dataset("evil", storage=storage))
    answers = ask(appview, page.format(DID), at_once=4, cpu=0.5)
    assert {answer.status_code for answer in answers} <= {200, 307, 501, 502}


def test_an_answer_that_would_be_too_long_is_refused(appview: AppView) -> None:
    for rkey, urls in (("many", "{0..99999}"), ("long", "a" * 1000 + "{0..9999}")):
        storage = {**dataset("x")["storage"], "urls": [f"https://e.example/{urls}.tar"]}
        uri = appview.put(DID, rkey, dataset(rkey, storage=storage))
        path = f"/xrpc/ac.foundation.dataset.resolveShards?uri={uri}"
        (answer,) = ask(appview, path)
        assert (answer.status_code, answer.json()["error"]) == (501, "TooLarge")


def test_a_dataset_of_many_shards_is_served_by_number(appview: AppView) -> None:
    storage = {**dataset("x")["storage"], "urls": ["https://e.example/{00000..99999}.tar"]}
    appview.put(DID, "large", dataset("large", storage=storage))
    path = f"{appview.url}/wds/{DID}/large/099999.tar"
    answer = httpx.get(path, follow_redirects=False)
    assert answer.headers["location"] == "https://e.example/99999.tar"
    assert "and 99,980 more" in appview.get(f"/dataset/{DID}/large").text


# -- previews


def tar_of(*payloads: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number, payload in enumerate(payloads):
            member = tarfile.TarInfo(f"{number:09d}.msgpack")
            member.size = len(payload)
            tar.addfile(member, io.BytesIO(payload))
    return buffer.getvalue()


def header(size: int) -> bytes:
    member = tarfile.TarInfo("000000000.msgpack")
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT)


def gzip_bomb() -> bytes:
    """A member of a gigabyte, in a megabyte."""
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=9) as packed:
        packed.write(header(1 << 30))
        for _ in range(1 << 10):
            packed.write(bytes(1 << 20))
    return buffer.getvalue()


def zstd_bomb() -> bytes:
    """A member of two gigabytes, in some kilobytes."""
    packer = zstandard.ZstdCompressor(level=19).compressobj()
    size = (1 << 31) - 512
    parts = [packer.compress(header(size))]
    parts += [packer.compress(bytes(1 << 24)) for _ in range(1 << 7)]
    return b"".join([*parts, packer.flush()])


def empty_maps() -> bytes:
    """Two samples of eight megabytes of empty maps, in some kilobytes."""
    count = 8_000_000
    payload = b"\x81\xa1a\xdd" + count.to_bytes(4, "big") + b"\x80" * count
    return gzip.compress(tar_of(payload, payload))


@pytest.mark.parametrize("bomb", [gzip_bomb, zstd_bomb, empty_maps])
def test_a_preview_of_a_bomb_costs_little_and_is_made_once(
    appview: Any, hostile: HostileServer, bomb: Any
) -> None:
    data = bomb()
    assert len(data) < 2 * MEBIBYTE
    hostile.serve({"/evil.tar": Reply(data)})
    appview.put(DID, "evil", with_urls("evil", [hostile.url("/evil.tar")], [data]))
    path = f"/preview/{DID}/evil?part"
    # A worker starts with a Python of its own and with NumPy, and has a second of grace.
    (answer,) = ask(appview, path, cpu=BUSY + 2.0)
    assert answer.status_code == 200
    assert "No preview" in answer.text
    again = ask(appview, path, at_once=4, cpu=0.3)
    assert {one.text for one in again} == {answer.text}
    assert hostile.seen == ["GET /evil.tar"]


def test_previews_of_pictures_are_bounded_together(appview: Any, hostile: HostileServer) -> None:
    import msgpack

    picture = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x10\x00\x10" + bytes(400_000)
    payload = msgpack.packb({f"f{n}": picture for n in range(16)})
    data = tar_of(*[payload] * 6)
    hostile.serve({"/evil.tar": Reply(data)})
    appview.put(DID, "evil", with_urls("evil", [hostile.url("/evil.tar")], [data]))
    answer = appview.get(f"/preview/{DID}/evil")
    assert 3 * MEBIBYTE < len(answer.content) < 5 * MEBIBYTE


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("data", "pixels"),
    [
        (png(40_000, 50_000), 2_000_000_000),
        (png(0, 5), None),
        (b"GIF89a" + bytes([16, 0, 1, 1]), 16 * 257),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x0b\x08\x01\x00\x00\x02", 512),
        (b"\xff\xd8\xff\xe0\x00", None),
        (b"\xff\xd8\xff" + b"\xe0\x00\x02\xff" * 9, None),
        (b"RIFF....WEBPVP8X........" + bytes([255, 0, 0, 1, 0, 0]), 512),
        (b"RIFF....WEBPVP8L....." + (255 | 1 << 14).to_bytes(4, "little"), 512),
        (b"RIFF....WEBPVP8 .........." + bytes([0, 1, 2, 64]), 512),
        (b"RIFF....WEBPVP9 ", None),
        (b"", None),
    ],
)
def test_image_files_are_measured_by_their_headers(data: bytes, pixels: int | None) -> None:
    assert file_pixels(data) == pixels


def test_image_files_that_unfold_too_far_are_not_shown(tmp_path: Path) -> None:
    import msgpack

    path = tmp_path / "shard.tar"
    files = {"bomb": png(40_000, 50_000), "junk": b"\xff\xd8\xff junk"}
    files |= {f"good{n}": png(3000, 3000) for n in range(5)}
    path.write_bytes(tar_of(msgpack.packb(files)))
    with path.open("rb") as file:
        (fields,) = preview(file, None)
    assert [field.name for field in fields if field.picture] == ["good0", "good1", "good2"]


def test_a_sound_shard_is_previewed(appview: Any, hostile: HostileServer) -> None:
    data = shard()
    hostile.serve({"/good.tar": Reply(data)})
    appview.put(DID, "good", with_urls("good", [hostile.url("/good.tar")], [data]))
    (answer,) = ask(appview, f"/preview/{DID}/good", cpu=BUSY + 2.0)
    assert answer.text.count("<dt>number</dt>") == 3
    packed = gzip.compress(data)
    hostile.serve({"/good.tar.gz": Reply(packed)})
    appview.put(DID, "packed", with_urls("packed", [hostile.url("/good.tar.gz")], [packed]))
    assert appview.get(f"/preview/{DID}/packed").text.count("<dt>number</dt>") == 3


# -- lists of shards outside of the record


@pytest.mark.parametrize(
    "text",
    [b"[" * 500_000, b"[" + b"{}," * 330_000 + b"{}]", b"[" + b"0," * 499_000 + b"0]", b"5", b"{}"],
    ids=["deep", "empty maps", "numbers", "a number", "a map"],
)
def test_a_list_of_shards_that_is_none_is_refused(
    appview: Any, hostile: HostileServer, text: bytes
) -> None:
    hostile.answer = lambda *_: Reply(text)
    with appview.database.write() as tx:
        tx.run("UPDATE repos SET pds = ?", (hostile.url(),))
    value = with_urls("evil", ["https://e.example/{0..9}.tar"], [shard()])
    del value["shards"]
    value["manifest"] = {
        "$type": "blob",
        "ref": {"$link": cid.of_bytes(text)},
        "mimeType": "application/json",
        "size": len(text),
    }
    appview.put(DID, "evil", value)
    (answer,) = ask(appview, f"/wds/{DID}/evil/000000.tar")
    assert answer.status_code in (501, 502)
    assert answer.json()["error"] in ("BadManifest", "TooLarge", "BadRecord")


# -- lists of records


def test_long_records_of_others_do_not_make_a_list_costly_or_fail(appview: Any) -> None:
    long = {
        "description": "\N{SNOWMAN}" * 3000,
        "tags": [f"{n}" + "\N{SNOWMAN}" * 60 for n in range(64)],
    }
    metadata = json.dumps({"padding": "x" * 190_000})
    for number in range(100):
        appview.put(DID, f"long{number}", dataset(f"l{number}", metadata=metadata, **long))
        text = json.dumps({"type": "object", "properties": {}, "padding": "x" * 400_000})
        appview.put(DID, f"Long:1.0.{number}", schema("Long", f"1.0.{number}", text=text))
    for name, key in (("listDatasets", "long"), ("listSchemas", "Long:1.0.")):
        seen, cursor = set(), ""
        while True:
            asked = f"/xrpc/ac.foundation.dataset.{name}?limit=100&cursor={cursor}"
            (answer,) = ask(appview, asked)
            assert answer.status_code == 200
            views = answer.json()[name.removeprefix("list").lower()]
            seen |= {view["uri"].rpartition("/")[2] for view in views}
            cursor = answer.json().get("cursor", "")
            if not cursor:
                break
        assert {f"{key}{number}" for number in range(100)} <= seen
    latest = f"/xrpc/ac.foundation.dataset.getLatestSchema?author={DID}&name=Long"
    answers = ask(appview, latest, at_once=4, cpu=0.5)
    assert {one.json()["schema"]["version"] for one in answers} == {"1.0.99"}
    (page,) = ask(appview, f"/schema/{DID}/Long:1.0.3")
    assert page.text.count('<time class="quiet"') == 100


def test_rows_of_earlier_releases_are_shown_as_well(appview: Any) -> None:
    appview.put(DID, "early", dataset("early", description="from before"))
    appview.put(DID, "Early:1.0.0", schema("Early", "1.0.0"))
    new = appview.query("searchDatasets", q="early").content
    with appview.database.write() as tx:
        tx.run("UPDATE datasets SET summary = NULL WHERE rkey = 'early'")
        tx.run("UPDATE schemas SET summary = NULL WHERE rkey = 'Early:1.0.0'")
    assert appview.query("searchDatasets", q="early").content == new
    listed = appview.query("listSchemas", name="Early").json()["schemas"]
    assert [one["version"] for one in listed] == ["1.0.0"]

"""The AppView's event loop: no record of others may hold it."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from appview.content import DID, dataset, rev, schema, with_urls, write
from atdata.appview.database.opening import open_database
from atdata.appview.database.writing import put_records
from atdata.appview.service import Settings, create_app

from .server import HostileServer, Reply

HELD = 0.1
"""Seconds of CPU time that the event loop may take before it turns to the next request."""


def at_urls(urls: list[str], **members: Any) -> dict[str, Any]:
    return dataset("evil", storage={**dataset("x")["storage"], "urls": urls}, **members)


WIDE = json.dumps({"properties": {f"f{n}": True for n in range(27_000)}, "required": ["x"] * 9000})
LONG = json.dumps({"properties": {}, "padding": "é" * 80_000})
PATTERNS = [f"https://e.example/{number}{{0..20}}{'a' * 180}.tar" for number in range(4000)]
RECORDS = {
    "a schema of many fields": schema("Evil", "1.0.0", text=WIDE),
    "a schema of long text": schema("Evil", "1.0.0", text=LONG),
    "names in braces": at_urls(["https://e.example/" + "a" * 2000 + "{0..99999}.tar"]),
    "many patterns": at_urls(PATTERNS),
    "a long record": at_urls(PATTERNS[:2000], metadata=json.dumps({"padding": "x" * 190_000})),
}


def paths(collection: str) -> list[str]:
    uri = f"at://{DID}/{collection}/Evil:1.0.0"
    if "schema" in collection.lower():
        asked = [f"getSchema?uri={uri}", "listSchemas", f"getLatestSchema?author={DID}&name=Evil"]
        pages = [f"/schema/{DID}/Evil:1.0.0"]
    else:
        asked = [f"getDataset?uri={uri}", "listDatasets", f"resolveShards?uri={uri}"]
        place = f"{DID}/Evil:1.0.0"
        pages = [f"/dataset/{place}", f"/preview/{place}", f"/wds/{place}/000000.tar", "/?q=evil"]
    return [f"/xrpc/ac.foundation.dataset.{query}" for query in asked] + pages


async def held_by(data: Path, wanted: list[str]) -> tuple[float, set[int]]:
    """The longest that the loop's thread computed at a stretch, and the statuses of the answers."""
    app = create_app(Settings(data=data, rate=0))
    longest, last = 0.0, time.thread_time()

    async def beat() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a.test") as client,
    ):
        await client.get("/")  # the first request loads what all need
        beating = asyncio.create_task(beat())
        last = time.thread_time()
        answers = await asyncio.gather(*(client.get(path, timeout=60) for path in wanted))
        beating.cancel()
    return longest, {answer.status_code for answer in answers}


@pytest.mark.parametrize("name", RECORDS)
def test_no_record_holds_the_event_loop(tmp_path: Path, name: str) -> None:
    value = RECORDS[name]
    database = open_database(tmp_path / "appview.db")
    with database.write() as tx:
        put_records(tx, DID, rev(1), [write("Evil:1.0.0", value)])
    assert database.read("SELECT * FROM refused") == []
    database.close()
    held, statuses = asyncio.run(held_by(tmp_path, paths(value["$type"])))
    assert held < HELD
    assert statuses <= {200, 307, 501, 502}


def test_no_preview_holds_the_event_loop(
    tmp_path: Path, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    data = gzip.compress(bytes(1 << 26))
    hostile.serve({"/evil.tar": Reply(data)})
    database = open_database(tmp_path / "appview.db")
    with database.write() as tx:
        value = with_urls("evil", [hostile.url("/evil.tar")], [data])
        put_records(tx, DID, rev(1), [write("evil", value)])
    database.close()
    held, statuses = asyncio.run(held_by(tmp_path, [f"/preview/{DID}/evil"]))
    assert held < HELD
    assert statuses == {200}

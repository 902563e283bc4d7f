"""Fixtures of the tests against data of the earlier implementation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from servers.web import Answer, Web

from . import VERSIONS, records, shards, unpack

if TYPE_CHECKING:  # the core is tested without what the atmosphere needs
    from atdata.atmosphere import AtmosphereClient, AtUri


@pytest.fixture(params=VERSIONS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The data of one version, unpacked: ``index.db``, ``records.json`` and ``data/``."""
    place = tmp_path / "earlier"
    place.mkdir()
    return unpack(request.param, place).parent


def put(client: AtmosphereClient, collection: str, value: dict[str, Any], rkey: str) -> AtUri:
    from atdata.atmosphere import AtUri

    body = {"repo": client.did, "collection": collection, "rkey": rkey, "record": value}
    method = "com.atproto.repo.putRecord"
    return AtUri.parse(client._active.call(method, json.dumps(body).encode())["uri"])


@pytest.fixture
def published(
    folder: Path, client: AtmosphereClient, web: Web, monkeypatch: pytest.MonkeyPatch
) -> AtmosphereClient:
    """An account with the records, whose shards are also at a web server."""
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    (shard,) = shards(folder, "readings")
    web.answers["/readings.tar"] = Answer(Path(shard).read_bytes())
    web.answers["/bucket/a/readings.tar"] = Answer(Path(shard).read_bytes())
    blob = client.upload_blob(Path(shard).read_bytes(), "application/x-tar")
    for number, record in enumerate(records(folder, client.did, blob), 1):
        text = json.dumps(record["value"])
        for host in ("earlier.example", "s3.earlier.example"):
            text = text.replace(f"https://{host}", web.url(""))
        value = json.loads(text)
        put(client, record["collection"], value, f"3k{number:011}")
    return client

"""kill -9 between any two writes of an insertion."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.local import LocalIndex, S3DataStore
from atdata.shards.info import inspect_shard
from atdata.shards.writer import cut_shards
from servers.s3 import S3Server

from .conftest import open_index
from .inserting import Reading

SAMPLES = [Reading(number=number) for number in range(5)]
PROGRAM = Path(__file__).with_name("inserting.py")


@pytest.fixture
def shard(tmp_path: Path) -> str:
    ((path, _),) = cut_shards(SAMPLES, tmp_path)
    return str(path)


def insert(place: str, shard: str, fatal: int, where: str, env: dict[str, str]) -> str | None:
    """Run the insertion; None when it was killed, else the CID that it printed."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), place, shard, str(fatal), where],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def check_no_half(index: LocalIndex) -> None:
    """There is no entry yet, and what schema there is is whole."""
    assert index.list_datasets() == []
    for schema in index.list_schemas():
        assert schema.ref.endswith("Reading@1.0.0")


def check_whole(index: LocalIndex, cid: str) -> list[str]:
    """There is one schema and one entry, and its data is there."""
    (entry,), (_,) = index.list_datasets(), index.list_schemas()
    assert entry.cid == entry.content_cid == cid
    assert [info.samples for info in entry.shards or ()] == [2, 2, 1]
    assert list(atdata.Dataset[Reading](entry.data_urls).ordered()) == SAMPLES
    return entry.data_urls


def test_on_disk(place: str, shard: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with open_index(place) as index:
        for fatal in range(1, 100):
            cid = insert(place, shard, fatal, str(store), {})
            for path in store.glob("p/*"):
                inspect_shard(path)
            if cid is not None:
                break
            check_no_half(index)
        # Three shards (brought to the disk, put, renamed), one schema, one entry.
        assert fatal > 3 * 3 + 2
        urls = check_whole(index, cid or "")
        assert sorted(map(str, store.glob("p/*"))) == urls
        assert insert(place, shard, 0, str(store), {}) == cid
        assert sorted(map(str, store.glob("p/*"))) == check_whole(index, cid or "")


def test_on_s3(
    place: str, shard: str, s3_server: S3Server, s3_bucket: str, s3_credentials: dict[str, str]
) -> None:
    def objects() -> list[str]:
        found: Any = s3_server.client().list_objects_v2(Bucket=s3_bucket)
        return [f"s3://{s3_bucket}/{one['Key']}" for one in found.get("Contents", ())]

    S3DataStore(s3_credentials, bucket=s3_bucket)  # from here on, this process can read it
    with open_index(place) as index:
        # Of each shard the file is synced and renamed first, in a temporary folder.
        for fatal in range(4, 100, 2):
            cid = insert(place, shard, fatal, s3_bucket, s3_credentials)
            if cid is not None:
                break
            check_no_half(index)
        assert fatal > 3 * 3 + 2
        assert objects() == check_whole(index, cid or "")

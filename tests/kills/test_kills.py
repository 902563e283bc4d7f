"""kill -9 at random moments: nothing half, nothing lost, and the next run leaves nothing behind.

``ATDATA_KILLS`` sets how many; the suite's own number is chosen so that it ends in about a minute.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, AtmosphereIndex
from atdata.errors import EntryNotFound
from atdata.lifecycle import Catalog, verify, verify_pack
from atdata.lifecycle.serving.store import open_store
from atdata.local import LocalDiskStore, LocalIndex, S3DataStore
from atdata.shards.writer import cut_shards
from processes import descendants, wait_until_ended
from readings import Reading, readings
from servers.s3 import S3Server

from . import jobs
from .jobs import JOBS, Frame, Job

pytestmark = pytest.mark.xdist_group("pds")

KILLS = int(os.environ.get("ATDATA_KILLS", "60"))
SEED = int(os.environ.get("ATDATA_SEED", "11"))
FRAMES = 4


class Runner:
    """Runs jobs in processes of their own, which can be killed."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, jobs.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, job: Job, kill_after: float | None = None) -> tuple[int, float]:
        """Do a job; its exit code, and how long it took.

        With ``kill_after`` it is killed so many seconds after it began, unless it has ended. No
        process of it is left then.
        """
        program = self._program
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(json.dumps(asdict(job)) + "\n")
        program.stdin.flush()
        pid, began, family = int(program.stdout.readline()), time.monotonic(), set[int]()
        if kill_after is not None:
            time.sleep(kill_after)
            family = descendants(pid)
            if pid in descendants(program.pid):
                with suppress(ProcessLookupError):  # it ended by itself just now
                    os.kill(pid, signal.SIGKILL)
        code = int(program.stdout.readline())
        took = time.monotonic() - began
        assert wait_until_ended(family | descendants(program.pid)) == set()
        return code, took

    def close(self) -> None:
        self._program.communicate()


@pytest.fixture
def runner(pds_env: Any, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    for name, value in s3_server.credentials.items():
        monkeypatch.setenv(name, value)
    runner = Runner()
    yield runner
    runner.close()


@pytest.fixture
def plain(
    tmp_path: Path, s3_bucket: str, redis_client: Any, redis_url: str, client: AtmosphereClient
) -> Job:
    """What jobs start from: shards, a build root, an index; without a name and place."""
    (tmp_path / "frames").mkdir()
    cut = [
        str(path) for path, _ in cut_shards(jobs.frames(FRAMES), tmp_path / "frames", maxcount=3)
    ]
    atdata.write_shards(
        readings(400), tmp_path / "root", name="readings", version="1.0.0", maxcount=100
    )
    shards = sorted(map(str, (tmp_path / "root").glob("*.tar")))
    stores = {"files": LocalDiskStore(tmp_path / "files"), "objects": S3DataStore(bucket=s3_bucket)}
    with LocalIndex(path=tmp_path / "index.db") as index:
        for name, index.data_store in stores.items():
            index.insert_dataset(atdata.Dataset[Reading](shards), name=name)
    return Job(
        job="", place="", name="", frames=cut, root=str(tmp_path / "root"),
        index=str(tmp_path / "index.db"), redis=redis_url, bucket=s3_bucket,
        session=client.export_session(),
    )  # fmt: skip


def files_of(job: Job, server: S3Server) -> list[str]:
    """Every file and object of a job, and unfinished uploads; its own name left out."""
    client, prefix = server.client(), {"Bucket": job.bucket, "Prefix": job.name}
    objects = client.list_objects_v2(**prefix).get("Contents", [])
    uploads = client.list_multipart_uploads(**prefix).get("Uploads", [])
    names = [*files_below(job.folder), *(row["Key"] for row in objects)]
    names += [f"unfinished {row['Key']}" for row in uploads]
    return sorted(name.replace(job.name, "NAME") for name in names)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def check_nothing_half(job: Job) -> bool:
    """What readers can see is whole; whether there is anything."""
    match job.job:
        case "insert_into_folder":
            with LocalIndex(path=job.folder / "index.db") as index:
                return check_entries(index, job)
        case "insert_into_bucket":
            with LocalIndex(job.redis) as index:
                return check_entries(index, job)
        case "publish_into_folder" | "change_catalog":
            return check_releases(str(job.folder / "store"))
        case "publish_into_bucket":
            return check_releases(f"s3://{job.bucket}/{job.name}")
        case "pack_root":
            packed = job.folder / "pack.tar"
            return packed.exists() and verify_pack(packed, deep=True).ok
        case _:
            return check_record(job)


def check_entries(index: LocalIndex, job: Job) -> bool:
    found = [entry for entry in index.list_datasets() if entry.name == job.name]
    for entry in found:
        numbers = [frame.number for frame in atdata.Dataset[Frame](entry.data_urls).ordered()]
        assert numbers == list(range(FRAMES))
    return bool(found)


def check_releases(store: str) -> bool:
    if not open_store(store).exists():
        return False
    names = list(open_store(store).releases())
    for name, version in names:
        report = verify(store, name=name, version=version, deep=True)
        assert report.ok, report.findings
    assert Catalog(store).list().ok
    return bool(names)


def check_record(job: Job) -> bool:
    with LocalIndex(path=job.index) as index:
        entry = index.get_dataset("files")
    client = AtmosphereClient()
    client.login_with_session(job.session)
    try:
        record = AtmosphereIndex(client).get_dataset(job.name)
    except EntryNotFound:
        return False
    assert record.content_cid == entry.content_cid
    assert record.shards == entry.shards
    return True


def test_kills_at_random_moments_leave_nothing(
    runner: Runner, plain: Job, s3_server: S3Server, tmp_path: Path, isolated_home: Path
) -> None:
    chance = random.Random(SEED)
    clean: dict[str, tuple[list[str], float]] = {}
    for kind in JOBS:
        job = replace(plain, job=kind, name=f"clean-{kind}", place=str(tmp_path / f"clean-{kind}"))
        code, took = runner.run(job)
        assert code == 0, kind
        assert check_nothing_half(job)
        clean[kind] = files_of(job, s3_server), took

    state, killed = isolated_home / "state", 0
    remembered = files_below(state)
    for number in range(KILLS):
        kind = list(JOBS)[number % len(JOBS)]
        left, took = clean[kind]
        name = f"kill-{number:04d}"
        job = replace(plain, job=kind, name=name, place=str(tmp_path / name))
        code, _ = runner.run(job, kill_after=chance.uniform(0, took))
        killed += code == -signal.SIGKILL
        check_nothing_half(job)
        assert runner.run(job)[0] == 0, (kind, number)
        assert check_nothing_half(job), (kind, number)
        assert files_of(job, s3_server) == left, (kind, number)
    assert files_below(state) == remembered
    assert killed > KILLS // 2

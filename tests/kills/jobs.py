"""Jobs that a test kills. A program that has everything imported, and forks for each job.

It reads a line of JSON for each job, ``{"job": …, …}``, and prints two: the process's id when the
job is ready to begin, and how it ended.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import atdata
from atdata.atmosphere import AtmosphereClient
from atdata.engines.local import LocalEngine
from atdata.lifecycle import Catalog, pack, publish
from atdata.local import LocalDiskStore, LocalIndex, S3DataStore
from atdata.promote import promote_to_atmosphere
from readings import Reading


@atdata.packable
class Frame:
    """A large sample: three make a shard that goes to S3 in parts.

    Attributes:
        number: Its number.
        data: Its bytes.
    """

    number: int
    data: bytes


def frames(count: int) -> list[Frame]:
    return [Frame(number, bytes([number]) * (3 << 20)) for number in range(count)]


@dataclass(frozen=True)
class Job:
    """What a job needs.

    Attributes:
        job: Its name.
        place: A folder of its own.
        name: A name of its own, for what it makes.
        frames: Shards of frames.
        root: A build root of readings.
        index: The file of an index that holds the readings, as ``files`` and as ``objects``.
        redis: URL of a Redis server.
        bucket: Name of a bucket.
        session: Of an account on a PDS.
    """

    job: str
    place: str
    name: str
    frames: list[str]
    root: str
    index: str
    redis: str
    bucket: str
    session: str

    @property
    def folder(self) -> Path:
        return Path(self.place)


# Each is ready where it yields; the rest of it is what gets killed.
def insert_into_folder(job: Job) -> Iterator[None]:
    store = LocalDiskStore(job.folder / "store")
    yield
    with LocalIndex(path=job.folder / "index.db", data_store=store) as index:
        index.insert_dataset(atdata.Dataset[Frame](job.frames), name=job.name)


def insert_into_bucket(job: Job) -> Iterator[None]:
    store = S3DataStore(bucket=job.bucket)
    yield
    with LocalIndex(job.redis, store) as index:
        index.insert_dataset(atdata.Dataset[Frame](job.frames), name=job.name)


def promote_files_as_blobs(job: Job) -> Iterator[None]:
    yield from _promote(job, "files", None)


def promote_files_into_bucket(job: Job) -> Iterator[None]:
    yield from _promote(job, "files", S3DataStore(bucket=job.bucket))


def promote_objects_where_they_are(job: Job) -> Iterator[None]:
    yield from _promote(job, "objects", None)


def _promote(job: Job, entry: str, store: S3DataStore | None) -> Iterator[None]:
    client = AtmosphereClient()
    client.login_with_session(job.session)
    yield
    with LocalIndex(path=job.index) as index:
        found = index.get_dataset(entry)
        promote_to_atmosphere(found, index, client, data_store=store, name=job.name)


def publish_into_folder(job: Job) -> Iterator[None]:
    yield
    publish(job.root, job.folder / "store", engine=LocalEngine(2)).raise_for_findings()


def publish_into_bucket(job: Job) -> Iterator[None]:
    yield
    store = f"s3://{job.bucket}/{job.name}"
    publish(job.root, store, engine=LocalEngine(2)).raise_for_findings()


def pack_root(job: Job) -> Iterator[None]:
    yield
    report = pack(job.root, job.folder / "pack.tar", engine=LocalEngine(2))
    # A pack is never overwritten: one that is there was finished before the kill.
    if [finding.code for finding in report.findings] != ["PACK_EXISTS"]:
        report.raise_for_findings()


def change_catalog(job: Job) -> Iterator[None]:
    store = job.folder / "store"
    publish(job.root, store, engine=LocalEngine(1)).raise_for_findings()
    yield
    # A change that was made stays in the history; only what is missing is done by the next run.
    changes = Catalog(store).history("readings").result.get("generations", [])
    if not changes:
        Catalog(store).promote("readings", "1.0.0").raise_for_findings()
    if len(changes) < 2:
        Catalog(store).alias("readings", "stable", "1.0.0").raise_for_findings()


JOBS: dict[str, Callable[[Job], Iterator[None]]] = {
    job.__name__: job
    for job in (
        insert_into_folder,
        insert_into_bucket,
        promote_files_as_blobs,
        promote_files_into_bucket,
        promote_objects_where_they_are,
        publish_into_folder,
        publish_into_bucket,
        pack_root,
        change_catalog,
    )
}


def _run(job: Job) -> None:
    """Do a job in this process, which was forked for it."""
    temporary = job.folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(temporary)
    steps = JOBS[job.job](job)
    next(steps)
    print(os.getpid(), flush=True)
    next(steps, None)


def main() -> None:
    assert Reading.__name__ == "Reading"  # the entries' type, which is found by name
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _run(Job(**json.loads(line)))
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()

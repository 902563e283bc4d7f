from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import atdata
from atdata.lifecycle.serving import store as serving_store
from atdata.local import S3DataStore
from readings import readings
from servers.s3 import S3Server

BuildRoot = Callable[..., Path]


@pytest.fixture
def build_root(tmp_path: Path) -> BuildRoot:
    """Makes build roots of the dataset `readings`: 10 samples in 3 shards."""

    def make(version: str = "1.0.0", *, start: int = 0, folder: str | None = None) -> Path:
        root = tmp_path / (folder or f"build-{version}-{start}")
        atdata.write_shards(readings(10, start), root, name="readings", version=version, maxcount=4)
        return root

    return make


@pytest.fixture(params=["folder", "s3", "gcs"])
def store_root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a serving store: a folder, and a prefix of a bucket on a real server."""
    if request.param == "folder":
        return str(tmp_path / "store")
    if request.param == "gcs":
        return f"gs://{request.getfixturevalue('gcs_bucket')}/store"
    server: S3Server = request.getfixturevalue("s3_server")
    bucket = server.new_bucket()
    # From now on this process knows how to reach the bucket.
    S3DataStore(server.credentials, bucket=bucket)
    return f"s3://{bucket}/store"


@pytest.fixture
def no_least_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage in a bucket counts as old enough at once: no test waits for twelve hours."""
    monkeypatch.setattr(serving_store, "_LEAST_GRACE", 0.0)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A file system of this size."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that 12 KiB fill."""
    with mounted(tmp_path / "small", "12k") as folder:
        yield folder


@pytest.fixture
def pack_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that has room for one pack."""
    with mounted(tmp_path / "packs", "64k") as folder:
        yield folder

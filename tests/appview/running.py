"""The service, running for a test: in a thread of it, or as a process of its own."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from atdata.appview.database.opening import open_database
from atdata.appview.database.protocol import Database
from atdata.appview.database.writing import put_records
from atdata.appview.service import Settings, create_app
from atdata.appview.web.connections import uvicorn_settings
from servers.process import free_ports, running

from .content import rev, write

_revisions = iter(range(1, 10**6))


class AppView:
    """A service on loopback, and the database that it answers from."""

    def __init__(self, url: str, data: Path) -> None:
        self.url = url
        self.data = data
        self.database: Database = open_database(data / "appview.db")

    def get(self, path: str, **settings: Any) -> httpx.Response:
        return httpx.get(self.url + path, **{"timeout": 60, **settings})

    def query(self, name: str, /, **params: Any) -> httpx.Response:
        return self.get(f"/xrpc/ac.foundation.dataset.{name}", params=params)

    def follow(self, did: str, pds: str | None = None, handle: str | None = None) -> None:
        """A repository as if its history had been read."""
        with self.database.write() as tx:
            tx.run(
                "INSERT INTO repos (did, pds, handle, needs_history, needs_identity)"
                " VALUES (?, ?, ?, 0, 0)",
                (did, pds, handle),
            )

    def put(self, did: str, rkey: str, value: dict[str, Any]) -> str:
        """A record as if it had been heard of; its address."""
        with self.database.write() as tx:
            put_records(tx, did, rev(next(_revisions)), [write(rkey, value)])
        return f"at://{did}/{value['$type']}/{rkey}"


@contextlib.contextmanager
def in_thread(data: Path, **settings: Any) -> Iterator[AppView]:
    """The service in a thread, following nobody."""
    (port,) = free_ports(1)
    app = create_app(Settings(data=data, **{"rate": 0, **settings}))
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_level="critical", **uvicorn_settings())
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        appview = AppView(f"http://127.0.0.1:{port}", data)
        yield appview
        appview.database.close()
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def as_process(data: Path, *options: str, **environment: str) -> Iterator[AppView]:
    """``atdata appview serve`` as its own process; killed by whoever wants to."""
    (port,) = free_ports(1)
    data.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "atdata", "appview", "serve", "--port", str(port)]
    command += ["--data", str(data), "--rate", "0", *options]
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with running(command, log=data / "log.txt", ready=lambda: answers(url)) as process:
            appview = AppView(url, data)
            appview.process = process  # type: ignore[attr-defined]
            yield appview
            appview.database.close()
    finally:
        os.environ.clear()
        os.environ.update(before)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.HTTPError:
        return False


def wait_until(holds: Callable[[], Any], seconds: float = 30) -> float:
    """Wait for something to become true; how long it took, in seconds."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise TimeoutError("it did not become true")
        time.sleep(0.01)
    return time.monotonic() - began

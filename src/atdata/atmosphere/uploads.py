"""The blobs of an account that a server already has, so that none is uploaded twice.

Servers list the blobs that records refer to. Those that were uploaded and wait for their record
are remembered here, in a file for each account: a killed run resumes where it stopped. The file is
only a memory. A server deletes blobs that no record refers to after a while, so lines that are
older than a day are ignored, and all are dropped when the server reports that a blob is missing.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from atdata.base.disk import write_file
from atdata.base.folders import state_folder
from atdata.errors import XrpcError

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient

_KEPT = 24 * 3600.0  # seconds
MEDIA_TYPE = "application/x-tar"


class Uploads:
    """The blobs that the server has. The server and the file are read once, when first needed.

    Args:
        client: A client that is logged in.
    """

    def __init__(self, client: AtmosphereClient) -> None:
        self._client = client
        self._known: dict[str, dict[str, Any]] | None = None
        self._listed: set[str] | None = None

    def find(self, cid: str, size: int) -> dict[str, Any] | None:
        """Return the reference to a blob that the server has, or None when it must be uploaded."""
        if self._known is None:
            self._known = dict(_remembered(journal(self._client.did), self._client.base_url))
        found = self._known.get(cid)
        if found is None and cid in self._referenced():
            return reference(cid, size)
        return found

    def add(self, cid: str, blob: dict[str, Any]) -> None:
        """Remember a blob that the server has taken."""
        if self._known is not None:
            self._known[cid] = blob
        line = json.dumps({"server": self._client.base_url, "at": time.time(), "blob": blob})
        path = journal(self._client.did)
        # Without this memory a blob is uploaded once more after a crash: no reason to fail.
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(line + "\n")

    def _referenced(self) -> set[str]:
        if self._listed is None:
            try:
                self._listed = set(self._client.list_blobs())
            except XrpcError:
                self._listed = set()  # a server that lists no blobs is sent them again
        return self._listed


def reference(cid: str, size: int) -> dict[str, Any]:
    """Return a record's reference to a shard that is a blob."""
    return {"$type": "blob", "ref": {"$link": cid}, "mimeType": MEDIA_TYPE, "size": size}


def forget_uploads(did: str) -> None:
    """Forget what was uploaded for an account: its server has deleted blobs since."""
    with contextlib.suppress(OSError):  # there is nothing to forget
        journal(did).unlink()


def journal(did: str) -> Path:
    """Return the file that remembers an account's uploads."""
    return state_folder() / "uploads" / f"{quote(did, safe='')}.jsonl"


def _remembered(path: Path, server: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the file's blobs of this server that are not too old. Drop stale lines."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    rows = [(line, row) for line in lines if (row := _parsed(line)) is not None]
    fresh = [(line, row) for line, row in rows if row["at"] > time.time() - _KEPT]
    if len(fresh) < len(lines):
        _rewrite(path, [line for line, _ in fresh])
    for _, row in fresh:
        if row["server"] == server:
            yield row["blob"]["ref"]["$link"], row["blob"]


def _parsed(line: str) -> dict[str, Any] | None:
    """Return one line, parsed, or None when it was only written in part."""
    try:
        row = json.loads(line)
        whole = isinstance(row["blob"]["ref"]["$link"], str) and row["at"] >= 0 and row["server"]
    except (ValueError, KeyError, TypeError):
        return None
    return dict(row) if whole else None


def _rewrite(path: Path, lines: list[str]) -> None:
    # A line that another process appends meanwhile is lost: that blob is uploaded once more.
    with contextlib.suppress(OSError):
        write_file(path, "".join(f"{line}\n" for line in lines).encode())

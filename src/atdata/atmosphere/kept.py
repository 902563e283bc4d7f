"""Answers of repositories, kept for use while the user is offline.

Identities and records are kept in the cache's folder (``ATDATA_CACHE``) for thirty days after
they were last read from the network, and used with ``ATDATA_OFFLINE=1`` only. A record is kept
with the CID that its server reported, and is checked against it each time it is read; schemas and
lists of shards are checked against the CIDs of the dataset's record, and shards against their
digests.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from atdata.atmosphere.identity import Identity
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.records import StoredRecord
from atdata.base.disk import write_file
from atdata.cache.fetch import cache_path

LIFETIME = 30 * 86_400.0
"""Seconds for which an answer is used."""
_FOLDER = ".answers"
_MOST = 10_000  # answers; the oldest go first


def keep_identity(actor: str, identity: Identity) -> None:
    """Keep what a handle or DID stands for."""
    fields = {"did": identity.did, "pds": identity.pds, "handle": identity.handle}
    _keep(f"identity {actor}", json.dumps(fields).encode())


def kept_identity(actor: str) -> Identity | None:
    """Return what a handle or DID stood for; None when that is not known, or too old."""
    fields = _json(f"identity {actor}")
    try:
        return Identity(**fields) if fields else None
    except TypeError:
        return None


def keep_record(uri: AtUri, found: StoredRecord) -> None:
    """Keep a record under the address that was requested."""
    fields = {"uri": str(found.uri), "cid": found.cid, "value": found.value}
    _keep(f"record {uri}", json.dumps(fields).encode())


def kept_record(uri: AtUri) -> StoredRecord | None:
    """Return a record, unchecked; None when it is not known, or too old."""
    fields = _json(f"record {uri}")
    return StoredRecord.from_answer(fields) if fields else None


def keep_blob(cid: str, data: bytes) -> None:
    """Keep a blob."""
    _keep(f"blob {cid}", data)


def kept_blob(cid: str) -> bytes | None:
    """Return a blob, unchecked; None when it is not known, or too old."""
    return _kept(f"blob {cid}")


def _keep(key: str, data: bytes) -> None:
    folder = _folder()
    # A failure to keep an answer does not matter to users who are online.
    with suppress(OSError):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_file(folder / _name(key), data, mode=0o600)
            _drop_old(folder)


def _kept(key: str) -> bytes | None:
    folder = _folder()
    with suppress(OSError):
        if folder is not None and _age(path := folder / _name(key)) < LIFETIME:
            return path.read_bytes()
    return None


def _json(key: str) -> Any:
    data = _kept(key)
    with suppress(ValueError, RecursionError):
        return json.loads(data) if data else None
    return None


def _drop_old(folder: Path) -> None:
    paths = list(folder.iterdir())
    if len(paths) > _MOST:
        for path in sorted(paths, key=_age)[_MOST // 2 :]:
            path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _folder() -> Path | None:
    cache = cache_path()
    return None if cache is None else cache / _FOLDER

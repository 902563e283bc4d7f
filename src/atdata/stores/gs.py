"""Shards in a bucket of Google Cloud Storage."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from atdata.base.extras import require
from atdata.errors import AtdataError, NetworkError, StorageError
from atdata.shards.info import ShardInfo
from atdata.storage import gs
from atdata.storage.remote import refuse_offline
from atdata.stores.base import ShardStore
from atdata_records import cid

_CONTENT_TYPE = "application/x-tar"
# Bytes sent in one request, and retried together; a multiple of 256 KiB, as GCS requires.
_CHUNK = 16 << 20
_PIECE = 1 << 20
# Another process may remove the object meanwhile; one more try is enough in practice.
_TRIES = 3


class GCSDataStore(ShardStore):
    """A bucket of shards in Google Cloud Storage.

    Making a store also configures this process to read the bucket: ``Dataset[T]("gs://bucket/key")``
    needs no further configuration. Other processes read it with Google's environment.

    A shard becomes visible only when it is complete, and an object that is there is never
    overwritten: of two writers of the same shard, the later one finds it and goes on. What
    arrived is compared with what was sent by its MD5.

    Args:
        credentials: A service account's file, or its contents; ``"anon"`` for anonymous access;
            None for those of Google's environment, ``gcloud`` or the machine's role.
        bucket: Name of the bucket, which must exist.
        endpoint: URL of the server, if it is an emulator; by default that in
            ``STORAGE_EMULATOR_HOST``, else Google's.

    Raises:
        StorageError: There is no such file of credentials.
    """

    def __init__(
        self,
        credentials: Mapping[str, str] | str | os.PathLike[str] | None = None,
        *,
        bucket: str,
        endpoint: str | None = None,
    ) -> None:
        self.bucket = bucket
        if credentials is None and endpoint is None:
            self._access = gs.access_for(bucket)
        else:
            endpoint = endpoint or gs.GCSAccess.from_environment().endpoint
            self._access = gs.GCSAccess(endpoint, _checked(credentials))
        gs.remember_bucket(bucket, self._access)

    def __repr__(self) -> str:
        return f"GCSDataStore(bucket={self.bucket!r}, access={self._access!r})"

    def url_for(self, key: str, info: ShardInfo) -> str:
        """Return ``gs://bucket/key``."""
        return f"gs://{self.bucket}/{key}"

    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Upload one shard, unless the object is there already with these bytes.

        Raises:
            StorageError: The server refuses, or an object with other bytes has the key.
            NetworkError: The server can't be reached.
            MissingExtra: gcsfs is not installed.
        """
        url = self.url_for(key, info)
        refuse_offline(url)
        md5 = _md5(path)
        for tried in range(_TRIES):
            if self._has(url, info, md5, hidden=tried == 0) or self._created(path, url, info):
                return url
        raise StorageError(
            "other writers keep changing the object", uri=url, hint="stop them, then try again"
        )

    def _has(self, url: str, info: ShardInfo, md5: str, *, hidden: bool) -> bool:
        """Return whether the shard is there already; raise an error if another object is.

        An account that may only create objects may not look for them: with ``hidden``, a
        forbidden object counts as missing, and the upload finds out.
        """
        found = self._find(url, hidden)
        if found is None:
            return False
        same = int(found["size"]) == info.size
        if same and "md5Hash" in found:
            same = found["md5Hash"] == md5
        elif same:  # composed of parts by another tool, so it has no MD5
            same = self._digest(url) == cid.digest(info.cid)
        if not same:
            raise StorageError(
                "an object with other bytes has the shard's key",
                uri=url,
                hint="look at it, then remove it or choose another prefix; it was left as it is",
            )
        return True

    def _find(self, url: str, hidden: bool) -> dict[str, Any] | None:
        bucket, key = gs.split_url(url)
        files = self._access.filesystem()
        place = f"{files.base}b/{quote(bucket, safe='')}/o/{quote(key, safe='')}"
        with gs.gs_errors(url):
            answer = gs.ask(files, place, {})
            body = gs.in_loop(files, answer.read)
        if answer.status == 404 or (hidden and answer.status == 403):
            return None
        if answer.status != 200:
            raise gs.refusal(answer.status, url, answer.headers)
        found: dict[str, Any] = json.loads(body)
        return found

    def _digest(self, url: str) -> bytes:
        sha256 = hashlib.sha256()
        with gs.open_range(url, access=self._access).stream as stream:
            while piece := stream.read(_PIECE):
                sha256.update(piece)
        return sha256.digest()

    def _created(self, path: Path, url: str, info: ShardInfo) -> bool:
        """Upload the shard; return False if there is an object by now."""
        files = self._access.filesystem()
        damaged = require("gcsfs.retry", extra="gs").ChecksumError
        with gs.gs_errors(url), _refusals(url):
            try:
                files.put_file(
                    str(path),
                    url,
                    mode="create",
                    consistency="md5",
                    content_type=_CONTENT_TYPE,
                    chunksize=_CHUNK,
                    metadata={"sha256": cid.digest(info.cid).hex()},
                )
            except FileExistsError:
                return False
            except damaged:
                files.rm_file(url)
                raise NetworkError.passing(
                    "bytes were damaged on the way to the server", uri=url, hint="try again"
                ) from None
        return True


@contextmanager
def _refusals(url: str) -> Iterator[None]:
    """Raise the errors that gcsfs makes from a server's responses as our own."""
    http_error = require("gcsfs.retry", extra="gs").HttpError
    broken = require("requests.exceptions", extra="gs").RequestException
    try:
        yield
    except AtdataError:
        raise
    except FileNotFoundError:
        raise gs.refusal(404, url) from None
    except broken:
        raise gs.refusal(502, url) from None
    except http_error as error:
        raise gs.refusal(int(error.code or 0), url) from None
    except OSError as error:
        if not str(error).startswith("Forbidden"):
            raise
        raise gs.refusal(403, url) from None


def _md5(path: Path) -> str:
    """Return a file's MD5 in base64, as GCS writes it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
    return base64.b64encode(digest).decode()


def _checked(
    given: Mapping[str, str] | str | os.PathLike[str] | None,
) -> Mapping[str, str] | str | None:
    if given is None or isinstance(given, Mapping):
        return given
    if given == "anon":
        return "anon"
    path = Path(given).expanduser()
    # gcsfs would take the name of a missing file for a token, and send it to the server.
    if not path.is_file():
        raise StorageError("there is no such file of credentials", uri=str(path))
    return str(path)

"""Objects in Google Cloud Storage, by its JSON API with the sessions of google-auth.

The requests are ours because the official client (google-cloud-storage) reads no body without
retrying on its own terms, hides Retry-After, and brings gRPC; its credentials are used as they are.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from atdata.base.extras import require
from atdata.base.redact import redacted
from atdata.base.streams import from_pieces
from atdata.errors import AtdataError, NetworkError, StorageError
from atdata.storage.answers import byte_range, content_range, is_passing, length, refusal
from atdata.storage.buckets import Bucket, content_type
from atdata.storage.objects import MISSING, Content, Stat
from atdata.storage.resume import Opened
from atdata.storage.retry import attempts

_GOOGLE = "https://storage.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_TIMEOUT = (10, 60)  # seconds to connect, and of silence
_PIECE = 1 << 20
# Bytes sent in one request, and retried together; a multiple of 256 KiB, as GCS requires.
_CHUNK = 16 << 20
_GOES_ON = 308
_LOST = (409, 412)  # another writer is first
_WRITTEN = (200, 201, _GOES_ON, *_LOST)
_HINTS = {
    401: "Use gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS.",
    403: "Give the account a role on the bucket: it may not do this.",
    404: "Check the bucket's name and the key; the object may have moved.",
    416: "Start again: the object is shorter than it was.",
    429: "Try again later: the server asks for fewer requests.",
}


@dataclass(frozen=True, slots=True)
class GCSAccess:
    """How to reach Google Cloud Storage. For attributes that are None, Google's own chain decides.

    Attributes:
        endpoint: URL of the server, when it is not Google's: an emulator, which is asked without
            credentials unless some are given.
        credentials: Contents of a service account's file, or its path; ``"anon"`` for anonymous
            access. Never shown.
    """

    endpoint: str | None = None
    credentials: Mapping[str, str] | str | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        endpoint = redacted(self.endpoint) if self.endpoint else None
        return f"GCSAccess(endpoint={endpoint!r})"

    @classmethod
    def from_environment(cls) -> GCSAccess:
        """Return the access that the environment configures; google-auth finds credentials."""
        emulator = os.environ.get("STORAGE_EMULATOR_HOST")
        if emulator and "://" not in emulator:
            emulator = f"http://{emulator}"
        return cls(endpoint=emulator or None)

    def without_credentials(self) -> GCSAccess:
        """Return the same access, which is anonymous."""
        return replace(self, credentials="anon")

    def session(self) -> Any:
        """Return a session of requests that sends the credentials, cached per access and process.

        Raises:
            MissingExtra: google-auth is not installed.
            StorageError: The credentials can't be used.
        """
        given = self.credentials or ("anon" if self.endpoint else None)
        text = given if given is None or isinstance(given, str) else json.dumps(dict(given))
        return _session(text, os.getpid())


@lru_cache(maxsize=32)
def _session(credentials: str | None, pid: int) -> Any:
    # By process, because connections must not be shared across a fork.
    if credentials == "anon":
        session = require("requests", extra="gs").Session()
        session.auth = lambda request: request  # else those of a .netrc file would be sent
        return session
    authorized = require("google.auth.transport.requests", extra="gs").AuthorizedSession
    if credentials is None:
        found, _ = require("google.auth", extra="gs").default(scopes=[_SCOPE])
        return authorized(found)
    account = require("google.oauth2.service_account", extra="gs").Credentials
    try:
        info = json.loads(credentials if credentials[:1] == "{" else Path(credentials).read_bytes())
        return authorized(account.from_service_account_info(info, scopes=[_SCOPE]))
    except (ValueError, LookupError, TypeError, OSError):
        raise StorageError(
            "the Google credentials can't be understood",
            hint="Give the JSON file of a service account, or what is in it.",
        ) from None


@dataclass(frozen=True)
class GCSBucket(Bucket):
    """Objects of a bucket below a prefix. Tags are generations.

    What arrived is compared with what was sent by its MD5.
    """

    access: GCSAccess

    scheme = "gs"
    access_type = GCSAccess

    def _open_range(self, key: str, start: int, stop: int | None, tag: str | None) -> Opened:
        wanted = {"alt": "media"} | ({} if tag is None else {"generation": tag})
        headers = {"Accept-Encoding": "identity", "Range": byte_range(start, stop)}
        asked = partial(self._ask_once, "GET", f"/download{self._path(key)}", key, stream=True)
        answer = asked(params=wanted, headers=headers)
        if answer.status_code == 416 and start == 0:
            # The start of an empty object is already past its end.
            answer.close()
            del headers["Range"]
            answer = asked(params=wanted, headers=headers)
        if answer.status_code not in (200, 206):
            answer.close()
            if tag is not None and answer.status_code == 404:
                raise StorageError(
                    "the object was replaced or removed while it was read",
                    uri=self.url(key),
                    hint="Start again.",
                )
            raise _refusal(answer, self.url(key))
        sent = content_range(answer.headers.get("Content-Range", ""))
        first, _, size = sent or (0, 0, length(answer.headers.get("Content-Length", "")))
        stream = from_pieces(_pieces(answer, self.url(key)), answer.close)
        generation = answer.headers.get("X-Goog-Generation")
        return Opened(stream, first, size, generation, answer.status_code == 206)

    def stat(self, key: str) -> Stat | None:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        answer = self._ask("GET", self._path(key), key, (200, 404))
        return _stat(key, answer.json()) if answer.status_code == 200 else None

    def find(self, prefix: str) -> Iterator[Stat]:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        wanted = {"prefix": self.prefix + prefix}
        while True:
            page = self._ask("GET", self._objects, prefix, (200,), params=wanted).json()
            for row in page.get("items", ()):
                yield _stat(row["name"].removeprefix(self.prefix), row)
            if "nextPageToken" not in page:
                return
            wanted["pageToken"] = page["nextPageToken"]

    def delete(self, key: str) -> None:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        self._delete(key)

    def _delete(self, key: str, **params: str) -> None:
        self._ask("DELETE", self._path(key), key, (200, 204, 404, 412), params=params)

    def _write(self, key: str, content: Content, state: str | None, sha256: str | None) -> bool:
        md5 = _md5(content)
        description = {
            "name": self.prefix + key,
            "contentType": content_type(key),
            "md5Hash": md5,
            "metadata": {} if sha256 is None else {"sha256": sha256},
        }
        params = {} if state is None else {"ifGenerationMatch": state or "0"}
        is_large = isinstance(content, Path) and content.stat().st_size > _CHUNK
        send = self._send_parts if is_large else self._send_whole
        answer = send(key, content, description, params)
        if answer.status_code in _LOST:
            if state is None:
                raise _refusal(answer, self.url(key))
            return False
        found = answer.json()
        if found.get("md5Hash", md5) != md5:  # emulators don't compare it themselves
            self._delete(key, ifGenerationMatch=found["generation"])
            raise NetworkError.passing(
                "bytes were damaged on the way to the server", uri=self.url(key), hint="Try again."
            )
        return True

    def _send_whole(self, key: str, content: Any, description: Any, params: Any) -> Any:
        """Upload description and content in one request, and return the response."""
        boundary = secrets.token_hex(16)
        parts = (
            ("application/json; charset=UTF-8", json.dumps(description).encode()),
            (description["contentType"], _bytes(content)),
        )
        body = [
            f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode() + part + b"\r\n"
            for kind, part in parts
        ]
        return self._ask(
            "POST",
            f"/upload{self._objects}",
            key,
            _WRITTEN,
            params={"uploadType": "multipart", **params},
            data=b"".join(body) + f"--{boundary}--".encode(),
            headers={"Content-Type": f"multipart/related; boundary={boundary}"},
        )

    def _send_parts(self, key: str, path: Any, description: Any, params: Any) -> Any:
        """Upload a file in several requests, and return the last response."""
        params = {"uploadType": "resumable", "name": description["name"], **params}
        place = f"/upload{self._objects}"
        answer = self._ask("POST", place, key, _WRITTEN, params=params, json=description)
        size, at = path.stat().st_size, 0
        place = answer.headers.get("Location")
        with path.open("rb") as file:
            while answer.status_code not in _LOST and at < size:
                file.seek(at)
                piece = file.read(_CHUNK)
                extent = {"Content-Range": f"bytes {at}-{at + len(piece) - 1}/{size}"}
                # Bytes that had arrived already are passed over, if it is sent again.
                answer = self._ask("PUT", place, key, _WRITTEN, data=piece, headers=extent)
                arrived = answer.headers.get("Range", "bytes=0--1")
                at = int(arrived.partition("-")[2]) + 1 if answer.status_code == _GOES_ON else size
        return answer

    @property
    def _objects(self) -> str:
        return f"/storage/v1/b/{quote(self.name, safe='')}/o"

    def _path(self, key: str) -> str:
        return f"{self._objects}/{quote(self.prefix + key, safe='')}"

    def _ask(
        self, method: str, path: str, key: str, expected: tuple[int, ...], **options: Any
    ) -> Any:
        """Return the response to a request that is tried up to five times.

        Raises:
            StorageError, NetworkError: Its status is not one of those expected.
        """
        for attempt in attempts():
            with attempt:
                answer = self._ask_once(method, path, key, **options)
                if answer.status_code not in expected:
                    raise _refusal(answer, self.url(key))
        return answer

    def _ask_once(self, method: str, path: str, key: str, **options: Any) -> Any:
        place = path if "://" in path else (self.access.endpoint or _GOOGLE) + path
        with gcs_errors(self.url(key)):
            return self.access.session().request(
                method, place, timeout=_TIMEOUT, allow_redirects=False, **options
            )


@contextmanager
def gcs_errors(url: str) -> Iterator[None]:
    """Raise errors of the connection as our own, without their texts.

    Raises:
        NetworkError: The server can't be reached, or broke off.
        StorageError: There are no credentials that Google accepts.
    """
    broken = (
        require("requests", extra="gs").RequestException,
        require("urllib3.exceptions", extra="gs").HTTPError,
        require("google.auth.exceptions", extra="gs").TransportError,
    )
    refused = require("google.auth.exceptions", extra="gs").GoogleAuthError
    try:
        yield
    except broken as error:
        raise NetworkError.passing(
            f"the GCS server can't be reached, or broke off ({type(error).__name__})",
            uri=url,
            hint="Try again; check STORAGE_EMULATOR_HOST if it is an emulator.",
        ) from None
    except refused as error:
        raise StorageError(
            f"Google's credentials can't be used ({type(error).__name__})",
            uri=url,
            hint=_HINTS[401],
        ) from None


def _refusal(answer: Any, url: str) -> AtdataError:
    """Return the error for a status with which GCS refuses a request."""
    status = answer.status_code
    message, hint = f"GCS answers {status}", _HINTS.get(status)
    if is_passing(status):
        wait = answer.headers.get("Retry-After", "")
        return refusal(message, status, wait, uri=url, hint=hint or "Try again later.")
    return StorageError(message, uri=url, hint=hint, code=MISSING if status == 404 else None)


def _pieces(answer: Any, url: str) -> Iterator[bytes]:
    with gcs_errors(url):
        # read() would lose the bytes that arrived before the connection broke.
        while piece := answer.raw.read1(_PIECE):
            yield piece


def _stat(key: str, found: Mapping[str, Any]) -> Stat:
    age = datetime.now(UTC) - datetime.fromisoformat(found["updated"])
    return Stat(
        key,
        int(found["size"]),
        age.total_seconds(),
        found["generation"],
        found.get("metadata", {}).get("sha256"),
        found.get("md5Hash"),
    )


def _bytes(content: Content) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


def _md5(content: Content) -> str:
    """Return the MD5 in base64, as GCS writes it."""
    with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
    return base64.b64encode(digest).decode()

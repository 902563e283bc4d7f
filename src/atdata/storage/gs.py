"""Shards in Google Cloud Storage."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from atdata.base.extras import require
from atdata.base.streams import from_pieces
from atdata.errors import AtdataError, NetworkError, StorageError, UrlError
from atdata.storage.buckets import check_endpoint, is_named
from atdata.storage.http import retry_after
from atdata.storage.remote import Opened
from atdata.storage.urls import redacted

_PIECE = 1 << 20
_CONNECT_SECONDS, _SILENCE_SECONDS = 10, 60
_EXTENT = re.compile(r"bytes (\d+)-\d+/(\d+)")
_HINTS = {
    401: "use gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
    403: "the account may not do this: it needs a role on the bucket",
    404: "check the bucket's name and the key; the object may have moved",
    416: "the object is shorter than it was: start again",
    429: "the server asks for fewer requests: try again later",
}
_PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})


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
        """Return the access that the environment configures; gcsfs finds credentials by itself."""
        emulator = os.environ.get("STORAGE_EMULATOR_HOST")
        if emulator and "://" not in emulator:
            emulator = f"http://{emulator}"
        return cls(endpoint=emulator or None)

    def filesystem(self) -> Any:
        """Return the ``GCSFileSystem`` of gcsfs; fsspec caches its instances.

        Raises:
            MissingExtra: gcsfs is not installed.
            StorageError: The credentials can't be used.
        """
        # The plain class: gcsfs's public one asks each bucket for its layout.
        kind = require("gcsfs.core", extra="gs").GCSFileSystem
        token = self.credentials or ("anon" if self.endpoint else None)
        try:
            return kind(token=token, endpoint_url=self.endpoint, use_listings_cache=False)
        except (ValueError, LookupError, TypeError):
            raise StorageError(
                "the Google credentials can't be understood",
                hint="give the JSON file of a service account, or what is in it",
            ) from None


_known: dict[str, GCSAccess] = {}


def remember_bucket(bucket: str, access: GCSAccess) -> None:
    """Open ``gs://`` URLs of this bucket with this access from now on, in this process."""
    _known[bucket] = access


def remembered(bucket: str) -> GCSAccess | None:
    """Return how a bucket was reached before in this process; None if it was not."""
    return _known.get(bucket)


def access_for(bucket: str) -> GCSAccess:
    """Return how a bucket was reached before in this process, else the environment's access."""
    return remembered(bucket) or GCSAccess.from_environment()


def access_from_data(bucket: str, url: str) -> GCSAccess:
    """Return the access without credentials, for a bucket that data from the network names.

    A bucket that the user has named, in ``ATDATA_BUCKETS`` or by a store that this process has
    made, is reached as if the user had named the object.

    Raises:
        AddressRefused: The server that the environment names is private.
        NetworkError: Its name can't be resolved.
    """
    if remembered(bucket) or is_named(bucket):
        return access_for(bucket)
    access = GCSAccess.from_environment()
    check_endpoint(access.endpoint, url)
    return replace(access, credentials="anon")


def split_url(url: str) -> tuple[str, str]:
    """Return bucket and key of a ``gs://`` URL.

    Raises:
        UrlError: It names no bucket or no key.
    """
    bucket, _, key = url.removeprefix("gs://").partition("/")
    if not url.startswith("gs://") or not bucket or not key:
        raise UrlError("not a URL of a GCS object", uri=url, hint="write gs://bucket/key")
    return bucket, key


def open_range(
    url: str,
    *,
    start: int = 0,
    stop: int | None = None,
    tag: str | None = None,
    untrusted: bool = False,
    access: GCSAccess | None = None,
) -> Opened:
    """Open bytes ``start:stop`` of an object, by one request.

    Args:
        url: ``gs://bucket/key``.
        start: Offset of the first byte.
        stop: Offset after the last byte; to the end when None.
        tag: The object must still be of this generation.
        untrusted: The URL comes from the network: without credentials, and not from a private
            server, unless the user has named the bucket (``ATDATA_BUCKETS``).
        access: How to reach it; None for the access known for the bucket.

    Raises:
        UrlError: Not such a URL (``AddressRefused``: it is untrusted, and the server private).
        StorageError: There is no such object, it may not be read, or it has changed.
        NetworkError: The server can't be reached, or is in trouble; also from the stream.
        MissingExtra: gcsfs is not installed.
    """
    bucket, key = split_url(url)
    if access is None:
        access = access_from_data(bucket, url) if untrusted else access_for(bucket)
    asked = {}
    if start or stop is not None:
        asked["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
    files = access.filesystem()
    place = files.url(f"{bucket}/{key}", generation=tag)
    with gs_errors(url):
        answer = ask(files, place, asked)
        if answer.status == 416 and start == 0:
            # The start of an empty object is already past its end.
            _close(files, answer)
            answer = ask(files, place, {})
    if answer.status not in (200, 206):
        _close(files, answer)
        if tag is not None and answer.status == 404:
            raise StorageError(
                "the object was replaced or removed while it was read", uri=url, hint="start again"
            )
        raise refusal(answer.status, url, answer.headers)
    first, size = _extent(answer)
    generation = answer.headers.get("X-Goog-Generation")
    stream = from_pieces(_pieces(files, answer, url), lambda: _close(files, answer))
    return Opened(stream, first, size, generation, answer.status == 206)


def ask(files: Any, url: str, headers: Mapping[str, str]) -> Any:
    """Return the response to one GET request with the account's credentials, its body unread.

    gcsfs's own calls read whole bodies, ignore Retry-After and try six times.
    """
    timeout = require("aiohttp", extra="gs").ClientTimeout(
        total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS
    )

    async def get() -> Any:
        session = await files._set_session()
        given = files._get_headers({"Accept-Encoding": "identity", **headers})
        return await session.get(url, headers=given, timeout=timeout)

    return in_loop(files, get)


def in_loop(files: Any, function: Any) -> Any:
    """Run a coroutine function in gcsfs's own thread, and return its result."""
    return require("fsspec.asyn", extra="gs").sync(files.loop, function)


def _extent(answer: Any) -> tuple[int, int | None]:
    """Return the offset of a response's first byte, and the object's size."""
    if found := _EXTENT.fullmatch(answer.headers.get("Content-Range", "")):
        return int(found[1]), int(found[2])
    return 0, answer.content_length


def _pieces(files: Any, answer: Any, url: str) -> Iterator[bytes]:
    async def piece() -> bytes:
        data = bytearray()
        while len(data) < _PIECE and (more := await answer.content.readany()):
            data += more
        return bytes(data)

    with gs_errors(url):
        while data := in_loop(files, piece):
            yield data


def _close(files: Any, answer: Any) -> None:
    files.loop.call_soon_threadsafe(answer.close)


@contextmanager
def gs_errors(url: str) -> Iterator[None]:
    """Raise errors of the connection as our own, without their texts.

    Raises:
        NetworkError: The server can't be reached, or broke off.
        StorageError: There are no credentials that Google accepts.
    """
    broken = require("aiohttp", extra="gs").ClientError
    refused = require("google.auth.exceptions", extra="gs").GoogleAuthError
    try:
        yield
    except (broken, TimeoutError) as error:
        raise NetworkError.passing(
            f"the GCS server can't be reached, or broke off ({type(error).__name__})",
            uri=url,
            hint="try again; check STORAGE_EMULATOR_HOST when it is an emulator",
        ) from None
    except refused as error:
        raise StorageError(
            f"Google's credentials can't be used ({type(error).__name__})",
            uri=url,
            hint=_HINTS[401],
        ) from None


def refusal(status: int, url: str, headers: Mapping[str, str] | None = None) -> AtdataError:
    """Return the error for a status with which GCS refuses a request.

    Args:
        status: The HTTP status.
        url: What was asked for.
        headers: Headers of the response, where they are known.
    """
    message, hint = f"GCS answers {status}", _HINTS.get(status)
    if status in _PASSING_STATUS:
        passing = NetworkError.passing(message, uri=url, hint=hint or "try again later")
        passing.status = status
        passing.retry_after = retry_after((headers or {}).get("Retry-After", ""))
        return passing
    return StorageError(message, uri=url, hint=hint)

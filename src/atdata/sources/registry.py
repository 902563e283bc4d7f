"""The table of URL schemes and what opens them. ``pipe:`` is excluded on purpose."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from atdata.errors import AddressRefused, UrlError
from atdata.shards.reader import open_local
from atdata.sources.plugins import plugins
from atdata.storage.buckets import Bucket, Buckets, BucketUrls
from atdata.storage.objects import StoredObject
from atdata.storage.urls import redacted, scheme_of, split_url

_LOCAL = frozenset({"", "file"})
# Scheme -> module and class of its place; imported when it is needed.
_PLACES = {
    "gs": ("atdata.storage.gcs", "GCSBucket"),
    "hf": ("atdata.storage.hugging_face", "HuggingFace"),
    "http": ("atdata.storage.http", "Web"),
    "https": ("atdata.storage.http", "Web"),
    "ipfs": ("atdata.storage.ipfs.files", "IPFS"),
    "s3": ("atdata.storage.s3", "S3Bucket"),
}


def open_url(url: str, *, untrusted: bool = False) -> IO[bytes]:
    """Open a stream of the bytes at a URL or local path. The caller closes it.

    A stream from the network resumes after a broken connection, and retries transient errors:
    see :mod:`atdata.storage.resume`.

    Args:
        url: A path, or a URL of a known scheme; no brace notation.
        untrusted: The URL comes from the network: local files and private addresses are refused.

    Raises:
        UrlError: The scheme is not known; the message lists those that are.
        AddressRefused: An untrusted URL names a local file or a private address.
        StorageError, NetworkError: It does not exist, or can't be read.
        MissingExtra: The scheme needs a package that is not installed.
    """
    found = object_at(url, untrusted=untrusted)
    return _open_local(url, untrusted) if found is None else found.open()


def object_at(
    url: str, *, untrusted: bool = False, buckets: Buckets | None = None
) -> StoredObject | None:
    """Return the object at a URL of the network, unopened; None for a path on this machine.

    Args:
        url: As for :func:`open_url`.
        untrusted: As for :func:`open_url`.
        buckets: Buckets that travel with the caller's source.

    Raises:
        UrlError: The scheme is not known, or its URLs are not single files.
    """
    check_scheme(url)
    scheme = scheme_of(url)
    if scheme in _LOCAL:
        return None
    if scheme not in _PLACES:
        raise UrlError(
            f"{scheme}:// names a dataset, not a file",
            uri=redacted(url),
            hint="Give it to atdata.Dataset or atdata.load_dataset.",
        )
    module, name = _PLACES[scheme]
    kind = getattr(import_module(module), name)
    if issubclass(kind, Bucket):
        place = BucketUrls(kind=kind, untrusted=untrusted, given=buckets or {})
        return StoredObject(place, url)
    return StoredObject(kind(untrusted), url)


def local_path(url: str) -> Path | None:
    """Return the path that a plain path or ``file://`` URL names; None for other URLs.

    Raises:
        UrlError: A ``file:`` URL of another host, or without an absolute path.
    """
    scheme = scheme_of(url)
    if scheme == "":
        return Path(url).expanduser()
    if scheme != "file":
        return None
    parts = split_url(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise UrlError(
            "a file URL names an absolute path on this machine",
            uri=redacted(url),
            hint="Write file:///absolute/path.",
        )
    return Path(unquote(parts.path))


def check_scheme(url: str) -> None:
    """Refuse a URL whose scheme is not supported.

    Raises:
        UrlError: The scheme is not known; the message lists those that are.
    """
    scheme = scheme_of(url)
    if scheme in _LOCAL or scheme in _PLACES or scheme in plugins():
        return
    if scheme == "pipe":
        raise UrlError(
            "pipe: runs a shell command, which data must never do; it is not supported",
            hint="Give the files' paths or URLs instead.",
        )
    if scheme == "ipns":
        raise UrlError(
            "ipns:// names data that may change, without a digest; it is not supported",
            uri=redacted(url),
            hint="Give the ipfs:// URL that it stands for now.",
        )
    known = ", ".join(f"{name}://" for name in sorted({"file", *_PLACES, *plugins()}))
    raise UrlError(
        f"the scheme {scheme}:// is not known",
        uri=redacted(url),
        hint=f"Give a plain path or one of {known}; those on a network need "
        "pip install 'atdata-sdk[http,s3,gs]'.",
    )


def _open_local(url: str, untrusted: bool) -> IO[bytes]:
    if untrusted:
        raise AddressRefused(
            "data from the network names a local file",
            uri=redacted(url),
            hint="Fetch the files, if you trust them, and open their paths yourself.",
        )
    path = local_path(url)
    assert path is not None  # noqa: S101 - the scheme was looked up
    return open_local(path, url)

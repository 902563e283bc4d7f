"""Which scheme is opened how. One table; ``pipe:`` is not in it, and never will be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from atdata.errors import AddressRefused, UrlError
from atdata.shards.reader import open_local
from atdata.sources.schemes import redacted, scheme_of


def open_url(url: str, *, untrusted: bool = False) -> IO[bytes]:
    """A stream of the bytes at a URL or local path. The caller closes it.

    Args:
        url: A path, or a URL of a known scheme; no brace notation.
        untrusted: The URL comes from the network: local files and private addresses are refused.

    Raises:
        UrlError: The scheme is not known; the message lists those that are.
        AddressRefused: An untrusted URL names a local file or a private address.
        StorageError, NetworkError: There is no such thing, or it can't be read.
        MissingExtra: The scheme needs a package that is not installed.
    """
    scheme = scheme_of(url)
    opener = _OPENERS.get(scheme)
    if opener is None:
        raise _unknown(url, scheme)
    return opener(url, untrusted)


def local_path(url: str) -> Path | None:
    """The path that a plain path or ``file://`` URL means; None for other URLs.

    Raises:
        UrlError: A ``file:`` URL of another host, or without an absolute path.
    """
    scheme = scheme_of(url)
    if scheme == "":
        return Path(url).expanduser()
    if scheme != "file":
        return None
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise UrlError(
            "a file URL names an absolute path on this machine",
            uri=redacted(url),
            hint="write file:///absolute/path",
        )
    return Path(unquote(parts.path))


def check_scheme(url: str) -> None:
    """Refuse what :func:`open_url` would not even try.

    Raises:
        UrlError: The scheme is not known.
    """
    if scheme_of(url) not in _OPENERS:
        raise _unknown(url, scheme_of(url))


def _unknown(url: str, scheme: str) -> UrlError:
    if scheme == "pipe":
        return UrlError(
            "pipe: runs a shell command, which data must never do; it is not supported",
            hint="give the files' paths or URLs instead",
        )
    if scheme == "at":
        return UrlError(
            "at:// names a record, not a file of samples",
            uri=redacted(url),
            hint="atdata.load_dataset() follows it to its data",
        )
    known = ", ".join(f"{name}://" for name in sorted(_OPENERS) if name)
    return UrlError(
        f"the scheme {scheme}:// is not known",
        uri=redacted(url),
        hint=f"known are plain paths, {known}; http and s3 need pip install 'atdata[http,s3]'",
    )


def _open_local(url: str, untrusted: bool) -> IO[bytes]:
    if untrusted:
        raise AddressRefused(
            "data from the network names a local file",
            uri=redacted(url),
            hint="if you trust it, fetch the files and open their paths yourself",
        )
    path = local_path(url)
    assert path is not None  # noqa: S101 - the scheme was looked up
    return open_local(path, url)


def _open_http(url: str, untrusted: bool) -> IO[bytes]:
    from atdata.sources.http import open_http

    return open_http(url, untrusted=untrusted)


def _open_s3(url: str, untrusted: bool) -> IO[bytes]:
    # The endpoint is the user's own configuration, never part of the URL, so an untrusted one
    # is no more than a name of a bucket and key there.
    from atdata.sources.s3 import open_s3

    return open_s3(url)


_OPENERS: dict[str, Callable[[str, bool], IO[bytes]]] = {
    "": _open_local,
    "file": _open_local,
    "http": _open_http,
    "https": _open_http,
    "s3": _open_s3,
}

"""The table of URL schemes and what opens them. ``pipe:`` is excluded on purpose."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from atdata.errors import AddressRefused, UrlError
from atdata.shards.reader import open_local
from atdata.sources.plugins import plugins
from atdata.storage.remote import Remote
from atdata.storage.urls import redacted, scheme_of, split_url

_LOCAL = frozenset({"", "file"})
# Scheme -> the module whose open_range() asks for it; imported when it is needed.
_REMOTES = {
    "gs": "atdata.storage.gs",
    "http": "atdata.storage.http",
    "https": "atdata.storage.http",
    "ipfs": "atdata.storage.ipfs.files",
    "s3": "atdata.sources.s3",
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
    remote = remote_for(url)
    if remote is None:
        return _open_local(url, untrusted)
    from atdata.storage.resume import open_resuming

    return open_resuming(remote, url, untrusted=untrusted)


def remote_for(url: str) -> Remote | None:
    """Return the function that requests URLs of this scheme; None for a path on this machine.

    Raises:
        UrlError: The scheme is not known, or its URLs are not single files.
    """
    check_scheme(url)
    scheme = scheme_of(url)
    if scheme in _LOCAL:
        return None
    if scheme not in _REMOTES:
        raise UrlError(
            f"{scheme}:// names a dataset, not a file",
            uri=redacted(url),
            hint="give it to atdata.Dataset or atdata.load_dataset",
        )
    remote: Remote = import_module(_REMOTES[scheme]).open_range
    return remote


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
            hint="write file:///absolute/path",
        )
    return Path(unquote(parts.path))


def check_scheme(url: str) -> None:
    """Refuse a URL whose scheme is not supported.

    Raises:
        UrlError: The scheme is not known; the message lists those that are.
    """
    scheme = scheme_of(url)
    if scheme in _LOCAL or scheme in _REMOTES or scheme in plugins():
        return
    if scheme == "pipe":
        raise UrlError(
            "pipe: runs a shell command, which data must never do; it is not supported",
            hint="give the files' paths or URLs instead",
        )
    if scheme == "ipns":
        raise UrlError(
            "ipns:// names what may change, with nothing to check it by; it is not supported",
            uri=redacted(url),
            hint="give the ipfs:// URL that it stands for now",
        )
    known = ", ".join(f"{name}://" for name in sorted({"file", *_REMOTES, *plugins()}))
    raise UrlError(
        f"the scheme {scheme}:// is not known",
        uri=redacted(url),
        hint=f"known are plain paths, {known}; "
        "those on a network need pip install 'atdata-sdk[http,s3,gs]'",
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

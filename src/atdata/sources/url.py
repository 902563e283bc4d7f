"""Shards at paths and URLs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from atdata.errors import AddressRefused, ShardNotFound, UrlError
from atdata.sources.braces import expand
from atdata.sources.registry import check_scheme, local_path, open_url
from atdata.sources.schemes import redacted, scheme_of
from atdata.sources.streams import ShardStreams

_LOCAL = ("", "file")


class URLSource:
    """Shards at local paths, ``file://``, ``http(s)://`` and ``s3://`` URLs.

    Args:
        url: A path or URL, with brace notation where wanted, or several of them.
        untrusted: They come from a record on the network: local files and private addresses
            are refused.

    Attributes:
        urls: What was given, brace notation and all.
        untrusted: As given.
        shards: (URL, stream) pairs, to iterate over or to call.

    Raises:
        UrlError: No URL, an unknown scheme, or braces that don't match.
        AddressRefused: ``untrusted``, and a local path among them.
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        untrusted: bool = False,
    ) -> None:
        given = [url] if isinstance(url, (str, os.PathLike)) else list(url)
        self.urls = [os.fspath(one) for one in given]
        self.untrusted = untrusted
        for one in self.urls:
            check_scheme(one)
            if untrusted and scheme_of(one) in _LOCAL:
                raise AddressRefused("data from the network names a local file", uri=redacted(one))
        self._shards = [name for one in self.urls for name in expand(one)]
        self._known = frozenset(self._shards)
        if not self._shards:
            raise UrlError("no URLs were given", hint="give at least one path or URL")
        self.shards = ShardStreams(self)

    @property
    def url(self) -> str:
        """The first URL as it was given, brace notation and all; ``urls`` has every one."""
        return self.urls[0]

    def list_shards(self) -> list[str]:
        """Each shard's URL, brace notation expanded."""
        return list(self._shards)

    @property
    def shard_list(self) -> list[str]:
        """Each shard's URL, brace notation expanded."""
        return list(self._shards)

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """A stream of one shard; the caller closes it.

        Raises:
            ShardNotFound: Not a shard of this source.
            StorageError, NetworkError: It is not there, or can't be read.
        """
        self._check(shard_id)
        return open_url(shard_id, untrusted=self.untrusted)

    def local_path(self, shard_id: str) -> Path | None:
        """Where a shard lies on this machine, so that it can be mapped; None when it doesn't."""
        self._check(shard_id)
        return local_path(shard_id)

    def _check(self, shard_id: str) -> None:
        if shard_id not in self._known:
            raise ShardNotFound("the source has no such shard", shard=redacted(shard_id))

    def __repr__(self) -> str:
        shown = [redacted(url) for url in self.urls[:3]] + ["…"] * (len(self.urls) > 3)
        return f"URLSource({shown[0]!r})" if len(shown) == 1 else f"URLSource({shown})"

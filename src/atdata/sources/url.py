"""Shards at paths and URLs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from atdata.errors import AddressRefused, UrlError
from atdata.sources.adapt import AdaptedSource
from atdata.sources.base import ObjectSource, shard_of
from atdata.sources.braces import MAX_NAMES, MAX_RECORD_NAMES, Names
from atdata.sources.plugins import open_plugin, plugins
from atdata.sources.registry import check_scheme, local_path, object_at, open_url
from atdata.storage.buckets import Bucket, known_buckets, named_buckets
from atdata.storage.objects import StoredObject
from atdata.storage.reach import allow_server, allowed_servers
from atdata.storage.urls import redacted, scheme_of

_LOCAL = ("", "file")


class URLSource(ObjectSource):
    """Shards at local paths and URLs: ``file``, ``http(s)``, ``s3``, ``gs``, ``ipfs``, ``at``.

    A URL of a plug-in's scheme may stand for several shards; the plug-in is called when they are
    first needed. Brace notation is counted at once, and expanded when names are needed: at most
    1,000,000 names of all URLs together, 100,000 of untrusted ones.

    Args:
        url: A path or URL, with brace notation where wanted, or several of them.
        untrusted: They come from a record on the network: local files and private addresses
            are refused.
        buckets: How to reach buckets that the URLs name. Others are reached as they are known in
            this process by then, else as the environment says.

    Attributes:
        urls: The URLs as given, with brace notation.
        untrusted: As given.

    Raises:
        UrlError: No URL, an unknown scheme, braces that don't match, or too many names.
        AddressRefused: ``untrusted``, and a local path among them.
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        untrusted: bool = False,
        buckets: Iterable[Bucket] = (),
    ) -> None:
        given = [url] if isinstance(url, (str, os.PathLike)) else list(url)
        self.urls = [os.fspath(one) for one in given]
        self.untrusted = untrusted
        for one in self.urls:
            check_scheme(one)
            if untrusted and scheme_of(one) in _LOCAL:
                raise AddressRefused("data from the network names a local file", uri=redacted(one))
        self._names = Names(self.urls, MAX_RECORD_NAMES if untrusted else MAX_NAMES)
        if not self._names:
            raise UrlError("no URLs were given", hint="Give at least one path or URL.")
        self._buckets = known_buckets(buckets)

    @property
    def url(self) -> str:
        """The first URL as given, with brace notation; ``urls`` has all."""
        return self.urls[0]

    def list_shards(self) -> list[str]:
        """Return each shard's URL, brace notation expanded."""
        return [name for name, _ in self._found]

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a stream of one shard; the caller closes it.

        Raises:
            ShardNotFound: Not a shard of this source.
            StorageError, NetworkError: It is not there, or can't be read.
        """
        plugged = self._plugged(shard_id)
        if plugged is not None:
            return plugged.open_shard(shard_id)
        if local_path(shard_id):
            return open_url(shard_id, untrusted=self.untrusted)
        return super().open_shard(shard_id)

    def local_path(self, shard_id: str) -> Path | None:
        """Return a shard's path on this machine, so that it can be mapped; None if it has none."""
        plugged = self._plugged(shard_id)
        return plugged.local_path(shard_id) if plugged is not None else local_path(shard_id)

    def known_samples(self, shard_id: str) -> int | None:
        """Return the number of samples in a shard, if a plug-in's source reports it.

        Raises:
            ShardNotFound: Not a shard of this source.
        """
        plugged = self._plugged(shard_id)
        return None if plugged is None else plugged.known_samples(shard_id)

    @property
    def is_remote(self) -> bool:
        """Whether any of the shards comes from a network."""
        return any(scheme_of(url) not in _LOCAL for url in self.urls)

    def fetch(self, shard_id: str, **options: Any) -> Path | None:
        """Fetch a shard of the network into the cache; see :class:`ObjectSource`."""
        plugged = self._plugged(shard_id)
        if plugged is not None:
            return plugged.fetch(shard_id, **options)
        return None if local_path(shard_id) else super().fetch(shard_id, **options)

    def open_cached(self, shard_id: str, **options: Any) -> IO[bytes] | None:
        """Open a shard of the network from the cache; see :class:`ObjectSource`."""
        plugged = self._plugged(shard_id)
        if plugged is not None:
            return plugged.open_cached(shard_id, **options)
        return None if local_path(shard_id) else super().open_cached(shard_id, **options)

    def object(self, shard_id: str) -> StoredObject:
        """Return the object of the network that is a shard.

        Raises:
            ShardNotFound: Not a shard of this source, or not an object of the network.
        """
        found = object_at(shard_id, untrusted=self.untrusted, buckets=self._buckets)
        return shard_of({shard_id: found} if found else {}, shard_id)

    @cached_property
    def _found(self) -> list[tuple[str, AdaptedSource | None]]:
        """Each shard's name, and the source of the plug-in that opens it, if one does."""
        found: list[tuple[str, AdaptedSource | None]] = []
        for url in self._names:
            scheme = scheme_of(url)
            if scheme in plugins():
                source = AdaptedSource(open_plugin(scheme, url, untrusted=self.untrusted))
                found += [(name, source) for name in source.list_shards()]
            else:
                found.append((url, None))
        return found

    @cached_property
    def _by_name(self) -> dict[str, AdaptedSource | None]:
        return dict(self._found)

    def _plugged(self, shard_id: str) -> AdaptedSource | None:
        return shard_of(self._by_name, shard_id)

    def __getstate__(self) -> dict[str, Any]:
        known = known_buckets(self._buckets.values())
        buckets = {name: known[name] for name in named_buckets(self._names) & known.keys()}
        return self.__dict__ | {"_buckets": buckets, "_servers": allowed_servers()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for server in state.pop("_servers"):
            allow_server(server)
        self.__dict__.update(state)

    def __repr__(self) -> str:
        shown = [redacted(url) for url in self.urls[:3]] + ["…"] * (len(self.urls) > 3)
        return f"URLSource({shown[0]!r})" if len(shown) == 1 else f"URLSource({shown})"

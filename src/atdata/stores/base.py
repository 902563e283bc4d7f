"""What all stores share: cutting a dataset into shards, naming them, and copying shards."""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atdata._protocols import DataSource
from atdata.base.names import is_portable, portable
from atdata.base.scratch import temporary_folder
from atdata.errors import StorageError, UrlError
from atdata.progress import NullProgress, Progress
from atdata.shards.info import ShardInfo, WrittenShards
from atdata.shards.writer import cut_shards
from atdata.storage.objects import disk_errors
from atdata.stores.copying import Copies
from atdata_records import cid

if TYPE_CHECKING:
    from atdata.dataset import Dataset

# Characters that a URL, a brace pattern or a file system would read as something else.
_REFUSED = re.compile(r'[\x00-\x1f\x7f\s\\{}\[\]*?#%"<>|^`:]')
# Hidden folders, of which disk stores have one of their own; and "." and "..".
_HIDDEN = re.compile(r"(?<![^/])\.")


class ShardStore(ABC):
    """A place that shards are written to: an ``AbstractDataStore`` that can also copy shards.

    A shard's key is ``{prefix}/{index:06d}-{first 16 hex digits of its sha256}.tar``. Under one
    prefix and index, the same bytes have the same key, so a run after a crash writes nothing
    twice, and two datasets never overwrite each other.
    """

    def write_shards(
        self,
        ds: Dataset[Any],
        *,
        prefix: str,
        maxcount: int = 10_000,
        maxsize: int | None = None,
        progress: Progress | None = None,
        dry_run: bool = False,
    ) -> WrittenShards:
        """Write a dataset's samples, in their order, as shards.

        Args:
            ds: The dataset.
            prefix: Where in the store, such as ``"datasets/mnist/v1"``.
            maxcount: Samples per shard, at most.
            maxsize: Bytes per shard, at most; as many as the store takes when None.
            progress: Notified of each shard that is stored.
            dry_run: Store nothing; return what there would be.

        Returns:
            The URLs in order; ``.shards`` has the digest, size and count of each.

        Raises:
            UrlError: The prefix can't be used.
            StorageError: A shard could not be written. No partial shard is left.
        """
        check_prefix(prefix)
        limits = [limit for limit in (maxsize, self.largest_shard()) if limit is not None]
        with self._workspace(prefix, dry_run=dry_run) as folder:
            shards = cut_shards(
                ds.ordered(), folder, maxcount=maxcount, maxsize=min(limits, default=None)
            )
            (progress or NullProgress()).begin(None, None)
            return self._put_all(shards, prefix, progress or NullProgress(), dry_run=dry_run)

    def copy_shards(
        self,
        source: DataSource,
        *,
        prefix: str,
        infos: Sequence[ShardInfo] | None = None,
        progress: Progress | None = None,
        dry_run: bool = False,
    ) -> WrittenShards:
        """Copy shards byte for byte; each is walked and digested while it is copied.

        A shard that is larger than the store takes is cut into as many as it needs, with the
        same samples under the same keys in the same order; ``.cut_from`` of the result then
        has the shard infos of the source.

        Args:
            source: Where the shards are; it is not changed.
            prefix: Where in the store.
            infos: What is known of each shard already, to be checked against.
            progress: Notified of each shard that is stored.
            dry_run: Store nothing; return what there would be. Shards with known infos are not
                read.

        Returns:
            The URLs in order; ``.shards`` has the digest, size and count of each.

        Raises:
            UrlError: The prefix can't be used.
            ShardError: A shard is damaged (``DigestMismatch``: it does not match its info).
            SampleTooLarge: A sample is larger than the store takes; known before the first
                shard is stored, if the shards are local files or their infos show it.
            StorageError: A shard could not be written. No partial shard is left.
        """
        check_prefix(prefix)
        limit = self.largest_shard()
        with self._workspace(prefix, dry_run=dry_run) as folder:
            copies = Copies(source, infos, limit)
            size = copies.size()
            if size is not None:
                self.admit(0, size)
            copies.check()
            (progress or NullProgress()).begin(size, None if limit else len(copies))
            written = self._put_all(
                copies.pieces(folder, unread=dry_run),
                prefix,
                progress or NullProgress(),
                dry_run=dry_run,
                admitted=size is not None,
            )
        return replace(written, cut_from=tuple(copies.originals)) if copies.cut else written

    def read_url(self, url: str) -> str:
        """Return a URL that stock readers can open for a URL of the store; by default the same."""
        return url

    def supports_streaming(self) -> bool:
        """Return whether shards can be read without being downloaded first."""
        return True

    def supports_dry_run(self) -> bool:
        """Return whether the URL of a shard is known before it is stored."""
        return type(self).url_for is not ShardStore.url_for

    @abstractmethod
    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Store one shard, whole or not at all, and return its URL.

        Args:
            path: The shard, in a temporary folder; the store may move it away.
            key: The shard's key, checked already.
            info: The shard's digest, size and count.
        """

    def url_for(self, key: str, info: ShardInfo) -> str:
        """Return the URL that ``put`` will return for a shard.

        Raises:
            StorageError: The store knows the URL only after the shard is stored. Other stores
                override this method.
        """
        raise StorageError(
            f"a {type(self).__name__} knows the URL of a shard only after it is stored",
            hint="Run it without dry_run.",
        )

    def largest_shard(self) -> int | None:
        """Return the bytes of the largest shard that the store takes; None if it takes any."""
        return None

    def admit(self, before: int, after: int) -> None:  # noqa: B027  (most stores take any size)
        """Refuse a dataset that has become too large for the store, or warn.

        Args:
            before: Bytes that were admitted already.
            after: Bytes including the next shards.

        Raises:
            StorageError: It is too large.
        """

    def _put_all(
        self,
        shards: Iterable[tuple[Path, ShardInfo]],
        prefix: str,
        progress: Progress,
        *,
        dry_run: bool,
        admitted: bool = False,
    ) -> WrittenShards:
        urls: list[str] = []
        infos: list[ShardInfo] = []
        size = 0
        for index, (path, info) in enumerate(shards):
            if not admitted:
                self.admit(size, size + info.size)
            key = shard_key(prefix, index, info)
            urls.append(self.url_for(key, info) if dry_run else self.put(path, key, info))
            infos.append(info)
            size += info.size
            path.unlink(missing_ok=True)
            progress.advance(info.size, 1)
        return WrittenShards(tuple(urls), tuple(infos))

    @contextlib.contextmanager
    def _workspace(self, prefix: str, *, dry_run: bool) -> Iterator[Path]:
        """Make a folder for unfinished shards, and raise errors of the file system as our own."""
        # A dry run leaves no trace in the store itself.
        made = ShardStore._temporary_folder(self) if dry_run else self._temporary_folder()
        with disk_errors(f"shards below {prefix!r} could not be written"), made as folder:
            yield folder

    def _temporary_folder(self) -> contextlib.AbstractContextManager[Path]:
        return temporary_folder()


def shard_key(prefix: str, index: int, info: ShardInfo) -> str:
    """Return ``{prefix}/{index:06d}-{first 16 hex digits of the sha256}.tar``."""
    return f"{prefix.rstrip('/')}/{index:06d}-{cid.digest(info.cid).hex()[:16]}.tar"


def prefix_for(name: str) -> str:
    """Return a prefix for a dataset name. Two names may share one: keys differ by digest."""
    return "/".join(map(portable, _HIDDEN.sub("-", _REFUSED.sub("-", name)).split("/")))


def check_prefix(prefix: str) -> None:
    """Refuse prefixes that could lead out of the store or can't be a part of a URL.

    Raises:
        UrlError: The prefix is empty or absolute, has a segment that is empty or starts with a
            dot, a character that URLs, patterns or file systems treat as special, or a segment
            that Windows could not hold, such as ``aux`` or ``v1.``.
    """
    segments = prefix.removesuffix("/").split("/")
    plain = "" not in segments and all(map(is_portable, segments))
    if not plain or _HIDDEN.search(prefix) or _REFUSED.search(prefix):
        raise UrlError(
            f"{prefix!r} can't be a prefix", hint="Use a relative one, such as 'datasets/mnist'."
        )

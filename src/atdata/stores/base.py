"""What all stores share: cutting a dataset into shards, naming them, and copying shards."""

from __future__ import annotations

import contextlib
import errno
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from atdata._protocols import DataSource
from atdata.errors import AtdataError, DigestMismatch, StorageError, UrlError
from atdata.shards.manifest import ShardInfo, ShardUrls, inspect_shard
from atdata.shards.writer import cut_shards
from atdata.sources.adapt import AdaptedSource
from atdata.sources.verified import VerifiedSource
from atdata_records import cid

if TYPE_CHECKING:
    from atdata.dataset import Dataset

# Characters that a URL, a brace pattern or a file system would read as something else.
_REFUSED = re.compile(r'[\x00-\x1f\x7f\s\\{}\[\]*?#%"<>|^`:]')
# Hidden folders, of which disk stores have one of their own; and "." and "..".
_HIDDEN = re.compile(r"(?<![^/])\.")


class ShardStore(ABC):
    """A place that shards are written to: ``AbstractDataStore`` of seed 001, and copying.

    A shard's key is ``{prefix}/{index:06d}-{first 16 hex digits of its sha256}.tar``. The same
    bytes have the same key, so that a run after a crash writes nothing twice, and two datasets
    never overwrite each other.
    """

    def write_shards(
        self, ds: Dataset[Any], *, prefix: str, maxcount: int = 10_000, maxsize: int | None = None
    ) -> ShardUrls:
        """Write a dataset's samples, in their order, as shards.

        Args:
            ds: The dataset.
            prefix: Where in the store, such as ``"datasets/mnist/v1"``.
            maxcount: Samples per shard, at most.
            maxsize: Bytes per shard, at most; no limit when None.

        Returns:
            The URLs in order; ``.shards`` tells the digest, size and count of each.

        Raises:
            UrlError: The prefix can't be used.
            StorageError: A shard could not be written. No half shard is left.
        """
        check_prefix(prefix)
        with self._workspace(prefix) as folder:
            shards = cut_shards(ds.ordered(), folder, maxcount=maxcount, maxsize=maxsize)
            return self._put_all(shards, prefix)

    def copy_shards(
        self, source: DataSource, *, prefix: str, infos: Sequence[ShardInfo] | None = None
    ) -> ShardUrls:
        """Copy shards byte for byte; each is walked and digested while it is copied.

        Args:
            source: Where the shards are.
            prefix: Where in the store.
            infos: What is known of each shard already, to be checked against.

        Returns:
            The URLs in order; ``.shards`` tells the digest, size and count of each.

        Raises:
            UrlError: The prefix can't be used.
            ShardError: A shard is damaged (``DigestMismatch``: it is not the one that was told).
            StorageError: A shard could not be written. No half shard is left.
        """
        check_prefix(prefix)
        with self._workspace(prefix) as folder:
            return self._put_all(_copies(source, folder, infos), prefix)

    def read_url(self, url: str) -> str:
        """A URL that stock readers can open for one of the store's URLs: itself, by default."""
        return url

    def supports_streaming(self) -> bool:
        """Whether shards can be read without being downloaded first."""
        return True

    @abstractmethod
    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Store one shard, whole or not at all, and return its URL.

        Args:
            path: The shard, in a folder of ours; the store may move it away.
            key: The shard's key, which is checked already.
            info: The shard's digest, size and count.
        """

    def _put_all(self, shards: Iterable[tuple[Path, ShardInfo]], prefix: str) -> ShardUrls:
        urls, infos = [], []
        for index, (path, info) in enumerate(shards):
            urls.append(self.put(path, shard_key(prefix, index, info), info))
            infos.append(info)
            path.unlink(missing_ok=True)
        return ShardUrls(urls, infos)

    @contextlib.contextmanager
    def _workspace(self, prefix: str) -> Iterator[Path]:
        """A folder for shards under way, and errors of the file system as our own."""
        try:
            with self._temporary_folder() as folder:
                yield folder
        except AtdataError:
            raise
        except OSError as error:
            raise storage_error(error, f"shards below {prefix!r} could not be written") from error

    @contextlib.contextmanager
    def _temporary_folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="atdata-") as folder:
            yield Path(folder)


def shard_key(prefix: str, index: int, info: ShardInfo) -> str:
    """``{prefix}/{index:06d}-{first 16 hex digits of the sha256}.tar``."""
    return f"{prefix.rstrip('/')}/{index:06d}-{cid.digest(info.cid).hex()[:16]}.tar"


def prefix_for(name: str) -> str:
    """A prefix for a dataset of this name. Two names may share one: keys tell shards apart."""
    return _HIDDEN.sub("-", _REFUSED.sub("-", name))


def check_prefix(prefix: str) -> None:
    """Refuse prefixes that could lead out of the store or can't be a part of a URL.

    Raises:
        UrlError: The prefix is empty or absolute, has a segment that is empty or starts with a
            dot, or a character that URLs, patterns or file systems treat as special.
    """
    segments = prefix.removesuffix("/").split("/")
    if "" in segments or _HIDDEN.search(prefix) or _REFUSED.search(prefix):
        raise UrlError(
            f"{prefix!r} can't be a prefix", hint="Use a relative one, such as 'datasets/mnist'."
        )


def storage_error(error: OSError, message: str) -> StorageError:
    """An error of the file system as ours, with the place and what to do next."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return StorageError(
        f"{message}: {error.strerror or error}",
        uri=None if error.filename is None else str(error.filename),
        hint="Make room, then run it again: shards that are there stay." if full else None,
    )


def _copies(
    source: DataSource, folder: Path, infos: Sequence[ShardInfo] | None
) -> Iterator[tuple[Path, ShardInfo]]:
    checked = AdaptedSource(source) if infos is None else VerifiedSource(source, infos)
    for index, name in enumerate(checked.list_shards()):
        path = folder / f"{index:06d}.tar"
        with checked.open_shard(name) as stream, path.open("xb") as copy:
            info = inspect_shard(_Tee(stream, copy), name)
        if infos is not None and info != infos[index]:
            raise DigestMismatch(
                f"the shard has {info.samples} samples, not {infos[index].samples}", shard=name
            )
        yield path, info


class _Tee:
    """A stream that also writes to a file what is read from it."""

    def __init__(self, stream: IO[bytes], copy: IO[bytes]) -> None:
        self._stream = stream
        self._copy = copy

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        try:
            self._copy.write(data)
        except OSError as error:
            # Told apart here: to whoever reads, it would look like a broken source.
            raise storage_error(error, "a copy of the shard could not be written") from error
        return data

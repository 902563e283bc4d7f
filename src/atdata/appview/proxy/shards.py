"""The shards of published datasets: their URLs and expected bytes."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from atdata.appview.database.protocol import Row
from atdata.appview.database.views import known_shards, record_of
from atdata.appview.proxy.fetching import Fetcher, Target
from atdata.appview.proxy.upstream import UpstreamError, upstream_errors
from atdata.shards.expected import ExpectedShard
from atdata.shards.info import ShardInfo
from atdata.sources.braces import MAX_RECORD_NAMES, Names
from atdata_records import Blob, ValidationError, cid
from atdata_records.ac.foundation.dataset.defs import Shard
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record, UrlStorage

_LARGEST_MANIFEST = 16 * 2**20
# Values in a list of shards, each of which takes a hundred times its bytes when it is read.
_MOST_VALUES = 6 * MAX_RECORD_NAMES
_MOST_KEPT = 2 * MAX_RECORD_NAMES  # shards, of all datasets whose lists are kept


@dataclass(frozen=True, slots=True)
class RemoteShard:
    """One shard of a dataset.

    Attributes:
        url: The URL to fetch it from.
        info: What is known of its bytes; None when nothing is known.
        is_blob: Whether it is a blob of the repository.
    """

    url: str
    info: ShardInfo | ExpectedShard | None
    is_blob: bool

    @property
    def samples(self) -> int | None:
        """The number of its samples; None when that is not known."""
        return self.info.samples if isinstance(self.info, ShardInfo) else None

    @property
    def target(self) -> Target | None:
        """What to fetch; None if its bytes can't be verified."""
        if self.info is None or self.info.size is None:
            return None
        return Target(self.info.cid, self.info.size, self.url)


class RemoteShards:
    """The shards of a dataset, in order; each one is made on access.

    Args:
        urls: The URL of each.
        infos: What is known of each; None if the record contains nothing.
        is_blob: Whether they are blobs of the repository.
    """

    def __init__(
        self,
        urls: Sequence[str],
        infos: Sequence[ShardInfo | ExpectedShard] | None,
        *,
        is_blob: bool,
    ) -> None:
        self.infos = infos
        self._urls = urls
        self._is_blob = is_blob

    def __len__(self) -> int:
        return len(self._urls)

    def __iter__(self) -> Iterator[RemoteShard]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> RemoteShard:
        info = None if self.infos is None else self.infos[number]
        return RemoteShard(self._urls[number], info, self._is_blob)


class ShardFinder:
    """Finds the shards of datasets, and keeps their lists.

    Args:
        fetcher: Gets the lists of shards that are too long for a record.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._kept: OrderedDict[tuple[str, ...], RemoteShards] = OrderedDict()

    async def of(self, row: Row, client: str) -> RemoteShards:
        """Return the shards of a dataset, in order.

        Args:
            row: The dataset.
            client: The client that asks.

        Raises:
            UpstreamError: They can't be listed.
        """
        key = (row["did"], row["cid"], row["pds"] or "")
        shards = self._kept.get(key)
        if shards is None:
            record = await asyncio.to_thread(record_of, row)
            blob = record.manifest if record.shards is None else None
            text = await self._manifest(row, blob, client) if blob else None
            shards = await asyncio.to_thread(_remote_shards, record, row, text)
            self._keep(key, shards)
        return shards

    def _keep(self, key: tuple[str, ...], shards: RemoteShards) -> None:
        self._kept[key] = shards
        while sum(map(len, self._kept.values())) > _MOST_KEPT:
            self._kept.popitem(last=False)

    async def _manifest(self, row: Row, blob: Blob, client: str) -> bytes:
        if blob.size > _LARGEST_MANIFEST:
            raise UpstreamError(501, "TooLarge", "the dataset's list of shards is too long")
        url = blob_url(_pds(row), row["did"], blob.ref)
        target = Target(blob.ref, blob.size, url)
        with await self._fetcher.whole(target, client) as file:
            return await asyncio.to_thread(file.read)


def _pds(row: Row) -> str:
    """Return the server of a dataset's repository; the ingest resolves unknown ones."""
    if row["pds"]:
        return str(row["pds"])
    raise UpstreamError(503, "Unresolved", "the repository's server is not known yet", 30)


def _remote_shards(record: Record, row: Row, manifest: bytes | None) -> RemoteShards:
    infos = known_shards(record) if manifest is None else _parsed(manifest)
    if isinstance(record.storage, BlobStorage):
        return _blobs(record.storage, row["did"], _pds(row), infos)
    if isinstance(record.storage, UrlStorage):
        with upstream_errors():
            return _urls(record.storage, infos)
    raise UpstreamError(501, "NotProxied", "a kind of storage that this service does not support")


def _parsed(manifest: bytes) -> list[ShardInfo]:
    if sum(map(manifest.count, (b"{", b"[", b","))) > _MOST_VALUES:
        raise UpstreamError(501, "TooLarge", "the dataset's list of shards is too long")
    try:
        shards = [Shard.from_dict(item) for item in json.loads(manifest)]
    except (ValueError, TypeError, RecursionError, ValidationError) as error:
        raise UpstreamError(502, "BadManifest", "the list of shards can't be read") from error
    return [ShardInfo(shard.cid, shard.size, shard.samples) for shard in shards]


def blob_url(pds: str, did: str, blob: str) -> str:
    """Return the URL at which a repository's server offers one of its blobs."""
    return f"{pds}/xrpc/com.atproto.sync.getBlob?{urlencode({'did': did, 'cid': blob}, safe=':')}"


def _blobs(storage: BlobStorage, did: str, pds: str, infos: list[ShardInfo] | None) -> RemoteShards:
    urls = [blob_url(pds, did, blob.ref) for blob in storage.blobs]
    known: list[ShardInfo | ExpectedShard] = []
    for number, blob in enumerate(storage.blobs):
        info: ShardInfo | ExpectedShard = ExpectedShard(str(blob.ref), blob.size)
        if infos and number < len(infos):
            info = ShardInfo(str(blob.ref), blob.size, infos[number].samples)
        known.append(info)
    return RemoteShards(urls, known, is_blob=True)


def _urls(storage: UrlStorage, infos: list[ShardInfo] | None) -> RemoteShards:
    names = Names(storage.urls, MAX_RECORD_NAMES)
    if infos is not None and (
        len(infos) != len(names) or not all(cid.is_cid(info.cid) for info in infos)
    ):
        raise UpstreamError(
            502, "BadRecord", f"the record describes {len(infos)} shards but has {len(names)} URLs"
        )
    return RemoteShards(names, infos, is_blob=False)

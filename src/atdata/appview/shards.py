"""Which bytes a shard of a dataset must be, and where they can be had."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import urlencode

from atdata.appview.database import Row
from atdata.appview.fetching import Fetcher, Wanted
from atdata.appview.network import Network
from atdata.appview.upstream import UpstreamError, told
from atdata.appview.views import known_shards, record_of
from atdata.shards.manifest import ShardInfo
from atdata.sources.braces import count, iterate
from atdata.sources.verified import Promise
from atdata_records import Blob, ValidationError, cid
from atdata_records.ac.foundation.dataset.defs import Shard
from atdata_records.ac.foundation.dataset.record import BlobStorage, UrlStorage

_LARGEST_MANIFEST = 16 * 2**20
_MOST_SHARDS = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """One shard of a dataset.

    Attributes:
        url: Where it can be had.
        info: What it must be; None when that is not known.
        is_blob: Whether it is a blob of the repository.
    """

    url: str
    info: ShardInfo | Promise | None
    is_blob: bool

    @property
    def samples(self) -> int | None:
        """How many it holds; None when that is not known."""
        return self.info.samples if isinstance(self.info, ShardInfo) else None

    @property
    def wanted(self) -> Wanted | None:
        """What to fetch; None when its bytes can't be checked."""
        if self.info is None or self.info.size is None:
            return None
        return Wanted(self.info.cid, self.info.size, self.url)


class Shards:
    """Finds the shards of datasets.

    Args:
        network: Knows the repositories' servers.
        fetcher: Gets the lists of shards that are too long for a record.
    """

    def __init__(self, network: Network, fetcher: Fetcher) -> None:
        self._network = network
        self._fetcher = fetcher

    async def of(self, row: Row, client: str) -> list[Place]:
        """The shards of a dataset, in order.

        Args:
            row: The dataset.
            client: Who asks.

        Raises:
            UpstreamError: They can't be told.
        """
        record = record_of(row)
        infos = known_shards(record)
        if infos is None and record.manifest is not None:
            infos = await self._manifest(row, record.manifest, client)
        if isinstance(record.storage, BlobStorage):
            pds = await self._pds(row)
            return _blobs(record.storage, row["did"], pds, infos)
        if isinstance(record.storage, UrlStorage):
            with told():
                return _urls(record.storage, infos)
        raise UpstreamError(501, "NotProxied", "a kind of storage that this service does not know")

    async def _pds(self, row: Row) -> str:
        # The table knows it, but for repositories that were not read yet.
        if row["pds"]:
            return str(row["pds"])
        with told():
            return (await asyncio.to_thread(self._network.resolve, row["did"])).pds

    async def _manifest(self, row: Row, blob: Blob, client: str) -> list[ShardInfo]:
        if blob.size > _LARGEST_MANIFEST:
            raise UpstreamError(501, "TooLarge", "the dataset's list of shards is too long")
        url = blob_url(await self._pds(row), row["did"], blob.ref)
        wanted = Wanted(blob.ref, blob.size, url)
        with await self._fetcher.whole(wanted, client) as file:
            text = file.read()
        try:
            shards = [Shard.from_dict(item) for item in json.loads(text)]
        except (ValueError, TypeError, ValidationError) as error:
            raise UpstreamError(502, "BadManifest", "the list of shards can't be read") from error
        return [ShardInfo(shard.cid, shard.size, shard.samples) for shard in shards]


def blob_url(pds: str, did: str, blob: str) -> str:
    """Where a repository's server offers one of its blobs."""
    return f"{pds}/xrpc/com.atproto.sync.getBlob?{urlencode({'did': did, 'cid': blob}, safe=':')}"


def _blobs(storage: BlobStorage, did: str, pds: str, infos: list[ShardInfo] | None) -> list[Place]:
    places = []
    for number, blob in enumerate(storage.blobs):
        info: ShardInfo | Promise = Promise(str(blob.ref), blob.size)
        if infos and number < len(infos):
            info = ShardInfo(str(blob.ref), blob.size, infos[number].samples)
        places.append(Place(blob_url(pds, did, blob.ref), info, True))
    return places


def _urls(storage: UrlStorage, infos: list[ShardInfo] | None) -> list[Place]:
    total = sum(count(url) for url in storage.urls)
    if total > _MOST_SHARDS:
        raise UpstreamError(501, "TooLarge", "the dataset has too many shards")
    names = [name for url in storage.urls for name in iterate(url)]
    if infos is None:
        return [Place(name, None, False) for name in names]
    if len(infos) != total or not all(cid.is_cid(info.cid) for info in infos):
        raise UpstreamError(
            502, "BadRecord", f"the record tells of {len(infos)} shards and names {total}"
        )
    return [Place(name, info, False) for name, info in zip(names, infos, strict=True)]

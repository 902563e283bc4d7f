"""Shards that are blobs of an AT Protocol repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

from atdata.cache.fetch import cached_path
from atdata.errors import NetworkError, ShardNotFound, UrlError
from atdata.shards.info import ShardInfo
from atdata.shards.promise import Promise, verified
from atdata.sources.streams import ShardStreams
from atdata.storage.http import open_range
from atdata.storage.remote import Opened
from atdata.storage.resume import open_resuming
from atdata_records import cid, formats

BlobRef = Mapping[str, Any]
"""``{"did": …, "cid": …}``, and ``"size"`` where known."""


class BlobSource:
    """Blobs as shards, named ``at://{did}/blob/{cid}``, checked against their CIDs while read.

    Args:
        blob_refs: Which blobs, in order.
        pds_endpoint: Base URL of the server that holds the repositories.
        untrusted: The endpoint comes from the network: a private address is refused. False when
            the user chose it.

    Attributes:
        blob_refs: As given.
        pds_endpoint: As given.
        untrusted: As given.
        shards: (name, stream) pairs, to iterate over or to call.

    Raises:
        UrlError: A reference names no DID or CID, or there are none.
    """

    def __init__(
        self, blob_refs: Iterable[BlobRef], pds_endpoint: str, *, untrusted: bool = True
    ) -> None:
        self.untrusted = untrusted
        self.pds_endpoint = pds_endpoint.rstrip("/")
        self.blob_refs = [dict(ref) for ref in blob_refs]
        if not self.blob_refs:
            raise UrlError("no blobs were given")
        self._refs = {_name(ref): ref for ref in self.blob_refs}
        self.shards = ShardStreams(self)

    @classmethod
    def from_refs(
        cls, refs: Iterable[BlobRef | str], pds_endpoint: str, *, untrusted: bool = True
    ) -> BlobSource:
        """Make a source from references: ``at://{did}/blob/{cid}``, or as for the class.

        Raises:
            UrlError: A reference has another form.
        """
        parsed = [_parse(ref) if isinstance(ref, str) else ref for ref in refs]
        return cls(parsed, pds_endpoint, untrusted=untrusted)

    def list_shards(self) -> list[str]:
        """Return each blob as ``at://{did}/blob/{cid}``."""
        return [_name(ref) for ref in self.blob_refs]

    @property
    def shard_list(self) -> list[str]:
        """Each blob as ``at://{did}/blob/{cid}``."""
        return self.list_shards()

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a checked stream of one blob; the caller closes it.

        Raises:
            ShardNotFound: Not a shard of this source.
            AddressRefused: The server's address is private.
            NetworkError: The server can't be reached or has no such blob.
            DigestMismatch: From reading it: the bytes are not those of the CID.
        """
        ref = self._ref(shard_id)
        try:
            stream = open_resuming(_open_range, self._url(ref), untrusted=self.untrusted)
        except NetworkError as error:
            error.shard = shard_id  # its URL names the server only
            raise
        return verified(stream, shard_id, cid.digest(ref["cid"]), ref.get("size"))

    @property
    def is_remote(self) -> bool:
        """Always True: shards come from the network."""
        return True

    def fetch(
        self,
        shard_id: str,
        *,
        promised: ShardInfo | Promise | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Path | None:
        """Return the path of a blob in the cache; fetch and check it if it is not there.

        Returns:
            The path; None if it is to be read as a stream.

        Raises:
            ShardNotFound: Not a shard of this source.
            AtdataError: As ``cached_path`` in :mod:`atdata.cache.fetch`.
        """
        ref = self._ref(shard_id)
        return cached_path(
            self._url(ref),
            _open_range,
            promised=Promise(ref["cid"], ref.get("size")),
            untrusted=self.untrusted,
            is_cancelled=is_cancelled,
        )

    def _ref(self, shard_id: str) -> BlobRef:
        ref = self._refs.get(shard_id)
        if ref is None:
            raise ShardNotFound("the source has no such shard", shard=shard_id)
        return ref

    def _url(self, ref: BlobRef) -> str:
        query = urlencode({"did": ref["did"], "cid": ref["cid"]})
        return f"{self.pds_endpoint}/xrpc/com.atproto.sync.getBlob?{query}"

    def __repr__(self) -> str:
        return f"BlobSource({len(self.blob_refs)} blobs, pds_endpoint={self.pds_endpoint!r})"


def _open_range(url: str, **part: Any) -> Opened:
    # Servers send no tag with a blob; the CID in its URL identifies its bytes.
    return replace(open_range(url, **(part | {"tag": None})), tag=url)


def _name(ref: BlobRef) -> str:
    did, blob = str(ref.get("did")), str(ref.get("cid"))
    if not formats.is_did(did):
        raise UrlError(f"a blob reference without a DID: {did!r}")
    try:
        cid.digest(blob)
    except ValueError as error:
        raise UrlError(f"a blob reference without a CID: {blob!r}") from error
    return f"at://{did}/blob/{blob}"


def _parse(ref: str) -> BlobRef:
    did, blob, name = [*ref.removeprefix("at://").split("/", 2), "", ""][:3]
    if blob != "blob":
        raise UrlError("not a blob reference", uri=ref, hint="write at://{did}/blob/{cid}")
    return {"did": did, "cid": name}

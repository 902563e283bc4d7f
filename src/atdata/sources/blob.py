"""Shards that are blobs of an AT Protocol repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

from atdata.errors import NetworkError, UrlError
from atdata.shards.expected import ExpectedShard, mismatch, verified
from atdata.shards.info import ShardInfo
from atdata.sources.base import ObjectSource, shard_of
from atdata.sources.plugins import open_plugin
from atdata.storage.http import Web
from atdata.storage.objects import StoredObject
from atdata.storage.resume import Opened
from atdata_records import cid, formats

BlobRef = Mapping[str, Any]
"""``{"did": …, "cid": …}``, and ``"size"`` where known."""


class BlobSource(ObjectSource):
    """Blobs as shards, named ``at://{did}/blob/{cid}``, checked against their CIDs while read.

    Args:
        blob_refs: Which blobs, in order.
        pds_endpoint: Base URL of the server that holds the repositories. When None, the server
            that each DID names, looked up when its first blob is read.
        untrusted: The endpoint comes from the network: a private address is refused.

    Attributes:
        blob_refs: As given.
        pds_endpoint: As given.
        untrusted: As given.

    Raises:
        UrlError: A reference names no DID or CID, or there are none.
    """

    def __init__(
        self,
        blob_refs: Iterable[BlobRef],
        pds_endpoint: str | None = None,
        *,
        untrusted: bool = False,
    ) -> None:
        self.untrusted = untrusted
        self.pds_endpoint = None if pds_endpoint is None else pds_endpoint.rstrip("/")
        self.blob_refs = [dict(ref) for ref in blob_refs]
        if not self.blob_refs:
            raise UrlError("no blobs were given")
        self._refs = {_name(ref): ref for ref in self.blob_refs}
        self._homes: dict[str, tuple[str, bool]] = {}

    @classmethod
    def from_refs(
        cls,
        refs: Iterable[BlobRef | str],
        pds_endpoint: str | None = None,
        *,
        untrusted: bool = False,
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

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a checked stream of one blob; the caller closes it.

        Raises:
            ShardNotFound: Not a shard of this source.
            AddressRefused: The server's address is private.
            NetworkError: The server can't be reached or has no such blob.
            DigestMismatch: From reading it: the bytes are not those of the CID.
        """
        expected = self._expected(shard_id)
        try:
            stream = super().open_shard(shard_id)
        except NetworkError as error:
            error.shard = shard_id  # its URL names the server only
            raise
        return verified(stream, shard_id, cid.digest(expected.cid), expected.size)

    def fetch(
        self, shard_id: str, *, expected: ShardInfo | ExpectedShard | None = None, **options: Any
    ) -> Path | None:
        """Fetch a blob into the cache as :class:`ObjectSource` does, checked against its CID.

        Raises:
            DigestMismatch: Another shard is expected than the blob is.
        """
        return super().fetch(shard_id, expected=self._agreed(shard_id, expected), **options)

    def open_cached(
        self, shard_id: str, *, expected: ShardInfo | ExpectedShard | None = None, **options: Any
    ) -> IO[bytes] | None:
        """Open a blob's file, checked against its CID; raises as :meth:`fetch`."""
        return super().open_cached(shard_id, expected=self._agreed(shard_id, expected), **options)

    def object(self, shard_id: str) -> StoredObject:
        """Return the blob at its server; raises as :meth:`open_shard`."""
        ref = shard_of(self._refs, shard_id)
        endpoint, untrusted = self._home(ref["did"], shard_id)
        query = urlencode({"did": ref["did"], "cid": ref["cid"]})
        return StoredObject(_Blobs(untrusted), f"{endpoint}/xrpc/com.atproto.sync.getBlob?{query}")

    def _home(self, did: str, shard_id: str) -> tuple[str, bool]:
        """Return the server of a repository, and whether only the network names it."""
        if self.pds_endpoint is not None:
            return self.pds_endpoint, self.untrusted
        if did not in self._homes:
            # The plug-in for at:// knows how a DID is looked up.
            found: Any = open_plugin("at", shard_id, untrusted=False)
            self._homes[did] = found.pds_endpoint, found.untrusted
        return self._homes[did]

    def _agreed(self, shard_id: str, expected: ShardInfo | ExpectedShard | None) -> ExpectedShard:
        blob = self._expected(shard_id)
        if expected is not None and expected.cid != blob.cid:
            raise mismatch(f"the blob is {blob.cid}, not {expected.cid}", shard_id)
        return blob

    def _expected(self, shard_id: str) -> ExpectedShard:
        ref = shard_of(self._refs, shard_id)
        return ExpectedShard(ref["cid"], ref.get("size"))

    def __repr__(self) -> str:
        return f"BlobSource({len(self.blob_refs)} blobs, pds_endpoint={self.pds_endpoint!r})"


class _Blobs(Web):
    def _open_range(self, key: str, start: int, stop: int | None, tag: str | None) -> Opened:
        # Servers send no tag with a blob; the CID in its URL identifies its bytes.
        return replace(super()._open_range(key, start, stop, None), tag=key)


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
        raise UrlError("not a blob reference", uri=ref, hint="Write at://{did}/blob/{cid}.")
    return {"did": did, "cid": name}

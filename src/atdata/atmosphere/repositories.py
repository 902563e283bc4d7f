"""Reading repositories of the network: records and blobs, from the server that holds them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from atdata.atmosphere.identity import Identity, Resolver
from atdata.atmosphere.kept import (
    keep_blob,
    keep_identity,
    keep_record,
    kept_blob,
    kept_identity,
    kept_record,
)
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.xrpc import Reader
from atdata.base.listing import Listing
from atdata.errors import (
    AuthError,
    DigestMismatch,
    EntryNotFound,
    NetworkError,
    RecordError,
    XrpcError,
)
from atdata.storage.offline import is_offline, refuse_offline
from atdata.storage.pace import Patience
from atdata_records import cid as cids
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

if TYPE_CHECKING:
    from atdata.storage.guard import Watch

T = TypeVar("T")

_PAGE = 100  # the most that listRecords returns at once
_BLOB_PAGE = 1000  # and listBlobs
_MAX_PAGES = 10_000  # a server with more pages than this is taken to be stalling
_LISTING_SECONDS = 300.0  # of waiting for all pages of a listing
_MAX_BLOB = 2**30  # bytes


class Repositories:
    """Public reads. No login is needed; ``own`` is the account that ``repo=None`` means.

    Args:
        chosen: Base URL of a server that the user chose: it may be on a private address, and
            it is asked about handles of its own. All other servers are named by the network.
        watch: Bounds the time of every step on the network, in addition to the least rate.
    """

    def __init__(self, chosen: str | None, watch: Watch | None = None) -> None:
        self._chosen = {chosen} if chosen else set[str]()
        self._trusted = Reader(untrusted=False, watch=watch)
        self._untrusted = Reader(untrusted=True, watch=watch)
        self._resolver = Resolver(self._untrusted, self._trusted, chosen)
        self._own: Identity | None = None

    def resolve(self, actor: str | None = None) -> Identity:
        """Return the identity of a handle or DID; of the logged-in account when None.

        Raises:
            UrlError: It is neither, or handle and DID do not name each other.
            NetworkError: It can't be resolved.
            AuthError: ``actor`` is None, and no account is logged in.
        """
        if self._own and actor in (None, self._own.did, self._own.handle):
            return self._own
        if actor is None:
            return self._own_identity()
        if is_offline():
            if kept := kept_identity(actor):
                return kept
            refuse_offline(actor)
        identity = self._resolver.resolve(actor)
        keep_identity(actor, identity)
        return identity

    def _own_identity(self) -> Identity:
        raise AuthError("not logged in", hint="Name a repo, or use an AtmosphereClient.")

    def is_chosen(self, pds: str) -> bool:
        """Return whether the user chose this server, so that it may be on a private address."""
        return pds in self._chosen

    # -- records

    def find_record(self, uri: str | AtUri) -> StoredRecord | None:
        """Return a record as its repository has it, or None when there is no such record.

        Offline, return the record as it was last read, within thirty days.

        Raises:
            UrlError: The URI is not the AT URI of a record.
            NetworkError: The server could not be reached, or refused.
        """
        at = uri if isinstance(uri, AtUri) else AtUri.parse(uri)
        home = self.resolve(at.authority)
        if at.authority != home.did:
            at = AtUri(home.did, at.collection, at.rkey)
        if is_offline() and (kept := kept_record(at)):
            return kept
        place = {"repo": home.did, "collection": at.collection, "rkey": at.rkey}
        try:
            answer = self._query(home.pds, "com.atproto.repo.getRecord", place)
        except XrpcError as error:
            if error.code == "RecordNotFound":
                return None
            raise
        found = StoredRecord.from_answer(answer, at)
        keep_record(at, found)
        return found

    def get_record(self, uri: str | AtUri) -> dict[str, Any]:
        """Return the value of a record, in its JSON shape.

        Raises:
            EntryNotFound: There is no such record.
            UrlError, NetworkError: As ``find_record``.
        """
        found = self.find_record(uri)
        if found is None:
            raise EntryNotFound("no such record", uri=str(uri))
        return found.value

    def records(
        self, collection: str, repo: str | None = None, *, patience: Patience | None = None
    ) -> Iterator[StoredRecord]:
        """Yield all records of a collection, page by page.

        Args:
            collection: NSID of the records.
            repo: Handle or DID; the logged-in account when None.
            patience: Bounds the waiting for all pages; by default to five minutes.

        Raises:
            UrlError, NetworkError, AuthError: As ``resolve``; the listing takes too long.
        """
        cursor: str | None = None
        patience = patience or listing_patience()
        for _ in range(_MAX_PAGES):
            with patience.waiting():
                page, cursor = self._page(collection, repo, cursor, _PAGE)
            yield from page
            if cursor is None:
                return
        raise NetworkError(f"the listing of {collection} does not end", uri=repo)

    def first_records(self, collection: str, repo: str | None = None) -> list[StoredRecord]:
        """Return the first records of a collection by key: up to a hundred, in one request.

        Arguments and errors are those of ``records``.
        """
        return self._page(collection, repo, None, _PAGE, ascending=True)[0]

    def find_schema(self, uri: AtUri, name: str, version: str) -> StoredRecord | None:
        """Return the published record of a schema version; None when there is none.

        Make one request when atdata published it. Other tools choose other keys, mostly derived
        from the time and so starting with a digit: one more request reads the hundred keys that
        come first. A schema that is not among them is published once more, with the same content
        CID.

        Args:
            uri: Its address, if atdata published it.
            name: Its name.
            version: Its version.
        """
        found = self.find_record(uri)
        if found is not None:
            return found
        for listed in self.first_records(SampleSchema.NSID, uri.authority):
            try:
                record = listed.read(SampleSchema)
            except RecordError:
                continue  # what can't be read is not this one
            if (record.name, record.version) == (name, version):
                return listed
        return None

    def list_records(
        self,
        collection: str,
        *,
        repo: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return the values of a collection's records.

        Args:
            collection: NSID of the records.
            repo: Handle or DID; the logged-in account when None.
            limit: Read one page of at most this many (100 at most). When None, read all.
            cursor: Where an earlier page ended.

        Returns:
            The values, and the cursor of the next page (None when all were read).
        """
        if limit is None and cursor is None:
            return [found.value for found in self.records(collection, repo)], None
        page, after = self._page(collection, repo, cursor, min(limit or _PAGE, _PAGE))
        return [found.value for found in page], after

    def list_schemas(
        self, repo: str | None = None, limit: int | None = None
    ) -> Listing[dict[str, Any]]:
        """Return a view of a repository's sample schemas: their values, at most ``limit``."""
        return self._listing(SampleSchema.NSID, repo, limit)

    def list_datasets(
        self, repo: str | None = None, limit: int | None = None
    ) -> Listing[dict[str, Any]]:
        """Return a view of a repository's dataset records: their values, at most ``limit``."""
        return self._listing(Record.NSID, repo, limit)

    def _listing(
        self, collection: str, repo: str | None, limit: int | None
    ) -> Listing[dict[str, Any]]:
        def read() -> Iterator[dict[str, Any]]:
            return (found.value for found in islice(self.records(collection, repo), limit))

        return Listing(read, lambda value: str(value.get("name")))

    def _page(
        self,
        collection: str,
        repo: str | None,
        cursor: str | None,
        limit: int,
        *,
        ascending: bool = False,
    ) -> tuple[list[StoredRecord], str | None]:
        home = self.resolve(repo)
        params: dict[str, str | int] = {"repo": home.did, "collection": collection, "limit": limit}
        if ascending:
            params["reverse"] = "true"  # the lexicon's word: newest first is its forward
        if cursor:
            params["cursor"] = cursor
        answer = self._query(home.pds, "com.atproto.repo.listRecords", params)
        listed = answer.get("records")
        if not isinstance(listed, list):
            raise NetworkError("the server's answer lacks the list of records", uri=home.pds)
        after = answer.get("cursor")
        # Servers return a cursor with a page that is not full, and some with an empty one.
        more = bool(listed) and isinstance(after, str) and after != cursor
        page = [StoredRecord.from_answer(item) for item in listed]
        for found in page:
            if (found.uri.authority, found.uri.collection) != (home.did, collection):
                raise NetworkError("the listing has a record of others", uri=str(found.uri))
        return page, after if more else None

    def _query(
        self, pds: str, method: str, params: dict[str, str | int] | dict[str, str] | None = None
    ) -> dict[str, Any]:
        return self._reader(pds).get_json(f"{pds}/xrpc/{method}", params)

    def _reader(self, pds: str) -> Reader:
        return self._trusted if self.is_chosen(pds) else self._untrusted

    # -- blobs

    def get_blob(self, did: str, cid: str, *, max_bytes: int = _MAX_BLOB) -> bytes:
        """Return the bytes of a blob, checked against its CID.

        Raises:
            DigestMismatch: The server sent different bytes.
            NetworkError: It could not be reached, refused, or sent more than ``max_bytes``.
        """
        url = self.get_blob_url(did, cid)
        kept = kept_blob(cid) if is_offline() else None
        data = kept or self._reader(self.resolve(did).pds).get(url, max_bytes=max_bytes)
        if cids.of_bytes(data) != cid:
            raise DigestMismatch("the server's bytes do not match the CID", uri=url)
        if kept is None:
            keep_blob(cid, data)
        return data

    def list_blobs(self, repo: str | None = None) -> Iterator[str]:
        """Yield the CIDs of the blobs that records of a repository refer to, page by page.

        Args:
            repo: Handle or DID; the logged-in account when None.

        Raises:
            UrlError, NetworkError, AuthError: As ``resolve``.
        """
        home = self.resolve(repo)
        params: dict[str, str | int] = {"did": home.did, "limit": _BLOB_PAGE}
        patience = listing_patience()
        for _ in range(_MAX_PAGES):
            with patience.waiting():
                answer = self._query(home.pds, "com.atproto.sync.listBlobs", params)
            listed = answer.get("cids")
            if not isinstance(listed, list):
                raise NetworkError("the server's answer lacks the list of blobs", uri=home.pds)
            yield from map(str, listed)
            after = answer.get("cursor")
            if not listed or not isinstance(after, str) or after == params.get("cursor"):
                return
            params["cursor"] = after
        raise NetworkError("the listing of blobs does not end", uri=home.did)

    def get_blob_url(self, did: str, cid: str) -> str:
        """Return the URL at which a repository's server offers one of its blobs."""
        home = self.resolve(did)
        query = urlencode({"did": home.did, "cid": cid}, safe=":")
        return f"{home.pds}/xrpc/com.atproto.sync.getBlob?{query}"


def listing_patience() -> Patience:
    """Return the bound on the waiting for one listing."""
    return Patience(_LISTING_SECONDS)


def readable(
    repositories: Repositories,
    collections: Iterable[str],
    repo: str | None,
    read: Callable[[StoredRecord], T],
    limit: int | None = None,
) -> Iterator[T]:
    """Yield the records of a repository that can be read.

    The others are left out, each with a warning: one bad record must not hide the good ones,
    nor go unnoticed.

    Args:
        repositories: Reads them.
        collections: NSIDs of the records, one after the other.
        repo: Handle or DID; the logged-in account when None.
        read: Returns what is yielded of a record; it raises ``RecordError`` for a bad one.
        limit: How many, at most.
    """
    return islice(_readable(repositories, collections, repo, read), limit)


def _readable(
    repositories: Repositories,
    collections: Iterable[str],
    repo: str | None,
    read: Callable[[StoredRecord], T],
) -> Iterator[T]:
    patience = listing_patience()  # of all collections together
    for collection in collections:
        for found in repositories.records(collection, repo, patience=patience):
            try:
                record = read(found)
            except RecordError as error:
                warnings.warn(f"left out of the listing: {error}", stacklevel=2)
                continue
            yield record

"""Queries to the network's servers about accounts and repositories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from atdata.appview.database.writing import MOST_RECORDS
from atdata.appview.events import COLLECTIONS, Commit, Write
from atdata.appview.ingest.limits import ReadLimits
from atdata.appview.ingest.sources import Source
from atdata.atmosphere.identity import Identity
from atdata.atmosphere.repositories import Repositories
from atdata.base.redact import redacted
from atdata.errors import NetworkError, XrpcError
from atdata_records import formats

_PAGE = 500
_MAX_PAGES = 100_000
_WRITES = 100  # of a repository's history, in one commit


class Network(Repositories):
    """Public reads for a long-running service.

    Args:
        chosen: Base URLs of servers that the operator chose.
    """

    def __init__(self, chosen: Iterable[str] = ()) -> None:
        servers = list(chosen)
        self.limits = ReadLimits()
        """Limits of time and bytes for each repository."""
        super().__init__(servers[0] if servers else None, self.limits)
        # Identities name servers without the password that an operator may have given.
        self._chosen.update(servers, map(redacted, servers))

    def refresh(self, did: str) -> Identity:
        """Return an account as its DID's document describes it now.

        Raises:
            UrlError, NetworkError: It can't be resolved.
        """
        return self._resolver.look_up_again(did)

    def state(self, did: str) -> tuple[str, str]:
        """Return a repository's status, ``"active"`` or why it is not, and its revision.

        Raises:
            UrlError, NetworkError: Its server does not report them.
        """
        pds = self.resolve(did).pds
        try:
            answer = self._query(pds, "com.atproto.sync.getRepoStatus", {"did": did})
        except XrpcError as error:
            if error.code == "RepoNotFound":
                return "deleted", ""
            raise
        if answer.get("active") is not True:
            return str(answer.get("status") or "inactive")[:100], ""
        rev = answer.get("rev")
        if not (isinstance(rev, str) and formats.is_tid(rev)):
            raise NetworkError(
                "the server's answer contains no revision of the repository", uri=pds
            )
        return "active", rev

    def history(self, did: str, rev: str) -> Iterator[Commit]:
        """Yield a repository's newest records of the kept types, in commits, as of a revision.

        Raises:
            UrlError, NetworkError: They can't be read.
        """
        for collection in COLLECTIONS:
            writes: list[Write] = []
            for found in islice(self.records(collection, did), MOST_RECORDS):
                # Only the key is used: a server could name any repository here.
                rkey = found.uri.rkey
                if found.uri.collection == collection:
                    writes.append(Write(collection, rkey, found.cid, found.value))
                if len(writes) == _WRITES:
                    yield Commit(did, rev, tuple(writes))
                    writes = []
            yield Commit(did, rev, tuple(writes))

    def repositories(self, source: Source) -> Iterator[list[str]]:
        """Yield the repositories that a source lists, page by page; Jetstream lists none.

        A relay that can't list the repositories with kept record types lists all of its own.

        Raises:
            NetworkError: The source does not report them.
        """
        if source.kind == "jetstream":
            return
        if source.kind == "relay":
            try:
                for collection in COLLECTIONS:
                    yield from self._listed(
                        source, "listReposByCollection", {"collection": collection}
                    )
                return
            except XrpcError as error:
                if error.status not in (400, 404, 501):
                    raise
        yield from self._listed(source, "listRepos", {})

    def _listed(self, source: Source, method: str, params: dict[str, Any]) -> Iterator[list[str]]:
        cursor = ""
        for _ in range(_MAX_PAGES):
            page = {**params, "limit": _PAGE} | ({"cursor": cursor} if cursor else {})
            answer = self._query(source.url, f"com.atproto.sync.{method}", page)
            listed = answer.get("repos")
            if not isinstance(listed, list):
                raise NetworkError("the server's answer contains no repositories", uri=source.url)
            dids = [repo.get("did") for repo in listed if isinstance(repo, dict)]
            yield [did for did in dids if isinstance(did, str) and formats.is_did(did)]
            after = answer.get("cursor")
            if not listed or not isinstance(after, str) or after == cursor:
                return
            cursor = after

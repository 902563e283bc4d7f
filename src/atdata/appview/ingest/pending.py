"""Commits that are pending until the history of their repository is read. In memory only."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from atdata.appview.events import Commit
from atdata.appview.ingest.sources import Source

_MOST_BYTES = 64 * 2**20  # that the commits of one source may take
_OVERHEAD = 1000  # bytes that any commit takes in addition to its content


class PendingCommit(NamedTuple):
    """A commit, the source that sent it, and the bytes that it counts for."""

    commit: Commit
    source: Source
    size: int


class PendingCommits:
    """Commits by repository. Each source has its own limit of bytes."""

    def __init__(self) -> None:
        self._commits: dict[str, list[PendingCommit]] = {}
        self._taken: Counter[Source] = Counter()

    def add(self, commit: Commit, source: Source, size: int) -> bool:
        """Keep a commit; return whether it was within the limit."""
        size += _OVERHEAD
        if self._taken[source] + size > _MOST_BYTES:
            return False
        self._taken[source] += size
        self._commits.setdefault(commit.did, []).append(PendingCommit(commit, source, size))
        return True

    def take(self, did: str) -> list[PendingCommit]:
        """Remove the pending commits of a repository, and return them in order."""
        found = self._commits.pop(did, [])
        for one in found:
            self._taken[one.source] -= one.size
        return found

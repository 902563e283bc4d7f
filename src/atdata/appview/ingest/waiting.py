"""Commits that wait until the history of their repository is read. Kept in memory only."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from atdata.appview.events import Commit
from atdata.appview.ingest.sources import Source

_ROOM = 64 * 2**20  # bytes that the commits of one source may take
_OVERHEAD = 1000  # bytes that any commit takes in addition to its content


class Waiting(NamedTuple):
    """A commit, the source that sent it, and the bytes that it is counted with."""

    commit: Commit
    source: Source
    size: int


class WaitingRoom:
    """Commits by repository. Each source has its own room, so that none crowds out others."""

    def __init__(self) -> None:
        self._commits: dict[str, list[Waiting]] = {}
        self._taken: Counter[Source] = Counter()

    def add(self, commit: Commit, source: Source, size: int) -> bool:
        """Keep a commit; return whether there was room for it."""
        size += _OVERHEAD
        if self._taken[source] + size > _ROOM:
            return False
        self._taken[source] += size
        self._commits.setdefault(commit.did, []).append(Waiting(commit, source, size))
        return True

    def take(self, did: str) -> list[Waiting]:
        """Remove the commits that wait for a repository, and return them in order."""
        found = self._commits.pop(did, [])
        for one in found:
            self._taken[one.source] -= one.size
        return found

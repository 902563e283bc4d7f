"""What the service answers from."""

from __future__ import annotations

from dataclasses import dataclass

from atdata.appview.database.reading import Reading
from atdata.appview.proxy.fetching import Fetcher
from atdata.appview.proxy.shards import ShardFinder
from atdata.appview.threads import Pool


@dataclass(frozen=True, slots=True)
class Backend:
    """What proxy, pages, queries and metrics share.

    Attributes:
        reading: Finds records.
        finder: Finds the shards of a dataset.
        fetcher: Fetches shards.
        searches: Threads for searches, which may take a second each.
        lookups: Threads for short reads of the database.
    """

    reading: Reading
    finder: ShardFinder
    fetcher: Fetcher
    searches: Pool
    lookups: Pool

    def close(self) -> None:
        """End the threads; return when all reads are done."""
        self.searches.close()
        self.lookups.close()

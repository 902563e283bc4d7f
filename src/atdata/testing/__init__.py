"""Tests for implementations of atdata's interfaces, ours and yours. Needs ``atdata-sdk[testing]``.

Subclass a suite in a test module of your own, with a name that pytest collects, and define the
fixtures that its docstring asks for::

    class TestMySource(DataSourceSuite):
        @pytest.fixture
        def contents(self): return [shard_bytes(3), shard_bytes(2)]

        @pytest.fixture
        def source(self, contents): return MySource(contents)

A class may subclass several suites: ``DataSourceSuite`` and ``LocalSourceSuite``, for example.
"""

from atdata.testing.entries import IndexEntrySuite
from atdata.testing.indexes import IndexSuite
from atdata.testing.laws import check_lens_laws
from atdata.testing.samples import Thing, shard_bytes, things, write_things
from atdata.testing.sources import (
    CachedSourceSuite,
    CountedSourceSuite,
    DataSourceSuite,
    LocalSourceSuite,
    RemoteSourceSuite,
    UrlsSourceSuite,
)
from atdata.testing.stores import CopyingStoreSuite, DataStoreSuite, DryRunStoreSuite

__all__ = [
    "CachedSourceSuite",
    "CopyingStoreSuite",
    "CountedSourceSuite",
    "DataSourceSuite",
    "DataStoreSuite",
    "DryRunStoreSuite",
    "IndexEntrySuite",
    "IndexSuite",
    "LocalSourceSuite",
    "RemoteSourceSuite",
    "Thing",
    "UrlsSourceSuite",
    "check_lens_laws",
    "shard_bytes",
    "things",
    "write_things",
]

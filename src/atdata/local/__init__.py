"""The local index: datasets and schemas of one person or team."""

from __future__ import annotations

from atdata.local.entry import LocalDatasetEntry
from atdata.local.index import Index, LocalIndex
from atdata.local.migration import MigrationReport, migrate, migrate_names
from atdata.local.schema import LocalSchema
from atdata.stores import GCSDataStore, LocalDiskStore, S3DataStore

__all__ = [
    "GCSDataStore",
    "Index",
    "LocalDatasetEntry",
    "LocalDiskStore",
    "LocalIndex",
    "LocalSchema",
    "MigrationReport",
    "S3DataStore",
    "migrate",
    "migrate_names",
]

"""Where shards are written to: a folder, a bucket, IPFS, a repository's blobs."""

from __future__ import annotations

from atdata.stores.base import ShardStore
from atdata.stores.disk import LocalDiskStore
from atdata.stores.gcs import GCSDataStore
from atdata.stores.ipfs import IPFSStore
from atdata.stores.s3 import S3DataStore

__all__ = ["GCSDataStore", "IPFSStore", "LocalDiskStore", "S3DataStore", "ShardStore"]

"""Where shards are read from: disk, http(s), S3, blobs of a PDS, and users' own sources."""

from atdata.sources.blob import BlobSource
from atdata.sources.registry import open_url
from atdata.sources.s3 import S3Source
from atdata.sources.url import URLSource
from atdata.sources.verified import VerifiedSource

__all__ = ["BlobSource", "S3Source", "URLSource", "VerifiedSource", "open_url"]

"""Shards: strict reading and writing of tar files, digests, and the manifest of a dataset."""

from atdata.shards.info import ShardInfo, WrittenShards, content_cid, inspect_shard
from atdata.shards.reader import read_file, read_stream
from atdata.shards.writer import ShardWriter, cut_shards

__all__ = [
    "ShardInfo",
    "ShardWriter",
    "WrittenShards",
    "content_cid",
    "cut_shards",
    "inspect_shard",
    "read_file",
    "read_stream",
]

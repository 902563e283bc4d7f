from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path

import pytest

from atdata.errors import ShardError, StorageError
from atdata.local import LocalDatasetEntry
from atdata.shards import ShardInfo, ShardWriter, WrittenShards, content_cid, inspect_shard
from atdata.shards.info import known_infos
from atdata_records import cid, dag_cbor
from shards.shard_bytes import samples

A = ShardInfo(cid.of_bytes(b"a"), 1024, 3)
B = ShardInfo(cid.of_bytes(b"b"), 2048, 4)
SCHEMA = cid.of_cbor(b"schema")


def test_the_content_cid_is_that_of_the_documented_document() -> None:
    document = {"schema": SCHEMA, "shards": [{"cid": A.cid, "samples": 3, "size": 1024}]}
    assert content_cid(SCHEMA, [A]) == cid.of_cbor(dag_cbor.encode(document))


def test_the_content_cid_depends_on_each_part_and_the_order() -> None:
    other = cid.of_cbor(b"other")
    longer = ShardInfo(A.cid, 1025, 3)
    several = [
        content_cid(SCHEMA, shards) for shards in ([], [A], [B], [A, B], [B, A], [A, A], [longer])
    ]
    assert len({*several, content_cid(other, [A])}) == 8


def test_inspecting_gives_digest_size_and_count(tmp_path: Path) -> None:
    data = samples(3)
    path = tmp_path / "s.tar"
    path.write_bytes(data)
    expected = ShardInfo(cid.from_digest(hashlib.sha256(data).digest()), len(data), 3)
    assert inspect_shard(path) == inspect_shard(str(path)) == expected
    assert inspect_shard(io.BytesIO(data), "s.tar") == expected


def test_the_digest_is_that_of_the_bytes_as_stored_also_when_compressed(tmp_path: Path) -> None:
    import gzip

    data = gzip.compress(samples(3))
    info = inspect_shard(io.BytesIO(data), "s.tar.gz")
    assert info == ShardInfo(cid.of_bytes(data), len(data), 3)


def test_padding_after_the_end_is_part_of_the_digest() -> None:
    data = samples(3) + bytes(8192)
    assert inspect_shard(io.BytesIO(data)) == ShardInfo(cid.of_bytes(data), len(data), 3)


def test_inspecting_damage_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="truncated") as caught:
        inspect_shard(io.BytesIO(samples(3)[:-100]), "s.tar")
    assert caught.value.shard == "s.tar"
    with pytest.raises(StorageError):
        inspect_shard(tmp_path / "none.tar")


def test_writer_and_inspection_agree(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "s.tar") as writer:
        writer.write("a", b"x" * 3000)
    assert writer.info == inspect_shard(tmp_path / "s.tar")


def test_urls_carry_what_is_known_of_their_shards() -> None:
    written = WrittenShards(("s3://b/0.tar", "s3://b/1.tar"), (A, B))
    assert written == ["s3://b/0.tar", "s3://b/1.tar"] == list(written)
    assert written != ["s3://b/0.tar"]
    assert (len(written), written[0], written[-1]) == (2, "s3://b/0.tar", "s3://b/1.tar")
    assert "s3://b/1.tar" in written
    assert written.shards == (A, B)
    with pytest.raises(ValueError, match="1 urls"):
        WrittenShards(("s3://b/0.tar",), (A, B))


def test_slices_and_sums_keep_the_infos_and_other_lists_are_refused() -> None:
    written = WrittenShards(("0.tar", "1.tar"), (A, B), (B,))
    assert written[:] is written[0:2] is written
    assert written[1:] == WrittenShards(("1.tar",), (B,))
    assert (written[::-1].shards, written[:1].cut_from) == ((B, A), None)
    both = written + WrittenShards(("2.tar",), (A,))
    assert both == WrittenShards(("0.tar", "1.tar", "2.tar"), (A, B, A))
    assert both.cut_from == (B, A)
    assert (written[1:] + written[:1]).cut_from is None
    for other in (["3.tar"], ("3.tar",), None):
        with pytest.raises(TypeError):
            written + other
    assert pickle.loads(pickle.dumps(written)) == written


def test_known_infos_are_those_of_results_and_entries() -> None:
    assert known_infos(WrittenShards(("0.tar",), (A,))) == (A,)
    assert known_infos(LocalDatasetEntry("x", "ref", ["0.tar"], shards=(B,))) == (B,)
    assert known_infos(LocalDatasetEntry("x", "ref", ["0.tar"])) is None
    assert known_infos(["0.tar"]) is None

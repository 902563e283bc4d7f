from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import ShardError, StorageError
from atdata.shards import ShardWriter
from atdata.shards.offsets import index_head, index_line, index_path, offset_index, read_index
from shards.shard_bytes import member, shard

KEYS = st.lists(st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9]{1,4})?", fullmatch=True), unique=True)


def write(path: Path, keys: list[str], seed: int = 0) -> Path:
    chance = random.Random(seed)
    with ShardWriter(path) as writer:
        for key in keys:
            writer.write(key, chance.randbytes(chance.randrange(1500)))
    return path


def as_wds2idx_does(data: bytes, version: str = "v1.2") -> bytes:
    """What the tool of NVIDIA DALI writes: a line for each group of members, told by tarfile."""
    groups: list[tuple[str, list[str]]] = []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for one in tar:
            key, _, extension = one.name.partition(".")
            parts = [extension, str(one.offset_data), str(one.size)]
            if not groups or groups[-1][0] != key:
                groups.append((key, []))
            groups[-1][1].extend([*parts, one.name] if version == "v1.2" else parts)
    lines = [" ".join(parts) for _, parts in groups]
    return "\n".join([f"{version} {len(lines)}", *lines, ""]).encode()


@given(KEYS, st.integers())
def test_an_index_is_what_wds2idx_writes(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], seed: int
) -> None:
    path = write(tmp_path_factory.mktemp("shard") / "a.tar", keys, seed)
    index = offset_index(path)
    assert index == as_wds2idx_does(path.read_bytes())
    assert index.startswith(index_head(len(keys)).encode())
    path.with_suffix(".idx").write_bytes(index)
    offsets = read_index(path, "a.tar")
    assert offsets is not None
    with tarfile.open(path) as tar:
        assert offsets == [(one.offset_data, one.size) for one in tar]


def test_the_line_of_a_sample() -> None:
    assert index_line("dir/001", 1024, 7) == "msgpack 1536 7 dir/001.msgpack\n"


@pytest.mark.parametrize(
    ("shard_name", "index"), [("000000.tar", "000000.idx"), ("a.b.tar", "a.b.idx"), ("a", "a.idx")]
)
def test_the_index_is_named_as_its_shard(shard_name: str, index: str) -> None:
    assert index_path(shard_name) == index


@pytest.mark.parametrize("version", ["v1.1", "v1.2"])
def test_indexes_of_others_are_read(tmp_path: Path, version: str) -> None:
    path = tmp_path / "a.tar"
    names = ["a.cls", "a.msgpack", "b.msgpack", "b.note.txt", "msgpack.msgpack"]
    path.write_bytes(shard(member(name.encode(), b"x" * len(name)) for name in names))
    path.with_suffix(".idx").write_bytes(as_wds2idx_does(path.read_bytes(), version))
    offsets = read_index(path, "a.tar")
    assert offsets is not None
    assert [path.read_bytes()[at : at + size] for at, size in offsets] == [
        b"x" * len(name) for name in names if name.endswith(".msgpack")
    ]


def test_no_index_is_none(tmp_path: Path) -> None:
    assert read_index(write(tmp_path / "a.tar", ["a"]), "a.tar") is None
    assert read_index(tmp_path / "missing.tar", "missing.tar") is None


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"v1.2 1\n",
        b"v2.0 1\nmsgpack 512 10 a.msgpack\n",
        b"v1.2 2\nmsgpack 512 10 a.msgpack\n",
        b"v1.2 1\nmsgpack 512 10 a.msgpack",
        b"v1.2 1\njpg 512 10 a.jpg\n",
        b"v1.2 1\nmsgpack -512 10 a.msgpack\n",
        b"v1.2 1\nmsgpack 512 ten a.msgpack\n",
        b"v1.2 1\nmsgpack 512 10 a.msgpack\nmsgpack 512 10 a.msgpack\n",
        b"v1.2 1\n\xff\n",
    ],
)
def test_what_is_no_index_is_an_error(tmp_path: Path, index: bytes) -> None:
    path = write(tmp_path / "a.tar", ["a"])
    path.with_suffix(".idx").write_bytes(index)
    with pytest.raises(ShardError, match="not a sound offset index") as caught:
        read_index(path, "s3://bucket/a.tar")
    assert caught.value.shard == "s3://bucket/a.tar"
    assert caught.value.hint is not None


@pytest.mark.parametrize("place", ["0 10", "511 1", "512 99999", "999999999999 1"])
def test_an_index_that_points_elsewhere_is_an_error(tmp_path: Path, place: str) -> None:
    path = write(tmp_path / "a.tar", ["a"])
    path.with_suffix(".idx").write_bytes(f"v1.2 1\nmsgpack {place} a.msgpack\n".encode())
    with pytest.raises(ShardError, match="points behind the end"):
        read_index(path, "a.tar")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_index_or_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("shard") / "a.tar", ["a"])
    path.with_suffix(".idx").write_bytes(b"v1.2 1\n" + data)
    found: list[tuple[int, int]] | ShardError | None
    try:
        found = read_index(path, "a.tar")
    except ShardError as error:
        found = error
    if isinstance(found, ShardError):
        assert found.shard == "a.tar"
    else:
        assert found is not None
        assert len(found) == 1


def test_a_shard_that_is_none_has_no_index(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"not a tar")
    with pytest.raises(ShardError):
        offset_index(tmp_path / "a.tar")
    with pytest.raises(StorageError):
        offset_index(tmp_path / "missing.tar")

from __future__ import annotations

import io
import os
import random
import tarfile
import tracemalloc
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
    """What the tool of NVIDIA DALI writes: a line for each group of members, found by tarfile."""
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
    with pytest.warns(UserWarning, match="members beside the samples are skipped: (cls|note.txt)"):
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
    with pytest.raises(ShardError, match="points past the end"):
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


def foreign(path: Path, lines: list[bytes]) -> None:
    path.with_suffix(".idx").write_bytes(b"v1.2 %d\n" % len(lines) + b"".join(lines))


def test_an_index_that_skips_doubles_moves_or_smuggles_samples_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    hidden = member(b"hidden.msgpack", b"smuggled")
    members = [member(b"a.msgpack", b"aaa"), member(b"b.msgpack", hidden), member(b"c.msgpack")]
    path.write_bytes(shard(members))
    lines = offset_index(path).splitlines(keepends=True)[1:]
    inside = b"msgpack 2048 8 hidden.msgpack\n"
    for listed in (lines[1:], lines[:-1], [lines[0], *lines], lines[::-1], [*lines[:2], inside]):
        foreign(path, listed)
        with pytest.raises(ShardError, match="offset index"):
            read_index(path, "a.tar")
    foreign(path, lines)
    assert read_index(path, "a.tar") == [(512, 3), (1536, 1024), (3072, 0)]


def test_an_index_of_samples_in_runs_is_compared_with_each_header(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(shard(member(b"%03d.msgpack" % i, b"x" * 600) for i in range(100)))
    path.with_suffix(".idx").write_bytes(offset_index(path))
    assert read_index(path, "a.tar") == [(512 + 1536 * i, 600) for i in range(100)]


def test_an_index_that_is_a_pipe_a_folder_or_endless_is_an_error_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", ["a"])
    index = path.with_suffix(".idx")
    os.mkfifo(index)
    with pytest.raises(ShardError, match="regular file"):
        read_index(path, "a.tar")
    index.unlink()
    index.mkdir()
    with pytest.raises(ShardError, match="regular file"):
        read_index(path, "a.tar")
    index.rmdir()
    for head in (b"", b"v1.2 1\n", offset_index(path)):
        index.write_bytes(head)
        os.truncate(index, 6 << 30)
        tracemalloc.start()
        with pytest.raises(ShardError, match="not a sound offset index"):
            read_index(path, "a.tar")
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
        tracemalloc.stop()

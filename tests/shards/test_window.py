from __future__ import annotations

import gzip
import io
import mmap
import random
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import NetworkError, ShardError, StorageError
from atdata.shards.reader import read_stream
from atdata.shards.tar import END, build_header
from atdata.shards.window import CHUNK, Window, _Gzip, open_file, open_stream


class Failing(io.BytesIO):
    def __init__(self, error: Exception) -> None:
        super().__init__(b"head")
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            raise self.error
        return data


def test_a_regular_file_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(b"x" * 5000)
    with path.open("rb") as file:
        window = open_file(file, "a.tar")
    data, view, end, start = window.state()
    assert isinstance(data, mmap.mmap)
    assert (bytes(view[:2]), end, start) == (b"xx", 5000, 0)
    assert window.refill(100, 10**9) == 100


def test_a_stream_is_read_in_stretches() -> None:
    content = bytes(range(256)) * 8192  # two mebibytes
    window = open_stream(io.BytesIO(content), "s")
    window.refill(0, 1)
    _, _, end, _ = window.state()
    assert end <= CHUNK + 8
    position = window.refill(end - 10, 600)
    _, view, end, start = window.state()
    assert bytes(view[position:]) == content[start + position : start + end]


def test_old_views_stay_good_when_the_window_moves_on() -> None:
    content = bytes(range(256)) * 8192
    window = open_stream(io.BytesIO(content), "s")
    _, view, _, _ = window.state()
    kept = view[:4]
    window.refill(4, len(content) // 2)
    assert bytes(kept) == content[:4]


def test_gzip_is_undone_for_files_and_streams(tmp_path: Path) -> None:
    content = b"some content" * 1000
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(content))
    with path.open("rb") as file:
        window = open_file(file, "a")
        window.refill(0, len(content))
        assert bytes(window.state()[1]) == content
    window = open_stream(io.BytesIO(gzip.compress(content)), "a")
    window.refill(0, len(content))
    assert bytes(window.state()[1]) == content


@pytest.mark.parametrize("cut", [5, 15, -9, -1])
def test_damaged_gzip_is_a_shard_error(cut: int) -> None:
    packed = gzip.compress(b"some content" * 1000)[:cut]
    with pytest.raises(ShardError, match="damaged"):
        open_stream(io.BytesIO(packed), "a").refill(0, 10**6)
    flipped = bytearray(gzip.compress(b"some content" * 1000))
    flipped[-6] ^= 1
    with pytest.raises(ShardError, match="damaged"):
        open_stream(io.BytesIO(flipped), "a").refill(0, 10**6)


def test_zstd_is_undone_and_damage_in_it_is_a_shard_error() -> None:
    content = random.Random(1).randbytes(12_000)
    packed = zstandard.compress(content)
    window = open_stream(io.BytesIO(packed), "a")
    window.refill(0, 10**6)
    assert bytes(window.state()[1]) == content
    with pytest.raises(ShardError, match="damaged"):
        open_stream(io.BytesIO(packed[:4] + b"\xff" * 100), "a").refill(0, 10**6)


def test_an_error_of_the_stream_is_typed_and_ours_pass() -> None:
    with pytest.raises(StorageError, match="reading stopped"):
        open_stream(Failing(OSError(5, "input/output error")), "a").refill(0, 100)
    with pytest.raises(NetworkError, match="gone"):
        open_stream(Failing(NetworkError("gone")), "a").refill(0, 100)


def test_a_window_needs_no_stream() -> None:
    window = Window(b"abc", "s")
    assert window.refill(1, 100) == 1
    assert window.state()[2:] == (3, 0)


def two_members() -> bytes:
    sample = build_header("a", 1) + b"\x80".ljust(512, b"\0")
    return gzip.compress(sample) + gzip.compress(sample + END)


def test_a_second_gzip_member_is_refused_because_stock_readers_stop_before_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(two_members()), mode="r|*") as stock:
        assert stock.getnames() == ["a.msgpack"]
    with pytest.raises(ShardError, match="bytes follow its end"):
        list(read_stream(io.BytesIO(two_members()), "a.tar.gz"))


@pytest.mark.parametrize("padding", [0, 512, 1 << 20])
def test_zeros_after_the_end_of_gzip_are_padding(padding: int) -> None:
    content = build_header("a", 1) + b"\x80".ljust(512, b"\0") + END
    packed = gzip.compress(content) + bytes(padding)
    assert len(list(read_stream(io.BytesIO(packed), "a.tar.gz"))) == 1


@given(st.binary(max_size=5000), st.integers(1, 3000))
def test_gzip_is_undone_alike_in_pieces_of_any_size(content: bytes, size: int) -> None:
    reader = _Gzip(io.BytesIO(gzip.compress(content * 50)))
    pieces = iter(lambda: reader.read(size), b"")
    assert b"".join(pieces) == content * 50

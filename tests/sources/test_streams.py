from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.base.streams import from_pieces
from atdata.errors import NetworkError
from atdata.sources.streams import ShardStreams


@given(st.lists(st.binary(max_size=1000)), st.integers(1, 3000))
def test_pieces_are_read_in_any_size(pieces: list[bytes], size: int) -> None:
    with from_pieces(pieces, lambda: None) as stream:
        assert b"".join(iter(lambda: stream.read(size), b"")) == b"".join(pieces)


def test_close_is_called_once() -> None:
    calls: list[int] = []
    stream = from_pieces([b"x"], lambda: calls.append(1))
    stream.close()
    stream.close()
    assert calls == [1]


def test_errors_of_the_pieces_pass_through() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise NetworkError("gone")

    with from_pieces(pieces(), lambda: None) as stream, pytest.raises(NetworkError, match="gone"):
        stream.read()


class Two:
    def list_shards(self) -> list[str]:
        return ["a", "b"]

    def open_shard(self, shard_id: str) -> IO[bytes]:
        return io.BytesIO(shard_id.encode())


def test_shard_streams_are_iterated_over_and_called() -> None:
    streams = ShardStreams(Two())
    expected = [("a", b"a"), ("b", b"b")]
    assert [(name, stream.read()) for name, stream in streams] == expected
    assert [(name, stream.read()) for name, stream in streams()] == expected

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from atdata.errors import ShardNotFound, StorageError, UrlError
from atdata.sources.adapt import AdaptedSource

CONTENT = {"a.tar": b"A", "b.tar": b"B"}


def pairs() -> Iterator[tuple[str, IO[bytes]]]:
    return ((name, io.BytesIO(content)) for name, content in CONTENT.items())


class OfSeed:
    """As in seed 001: methods ``shards()`` and ``open_shard``, property ``shard_list``."""

    @property
    def shard_list(self) -> list[str]:
        return list(CONTENT)

    def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
        return pairs()

    def open_shard(self, shard_id: str) -> IO[bytes]:
        if shard_id not in CONTENT:
            raise KeyError(f"Shard not found: {shard_id}")
        return io.BytesIO(CONTENT[shard_id])


class WithProperty:
    """``shards`` is a property, names come from a method."""

    def list_shards(self) -> list[str]:
        return list(CONTENT)

    @property
    def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
        return pairs()

    def open_shard(self, shard_id: str) -> IO[bytes]:
        return io.BytesIO(CONTENT[shard_id])


class NamesOnly:
    """No ``shards`` at all."""

    def list_shards(self) -> list[str]:
        return list(CONTENT)

    def open_shard(self, shard_id: str) -> IO[bytes]:
        return io.BytesIO(CONTENT[shard_id])


class CalledList:
    """``shard_list`` is a method."""

    def shard_list(self) -> list[str]:
        return list(CONTENT)

    def open_shard(self, shard_id: str) -> IO[bytes]:
        return io.BytesIO(CONTENT[shard_id])


class StreamsOnly:
    """Neither names nor ``open_shard``."""

    def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
        return pairs()


class InAttributes:
    def __init__(self) -> None:
        self.shard_list = list(CONTENT)
        self.open_shard = lambda name: io.BytesIO(CONTENT[name])


SHAPES = [OfSeed, WithProperty, NamesOnly, CalledList, StreamsOnly, InAttributes]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_read(shape: type[Any]) -> None:
    source = AdaptedSource(shape())
    assert source.list_shards() == ["a.tar", "b.tar"]
    assert source.open_shard("b.tar").read() == b"B"
    opened = source.opened(source.list_shards())
    assert [(name, found.read()) for name, found in opened if not isinstance(found, Path)] == [
        ("a.tar", b"A"),
        ("b.tar", b"B"),
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_unknown_shard_is_a_key_error(shape: type[Any]) -> None:
    with pytest.raises(KeyError):
        AdaptedSource(shape()).open_shard("c.tar")


def test_a_source_without_open_shard_has_our_error() -> None:
    with pytest.raises(ShardNotFound):
        AdaptedSource(StreamsOnly()).open_shard("c.tar")


@pytest.mark.parametrize("value", [None, 3, object(), {"a": 1}])
def test_what_is_not_a_source_is_refused(value: object) -> None:
    with pytest.raises(UrlError, match="is not a source of shards"):
        AdaptedSource(value)


def test_a_local_path_is_preferred(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")

    class Local(NamesOnly):
        def local_path(self, shard_id: str) -> Path | None:
            return path if shard_id == "a.tar" else None

    found = dict(AdaptedSource(Local()).opened(["a.tar", "b.tar"]))
    with found["a.tar"] as file:
        assert file.name == str(path)
    assert isinstance(found["b.tar"], io.BytesIO)


def test_another_meaning_of_local_path_does_no_harm() -> None:
    class Other(NamesOnly):
        local_path = "/data"

    assert AdaptedSource(Other()).local_path("a.tar") is None


def test_a_source_that_returns_no_stream_raises() -> None:
    class Empty(NamesOnly):
        def open_shard(self, shard_id: str) -> Any: ...

    with pytest.raises(StorageError, match="NoneType") as caught:
        AdaptedSource(Empty()).open_shard("a.tar")
    assert caught.value.shard == "a.tar"


def test_looking_at_a_source_opens_nothing() -> None:
    class Loud:
        @property
        def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
            raise AssertionError("opened")

        def list_shards(self) -> list[str]:
            return []

    assert AdaptedSource(Loud()).list_shards() == []

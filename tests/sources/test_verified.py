from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO

import pytest

from atdata._protocols import DataSource
from atdata.errors import DigestMismatch, ShardError, ShardNotFound, StorageError
from atdata.shards import ShardInfo, inspect_shard
from atdata.sources import URLSource, VerifiedSource
from servers.web import Web
from shards.shard_bytes import samples

SOUND = samples(3)
INFO = inspect_shard(io.BytesIO(SOUND))
CHANGED = SOUND[:514] + b"X" + SOUND[515:]
TAMPERED = {"truncated": SOUND[:-512], "longer": SOUND + b"\0", "changed": CHANGED, "empty": b""}


class Memory:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.opened: list[IO[bytes]] = []

    def list_shards(self) -> list[str]:
        return ["s.tar"]

    def open_shard(self, shard_id: str) -> IO[bytes]:
        self.opened.append(io.BytesIO(self.data))
        return self.opened[-1]


def test_it_is_a_data_source() -> None:
    assert isinstance(VerifiedSource(Memory(SOUND), [INFO]), DataSource)


def test_the_expected_bytes_pass() -> None:
    memory = Memory(SOUND)
    source = VerifiedSource(memory, [INFO])
    with source.open_shard("s.tar") as stream:
        assert stream.read() == SOUND
    assert memory.opened[0].closed
    assert source.local_path("s.tar") is None
    assert [name for name, _ in source.shards] == source.shard_list == ["s.tar"]


@pytest.mark.parametrize("kind", TAMPERED)
def test_other_bytes_end_the_stream(kind: str) -> None:
    source = VerifiedSource(Memory(TAMPERED[kind]), [INFO])
    with source.open_shard("s.tar") as stream, pytest.raises(DigestMismatch) as caught:
        stream.read()
    assert isinstance(caught.value, ShardError)
    assert caught.value.shard == "s.tar"


@pytest.mark.parametrize("kind", TAMPERED)
def test_other_bytes_over_http(web: Web, kind: str) -> None:
    url = web.serve("/s.tar", TAMPERED[kind])
    source = VerifiedSource(URLSource(url), [INFO])
    with source.open_shard(url) as stream, pytest.raises(DigestMismatch):
        stream.read()


@pytest.mark.parametrize("kind", TAMPERED)
def test_other_bytes_in_a_local_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s.tar"
    path.write_bytes(TAMPERED[kind])
    source = VerifiedSource(URLSource(path), [INFO])
    with pytest.raises(DigestMismatch):
        source.local_path(str(path))
    with source.open_shard(str(path)) as stream, pytest.raises(DigestMismatch):
        stream.read()


def test_a_local_file_is_checked_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    path.write_bytes(SOUND)
    source = VerifiedSource(URLSource(path), [INFO])
    assert source.local_path(str(path)) == source.local_path(str(path)) == path
    path.write_bytes(CHANGED)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DigestMismatch):
        source.local_path(str(path))
    path.unlink()
    with pytest.raises(StorageError):
        source.local_path(str(path))


def test_an_endless_stream_is_left_at_the_expected_size() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return bytes(size)

    endless = Endless()

    class Source(Memory):
        def open_shard(self, shard_id: str) -> IO[bytes]:
            return endless  # type: ignore[return-value]

    source = VerifiedSource(Source(b""), [INFO])
    with source.open_shard("s.tar") as stream, pytest.raises(DigestMismatch, match="longer"):
        stream.read()
    assert endless.given < 1 << 20


def test_the_number_of_shards_is_part_of_what_is_expected() -> None:
    for infos in ([], [INFO, INFO]):
        with pytest.raises(DigestMismatch, match="expected"):
            VerifiedSource(Memory(SOUND), infos)


def test_an_unknown_shard() -> None:
    source = VerifiedSource(Memory(SOUND), [INFO])
    for call in (source.open_shard, source.local_path):
        with pytest.raises(ShardNotFound):
            call("other.tar")


def test_infos_belong_to_shards_by_position(tmp_path: Path) -> None:
    paths = [tmp_path / "0.tar", tmp_path / "1.tar"]
    infos: list[ShardInfo] = []
    for number, path in enumerate(paths):
        path.write_bytes(samples(number + 1))
        infos.append(inspect_shard(path))
    source = VerifiedSource(URLSource(paths), infos)
    assert [source.local_path(name) for name in source.shard_list] == paths
    swapped = VerifiedSource(URLSource(paths), infos[::-1])
    with pytest.raises(DigestMismatch):
        swapped.local_path(str(paths[0]))

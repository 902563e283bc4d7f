"""Compressed data costs what its size costs, whatever it unfolds to."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

import atdata
from atdata.shards.tar import END, build_header

from .measure import MEBIBYTE, cost

_READ = "result(sum(1 for _ in atdata.Dataset(arguments['path'])))"
_SETUP = (
    "import atdata; import zstandard, gzip, numpy\nfor _ in atdata.Dataset(arguments['warm']): pass"
)


def gzipped(pieces: list[tuple[bytes, int]]) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    data = [packer.compress(piece) for piece, times in pieces for _ in range(times)]
    return b"".join([*data, packer.flush()])


def zstandarded(pieces: list[tuple[bytes, int]]) -> bytes:
    packer = zstandard.ZstdCompressor(19).compressobj()
    data = [packer.compress(piece) for piece, times in pieces for _ in range(times)]
    return b"".join([*data, packer.flush()])


@pytest.fixture
def warm(tmp_path: Path) -> str:
    """A shard that brings all that reading imports."""
    data = build_header("a", 1) + b"\x80".ljust(512, b"\0") + END
    path = tmp_path / "warm.tar.gz"
    path.write_bytes(gzip.compress(data))
    return str(path)


@pytest.mark.parametrize("pack", [gzipped, zstandarded])
@pytest.mark.parametrize("size", [512 * MEBIBYTE, 48 * MEBIBYTE])
def test_a_member_that_unfolds_to_much_is_refused(
    pack: Callable[[list[tuple[bytes, int]]], bytes],
    size: int,
    tmp_path: Path,
    warm: str,
) -> None:
    shard = pack([(build_header("a", size), 1), (bytes(MEBIBYTE), size // MEBIBYTE), (END, 1)])
    assert len(shard) < MEBIBYTE
    path = tmp_path / "bomb.tar"
    path.write_bytes(shard)
    taken = cost(_READ, setup=_SETUP, arguments={"path": str(path), "warm": warm})
    taken.assert_bounded()
    assert taken.error
    assert taken.error[0] == "ShardError"
    assert "unfolds to a member of" in taken.answer
    assert "offset 0" in taken.answer


@pytest.mark.parametrize("pack", [gzipped, zstandarded])
def test_many_members_that_unfold_to_much_are_refused(
    pack: Callable[[list[tuple[bytes, int]]], bytes], tmp_path: Path, warm: str
) -> None:
    members = [
        (build_header(f"{number}", 8 * MEBIBYTE) + b"\xc7" + bytes(8 * MEBIBYTE - 1), 1)
        for number in range(60)
    ]
    path = tmp_path / "bomb.tar"
    path.write_bytes(pack([*members, (END, 1)]))
    taken = cost(
        "from atdata.shards.reader import read_file\nfrom pathlib import Path\n"
        "for _ in read_file(Path(arguments['path']), 'bomb.tar'): pass",
        setup=_SETUP,
        arguments={"path": str(path), "warm": warm},
    )
    taken.assert_bounded()
    assert taken.error
    assert taken.error[0] == "ShardError"
    assert "unfolds to" in taken.answer


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_honest_compressed_shards_are_read(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    sample = atdata.DictSample(text="plain text " * 100_000).packed
    data = b"".join(
        build_header(f"{number}", len(sample)) + sample + bytes(-len(sample) % 512)
        for number in range(64)
    )
    path = tmp_path / "honest.tar"
    path.write_bytes(pack(data + END))
    assert sum(1 for _ in atdata.Dataset(path)) == 64


@pytest.mark.parametrize("pack", [gzipped, zstandarded])
def test_a_sample_of_many_values_costs_little(
    pack: Callable[[list[tuple[bytes, int]]], bytes], tmp_path: Path, warm: str
) -> None:
    size = 16 * MEBIBYTE
    head = b"\x81\xa1v\xdd" + (size - 8).to_bytes(4, "big")
    path = tmp_path / "bomb.tar"
    body = [(b"\x80" * MEBIBYTE, 15), (b"\x80" * (MEBIBYTE - 8), 1)]
    path.write_bytes(pack([(build_header("a", size) + head, 1), *body, (END, 1)]))
    assert path.stat().st_size < MEBIBYTE
    taken = cost(_READ, setup=_SETUP, arguments={"path": str(path), "warm": warm})
    taken.assert_bounded()
    assert taken.error
    assert taken.error[0] == "SampleError"
    assert "values in lists and maps" in taken.answer

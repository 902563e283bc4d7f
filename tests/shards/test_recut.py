"""A shard cut into smaller ones."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import SampleTooLarge, ShardError
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.shards.reader import read_file
from atdata.shards.recut import cannot_fit, check_fits, recut
from atdata.shards.writer import ShardWriter


def shard_of(folder: Path, payloads: dict[str, bytes]) -> Path:
    with ShardWriter(folder / "whole.tar") as writer:
        for key, payload in payloads.items():
            writer.write(key, payload)
    return writer.path


def samples(paths: list[Path]) -> list[tuple[str, bytes]]:
    return [
        (key, bytes(payload)) for path in paths for _, key, _, payload in read_file(path, "shard")
    ]


@given(
    payloads=st.dictionaries(
        st.text("abc-09", min_size=1, max_size=8), st.binary(max_size=1500), min_size=1
    ),
    maxsize=st.integers(4096, 20_000),
)
def test_keys_payloads_and_order_stay(
    payloads: dict[str, bytes], maxsize: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = shard_of(folder, payloads)
    pieces = list(recut(whole, folder, maxsize=maxsize))
    assert samples([path for path, _ in pieces]) == list(payloads.items())
    assert [info for _, info in pieces] == [inspect_shard(path) for path, _ in pieces]
    assert all(info.size <= maxsize for _, info in pieces)
    # None of them could have taken the next one's first sample.
    assert len(pieces) <= 1 + inspect_shard(whole).size // (maxsize - 3072)


def test_cutting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    whole = shard_of(tmp_path, {f"{n}": bytes(1000) for n in range(20)})
    first = [info for _, info in recut(whole, tmp_path, maxsize=8192)]
    assert [info for _, info in recut(whole, tmp_path, maxsize=8192)] == first
    assert len(first) > 1


def test_a_sample_that_no_piece_could_hold(tmp_path: Path) -> None:
    whole = shard_of(tmp_path, {"a": b"", "b": bytes(9000)})
    for attempt in (
        lambda: check_fits(whole, maxsize=8192, shard="s"),
        lambda: list(recut(whole, tmp_path, maxsize=8192, shard="s")),
    ):
        with pytest.raises(SampleTooLarge, match=r"8,192 bytes at most.*10,752.*b\.msgpack"):
            attempt()
    check_fits(whole, maxsize=10_752)
    assert sum(1 for _ in recut(whole, tmp_path, maxsize=10_752)) == 2


@pytest.mark.parametrize(("size", "samples"), [(0, 1), (100, 1), (5000, 3), (511, 10), (512, 10)])
def test_what_follows_from_size_and_count(tmp_path: Path, size: int, samples: int) -> None:
    """A shard whose samples all fit is never refused for its size."""
    info = inspect_shard(shard_of(tmp_path, {str(n): bytes(size) for n in range(samples)}))
    alone = inspect_shard(shard_of(tmp_path, {"0": bytes(size)})).size
    assert not cannot_fit(info, alone)
    assert cannot_fit(info, alone - 1)
    assert not cannot_fit(ShardInfo(info.cid, info.size, samples + 1), alone - 1)


def test_fields_beside_the_samples_are_not_dropped_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "fields.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("a.msgpack", "a.json"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(ShardError, match=r"fields beside.*a\.json") as caught:
        list(recut(path, tmp_path, maxsize=1 << 20))
    assert caught.value.offset == 512
    assert [path.name for path in tmp_path.glob("*.tar*")] == ["fields.tar"]

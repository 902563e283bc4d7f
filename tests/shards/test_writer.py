from __future__ import annotations

import resource
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import ShardError, StorageError
from atdata.shards import ShardWriter, cut_shards, inspect_shard, offsets, read_file, read_stream


@dataclass
class Packed:
    packed: bytes


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


def keys_and_payloads(path: Path) -> list[tuple[str, bytes]]:
    return [(key, bytes(payload)) for _, key, _, payload in read_file(path, path.name)]


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9_-]{1,20}(/[a-z0-9]{1,5})?", fullmatch=True).filter(
            lambda key: not any(p.startswith("__") and p.endswith("__") for p in key.split("/"))
        ),
        st.binary(max_size=3000),
        max_size=10,
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, bytes]
) -> None:
    path = tmp_path_factory.mktemp("shard") / "s.tar"
    with ShardWriter(path) as writer:
        for key, payload in content.items():
            writer.write(key, payload)
    assert dict(keys_and_payloads(path)) == content
    with path.open("rb") as stream:
        found = {key: bytes(payload) for _, key, _, payload in read_stream(stream, "s")}
    assert found == content
    assert writer.info == inspect_shard(path)


# webdataset leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_stock_webdataset_and_tarfile_read_it(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    content = {f"{i:09d}": bytes([i]) * (i * 100) for i in range(30)}
    with ShardWriter(path) as writer:
        for key, payload in content.items():
            writer.write(key, payload)
    stock = webdataset.WebDataset(str(path), shardshuffle=False)
    assert {sample["__key__"]: sample["msgpack"] for sample in stock} == content
    with tarfile.open(path) as archive:
        assert archive.getnames() == [f"{key}.msgpack" for key in content]


def test_what_webdataset_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    content = {f"{i:06d}": bytes([i]) * (i * 100) for i in range(30)}
    with webdataset.TarWriter(str(path)) as sink:
        for key, payload in content.items():
            sink.write({"__key__": key, "msgpack": payload})
    assert dict(keys_and_payloads(path)) == content
    assert inspect_shard(path).samples == 30


def test_compressed_by_webdataset(tmp_path: Path) -> None:
    path = tmp_path / "s.tar.gz"
    with webdataset.TarWriter(str(path)) as sink:
        sink.write({"__key__": "a", "msgpack": b"x"})
    assert keys_and_payloads(path) == [("a", b"x")]


def test_the_same_samples_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        with ShardWriter(tmp_path / name) as writer:
            writer.write("k", b"payload")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_shard_appears_when_it_is_complete(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "s.tar")
    writer.write("a", b"x")
    assert "s.tar" not in contents(tmp_path)
    with pytest.raises(ValueError, match="not closed"):
        writer.info  # noqa: B018
    writer.close()
    writer.close()
    assert contents(tmp_path) == ["s.tar"]


def test_nothing_remains_of_a_shard_that_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with ShardWriter(tmp_path / "s.tar") as writer:
            writer.write("a", b"x")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert contents(tmp_path) == []


def test_an_older_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    path.write_bytes(b"old")
    with pytest.raises(ShardError), ShardWriter(path) as writer:
        writer.write("../x", b"")
    assert path.read_bytes() == b"old"
    with ShardWriter(path):
        pass
    assert keys_and_payloads(path) == []


def test_a_key_twice_is_refused(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "s.tar") as writer:
        writer.write("a", b"1")
        writer.write("b", b"1")
        with pytest.raises(ShardError, match="already"):
            writer.write("a", b"2")
    assert keys_and_payloads(tmp_path / "s.tar") == [("a", b"1"), ("b", b"1")]


def test_a_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        ShardWriter(tmp_path / "none" / "s.tar")


def test_a_disk_that_refuses_is_a_storage_error_and_nothing_remains(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = ShardWriter(tmp_path / "s.tar")
    writer.write("a", bytes(100_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(StorageError, match="File too large"):
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path) == []


def test_cutting_by_count_numbers_keys_through(tmp_path: Path) -> None:
    cut = list(cut_shards((Packed(bytes([i])) for i in range(7)), tmp_path, maxcount=3))
    assert [path.name for path, _ in cut] == ["000000.tar", "000001.tar", "000002.tar"]
    assert [info.samples for _, info in cut] == [3, 3, 1]
    together = [pair for path, _ in cut for pair in keys_and_payloads(path)]
    assert together == [(f"{i:09d}", bytes([i])) for i in range(7)]
    assert all(info == inspect_shard(path) for path, info in cut)


@given(st.lists(st.integers(0, 3000), max_size=20), st.integers(5000, 20_000))
def test_no_shard_is_larger_than_asked(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], maxsize: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    samples = [Packed(bytes(size)) for size in sizes]
    cut = list(cut_shards(samples, folder, maxsize=maxsize))
    assert [len(payload) for path, _ in cut for _, payload in keys_and_payloads(path)] == sizes
    for path, info in cut:
        assert path.stat().st_size == info.size <= maxsize


def test_a_sample_larger_than_a_shard_may_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"sample 1 makes a shard of 11776 bytes"):
        list(cut_shards([Packed(b"x"), Packed(bytes(10_000))], tmp_path, maxsize=5000))
    assert contents(tmp_path) == ["000000.tar"]


def test_no_samples_make_no_shard(tmp_path: Path) -> None:
    assert list(cut_shards([], tmp_path)) == []
    with pytest.raises(ValueError, match="maxcount"):
        list(cut_shards([], tmp_path, maxcount=0))


def test_a_failing_dataset_leaves_no_half_shard(tmp_path: Path) -> None:
    def samples() -> Iterator[Packed]:
        yield Packed(b"1")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        list(cut_shards(samples(), tmp_path))
    assert contents(tmp_path) == []


def test_the_caller_may_move_a_shard_away_and_stop(tmp_path: Path) -> None:
    cut = cut_shards((Packed(bytes([i])) for i in range(9)), tmp_path, maxcount=2)
    path, _ = next(cut)
    path.unlink()
    next(cut)
    cut.close()  # type: ignore[attr-defined]
    assert contents(tmp_path) == ["000001.tar"]


@given(st.lists(st.tuples(st.integers(0, 10**12), st.binary(max_size=2000)), max_size=5))
def test_numbers_are_keys_of_nine_digits(
    tmp_path_factory: pytest.TempPathFactory, content: list[tuple[int, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    samples = dict(content)
    with ShardWriter(folder / "a.tar") as by_key, ShardWriter(folder / "b.tar") as by_number:
        for number, payload in samples.items():
            by_key.write(f"{number:09d}", payload)
            by_number.write_numbered(number, payload)
    assert by_key.info == by_number.info
    assert (folder / "a.tar").read_bytes() == (folder / "b.tar").read_bytes()


@pytest.mark.parametrize("sizes", [[0], [1, 511, 512, 513, 0], [3] * 7])
@pytest.mark.parametrize("limits", [{}, {"maxcount": 2}, {"maxsize": 3072}])
def test_the_offset_index_is_written_from_what_the_writer_knows(
    tmp_path: Path, sizes: list[int], limits: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [Packed(bytes(size)) for size in sizes]
    with monkeypatch.context() as patch:
        patch.setattr(offsets, "read_file", None)  # no shard is walked
        paths = [path for path, _ in cut_shards(samples, tmp_path, indexed=True, **limits)]
    for path in paths:
        assert path.with_suffix(".idx").read_bytes() == offsets.offset_index(path)
    assert len(contents(tmp_path)) == 2 * len(paths)

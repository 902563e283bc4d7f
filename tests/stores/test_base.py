"""What all stores share, tried on the disk store."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

import atdata
from atdata._protocols import AbstractDataStore
from atdata.errors import DigestMismatch, ShardError, StorageError, UrlError
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.sources import URLSource
from atdata.stores import LocalDiskStore, ShardStore
from atdata.stores.base import check_prefix, prefix_for
from atdata_records import cid
from recorded import RecordedProgress

from .conftest import Number, numbers

MakeDataset = Callable[[int], atdata.Dataset[Number]]


@pytest.fixture
def store(tmp_path: Path) -> LocalDiskStore:
    return LocalDiskStore(tmp_path / "store")


def files(store: LocalDiskStore) -> list[Path]:
    return sorted(path for path in store.root.rglob("*") if path.is_file())


class TestWriteShards:
    def test_the_samples_come_back_in_order(
        self, store: LocalDiskStore, make_dataset: MakeDataset
    ) -> None:
        urls = store.write_shards(make_dataset(25), prefix="numbers/v1", maxcount=10)
        assert [info.samples for info in urls.shards] == [10, 10, 5]
        assert list(atdata.Dataset[Number](list(urls)).ordered()) == numbers(25)

    def test_what_is_reported_of_each_shard_is_true(
        self, store: LocalDiskStore, make_dataset: MakeDataset
    ) -> None:
        urls = store.write_shards(make_dataset(5), prefix="p", maxcount=2)
        assert urls.shards == tuple(inspect_shard(url) for url in urls)

    def test_keys_are_made_of_prefix_place_and_digest(
        self, store: LocalDiskStore, make_dataset: MakeDataset
    ) -> None:
        urls = store.write_shards(make_dataset(3), prefix="a/b", maxcount=2)
        for index, (url, info) in enumerate(zip(urls, urls.shards, strict=True)):
            digest = cid.digest(info.cid).hex()
            assert url == str(store.root / "a" / "b" / f"{index:06d}-{digest[:16]}.tar")

    def test_a_second_run_adds_nothing(
        self, store: LocalDiskStore, make_dataset: MakeDataset
    ) -> None:
        first = store.write_shards(make_dataset(7), prefix="p", maxcount=3)
        before = {path: path.read_bytes() for path in files(store)}
        second = store.write_shards(make_dataset(7), prefix="p", maxcount=3)
        assert (first, first.shards) == (second, second.shards)
        assert {path: path.read_bytes() for path in files(store)} == before

    def test_datasets_of_one_prefix_do_not_overwrite_each_other(
        self, store: LocalDiskStore, make_dataset: MakeDataset
    ) -> None:
        first = store.write_shards(make_dataset(3), prefix="p")
        second = store.write_shards(make_dataset(4), prefix="p")
        assert list(atdata.Dataset[Number](first[0]).ordered()) == numbers(3)
        assert list(atdata.Dataset[Number](second[0]).ordered()) == numbers(4)

    def test_shards_keep_to_a_size(self, store: LocalDiskStore, make_dataset: MakeDataset) -> None:
        urls = store.write_shards(make_dataset(20), prefix="p", maxsize=8192)
        assert len(urls) > 1
        assert all(Path(url).stat().st_size == info.size <= 8192
                   for url, info in zip(urls, urls.shards, strict=True))  # fmt: skip
        assert sum(info.samples for info in urls.shards) == 20

    def test_nothing_is_left_when_a_sample_does_not_fit(
        self, store: LocalDiskStore, make_dataset: MakeDataset
    ) -> None:
        with pytest.raises(ShardError):
            store.write_shards(make_dataset(20), prefix="p", maxsize=1024)
        assert files(store) == []


class TestCopyShards:
    def test_every_byte_is_kept(self, store: LocalDiskStore, make_dataset: MakeDataset) -> None:
        source = make_dataset(9).source
        copied = store.copy_shards(source, prefix="copy")
        (original,) = source.list_shards()
        assert Path(copied[0]).read_bytes() == Path(original).read_bytes()
        assert copied.shards == (inspect_shard(original),)
        assert store.copy_shards(source, prefix="copy", infos=copied.shards) == copied

    def test_a_source_of_the_users_own(
        self, store: LocalDiskStore, make_dataset: MakeDataset
    ) -> None:
        (original,) = make_dataset(2).list_shards()

        class Custom:
            shard_list = ("first", "second")

            def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
                for name in self.shard_list:
                    yield name, open(original, "rb")  # noqa: SIM115

        copied = store.copy_shards(Custom(), prefix="copy")
        assert [Path(url).name[:7] for url in copied] == ["000000-", "000001-"]
        assert copied.shards == (inspect_shard(original),) * 2

    @pytest.mark.parametrize("lie", ["cid", "size", "samples", "count"])
    def test_announced_shards_are_checked(
        self, store: LocalDiskStore, make_dataset: MakeDataset, lie: str
    ) -> None:
        source = make_dataset(3).source
        true = inspect_shard(source.list_shards()[0])
        wrong = {
            "cid": [ShardInfo(cid.of_bytes(b"other"), true.size, true.samples)],
            "size": [ShardInfo(true.cid, true.size - 512, true.samples)],
            "samples": [ShardInfo(true.cid, true.size, 4)],
            "count": [true, true],
        }[lie]
        with pytest.raises(DigestMismatch):
            store.copy_shards(source, prefix="copy", infos=wrong)
        assert files(store) == []

    def test_a_damaged_shard_is_not_stored(
        self, store: LocalDiskStore, make_dataset: MakeDataset
    ) -> None:
        source = make_dataset(3).source
        path = Path(source.list_shards()[0])
        path.write_bytes(path.read_bytes()[:-700])
        with pytest.raises(ShardError, match=path.name):
            store.copy_shards(source, prefix="copy")
        assert files(store) == []


class Narrow(LocalDiskStore):
    """A store that takes shards of 8 kB."""

    def largest_shard(self) -> int:
        return 8192


class TestALimit:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Narrow:
        return Narrow(tmp_path / "store")

    def test_what_is_written_keeps_to_it(self, store: Narrow, make_dataset: MakeDataset) -> None:
        urls = store.write_shards(make_dataset(50), prefix="p")
        assert max(info.size for info in urls.shards) <= 8192
        smaller = store.write_shards(make_dataset(50), prefix="p", maxsize=4096)
        assert max(info.size for info in smaller.shards) <= 4096
        assert store.write_shards(make_dataset(50), prefix="p", maxsize=10**6) == urls

    def test_what_is_copied_is_cut_where_it_must_be(
        self, store: Narrow, make_dataset: MakeDataset
    ) -> None:
        (short,), (long,) = make_dataset(2).list_shards(), make_dataset(50).list_shards()
        before = tuple(map(inspect_shard, [short, long]))
        urls = store.copy_shards(URLSource([short, long]), prefix="p")
        assert (urls.cut_from, urls.shards[0]) == (before, before[0])
        assert urls.shards == tuple(map(inspect_shard, urls))
        assert max(info.size for info in urls.shards) <= 8192
        assert [Path(url).name[:6] for url in urls] == [f"{n:06d}" for n in range(len(urls))]
        assert list(atdata.Dataset[Number](list(urls)).ordered()) == numbers(2) + numbers(50)
        assert tuple(map(inspect_shard, [short, long])) == before
        again = store.copy_shards(URLSource([short, long]), prefix="p", infos=before)
        assert (again, again.shards, again.cut_from) == (urls, urls.shards, before)

    def test_what_fits_is_not(self, store: Narrow, make_dataset: MakeDataset) -> None:
        assert store.copy_shards(make_dataset(2).source, prefix="p").cut_from is None


class TestDryRun:
    def test_it_writes_nothing_and_reports_what_there_would_be(
        self, store: LocalDiskStore, make_dataset: MakeDataset
    ) -> None:
        ds = make_dataset(7)
        written = store.write_shards(ds, prefix="p", maxcount=3, dry_run=True)
        copied = store.copy_shards(ds.source, prefix="p", dry_run=True)
        assert not store.root.exists()
        real = store.write_shards(ds, prefix="p", maxcount=3)
        assert (written, written.shards) == (real, real.shards)
        assert store.copy_shards(ds.source, prefix="p") == copied

    def test_what_is_known_is_not_read(self, store: LocalDiskStore) -> None:
        source = URLSource("https://nowhere.invalid/{0..1}.tar")
        infos = [ShardInfo(cid.of_bytes(b"%d" % n), 10_000, 5) for n in range(2)]
        urls = store.copy_shards(source, prefix="p", infos=infos, dry_run=True)
        assert urls.shards == tuple(infos)
        assert len(set(urls)) == 2

    def test_a_store_without_urls_before_the_upload_refuses_a_dry_run(
        self, make_dataset: MakeDataset
    ) -> None:
        class Elsewhere(ShardStore):
            def put(self, path: Path, key: str, info: ShardInfo) -> str:
                return f"x:{key}"

        with pytest.raises(StorageError, match=r"Elsewhere knows the URL.*\n.*without dry_run"):
            Elsewhere().write_shards(make_dataset(1), prefix="p", dry_run=True)
        assert Elsewhere().write_shards(make_dataset(1), prefix="p")[0].startswith("x:p/000000-")


def test_progress(store: LocalDiskStore, make_dataset: MakeDataset) -> None:
    written, copied, streamed = RecordedProgress(), RecordedProgress(), RecordedProgress()
    urls = store.write_shards(make_dataset(7), prefix="p", maxcount=3, progress=written)
    sizes = [(info.size, 1) for info in urls.shards]
    total = sum(info.size for info in urls.shards)
    # How much it will be is not known before samples are encoded …
    assert (written.begun, written.done) == ([(None, None)], sizes)
    # … but for files it is, and for shards whose infos are given.
    source = URLSource(list(urls))
    store.copy_shards(source, prefix="q", progress=copied)
    assert (copied.begun, copied.done) == ([(total, 3)], sizes)

    class Custom:
        shard_list = source.shard_list

        def open_shard(self, shard: str) -> IO[bytes]:
            return open(shard, "rb")

    store.copy_shards(Custom(), prefix="q", progress=streamed)
    store.copy_shards(Custom(), prefix="q", infos=urls.shards, progress=streamed)
    assert streamed.begun == [(None, 3), (total, 3)]
    assert streamed.done == sizes * 2


class TestPrefixes:
    @pytest.mark.parametrize(
        "prefix", ["a", "datasets/mnist/v1", "a/", "Datensätze", "x=1", "auxiliary"]
    )
    def test_relative_ones_are_fine(self, prefix: str) -> None:
        check_prefix(prefix)

    @pytest.mark.parametrize(
        "prefix",
        ["", "/", "/etc", "..", "../x", "a/../../x", "a/..", "./a", "a//b", "a\\b", "a\0b", "a\nb",
         "C:/x", "a{0..9}", "a?b", "a#b", "a%2e%2e", "a*", ".incoming/x", "a/.b",
         "aux", "data/Nul.v1", "v1./x", "a./"],
    )  # fmt: skip
    def test_those_that_could_lead_elsewhere_are_refused(
        self, store: LocalDiskStore, make_dataset: MakeDataset, prefix: str
    ) -> None:
        dataset = make_dataset(1)
        with pytest.raises(UrlError):
            store.write_shards(dataset, prefix=prefix)
        with pytest.raises(UrlError):
            store.copy_shards(dataset.source, prefix=prefix)
        assert not store.root.exists()

    @pytest.mark.parametrize(
        "name", ["mnist", "team/mnist", "a{0..9}", "50%", "what?", "a:b", "...", "a/.b", "aux/v1."]
    )
    def test_a_name_has_one(self, name: str) -> None:
        check_prefix(prefix_for(name))


def test_a_full_disk_leaves_no_part_of_a_shard(
    store: LocalDiskStore, make_dataset: MakeDataset
) -> None:
    (path,) = make_dataset(1000).list_shards()
    child = textwrap.dedent(
        f"""
        import resource, sys
        from atdata.errors import StorageError
        from atdata.sources import URLSource
        from atdata.stores import LocalDiskStore

        # The kernel refuses to let a file grow further, as it does when the disk is full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            LocalDiskStore({str(store.root)!r}).copy_shards(URLSource({path!r}), prefix="p")
        except StorageError as error:
            print(error)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", child], capture_output=True, text=True, check=True, timeout=60
    )
    assert "could not be written" in done.stdout
    assert "Make room" in done.stdout
    assert files(store) == []


def test_stores_are_data_stores(store: LocalDiskStore) -> None:
    assert isinstance(store, AbstractDataStore)
    assert store.supports_streaming()

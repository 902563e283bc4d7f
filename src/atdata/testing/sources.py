"""Conformance suites for ``DataSource``, and for what a source may offer beyond it."""

# ruff: noqa: S101, D102 - tests: they assert, and their names say what

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest

from atdata import _protocols as protocols
from atdata.dataset import Dataset
from atdata.errors import DigestMismatch
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.testing.samples import Thing

_CHILD = """
import hashlib, json, pickle, sys
sys.path[:] = json.loads(sys.argv[1])
source = pickle.load(sys.stdin.buffer)
print(json.dumps([hashlib.sha256(stream.read()).hexdigest() for _, stream in source.shards()]))
"""
_PATIENCE = 5.0  # seconds, until servers notice that a connection was closed


class SourceFixtures:
    """The fixtures of all suites for sources: ``source`` and ``contents``."""

    @pytest.fixture
    def contents(self) -> list[bytes]:
        raise NotImplementedError("define the fixture 'contents'")

    @pytest.fixture
    def source(self) -> Any:
        raise NotImplementedError("define the fixture 'source'")


class DataSourceSuite(SourceFixtures):
    """Fixtures to define: ``source``, ``contents``, ``gone`` and ``cut``.

    ``contents`` holds the bytes of the source's shards in order: two shards or more, of
    :class:`~atdata.testing.Thing` samples. ``gone`` is such a source whose first shard is listed
    but missing; ``cut`` is one whose first shard is truncated. ``secrets`` may list texts that
    must not appear in the source's ``repr``.
    """

    @pytest.fixture
    def gone(self) -> Any:
        raise NotImplementedError("define the fixture 'gone'")

    @pytest.fixture
    def cut(self) -> Any:
        raise NotImplementedError("define the fixture 'cut'")

    @pytest.fixture
    def secrets(self) -> list[str]:
        return []

    def test_it_has_the_interface(self, source: Any) -> None:
        assert isinstance(source, protocols.DataSource)

    def test_names_are_texts_each_once_and_stay(self, source: Any, contents: list[bytes]) -> None:
        names = list(source.shard_list)
        assert len(names) == len(set(names)) == len(contents)
        assert all(isinstance(name, str) and name for name in names)
        assert list(source.shard_list) == names

    def test_shards_come_in_order_every_time(self, source: Any, contents: list[bytes]) -> None:
        for _ in range(2):
            seen = [(name, stream.read()) for name, stream in source.shards()]
            assert [name for name, _ in seen] == list(source.shard_list)
            assert [data for _, data in seen] == contents

    def test_shards_open_by_name_in_any_order(self, source: Any, contents: list[bytes]) -> None:
        for name, data in reversed(list(zip(source.shard_list, contents, strict=True))):
            for _ in range(2):
                with source.open_shard(name) as stream:
                    assert stream.read() == data

    def test_streams_read_in_pieces(self, source: Any, contents: list[bytes]) -> None:
        with source.open_shard(source.shard_list[0]) as stream:
            start = stream.read(700)
            assert start
            assert contents[0].startswith(start)
            assert start + stream.read() == contents[0]
            assert stream.read(1) == b""

    def test_threads_read_side_by_side(self, source: Any, contents: list[bytes]) -> None:
        def read(name: str) -> bytes:
            with source.open_shard(name) as stream:
                return b"".join(iter(lambda: stream.read(1000), b""))

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(read, list(source.shard_list) * 3)) == contents * 3

    def test_another_process_reads_it(self, source: Any, contents: list[bytes]) -> None:
        """Read it in a new process, as a data loader's spawned workers do."""
        answer = subprocess.run(  # noqa: S603 - our own code, in the same Python
            [sys.executable, "-c", _CHILD, json.dumps(sys.path)],
            input=pickle.dumps(source),
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        )
        assert json.loads(answer.stdout) == [sha256(data).hexdigest() for data in contents]

    def test_streams_closed_early_leave_nothing_open(self, source: Any) -> None:
        name = source.shard_list[0]
        for _ in range(3):
            _touch(source, name)
        before = _open_files()
        for _ in range(20):
            _touch(source, name)
        deadline = time.monotonic() + _PATIENCE
        while _open_files() > before + 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _open_files() <= before + 2

    def test_an_unknown_name_is_a_key_error(self, source: Any) -> None:
        with pytest.raises(KeyError):
            source.open_shard("there-is-no-such-shard.tar")

    def test_a_shard_that_is_gone_is_named(self, gone: Any, contents: list[bytes]) -> None:
        first, second, *_ = gone.shard_list
        with pytest.raises((OSError, KeyError, ValueError)) as caught:
            _read(gone, first)
        assert _shown(first) in str(caught.value)
        assert _read(gone, second) == contents[1]

    def test_a_shard_that_is_cut_off_is_named(self, cut: Any) -> None:
        with pytest.raises((OSError, ValueError)) as caught:
            list(Dataset[Thing](cut).ordered())
        assert _shown(cut.shard_list[0]) in str(caught.value)

    def test_datasets_read_it(self, source: Any) -> None:
        numbers = [thing.number for thing in Dataset[Thing](source).ordered()]
        assert numbers == list(range(len(numbers)))
        assert numbers

    def test_its_repr_contains_no_secret(self, source: Any, secrets: list[str]) -> None:
        assert not [secret for secret in secrets if secret in repr(source)]


class LocalSourceSuite(SourceFixtures):
    """For a :class:`~atdata._protocols.LocalSource`; fixtures as of ``DataSourceSuite``."""

    def test_it_has_the_interface_of_local_sources(self, source: Any) -> None:
        assert isinstance(source, protocols.LocalSource)

    def test_its_files_hold_the_shards(self, source: Any, contents: list[bytes]) -> None:
        paths = [source.local_path(name) for name in source.shard_list]
        assert any(paths)
        for path, data in zip(paths, contents, strict=True):
            assert path is None or path.read_bytes() == data

    def test_samples_are_found_by_number(self, source: Any, contents: list[bytes]) -> None:
        if all(map(source.local_path, source.shard_list)):
            last = sum(_info(data).samples for data in contents) - 1
            assert Dataset[Thing](source)[last].number == last


class CachedSourceSuite(SourceFixtures):
    """For a :class:`~atdata._protocols.CachedSource`; fixtures as of ``DataSourceSuite``."""

    def test_it_has_the_interface_of_cached_sources(self, source: Any) -> None:
        assert isinstance(source, protocols.CachedSource)

    def test_fetched_files_hold_the_shards(self, source: Any, contents: list[bytes]) -> None:
        for _ in range(2):
            paths = [source.fetch(name) for name in source.shard_list]
            assert all(paths)
            assert [path.read_bytes() for path in paths] == contents

    def test_shards_that_are_expected_are_fetched(self, source: Any, contents: list[bytes]) -> None:
        for name, data in zip(source.shard_list, contents, strict=True):
            path = source.fetch(name, expected=_info(data))
            assert path.read_bytes() == data

    def test_other_bytes_than_expected_are_refused(
        self, source: Any, contents: list[bytes]
    ) -> None:
        with pytest.raises(DigestMismatch):
            source.fetch(source.shard_list[0], expected=_info(contents[1]))


class CountedSourceSuite(SourceFixtures):
    """For a :class:`~atdata._protocols.CountedSource`; fixtures as of ``DataSourceSuite``."""

    def test_it_has_the_interface_of_counted_sources(self, source: Any) -> None:
        assert isinstance(source, protocols.CountedSource)

    def test_its_counts_are_those_of_the_shards(self, source: Any, contents: list[bytes]) -> None:
        counts = [source.known_samples(name) for name in source.shard_list]
        true = [_info(data).samples for data in contents]
        assert any(count is not None for count in counts)
        assert all(count in (None, number) for count, number in zip(counts, true, strict=True))

    def test_its_datasets_have_a_length(self, source: Any) -> None:
        if None not in map(source.known_samples, source.shard_list):
            assert len(Dataset[Thing](source)) == len(list(Dataset[Thing](source).ordered()))


class RemoteSourceSuite(SourceFixtures):
    """For a :class:`~atdata._protocols.RemoteSource`; fixtures as of ``DataSourceSuite``."""

    def test_it_reports_whether_it_is_remote(self, source: Any) -> None:
        assert isinstance(source, protocols.RemoteSource)
        assert isinstance(source.is_remote, bool)

    def test_shards_come_in_order_however_many_are_opened_at_once(
        self, source: Any, contents: list[bytes]
    ) -> None:
        numbers = [thing.number for thing in Dataset[Thing](source).ordered()]
        assert numbers == list(range(sum(_info(data).samples for data in contents)))


class UrlsSourceSuite(SourceFixtures):
    """For a :class:`~atdata._protocols.UrlsSource`; fixtures as of ``DataSourceSuite``."""

    def test_its_urls_are_texts(self, source: Any) -> None:
        assert isinstance(source, protocols.UrlsSource)
        assert list(source.urls)
        assert all(isinstance(url, str) and url for url in source.urls)

    def test_its_urls_name_the_shards(self, source: Any, contents: list[bytes]) -> None:
        named = [stream.read() for _, stream in Dataset[Thing](list(source.urls)).shards]
        assert named == contents


def _info(data: bytes) -> ShardInfo:
    return inspect_shard(io.BytesIO(data), "shard")


def _read(source: Any, name: str) -> bytes:
    with source.open_shard(name) as stream:
        data: bytes = stream.read()
        return data


def _touch(source: Any, name: str) -> None:
    stream = source.open_shard(name)
    assert stream.read(10)
    stream.close()
    stream.close()


def _shown(name: str) -> str:
    """Return a name as errors may show it: without the query, which may be a signature."""
    return name.partition("?")[0]


def _open_files() -> int:
    return len(os.listdir("/dev/fd"))

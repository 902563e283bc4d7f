"""Conformance suite for ``DataSource``."""

# ruff: noqa: S101, D102 - tests: they assert, and their names say what

from __future__ import annotations

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

from atdata._protocols import DataSource
from atdata.dataset import Dataset
from atdata.testing.samples import Thing

_CHILD = """
import hashlib, json, pickle, sys
sys.path[:] = json.loads(sys.argv[1])
source = pickle.load(sys.stdin.buffer)
print(json.dumps([hashlib.sha256(stream.read()).hexdigest() for _, stream in source.shards()]))
"""
_PATIENCE = 5.0  # seconds, until servers notice that a connection was closed


class DataSourceSuite:
    """Fixtures to define: ``source``, ``contents``, ``gone`` and ``cut``.

    ``contents`` holds the bytes of the source's shards in order: two shards or more, of
    :class:`~atdata.testing.Thing` samples. ``gone`` is such a source whose first shard is listed
    but missing; ``cut`` is one whose first shard is truncated. ``secrets`` may list texts that
    must not appear in the source's ``repr``.
    """

    @pytest.fixture
    def contents(self) -> list[bytes]:
        raise NotImplementedError("define the fixture 'contents'")

    @pytest.fixture
    def source(self) -> Any:
        raise NotImplementedError("define the fixture 'source'")

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
        assert isinstance(source, DataSource)

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

    def test_its_repr_tells_no_secret(self, source: Any, secrets: list[str]) -> None:
        assert not [secret for secret in secrets if secret in repr(source)]


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

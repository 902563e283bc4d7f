"""What a ``DataSource`` must do."""

# ruff: noqa: S101, D102 - tests: they assert, and their names say what

from __future__ import annotations

from typing import Any

import pytest

from atdata._protocols import DataSource
from atdata.dataset import Dataset
from atdata.testing.samples import Thing


class DataSourceSuite:
    """Fixtures to define: ``source``, and ``contents``, the bytes of its shards in order.

    ``contents`` holds two shards or more, of :class:`~atdata.testing.Thing` samples. ``secrets``
    may list texts that must not show in the source's ``repr``.
    """

    @pytest.fixture
    def contents(self) -> list[bytes]:
        raise NotImplementedError("define the fixture 'contents'")

    @pytest.fixture
    def source(self) -> Any:
        raise NotImplementedError("define the fixture 'source'")

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

    def test_shards_come_in_order(self, source: Any, contents: list[bytes]) -> None:
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

    def test_an_unknown_name_is_a_key_error(self, source: Any) -> None:
        with pytest.raises(KeyError):
            source.open_shard("there-is-no-such-shard.tar")

    def test_datasets_read_it(self, source: Any) -> None:
        numbers = [thing.number for thing in Dataset[Thing](source).ordered()]
        assert numbers == list(range(len(numbers)))
        assert numbers

    def test_its_repr_tells_no_secret(self, source: Any, secrets: list[str]) -> None:
        assert not [secret for secret in secrets if secret in repr(source)]

"""A small dataset to store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import atdata
from atdata.shards.writer import ShardWriter


@atdata.packable
class Number:
    """A sample of about a hundred bytes."""

    value: int
    text: str


def numbers(count: int) -> list[Number]:
    return [Number(value=value, text=f"{value:064d}") for value in range(count)]


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[[int], atdata.Dataset[Number]]:
    """Datasets of that many samples, in one shard whose keys are not those of our stores."""

    def make(count: int) -> atdata.Dataset[Number]:
        path = tmp_path / f"numbers-{count}.tar"
        with ShardWriter(path) as writer:
            for sample in numbers(count):
                writer.write(f"key-{sample.value}", sample.packed)
        return atdata.Dataset[Number](str(path))

    return make

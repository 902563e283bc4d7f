"""What type checkers must know of reading; checked, never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, assert_type

import numpy as np
from numpy.typing import NDArray

import atdata
from atdata import BlobSource, Dataset, DataSource, DictSample, S3Source, SampleBatch, URLSource
from atdata.reading.view import View
from atdata.sources import VerifiedSource


@atdata.packable
class Feature:
    features: NDArray[np.float32]
    label: int


dataset = Dataset[Feature]("data-{000000..000009}.tar")
assert_type(dataset.ordered(), View[Feature])
assert_type(dataset.ordered(batch_size=32), View[SampleBatch[Feature]])
assert_type(dataset.ordered(32), View[SampleBatch[Feature]])
assert_type(dataset.shuffled(), View[Feature])
assert_type(dataset.shuffled(100, 1000, seed=1), View[Feature])
assert_type(dataset.shuffled(batch_size=32, seed=1), View[SampleBatch[Feature]])
assert_type(dataset.shuffled(100, 1000, 32), View[SampleBatch[Feature]])
assert_type(dataset.sample_type, type[Feature])
assert_type(dataset.batch_type, type[SampleBatch[Feature]])
assert_type(dataset.shard_list, list[str])
assert_type(dataset.metadata, dict[str, Any] | None)

for sample in dataset:
    assert_type(sample, Feature)
    assert_type(sample.label, int)
for batch in dataset.ordered(batch_size=8):
    for one in batch:
        assert_type(one, Feature)
for _name, stream in dataset.shards():
    assert_type(stream, IO[bytes])


def named(sample: Feature) -> str:
    return str(sample.label)


assert_type(dataset.take(3), View[Feature])
assert_type(dataset.skip(3).take(2), View[Feature])
assert_type(dataset.select([3, 1]), View[Feature])
assert_type(dataset.filter(named), View[Feature])
assert_type(dataset.map(named), View[str])
assert_type(dataset[0], Feature)
assert_type(dataset[0:3], SampleBatch[Feature])
assert_type(dataset["label"], View[Any])
assert_type(dataset.head(), list[Feature])
assert_type(dataset.batch(8), View[SampleBatch[Feature]])
assert_type(dataset.shuffled().filter(named).batch(8), View[SampleBatch[Feature]])
assert_type(dataset.ordered(writable=True), View[Feature])
assert_type(dataset.shuffled(batch_size=8, writable=True), View[SampleBatch[Feature]])
assert_type(dataset.url, str)
assert_type(dataset.features, dict[str, Any])
assert_type(dataset.split(0, 2), Dataset[Feature])
assert_type(dataset.split_worker(0, 2), Dataset[Feature])
assert_type(dataset.to_parquet("a.parquet", lambda one: {"label": one.label}), list[Path])
assert_type(dataset.shuffled(seed=1).state_dict(), dict[str, int])


def count(samples: list[Feature]) -> int:
    return len(samples)


assert_type(dataset.process_shards(count), dict[str, int])
assert_type(dataset.to_dict(), dict[str, list[Any]])

untyped = Dataset("data.tar")
assert_type(untyped, Dataset[DictSample])
assert_type(untyped.as_type(Feature), Dataset[Feature])


def takes(source: DataSource) -> Iterator[tuple[str, IO[bytes]]]:
    return source.shards()


takes(URLSource("a.tar"))
takes(S3Source("bucket", ["key"]))
takes(BlobSource([{"did": "did:plc:x", "cid": "bafk"}], pds_endpoint="https://pds.example"))
takes(VerifiedSource(URLSource("a.tar"), []))

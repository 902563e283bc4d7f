"""Views of a dataset: its samples in order or shuffled, one at a time or in batches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from atdata.reading.decode import Pass, Reader, View
from atdata.reading.shuffle import shuffled_samples
from atdata.reading.walk import ShardWalk
from atdata.samples import SampleBatch


class Passes:
    """Makes the views of one dataset.

    Args:
        walk: The walk over its shards.
        sample_type: Class of its samples.
        batch_size: Samples in a batch; None for views of samples.
        drop_last: Leave out a last batch that is smaller.

    Raises:
        ValueError: The batch size is less than 1.
    """

    def __init__(
        self, walk: ShardWalk, sample_type: Any, batch_size: int | None, drop_last: bool
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        batch_type: Any = SampleBatch
        self._walk = walk
        self._sample_type = sample_type
        self._batch_type: type[SampleBatch[Any]] = batch_type[sample_type]
        self._batch_size = batch_size
        self._drop_last = drop_last

    def ordered(self, order: Pass) -> View[Any]:
        """Return the view of a pass in the order of the shards."""

        def items() -> Iterator[Any]:
            reader = self._reader(order)
            packed = self._walk.packed(self._walk.ordered(), order, blocks=reader.columnar)
            if self._batch_size is None:
                return reader.samples(packed)
            # Batches are cut from columns: their samples are made only when asked for.
            return reader.batches(packed, self._batch_type, self._batch_size, self._drop_last)

        return View(items, order)

    def shuffled(self, order: Pass, buffer_shards: int, buffer_samples: int) -> View[Any]:
        """Return the view of a shuffled pass; see :mod:`atdata.reading.shuffle`."""

        def items() -> Iterator[Any]:
            samples = shuffled_samples(
                self._walk, self._reader(order), order, buffer_shards, buffer_samples
            )
            return samples if self._batch_size is None else self._batches(samples)

        return View(items, order)

    def _reader(self, order: Pass) -> Reader:
        order.begin()
        return Reader(self._sample_type, order)

    def _batches(self, samples: Iterator[Any]) -> Iterator[SampleBatch[Any]]:
        while batch := list(islice(samples, self._batch_size)):
            if len(batch) == self._batch_size or not self._drop_last:
                yield self._batch_type(batch)

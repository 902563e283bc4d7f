"""The views that all others are derived from: a dataset's samples in order, and shuffled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from atdata.reading.decode import Decoder
from atdata.reading.passes import Pass
from atdata.reading.shuffle import shuffled_samples
from atdata.reading.view import View, batches
from atdata.reading.walk import ShardWalk
from atdata.samples.batch import SampleBatch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selection:
    """The samples that a view reads.

    Attributes:
        walk: The walk over their shards.
        sample_type: Their class.
        is_writable: Whether their arrays can be written to.
    """

    walk: ShardWalk
    sample_type: Any
    is_writable: bool

    @property
    def batch_type(self) -> type[SampleBatch[Any]]:
        """The class of their batches."""
        batch_type: Any = SampleBatch
        return batch_type[self.sample_type]  # type: ignore[no-any-return]

    def decoder(self, pass_: Pass) -> Decoder:
        """Begin a pass, and return its decoder."""
        pass_.begin()
        return Decoder(self.sample_type, pass_, is_writable=self.is_writable)


class OrderedView(View[T]):
    """Samples in the order of their shards. Batches are cut from columns.

    Args:
        selection: The samples.
        pass_: The pass.
        shown: As for :class:`View`.
    """

    def __init__(self, selection: Selection, pass_: Pass, shown: str) -> None:
        walk = selection.walk
        super().__init__(
            self._samples, pass_, shown, lambda: walk.count(walk.ordered()), selection.batch_type
        )
        self._selection = selection

    def batch(self, size: int, *, drop_last: bool = False) -> View[SampleBatch[T]]:
        """Return a view of batches; their samples are made only when asked for."""

        def start() -> Iterator[SampleBatch[T]]:
            if self._resume:
                return batches(iter(self), size, drop_last, self._batch_type)
            decoder, packed = self._packed()
            return decoder.batches(packed, self._batch_type, size, drop_last)

        return self._batched(start, size, drop_last)

    def _samples(self) -> Iterator[T]:
        decoder, packed = self._packed()
        return decoder.samples(packed)

    def _packed(self) -> tuple[Decoder, Iterator[Any]]:
        walk, decoder = self._selection.walk, self._selection.decoder(self._pass)
        return decoder, decoder.packed(walk, walk.ordered())


class ShuffledView(View[T]):
    """Samples in random order; see :mod:`atdata.reading.shuffle`.

    Args:
        selection: The samples.
        pass_: The pass.
        shown: As for :class:`View`.
        buffer_shards: Size of the shuffle buffer for shard names.
        buffer_samples: Size of the shuffle buffer for samples.
    """

    def __init__(
        self,
        selection: Selection,
        pass_: Pass,
        shown: str,
        buffer_shards: int,
        buffer_samples: int,
    ) -> None:
        walk = selection.walk

        def start() -> Iterator[T]:
            decoder = selection.decoder(pass_)
            return shuffled_samples(walk, decoder, pass_, buffer_shards, buffer_samples)

        def length() -> int:
            return walk.count(walk.mixed(buffer_shards, pass_))

        super().__init__(start, pass_, shown, length, selection.batch_type)

"""Decoding of packed samples into samples and batches, and the views that yield them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import islice
from operator import index
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from atdata.base.leaving import closed_at_exit
from atdata.errors import DigestMismatch, SampleError, ShardError
from atdata.reading.order import checked_epoch
from atdata.samples.batch import SampleBatch, Stretch
from atdata.samples.codec import Codec, codec_of
from atdata.samples.columns import Rows
from atdata.samples.packable import PackableSample
from atdata.shards.blocks import SampleBlock
from atdata.shards.tar import BLOCK

if TYPE_CHECKING:
    from atdata.shards.reader import PackedSample

Item = TypeVar("Item")
Other = TypeVar("Other")
Damage = ShardError | SampleError
OnError: TypeAlias = Literal["raise", "skip"] | Callable[[Damage], object]
"""What to do about a shard or sample that is not sound.

``"raise"`` stops; ``"skip"`` goes on after it (after the sample, or with the next shard) and
counts it; a function is called with the error and may raise, otherwise it is skipped. Bytes that
do not match a digest are skipped only by a function.
"""


class Pass:
    """State of one pass over a dataset, shared by a view and those derived from it.

    Attributes:
        seed: Of this pass; a new one for each pass if none was given.
        epoch: Number of the pass, from 0; changes the order of shuffled ones.
        skipped: Number of shards and samples that were skipped in this pass, because of damage.

    Raises:
        ValueError: The seed is not an integer, or ``on_error`` is not one of its values.
    """

    def __init__(self, seed: int | None, on_error: OnError) -> None:
        if not (on_error in ("raise", "skip") or callable(on_error)):
            raise ValueError(f"on_error is 'raise', 'skip' or a function, not {on_error!r}")
        if not (seed is None or hasattr(seed, "__index__")):
            raise ValueError(f"a seed is an integer, not {seed!r}")
        seed = None if seed is None else index(seed)
        self._given = seed
        self._keep = False
        self._on_error = on_error
        self.seed = seed or 0
        self.epoch = 0
        self.skipped = 0

    def begin(self) -> None:
        """Start a new pass: reset the count, and choose a seed if none was given."""
        if self._given is None and not self._keep:
            self.seed = secrets.randbits(63)
        self._keep = False
        self.skipped = 0

    def resume(self, seed: int, epoch: int) -> None:
        """Make the next pass repeat an earlier one."""
        self.seed, self.epoch, self._keep = seed, epoch, True

    def damaged(self, error: Damage) -> None:
        """Skip the damage and count it, or raise the error."""
        if callable(self._on_error):
            self._on_error(error)
        elif self._on_error != "skip" or isinstance(error, DigestMismatch):
            raise error
        self.skipped += 1


class View(Generic[Item]):
    """Samples or batches of a dataset, in one order: an iterable that can be iterated again.

    It keeps the position of the last iteration: :meth:`state_dict` returns it, and after
    :meth:`load_state_dict`, also in another process, the next iteration begins with the item
    after it. Skipping delivered items costs about as much as reading them.
    """

    def __init__(self, start: Callable[[], Iterator[Item]], order: Pass) -> None:
        self._start = start
        self._order = order
        self._delivered = 0
        self._resume = 0

    def __iter__(self) -> Iterator[Item]:
        return closed_at_exit(self._items())

    def _items(self) -> Generator[Item, None, None]:
        first, self._resume = self._resume, 0
        self._delivered = first
        for number, item in enumerate(islice(self._start(), first, None), first + 1):
            self._delivered = number
            yield item

    @property
    def skipped(self) -> int:
        """Number of shards and samples that ``on_error`` has skipped in this iteration."""
        return self._order.skipped

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration: another one for each epoch, from 0.

        Raises:
            ValueError: Less than 0, or more than 32 bits.
        """
        self._order.epoch = checked_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        """Return the position of the last iteration: integers seed, epoch and items delivered."""
        order = self._order
        return {"seed": order.seed, "epoch": order.epoch, "delivered": self._delivered}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Resume the next iteration after the last item delivered in that state.

        The dataset has to be the same, and the view has to be made in the same way.
        """
        self._order.resume(state["seed"], state["epoch"])
        self._resume = self._delivered = state["delivered"]

    def take(self, count: int) -> View[Item]:
        """Return a view of the first ``count`` items."""
        return self._derived(lambda: islice(self, count))

    def skip(self, count: int) -> View[Item]:
        """Return a view of all but the first ``count`` items."""
        return self._derived(lambda: islice(self, count, None))

    def map(self, function: Callable[[Item], Other]) -> View[Other]:
        """Return a view of the function's result for each item."""
        return self._derived(lambda: map(function, self))

    def filter(self, wanted: Callable[[Item], object]) -> View[Item]:
        """Return a view of the items for which ``wanted`` is true."""
        return self._derived(lambda: filter(wanted, self))

    def _derived(self, start: Callable[[], Iterator[Other]]) -> View[Other]:
        return View(start, self._order)


class Reader:
    """Decodes packed samples.

    Args:
        sample_type: Their class.
        order: The pass, which decides what happens to damaged samples.
    """

    def __init__(self, sample_type: Any, order: Pass) -> None:
        self._decode = sample_type.from_bytes
        self._codec = _columnar_codec(sample_type)
        self._order = order

    @property
    def columnar(self) -> bool:
        """Whether samples can be read as columns; packed ones may then come in blocks."""
        return self._codec is not None

    @property
    def make(self) -> Callable[..., Any]:
        """The function that makes a sample of a row of columns."""
        assert self._codec  # noqa: S101 - there are columns
        return self._codec.make

    def samples(self, packed: Iterable[PackedSample]) -> Iterator[Any]:
        """Yield the samples, one at a time."""
        for one in packed:
            columns = self._columns(one[3])
            if columns is not None:
                yield from map(self.make, *columns)
            else:
                yield from self._one_by_one(one)

    def batches(
        self,
        packed: Iterable[PackedSample],
        batch_type: type[SampleBatch[Any]],
        size: int,
        whole: bool,
    ) -> Iterator[SampleBatch[Any]]:
        """Yield batches of ``size`` samples; drop a smaller last one if all must be ``whole``."""
        pieces: list[Piece] = []
        have = 0
        for piece in self.pieces(packed):
            start, stop = 0, len(piece)
            if not have and piece.columnar:
                # Most batches lie within one piece.
                codec, columns = self._codec, piece.held
                for start in range(0, stop - size + 1, size):
                    yield batch_type(Stretch(codec, [(columns, start, start + size)]))  # type: ignore[arg-type]
                start = stop - stop % size
            while have + stop - start >= size:
                middle = start + size - have
                yield batch_type(_joined(self._codec, [*pieces, piece.part(start, middle)]))
                pieces, have, start = [], 0, middle
            if start < stop:
                pieces.append(piece.part(start, stop))
                have += stop - start
        if pieces and not whole:
            yield batch_type(_joined(self._codec, pieces))

    def pieces(self, packed: Iterable[PackedSample]) -> Iterator[Piece]:
        """Yield the samples in blocks as they are read: in columns where that is possible."""
        for one in packed:
            columns = self._columns(one[3])
            if columns is not None:
                yield Piece(columns, 0, one[3].count)  # type: ignore[arg-type]
            else:
                samples = list(self._one_by_one(one))
                yield Piece(samples, 0, len(samples), columnar=False)

    def _columns(self, payload: Any) -> list[Any] | None:
        if type(payload) is not SampleBlock or self._codec is None:
            return None
        rows = Rows(
            payload.view, payload.first + BLOCK, payload.size, payload.stride, payload.count
        )
        return self._codec.columns.read(rows)

    def _one_by_one(self, one: PackedSample) -> Iterator[Any]:
        shard, key, offset, payload = one
        if not isinstance(payload, SampleBlock):
            payloads: Iterable[memoryview] = (payload,)
            stride = 0
        else:
            payloads, stride = map(payload.payload, range(payload.count)), payload.stride
        for number, data in enumerate(payloads):
            try:
                sample = self._decode(data)
            except SampleError as error:
                if isinstance(payload, SampleBlock):
                    key = payload.key(number)
                error.shard, error.member = shard, f"{key}.msgpack"
                error.offset = offset + number * stride
                self._order.damaged(error)
            else:
                yield sample


class Piece:
    """A block of samples that go into batches: rows of columns, or a list."""

    __slots__ = ("columnar", "held", "start", "stop")

    def __init__(self, held: list[Any], start: int, stop: int, columnar: bool = True) -> None:
        self.held, self.start, self.stop, self.columnar = held, start, stop, columnar

    def __len__(self) -> int:
        return self.stop - self.start

    def part(self, start: int, stop: int) -> Piece:
        """Return the samples from ``start`` to ``stop``, as positions in ``held``."""
        return Piece(self.held, start, stop, self.columnar)


def _joined(codec: Codec | None, pieces: list[Piece]) -> Any:
    """Join pieces to the contents of a batch: columns if all have them, else a list."""
    columnar = codec is not None and all(piece.columnar for piece in pieces)
    if columnar:
        return Stretch(codec, [(piece.held, piece.start, piece.stop) for piece in pieces])  # type: ignore[arg-type]
    samples: list[Any] = []
    for piece in pieces:
        if piece.columnar:
            part = Stretch(codec, [(piece.held, piece.start, piece.stop)])  # type: ignore[arg-type]
            samples += part.samples()
        else:
            samples += piece.held[piece.start : piece.stop]
    return samples


def _columnar_codec(sample_type: Any) -> Codec | None:
    """Return the class's codec if its samples can be made from columns, else None."""
    reads = getattr(sample_type.from_bytes, "__func__", None)
    if reads is not PackableSample.__dict__["from_bytes"].__func__:
        return None
    codec = codec_of(sample_type)
    return codec if codec.columns.direct else None

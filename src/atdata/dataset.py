"""Typed datasets: shards from anywhere, read as samples of one class."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from atdata.errors import RandomAccessError, SampleError, UrlError
from atdata.export import formats as export
from atdata.reading.decode import OnError, Pass, View
from atdata.reading.describe import dataset_table, fetch_metadata
from atdata.reading.order import Uneven
from atdata.reading.passes import Passes
from atdata.reading.seek import Seeker
from atdata.reading.typed import TypedDataset, checked_type
from atdata.reading.walk import ShardWalk
from atdata.samples import DictSample, SampleBatch
from atdata.samples.packable import is_projection, projection
from atdata.sources.adapt import AdaptedSource
from atdata.sources.lens import seen_as
from atdata.sources.streams import ShardStreams
from atdata.sources.url import URLSource

if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    from atdata.sources.protocols import DataSource

    # Type checkers bring typing_extensions along; it is not needed to run.
    T = DefaultTypeVar("T", default=DictSample)
else:
    T = TypeVar("T")

__all__ = ["Dataset"]

Item = TypeVar("Item")


class Dataset(Generic[T]):
    """Samples of type ``T`` in the shards of a source.

    ``Dataset[MySample]("data-{000000..000009}.tar")`` reads ``MySample`` objects; without a type,
    samples are :class:`~atdata.DictSample`. Nothing is opened before samples are read.

    Args:
        source_or_url: A path or URL, optionally with brace notation; a list of them; or a data
            source (see :class:`~atdata.DataSource`).
        metadata_url: URL of a msgpack map of metadata, if there is one.
        url: The same as ``source_or_url``, by keyword.

    Attributes:
        source: The data source.
        metadata_url: As given.
        shards: (name, stream) pairs of the shards, to iterate over or to call.

    Raises:
        UrlError: Nothing to read from, an unknown scheme, or braces that don't match.
        SchemaError: ``T`` is not a sample type.
    """

    _sample_type: type[Any] = DictSample

    def __init__(
        self,
        source_or_url: Any = None,
        metadata_url: str | None = None,
        *,
        url: str | os.PathLike[str] | Iterable[str] | None = None,
    ) -> None:
        given: Any = url if source_or_url is None else source_or_url
        if given is None or (url is not None and source_or_url is not None):
            raise UrlError("a dataset needs one source: a path, a URL, a list, or a DataSource")
        names = isinstance(given, (str, os.PathLike, Sequence))
        self.source: DataSource = URLSource(given) if names else given
        self.metadata_url = metadata_url
        self._metadata: dict[str, Any] | None = None
        self._walk = ShardWalk(AdaptedSource(self.source))
        self._seeker: Seeker | None = None
        self.shards = ShardStreams(self._walk.source)

    if not TYPE_CHECKING:

        def __class_getitem__(cls, item):
            """Return ``Dataset[T]``: a type to write in annotations, and to call."""
            if isinstance(item, TypeVar):
                return super().__class_getitem__(item)
            return TypedDataset(cls, item)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_seeker": None}  # it keeps files open

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if isinstance(base, TypedDataset):
                cls._sample_type = checked_type(base.__args__[0])

    @property
    def sample_type(self) -> type[T]:
        """The class of the samples."""
        return cast("type[T]", self._sample_type)

    @property
    def batch_type(self) -> type[SampleBatch[T]]:
        """The class of the batches: ``SampleBatch[T]``."""
        batch_type: Any = SampleBatch
        return cast("type[SampleBatch[T]]", batch_type[self._sample_type])

    def list_shards(self) -> list[str]:
        """Return the names of the shards, in order."""
        return self._walk.names()

    @property
    def shard_list(self) -> list[str]:
        """Names of the shards, in order."""
        return self.list_shards()

    @property
    def is_verbatim(self) -> bool:
        """Whether copies of the source's shards, byte for byte, are copies of this dataset.

        False for a share (:meth:`split`), for a projection (:meth:`project`), and if the source
        can't open a shard by its name.
        """
        by_name = self._walk.source.opens_by_name
        return by_name and not self._walk.parts and not is_projection(self._sample_type)

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The metadata at ``metadata_url``, fetched once; None without one.

        Raises:
            SampleError: It is not a msgpack map.
            StorageError, NetworkError: It can't be read.
        """
        if self._metadata is None and self.metadata_url is not None:
            self._metadata = fetch_metadata(self.metadata_url)
        return self._metadata

    @overload
    def ordered(
        self, batch_size: None = None, *, drop_last: bool = False, on_error: OnError = "raise"
    ) -> View[T]: ...
    @overload
    def ordered(
        self, batch_size: int, *, drop_last: bool = False, on_error: OnError = "raise"
    ) -> View[SampleBatch[T]]: ...
    def ordered(
        self, batch_size: int | None = None, *, drop_last: bool = False, on_error: OnError = "raise"
    ) -> View[T] | View[SampleBatch[T]]:
        """Return a view of the samples in the order of the shards.

        Args:
            batch_size: Samples in a batch; the last batch may be smaller. None for no batches.
            drop_last: Leave out a last batch that is smaller.
            on_error: See :data:`atdata.reading.decode.OnError`; ``view.skipped`` counts.

        Returns:
            An iterable that can be iterated again; see :class:`~atdata.reading.decode.View` for its
            methods.

        Raises:
            ShardError, SampleError: From iterating: a shard or sample is not sound; the error
                names the shard, the member and the offset.
            StorageError, NetworkError: From iterating: a shard can't be read.
        """
        return self._passes(batch_size, drop_last).ordered(Pass(0, on_error))

    @overload
    def shuffled(
        self,
        buffer_shards: int = 100,
        buffer_samples: int = 10_000,
        batch_size: None = None,
        *,
        seed: int | None = None,
        drop_last: bool = False,
        on_error: OnError = "raise",
    ) -> View[T]: ...
    @overload
    def shuffled(
        self,
        buffer_shards: int = 100,
        buffer_samples: int = 10_000,
        *,
        batch_size: int,
        seed: int | None = None,
        drop_last: bool = False,
        on_error: OnError = "raise",
    ) -> View[SampleBatch[T]]: ...
    @overload
    def shuffled(
        self,
        buffer_shards: int,
        buffer_samples: int,
        batch_size: int,
        *,
        seed: int | None = None,
        drop_last: bool = False,
        on_error: OnError = "raise",
    ) -> View[SampleBatch[T]]: ...
    def shuffled(
        self,
        buffer_shards: int = 100,
        buffer_samples: int = 10_000,
        batch_size: int | None = None,
        *,
        seed: int | None = None,
        drop_last: bool = False,
        on_error: OnError = "raise",
    ) -> View[T] | View[SampleBatch[T]]:
        """Return a view of the samples in random order, each once.

        The order depends only on the seed, the epoch (see :meth:`View.set_epoch`), the share (see
        :meth:`split`) and the buffers, and is the same on every machine.

        Args:
            buffer_shards: Size of the shuffle buffer for shard names.
            buffer_samples: Size of the shuffle buffer for samples; 0 keeps their order.
            batch_size: As for :meth:`ordered`.
            seed: Makes the order the same each time; None for a new one, which shares can't have.
            drop_last: As for :meth:`ordered`.
            on_error: As for :meth:`ordered`.

        Returns, raises: As :meth:`ordered`; ValueError for a share without a seed, or a buffer of
        less than 0.
        """
        if buffer_shards < 0 or buffer_samples < 0:
            raise ValueError("a buffer can't be smaller than 0")
        if seed is None and self._walk.parts:
            raise ValueError("shares of one order need one seed: give seed=")
        passes = self._passes(batch_size, drop_last)
        return passes.shuffled(Pass(seed, on_error), buffer_shards, buffer_samples)

    def split(self, rank: int, world_size: int, *, uneven: Uneven = "exact") -> Dataset[T]:
        """Return the share of one process of a job: every ``world_size``-th shard.

        With the same seed and epoch everywhere, the shares of :meth:`shuffled` change with the
        epoch and stay disjoint.

        Args:
            rank: Number of the process, from 0.
            world_size: Number of processes.
            uneven: If shards or samples can't be shared out evenly: ``"exact"`` reads each once,
                ``"pad"`` repeats some so that every process has equally many, ``"drop"`` leaves
                some out. If ``len()`` of the dataset is known, every process, and every worker
                of each, has equally many samples; otherwise only equally many shards. Samples
                that ``on_error`` skips are not replaced.

        Raises:
            ValueError: There is no such share, or it would be empty.
        """
        mine = copy(self)
        mine._seeker = None
        mine._walk = self._walk.split(rank, world_size, uneven)
        return mine

    def split_worker(self, worker: int, workers: int) -> Dataset[T]:
        """Return the share of one worker of a process: a :meth:`split` that reads each shard once.

        Raises:
            ValueError: As :meth:`split`.
        """
        return self.split(worker, workers)

    def take(self, count: int) -> View[T]:
        """Return a view of the first ``count`` samples."""
        return self.ordered().take(count)

    def skip(self, count: int) -> View[T]:
        """Return a view of all but the first ``count`` samples."""
        return self.ordered().skip(count)

    def map(self, function: Callable[[T], Item]) -> View[Item]:
        """Return a view of the function's result for each sample."""
        return self.ordered().map(function)

    def filter(self, wanted: Callable[[T], object]) -> View[T]:
        """Return a view of the samples for which ``wanted`` is true."""
        return self.ordered().filter(wanted)

    def select(self, indices: Iterable[int]) -> View[T]:
        """Return a view of the samples of these numbers, in this order; see :meth:`__getitem__`."""
        chosen = list(indices)
        return View(lambda: (self[index] for index in chosen), Pass(0, "raise"))

    def project(self, *fields: str) -> Dataset[Any]:
        """Return a dataset of the same samples with these fields only; others are not decoded.

        Raises:
            SchemaError: The class has no such field, or declares none.
        """
        projected: Any = copy(self)
        projected._sample_type = projection(projected._sample_type, fields)
        return cast("Dataset[Any]", projected)

    def __len__(self) -> int:
        """Return the number of samples, if it is known without reading shards.

        For local shards it comes from their offset indexes or the ``dataset.json`` beside them;
        for others from the index, record or catalog that the dataset was loaded from. Nothing is
        fetched for it.

        Raises:
            RandomAccessError: It is not known; iterate over :meth:`ordered` to count.
            ShardError: An index or manifest does not fit its shard.
        """
        return self._seek().known_length()

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, index: int) -> T:
        """Return one sample by number; negative ones count from the end.

        Raises:
            IndexError: There are fewer samples.
            RandomAccessError: Not a number; or a shard can only be read from its start: it is
                compressed, or neither on this machine nor cached.
            ShardError, SampleError: As :meth:`ordered`.
        """
        if not hasattr(index, "__index__"):
            raise RandomAccessError(
                f"samples are chosen by number, not by a {type(index).__name__}",
                hint="Use dataset[3], dataset.select(range(0, 3)) or dataset.project('field').",
            )
        shard, offset, payload = self._seek().payload(index)
        try:
            return self._sample_type.from_bytes(payload)  # type: ignore[no-any-return]
        except SampleError as error:
            error.shard, error.offset = shard, offset
            raise

    def __getitems__(self, indices: list[int]) -> list[T]:
        """Return samples by number, as a ``DataLoader`` asks for them."""
        if "torch" in sys.modules:
            import_module("atdata.export.torch")  # registers how PyTorch collates samples
        return [self[index] for index in indices]

    def __iter__(self) -> Iterator[T]:
        return iter(self.ordered())

    def wrap(self, sample: Mapping[str, Any]) -> T:
        """Decode the sample from a stock reader: a mapping with ``"msgpack"``.

        Raises:
            SampleError: It is not a sample of type ``T``.
        """
        return cast("T", self._sample_type.from_bytes(_packed_field(sample)))

    def wrap_batch(self, batch: Mapping[str, Any]) -> SampleBatch[T]:
        """Decode the batch from a stock reader: a mapping with a list under ``"msgpack"``.

        Raises:
            SampleError: It does not hold samples of type ``T``.
        """
        decode = self._sample_type.from_bytes
        return self.batch_type([decode(payload) for payload in _packed_field(batch)])

    def as_type(self, target: type[Item]) -> Dataset[Item]:
        """Return the same data as samples of another type, through lenses (:class:`atdata.Lens`).

        Raises:
            SchemaError: No lens leads to the type, or several paths are equally short.
        """
        target = checked_type(target)
        if self._sample_type is target:
            return cast("Dataset[Item]", self)
        source = seen_as(self.source, self._sample_type, target)
        seen = TypedDataset(Dataset, target)(source, self.metadata_url)
        seen._walk = self._walk.over(AdaptedSource(source))
        return cast("Dataset[Item]", seen)

    # Export. The functions take the dataset as their first argument.
    to_parquet = export.to_parquet
    to_arrow = export.to_arrow
    to_pandas = export.to_pandas
    to_polars = export.to_polars
    to_torch = export.to_torch

    def _repr_html_(self) -> str:
        return dataset_table(self._sample_type, self.source, self.list_shards())

    def __repr__(self) -> str:
        return f"Dataset[{self._sample_type.__name__}]({self.source!r})"

    def _seek(self) -> Seeker:
        if self._seeker is None:
            self._seeker = Seeker(self._walk.source, *self._walk.ordered())
        return self._seeker

    def _passes(self, batch_size: int | None, drop_last: bool) -> Passes:
        return Passes(self._walk, self._sample_type, batch_size, drop_last)


def _packed_field(sample: Mapping[str, Any]) -> Any:
    if "msgpack" not in sample:
        raise SampleError(f"no field 'msgpack', only {', '.join(map(repr, sample)) or 'none'}")
    return sample["msgpack"]

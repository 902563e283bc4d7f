"""Typed datasets: shards from anywhere, read as samples of one class."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from importlib import import_module
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, cast, overload

from atdata.errors import RandomAccessError, SampleError, UrlError
from atdata.export import formats as export
from atdata.export.hugging_face import to_hf
from atdata.export.process import process_shards
from atdata.reading.advice import BatchSizeWarning, warns_of_batch_size
from atdata.reading.decode import Decoder
from atdata.reading.describe import dataset_table, fetch_metadata
from atdata.reading.folders import shards_of
from atdata.reading.order import Uneven
from atdata.reading.passes import OnError, Pass, PassOptions, ShuffleOptions
from atdata.reading.sample_views import OrderedView, Selection, ShuffledView
from atdata.reading.seek import Seeker
from atdata.reading.typed import TypedDataset, checked_type
from atdata.reading.view import View
from atdata.reading.walk import ShardWalk
from atdata.samples import DictSample, SampleBatch
from atdata.samples.fields import declared_fields
from atdata.samples.packable import is_projection, projection
from atdata.shards.payloads import PayloadReader
from atdata.sources.adapt import AdaptedSource
from atdata.sources.lens import seen_as
from atdata.sources.streams import ShardStreams
from atdata.sources.url import URLSource
from atdata.storage.urls import redacted

if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    from atdata.sources.protocols import DataSource

    # Type checkers bring typing_extensions along; it is not needed to run.
    T = DefaultTypeVar("T", default=DictSample)
else:
    T = TypeVar("T")

__all__ = ["BatchSizeWarning", "Dataset"]

Item = TypeVar("Item")


class Dataset(Generic[T]):
    """Samples of type ``T`` in the shards of a source.

    ``Dataset[MySample]("data-{000000..000009}.tar")`` reads ``MySample`` objects; without a type,
    samples are :class:`~atdata.DictSample`. No shard is opened before samples are read.

    ``dataset[3]`` is a sample, ``dataset[0:3]`` a batch, ``dataset["label"]`` a view of the values
    of one field.

    Args:
        source_or_url: A path or URL, optionally with brace notation; a list of them; a folder
            that ``write_shards`` made; or a data source (see :class:`~atdata.DataSource`).
        metadata_url: URL of a msgpack map of metadata, if there is one.
        url: The same as ``source_or_url``, by keyword.

    Attributes:
        source: The data source.
        metadata_url: As given.
        shards: (name, stream) pairs of the shards, to iterate over or to call.

    Raises:
        UrlError: Nothing to read from, an unknown scheme, or braces that don't match.
        StorageError: A folder that ``write_shards`` did not make.
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
        if isinstance(given, (str, os.PathLike)) and os.path.isdir(given):
            given = shards_of(Path(given))
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

    @property
    def url(self) -> str:
        """The path or URL that was given, or the first of several; empty without shards."""
        if isinstance(self.source, URLSource):
            return self.source.url
        return next(iter(self.list_shards()), "")

    @property
    def schema(self) -> dict[str, Any]:
        """Annotation of each field, by name; empty for samples without a declared type."""
        return {field.name: field.annotation for field in declared_fields(self._sample_type)}

    @property
    def features(self) -> dict[str, Any]:
        """The same as :attr:`schema`."""
        return self.schema

    @property
    def column_names(self) -> list[str]:
        """Names of the fields; empty for samples without a declared type."""
        return list(self.schema)

    def describe(self) -> dict[str, Any]:
        """Return a summary: sample type, fields, samples, shards, URL and metadata.

        ``"num_samples"`` is None if ``len()`` is not known. The metadata is fetched.

        Raises:
            SampleError, StorageError, NetworkError: As :attr:`metadata`.
        """
        shards = self.list_shards()
        return {
            "sample_type": self._sample_type.__name__,
            "fields": self.schema,
            "num_samples": self._walk.known_count(self._walk.ordered()),
            "num_shards": len(shards),
            "shards": [redacted(name) for name in shards],
            "url": redacted(self.url),
            "metadata": self.metadata,
        }

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
    def ordered(self, batch_size: None = None, **options: Unpack[PassOptions]) -> View[T]: ...
    @overload
    def ordered(self, batch_size: int, **options: Unpack[PassOptions]) -> View[SampleBatch[T]]: ...
    def ordered(
        self,
        batch_size: int | None = None,
        *,
        drop_last: bool = False,
        on_error: OnError = "raise",
        writable: bool = False,
    ) -> View[T] | View[SampleBatch[T]]:
        """Return a view of the samples in the order of the shards.

        Args:
            batch_size: Samples in a batch; the last batch may be smaller. None for no batches.
            drop_last: Leave out a last batch that is smaller.
            on_error: See :data:`atdata.reading.passes.OnError`; ``view.skipped`` counts.
            writable: Copy the arrays of samples, so that ``sample.image /= 255`` works. Without
                it they are read-only views of the shard, which cost nothing. Columns of batches
                that are arrays can always be written to.

        Returns:
            An iterable that can be iterated again; see :class:`~atdata.reading.view.View` for its
            methods.

        Raises:
            ShardError, SampleError: From iterating: a shard or sample is not sound; the error
                names the shard, the member and the offset.
            StorageError, NetworkError: From iterating: a shard can't be read.
        """
        selection = Selection(self._walk, self._sample_type, writable)
        shown = self._shown_call("ordered", writable=(writable, False))
        view: View[T] = OrderedView(selection, Pass(0, on_error), shown)
        return view if batch_size is None else view.batch(batch_size, drop_last=drop_last)

    @overload
    def shuffled(
        self,
        buffer_shards: int = 100,
        buffer_samples: int = 10_000,
        batch_size: None = None,
        **options: Unpack[ShuffleOptions],
    ) -> View[T]: ...
    @overload
    def shuffled(
        self,
        buffer_shards: int = 100,
        buffer_samples: int = 10_000,
        *,
        batch_size: int,
        **options: Unpack[ShuffleOptions],
    ) -> View[SampleBatch[T]]: ...
    @overload
    def shuffled(
        self,
        buffer_shards: int,
        buffer_samples: int,
        batch_size: int,
        **options: Unpack[ShuffleOptions],
    ) -> View[SampleBatch[T]]: ...
    @warns_of_batch_size
    def shuffled(
        self,
        buffer_shards: int = 100,
        buffer_samples: int = 10_000,
        batch_size: int | None = None,
        *,
        seed: int | None = None,
        drop_last: bool = False,
        on_error: OnError = "raise",
        writable: bool = False,
    ) -> View[T] | View[SampleBatch[T]]:
        """Return a view of the samples in random order, each once.

        The order depends only on the seed, the epoch (see :meth:`View.set_epoch`), the share (see
        :meth:`split`) and the buffers, and is the same on every machine.

        Args:
            buffer_shards: Size of the shuffle buffer for shard names.
            buffer_samples: Size of the shuffle buffer for samples; 0 keeps their order.
            batch_size: As for :meth:`ordered`.
            seed: An integer for the same order each time; None for a new one each time, which
                shares can't have.
            drop_last: As for :meth:`ordered`.
            on_error: As for :meth:`ordered`.
            writable: As for :meth:`ordered`.

        Returns, raises: As :meth:`ordered`; ValueError for a share without a seed, or a buffer of
        less than 0.

        Warns:
            BatchSizeWarning: For ``shuffled(32)``, which sets ``buffer_shards``.
        """
        if buffer_shards < 0 or buffer_samples < 0:
            raise ValueError("a buffer can't be smaller than 0")
        if seed is None and self._walk.parts:
            raise ValueError("shares of one order need one seed: give seed=")
        selection = Selection(self._walk, self._sample_type, writable)
        shown = self._shown_call(
            "shuffled",
            buffer_shards=(buffer_shards, 100),
            buffer_samples=(buffer_samples, 10_000),
            seed=(seed, None),
            writable=(writable, False),
        )
        view: View[T] = ShuffledView(
            selection, Pass(seed, on_error), shown, buffer_shards, buffer_samples
        )
        return view if batch_size is None else view.batch(batch_size, drop_last=drop_last)

    def batch(self, size: int, *, drop_last: bool = False) -> View[SampleBatch[T]]:
        """Return a view of batches in the order of the shards: ``ordered(batch_size=size)``."""
        return self.ordered(size, drop_last=drop_last)

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
        return View(
            lambda: (self[index] for index in chosen),
            Pass(0, "raise"),
            f"{self._shown_type()}.select({len(chosen)} indices)",
            lambda: len(chosen),
            self.batch_type,
        )

    def head(self, count: int = 5) -> list[T]:
        """Return the first ``count`` samples."""
        return list(self.take(count))

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
        return self._walk.count(self._walk.ordered())

    def __bool__(self) -> bool:
        return True

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> SampleBatch[T]: ...
    @overload
    def __getitem__(self, index: str) -> View[Any]: ...
    def __getitem__(self, index: Any) -> T | SampleBatch[T] | View[Any]:
        """Return a sample by number, a batch for a slice, or the values of one field.

        Args:
            index: A number, negative to count from the end. A slice, whose samples are read at
                once; ``select(range(…))`` reads them one after the other. The name of a field,
                for a view of its values in the order of the shards, read without the others.

        Raises:
            IndexError: There are fewer samples.
            SchemaError: There is no such field.
            RandomAccessError: Another index; or a shard can only be read from its start: it is
                compressed, or neither on this machine nor cached.
            ShardError, SampleError: As :meth:`ordered`.
        """
        if not hasattr(index, "__index__"):
            if isinstance(index, str):
                return self._column(index)
            if isinstance(index, slice):
                return self._slice(index)
            raise RandomAccessError(
                f"samples are chosen by number, not by a {type(index).__name__}",
                hint="Use dataset[3], dataset[0:3], dataset.select([3, 1]) or dataset['field'].",
            )
        shard, key, offset, payload = self._seek().payload(index)
        reader = PayloadReader(self._sample_type)
        try:
            return cast("T", reader(payload, key or ""))
        except SampleError as error:
            raise reader.located(error, shard, key, offset, payload) from None

    def get(self, key: str, default: Any = None) -> T | Any:
        """Return the first sample with a key, or the default.

        Shards are read from the start until it is found. Samples by number are faster.

        Raises:
            ShardError, SampleError, StorageError, NetworkError: As :meth:`ordered`.
        """
        decoder = Decoder(self._sample_type, Pass(0, "raise"))
        for packed in decoder.packed(self._walk, self._walk.ordered(), blocks=False):
            if packed[1] == key:
                return next(decoder.samples([packed]))
        return default

    def _slice(self, chosen: slice) -> SampleBatch[T]:
        numbers = range(*chosen.indices(self._seek().length))
        return self.batch_type([self[number] for number in numbers])

    def _column(self, name: str) -> View[Any]:
        dataset: Dataset[Any] = self
        if issubclass(self._sample_type, DictSample):
            return dataset.map(itemgetter(name))
        return dataset.project(name).map(attrgetter(name))

    def __getitems__(self, indices: list[int]) -> list[T]:
        """Return samples by number, as a ``DataLoader`` asks for them."""
        if "torch" in sys.modules:
            import_module("atdata.export.torch")  # registers how PyTorch collates samples
        return [self[index] for index in indices]

    def __iter__(self) -> Iterator[T]:
        return iter(self.ordered())

    def wrap(self, sample: Mapping[str, Any]) -> T:
        """Decode the sample from a stock reader: a mapping with ``"msgpack"``, or of members.

        Args:
            sample: The sample, not decoded: its values are bytes.

        Raises:
            SampleError: It is not a sample of type ``T``.
        """
        reader = PayloadReader(self._sample_type)
        if "msgpack" in sample:
            return cast("T", reader(sample["msgpack"], str(sample.get("__key__", ""))))
        return cast("T", reader.of_members(_members(sample)))

    def wrap_batch(self, batch: Mapping[str, Any]) -> SampleBatch[T]:
        """Decode the batch from a stock reader: as :meth:`wrap`, with lists of values.

        Raises:
            SampleError: It does not hold samples of type ``T``.
        """
        _members(batch)
        rows = (dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=False))
        return self.batch_type(list(map(self.wrap, rows)))

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
    to_hf = to_hf
    to_webdataset = export.to_webdataset
    to_dict = export.to_dict
    process_shards = process_shards

    def _repr_html_(self) -> str:
        return dataset_table(self._sample_type, self.source, self.list_shards())

    def __repr__(self) -> str:
        return f"{self._shown_type()}({self.source!r})"

    def _shown_type(self) -> str:
        return f"Dataset[{self._sample_type.__name__}]"

    def _shown_call(self, method: str, **arguments: tuple[Any, Any]) -> str:
        """Return the call as it is shown, with the arguments that are not the default."""
        given = [
            f"{name}={value!r}" for name, (value, usual) in arguments.items() if value != usual
        ]
        return f"{self._shown_type()}.{method}({', '.join(given)})"

    def _seek(self) -> Seeker:
        if self._seeker is None:
            self._seeker = Seeker(self._walk.source, *self._walk.ordered())
        return self._seeker


def _members(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a stock reader's sample, without what the reader adds."""
    members = {name: data for name, data in sample.items() if not name.startswith("__")}
    if not members:
        raise SampleError(f"no members, only {', '.join(map(repr, sample)) or 'nothing'}")
    return members

"""Typed datasets: shards from anywhere, read as samples of one class."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from random import Random
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from atdata.errors import SampleError, SchemaError, StorageError, UrlError
from atdata.order import shuffled
from atdata.samples import DictSample, SampleBatch
from atdata.shards.reader import Packed, read_file, read_stream
from atdata.sources.adapt import AdaptedSource
from atdata.sources.registry import open_url
from atdata.sources.schemes import redacted
from atdata.sources.streams import ShardStreams
from atdata.sources.url import URLSource

if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    from atdata._protocols import DataSource

    # Type checkers bring typing_extensions along; it is not needed to run.
    T = DefaultTypeVar("T", default=DictSample)
else:
    T = TypeVar("T")

Item = TypeVar("Item")
_MAX_METADATA = 16 << 20
_MAX_OPEN_SHARDS = 128


class Dataset(Generic[T]):
    """Samples of type ``T`` in the shards of a source.

    ``Dataset[MySample]("data-{000000..000009}.tar")`` reads ``MySample`` objects; without a type,
    samples are :class:`~atdata.DictSample`. Nothing is opened before samples are asked for.

    Args:
        source_or_url: A path or URL, with brace notation where wanted; a list of them; or a data
            source (see :class:`~atdata.DataSource`).
        metadata_url: Where a msgpack map of metadata lies, if there is one.
        url: The same as ``source_or_url``, for code that names it.

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
        names = isinstance(given, (str, os.PathLike, list, tuple))
        self.source: DataSource = URLSource(given) if names else given
        self.metadata_url = metadata_url
        self._metadata: dict[str, Any] | None = None
        self._adapted = AdaptedSource(self.source)
        self.shards = ShardStreams(self._adapted)

    if not TYPE_CHECKING:

        def __class_getitem__(cls, item):
            """``Dataset[T]``: a type to write in annotations, and to call."""
            if isinstance(item, TypeVar):
                return super().__class_getitem__(item)
            return _Typed(cls, item)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if isinstance(base, _Typed):
                cls._sample_type = _checked_type(base.__args__[0])

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
        """Names of the shards, in order."""
        return self._adapted.list_shards()

    @property
    def shard_list(self) -> list[str]:
        """Names of the shards, in order."""
        return self.list_shards()

    @property
    def metadata(self) -> dict[str, Any] | None:
        """What lies at ``metadata_url``, fetched once; None without one.

        Raises:
            SampleError: It is not a msgpack map.
            StorageError, NetworkError: It can't be read.
        """
        if self._metadata is None and self.metadata_url is not None:
            self._metadata = _fetch_metadata(self.metadata_url)
        return self._metadata

    @overload
    def ordered(self, batch_size: None = None) -> Iterable[T]: ...
    @overload
    def ordered(self, batch_size: int) -> Iterable[SampleBatch[T]]: ...
    def ordered(self, batch_size: int | None = None) -> Iterable[T] | Iterable[SampleBatch[T]]:
        """The samples in the order of the shards.

        Args:
            batch_size: Samples in a batch; the last batch may be smaller. None for no batches.

        Returns:
            An iterable that starts anew each time it is iterated over.

        Raises:
            ShardError, SampleError: From iterating: a shard or sample is not sound; the error
                names the shard, the member and the offset.
            StorageError, NetworkError: From iterating: a shard can't be read.
        """
        return self._view(batch_size, self._packed)

    @overload
    def shuffled(
        self,
        buffer_shards: int = 100,
        buffer_samples: int = 10_000,
        batch_size: None = None,
        *,
        seed: int | None = None,
    ) -> Iterable[T]: ...
    @overload
    def shuffled(
        self,
        buffer_shards: int = 100,
        buffer_samples: int = 10_000,
        *,
        batch_size: int,
        seed: int | None = None,
    ) -> Iterable[SampleBatch[T]]: ...
    @overload
    def shuffled(
        self,
        buffer_shards: int,
        buffer_samples: int,
        batch_size: int,
        *,
        seed: int | None = None,
    ) -> Iterable[SampleBatch[T]]: ...
    def shuffled(
        self,
        buffer_shards: int = 100,
        buffer_samples: int = 10_000,
        batch_size: int | None = None,
        *,
        seed: int | None = None,
    ) -> Iterable[T] | Iterable[SampleBatch[T]]:
        """The samples in random order, each once.

        Args:
            buffer_shards: The order of shards is shuffled through a buffer of so many names.
            buffer_samples: Samples are shuffled through a buffer of so many; 0 keeps their order.
            batch_size: As for :meth:`ordered`.
            seed: Makes the order the same each time, on every machine; None for a new one.

        Returns, raises: As :meth:`ordered`.
        """
        if buffer_shards < 0 or buffer_samples < 0:
            raise ValueError("a buffer can't be smaller than 0")

        def packed() -> Iterator[Packed]:
            random = Random(seed)  # noqa: S311 - an order, not a secret
            names = list(shuffled(self.list_shards(), buffer_shards, random))
            found = self._packed(names)
            # Views of mapped files cost no memory, but each keeps its file open.
            if len(names) > _MAX_OPEN_SHARDS:
                found = (
                    (shard, key, at, memoryview(bytes(view))) for shard, key, at, view in found
                )
            return shuffled(found, buffer_samples, random)

        return self._view(batch_size, packed)

    def __iter__(self) -> Iterator[T]:
        return iter(self.ordered())

    def wrap(self, sample: Mapping[str, Any]) -> T:
        """The sample in what a stock reader gives: a mapping with ``"msgpack"``.

        Raises:
            SampleError: It is not a sample of type ``T``.
        """
        return cast("T", self._sample_type.from_bytes(_packed_field(sample)))

    def wrap_batch(self, batch: Mapping[str, Any]) -> SampleBatch[T]:
        """The batch in what a stock reader gives: a mapping with a list under ``"msgpack"``.

        Raises:
            SampleError: It does not hold samples of type ``T``.
        """
        decode = self._sample_type.from_bytes
        return self.batch_type([decode(payload) for payload in _packed_field(batch)])

    def __repr__(self) -> str:
        return f"Dataset[{self._sample_type.__name__}]({self.source!r})"

    def _packed(self, names: Iterable[str] | None = None) -> Iterator[Packed]:
        for name, found in self._adapted.opened(self.list_shards() if names is None else names):
            shown = redacted(name)
            if isinstance(found, Path):
                yield from read_file(found, shown)
            else:
                yield from read_stream(found, shown)

    def _view(self, batch_size: int | None, packed: Callable[[], Iterator[Packed]]) -> _View[Any]:
        if batch_size is None:
            return _View(lambda: _decoded(self._sample_type, packed()))
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        return _View(
            lambda: _batches(self.batch_type, _decoded(self._sample_type, packed()), batch_size)
        )


def write_shards(
    samples: Iterable[T],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: str = "1.0.0",
    schema_version: str = "1.0.0",
    maxcount: int = 10_000,
    maxsize: int | None = None,
    source: str | None = None,
) -> Dataset[T]:
    """Write samples as a build root: a folder that can be read, verified and published.

    It holds the shards (``000000.tar``, …), the offset index of each (``000000.idx``), the JSON
    Schema of the samples (``schema.json``), and ``dataset.json``, which says what there is, by
    digest. The same samples give the same bytes. The folder appears when it is complete; an
    earlier dataset in it is replaced, anything else is left alone.

    Args:
        samples: Samples of one type, at least one; they are taken one at a time.
        folder: Where; made when it is missing.
        name: Name of the dataset; that of the folder when None.
        version: Version of the dataset, ``MAJOR.MINOR.PATCH``.
        schema_version: Version of its schema.
        maxcount: Most samples in a shard.
        maxsize: Most bytes in a shard; None for no limit.
        source: Where the samples come from, in your words.

    Returns:
        The dataset, to be read from there.

    Raises:
        SampleError: There are no samples, or they are of several types.
        SchemaError: Their type has no schema.
        ManifestError: A name or version that can't be used.
        EntryConflict: The folder holds something else.
        ShardError: A single sample does not fit into ``maxsize``.
        StorageError: The disk refuses.
    """
    from atdata.shards.build import build_root

    sample_type, paths = build_root(
        samples,
        os.fspath(folder),
        name=name,
        version=version,
        schema_version=schema_version,
        maxcount=maxcount,
        maxsize=maxsize,
        source=source,
    )
    typed: Any = Dataset[sample_type]  # type: ignore[valid-type]
    return cast("Dataset[T]", typed([str(path) for path in paths]))


class _Typed(GenericAlias):
    """``Dataset[T]`` as a value. The class is there before ``__init__`` runs, and is checked."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        origin: Any = self.__origin__
        dataset = origin.__new__(origin)
        dataset._sample_type = _checked_type(self.__args__[0])
        dataset.__init__(*args, **kwargs)
        return dataset


class _View(Generic[Item]):
    """An iterable that starts anew each time."""

    __slots__ = ("_start",)

    def __init__(self, start: Callable[[], Iterator[Item]]) -> None:
        self._start = start

    def __iter__(self) -> Iterator[Item]:
        return self._start()


def _decoded(sample_type: Any, packed: Iterable[Packed]) -> Iterator[Any]:
    decode = sample_type.from_bytes
    for shard, key, offset, payload in packed:
        try:
            sample = decode(payload)
        except SampleError as error:
            error.shard, error.member, error.offset = shard, f"{key}.msgpack", offset
            raise
        yield sample


def _batches(
    batch_type: type[SampleBatch[Any]], samples: Iterator[Any], size: int
) -> Iterator[SampleBatch[Any]]:
    while batch := list(islice(samples, size)):
        yield batch_type(batch)


def _checked_type(sample_type: Any) -> type[Any]:
    # Not from_bytes alone: int has one.
    if not (isinstance(sample_type, type) and hasattr(sample_type, "packed")):
        shown = getattr(sample_type, "__name__", repr(sample_type))
        raise SchemaError(
            f"{shown} is not a sample type",
            hint="decorate its class with @atdata.packable, or use Dataset without a type",
        )
    return sample_type


def _packed_field(sample: Mapping[str, Any]) -> Any:
    if "msgpack" not in sample:
        raise SampleError(f"no field 'msgpack', only {', '.join(map(repr, sample)) or 'none'}")
    return sample["msgpack"]


def _fetch_metadata(url: str) -> dict[str, Any]:
    with open_url(url) as stream:
        data = stream.read(_MAX_METADATA + 1)
    if len(data) > _MAX_METADATA:
        raise StorageError(f"metadata of more than {_MAX_METADATA} bytes", uri=redacted(url))
    metadata: dict[str, Any] = DictSample.from_bytes(data).to_dict()
    return metadata

"""Typed samples as shards: ``write_shards``, and the earlier ``write_samples``."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

from atdata.base.disk import move_file
from atdata.base.scratch import scratch_folder
from atdata.dataset import Dataset
from atdata.errors import StorageError
from atdata.shards.build import build_root, typed_samples
from atdata.shards.layouts import Layout
from atdata.shards.target import Label
from atdata.shards.writer import cut_shards

__all__ = ["write_samples", "write_shards"]

T = TypeVar("T")

_SCRATCH = ".atdata-samples-"
_NUMBER = re.compile(r"%0?\d?d")


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
    overwrite: bool = False,
    layout: Layout = "packed",
) -> Dataset[T]:
    """Write samples as a build root: a folder that can be read, verified and published.

    It holds the shards (``000000.tar``, …), the offset index of each (``000000.idx``), the JSON
    Schema of the samples (``schema.json``), and ``dataset.json``, which lists them by digest. The
    same samples give the same bytes, so the same call can be repeated.

    The folder appears when it is complete. An earlier dataset in it stays until then, and is
    replaced in one step if the system supports it (Linux and macOS). Elsewhere it is missing for
    a moment; if the process is killed just then, the next call for a folder in the same parent
    restores it. Active readers read the new shards from then on.

    Args:
        samples: Samples of one type, at least one; they are consumed one at a time.
        folder: The folder to write; made if it is missing.
        name: Name of the dataset; that of the folder if None.
        version: Version of the dataset, ``MAJOR.MINOR.PATCH``.
        schema_version: Version of its schema.
        maxcount: Largest number of samples in a shard.
        maxsize: Largest number of bytes in a shard; None for no limit.
        source: Where the samples come from, as free text.
        overwrite: Replace an earlier dataset with other data.
        layout: ``"packed"`` writes each sample as one member, ``<key>.msgpack``. ``"members"``
            writes each field as one, as WebDataset has them (``<key>.jpg``, ``<key>.json``), so
            that programs without atdata read them too. The schema is the same.

    Returns:
        The dataset, read from the folder.

    Raises:
        SampleError: There are no samples, or they are of several types.
        SchemaError: Their type has no schema.
        ManifestError: A name or version can't be used.
        EntryConflict: The folder holds unexpected files, or other data without ``overwrite``;
            raised when the first shard that differs is complete.
        ShardError: A single sample does not fit into ``maxsize``.
        StorageError: The folder can't be written.
    """
    sample_type, paths = build_root(
        samples,
        os.fspath(folder),
        Label(name, version, schema_version, source),
        maxcount=maxcount,
        maxsize=maxsize,
        overwrite=overwrite,
        layout=layout,
    )
    return cast("Dataset[T]", _dataset(sample_type, paths))


def write_samples(
    samples: Iterable[T],
    path: str | os.PathLike[str],
    *,
    maxcount: int | None = None,
    maxsize: int | None = None,
    layout: Layout = "packed",
) -> Dataset[T]:
    """Write samples as plain shards, without manifest, schema or indexes.

    :func:`write_shards` is the better choice: what it writes can be verified, published and read
    by number.

    Args:
        samples: Samples of one type, at least one.
        path: The file to write. With a limit there may be several files: a number is put before
            the suffix, or in the place of ``%06d``.
        maxcount: Largest number of samples in a file.
        maxsize: Largest number of bytes in a file.
        layout: As for :func:`write_shards`.

    Returns:
        The dataset, read from the files.

    Raises:
        SampleError: There are no samples, or they are of several types.
        ShardError: A single sample does not fit into ``maxsize``.
        StorageError: The files can't be written.
    """
    target = Path(path).absolute()
    sample_type, samples = typed_samples(samples)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(target.parent, _SCRATCH) as work:
            limits: dict[str, Any] = {"maxcount": maxcount or sys.maxsize, "maxsize": maxsize}
            cut = cut_shards(samples, work, **limits, layout=layout)
            written = [shard for shard, _ in cut]
            is_one = maxcount is None and maxsize is None
            places = [target] if is_one else [_numbered(target, n) for n in range(len(written))]
            for shard, place in zip(written, places, strict=True):
                move_file(shard, place)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"can't write the shards: {error.strerror}", uri=str(target)) from error
    return cast("Dataset[T]", _dataset(sample_type, places))


def _numbered(path: Path, number: int) -> Path:
    pattern = path.name if _NUMBER.search(path.name) else f"{path.stem}-%06d{path.suffix}"
    return path.with_name(_NUMBER.sub(lambda found: found[0] % number, pattern, count=1))


def _dataset(sample_type: type[Any], paths: Iterable[Path]) -> Any:
    typed: Any = Dataset[sample_type]  # type: ignore[valid-type]
    return typed([str(path) for path in paths])

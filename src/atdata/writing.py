"""``write_shards``: typed samples as a folder of shards."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, TypeVar, cast

from atdata.dataset import Dataset
from atdata.shards.build import build_root

T = TypeVar("T")


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
        name=name,
        version=version,
        schema_version=schema_version,
        maxcount=maxcount,
        maxsize=maxsize,
        source=source,
        overwrite=overwrite,
    )
    typed: Any = Dataset[sample_type]  # type: ignore[valid-type]
    return cast("Dataset[T]", typed([str(path) for path in paths]))

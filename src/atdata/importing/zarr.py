"""Zarr groups and arrays of format 2 and 3, in a folder or a zip file, through zarr.

Each array is a column, or ``data`` if it is alone; those in groups are nested (see
:mod:`atdata.importing.array_columns` for the elements). Attributes describe the fields.
Only codecs that are known to decode plain data are used: ``pickle`` is one that zarr would run.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from atdata.base.extras import require
from atdata.errors import SchemaError
from atdata.importing.array_columns import (
    MAX_CHUNK,
    MAX_COLUMNS,
    ArrayColumn,
    Form,
    array_column,
    description_of,
)
from atdata.importing.array_files import check_extent, opened, read_arrays
from atdata.importing.readers import Table

_MARKS = ("zarr.json", ".zgroup", ".zarray")
_CODECS = {
    *("bytes", "transpose", "sharding_indexed", "endian", "vlen-utf8", "vlen-bytes"),
    *("blosc", "gzip", "zstd", "zlib", "lz4", "lzma", "bz2", "shuffle", "delta"),
    *("fixedscaleoffset", "quantize", "bitround", "packbits"),
    *("crc32c", "crc32", "adler32", "fletcher32", "jenkins_lookup3"),
}


def accepts(source: Any) -> bool:
    """Return whether the source is a path of a Zarr folder or zip file."""
    if not isinstance(source, Path):
        return False
    if source.is_dir():
        return any((source / mark).is_file() for mark in _MARKS)
    return source.name.lower().endswith((".zarr", ".zarr.zip"))


def read(source: Path) -> Table:
    """Return the arrays of a Zarr group as a table.

    Raises:
        MissingExtra: zarr is not installed.
        SchemaError: Samples can't hold an array, or it is not as long as the others.
        SampleError: This is not a sound Zarr group or array.
    """
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else ()
    return read_arrays(open_zarr, source, files)


def open_zarr(path: Path) -> AbstractContextManager[Sequence[ArrayColumn]]:
    """Open a group or array, for the length of a block."""
    zarr = require("zarr", extra="zarr")

    def find(stack: ExitStack) -> Sequence[ArrayColumn]:
        return _columns(zarr, stack.enter_context(_store(zarr, path)), path)

    return opened(path, "a Zarr group or array", find)


def _store(zarr: Any, path: Path) -> Any:
    if path.is_dir():
        return zarr.storage.LocalStore(path, read_only=True)
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    check_extent(unpacked, path.stat().st_size, path)
    return zarr.storage.ZipStore(path, read_only=True)


def _columns(zarr: Any, store: Any, path: Path) -> list[ArrayColumn]:
    root = zarr.open(store, mode="r", use_consolidated=False)
    if isinstance(root, zarr.Array):
        return [_column("data", root, path)]
    found = [
        (name, member)
        for name, member in root.members(max_depth=None, use_consolidated_for_children=False)
        if isinstance(member, zarr.Array)
    ]
    if len(found) > MAX_COLUMNS:
        raise SchemaError(f"more than {MAX_COLUMNS} arrays", uri=str(path))
    # Folders are listed in the order of the file system.
    return [_column(name, array, path) for name, array in sorted(found, key=lambda one: one[0])]


def _column(name: str, array: Any, path: Path) -> ArrayColumn:
    unknown = sorted(set(_codecs(array.metadata.to_dict())) - _CODECS)
    if unknown:
        raise SchemaError(
            f"column {name!r:.80} is stored with the codec {unknown[0]!r:.80}, which is not used",
            hint="Write it again without: pickles are never read.",
            uri=str(path),
            path=name,
        )
    if math.prod(array.shards or array.chunks) * array.dtype.itemsize > MAX_CHUNK:
        raise SchemaError(
            f"column {name!r:.80} has chunks of more than {MAX_CHUNK} bytes",
            hint="Write it again with smaller chunks.",
            uri=str(path),
            path=name,
        )
    chunk = min((array.shards or array.chunks)[0], array.shape[0]) if array.shape else 1
    description = description_of(array.attrs)
    return array_column(name, array, path, special=_form, description=description, chunk=chunk)


def _codecs(metadata: Any) -> Iterator[str]:
    """Yield the names of the codecs of an array, those inside of shards too."""
    if metadata["zarr_format"] == 2:
        used = [*(metadata["filters"] or ()), metadata["compressor"]]
        yield from (str(codec["id"]) for codec in used if codec is not None)
    else:
        yield from _named(metadata["codecs"])


def _named(codecs: Any) -> Iterator[str]:
    for codec in codecs:
        yield str(codec["name"])
        inner = codec.get("configuration") or {}
        for key in ("codecs", "index_codecs"):
            yield from _named(inner.get(key, ()))


def _form(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Form | None:
    """Return the form of texts of variable length."""
    if dtype.kind == "T" and not shape:
        return Form(str, lambda block: block.tolist())
    return None

"""Data sets in MosaicML's format MDS: each column of the shards is a column.

==================================  ===========================================================
encoding                            field
==================================  ===========================================================
``bytes``, ``str``, ``int``         the same
``int8`` … ``uint64``, ``str_int``  ``int``
``float16`` …, ``str_float``        ``float``
``str_decimal``                     ``str``
``ndarray``, ``ndarray:int32:3,4``  array of the dtype and shape, or of the first sample's dtype
``jpeg``, ``png``                   ``Image``: the stored bytes
``json``                            any plain data
``pkl``                             refused: a pickle
others                              refused
==================================  ===========================================================

Subfolders with an index of their own are splits. The files are read here: the format's own library
needs PyTorch, transformers, the clients of four clouds, and a NumPy before 2.2. The tests compare
with it.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing import chunks
from atdata.importing.readers import WHOLE, Table, files_state
from atdata.samples.media import Image

_MARK = '"column_encodings"'
_NUMBERS: dict[str, type] = {
    **{f"{sign}int{bits}": int for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": float for bits in (16, 32, 64)},
}
# The annotation, and the function from stored bytes to the value.
_OTHERS: dict[str, tuple[Any, chunks.Decode]] = {
    "int": (int, lambda data: int(np.frombuffer(data, "<i8").item())),
    "str": (str, bytes.decode),
    "str_int": (int, lambda data: int(data.decode())),
    "str_float": (float, lambda data: float(data.decode())),
    "str_decimal": (str, bytes.decode),
    "json": (Any, json.loads),
    "bytes": (bytes, chunks.unchanged),
    "jpeg": (Image, chunks.unchanged),
    "png": (Image, chunks.unchanged),
}
# Codes of dtypes: twice the bits for floats and signed, by the last digit.
_DTYPES = {
    8: "u1",
    16: "u2",
    32: "u4",
    64: "u8",
    9: "i1",
    17: "i2",
    33: "i4",
    65: "i8",
    18: "f2",
    34: "f4",
    66: "f8",
}


def accepts(source: object) -> bool:
    """Return whether a source is a folder in format MDS, or one with a folder for each split."""
    return chunks.has_index(source, _MARK) or bool(_split_folders(source))


def read(source: Path) -> Table:
    """Return the columns of an MDS folder, and its shards as parts.

    Raises:
        SchemaError: A column is a pickle, or of a type that samples can't hold; or the shards are
            compressed, or of several schemas.
        SampleError: The index or a shard is not sound.
    """
    folders = {WHOLE: source} if chunks.has_index(source, _MARK) else _split_folders(source)
    splits = {split: _parts(folder) for split, folder in folders.items()}
    parts = [part for group in splits.values() for part in group]
    files = [
        *(folder / chunks.INDEX for folder in folders.values()),
        *(part.path for part in parts),
    ]
    if any(part.columns != parts[0].columns for part in parts):
        raise SchemaError("the shards have other columns", uri=str(source))
    columns = parts[0].columns if parts else ()
    return Table(chunks.columns_of(columns, parts), splits, files_state(files))


def _split_folders(source: object) -> dict[str, Path]:
    if not isinstance(source, Path) or not source.is_dir():
        return {}
    return {path.name: path for path in sorted(source.iterdir()) if chunks.has_index(path, _MARK)}


def _parts(folder: Path) -> list[chunks.ChunkPart]:
    try:
        return [_part(folder, shard) for shard in chunks.read_index(folder)["shards"]]
    except AtdataError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"not an index of MDS: {type(error).__name__}: {error}"
        raise SampleError(reason, uri=str(folder / chunks.INDEX)) from None


def _part(folder: Path, shard: Any) -> chunks.ChunkPart:
    if (shard["format"], shard["version"]) != ("mds", 2):
        raise ValueError(f"format {shard['format']!r:.80}, version {shard['version']!r:.80}")
    name = shard["raw_data"]["basename"]
    if shard["zip_data"] is not None and not (folder / str(name)).is_file():
        raise SchemaError(
            "the shards are compressed",
            hint="Read them once with streaming.StreamingDataset, which unpacks them.",
            uri=str(folder),
        )
    path = chunks.file_in(folder, name)
    stored = (shard["column_names"], shard["column_encodings"], shard["column_sizes"])
    columns = tuple(_column(*one) for one in zip(*stored, strict=True))
    return chunks.ChunkPart(path, int(shard["samples"]), path.stat().st_size, columns)


def _column(name: str, stored: str, size: int | None) -> chunks.ChunkColumn:
    kind = stored.partition(":")[0]
    if kind not in _NUMBERS and kind not in _OTHERS and kind != "ndarray":
        reason = "a pickle, which is never read" if kind == "pkl" else "not known"
        raise SchemaError(
            f"column {name!r:.80} is stored as {stored!r:.80}: {reason}",
            hint="Write it again as numbers, text, arrays or the bytes of files.",
            path=name,
        )
    if size is not None and (type(size) is not int or size < 1):
        raise ValueError(f"size {size!r:.80} of column {name!r:.80}")
    known = _NUMBERS.get(kind) or _OTHERS.get(kind, (np.ndarray,))[0]
    return chunks.ChunkColumn(name, known, stored, _decoder, size)


def _decoder(stored: str) -> chunks.Decode:
    kind, *options = stored.split(":")
    if kind in _NUMBERS:
        dtype = np.dtype(kind).newbyteorder("<")
        return lambda data: np.frombuffer(data, dtype, 1).item()
    if kind in _OTHERS:
        return _OTHERS[kind][1]
    if options and options[0] not in _NUMBERS:
        raise ValueError(f"arrays of {options[0]!r:.80}")
    known = np.dtype(options[0]).newbyteorder("<") if options else None
    shape = [int(length) for length in options[1].split(",")] if options[1:] else None
    return partial(_array, known, shape)


def _array(dtype: np.dtype[Any] | None, shape: list[int] | None, data: bytes) -> Any:
    """Return an array; what the column does not fix is stored before its elements."""
    place = 0
    if dtype is None:
        dtype, place = np.dtype(f"<{_DTYPES[data[0]]}"), 1
    if shape is None:
        axes, width = data[place] >> 2, 1 << data[place] % 4
        shape = np.frombuffer(data, f"<u{width}", axes, place + 1).tolist()
        place += 1 + axes * width
    return np.frombuffer(data[place:], dtype).reshape(shape)

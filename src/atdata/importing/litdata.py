"""Data sets that LitData's ``optimize`` wrote: each leaf of a sample is a column.

==================================  ===========================================================
leaf of LitData                     field
==================================  ===========================================================
``int``, ``float``, ``bool``,       the same
``str``, ``text``, ``bytes``
``numpy``, ``tensor``               array of the first sample's dtype and number of axes
``jpeg``, ``image``                 ``Image``: the stored bytes
``audio``, ``video``                ``Audio``, ``Video``: the stored bytes
``file``, ``pdf``, …                ``bytes``
``json``                            any plain data
``pickle``, ``graph``               refused: they are pickles
others                              refused
==================================  ===========================================================

A leaf of a nested sample is named by the keys on the way to it, with dots between them. LitData's
own serializers decode the values. The files are read here: its data set looks for a newer version
of itself on the network, and believes every length in a file.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from atdata.base.extras import require
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing.array_columns import UNREADABLE
from atdata.importing.chunks import (
    INDEX,
    ChunkColumn,
    ChunkPart,
    Decode,
    columns_of,
    file_in,
    has_index,
    read_index,
    unchanged,
)
from atdata.importing.readers import WHOLE, Table, files_state, refused
from atdata.samples.media import Audio, Image, Video

# The annotation, and LitData's class that decodes the bytes.
_DECODED: dict[str, tuple[Any, str]] = {
    "int": (int, "IntegerSerializer"),
    "float": (float, "FloatSerializer"),
    "bool": (bool, "BooleanSerializer"),
    "str": (str, "StringSerializer"),
    "text": (str, "TextSerializer"),
    "json": (Any, "JsonSerializer"),
    "numpy": (np.ndarray, "NumpySerializer"),
    "no_header_numpy": (np.ndarray, "NoHeaderNumpySerializer"),
    "tensor": (np.ndarray, "TensorSerializer"),
    "no_header_tensor": (np.ndarray, "NoHeaderTensorSerializer"),
}
_ENCODED: dict[str, Any] = {
    **dict.fromkeys(("bytes", "file", "pdf", "mesh", "nifti", "tifffile"), bytes),
    **dict.fromkeys(("jpeg", "image"), Image),
    "audio": Audio,
    "video": Video,
}
_ARROW = b"LDARW01\0"  # the end of chunks of plain data
_MAX_DEPTH = 16  # of nested samples

Place = tuple[str | int, ...]


def accepts(source: object) -> bool:
    """Return whether a source is a folder that LitData wrote."""
    return has_index(source, '"chunk_bytes"')


def read(source: Path) -> Table:
    """Return the leaves of a LitData folder as columns, and its chunks as parts.

    Raises:
        MissingExtra: litdata is not installed.
        SchemaError: A leaf is a pickle, or of a type that samples can't hold.
        SampleError: The index or a chunk is not sound.
    """
    index = read_index(source)
    try:
        config, chunks = index["config"], index["chunks"]
        _refuse_packed(config, source)
        places = tuple(_places(json.loads(config["data_spec"])[1]))
        names = [".".join(map(str, place)) or "data" for place in places]
        columns = tuple(map(_column, names, config["data_format"]))
        if len(columns) != len(config["data_format"]):
            raise ValueError("other leaves in data_spec than in data_format")
        paths = [file_in(source, chunk["filename"]) for chunk in chunks]
        parts = [
            LitDataPart(path, int(chunk["chunk_size"]), path.stat().st_size, columns, places)
            for path, chunk in zip(paths, chunks, strict=True)
        ]
    except AtdataError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = f"not an index of LitData: {type(error).__name__}: {error}"
        raise SampleError(reason, uri=str(source / INDEX)) from None
    return Table(columns_of(columns, parts), {WHOLE: parts}, files_state([source / INDEX, *paths]))


def _refuse_packed(config: Any, source: Path) -> None:
    is_tokens = config.get("item_loader") == "TokensLoader"
    if is_tokens or config.get("compression") or config.get("encryption"):
        raise SchemaError(
            "the chunks are compressed, encrypted, or tokens without samples",
            hint="Write them again with litdata.optimize, without these options.",
            uri=str(source),
        )


@dataclass(frozen=True, slots=True)
class LitDataPart(ChunkPart):
    """A chunk; ``places`` are the keys on the way to each column in a sample."""

    places: tuple[Place, ...]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of each sample: those of plain data are an Arrow table at the end."""
        with self.path.open("rb") as file:
            file.seek(max(0, self.size - len(_ARROW)))
            has_table = file.read() == _ARROW
        # Not super(): dataclasses with slots are made twice.
        yield from self._table_rows() if has_table else ChunkPart.rows(self)

    def _table_rows(self) -> Iterator[tuple[Any, ...]]:
        row = 0
        try:
            for batch in self._batches():
                batch.validate(full=True)
                for sample in batch.to_pylist():
                    yield tuple(_at(sample, place) for place in self.places)
                    row += 1
        except UNREADABLE as error:
            raise refused(
                f"{type(error).__name__}: {error}", uri=str(self.path), row=row
            ) from error

    def _batches(self) -> Iterator[Any]:
        library = require("litdata.streaming.item_loader", extra="litdata")
        found = library.open_arrow_footer_reader(np.memmap(self.path, np.uint8, "r").data)
        if found is None:
            raise ValueError("the Arrow table at its end is not sound")
        reader, has_index = found
        if has_index:
            yield from map(reader.get_batch, range(reader.num_record_batches))
        else:
            yield from reader


def _at(sample: Any, place: Place) -> Any:
    for key in place:
        sample = sample[key]
    return sample


def _places(spec: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the places of the leaves in a sample's structure: of dicts, lists and tuples only."""
    kind, inner = spec["type"], spec["children_spec"]
    if kind is None:
        yield place
        return
    if kind not in ("builtins.dict", "builtins.list", "builtins.tuple") or len(place) > _MAX_DEPTH:
        raise ValueError(f"samples of {kind!r:.80}")
    keys = json.loads(spec["context"]) if kind == "builtins.dict" else range(len(inner))
    for key, child in zip(keys, inner, strict=True):
        yield from _places(child, (*place, key))


def _column(name: str, stored: str) -> ChunkColumn:
    kind = stored.partition(":")[0]
    if kind in _ENCODED:
        return ChunkColumn(name, _ENCODED[kind], stored, _decoder)
    if kind in _DECODED:
        return ChunkColumn(name, _DECODED[kind][0], stored, _decoder)
    reason = "a pickle, which is never read" if kind in ("pickle", "graph") else "not known"
    raise SchemaError(
        f"column {name!r:.80} is stored as {kind!r:.80}: {reason}",
        hint="Write it again as numbers, text, arrays or the bytes of files.",
        path=name,
    )


def _decoder(stored: str) -> Decode:
    kind = stored.partition(":")[0]
    if kind in _ENCODED:
        return unchanged
    library = require("litdata.streaming.serializers", extra="litdata")
    serializer = getattr(library, _DECODED[kind][1])()
    serializer.setup(stored)
    decode: Decode = serializer.deserialize
    return partial(_array, kind, decode) if _DECODED[kind][0] is np.ndarray else decode


def _array(kind: str, decode: Decode, data: bytes) -> Any:
    if kind == "tensor":
        # LitData makes a tensor of any shape if there are no elements.
        (axes,) = struct.unpack_from(">I", data, 4)
        shape = struct.unpack_from(f">{axes}I", data, 8)
        if len(data) == 8 + 4 * axes and 0 not in shape:
            raise ValueError(f"a tensor of shape {shape} without elements")
    value = decode(bytearray(data))  # PyTorch warns of read-only bytes
    return value if isinstance(value, np.ndarray) else value.numpy()

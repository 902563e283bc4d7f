"""TFRecord files of ``tf.train.Example``, with the messages of the package ``tfrecord``.

==================================  ===========================================================
feature                             field
==================================  ===========================================================
``int64_list``, always one value    ``int``
``float_list``, always one value    ``float``
``bytes_list``, always one value    ``str`` if all are UTF-8; ``Image``, ``Audio`` or ``Video`` if
                                    all begin as one; else ``bytes``
numbers, other counts               array with one axis of int64 or float32
bytes, other counts                 ``list[str]`` or ``list[bytes]``
a feature that some records lack    ``T | None``
==================================  ===========================================================

Files are read twice: first whole, for the types. The records are read here, because the package
checks no checksum, and takes memory for any length that a file claims.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Optional

import numpy as np

from atdata.base.extras import require
from atdata.errors import SchemaError
from atdata.importing.array_columns import MAX_COLUMNS
from atdata.importing.files import FileRange, Files, files_by_split, table_of
from atdata.importing.readers import Column, Table, files_state, refused
from atdata.samples import kinds
from atdata.samples.annotations import annotation_of
from atdata.samples.media import MEDIA
from atdata.samples.media.sniffing import sniff

_SUFFIX = re.compile(r"\.tfrecords?(-\d+-of-\d+)?", re.IGNORECASE)
_HEAD = struct.Struct("<QI")  # length of a record, and the checksum of the length
_MAX_RECORD = 1 << 30  # bytes
_PART = 8 << 20  # bytes
_SCALARS: dict[str, type] = {"int64_list": int, "float_list": float}
_DTYPES: dict[str, type[np.generic]] = {"int64_list": np.int64, "float_list": np.float32}


def accepts(source: object) -> bool:
    """Return whether a source is a TFRecord file, or a folder with such files."""
    if not isinstance(source, Path):
        return False
    return bool(_suffixes(source) if source.is_dir() else _SUFFIX.fullmatch(source.suffix))


def read(source: Path) -> Table:
    """Return the features as columns, and ranges of records as parts.

    Raises:
        MissingExtra: tfrecord is not installed.
        SampleError: A record is not sound, or not an Example.
        SchemaError: A feature has values of several types.
    """
    files: Files = files_by_split(source, _suffixes(source) if source.is_dir() else frozenset())
    paths = [path for group in files.values() for path in group]
    state = files_state(paths)
    seen: dict[str, _Seen] = {}
    ranges = {path: list(_ranges(path, seen)) for path in paths}
    total = sum(one.count for group in ranges.values() for one in group)
    features = tuple(seen[name].feature(name, total) for name in sorted(seen))
    columns = [Column(one.name, one.annotation) for one in features]

    def parts(path: Path) -> Iterator[TFRecordPart]:
        for one in ranges[path]:
            yield TFRecordPart(one.path, one.offset, one.size, one.first, one.count, features)

    return table_of(columns, files, state, parts)


def _suffixes(folder: Path) -> frozenset[str]:
    found = {path.suffix for path in folder.rglob("*") if _SUFFIX.fullmatch(path.suffix)}
    return frozenset(suffix.lower() for suffix in found)


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of all records.

    Attributes:
        name: Its name.
        kind: The list of the message that holds its values.
        is_single: Whether there is always one value.
        item: Type of the values.
        is_optional: Whether some records lack it.
    """

    name: str
    kind: str
    is_single: bool
    item: Any
    is_optional: bool

    @property
    def annotation(self) -> Any:
        """The annotation of the field."""
        known = self.item
        if not self.is_single:
            known = list[known]  # type: ignore[valid-type]
            if self.kind in _DTYPES:
                known = annotation_of(kinds.ArrayOf(_DTYPES[self.kind], (None,)))
        return Optional[known] if self.is_optional else known  # noqa: UP045 - an expression

    def value(self, message: Any) -> Any:
        """Return the value in a feature's message, or None for a missing one."""
        if message is None or message.WhichOneof("kind") is None:
            return None
        values = getattr(message, self.kind).value
        if self.kind in _DTYPES and not self.is_single:
            return np.array(values, _DTYPES[self.kind])
        found = [value.decode() for value in values] if self.item is str else list(values)
        return found[0] if self.is_single else found


@dataclass(frozen=True, slots=True)
class TFRecordPart(FileRange):
    """Records of a file, from an offset; see :class:`atdata.importing.readers.Part`."""

    features: tuple[Feature, ...]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of the features of each record."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            records = _records(file, self.path, self.first)
            for _, example in zip(range(self.count), records, strict=False):
                found = example.features.feature
                yield tuple(feature.value(found.get(feature.name)) for feature in self.features)


@dataclass(slots=True)
class _Seen:
    """What a feature has held so far."""

    kinds: set[str] = field(default_factory=set)
    count: int = 0
    is_single: bool = True
    is_text: bool = True
    families: set[str] = field(default_factory=set)

    def see(self, message: Any) -> None:
        kind = message.WhichOneof("kind")
        if kind is None:
            return
        values = getattr(message, kind).value
        self.kinds.add(kind)
        self.count += 1
        self.is_single &= len(values) == 1
        if kind == "bytes_list":
            self.is_text = self.is_text and all(map(_is_text, values))
            self.families |= {(sniff(value) or "").partition("/")[0] for value in values}

    def feature(self, name: str, total: int) -> Feature:
        if len(self.kinds) != 1:
            what = "no values" if not self.kinds else "values of several types"
            raise SchemaError(f"the feature {name!r:.80} has {what}", path=name)
        (kind,) = self.kinds
        return Feature(name, kind, self.is_single, self._item(kind), self.count < total)

    def _item(self, kind: str) -> Any:
        if kind in _SCALARS:
            return _SCALARS[kind]
        family = MEDIA.get(next(iter(self.families))) if len(self.families) == 1 else None
        return family or (str if self.is_text else bytes)


def _is_text(value: bytes) -> bool:
    try:
        return "\0" not in value.decode()
    except UnicodeDecodeError:
        return False


def _ranges(path: Path, seen: dict[str, _Seen]) -> Iterator[FileRange]:
    """Yield the parts of a file, and look at all of its features."""
    with path.open("rb") as file:
        offset = first = count = 0
        for example in _records(file, path, 0):
            for name, message in example.features.feature.items():
                seen.setdefault(name, _Seen()).see(message)
            if len(seen) > MAX_COLUMNS:
                raise SchemaError(f"more than {MAX_COLUMNS} features", uri=str(path))
            count += 1
            if file.tell() - offset >= _PART:
                yield FileRange(path, offset, file.tell() - offset, first, count)
                offset, first, count = file.tell(), first + count, 0
        if count:
            yield FileRange(path, offset, file.tell() - offset, first, count)


def _records(file: BinaryIO, path: Path, row: int) -> Iterator[Any]:
    """Yield the messages of a file from its place on."""
    example = require("tfrecord.example_pb2", extra="tfrecord").Example
    masked = partial(_masked, require("crc32c", extra="tfrecord").crc32c)
    refuse = partial(refused, uri=str(path))
    while head := file.read(_HEAD.size):
        if len(head) < _HEAD.size or masked(head[:8]) != _HEAD.unpack(head)[1]:
            raise refuse("the length of the record is damaged, or the file is compressed", row=row)
        length = _HEAD.unpack(head)[0]
        if length > _MAX_RECORD:
            raise refuse(f"a record of {length} bytes", row=row)
        data, end = file.read(length), file.read(4)
        if len(data) < length or end != masked(data).to_bytes(4, "little"):
            raise refuse("the record is cut off or damaged", row=row)
        message = example()
        try:
            message.ParseFromString(data)
        except Exception as error:  # protobuf's own class differs between its versions
            raise refuse(f"not an Example: {error}", row=row) from error
        yield message
        row += 1


def _masked(crc32c: Any, data: bytes) -> int:
    """Return the checksum as TensorFlow stores it."""
    crc: int = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

"""Shards of WebDataset with one member for each field, as they are or written again.

Each extension is a field: what it contains by convention (see ``docs/members.md``), or bytes.
Pickles are left out. A member that some samples lack is optional; of JSON, CBOR and msgpack it is
the bytes then. The shards stay byte for byte as they are, as hard links or copies, unless they are
to be written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Optional

import numpy as np

from atdata.errors import SampleError, SchemaError
from atdata.importing.files import WholeFile, files_by_split, has_suffix
from atdata.importing.readers import Column, Table, files_state
from atdata.importing.schema import field_name, guessed_type
from atdata.samples import extensions, kinds
from atdata.samples.annotations import annotation_of
from atdata.samples.arrays import read_layout
from atdata.samples.fields import fields_of
from atdata.samples.media import MEDIA
from atdata.samples.members import member_codec
from atdata.shards.manifest import MANIFEST_NAME
from atdata.shards.member_group import MemberGroup
from atdata.shards.reader import read_file

_SUFFIXES = frozenset({".tar"})
_INTEGER = re.compile(rb"\s*[+-]?\d{1,19}\s*")
_HEAD = 10_012  # bytes; the longest header of an .npy
_DOCUMENTS = (extensions.JSON, extensions.CBOR, extensions.MSGPACK)
_ANNOTATIONS: dict[str, Any] = {
    extensions.NPZ: dict[str, np.ndarray],
    extensions.CBOR: Any,
    extensions.MSGPACK: Any,
    **MEDIA,
}


def accepts(source: object) -> bool:
    """Return whether a source is a tar file, or a folder with such files; not one of atdata."""
    if isinstance(source, Path) and (source / MANIFEST_NAME).is_file():
        return False
    return has_suffix(source, _SUFFIXES)


def read(source: Path) -> Table:
    """Return the members as columns, and the shards as parts.

    Raises:
        ShardError: A file is not a sound shard.
        SchemaError: There are no members that can be fields, or the shards are packed ones.
    """
    files = files_by_split(source, _SUFFIXES)
    paths = [path for group in files.values() for path in group]
    seen: dict[str, _Seen] = {}
    counts = {path: sum(1 for _ in map(_seer(seen, path), _groups(path))) for path in paths}
    total = sum(counts.values())
    columns = tuple(
        _column(extension, one, total)
        for extension, one in seen.items()
        if not extensions.is_pickle(extension)
    )
    if total and not columns:
        raise SchemaError("the shards hold pickles only, which are never read", uri=str(source))
    splits = {
        split: [ShardPart(path, counts[path], path.stat().st_size, columns) for path in group]
        for split, group in files.items()
    }
    return Table(columns, splits, files_state(paths))


@dataclass(frozen=True, slots=True)
class ShardPart(WholeFile):
    """A shard; see :class:`atdata.importing.readers.Part`."""

    columns: tuple[Column, ...]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of the fields of each sample."""
        sample_type = guessed_type("Sample", self.columns)
        names = [one.name for one in fields_of(sample_type)]
        for sample in samples_of(self.path, sample_type):
            yield tuple(getattr(sample, name) for name in names)


def samples_of(shard: Path, sample_type: type[Any]) -> Iterator[Any]:
    """Yield the samples of a shard.

    Raises:
        SampleError: A member does not fit its field; shard, key and extension are named.
    """
    decode = member_codec(sample_type).decode
    for group in _groups(shard):
        try:
            yield decode(group)
        except SampleError as error:
            raise _placed(error, shard, group, error.member) from None


def _placed(error: SampleError, shard: Path, group: MemberGroup, member: str | None) -> SampleError:
    return SampleError(
        error.message,
        hint=error.hint,
        shard=str(shard),
        member=f"{group.key}.{member}",
        offset=group.offset,
        path=error.path,
    )


def _groups(shard: Path) -> Iterator[MemberGroup]:
    for _, _, _, payload in read_file(shard, str(shard)):
        if not isinstance(payload, MemberGroup):
            raise SchemaError(
                "the shard holds packed samples, which need no import",
                hint="Open it with atdata.Dataset, and write it with atdata.write_shards.",
                uri=str(shard),
            )
        yield payload


@dataclass
class _Seen:
    """What the members of one extension have contained so far."""

    content: str | None
    count: int = 0
    is_conventional: bool = True
    dtypes: set[type[np.generic]] = field(default_factory=set)
    shapes: set[tuple[int, ...]] = field(default_factory=set)

    def see(self, payload: memoryview) -> None:
        self.count += 1
        if self.content == extensions.NPY:
            layout = read_layout(bytes(payload[:_HEAD]))
            self.dtypes.add(layout.dtype.type)
            self.shapes.add(layout.shape)
        elif self.content == extensions.JSON:
            self.is_conventional &= bytes(payload[:64]).lstrip()[:1] == b"{"
        elif self.content == extensions.INTEGER:
            self.is_conventional &= _INTEGER.fullmatch(payload[:64]) is not None
        elif self.content == extensions.TEXT:
            self.is_conventional = self.is_conventional and _is_text(payload)

    @property
    def annotation(self) -> Any:
        if self.content == extensions.NPY:
            return annotation_of(kinds.ArrayOf(_only(self.dtypes), _common(self.shapes)))
        if self.content == extensions.JSON:
            return dict[str, Any] if self.is_conventional else Any
        if self.content == extensions.INTEGER:
            return int if self.is_conventional else str
        if self.content == extensions.TEXT:
            return str if self.is_conventional else bytes
        return bytes if self.content is None else _ANNOTATIONS[self.content]


def _seer(seen: dict[str, _Seen], shard: Path) -> Any:
    def see(group: MemberGroup) -> None:
        for extension, payload in group.items():
            if extension not in seen:
                seen[extension] = _Seen(extensions.content_of(extension))
            try:
                seen[extension].see(payload)
            except SampleError as error:
                raise _placed(error, shard, group, extension) from None

    return see


def _column(extension: str, seen: _Seen, total: int) -> Column:
    annotation = seen.annotation
    if seen.count < total:
        # None is null in a document, so its absence would be an error: its bytes may be absent.
        annotation = bytes if seen.content in _DOCUMENTS else annotation
        annotation = Optional[annotation]  # noqa: UP045 - an expression
    if field_name(extension) != extension:
        annotation = Annotated[annotation, extensions.Member(extension)]
    return Column(extension, annotation)


def _is_text(payload: memoryview) -> bool:
    try:
        str(payload, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _only(dtypes: set[type[np.generic]]) -> type[np.generic] | None:
    return next(iter(dtypes)) if len(dtypes) == 1 else None


def _common(shapes: set[tuple[int, ...]]) -> tuple[int | None, ...] | None:
    """Return the axes that all shapes have: their length, or None for several."""
    if len({len(shape) for shape in shapes}) != 1:
        return None
    axes = map(set, zip(*shapes, strict=True))
    return tuple(lengths.pop() if len(lengths) == 1 else None for lengths in axes)

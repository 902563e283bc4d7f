"""Tasks: consecutive parts of a split, written as shards by one process, and kept when finished.

A finished task has a record beside its shards. A later import of the same data to the same place
uses them again, after their bytes were compared with the record.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from atdata.base.disk import make_folder, write_file
from atdata.errors import ManifestError, SampleError, StorageError
from atdata.importing.readers import Part
from atdata.importing.schema import Maker
from atdata.importing.webdataset import ShardPart, samples_of
from atdata.shards.canonical import canonical_json, parse_json
from atdata.shards.hashed import HashedStream
from atdata.shards.info import ShardInfo
from atdata.shards.layouts import Layout
from atdata.shards.offsets import index_path, offset_index
from atdata.shards.writer import cut_shards

MAX_SIZE = 512 << 20
"""Bytes of a shard, and of the source's data in one task, unless the caller chooses others."""

_RECORD = "shards.json"
_MAX_RECORD = 64 << 20

Shards = list[tuple[Path, ShardInfo]]


@dataclass(frozen=True, slots=True)
class Cut:
    """How samples are cut into shards.

    Attributes:
        maxcount: Largest number of samples in a shard.
        maxsize: Largest number of bytes in a shard; None for no limit.
        layout: How the shards hold samples.
    """

    maxcount: int
    maxsize: int | None
    layout: Layout


@dataclass(frozen=True, slots=True)
class Task:
    """Parts of one split, and how they become shards.

    Attributes:
        split: Name of the split.
        folder: Where the shards are written until the import is complete.
        parts: The parts, in order.
        first: Number of their first row in the split.
        maker: Makes samples of their rows.
        cut: How these are cut into shards.
        keep: Whether the parts are shards that are kept as they are.
    """

    split: str
    folder: Path
    parts: tuple[Part, ...]
    first: int
    maker: Maker
    cut: Cut
    keep: bool = False

    @property
    def size(self) -> int:
        """Bytes of the source that are read, about."""
        return sum(part.size for part in self.parts)


def grouped(parts: Iterable[Part], cut: Cut) -> Iterator[tuple[Part, ...]]:
    """Yield consecutive parts that fill a shard by count or by size, or more than one."""
    maxsize = cut.maxsize or MAX_SIZE
    group: list[Part] = []
    count = size = 0
    for part in parts:
        group.append(part)
        count, size = count + part.count, size + part.size
        if count >= cut.maxcount or size >= maxsize:
            yield tuple(group)
            group, count, size = [], 0, 0
    if count:
        yield tuple(group)


def run(task: Task) -> Shards:
    """Write the shards of a task, unless they are there already.

    Returns:
        Path and info of each, in order.

    Raises:
        SampleError: A row can't become a sample; it is named.
        StorageError: The source or the disk can't be used.
    """
    try:
        kept = _kept(task.folder)
        if kept is not None:
            return kept
        make_folder(task.folder)
        return _recorded(task.folder, list(_keep(task)) if task.keep else _write(task))
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"can't import: {error.strerror or error}", uri=str(error.filename or task.folder)
        ) from error


def _write(task: Task) -> Shards:
    rows = chain.from_iterable(map(_counted, task.parts))
    return list(
        cut_shards(
            task.maker.samples(rows, task.first),
            task.folder,
            maxcount=task.cut.maxcount,
            maxsize=task.cut.maxsize,
            layout=task.cut.layout,
            indexed=True,
            first=task.first,
        )
    )


def _keep(task: Task) -> Iterator[tuple[Path, ShardInfo]]:
    """Link or copy shards, write their indexes, and check that their samples are of the type."""
    shards = [part.path for part in task.parts if isinstance(part, ShardPart)]
    for number, shard in enumerate(shards):
        place = task.folder / f"{number:06d}.tar"
        count = sum(1 for _ in samples_of(shard, task.maker.sample_type))
        _link(shard, place)
        write_file(_index(place), offset_index(place))
        yield place, ShardInfo(_cid(place), place.stat().st_size, count)


def _link(shard: Path, place: Path) -> None:
    place.unlink(missing_ok=True)  # of an import that was killed
    try:
        os.link(shard.resolve(), place)
    except OSError:  # another file system, or one without links
        shutil.copyfile(shard, place)


def _recorded(folder: Path, shards: Shards) -> Shards:
    rows_of = [
        {
            "path": path.name,
            "cid": info.cid,
            "bytes": info.size,
            "samples": info.samples,
            "index": _cid(_index(path)),
        }
        for path, info in shards
    ]
    write_file(folder / _RECORD, canonical_json(rows_of))
    return shards


def _counted(part: Part) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a part; refuse another number of them than it has announced."""
    count = 0
    for row in part.rows():
        count += 1
        if count > part.count:
            break
        yield row
    if count != part.count:
        raise SampleError(
            f"a part of the source has other rows than the {part.count} it had at first",
            hint="Import again when nothing writes to the source.",
        )


def _kept(folder: Path) -> Shards | None:
    """Return the shards of a finished task; None if one is missing or has other bytes."""
    try:
        rows = parse_json((folder / _RECORD).read_bytes(), limit=_MAX_RECORD)
        shards = []
        for row in rows:
            path = folder / row["path"]
            if (_cid(path), _cid(_index(path))) != (row["cid"], row["index"]):
                return None
            shards.append((path, ShardInfo(row["cid"], row["bytes"], row["samples"])))
    except (FileNotFoundError, ManifestError, LookupError, TypeError):
        return None
    return shards


def _index(path: Path) -> Path:
    return path.with_name(index_path(path.name))


def _cid(path: Path) -> str:
    with path.open("rb") as file:
        stream = HashedStream(file)
        stream.drain()
    return stream.cid()


def moves(shards: Sequence[tuple[Path, ShardInfo]], folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield where each shard and its index are, and their place among the shards of a folder."""
    for number, (path, _) in enumerate(shards):
        place = folder / f"{number:06d}.tar"
        yield path, place
        yield _index(path), _index(place)

"""Folders of images: a folder for each class, or a table of what belongs to each image.

``train/cat/1.jpg`` has the split ``train`` and the label ``cat``. A file ``metadata.csv``,
``metadata.jsonl`` or ``metadata.parquet`` beside the images of a split has a column ``file_name``
with their paths from there, and other columns, which take the place of the label. The bytes of
files stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from atdata.base.split_names import SPLITS
from atdata.errors import SampleError, SchemaError
from atdata.importing import arrow_files, delimited, json_lines
from atdata.importing.files import files_below
from atdata.importing.readers import WHOLE, Column, Part, Table, files_state, refused
from atdata.samples.media import Image
from atdata.shards.tar import MAX_PAYLOAD

_IMAGES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp"),
        *(".avif", ".heic", ".heif", ".jxl", ".jp2", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
_METADATA: dict[str, ModuleType] = {
    "metadata.csv": delimited,
    "metadata.jsonl": json_lines,
    "metadata.parquet": arrow_files,
}
_TABLES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather"})
_FILE_NAME = "file_name"
_PART = 1000  # files

Images = dict[str, Path]
"""The images of a split by their paths in its folder, sorted."""


def accepts(source: object) -> bool:
    """Return whether a source is a folder of images, without tables other than their metadata."""
    if not isinstance(source, Path) or not source.is_dir():
        return False
    has_images = next(files_below(source, _IMAGES), None) is not None
    return has_images and all(path.name in _METADATA for path in files_below(source, _TABLES))


def read(source: Path) -> Table:
    """Return the columns and parts of a folder of images.

    Raises:
        SampleError: An image is not in the metadata, or an image of the metadata is not there.
        SchemaError: Some images have labels and others none, or there are several files of
            metadata for a split.
    """
    folders = _split_folders(source)
    images = {split: _images(folder) for split, folder in folders.items()}
    metadata = {split: _metadata_of(folder) for split, folder in folders.items()}
    paths = [path for group in images.values() for path in group.values()]
    state = files_state([*filter(None, metadata.values()), *paths])
    if any(metadata.values()):
        listed = _read_metadata(source, metadata)
        return replace(_described(listed, folders, images, metadata), state=state)
    labels = {_label(name) for group in images.values() for name in group}
    if None in labels and len(labels) > 1:
        unlabelled = next(
            path for group in images.values() for name, path in group.items() if not _label(name)
        )
        raise SchemaError(
            "an image beside the folders of classes has no label",
            uri=str(unlabelled),
            hint="Move it into one, or describe all images in a metadata.csv.",
        )
    columns = [Column("image", Image), Column(_FILE_NAME, str), Column("label", str)]
    splits = {
        split: list(_parts(folders[split], group, None not in labels))
        for split, group in images.items()
    }
    return Table(tuple(columns[:2] if None in labels else columns), splits, state)


@dataclass(frozen=True, slots=True)
class Files:
    """Consecutive images of a folder; see :class:`atdata.importing.readers.Part`."""

    folder: Path
    names: tuple[str, ...]
    size: int
    has_labels: bool

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.names)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield image, path and label of each."""
        for name in self.names:
            image = _open(self.folder / name)
            yield (image, name, _label(name)) if self.has_labels else (image, name)


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows of metadata, with the image of each; see :class:`atdata.importing.readers.Part`."""

    folder: Path
    table: Part
    place: int
    size: int

    @property
    def count(self) -> int:
        """Number of images."""
        return self.table.count

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield image and metadata of each."""
        for row in self.table.rows():
            yield _open(self.folder / row[self.place]), *row


def _split_folders(source: Path) -> dict[str, Path]:
    """Return the folder of each split: those with such names, if there are images in no others."""
    folders: dict[str, Path] = {}
    for name in sorted(
        {path.relative_to(source).parts[0] for path in files_below(source, _IMAGES)}
    ):
        split = SPLITS.get(name.lower())
        if split is None or not (source / name).is_dir():
            return {WHOLE: source}
        if split in folders:
            raise SchemaError(f"two folders hold the split {split!r}", uri=str(source / name))
        folders[split] = source / name
    return dict(sorted(folders.items()))


def _images(folder: Path) -> Images:
    found = {path.relative_to(folder).as_posix(): path for path in files_below(folder, _IMAGES)}
    return dict(sorted(found.items(), key=lambda item: PurePosixPath(item[0]).parts))


def _label(name: str) -> str | None:
    """Return the name of the folder that an image is in; None for the split's own."""
    return PurePosixPath(name).parent.name or None


def _parts(folder: Path, images: Images, has_labels: bool) -> Iterator[Files]:
    names = iter(images)
    while group := tuple(islice(names, _PART)):
        size = sum(images[name].stat().st_size for name in group)
        yield Files(folder, group, size, has_labels)


def _open(path: Path) -> Image:
    size = path.stat().st_size
    if size > MAX_PAYLOAD:
        raise SampleError(f"a file of {size:,} bytes is too large for a shard", uri=str(path))
    return Image.from_file(path)


# Metadata.


def _metadata_of(folder: Path) -> Path | None:
    found: list[Path] = [path for path in files_below(folder, _TABLES) if path.name in _METADATA]
    if not found:
        return None
    if len(found) > 1 or found[0].parent != folder:
        raise SchemaError(
            "the metadata of a folder of images are one file, beside its images or folders",
            uri=str(found[-1]),
            hint="Put them into one file for each split.",
        )
    return found[0]


def _read_metadata(source: Path, metadata: Mapping[str, Path | None]) -> Table:
    missing = [split for split, path in metadata.items() if path is None]
    names = {path.name for path in metadata.values() if path is not None}
    if missing or len(names) > 1:
        raise SchemaError(
            f"the split {missing[0]!r} has no metadata" if missing else "metadata of two formats",
            uri=str(source),
            hint="Give each split a file of the same name, such as metadata.csv.",
        )
    files = {split: [path] for split, path in metadata.items() if path is not None}
    table: Table = _METADATA[names.pop()].read_files(files)
    return table


def _described(
    listed: Table,
    folders: Mapping[str, Path],
    images: Mapping[str, Images],
    metadata: Mapping[str, Path | None],
) -> Table:
    names = [column.name for column in listed.columns]
    if _FILE_NAME not in names:
        raise SchemaError(
            f"the metadata have no column {_FILE_NAME!r}", uri=str(next(iter(metadata.values())))
        )
    place = names.index(_FILE_NAME)
    columns = list(listed.columns)
    columns[place] = Column(_FILE_NAME, str)
    splits: dict[str, Sequence[Part]] = {}
    for split, parts in listed.splits.items():
        left = dict(images[split])
        uri = str(metadata[split])
        first = 0
        made = []
        for part in parts:
            size = sum(path.stat().st_size for path in _taken(left, part, place, first, uri))
            made.append(Listed(folders[split], part, place, size))
            first += part.count
        if left:
            raise SampleError(
                "an image is not in the metadata",
                uri=str(next(iter(left.values()))),
                hint=f"Add it to {uri}, or remove it.",
            )
        splits[split] = made
    return Table((Column("image", Image), *columns), splits)


def _taken(left: Images, part: Part, place: int, first: int, uri: str) -> Iterator[Path]:
    """Yield the images of rows, and remove them from those that are left."""
    for row, values in enumerate(part.rows(), first):
        name = values[place]
        path = left.pop(name, None) if isinstance(name, str) else None
        if path is None:
            raise refused(
                f"{name!r:.120} is not an image there, or was in an earlier row",
                uri=uri,
                row=row,
                column=_FILE_NAME,
                hint="Give the path of the file from the folder of the metadata, with '/'.",
            )
        yield path

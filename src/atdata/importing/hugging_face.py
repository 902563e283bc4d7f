"""Data sets of Hugging Face's ``datasets``: objects, and folders of ``save_to_disk``.

===================================  ==========================================================
feature                              field
===================================  ==========================================================
``Value``, ``Translation``, dicts    as in Arrow, see :mod:`atdata.importing.arrow_columns`
``ClassLabel``                       ``Literal`` of the names; None for -1
``List`` of numbers                  array with one axis; a list if there are nulls in it
``List`` of others                   ``list[T]``
``Array2D`` … ``Array5D``            array of the dtype and shape
``Image``, ``Audio``, ``Video``      ``Image``, ``Audio``, ``Video``: the bytes, as they are
``Pdf``, ``Nifti``, ``Mesh``         ``bytes``
``Json``                             ``Any``
===================================  ==========================================================

The splits of a ``DatasetDict`` stay. An ``IterableDataset`` is read twice: first to count its rows
and find nulls. A file that is only named by its path is read for an object, as ``datasets`` itself
does, and refused in a folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np

from atdata.base.extras import require
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing.array_columns import UNREADABLE
from atdata.importing.arrow_columns import (
    ITEMS,
    Reading,
    arrow,
    flat_arrays,
    media_values,
    null_paths,
    reading_of,
    rows_of,
    scalar_of,
    with_gaps,
)
from atdata.importing.readers import WHOLE, Column, Table, files_state
from atdata.samples import kinds
from atdata.samples.annotations import annotation_of
from atdata.samples.media import MEDIA
from atdata.shards.canonical import parse_json

_CLASSES = {"Dataset", "IterableDataset", "DatasetDict", "IterableDatasetDict"}
_MARKS = ("state.json", "dataset_dict.json")
_GRIDS = {f"Array{axes}D": axes for axes in range(2, 6)}
_FILES = ("Pdf", "Nifti", "Mesh")
_BLOCK = 1 << 24  # bytes that are read at once
_PART = 1 << 26
_ITERABLE_BATCH = 64  # rows
_MAX_STATE = 1 << 24

Place = tuple[str, ...]


def accepts(source: object) -> bool:
    """Return whether a source is an object of ``datasets``, or a folder that it saved."""
    if isinstance(source, Path):
        return any((source / mark).is_file() for mark in _MARKS)
    cls = type(source)
    return cls.__name__ in _CLASSES and cls.__module__.partition(".")[0] == "datasets"


def read(source: Any) -> Table:
    """Return the features as columns, and ranges of rows as parts.

    Raises:
        MissingExtra: datasets is not installed.
        SchemaError: Samples can't hold a feature, or splits have other features.
        SampleError: The folder is not sound.
    """
    if isinstance(source, Path):
        files = _checked_files(source)
        return replace(
            _table(_loaded(source), str(source), may_open=False), state=files_state(files)
        )
    return _table(source, type(source).__name__, may_open=True)


def _table(found: Any, label: str, *, may_open: bool) -> Table:
    splits = dict(found) if isinstance(found, dict) else {WHOLE: found}
    features = [one.features for one in splits.values()]
    if not features or None in features or any(one != features[0] for one in features):
        raise SchemaError(
            "the features are not known, or other ones in each split",
            hint="Give them to `cast`, or import the splits one by one.",
            uri=label,
        )
    if not may_open:
        _check(splits.values(), label)
    found_nulls: set[Place] = set()
    counts = {split: _scanned(one, found_nulls) for split, one in splits.items()}
    rules = _Rules(features[0].to_dict(), frozenset(found_nulls), may_open)
    schema = features[0].arrow_schema
    columns = tuple(Column(field.name, rules.reading(field).annotation) for field in schema)
    parts = {
        split: [
            Part(one, rules, label, start, count, count * _row_bytes(one))
            for start, count in _ranges(one, counts[split])
        ]
        for split, one in splits.items()
    }
    return Table(columns, parts)


def _check(splits: Iterable[Any], label: str) -> None:
    """Refuse damaged lengths and offsets, where pyarrow would read outside of its memory."""
    try:
        for one in splits:
            one.data.validate(full=True)
    except arrow().ArrowException as error:
        raise SampleError(f"not sound Arrow: {error}", uri=label) from error


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a dataset from ``start`` on; see :class:`atdata.importing.readers.Part`."""

    dataset: Any
    rules: _Rules
    label: str
    start: int
    count: int
    size: int

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of each row."""
        schema = self.dataset.features.arrow_schema
        fields = [(field.name, self.rules.reading(field).values) for field in schema]
        row = self.start
        for table in _tables(self.dataset, self.start, self.count):
            for batch in table.select(schema.names).combine_chunks().to_batches():
                yield from rows_of(batch, fields, row, self.label)
                row += batch.num_rows


def _is_iterable(dataset: Any) -> bool:
    return type(dataset).__name__ == "IterableDataset"


def _tables(dataset: Any, start: int = 0, count: int | None = None) -> Iterator[Any]:
    """Yield rows as Arrow tables of about one block each."""
    arrow_form = dataset.with_format("arrow")
    if _is_iterable(dataset):
        yield from arrow_form.iter(batch_size=_ITERABLE_BATCH)
        return
    stop = len(dataset) if count is None else start + count
    step = max(1, _BLOCK // _row_bytes(dataset))
    for first in range(start, stop, step):
        yield arrow_form[first : min(first + step, stop)]


def _row_bytes(dataset: Any) -> int:
    """Return the bytes of a row, about; at least one."""
    if _is_iterable(dataset):
        return 1
    size: int = dataset.data.nbytes // max(1, len(dataset.data))
    return max(1, size)


def _ranges(dataset: Any, count: int) -> Iterator[tuple[int, int]]:
    """Yield start and number of the rows of each part.

    A dataset in memory is one part, as each part takes all of it to its process; one in files is
    mapped there.
    """
    is_mapped = not _is_iterable(dataset) and bool(dataset.cache_files)
    step = max(1, _PART // _row_bytes(dataset)) if is_mapped else max(1, count)
    for start in range(0, count, step):
        yield start, min(step, count - start)


def _scanned(dataset: Any, nulls: set[Place]) -> int:
    """Return the number of rows, and add the places of nulls and missing labels."""
    labels = [
        name for name, kind in dataset.features.items() if type(kind).__name__ == "ClassLabel"
    ]
    count = 0
    for table in _tables(dataset):
        count += table.num_rows
        for name in table.column_names:
            for array in table.column(name).chunks:
                nulls.update(null_paths(array, (name,)))
        for name in labels:
            if (require("pyarrow.compute", extra="arrow").min(table.column(name)).as_py() or 0) < 0:
                nulls.add((name,))
    return count


@dataclass(frozen=True, slots=True)
class _Rules:
    """How the values of features are made.

    Attributes:
        features: The features as dicts.
        nulls: Where nulls are.
        may_open: Whether files that are only named are read.
    """

    features: Mapping[str, Any]
    nulls: frozenset[Place]
    may_open: bool

    def reading(self, field: Any) -> Reading:
        """Return the reading of a column of the Arrow schema."""
        return reading_of(field, set(self.nulls), special=self._special)

    def _special(self, kind: Any, place: Place) -> Reading | None:
        feature = self._feature(place)
        name = feature.get("_type") if isinstance(feature, dict) else None
        if name == "ClassLabel":
            return _label(feature["names"])
        if isinstance(name, str) and name.lower() in MEDIA:
            return Reading(MEDIA[name.lower()], self._files)
        if name in _FILES:
            return Reading(bytes, self._files)
        if name == "Json":
            return Reading(Any, _json_values)
        if name in _GRIDS and isinstance(kind, arrow().BaseExtensionType):
            return _grids(kind.storage_type, _GRIDS[name], feature["shape"])
        types = arrow().types
        is_list = types.is_list(kind) or types.is_large_list(kind)
        if (
            not is_list
            or (*place, ITEMS) in self.nulls
            or self._feature((*place, ITEMS)).get("_type") != "Value"
        ):
            return None
        return flat_arrays(kind.value_type) if scalar_of(types, kind.value_type) else None

    def _feature(self, place: Place) -> Any:
        """Return the feature at a place; an empty dict inside of those that are no containers."""
        feature: Any = self.features
        for key in place:
            if key == ITEMS and isinstance(feature, dict):
                feature = feature.get("feature", {})
            elif isinstance(feature, dict):
                feature = feature.get(key, {})
            else:
                feature = feature[0]
        return feature

    def _files(self, array: Any) -> list[Any]:
        if not self.may_open:
            return media_values(array)
        parts = dict(zip((field.name for field in array.type), array.flatten(), strict=True))
        found = zip(parts["bytes"].to_pylist(), parts["path"].to_pylist(), strict=True)
        return [_file(path) if data is None and path else data for data, path in found]


def _file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SampleError(f"the file {path!r:.120} can't be read: {error.strerror}") from None


def _label(labels: list[str]) -> Reading:
    names = tuple(map(str, labels))  # those of NumPy are of a class of its own

    def named(label: int) -> str:
        if label >= len(names):
            raise SampleError(f"label {label}, of {len(names)} names")
        return names[label]

    def values(array: Any) -> list[Any]:
        return [None if one is None or one < 0 else named(one) for one in array.to_pylist()]

    return Reading(Literal[names], values)


def _json_values(array: Any) -> list[Any]:
    texts = getattr(array, "storage", array).to_pylist()
    return [None if text is None else json.loads(text) for text in texts]


def _grids(kind: Any, axes: int, shape: list[int | None]) -> Reading | None:
    """Return the reading of lists in lists as arrays; the first axis may have any length."""
    item = kind
    for _ in range(axes):
        item = item.value_type
    is_bool = arrow().types.is_boolean(item)
    scalar = np.bool_ if is_bool else scalar_of(arrow().types, item)
    if scalar is None:
        return None
    inner = math.prod(length or 1 for length in shape[1:])

    def values(array: Any) -> list[Any]:
        flat = array.storage
        lengths = require("pyarrow.compute", extra="arrow").list_value_length(flat)
        for _ in range(axes):
            flat = flat.flatten()
        if flat.null_count:
            raise SampleError("an array with a null in it")
        numbers = flat.to_numpy(zero_copy_only=False)
        ends = [0, *accumulate(length * inner for length in lengths.drop_null().to_pylist())]
        if ends[-1] != len(numbers):
            raise SampleError(f"lists that are not arrays of shape {tuple(shape)}")
        cut = (numbers[start:end].reshape(-1, *shape[1:]) for start, end in pairwise(ends))
        return with_gaps(array.storage, cut)

    return Reading(annotation_of(kinds.ArrayOf(scalar, tuple(shape))), values)


def _loaded(folder: Path) -> Any:
    datasets = require("datasets", extra="datasets")
    try:
        return datasets.load_from_disk(str(folder))
    except (*UNREADABLE, AttributeError, arrow().ArrowException) as error:
        reason = f"not a folder of save_to_disk that can be read: {error}"
        raise SampleError(reason, uri=str(folder)) from error


def _checked_files(folder: Path) -> list[Path]:
    """Return the files of a saved folder; refuse names that lead out of it."""
    marks = [folder / mark for mark in _MARKS if (folder / mark).is_file()]
    files = list(marks)
    for mark in marks:
        try:
            state = _state(mark)
            splits = [_inside(folder, split) for split in state.get("splits", [])]
            files += [_inside(folder, file["filename"]) for file in state.get("_data_files") or []]
        except (LookupError, TypeError, AttributeError) as error:
            reason = f"not a file of save_to_disk: {type(error).__name__}: {error}"
            raise SampleError(reason, uri=str(mark)) from None
        for split in splits:
            files += _checked_files(split)
    return files


def _state(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return parse_json(file.read(_MAX_STATE + 1), limit=_MAX_STATE)
    except AtdataError as error:
        raise SampleError(f"not a file of save_to_disk: {error.message}", uri=str(path)) from None


def _inside(folder: Path, name: Any) -> Path:
    is_name = isinstance(name, str) and name not in ("", "..") and PurePath(name).name == name
    path = folder / name if is_name else folder
    if not is_name or not path.exists():
        raise SampleError(f"names {name!r:.80}, which is not in the folder", uri=str(folder))
    return path

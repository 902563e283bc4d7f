"""Columns of Arrow types: what field each becomes, and the Python values of an array.

Types are told apart by their ``id``, which Arrow's own documentation lists; null values anywhere in
a column make the value there optional, as do none if there are none, whatever the schema allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Optional

import numpy as np

from atdata.base.extras import require
from atdata.errors import AtdataError, SampleError, SchemaError
from atdata.importing.readers import Column, refused
from atdata.importing.schema import class_name, field_name, guessed_type
from atdata.samples.media import MEDIA

Path = tuple[str, ...]
"""A place in a column: names of fields, and ``[]`` for the items of a list."""

ITEMS = "[]"
_MEDIA_FIELDS = ["bytes", "path"]
_OWN_DTYPE = b"atdata.dtype"
_MAX_DEPTH = 32


def arrow() -> Any:
    """Return pyarrow.

    Raises:
        MissingExtra: It is not installed.
    """
    return require("pyarrow", extra="arrow")


def _compute() -> Any:
    return require("pyarrow.compute", extra="arrow")


@dataclass(frozen=True, slots=True)
class Reading:
    """How the values of a type are made.

    Attributes:
        annotation: Of the field.
        values: Takes an array, and returns its values as a list.
    """

    annotation: Any
    values: Any


def columns_of(schema: Any, nulls: set[Path], media: Mapping[str, str]) -> tuple[Column, ...]:
    """Return the columns of an Arrow schema.

    Args:
        schema: The schema.
        nulls: Where null values are.
        media: Families of the columns that hold encoded files (``image``, ``audio``, ``video``).

    Raises:
        SchemaError: Samples can't hold the values of a type.
    """
    return tuple(
        Column(field.name, reading_of(field, nulls, media.get(field.name)).annotation)
        for field in schema
    )


Special = Callable[[Any, Path], Reading | None]
"""Takes a type and its place; returns how its values are made, or None for what is usual."""


def reading_of(
    field: Any, nulls: set[Path], family: str | None = None, special: Special | None = None
) -> Reading:
    """Return how the values of a column are made; see :func:`columns_of`."""
    own_dtype = (field.metadata or {}).get(_OWN_DTYPE)
    types = _Types(nulls, family, own_dtype is not None, special)
    return types.reading(field.type, (field.name,))


class _Types:
    """The readings of one column's type and the types in it."""

    def __init__(
        self, nulls: set[Path], family: str | None, is_array: bool, special: Special | None
    ) -> None:
        self._nulls = nulls
        self._family = family
        self._is_array = is_array
        self._special = special or (lambda kind, path: None)
        self._arrow = arrow()
        self._types: Any = self._arrow.types

    def reading(self, kind: Any, path: Path) -> Reading:
        if len(path) > _MAX_DEPTH:
            raise self._refused(path, "is nested too deeply", "Flatten the column.")
        known = self._special(kind, path) or self._plain(kind) or self._nested(kind, path)
        if known is None:
            raise self._refused(path, f"has the type {kind}", _hint(self._types, kind))
        if path not in self._nulls or known.annotation is Any:
            return known
        return Reading(Optional[known.annotation], known.values)  # noqa: UP045

    def _plain(self, kind: Any) -> Reading | None:
        types = self._types
        if types.is_boolean(kind):
            return Reading(bool, _plain_values)
        if types.is_integer(kind):
            return Reading(int, _number_values)
        if types.is_floating(kind):
            return Reading(float, _number_values)
        if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
            return Reading(str, _plain_values)
        if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
            family = MEDIA.get(self._family or "")
            return Reading(bytes if family is None else family, _plain_values)
        if types.is_fixed_size_binary(kind) and not types.is_decimal(kind):
            return Reading(bytes, _plain_values)
        if types.is_date(kind):
            return Reading(date, _plain_values)
        if types.is_null(kind):
            return Reading(Any, _plain_values)
        if types.is_timestamp(kind):
            exact = self._arrow.timestamp("us", "UTC" if kind.tz else None)
            return Reading(datetime, lambda array: array.cast(exact).to_pylist())
        return None

    def _nested(self, kind: Any, path: Path) -> Reading | None:
        types = self._types
        if isinstance(kind, self._arrow.FixedShapeTensorType):
            return self._tensor(kind, path)
        if isinstance(kind, self._arrow.BaseExtensionType):
            inner = self.reading(kind.storage_type, path)
            return Reading(_known(inner.annotation), lambda array: inner.values(array.storage))
        if types.is_dictionary(kind):
            inner = self.reading(kind.value_type, path)
            decode = _compute().dictionary_decode
            return Reading(_known(inner.annotation), lambda array: inner.values(decode(array)))
        if types.is_fixed_size_list(kind):
            return self._fixed(kind, path)
        if types.is_list(kind) or types.is_large_list(kind):
            if self._is_array and len(path) == 1:
                return flat_arrays(kind.value_type)
            inner = self.reading(kind.value_type, (*path, ITEMS))
            return Reading(list[inner.annotation], _list_values(inner))  # type: ignore[name-defined]
        if types.is_map(kind):
            return self._map(kind, path)
        if types.is_struct(kind):
            return self._struct(kind, path)
        return None

    def _struct(self, kind: Any, path: Path) -> Reading:
        names = [kind.field(number).name for number in range(kind.num_fields)]
        if self._is_array and len(path) == 1 and names == ["data", "shape"]:
            return _shaped_arrays(kind.field(0).type.value_type)
        family = MEDIA.get(self._family or "")
        if family is not None and sorted(names) == _MEDIA_FIELDS:
            return Reading(family, media_values)
        if len(set(names)) < len(names):
            raise self._refused(path, "has two fields of one name", "Rename one of them.")
        inner = [
            self.reading(kind.field(number).type, (*path, name))
            for number, name in enumerate(names)
        ]
        columns = [Column(name, one.annotation) for name, one in zip(names, inner, strict=True)]
        own = guessed_type(class_name("_".join(one for one in path if one != ITEMS)), columns)
        return Reading(own, _struct_values([field_name(name) for name in names], inner))

    def _map(self, kind: Any, path: Path) -> Reading:
        key = self.reading(kind.key_type, (*path, "key"))
        if key.annotation is not str:
            raise self._refused(path, "has keys that are not text", "Use keys of type string.")
        inner = self.reading(kind.item_type, (*path, ITEMS))
        return Reading(dict[str, inner.annotation], _map_values(inner))  # type: ignore[name-defined]

    def _fixed(self, kind: Any, path: Path) -> Reading:
        shape, item = [kind.list_size], kind.value_type
        while self._types.is_fixed_size_list(item):
            shape.append(item.list_size)
            item = item.value_type
        scalar = scalar_of(self._types, item)
        items = (*path, ITEMS)
        if scalar is None or any(null[: len(items)] == items for null in self._nulls):
            inner = self.reading(kind.value_type, (*path, ITEMS))
            return Reading(list[inner.annotation], _list_values(inner))  # type: ignore[name-defined]
        return Reading(_array(scalar, shape), _tensor_values(shape))

    def _tensor(self, kind: Any, path: Path) -> Reading:
        scalar = scalar_of(self._types, kind.value_type)
        if scalar is None or list(kind.permutation or ()) not in ([], list(range(len(kind.shape)))):
            raise self._refused(path, f"has the type {kind}", "Store tensors in row-major order.")
        values = _tensor_values(list(kind.shape))
        return Reading(_array(scalar, kind.shape), lambda array: values(array.storage))

    def _refused(self, path: Path, reason: str, hint: str) -> SchemaError:
        place = ".".join(path)
        return SchemaError(f"the column {place!r:.120} {reason}", path=place, hint=hint)


def _hint(types: Any, kind: Any) -> str:
    if types.is_decimal(kind):
        return "Cast it in the source: to float64, or to a string that keeps every digit."
    return "Cast it in the source to a number, string, timestamp or list, or leave it out."


def _known(annotation: Any) -> Any:
    """Return an annotation without None, which the outer type adds again."""
    arguments = [one for one in getattr(annotation, "__args__", ()) if one is not type(None)]
    is_optional = type(None) in getattr(annotation, "__args__", ())
    return arguments[0] if is_optional else annotation


def scalar_of(types: Any, kind: Any) -> type[np.generic] | None:
    """Return the NumPy type of Arrow's numbers; None for other types."""
    is_number = types.is_integer(kind) or types.is_floating(kind)
    return np.dtype(kind.to_pandas_dtype()).type if is_number else None


def _array(scalar: type[np.generic], shape: Any) -> Any:
    axes = tuple(Literal[int(length)] for length in shape)
    return np.ndarray[tuple[axes], np.dtype[scalar]]  # type: ignore[valid-type]


# Values of arrays.


def _plain_values(array: Any) -> list[Any]:
    values: list[Any] = array.to_pylist()
    return values


def _number_values(array: Any) -> list[Any]:
    if array.null_count:
        return _plain_values(array)
    values: list[Any] = array.to_numpy(zero_copy_only=False).tolist()
    return values


def with_gaps(array: Any, present: Iterator[Any]) -> list[Any]:
    """Return values with None for each null of an array."""
    if not array.null_count:
        return list(present)
    return [next(present) if valid else None for valid in array.is_valid().to_pylist()]


def _list_values(inner: Reading) -> Any:
    def values(array: Any) -> list[Any]:
        items = inner.values(array.flatten())
        lengths = _compute().list_value_length(array).drop_null().to_pylist()
        return with_gaps(array, _cut(items, lengths))

    return values


def _cut(items: Any, lengths: list[int]) -> Iterator[Any]:
    at = 0
    for length in lengths:
        yield items[at : at + length]
        at += length


def _struct_values(names: list[str], inner: list[Reading]) -> Any:
    def values(array: Any) -> list[Any]:
        columns = [one.values(part) for one, part in zip(inner, array.flatten(), strict=True)]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        if not array.null_count:
            return rows
        valid = array.is_valid().to_pylist()
        return [row if one else None for row, one in zip(rows, valid, strict=True)]

    return values


def _map_values(inner: Reading) -> Any:
    def pairs(keys: list[str], values: list[Any]) -> dict[str, Any]:
        table = dict(zip(keys, values, strict=True))
        if len(table) < len(keys):
            raise SampleError("a map has a key twice")
        return table

    def values(array: Any) -> list[Any]:
        # The children of a slice are those of the whole array, so each map is taken by itself.
        found: list[Any] = []
        for scalar in array:
            entries = scalar.values
            if entries is None:
                found.append(None)
            else:
                keys, items = entries.flatten()
                found.append(pairs(keys.to_pylist(), inner.values(items)))
        return found

    return values


def _tensor_values(shape: list[int]) -> Any:
    def values(array: Any) -> list[Any]:
        flat = array
        while arrow().types.is_fixed_size_list(flat.type):
            flat = flat.flatten()
        if flat.null_count:
            raise SampleError("an array with a null in it")
        items = flat.to_numpy(zero_copy_only=False)
        return with_gaps(array, iter(items.reshape(len(array) - array.null_count, *shape)))

    return values


def flat_arrays(item: Any) -> Reading:
    """Return how lists of this type of numbers are made arrays with one axis."""
    scalar: Any = item.to_pandas_dtype()

    def values(array: Any) -> list[Any]:
        flat = array.flatten()
        if flat.null_count:
            raise SampleError("an array with a null in it")
        lengths = _compute().list_value_length(array).drop_null().to_pylist()
        return with_gaps(array, _cut(flat.to_numpy(zero_copy_only=False), lengths))

    return Reading(np.ndarray[tuple[int], np.dtype[scalar]], values)


def _shaped_arrays(item: Any) -> Reading:
    scalar: Any = item.to_pandas_dtype()
    flat = flat_arrays(item)

    def values(array: Any) -> list[Any]:
        data, shapes = array.flatten()
        found = zip(flat.values(data), shapes.to_pylist(), strict=True)
        return [None if one is None else _reshaped(one, shape) for one, shape in found]

    return Reading(np.ndarray[tuple[Any, ...], np.dtype[scalar]], values)


def _reshaped(flat: Any, shape: Any) -> Any:
    try:
        return flat.reshape(shape)
    except (TypeError, ValueError):
        raise SampleError(f"{len(flat)} numbers are not an array of shape {shape!r:.80}") from None


def media_values(array: Any) -> list[Any]:
    """Return the bytes in an array of structs of bytes and path."""
    parts = dict(zip((field.name for field in array.type), array.flatten(), strict=True))
    found = zip(parts["bytes"].to_pylist(), parts["path"].to_pylist(), strict=True)
    return [_file(data, path) for data, path in found]


def _file(data: bytes | None, path: str | None) -> bytes | None:
    if data is None and path is not None:
        raise SampleError(
            f"the file {path!r:.120} is only named",
            hint="Embed the files first: in `datasets`, with embed_external_files=True.",
        )
    return data


# Rows.


def rows_of(
    batch: Any, fields: Sequence[tuple[str, Any]], first: int, uri: str
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a record batch.

    Args:
        batch: The record batch.
        fields: Name and ``values`` of each column.
        first: Number of its first row, for errors.
        uri: Where it is from, for errors.

    Raises:
        SampleError: A value can't be held; its row and column are named.
    """
    columns = [
        _checked_values(name, values, array, first, uri)
        for (name, values), array in zip(fields, batch.columns, strict=True)
    ]
    return zip(*columns, strict=True)


def _checked_values(name: str, values: Any, array: Any, first: int, uri: str) -> list[Any]:
    try:
        found: list[Any] = values(array)
        return found
    except (AtdataError, ValueError, OverflowError) as error:
        for number in range(len(array)):
            _check(name, values, array.slice(number, 1), first + number, uri)
        raise refused(str(error), uri=uri, row=first, column=name) from error


def _check(name: str, values: Any, one: Any, row: int, uri: str) -> None:
    try:
        values(one)
    except (AtdataError, ValueError, OverflowError) as error:
        hint = error.hint if isinstance(error, AtdataError) else None
        reason = error.message if isinstance(error, AtdataError) else str(error)
        raise refused(reason, uri=uri, row=row, column=name, hint=hint) from None


# Where nulls are.


def null_paths(array: Any, path: Path) -> Iterator[Path]:
    """Yield the places of an array at which there are nulls."""
    types = arrow().types
    if array.null_count:
        yield path
    kind = array.type
    if isinstance(kind, arrow().BaseExtensionType):
        yield from null_paths(array.storage, path)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        yield from null_paths(array.flatten(), (*path, ITEMS))
    elif types.is_map(kind):
        for part, name in ((array.keys, "key"), (array.items, ITEMS)):
            yield from null_paths(part, (*path, name))
    elif types.is_struct(kind):
        # Without the struct's own nulls, at which its fields are not there at all.
        present = array.drop_null() if array.null_count else array
        for number, part in enumerate(present.flatten()):
            yield from null_paths(part, (*path, kind.field(number).name))


# What other libraries note beside a schema.


def noted_media(schema: Any) -> dict[str, str]:
    """Return the families of the columns that Hugging Face's metadata call media."""
    try:
        noted = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = noted["info"]["features"]
        kinds = {name: feature["_type"] for name, feature in features.items() if "_type" in feature}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        name: kind.lower()
        for name, kind in kinds.items()
        if isinstance(kind, str) and kind.lower() in MEDIA
    }

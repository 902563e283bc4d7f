"""Fields of samples as Arrow columns; see the table in :mod:`atdata.export.formats`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from atdata.errors import AtdataError, SampleError
from atdata.samples import kinds
from atdata.samples.codec import codec_of
from atdata.samples.kinds import Kind
from atdata.samples.media import MEDIA, Media
from atdata.samples.tensors import Bfloat16, TensorOf

_SCALARS = {str: "string", bytes: "binary", bool: "bool_", int: "int64", float: "float64"}
Values = list[Any]


@dataclass(frozen=True)
class Column:
    """A column: its field in the Arrow schema, and a function from values to an Arrow array.

    ``feature`` is how Hugging Face's ``datasets`` describes it, where the type is not enough.
    """

    field: Any
    make: Callable[[Values], Any]
    feature: Mapping[str, Any] | None = None

    def array(self, rows: Iterable[Mapping[str, Any]]) -> Any:
        """Return the values of these rows as an Arrow array.

        Raises:
            SampleError: A value does not fit the column, which is named.
        """
        name = self.field.name
        try:
            return self.make([row[name] for row in rows])
        except AtdataError as error:
            raise SampleError(f"column {name!r}: {error.message}", path=name) from None
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise _unfit(name, error) from None


def column_of(arrow: Any, name: str, kind: Kind | None, values: Values) -> Column:
    """Return the column for values of a kind.

    Args:
        arrow: The module ``pyarrow``.
        name: Of the column.
        kind: Kind of the field; None if no class declares it.
        values: The first values, which decide what the kind leaves open.

    Raises:
        SampleError: The values have nothing in common.
    """
    kind = media_kind(values) if kind is None else kind
    inner = kind.inner if isinstance(kind, kinds.Nullable) else kind
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    if isinstance(inner, kinds.ArrayOf) or (arrays and inner is None):
        gaps = isinstance(kind, kinds.Nullable) or len(arrays) < len(values)
        return _array_column(arrow, name, arrays, gaps)
    if inner == kinds.Temporal(datetime) and (zone := zone_of(values)) is not None:
        return _temporal_column(arrow, name, zone)
    form = _form(arrow, kind or kinds.Plain(), ())
    if form is None:
        return _found_column(arrow, name, (kind or kinds.Plain()).encode, values)
    known, convert = form
    make: Callable[[Values], Any] = lambda new: arrow.array(map(convert, new), known)  # noqa: E731
    return Column(arrow.field(name, known), make, _media_feature(kind))


def _unfit(name: str, error: Exception) -> SampleError:
    return SampleError(
        f"column {name!r}: a sample does not fit the first ones: {error}",
        hint="Export with a sample_map that makes the samples alike.",
        path=name,
    )


# Values whose kind determines the column.

Form = tuple[Any, Callable[[Any], Any]]
"""An Arrow type, and a function that converts a value for it."""


def _form(arrow: Any, kind: Kind, around: tuple[type, ...]) -> Form | None:
    """Return None if the kind is not enough: for any plain data, or a class inside itself."""
    match kind:
        case kinds.Scalar(plain):
            return getattr(arrow, _SCALARS[plain])(), kind.encode
        case kinds.Temporal(plain) if plain is date:
            return arrow.date32(), lambda value: value
        case kinds.ArrayOf() | Bfloat16() | TensorOf():
            return arrow.binary(), kind.encode
        case kinds.MediaOf():
            return arrow.struct({"bytes": arrow.binary(), "path": arrow.string()}), media_parts
        case kinds.Temporal():
            return arrow.string(), kind.encode
        case kinds.Choice(values):
            return _one_of(arrow, values, kind.encode)
        case kinds.EnumMember(enum):
            return _one_of(arrow, [member.value for member in enum], kind.encode)
        case kinds.Nullable(inner):
            form = _form(arrow, inner, around)
            return form and (form[0], or_none(form[1]))
        case kinds.Sequence(item):
            form = _form(arrow, item, around)
            return form and (arrow.list_(form[0]), each(form[1]))
        case kinds.Map(value):
            form = _form(arrow, value, around)
            return form and (arrow.map_(arrow.string(), form[0]), _pairs(form[1]))
        case kinds.FixedTuple(items):
            return _struct(arrow, {f"{n}": item for n, item in enumerate(items)}, around, tuple)
        case kinds.Nested(cls) if cls not in around:
            fields = {field.name: field.kind for field in codec_of(cls).fields}
            return _struct(arrow, fields, (*around, cls), lambda one: vars_of(one, fields))
    return None


def vars_of(sample: Any, names: Iterable[str]) -> Values:
    """Return the values of a sample's fields."""
    return [getattr(sample, name) for name in names]


def _one_of(arrow: Any, values: Iterable[Any], encode: Callable[[Any], Any]) -> Form:
    known = common_type(values)
    if known is not None:
        return getattr(arrow, _SCALARS[known])(), encode
    return arrow.string(), lambda value: json.dumps(encode(value), ensure_ascii=False)


def common_type(values: Iterable[Any]) -> type | None:
    """Return which of text, numbers and bools all values are; None if they are several."""
    types = [kind for kind in (bool, int, float, str) if any(_is(value, kind) for value in values)]
    return types[0] if len(types) == 1 else None


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def or_none(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that leaves None as it is."""
    return lambda value: None if value is None else convert(value)


def each(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that converts the items of a list."""
    return lambda values: [convert(value) for value in values]


def _pairs(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda table: [(name, convert(value)) for name, value in table.items()]


def _struct(
    arrow: Any, kinds: Mapping[str, Kind], around: tuple[type, ...], take: Callable[[Any], Any]
) -> Form | None:
    forms = {name: _form(arrow, kind, around) for name, kind in kinds.items()}
    known = {name: form for name, form in forms.items() if form is not None}
    if len(known) < len(forms):
        return None
    converters = [(name, convert) for name, (_, convert) in known.items()]

    def convert(value: Any) -> dict[str, Any]:
        return {
            name: make(part) for (name, make), part in zip(converters, take(value), strict=True)
        }

    return arrow.struct([(name, kind) for name, (kind, _) in known.items()]), convert


def zone_of(values: Values) -> str | None:
    """Return ``"UTC"`` for times with a zone, ``""`` without; None for both, or no times."""
    zones = {"" if value.tzinfo is None else "UTC" for value in values if value is not None}
    return zones.pop() if len(zones) == 1 else None


def _temporal_column(arrow: Any, name: str, zone: str) -> Column:
    known = arrow.timestamp("us", zone or None)

    def make(values: Values) -> Any:
        if any(value is not None for value in values) and zone_of(values) != zone:
            raise SampleError(f"a time {'without' if zone else 'with'} a zone among others")
        return arrow.array(values, known)

    return Column(arrow.field(name, known), make)


# Media, in the form of Hugging Face's ``datasets``.


def media_kind(values: Values) -> Kind | None:
    """Return the kind of values that are all images, sound or videos; None can be among them."""
    types = {type(value) for value in values if value is not None}
    if len(types) == 1 and (only := types.pop()) in MEDIA.values():
        return kinds.Nullable(kinds.MediaOf(only))
    return None


def media_parts(value: Media) -> dict[str, Any]:
    """Return the bytes of a file, which has no path."""
    return {"bytes": value.bytes, "path": None}


def _media_feature(kind: Kind | None) -> dict[str, Any] | None:
    match kind:
        case kinds.MediaOf(cls):
            return {"_type": cls.__name__}
        case kinds.Nullable(inner):
            return _media_feature(inner)
        case kinds.Sequence(item):
            feature = _media_feature(item)
            return feature and {"feature": feature, "_type": "List"}
    return None


# Values that determine the column themselves.


def _found_column(arrow: Any, name: str, encode: Callable[[Any], Any], values: Values) -> Column:
    try:
        known = arrow.array([encode(value) for value in values]).type
    except (ValueError, TypeError, OverflowError) as error:
        raise _unfit(name, error) from None

    def make(new: Values) -> Any:
        plain = [encode(value) for value in new]
        for value in plain:
            _refuse_more(arrow, value, known)
        return arrow.array(plain, known)

    return Column(arrow.field(name, known), make)


def _refuse_more(arrow: Any, value: Any, known: Any) -> None:
    """Refuse a map with keys that the first ones did not have: Arrow drops them silently."""
    if isinstance(value, dict) and arrow.types.is_struct(known):
        for key, inner in value.items():
            if known.get_field_index(key) < 0:
                raise SampleError(f"the first samples have no key {key!r}")
            _refuse_more(arrow, inner, known.field(key).type)
    elif isinstance(value, list) and arrow.types.is_list(known):
        for inner in value:
            _refuse_more(arrow, inner, known.value_type)


# Arrays.


def _array_column(arrow: Any, name: str, arrays: Values, gaps: bool) -> Column:
    dtypes, shapes = {array.dtype for array in arrays}, {array.shape for array in arrays}
    dtype = next(iter(dtypes)) if len(dtypes) == 1 else None
    make: Callable[[Values], Any]
    if dtype is None or dtype.kind not in "iufb" or dtype.itemsize > 8:
        known, make = arrow.binary(), lambda values: arrow.array(map(_npy, values), arrow.binary())
    else:
        item = arrow.from_numpy_dtype(dtype.newbyteorder("="))
        (shape, *others) = shapes
        if all(len(one) == 1 for one in shapes):
            known = arrow.list_(item)
            make = _lists(arrow, item, dtype)
        elif others or dtype.kind == "b" or 0 in (len(shape), *shape) or gaps:
            known = arrow.struct({"data": arrow.list_(item), "shape": arrow.list_(arrow.int64())})
            make = _ragged(arrow, known, dtype)
        else:
            known = arrow.fixed_shape_tensor(item, shape)
            make = _tensors(arrow, known, dtype, shape)
    metadata = {"atdata.dtype": "" if dtype is None else dtype.str}
    return Column(arrow.field(name, known, metadata=metadata), make)


def _npy(value: Any) -> bytes | None:
    return None if value is None else kinds.ArrayOf().encode(value)


def _flat(value: Any, dtype: np.dtype[Any]) -> Any:
    if value.dtype != dtype:
        raise SampleError(f"an array of dtype {value.dtype}, the first ones have {dtype}")
    return np.ascontiguousarray(value, dtype.newbyteorder("=")).reshape(-1)


def _lists(arrow: Any, item: Any, dtype: np.dtype[Any]) -> Callable[[Values], Any]:
    def make(values: Values) -> Any:
        for value in values:
            if value is not None and value.ndim != 1:
                raise SampleError(f"an array of shape {value.shape}; the first ones are flat")
        cells = [None if value is None else _flat(value, dtype) for value in values]
        return arrow.array(cells, arrow.list_(item))

    return make


def _ragged(arrow: Any, known: Any, dtype: np.dtype[Any]) -> Callable[[Values], Any]:
    def make(values: Values) -> Any:
        cells = [
            None if value is None else {"data": _flat(value, dtype), "shape": list(value.shape)}
            for value in values
        ]
        return arrow.array(cells, known)

    return make


def _tensors(
    arrow: Any, known: Any, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Callable[[Values], Any]:
    def make(values: Values) -> Any:
        for value in values:
            if value is None or value.shape != shape:
                found = "None" if value is None else f"an array of shape {value.shape}"
                raise SampleError(f"{found}; the first ones have shape {shape}")
        flat = np.concatenate([_flat(value, dtype) for value in values])
        width = int(np.prod(shape))
        storage = arrow.FixedSizeListArray.from_arrays(arrow.array(flat), width)
        return arrow.ExtensionArray.from_storage(known, storage)

    return make

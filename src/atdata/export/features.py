"""Fields of samples as columns of Hugging Face's ``datasets``. Imported by ``to_hf()`` only.

=========================================  ====================================================
field                                      feature
=========================================  ====================================================
``str``, ``bytes``, ``bool``               ``Value`` of the same
``int``, ``float``                         ``Value`` of 64 bits, signed
``date``                                   ``Value("date32")``
``datetime``                               ``Value`` of a timestamp in UTC, or without a zone
an ``Enum`` class or ``Literal`` of text   ``ClassLabel``
those of numbers, bools or several types   ``Value``; ``Json`` for several types
an image, sound, a video                   ``Image``, ``Audio``, ``Video``: the file as it is
numeric arrays, all of one shape           ``Array2D`` to ``Array5D``
other numeric arrays                       ``List`` of ``List``, as deep as the arrays have axes
arrays of other dtypes, or without axes    ``Value("binary")``, in ``.npy`` format
``list[T]``, ``tuple[T, ...]``             ``List``
``tuple[A, B]``                            dict of ``field_0``, ``field_1``
``dict[str, T]``                           ``List`` of dicts of ``key`` and ``value``
a packable class                           dict of its fields
``Any``, ``dict``, a class inside itself   ``Json``; arrays as above
=========================================  ====================================================

The annotation and the first samples determine a feature; a later sample that does not fit raises an
error. A ``List`` has a length where the annotation gives one to arrays with one axis. Arrays that
may be None or have an empty axis, and those inside of other values, are lists. Times are text
(ISO 8601) if the first samples have none, or some with a zone and some without. Samples without a
class have ``Value`` and ``List`` where values are of one type, ``Json`` elsewhere. None is null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np

from atdata.base.extras import require
from atdata.errors import SampleError
from atdata.export.arrow import (
    Column,
    Values,
    common_type,
    each,
    media_kind,
    media_parts,
    or_none,
    vars_of,
    zone_of,
)
from atdata.samples import kinds, plain
from atdata.samples.codec import codec_of
from atdata.samples.kinds import Kind
from atdata.samples.tensors import Bfloat16, TensorOf

datasets = require("datasets", extra="datasets")

_SCALARS = {str: "string", bytes: "binary", bool: "bool", int: "int64", float: "float64"}
_GRIDS = {2: "Array2D", 3: "Array3D", 4: "Array4D", 5: "Array5D"}
Convert = Callable[[Any], Any]


class Form(NamedTuple):
    """A feature, and a function that converts a value for it.

    ``axes`` is the number of axes if the function returns arrays, which are made lists together.
    """

    feature: Any
    convert: Convert
    axes: int = 0


def feature_column(arrow: Any, name: str, kind: Kind | None, values: Values) -> Column:
    """Return the column for values of a kind; as :func:`atdata.export.arrow.column_of`."""
    form = _form(kind, values, (), is_field=True)
    features = datasets.Features({name: form.feature})
    field = features.arrow_schema.field(name)

    def make(new: Values) -> Any:
        converted = list(map(form.convert, new))
        if form.axes:
            return _lists(arrow, converted, form.axes).cast(field.type)
        return arrow.array(converted, _storage(arrow, field.type)).cast(field.type)

    return Column(field.remove_metadata(), make, features.to_dict()[name])


def _form(
    kind: Kind | None, values: Values, around: tuple[type, ...], *, is_field: bool = False
) -> Form:
    match kind:
        case None:
            return _found(values, is_field)
        case kinds.Nullable(inner):
            return _optional(_form(inner, _without_none(values), around))
        case kinds.Scalar(cls):
            return Form(datasets.Value(_SCALARS[cls]), kind.encode)
        case kinds.Temporal(cls):
            return _time(cls, values)
        case kinds.Choice(options):
            return _one_of(options, kind.encode)
        case kinds.EnumMember(enum):
            return _one_of([kind.encode(member) for member in enum], kind.encode)
        case kinds.MediaOf(cls):
            return Form(getattr(datasets, cls.__name__)(), media_parts)
        case kinds.ArrayOf():
            return _array(kind, values, is_field)
        case Bfloat16() | TensorOf():
            return Form(datasets.Value("binary"), kind.encode)
        case kinds.Plain() if values and all(isinstance(value, np.ndarray) for value in values):
            return _array(kinds.ArrayOf(), values, is_field)
        case kinds.Sequence(item):
            form = _form(item, _flat(values), around)
            return Form(datasets.List(form.feature), each(_plain(form)))
        case kinds.Map(value) if value != kinds.Plain():
            form = _form(value, _flat(map(dict.values, values)), around)
            pair = {"key": datasets.Value("string"), "value": form.feature}
            return Form(datasets.List(pair), _pairs(_plain(form)))
        case kinds.FixedTuple(items):
            columns = [[value[n] for value in values] for n in range(len(items))]
            parts = {f"field_{n}": item for n, item in enumerate(items)}
            return _struct(parts, columns, around, tuple)
        case kinds.Nested(cls) if cls not in around:
            fields = {field.name: field.kind for field in codec_of(cls).fields}
            columns = [[getattr(value, name) for value in values] for name in fields]
            return _struct(fields, columns, (*around, cls), lambda one: vars_of(one, fields))
    return Form(datasets.Json(), or_none(_json(kind.encode)))


def _without_none(values: Values) -> Values:
    return [value for value in values if value is not None]


def _flat(values: Iterable[Iterable[Any]]) -> Values:
    return [item for value in values for item in value]


def _plain(form: Form) -> Convert:
    """Return the function of a form inside of another, where arrays are lists one by one."""
    if not form.axes:
        return form.convert
    return lambda value: None if value is None else form.convert(value).tolist()


def _optional(form: Form) -> Form:
    return form._replace(convert=or_none(form.convert))


def _pairs(convert: Convert) -> Convert:
    return lambda table: [{"key": key, "value": convert(value)} for key, value in table.items()]


def _struct(
    parts: Mapping[str, Kind], columns: list[Values], around: tuple[type, ...], take: Convert
) -> Form:
    forms = {
        name: _form(kind, values, around)
        for (name, kind), values in zip(parts.items(), columns, strict=True)
    }
    converters = {name: _plain(form) for name, form in forms.items()}

    def convert(value: Any) -> dict[str, Any]:
        pairs = zip(converters.items(), take(value), strict=True)
        return {name: convert(part) for (name, convert), part in pairs}

    return Form({name: form.feature for name, form in forms.items()}, convert)


def _one_of(options: Iterable[Any], encode: Convert) -> Form:
    known = common_type(options)
    if known is str:
        names = [str(option) for option in options]
        numbers = {name: number for number, name in enumerate(names)}
        return Form(datasets.ClassLabel(names=names), lambda value: numbers[encode(value)])
    if known is None:
        return Form(datasets.Json(), _json(encode))
    return Form(datasets.Value(_SCALARS[known]), encode)


def _json(encode: Convert) -> Convert:
    def convert(value: Any) -> str:
        return json.dumps(encode(value), ensure_ascii=False, allow_nan=False)

    return convert


def _time(cls: type[date], values: Values) -> Form:
    encode = kinds.Temporal(cls).encode
    if cls is date:
        return Form(datasets.Value("date32"), lambda value: value)
    zone = zone_of(values)
    if zone is None:
        return Form(datasets.Value("string"), encode)

    def convert(value: datetime) -> datetime:
        if zone_of([value]) != zone:
            raise SampleError(f"a time {'without' if zone else 'with'} a zone among others")
        return value

    return Form(datasets.Value("timestamp[us, tz=UTC]" if zone else "timestamp[us]"), convert)


def _found(values: Values, is_field: bool) -> Form:
    """Return the form of values that no class declares."""
    known = _without_none(values)
    types = {type(plain.unwrap(value)) for value in known}
    if len(known) < len(values):
        return _optional(_found(known, is_field=False))
    if media := media_kind(values):
        return _form(media, values, ())
    if types == {np.ndarray}:
        return _array(kinds.ArrayOf(), values, is_field)
    if types in ({datetime}, {date}):
        return _time(types.pop(), values)
    if types in ({list}, {tuple}):
        form = _found(_flat(values), is_field=False)
        return Form(datasets.List(form.feature), each(_plain(form)))
    if len(types) == 1 and (only := types.pop()) in _SCALARS:
        return Form(datasets.Value(_SCALARS[only]), plain.SCALARS[only])
    return Form(datasets.Json(), _json(plain.to_wire))


# Arrays.


def _array(kind: kinds.ArrayOf, values: Values, is_field: bool) -> Form:
    dtype, axes = _dtype(kind, values), _axes(kind, values)
    if dtype is None or dtype.kind not in "iufb" or dtype.itemsize > 8 or not axes:
        return Form(datasets.Value("binary"), kinds.ArrayOf().encode)
    shape = kind.shape or _shape(values)
    feature = _lists_feature(dtype, axes, kind.shape)
    if is_field and shape and axes in _GRIDS and None not in shape[1:] and 0 not in shape:
        feature = getattr(datasets, _GRIDS[axes])(shape=shape, dtype=dtype.name)
    else:
        shape = kind.shape or (None,) * axes
    wanted = kinds.ArrayOf(dtype.type, shape)

    def convert(value: Any) -> Any:
        wanted.check(value.dtype, value.shape)
        return np.ascontiguousarray(value, dtype)

    return Form(feature, convert, axes)


def _dtype(kind: kinds.ArrayOf, values: Values) -> np.dtype[Any] | None:
    """Return the dtype that all have, in the byte order of this machine."""
    dtypes = {value.dtype.newbyteorder("=") for value in values}
    if kind.dtype is not None and not dtypes:
        try:
            return np.dtype(kind.dtype)
        except TypeError:  # an abstract one
            return None
    return dtypes.pop() if len(dtypes) == 1 else None


def _axes(kind: kinds.ArrayOf, values: Values) -> int | None:
    """Return the number of axes that all have: one, if nothing is known."""
    found = {value.ndim for value in values} or {1}
    known = {len(kind.shape)} if kind.shape is not None else found
    return known.pop() if len(known) == 1 else None


def _shape(values: Values) -> tuple[int, ...] | None:
    shapes = {value.shape for value in values}
    return shapes.pop() if len(shapes) == 1 else None


def _lists_feature(dtype: np.dtype[Any], axes: int, declared: tuple[int | None, ...] | None) -> Any:
    feature = datasets.Value(dtype.name)
    if axes == 1 and declared and declared[0]:
        return datasets.List(feature, length=declared[0])
    for _ in range(axes):
        feature = datasets.List(feature)
    return feature


def _lists(arrow: Any, arrays: Values, axes: int) -> Any:
    """Return arrays as lists of lists; their elements are copied once."""
    nulls = np.array([array is None for array in arrays])
    known = _without_none(arrays)
    shapes = np.zeros((len(arrays), axes), np.int64)
    if known:
        shapes[~nulls] = [array.shape for array in known]
    flat = np.concatenate([array.reshape(-1) for array in known]) if known else np.zeros(0)
    column = arrow.array(flat)
    for axis in reversed(range(axes)):
        lists = shapes[:, :axis].prod(axis=1)  # lists of this depth in each array
        offsets = np.concatenate([[0], np.cumsum(np.repeat(shapes[:, axis], lists))])
        mask = arrow.array(nulls) if axis == 0 and nulls.any() else None
        column = arrow.ListArray.from_arrays(arrow.array(offsets, arrow.int32()), column, mask=mask)
    return column


def _storage(arrow: Any, known: Any) -> Any:
    """Return the type below the extension types in a type: Arrow makes those by a cast only."""
    if isinstance(known, arrow.BaseExtensionType):
        return _storage(arrow, known.storage_type)
    if arrow.types.is_fixed_size_list(known):
        return arrow.list_(_storage(arrow, known.value_type), known.list_size)
    if arrow.types.is_list(known):
        return arrow.list_(_storage(arrow, known.value_type))
    if arrow.types.is_struct(known):
        return arrow.struct([(part.name, _storage(arrow, part.type)) for part in known])
    return known

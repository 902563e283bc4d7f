"""Conversion between annotations and kinds of values."""

from __future__ import annotations

import collections.abc
import enum
import types
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal, Optional, TypeVar, Union, get_args, get_origin

import numpy as np

from atdata.errors import SchemaError
from atdata.samples import kinds
from atdata.samples.aliases import expanded
from atdata.samples.dtypes import DTYPES, dtype_name
from atdata.samples.extensions import Member
from atdata.samples.kinds import Kind
from atdata.samples.media import MEDIA, MediaType
from atdata.samples.tensors import (
    Bfloat16,
    TensorOf,
    bfloat16,
    is_bfloat16,
    is_tensor_type,
    tensor_type,
)

_LISTS = (list, collections.abc.Sequence)
_DICTS = (dict, collections.abc.Mapping)
_ENUM_VALUES = (str, int, float, bool)


def kind_of(annotation: Any) -> Kind:
    """Return the kind of value that an annotation (an object, not text) means.

    Raises:
        SchemaError: Samples can't hold such values.
    """
    annotation = expanded(annotation)
    if annotation is Any:
        return kinds.Plain()
    if annotation is np.ndarray:
        return kinds.ArrayOf()
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return _plain_class(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _noted(kind_of(args[0]), annotation.__metadata__)
    if origin in (Union, types.UnionType):
        return _union(annotation, args)
    if origin is Literal:
        return _literal(args)
    if origin is np.ndarray:
        return _array(annotation, *args)
    if origin in _LISTS:
        return kinds.Sequence(kind_of(args[0]))
    if origin is tuple:
        return _tuple(args)
    if origin in _DICTS:
        return _dict(annotation, *args)
    raise _unknown(annotation)


def annotation_of(kind: Kind) -> Any:
    """Return the annotation for a kind; the inverse of ``kind_of``."""
    match kind:
        case kinds.Scalar(cls) | kinds.Temporal(cls) | kinds.EnumMember(cls) | kinds.Nested(cls):
            return cls
        case kinds.ArrayOf(dtype, shape):
            return _array_annotation(dtype, shape)
        case Bfloat16(shape):
            return _array_annotation(bfloat16().type, shape)
        case TensorOf():
            return Annotated[tensor_type(), *kind.notes()] if kind.notes() else tensor_type()
        case kinds.MediaOf(cls, media_type):
            return cls if media_type is None else Annotated[cls, MediaType(media_type)]
        case kinds.Sequence(item, container):
            inner = annotation_of(item)
            return list[inner] if container is list else tuple[inner, ...]  # type: ignore[valid-type]
        case kinds.FixedTuple(items):
            return tuple[tuple(map(annotation_of, items))]  # type: ignore[misc]
        case kinds.Map(value):
            return dict[str, annotation_of(value)]  # type: ignore[misc]
        case kinds.Choice(values):
            return Literal[values]
        case kinds.Nullable(inner):
            return Optional[annotation_of(inner)]  # noqa: UP045 - an expression, not an annotation
    return Any


def annotation_of_field(kind: Kind, member: str | None) -> Any:
    """Return the annotation for a field of this kind, held by this member if not None."""
    annotation = annotation_of(kind)
    return annotation if member is None else Annotated[annotation, Member(member)]


def member_of(annotation: Any) -> str | None:
    """Return the extension in ``Annotated[T, Member("txt")]``, also in ``T | None``; else None.

    Raises:
        SchemaError: There are several, or ``Member`` is without its extension.
    """
    notes = list(_notes(annotation))
    found = [note.extension for note in notes if isinstance(note, Member)]
    if len(found) > 1 or Member in notes:
        raise SchemaError(
            "a field has one member, with its extension",
            hint='Write it as Annotated[str, Member("txt")].',
        )
    return found[0] if found else None


def _notes(annotation: Any) -> Iterator[Any]:
    annotation = expanded(annotation)
    yield from getattr(annotation, "__metadata__", ())
    if get_origin(annotation) in (Annotated, Union, types.UnionType):
        inner = get_args(annotation)
        for one in inner[:1] if get_origin(annotation) is Annotated else inner:
            yield from _notes(one)


def description_of(annotation: Any) -> str | None:
    """Return the text in ``Annotated[T, "text"]``, or None."""
    notes = getattr(expanded(annotation), "__metadata__", ())
    texts = [note for note in notes if isinstance(note, str)]
    return texts[0] if texts else None


def _noted(kind: Kind, notes: tuple[Any, ...]) -> Kind:
    """Return the kind with what is noted beside it: a media type, or a tensor's dtype."""
    match kind:
        case kinds.Nullable(inner):
            return kinds.Nullable(_noted(inner, notes))
        case TensorOf():
            kind = kind.noted(notes)
    for note in notes:
        if isinstance(note, MediaType):
            kind = _of_media_type(kind, note.name)
    return kind


def _of_media_type(kind: Kind, name: str) -> Kind:
    if isinstance(kind, kinds.MediaOf) and name.startswith(f"{kind.type.family}/"):
        return kinds.MediaOf(kind.type, name)
    raise SchemaError(f"{kind} can't have the media type {name}")


def _plain_class(annotation: type) -> Kind:
    if annotation in (str, bytes, bool, int, float):
        return kinds.Scalar(annotation)
    if annotation in (datetime, date):
        return kinds.Temporal(annotation)
    if annotation in MEDIA.values():
        return kinds.MediaOf(annotation)
    if is_tensor_type(annotation):
        return TensorOf()
    if annotation in _LISTS:
        return kinds.Sequence(kinds.Plain())
    if annotation is tuple:
        return kinds.Sequence(kinds.Plain(), tuple)
    if annotation in _DICTS:
        return kinds.Map(kinds.Plain())
    if issubclass(annotation, enum.Enum):
        return _enum(annotation)
    if is_dataclass(annotation):
        return kinds.Nested(annotation)
    raise _unknown(annotation)


def _union(annotation: Any, args: tuple[Any, ...]) -> Kind:
    rest = [arg for arg in args if arg is not types.NoneType]
    if len(rest) == 1:
        inner = kind_of(rest[0])
        return inner if isinstance(inner, kinds.Nullable | kinds.Plain) else kinds.Nullable(inner)
    if set(rest) == {int, float}:
        return _with_none(kinds.Scalar(float), len(rest) < len(args))
    raise _unknown(annotation, hint="Use `T | None`, the only union that samples keep, or Any.")


def _literal(args: tuple[Any, ...]) -> Kind:
    values = tuple(arg for arg in args if arg is not None)
    for value in values:
        if type(value) not in (str, int, bool):
            raise SchemaError(f"Literal[{value!r}] is kept only for text, integers and bools")
    if not values:
        raise SchemaError("a field that is always None holds nothing")
    return _with_none(kinds.Choice(values), len(values) < len(args))


def _with_none(kind: Kind, nullable: bool) -> Kind:
    return kinds.Nullable(kind) if nullable else kind


def _enum(annotation: type[enum.Enum]) -> Kind:
    if issubclass(annotation, enum.Flag) or not len(annotation):
        raise SchemaError(f"the enum {annotation.__name__} has flags, or no members")
    for member in annotation:
        if not isinstance(member.value, _ENUM_VALUES):
            raise SchemaError(
                f"{annotation.__name__}.{member.name} is a {type(member.value).__name__}",
                hint="Give it a value that can be kept: text, a number or a bool.",
            )
    return kinds.EnumMember(annotation)


def _array(annotation: Any, shape: Any, dtype: Any = Any) -> Kind:
    scalar = (get_args(dtype) or (Any,))[0]
    scalar = get_origin(scalar) or scalar  # np.floating[Any] is np.floating
    if scalar is Any or scalar is np.generic or isinstance(scalar, TypeVar):
        return kinds.ArrayOf(None, _shape(annotation, shape))
    if is_bfloat16(scalar):
        return Bfloat16(_shape(annotation, shape))
    return kinds.ArrayOf(_scalar_type(annotation, scalar), _shape(annotation, shape))


def _scalar_type(annotation: Any, scalar: Any) -> type[np.generic]:
    name = None
    if isinstance(scalar, type) and issubclass(scalar, np.generic):
        name = dtype_name(scalar)
    if name is None:
        raise _unknown(
            annotation, hint="Name one NumPy scalar type, such as np.float32; not object."
        )
    known: type[np.generic] = DTYPES[name]
    return known


def _shape(annotation: Any, shape: Any) -> tuple[int | None, ...] | None:
    axes = get_args(shape)
    if get_origin(shape) is not tuple or Ellipsis in axes:
        return None
    return tuple(_axis(annotation, axis) for axis in axes)


def _axis(annotation: Any, axis: Any) -> int | None:
    if axis is int or axis is Any:
        return None
    lengths = get_args(axis) if get_origin(axis) is Literal else ()
    if len(lengths) != 1 or type(lengths[0]) is not int or lengths[0] < 0:
        raise _unknown(
            annotation, hint="Write an axis as `int`, or as `Literal[28]` for a fixed length."
        )
    return lengths[0]


def _array_annotation(dtype: Any, shape: tuple[int | None, ...] | None) -> Any:
    axes = (Any, ...) if shape is None else tuple(_length(n) for n in shape)
    return np.ndarray[tuple[axes], np.dtype[dtype or Any]]  # type: ignore[valid-type, misc]


def _length(length: int | None) -> Any:
    return int if length is None else Literal[length]


def _tuple(args: tuple[Any, ...]) -> Kind:
    if len(args) == 2 and args[1] is Ellipsis:
        return kinds.Sequence(kind_of(args[0]), tuple)
    if not args:
        raise SchemaError("tuple[()] holds nothing")
    return kinds.FixedTuple(tuple(kind_of(arg) for arg in args))


def _dict(annotation: Any, key: Any, value: Any) -> Kind:
    if key is not str:
        raise _unknown(annotation, hint="Use keys of type str.")
    return kinds.Map(kind_of(value))


def _unknown(annotation: Any, hint: str | None = None) -> SchemaError:
    text = annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)
    return SchemaError(
        f"samples can't hold values of type {text}",
        hint=hint or "See atdata.samples.kinds for the types that they can.",
    )

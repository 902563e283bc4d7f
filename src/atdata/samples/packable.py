"""Sample types: ``@packable`` classes and subclasses of :class:`PackableSample`.

Both are dataclasses and behave as dataclasses: the class is not replaced by another, and
``__init__``, ``__repr__``, ordering and hashing are those of :mod:`dataclasses`. Only
``__eq__`` differs: it compares arrays by their elements and gives a bool.
"""

from __future__ import annotations

import copyreg
import dataclasses
import inspect
import uuid
from abc import ABCMeta
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Protocol,
    Self,
    TypeVar,
    dataclass_transform,
    overload,
    runtime_checkable,
)

from atdata.errors import SchemaError
from atdata.samples.annotations import annotation_of_field
from atdata.samples.codec import codec_of, set_unknown_fields
from atdata.samples.fields import check_identifier, fields_of, remember_scope
from atdata.samples.plain import same

_T = TypeVar("_T")

Unknown = Literal["drop", "keep", "refuse"]
_MADE_OF = "__atdata_made_of__"

if TYPE_CHECKING:
    _ProtocolMeta = ABCMeta
else:
    _ProtocolMeta = type(Protocol)


class _ByClass(_ProtocolMeta):
    """``isinstance`` by the attributes of the class, so that it does not pack a sample."""

    def __instancecheck__(self, instance: Any) -> bool:
        names = ("packed", "as_wds", "from_bytes", "from_data")
        return all(hasattr(type(instance), name) for name in names)


@runtime_checkable
class Packable(Protocol, metaclass=_ByClass):
    """The protocol of all samples."""

    @property
    def packed(self) -> bytes:
        """The sample as msgpack bytes."""
        ...

    @property
    def as_wds(self) -> dict[str, Any]:
        """The sample for webdataset's ``TarWriter``: ``{"__key__": str, "msgpack": bytes}``."""
        ...

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the sample in msgpack bytes."""
        ...

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Make a sample of these field values."""
        ...


class PackableSample(metaclass=ABCMeta):  # noqa: B024 - for register(), not for abstract methods
    """Base of sample types; ``@dataclass class S(PackableSample)`` is one.

    Classes made by :func:`packable` count as subclasses too. With inheritance, type checkers also
    know :attr:`packed` and the other members.

    Args:
        unknown_fields: Class keyword: what :meth:`from_bytes` and :meth:`from_data` do with a
            field that the class does not have: ``"drop"`` it (the default), ``"keep"`` it to be
            written again (see :func:`~atdata.samples.codec.kept_fields`), or ``"refuse"``.
    """

    __slots__ = ()

    def __init_subclass__(cls, *, unknown_fields: Unknown | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _prepare(cls, unknown_fields)

    @property
    def packed(self) -> bytes:
        """The sample as msgpack bytes: a map of its fields, in order; always the same bytes.

        Raises:
            SampleError: A value does not fit its field; class and field are named.
        """
        return codec_of(type(self)).encode(self)

    @property
    def as_wds(self) -> dict[str, Any]:
        """The sample for webdataset's ``TarWriter``: a unique ``__key__``, and ``msgpack``."""
        return {"__key__": uuid.uuid4().hex, "msgpack": codec_of(type(self)).encode(self)}

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the sample in msgpack bytes. Its arrays are read-only.

        Raises:
            SampleError: Not a sample of this type; class and field are named.
        """
        return codec_of(cls).decode(data)  # type: ignore[no-any-return]

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Make a sample of these field values, also in wire form (arrays as ``.npy`` bytes).

        Raises:
            SampleError: Not a sample of this type; class and field are named.
        """
        return codec_of(cls).from_data(data)  # type: ignore[no-any-return]


def _equal(self: Any, other: Any) -> Any:
    if type(other) is not type(self) or not self.__dataclass_params__.eq:
        return NotImplemented
    names = (field.name for field in dataclasses.fields(self) if field.compare)
    return all(same(getattr(self, name), getattr(other, name)) for name in names)


@overload
def packable(cls: type[_T], /) -> type[_T]: ...


@overload
def packable(
    *, kw_only: bool = ..., frozen: bool = ..., unknown_fields: Unknown = ...
) -> Callable[[type[_T]], type[_T]]: ...


@dataclass_transform(field_specifiers=(dataclasses.field,))
def packable(
    cls: type[_T] | None = None,
    /,
    *,
    kw_only: bool = False,
    frozen: bool = False,
    unknown_fields: Unknown = "drop",
) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """Make a class a sample type: a dataclass that packs itself.

    See :mod:`atdata.samples.kinds` for the annotations that fields may have. A class that is
    already a dataclass is not made one again.

    Args:
        cls: The class.
        kw_only: As in :func:`dataclasses.dataclass`.
        frozen: As in :func:`dataclasses.dataclass`.
        unknown_fields: What reading does with a field that the class does not have: ``"drop"``
            it, ``"keep"`` it to be written again, or ``"refuse"``.

    Raises:
        SchemaError: A field's annotation or name can't be used, or a field without a default
            follows one that has a default.
    """

    def decorate(cls: type[_T]) -> type[_T]:
        _prepare(cls, unknown_fields)
        if "__dataclass_fields__" not in cls.__dict__:
            _make_dataclass(cls, kw_only=kw_only, frozen=frozen)
        with suppress(NameError):  # a class that is defined further down: codec_of looks again
            fields_of(cls)
        _add_methods(cls)
        return cls

    return decorate if cls is None else decorate(cls)


def _prepare(cls: type, unknown_fields: Unknown | None) -> None:
    remember_scope(cls)
    if unknown_fields is not None:
        set_unknown_fields(cls, unknown_fields)
    # dataclass() keeps an __eq__ that is there before it.
    if _is_generated(cls.__dict__.get("__eq__")):
        cls.__eq__ = _equal  # type: ignore[assignment, method-assign]


def _is_generated(method: Any) -> bool:
    """Return whether dataclass() made the method, or it is missing."""
    return method is None or getattr(method, "__code__", None).co_filename == "<string>"  # type: ignore[union-attr]


def _make_dataclass(cls: type, *, kw_only: bool, frozen: bool) -> None:
    # dataclass() compiles the names of fields, so they are checked before.
    for name in inspect.get_annotations(cls):
        check_identifier(name, "a field")
    try:
        dataclasses.dataclass(kw_only=kw_only, frozen=frozen)(cls)
    except TypeError as error:
        hint = "Give it a default, move it up, or use @packable(kw_only=True)."
        follows = "follows default" in str(error)
        raise SchemaError(f"{cls.__qualname__}: {error}", hint=hint if follows else None) from error


def _add_methods(cls: type) -> None:
    if not issubclass(cls, PackableSample):
        for name in ("packed", "as_wds", "from_bytes", "from_data"):
            if name not in cls.__dict__:
                setattr(cls, name, PackableSample.__dict__[name])
        PackableSample.register(cls)


class _Projection(type):
    """Class of projections, so that pickle finds them in another process."""


@lru_cache(maxsize=128)
def projection(sample_type: type, names: tuple[str, ...]) -> type:
    """Return a sample type with some of another one's fields, which drops the others when it reads.

    Raises:
        SchemaError: The class is not a sample type with declared fields, or has no such field.
    """
    if not dataclasses.is_dataclass(sample_type):
        raise SchemaError(f"{sample_type.__name__} declares no fields to choose from")
    fields = {field.name: field for field in fields_of(sample_type)}
    if unknown := [name for name in names if name not in fields]:
        raise SchemaError(
            f"{sample_type.__name__} has no field {unknown[0]!r}",
            hint=f"Choose from {', '.join(fields)}.",
        )
    annotated = {
        name: annotation_of_field(fields[name].kind, fields[name].annotated_member)
        for name in names
    }
    defaults = {
        name: dataclasses.field(default_factory=fields[name].fallback)
        for name in names
        if not fields[name].required
    }
    made_of = {_MADE_OF: (sample_type, names), "__annotations__": annotated}
    cls: type = _Projection(sample_type.__name__, (), {**made_of, **defaults})
    return packable(kw_only=True)(cls)


def is_projection(sample_type: type) -> bool:
    """Return whether a class was made by :func:`projection`."""
    return _MADE_OF in sample_type.__dict__


def _reduce(cls: type) -> Any:
    made_of = cls.__dict__.get(_MADE_OF)
    # A user's subclass of one is found in its module, as other classes are.
    return cls.__qualname__ if made_of is None else (projection, made_of)


copyreg.pickle(_Projection, _reduce)

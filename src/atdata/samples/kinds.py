"""The kinds of values that a field of a sample may hold, and each one's wire form.

``encode`` turns a value into plain data that msgpack keeps; ``decode`` turns it back. Both check:
a value that does not fit raises :class:`SampleError` with the path to it inside the field.

=================================  ==============================================================
annotation                         wire form
=================================  ==============================================================
``Image``, ``Audio``, ``Video``    the bytes of the file, see :mod:`atdata.samples.media`
``NDArray``, ``np.ndarray[S, D]``  bytes in ``.npy`` format, see :mod:`atdata.samples.arrays`
``torch.Tensor``, ``bfloat16``     the same, see :mod:`atdata.samples.tensors`
``str``, ``bytes``, ``bool``       the same
``int``                            integer of 64 bits, signed or not
``float``                          float of 64 bits
``datetime``, ``date``             text of ISO 8601, as ``isoformat()`` writes it
an ``Enum`` class                  the member's value: text, number or bool
``Literal[...]``                   the same
``list[T]``, ``tuple[T, ...]``     array; ``tuple[A, B]`` has a fixed length
``dict[str, T]``                   map
a packable class                   map of its fields
``T | None``                       nil, or as ``T``
``Any``                            plain data; bytes that start as ``.npy`` does become an array
=================================  ==============================================================

See :mod:`atdata.samples.plain` for the conversions to plain values.
"""

# ruff: noqa: D102 - what encode and decode do is said once, in Kind

from __future__ import annotations

import enum
import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, ClassVar, Protocol

import numpy as np

from atdata.errors import SampleError
from atdata.samples import arrays, plain
from atdata.samples.media import Media


class Kind:
    """One kind of value. Kinds are immutable, and equal if they mean the same.

    ``str(kind)`` is its name in messages.
    """

    __slots__ = ()

    def encode(self, value: Any) -> Any:
        """Return the value as plain data for msgpack."""
        raise NotImplementedError

    def decode(self, data: Any) -> Any:
        """Return the value in plain data; accept values that are decoded already."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Scalar(Kind):
    """``str``, ``bytes``, ``bool``, ``int`` or ``float``."""

    type: type

    def encode(self, value: Any) -> Any:
        return plain.SCALARS[self.type](value)

    def decode(self, data: Any) -> Any:
        return plain.SCALARS[self.type](data)

    def __str__(self) -> str:
        return self.type.__name__


@dataclass(frozen=True, slots=True)
class ArrayOf(Kind):
    """A NumPy array. The dtype is a scalar type, concrete or abstract; None allows any."""

    dtype: type[np.generic] | None = None
    shape: tuple[int | None, ...] | None = None

    def encode(self, value: Any) -> bytes:
        return b"".join(self.parts(value))

    def parts(self, value: Any) -> tuple[bytes, Any]:
        """Return header and elements of the ``.npy`` form, not yet joined."""
        if not isinstance(value, np.ndarray):
            raise plain.unfit(str(self), value)
        self.check(value.dtype, value.shape)
        return arrays.npy_parts(value)

    def decode(self, data: Any) -> arrays.Array:
        if isinstance(data, np.ndarray):
            arrays.check_dtype(data.dtype)
            array = data
        elif isinstance(data, bytes | bytearray | memoryview):
            array = arrays.from_npy(bytes(data))
        else:
            raise plain.unfit(str(self), data)
        self.check(array.dtype, array.shape)
        return array

    def check(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Refuse another dtype (any byte order is accepted) or shape."""
        if self.dtype is not None and not _is_dtype(dtype, self.dtype):
            raise SampleError(f"expected {self}, got an array of dtype {dtype}")
        if self.shape is not None and (
            len(shape) != len(self.shape)
            or any(want not in (None, have) for want, have in zip(self.shape, shape, strict=True))
        ):
            raise SampleError(f"expected {self}, got an array of shape {shape}")

    def __str__(self) -> str:
        text = "an array"
        if self.dtype is not None:
            text += f" of dtype {self.dtype.__name__}"
        if self.shape is not None:
            text += f" of shape ({', '.join('any' if n is None else str(n) for n in self.shape)})"
        return text


@dataclass(frozen=True, slots=True)
class MediaOf(Kind):
    """An ``Image``, ``Audio`` or ``Video``; of one media type, if that is given."""

    type: type[Media]
    media_type: str | None = None

    def encode(self, value: Any) -> bytes:
        media = self.type.of(value)
        media.check(self.media_type)
        return media.bytes

    def decode(self, data: Any) -> Media:
        return data if isinstance(data, self.type) else self.type(plain.to_bytes(data))

    def __str__(self) -> str:
        return self.type.__name__


@dataclass(frozen=True, slots=True)
class Sequence(Kind):
    """``list[T]`` or ``tuple[T, ...]``."""

    item: Kind
    container: type[list[Any]] | type[tuple[Any, ...]] = list

    def encode(self, value: Any) -> list[Any]:
        return plain.convert_items(self.item.encode, _sequence(self, value))

    def decode(self, data: Any) -> list[Any] | tuple[Any, ...]:
        return self.container(plain.convert_items(self.item.decode, _sequence(self, data)))

    def __str__(self) -> str:
        return f"a {self.container.__name__}"


@dataclass(frozen=True, slots=True)
class FixedTuple(Kind):
    """``tuple[A, B, C]``: one kind for each place."""

    items: tuple[Kind, ...]

    def encode(self, value: Any) -> list[Any]:
        return [plain.convert_at(place, kind.encode, item) for place, kind, item in self._of(value)]

    def decode(self, data: Any) -> tuple[Any, ...]:
        return tuple(
            plain.convert_at(place, kind.decode, item) for place, kind, item in self._of(data)
        )

    def _of(self, value: Any) -> Iterator[tuple[str, Kind, Any]]:
        if len(_sequence(self, value)) != len(self.items):
            raise SampleError(f"expected {self}, got {len(value)} items")
        for index, (kind, item) in enumerate(zip(self.items, value, strict=True)):
            yield f"[{index}]", kind, item

    def __str__(self) -> str:
        return f"a tuple of {len(self.items)} items"


@dataclass(frozen=True, slots=True)
class Map(Kind):
    """``dict[str, T]``."""

    value: Kind

    def encode(self, value: Any) -> dict[str, Any]:
        return plain.convert_values(self.value.encode, value)

    def decode(self, data: Any) -> dict[str, Any]:
        return plain.convert_values(self.value.decode, data)

    def __str__(self) -> str:
        return "a dict"


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """``Literal[...]``: one of several texts, integers or bools."""

    values: tuple[str | int | bool, ...]
    _known: frozenset[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # 1 == True in Python, but not on the wire.
        object.__setattr__(self, "_known", frozenset((type(one), one) for one in self.values))

    def encode(self, value: Any) -> Any:
        value = plain.unwrap(value)
        if type(value) in (str, int, bool) and (type(value), value) in self._known:
            return value
        raise SampleError(f"expected {self}, got {reprlib.repr(value)}")

    def decode(self, data: Any) -> Any:
        return self.encode(data)

    def __str__(self) -> str:
        return f"one of {reprlib.repr(self.values)}"


@dataclass(frozen=True, slots=True)
class EnumMember(Kind):
    """A member of an ``Enum`` class whose values are texts, numbers or bools."""

    type: type[enum.Enum]

    def encode(self, value: Any) -> Any:
        return plain.unwrap(self.decode(value).value)

    def decode(self, data: Any) -> enum.Enum:
        if isinstance(data, self.type):
            return data
        data = plain.unwrap(data)
        if isinstance(data, str | int | float):
            member = _members(self.type).get((type(data), data))
            if member is not None:
                return member
        raise SampleError(f"expected {self}, got {reprlib.repr(data)}")

    def __str__(self) -> str:
        return f"a member of {self.type.__name__}"


@dataclass(frozen=True, slots=True)
class Temporal(Kind):
    """A ``datetime`` or ``date``."""

    type: type[date]

    def encode(self, value: Any) -> str:
        # To Python a datetime is a date as well, but its time of day would be lost.
        if isinstance(value, self.type) and isinstance(value, datetime) == (self.type is datetime):
            return value.isoformat()
        raise plain.unfit(str(self), value)

    def decode(self, data: Any) -> date:
        text = data if isinstance(data, str) else self.encode(data)
        try:
            return self.type.fromisoformat(text)
        except ValueError as error:
            raise SampleError(f"expected {self} in ISO 8601 form: {error}") from None

    def __str__(self) -> str:
        return f"a {self.type.__name__}"


class NestedCodec(Protocol):
    """The codec of a nested class, with the members that kinds use."""

    @property
    def build(self) -> Callable[[Mapping[str, Any]], Any]:
        """Make a sample from a map of its fields."""
        ...

    def to_plain(self, sample: Any) -> dict[str, Any]:
        """Return a sample as plain data."""
        ...


class Codecs:
    """Finds the codec of a nested class when it is needed: classes may contain themselves.

    Codecs are made of kinds, so the module of the codecs sets ``of``.
    """

    of: ClassVar[Callable[[Any], NestedCodec]]


@dataclass(frozen=True, slots=True)
class Nested(Kind):
    """Another packable class, or the class that has the field itself."""

    type: type

    def encode(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, self.type):
            raise plain.unfit(str(self), value)
        return Codecs.of(self.type).to_plain(value)

    def decode(self, data: Any) -> Any:
        if isinstance(data, self.type):
            return data
        if not isinstance(data, Mapping):
            raise plain.unfit(str(self), data)
        return Codecs.of(self.type).build(data)

    def __str__(self) -> str:
        return self.type.__name__


@dataclass(frozen=True, slots=True)
class Nullable(Kind):
    """``T | None``."""

    inner: Kind

    def encode(self, value: Any) -> Any:
        return None if value is None else self.inner.encode(value)

    def decode(self, data: Any) -> Any:
        return None if data is None else self.inner.decode(data)

    def __str__(self) -> str:
        return f"{self.inner} or None"


@dataclass(frozen=True, slots=True)
class Plain(Kind):
    """Any plain data, with arrays in it."""

    def encode(self, value: Any) -> Any:
        return plain.to_wire(value)

    def decode(self, data: Any) -> Any:
        return plain.from_wire(data)

    def __str__(self) -> str:
        return "plain data"


def holds_many(kind: Kind) -> bool:
    """Return whether values of this kind may hold any number of other values, arrays apart."""
    match kind:
        case Nullable(inner):
            return holds_many(inner)
        case FixedTuple(items):
            return any(map(holds_many, items))
    return isinstance(kind, Nested | Sequence | Map | Plain)


def holds_samples(kind: Kind) -> bool:
    """Return whether values of this kind are, or contain, other samples."""
    match kind:
        case Nested():
            return True
        case Nullable(inner) | Sequence(inner) | Map(inner):
            return holds_samples(inner)
        case FixedTuple(items):
            return any(map(holds_samples, items))
    return False


@lru_cache(maxsize=256)
def _members(enum_type: type[enum.Enum]) -> dict[tuple[type, Any], enum.Enum]:
    """Return the members by type and value: 1 == True in Python, but not on the wire."""
    raw = ((plain.unwrap(member.value), member) for member in enum_type)
    return {(type(value), value): member for value, member in raw}


def _sequence(kind: Kind, value: Any) -> list[Any] | tuple[Any, ...]:
    if isinstance(value, list | tuple):
        return value
    raise plain.unfit(str(kind), value)


def _is_dtype(dtype: np.dtype[Any], wanted: type[np.generic]) -> bool:
    # long and long long are two types to NumPy where both have 64 bits, but one in a file.
    return issubclass(dtype.type, wanted) or (
        dtype.kind in "iu" and issubclass(np.dtype(dtype.str).type, wanted)
    )

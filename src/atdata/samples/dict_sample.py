"""Samples without a declared type, with the fields that the data holds."""

from __future__ import annotations

import uuid
from collections.abc import (
    Callable,
    ItemsView,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    ValuesView,
)
from typing import Any, Self, TypeVar

from atdata.errors import SampleError
from atdata.samples.plain import convert_at, from_wire, same, to_wire
from atdata.samples.wire import check_values, pack, unpack_map


class DictSample:
    """A sample whose fields are those of its data, by attribute and by item.

    Bytes that start as ``.npy`` does are read as arrays. A field that has the name of a method
    (``keys``, ``packed``, …) is available by item only. So is one whose name has a dot.

    The fields of a sample from a shard of members (``.jpg``, ``.json``, ``.cls``, …) have the
    members' extensions as names. Each is decoded when it is asked for, see
    :mod:`atdata.samples.member_fields`.

    Args:
        data: Field values by name.
        fields: More of them, by keyword.
    """

    __slots__ = ("_data",)

    _data: MutableMapping[str, Any]

    def __init__(self, data: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        object.__setattr__(self, "_data", {**(data or {}), **fields})

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Make a sample of these field values (arrays may be ``.npy`` bytes).

        Raises:
            SampleError: The data is not a map, or holds what samples can't.
        """
        return cls(_converted(cls.__name__, from_wire, data))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the sample in msgpack bytes. Its arrays are read-only.

        Raises:
            SampleError: Not a msgpack map, or an unsound array in it.
        """
        return cls.from_data(unpack_map(data, cls.__name__))

    @property
    def packed(self) -> bytes:
        """The sample as msgpack bytes: a map of its fields, in order.

        Raises:
            SampleError: A value is neither plain data nor an array.
        """
        plain = _converted(type(self).__name__, to_wire, self._data)
        name = type(self).__name__
        try:
            packed = pack(plain)
        except (ValueError, OverflowError) as error:
            raise SampleError(f"{name}: {error}") from None
        check_values(packed, name)
        return packed

    @property
    def as_wds(self) -> dict[str, Any]:
        """The sample for webdataset's ``TarWriter``: a unique ``__key__``, and ``msgpack``."""
        return {"__key__": uuid.uuid4().hex, "msgpack": self.packed}

    def keys(self) -> KeysView[str]:
        """Return the names of the fields."""
        return self._data.keys()

    def values(self) -> ValuesView[Any]:
        """Return the values of the fields."""
        return self._data.values()

    def items(self) -> ItemsView[str, Any]:
        """Return names and values of the fields."""
        return self._data.items()

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a field, or the default."""
        return self._data.get(name, default)

    def to_dict(self) -> dict[str, Any]:
        """Return a new dict of the fields."""
        return dict(self._data)

    def __getattr__(self, name: str) -> Any:
        # A copy that is being unpickled has no _data yet.
        data = {} if name == "_data" else self._data
        if name not in data:
            fields = ", ".join(data) or "none"
            raise AttributeError(f"{type(self).__name__} has no field {name!r}; fields: {fields}")
        return data[name]

    def __getitem__(self, name: str) -> Any:
        return self._data[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_data":  # of a copy that is being unpickled
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        self._data[name] = value

    def __contains__(self, name: object) -> bool:
        return name in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DictSample) and same(self.to_dict(), other.to_dict())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={_shown(self._data, name)}" for name in self._data)
        return f"{type(self).__name__}({fields})"


_Sample = TypeVar("_Sample", bound=DictSample)


def dict_sample(sample_type: type[_Sample], fields: MutableMapping[str, Any]) -> _Sample:
    """Return a sample of these fields, which are not copied and may be decoded later."""
    sample = sample_type()
    sample._data = fields
    return sample


def dict_fields(sample: DictSample) -> MutableMapping[str, Any]:
    """Return the fields of a sample, which are those of the sample itself."""
    return sample._data


def _shown(data: Mapping[str, Any], name: str) -> str:
    try:
        return repr(data[name])
    except SampleError as error:
        return f"<{error.message}>"


def _converted(name: str, convert: Callable[[Any], Any], data: Any) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise SampleError(f"{name}: expected a map of fields, got {type(data).__name__}")
    if not all(isinstance(field, str) for field in data):
        raise SampleError(f"{name}: names of fields are str")
    try:
        return {field: convert_at(field, convert, value) for field, value in data.items()}
    except SampleError as error:
        message = f"{name}.{error.path}: {error.message}"
        raise SampleError(message, hint=error.hint, path=error.path) from None

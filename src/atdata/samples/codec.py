"""Samples to bytes and back: one encoder and one decoder compiled for each class.

The bytes are a msgpack map from field names to wire forms (see :mod:`atdata.samples.kinds`), in
the order of the fields. The compiled functions are straight lines over the fields, and look at
types only; whatever is unusual goes to the kinds' own ``encode`` and ``decode``, and when a
field does not fit, the fields are walked again, one by one, for an error that names it. Their
source can be read in a traceback (it is registered in ``linecache``).

Reading is strict about the form (no extension types, no key twice, nothing behind the map) and
free about the fields: one that the class does not have is dropped, or refused if the class says
``unknown_fields="refuse"``. Nothing in the data can run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from atdata.errors import SampleError, SchemaError
from atdata.samples.compiler import compile_functions
from atdata.samples.fields import Field, fields_of
from atdata.samples.plain import convert_at
from atdata.samples.wire import pack, unpack_map

_SLOT = "__atdata_codec__"
_UNKNOWN = "__atdata_unknown__"


class Codec:
    """The compiled functions of one class.

    ``encode(sample) -> bytes``, ``decode(bytes) -> sample`` and ``build(mapping) -> sample``
    raise :class:`SampleError` naming class and field.
    """

    __slots__ = ("build", "decode", "encode", "fields", "name", "refuse_unknown", "sample_type")

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    build: Callable[[Mapping[str, Any]], Any]

    def __init__(self, sample_type: type) -> None:
        self.sample_type = sample_type
        self.name = sample_type.__name__
        self.fields = fields_of(sample_type)
        self.refuse_unknown = getattr(sample_type, _UNKNOWN, "drop") == "refuse"
        self.encode, self.decode, self.build = compile_functions(self)

    def from_data(self, data: Mapping[str, Any]) -> Any:
        """The sample of these field values, decoded or in wire form.

        Raises:
            SampleError: No sample of the class; class and field are named.
        """
        if not isinstance(data, Mapping):
            raise SampleError(f"{self.name}: expected a map of fields, got {type(data).__name__}")
        return self.build(data)

    def to_plain(self, sample: Any) -> dict[str, Any]:
        """The sample as plain data: what its bytes hold.

        Raises:
            SampleError: A field's value does not fit; class and field are named.
        """
        return {
            field.name: self._convert(field, field.kind.encode, getattr(sample, field.name))
            for field in self.fields
        }

    def unpack(self, data: bytes) -> dict[str, Any]:
        """The map in the bytes, its values still in wire form.

        Raises:
            SampleError: Not one sound msgpack map.
        """
        return unpack_map(data, self.name)

    def fail_encode(self, sample: Any, error: Exception) -> NoReturn:
        """Raise the error that says which field could not be written."""
        for name, value in self.to_plain(sample).items():
            try:
                pack(value)
            except (ValueError, OverflowError, TypeError) as reason:
                raise SampleError(f"{self.name}.{name}: {reason}", path=name) from None
        raise error

    def fail_build(self, data: Mapping[str, Any], error: Exception) -> NoReturn:
        """Raise the error that says what is wrong with the data of a sample."""
        unknown = sorted(str(key) for key in data.keys() - {field.name for field in self.fields})
        if unknown and self.refuse_unknown:
            raise SampleError(
                f"{self.name} has no field {unknown[0]!r}, which the data holds",
                hint='declare the field, or drop unknown_fields="refuse"',
                path=unknown[0],
            )
        for field in self.fields:
            if field.name in data:
                self._convert(field, field.kind.decode, data[field.name])
            elif field.required:
                raise SampleError(
                    f"{self.name}.{field.name}: missing from the data",
                    hint="give the field a default if samples may lack it",
                    path=field.name,
                )
        raise error

    def _convert(self, field: Field, convert: Callable[[Any], Any], value: Any) -> Any:
        try:
            return convert_at(field.name, convert, value)
        except SampleError as error:
            message = f"{self.name}.{error.path}: {error.message}"
            raise SampleError(message, hint=error.hint, path=error.path) from None


def codec_of(sample_type: type) -> Codec:
    """The codec of a class, compiled when first asked for.

    Raises:
        SchemaError: The class is no sample type, or names types that are not defined.
    """
    codec: Codec | None = sample_type.__dict__.get(_SLOT)
    if codec is None:
        try:
            codec = Codec(sample_type)
        except NameError as error:
            raise SchemaError(
                f"{sample_type.__qualname__}: an annotation names {error.name!r}, which is unknown",
                hint="define or import it at run time, not only under `if TYPE_CHECKING:`",
            ) from error
        setattr(sample_type, _SLOT, codec)
    return codec


def set_unknown_fields(sample_type: type, policy: str) -> None:
    """Say what the class does with fields in the data that it does not have.

    Args:
        sample_type: The class.
        policy: ``"drop"`` or ``"refuse"``.

    Raises:
        SchemaError: Another word.
    """
    if policy not in ("drop", "refuse"):
        raise SchemaError(f"unknown_fields is 'drop' or 'refuse', not {policy!r}")
    setattr(sample_type, _UNKNOWN, policy)

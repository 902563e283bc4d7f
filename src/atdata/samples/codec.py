"""Encoding and decoding of samples: one encoder and one decoder compiled for each class.

The bytes are a msgpack map from field names to wire forms (see :mod:`atdata.samples.kinds`), in
the order of the fields. The compiled functions go straight through the fields and check types
only; unusual values are passed to the kinds' own ``encode`` and ``decode``. Tracebacks show
their source (it is registered in ``linecache``).

Reading is strict about the form (no extension types, no key twice, nothing after the map) and
lenient about the fields: one that the class does not have is dropped; or kept and written again,
if the class has ``unknown_fields="keep"`` (see :func:`kept_fields`); or refused, if it has
``"refuse"``. No code in the data is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

from atdata.errors import SampleError, SchemaError
from atdata.samples.casts import advice
from atdata.samples.columns import ColumnReader
from atdata.samples.compiler import compile_functions, constructor
from atdata.samples.fields import Field, fields_of
from atdata.samples.kinds import Codecs, holds_many
from atdata.samples.plain import convert_at, from_wire, to_wire, within
from atdata.samples.wire import check_values, map_head, pack, unpack_map

_SLOT = "__atdata_codec__"
_UNKNOWN = "__atdata_unknown__"
_KEPT = "__atdata_kept__"
_POLICIES = ("drop", "keep", "refuse")


class Codec:
    """The compiled functions of one class.

    ``encode(sample) -> bytes`` and ``decode(bytes) -> sample`` raise :class:`SampleError` naming
    class and field. ``build(mapping) -> sample`` is for maps inside of samples: its errors name
    the place only, so that the outer sample can name the whole path. ``make`` takes the values of
    all fields in order; ``columns`` reads many samples at once.
    """

    __slots__ = (
        "build",
        "columns",
        "decode",
        "encode",
        "fields",
        "make",
        "name",
        "nested",
        "sample_type",
        "unknown",
    )

    sample_type: type
    fields: tuple[Field, ...]
    unknown: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    build: Callable[[Mapping[str, Any]], Any]

    def __init__(self, sample_type: type) -> None:
        self.sample_type = sample_type
        self.name = sample_type.__name__
        self.fields = fields_of(sample_type)
        self.unknown = getattr(sample_type, _UNKNOWN, "drop")
        self.encode, self.decode, self.build = compile_functions(self)
        self.nested = any(holds_many(field.kind) for field in self.fields)
        if self.nested:
            self.encode = partial(_encode_checked, self.encode, self.name)
        self.make = constructor(self)
        self.columns = ColumnReader(self)

    def from_data(self, data: Mapping[str, Any]) -> Any:
        """Make a sample of these field values, decoded or in wire form.

        Raises:
            SampleError: Not a sample of the class; class and field are named.
        """
        if not isinstance(data, Mapping):
            raise SampleError(f"{self.name}: expected a map of fields, got {type(data).__name__}")
        try:
            return self.build(data)
        except SampleError as error:
            raise self.named(error) from None

    def to_plain(self, sample: Any) -> dict[str, Any]:
        """Return the sample as plain data: what its bytes hold.

        Raises:
            SampleError: A field's value does not fit; the field is named.
        """
        plain = {
            field.name: convert_at(field.name, field.kind.encode, getattr(sample, field.name))
            for field in self.fields
        }
        return plain | to_wire(kept_fields(sample)) if self.unknown == "keep" else plain

    def unpack(self, data: bytes) -> dict[str, Any]:
        """Return the map in the bytes, its values still in wire form.

        Raises:
            SampleError: Not one sound msgpack map.
        """
        return unpack_map(data, self.name, nested=self.nested)

    def keep(self, sample: Any, data: Mapping[str, Any]) -> Any:
        """Return the sample, after adding to it the fields that the class does not have."""
        known = self.columns.names
        kept = {name: from_wire(value) for name, value in data.items() if name not in known}
        return with_kept_fields(sample, kept)

    def with_kept(self, sample: Any, packed: bytes) -> bytes:
        """Return the bytes of a sample, with the fields that it has kept."""
        kept = to_wire(kept_fields(sample))
        count = len(self.fields)
        parts = [map_head(count + len(kept)), packed[len(map_head(count)) :]]
        return b"".join([*parts, *(pack(name) + pack(kept[name]) for name in sorted(kept))])

    def named(self, error: SampleError) -> SampleError:
        """Return the same error, with the class in it."""
        place = f"{self.name}.{error.path}" if error.path else self.name
        return SampleError(f"{place}: {error.message}", hint=error.hint, path=error.path)

    def fail_encode(self, index: int, sample: Any, error: Exception) -> NoReturn:
        """Raise the error of a field that could not be written; hint at the cast that helps."""
        field = self.fields[index]
        failed = self.named(located(field.name, error))
        failed.hint = failed.hint or advice(field.kind, getattr(sample, field.name, None))
        raise failed from None

    def fail_build(self, index: int, data: Mapping[str, Any], error: Exception) -> NoReturn:
        """Raise the error of a field that could not be read."""
        field = self.fields[index]
        if field.name not in data:
            raise SampleError(
                "missing from the data",
                hint="Give the field a default if samples may lack it.",
                path=field.name,
            ) from None
        raise located(field.name, error) from None

    def fail_unknown(self, data: Mapping[str, Any]) -> NoReturn:
        """Raise the error for data with a field that the class does not have."""
        unknown = sorted(str(key) for key in data.keys() - {field.name for field in self.fields})
        raise SampleError(
            f"the data holds {unknown[0]!r}, which is not a field of {self.name}",
            hint='Declare the field, or remove unknown_fields="refuse".',
        )


def _encode_checked(encode: Callable[[Any], bytes], name: str, sample: Any) -> bytes:
    packed = encode(sample)
    check_values(packed, name)
    return packed


def located(name: str, error: Exception) -> SampleError:
    """Return the error as one of the field of this name; raise one that the data did not cause."""
    match error:
        case SampleError():
            return within(name, error)
        case RecursionError():
            return SampleError("nested too deeply, or holds itself", path=name)
        case OverflowError():
            return SampleError("expected int of at most 64 bits, got a larger one", path=name)
        case ValueError() | TypeError():
            return SampleError(str(error), path=name)
    raise error


def kept_fields(sample: Any) -> dict[str, Any]:
    """Return the fields that a sample was read with and its class does not have, by name.

    There are some only if the class has ``unknown_fields="keep"``. They are written again with
    the sample; ``==`` ignores them.
    """
    return getattr(sample, _KEPT, {})


def with_kept_fields(sample: Any, kept: dict[str, Any]) -> Any:
    """Return the sample, after setting the fields that it keeps for its class."""
    object.__setattr__(sample, _KEPT, kept)  # past the setter of a frozen class
    return sample


def codec_of(sample_type: type) -> Codec:
    """Return the codec of a class, compiled at the first call.

    Raises:
        SchemaError: The class is not a sample type, or names types that are not defined.
    """
    codec: Codec | None = sample_type.__dict__.get(_SLOT)
    if codec is None:
        try:
            codec = Codec(sample_type)
        except NameError as error:
            raise SchemaError(
                f"{sample_type.__qualname__}: an annotation names {error.name!r}, which is unknown",
                hint="Define or import it at run time, not only under `if TYPE_CHECKING:`.",
            ) from error
        setattr(sample_type, _SLOT, codec)
    return codec


Codecs.of = codec_of


def set_unknown_fields(sample_type: type, policy: str) -> None:
    """Set what reading does with fields in the data that the class does not have.

    Args:
        sample_type: The class.
        policy: ``"drop"``, ``"keep"`` or ``"refuse"``.

    Raises:
        SchemaError: Another word, or ``"keep"`` for samples that can't have more attributes.
    """
    if policy not in _POLICIES:
        raise SchemaError(f"unknown_fields is 'drop', 'keep' or 'refuse', not {policy!r}")
    if policy == "keep" and not sample_type.__dictoffset__:
        raise SchemaError(f"{sample_type.__name__} has __slots__, which leave no room for more")
    setattr(sample_type, _UNKNOWN, policy)

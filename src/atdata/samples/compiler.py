"""The functions of a codec without loops, as source that is compiled once for each class.

For ``features: NDArray`` and ``label: int`` the source is::

    def encode(sample):
        try:
            v0 = sample.features
            h0, b0 = parts0(v0)
        except Exception as error:
            codec.fail_encode(0, sample, error)
        try:
            v1 = sample.label
            if type(v1) is not type1: v1 = encode1(v1)
            b1 = Packer().pack(v1)
        except Exception as error:
            codec.fail_encode(1, sample, error)
        return join((key0, h0, b0, key1, b1,))

    def build(data):
        try:
            v0 = data['features']
            v0 = read0(v0)
        except Exception as error:
            codec.fail_build(0, data, error)
        …
        return make(v0, v1)

Only the names of fields come from the class, after ``fields.check_name``. A msgpack map is the
sequence of its parts, so the parts are joined without building the map. A ``try`` costs nothing
if nothing is raised.
"""

from __future__ import annotations

import inspect
import linecache
import weakref
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, NoReturn, Protocol

import numpy as np
from msgpack import Packer  # type: ignore[import-untyped]

from atdata.errors import SampleError
from atdata.samples import arrays
from atdata.samples.fields import Field
from atdata.samples.kinds import ArrayOf, Kind, Nullable, Scalar
from atdata.samples.wire import bytes_head, map_head, pack

_numbers = count(1)
_NIL = (b"\xc0", b"")

Parts = Callable[[Any], tuple[bytes, Any]]
Functions = tuple[
    Callable[[Any], bytes], Callable[[bytes], Any], Callable[[Mapping[str, Any]], Any]
]


class CodecProtocol(Protocol):
    """The codec that functions are compiled for, with the members that they use."""

    sample_type: type
    fields: tuple[Field, ...]
    unknown: str

    def unpack(self, data: bytes) -> dict[str, Any]:
        """Return the map in a payload, its values in wire form."""
        ...

    def named(self, error: SampleError) -> SampleError:
        """Return the error with the class's name in it."""
        ...

    def fail_encode(self, index: int, sample: Any, error: Exception) -> NoReturn:
        """Raise the error of a field that can't be written."""
        ...

    def fail_build(self, index: int, data: Mapping[str, Any], error: Exception) -> NoReturn:
        """Raise the error of a field that can't be read."""
        ...


def compile_functions(codec: CodecProtocol) -> Functions:
    """Compile ``encode``, ``decode`` and ``build`` of a codec, whose fields are known."""
    names: dict[str, Any] = {
        "codec": codec,
        "unpack": codec.unpack,
        "make": codec.sample_type,
        "known": frozenset(field.name for field in codec.fields),
        "join": b"".join,
        "Packer": Packer,
        "nil": _NIL,
        "SampleError": SampleError,
    }
    for index, field in enumerate(codec.fields):
        names |= _names(index, field, len(codec.fields))
    lines = [*_encode_lines(codec), "", *_build_lines(codec), "", *_DECODE]
    _run("\n".join(lines) + "\n", names, codec.sample_type)
    return names["encode"], names["decode"], names["build"]


_DECODE = (
    "def decode(payload):",
    "    data = unpack(payload)",
    "    try:",
    "        return build(data)",
    "    except SampleError as error:",
    "        raise codec.named(error) from None",
)


def _run(source: str, names: dict[str, Any], sample_type: type) -> None:
    file = f"<atdata codec {next(_numbers)} of {sample_type.__module__}.{sample_type.__qualname__}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    weakref.finalize(sample_type, linecache.cache.pop, file, None)
    exec(compile(source, file, "exec"), names)  # noqa: S102 - see the module's docstring


def _names(index: int, field: Field, total: int) -> dict[str, Any]:
    """Return the objects that the lines of one field refer to."""
    key = pack(field.name)
    names = {
        # The head of the map goes with the first key.
        f"key{index}": (map_head(total) if index == 0 else b"") + key,
        f"encode{index}": field.kind.encode,
        f"decode{index}": field.kind.decode,
        f"fallback{index}": field.fallback,
    }
    kind = _inner(field.kind)
    if isinstance(kind, ArrayOf):
        names[f"parts{index}"] = _array_parts(kind)
        names[f"read{index}"] = array_reader(kind)
    if isinstance(kind, Scalar):
        names[f"type{index}"] = kind.type
    return names


def _inner(kind: Kind) -> Kind:
    return kind.inner if isinstance(kind, Nullable) else kind


def _encode_lines(codec: CodecProtocol) -> Iterator[str]:
    yield "def encode(sample):"
    parts = [] if codec.fields else ["b'\\x80'"]
    for i, field in enumerate(codec.fields):
        yield "    try:"
        yield f"        v{i} = sample.{field.name}"
        kind, nullable = _inner(field.kind), isinstance(field.kind, Nullable)
        if isinstance(kind, ArrayOf):
            unless = f"nil if v{i} is None else " if nullable else ""
            yield f"        h{i}, b{i} = {unless}parts{i}(v{i})"
            parts += [f"key{i}", f"h{i}", f"b{i}"]
        else:
            yield f"        {_unless_plain(i, field.kind)}v{i} = encode{i}(v{i})"
            yield f"        b{i} = Packer().pack(v{i})"
            parts += [f"key{i}", f"b{i}"]
        yield "    except Exception as error:"
        yield f"        codec.fail_encode({i}, sample, error)"
    joined = f"join(({', '.join(parts)},))"
    if codec.unknown == "keep":
        joined = f"codec.with_kept(sample, {joined})"
    yield f"    return {joined}"


def _build_lines(codec: CodecProtocol) -> Iterator[str]:
    yield "def build(data):"
    if codec.unknown == "refuse":
        yield "    if not data.keys() <= known: codec.fail_unknown(data)"
    for i, field in enumerate(codec.fields):
        indent = "    "
        if not field.required:
            yield f"    if {field.name!r} not in data: v{i} = fallback{i}()"
            yield "    else:"
            indent += "    "
        yield f"{indent}try:"
        yield f"{indent}    v{i} = data[{field.name!r}]"
        kind, nullable = _inner(field.kind), isinstance(field.kind, Nullable)
        if isinstance(kind, ArrayOf):
            yield f"{indent}    {f'if v{i} is not None: ' if nullable else ''}v{i} = read{i}(v{i})"
        else:
            yield f"{indent}    {_unless_plain(i, field.kind)}v{i} = decode{i}(v{i})"
        yield f"{indent}except Exception as error:"
        yield f"{indent}    codec.fail_build({i}, data, error)"
    made = f"make({', '.join(_arguments(codec))})"
    if codec.unknown == "keep":
        made = f"{made} if data.keys() <= known else codec.keep({made}, data)"
    yield f"    return {made}"


def _unless_plain(index: int, kind: Kind) -> str:
    """Return the condition under which a value needs more than a check of its type."""
    if not isinstance(_inner(kind), Scalar):
        return ""
    test = f"if type(v{index}) is not type{index}"
    return f"{test} and v{index} is not None: " if isinstance(kind, Nullable) else f"{test}: "


def _arguments(codec: CodecProtocol) -> Iterator[str]:
    """Yield the arguments of the constructor: by position, which is faster, where that is safe."""
    signature = inspect.signature(codec.sample_type.__init__)  # type: ignore[misc]
    parameters = list(signature.parameters.values())[1:]
    positional = True
    for i, field in enumerate(codec.fields):
        positional = (
            positional
            and i < len(parameters)
            and parameters[i].name == field.name
            and parameters[i].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        )
        yield f"v{i}" if positional else f"{field.name}=v{i}"


def constructor(codec: CodecProtocol) -> Callable[..., Any]:
    """Return a function from the values of all fields, in order, to a sample."""
    if not any("=" in argument for argument in _arguments(codec)):
        return codec.sample_type
    names = [field.name for field in codec.fields]
    make = codec.sample_type
    return lambda *values: make(**dict(zip(names, values, strict=True)))


def _array_parts(kind: ArrayOf) -> Parts:
    """Return a function from an array to its msgpack and ``.npy`` head, and its elements."""
    heads: dict[tuple[np.dtype[Any], tuple[int, ...]], bytes] = {}

    def parts(value: Any) -> tuple[bytes, Any]:
        if type(value) is np.ndarray and value.flags.c_contiguous:
            head = heads.get((value.dtype, value.shape))
            if head is not None:
                return head, value
        npy, body = kind.parts(value)
        size = len(npy) + (len(body) if isinstance(body, bytes) else body.nbytes)
        head = bytes_head(size) + npy
        if body is value:
            arrays.remember(heads, (value.dtype, value.shape), head)
        return head, body

    return parts


def array_reader(kind: ArrayOf) -> Callable[[Any], arrays.Array]:
    """Return a function from ``.npy`` bytes to an array, which parses equal headers once."""
    layouts: dict[bytes, arrays.Layout] = {}
    usual, ndarray = arrays.USUAL_HEAD, np.ndarray

    def read(payload: Any) -> arrays.Array:
        if type(payload) is bytes:
            layout = layouts.get(payload[:usual])
            if layout is not None:
                dtype, shape, order, offset, size = layout
                if size == len(payload):
                    return ndarray(shape, dtype, payload, offset, None, order)
        array = kind.decode(payload)
        if type(payload) is bytes:
            layout = arrays.read_layout(payload)
            if layout.offset == arrays.USUAL_HEAD:
                arrays.remember(layouts, payload[: arrays.USUAL_HEAD], layout)
        return array

    return read

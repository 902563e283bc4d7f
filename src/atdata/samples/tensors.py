"""Arrays that NumPy itself does not have: tensors of PyTorch, and ``bfloat16``.

They are stored as NumPy arrays, in ``.npy`` form: a tensor as the array of its dtype, so its schema
is that of an ``NDArray``, and either can be read as the other. NumPy has no ``bfloat16``, so its
bits are stored as ``uint16``, which no reader takes for numbers of another float type; the schema
has the name of the dtype.

PyTorch is not imported here before a class that names it is defined.
"""

# ruff: noqa: D102 - what encode and decode do is said once, in Kind

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from atdata.base.extras import require
from atdata.errors import SampleError, SchemaError
from atdata.samples import plain
from atdata.samples.dtypes import DTYPES
from atdata.samples.kinds import ArrayOf, Kind

BFLOAT16 = "bfloat16"

# PyTorch's names of dtypes that NumPy has under the same name.
_SHARED = {
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
}
_Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Bfloat16(Kind):
    """A NumPy array of ``ml_dtypes.bfloat16``."""

    shape: _Shape | None = None
    dtype: ClassVar[str] = BFLOAT16

    @property
    def stored(self) -> ArrayOf:
        """The kind of array that is stored."""
        return ArrayOf(np.uint16, self.shape)

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, np.ndarray) or value.dtype != bfloat16():
            raise plain.unfit(str(self), value)
        return self.stored.encode(value.view(np.uint16))

    def decode(self, data: Any) -> Any:
        if isinstance(data, np.ndarray) and data.dtype == bfloat16():
            self.stored.check(np.dtype(np.uint16), data.shape)
            return data
        return self.column(self.stored.decode(data))

    @property
    def numpy_kind(self) -> ArrayOf:
        """The kind of what ``to_numpy`` returns."""
        return ArrayOf(np.float32, self.shape)

    def to_numpy(self, value: Any) -> Any:
        """Return a value as float32, which holds it exactly, for formats without bfloat16."""
        return value.astype(np.float32)

    def column(self, array: np.ndarray[Any, Any]) -> Any:
        """Return stored arrays as they are used, without a copy."""
        return array.astype(np.uint16, copy=False).view(bfloat16())

    def __str__(self) -> str:
        return str(self.stored).replace("uint16", BFLOAT16)


@dataclass(frozen=True, slots=True)
class TensorOf(Kind):
    """A ``torch.Tensor``. The dtype is a name; None allows any that NumPy has too."""

    dtype: str | None = None
    shape: _Shape | None = None

    @property
    def stored(self) -> ArrayOf:
        """The kind of array that is stored."""
        dtype = np.uint16 if self.dtype == BFLOAT16 else DTYPES[self.dtype] if self.dtype else None
        return ArrayOf(dtype, self.shape)

    def encode(self, value: Any) -> bytes:
        if not plain.is_tensor(value):
            is_array = isinstance(value, np.ndarray)
            hint = "Convert it: torch.from_numpy(value)." if is_array else None
            raise SampleError(f"expected {self}, got {type(value).__name__}", hint=hint)
        return self.stored.encode(self._array(value))

    def decode(self, data: Any) -> Any:
        if plain.is_tensor(data):
            self.stored.decode(self._array(data))
            return data
        return self.tensor(self.stored.decode(data))

    def _array(self, tensor: Any) -> np.ndarray[Any, Any]:
        name = _name(tensor.dtype)
        if name != self.dtype and (self.dtype is not None or name not in _SHARED):
            raise SampleError(
                f"expected {self}, got a tensor of dtype {name}",
                hint=f"Convert it: tensor.to(torch.{self.dtype or 'float32'}); or annotate the "
                f"field as `Annotated[torch.Tensor, torch.{name}]`.",
            )
        bits = tensor.view(_torch().uint16) if name == BFLOAT16 else tensor
        return bits.numpy(force=True)  # type: ignore[no-any-return]

    @property
    def numpy_kind(self) -> ArrayOf:
        """The kind of what ``to_numpy`` returns."""
        return ArrayOf(np.float32, self.shape) if self.dtype == BFLOAT16 else self.stored

    def to_numpy(self, value: Any) -> Any:
        """Return a tensor as an array; bfloat16 as float32, which holds it exactly."""
        wide = value.float() if self.dtype == BFLOAT16 else value
        return wide.numpy(force=True)

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        """Return a stored array, or several, as one tensor with memory of its own."""
        native = np.require(array, array.dtype.newbyteorder("="), ["C", "W"])
        try:
            tensor = _torch().from_numpy(native)
        except TypeError:
            raise SampleError(f"expected {self}, got an array of dtype {array.dtype}") from None
        return tensor.view(_torch().bfloat16) if self.dtype == BFLOAT16 else tensor

    def column(self, array: np.ndarray[Any, Any]) -> TensorColumn:
        """Return stored arrays, which become tensors one by one or all at once."""
        return TensorColumn(self, array)

    def noted(self, notes: tuple[Any, ...]) -> TensorOf:
        """Return the kind with the dtype and the shape of ``Annotated[torch.Tensor, …]``."""
        kind = self
        for note in notes:
            if isinstance(note, _torch().dtype):
                kind = replace(kind, dtype=_known(_name(note)))
            elif isinstance(note, tuple):
                kind = replace(kind, shape=_checked(note))
        return kind

    def notes(self) -> tuple[Any, ...]:
        """Return what ``noted`` takes."""
        dtype = () if self.dtype is None else (getattr(_torch(), self.dtype),)
        return dtype if self.shape is None else (*dtype, self.shape)

    def __str__(self) -> str:
        dtype = f"{self.dtype} " if self.dtype else ""
        return str(ArrayOf(None, self.shape)).replace("an array", f"a {dtype}tensor")


class TensorColumn(Sequence[Any]):
    """Tensors of one shape: those of consecutive samples, still as one array."""

    __slots__ = ("array", "kind")

    def __init__(self, kind: TensorOf, array: np.ndarray[Any, Any]) -> None:
        self.kind, self.array = kind, array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: Any) -> Any:
        """Return the tensor of a row, or the column of a slice of rows."""
        part = self.array[rows]
        return TensorColumn(self.kind, part) if isinstance(rows, slice) else self.kind.tensor(part)


def is_tensor_type(annotation: type) -> bool:
    """Return whether an annotation is ``torch.Tensor``."""
    torch = sys.modules.get("torch")
    return torch is not None and annotation is torch.Tensor


def tensor_type() -> Any:
    """Return ``torch.Tensor``."""
    return _torch().Tensor


def stacked_tensors(tensors: list[Any]) -> Any:
    """Return tensors of one shape and dtype as one tensor with a first axis more."""
    return _torch().stack(tensors)


def bfloat16() -> Any:
    """Return the NumPy dtype of ``ml_dtypes``.

    Raises:
        MissingExtra: ml_dtypes is not installed.
    """
    return np.dtype(require("ml_dtypes", extra="bfloat16").bfloat16)


def is_bfloat16(scalar: Any) -> bool:
    """Return whether an annotation is the scalar type of ``ml_dtypes``."""
    ml_dtypes = sys.modules.get("ml_dtypes")
    return ml_dtypes is not None and scalar is ml_dtypes.bfloat16


def _torch() -> Any:
    return require("torch", extra="torch")


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _known(name: str) -> str:
    if name not in _SHARED and name != BFLOAT16:
        raise SchemaError(f"tensors of dtype {name} are not stored")
    return name


def _checked(shape: tuple[Any, ...]) -> _Shape:
    if not all(axis is None or (type(axis) is int and axis >= 0) for axis in shape):
        raise SchemaError(
            f"{shape!r:.80} is not the shape of a tensor",
            hint="Write each axis as its length, or as None for any.",
        )
    return tuple(shape)

"""Names of NumPy's scalar types, as annotations and schemas use them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

# Values are subclasses of np.generic; type checkers don't accept the abstract ones as types.
# Sized types by size, families by NumPy's own names. `object` has no name here: its arrays need
# pickle.
DTYPES: Final[dict[str, Any]] = {
    "bool": np.bool_,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "float16": np.float16,
    "float32": np.float32,
    "float64": np.float64,
    "longdouble": np.longdouble,
    "complex64": np.complex64,
    "complex128": np.complex128,
    "clongdouble": np.clongdouble,
    "datetime64": np.datetime64,
    "timedelta64": np.timedelta64,
    "str": np.str_,
    "bytes": np.bytes_,
    "void": np.void,
    "number": np.number,
    "integer": np.integer,
    "signedinteger": np.signedinteger,
    "unsignedinteger": np.unsignedinteger,
    "inexact": np.inexact,
    "floating": np.floating,
    "complexfloating": np.complexfloating,
    "flexible": np.flexible,
    "character": np.character,
}

_NAMES = {scalar: name for name, scalar in DTYPES.items()}


def dtype_name(scalar: type[np.generic]) -> str | None:
    """Return the name of a scalar type, or None if arrays of it can't be kept.

    Two C types of one size (``long`` and ``long long``) have the name of that size.
    """
    if scalar in _NAMES:
        return _NAMES[scalar]
    if scalar is np.object_ or not issubclass(scalar, np.integer):
        return None
    return _NAMES.get(np.dtype(np.dtype(scalar).str).type)

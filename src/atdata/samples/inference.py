"""A sample type for samples that have none: the fields and kinds that all of them have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atdata.errors import SampleError, SchemaError
from atdata.samples.arrays import is_compact
from atdata.samples.dict_sample import DictSample
from atdata.samples.packable import packable

_SCALARS = (str, bytes, bool, int, float)


def infer_type(samples: Iterable[DictSample], name: str) -> type[Any]:
    """Return a class whose fields fit all of the samples.

    A field is an array if all its values are arrays, in ``.npy`` form or in the compact form of
    the earlier implementation; a scalar if all have one type; anything otherwise. It may be None,
    and has that default, if it is None or missing in some samples.

    Args:
        samples: Samples without a type, at least one.
        name: Name of the class.

    Raises:
        SampleError: There are no samples.
        SchemaError: Their fields can't be those of a class.
    """
    kinds: dict[str, set[Any]] = {}
    count = 0
    for count, sample in enumerate(samples, 1):
        for field in kinds.keys() - sample.keys():
            kinds[field].add(None)
        for field, value in sample.items():
            kinds.setdefault(field, {None} if count > 1 else set()).add(_kind(value))
    if not count:
        raise SampleError("there are no samples to infer a type from")
    fields = [_field(field, found) for field, found in kinds.items()]
    try:
        return packable(dataclasses.make_dataclass(name, fields, kw_only=True))
    except (TypeError, ValueError) as error:
        raise SchemaError(f"the fields of the samples make no class: {error}") from error


def _kind(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, np.ndarray) or (isinstance(value, bytes) and is_compact(value)):
        return NDArray[Any]
    return type(value) if type(value) in _SCALARS else Any


def _field(name: str, kinds: set[Any]) -> tuple[str, Any, Any]:
    known = kinds - {None}
    annotation = known.pop() if len(known) == 1 else Any
    if None not in kinds:
        return name, annotation, dataclasses.field()
    if annotation is not Any:
        annotation = annotation | None
    return name, annotation, dataclasses.field(default=None)

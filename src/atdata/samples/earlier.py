"""Arrays of the earlier implementation in samples that are read without a type.

A sample type or schema says which fields are arrays. Without one, bytes in the compact form of
:mod:`atdata.samples.arrays` become an array only if the sample's key is one that the earlier
implementation makes as well: a UUID of version 1 without a node. Bytes of any other origin stay
bytes, whatever they look like.
"""

from __future__ import annotations

import re

from atdata.samples.arrays import from_npy, is_compact
from atdata.samples.dict_sample import DictSample

_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-8000-0{12}")


def with_arrays(sample: DictSample, key: str) -> DictSample:
    """Return a sample; its compact arrays are read if its key is of the earlier implementation."""
    if not _KEY.fullmatch(key):
        return sample
    compact = {name: value for name, value in sample.items() if _is_compact(value)}
    for name, value in compact.items():
        sample[name] = from_npy(value)
    return sample


def _is_compact(value: object) -> bool:
    return isinstance(value, bytes) and is_compact(value)

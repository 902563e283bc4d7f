"""Samples with arrays of their own: those that are read are views of the data, and read-only."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from atdata.samples.codec import kept_fields
from atdata.samples.dict_sample import DictSample, dict_fields, dict_sample
from atdata.samples.member_fields import MemberFields


def writable(value: Any) -> Any:
    """Return a value with a copy in place of each read-only array in it, at any depth.

    Lists, tuples and maps are new ones. A sample, which must be new, is changed and returned.
    """
    if isinstance(value, np.ndarray):
        return value if value.flags.writeable else value.copy(order="K")
    if type(value) in (list, tuple):
        return type(value)(map(writable, value))
    if isinstance(value, dict):
        return {key: writable(one) for key, one in value.items()}
    if isinstance(value, DictSample):
        return _writable_fields(value)
    if dataclasses.is_dataclass(value):
        for name in (field.name for field in dataclasses.fields(value)):
            if hasattr(value, name):
                # Past the setter of a frozen class.
                object.__setattr__(value, name, writable(getattr(value, name)))
        kept_fields(value).update(writable(kept_fields(value)))
    return value


def _writable_fields(sample: DictSample) -> DictSample:
    fields = dict_fields(sample)
    if isinstance(fields, MemberFields):
        return dict_sample(type(sample), fields.converted(writable))
    return type(sample)(writable(sample.to_dict()))

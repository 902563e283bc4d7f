"""The first samples of a dataset, as a page may show them: decoded safely, within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice
from typing import IO, Any

import numpy as np

from atdata.appview.pictures import file_url, histogram, image_url, summary
from atdata.errors import AtdataError, SampleError
from atdata.samples import DictSample
from atdata.samples.schema import from_record
from atdata.shards.reader import read_samples
from atdata.shards.window import open_file
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

SAMPLES = 6
_LARGEST_SAMPLE = 8 * 2**20
_LARGEST_PICTURE = 512 * 2**10
_MOST_FIELDS = 32
_MOST_ITEMS = 8
_LONGEST_TEXT = 400


@dataclass(frozen=True, slots=True)
class Shown:
    """A field of a sample.

    Attributes:
        name: Its name.
        text: What it holds, in words.
        picture: ``data:`` URL of the image that it is.
        histogram: SVG of the numbers that it holds.
    """

    name: str
    text: str
    picture: str | None = None
    histogram: str | None = None


def preview(file: IO[bytes], schema: SampleSchema | None) -> list[list[Shown]]:
    """The first samples of a shard, field by field.

    Args:
        file: The shard, verified.
        schema: What its samples are; without it they are shown as they lie there.

    Raises:
        ShardError, SampleError: It is not sound.
    """
    sample_type: Any = _type(schema)
    shown = []
    for _, _, _, payload in islice(read_samples(open_file(file, "the first shard")), SAMPLES):
        if len(payload) > _LARGEST_SAMPLE:
            raise SampleError(f"a sample has {len(payload):,} bytes, which is too many to show")
        sample = sample_type.from_bytes(bytes(payload))
        shown.append([_shown(name, value) for name, value in islice(_items(sample), _MOST_FIELDS)])
    return shown


def _type(schema: SampleSchema | None) -> type:
    if schema is None:
        return DictSample
    try:
        return from_record(schema)
    except AtdataError:
        return DictSample


def _items(sample: Any) -> Iterator[tuple[str, Any]]:
    if is_dataclass(sample):
        return ((field.name, getattr(sample, field.name)) for field in fields(sample))
    return iter(sample.items())


def _shown(name: str, value: Any) -> Shown:
    if isinstance(value, np.ndarray):
        if value.size <= 1:
            return Shown(name, f"{value.dtype} {value.tolist()}")
        picture = image_url(value)
        return Shown(name, summary(value), picture, None if picture else histogram(value))
    if isinstance(value, bytes):
        return Shown(name, f"{len(value):,} bytes", file_url(value, _LARGEST_PICTURE))
    return Shown(name, _text(value))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"
    if isinstance(value, np.ndarray):
        return summary(value)
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        parts = [f"{key}: {_text(item)}" for key, item in islice(value.items(), _MOST_ITEMS)]
        return f"{{{_listed(parts, len(value))}}}"
    if isinstance(value, list | tuple):
        parts = [_text(item) for item in value[:_MOST_ITEMS]]
        return f"[{_listed(parts, len(value))}]"
    return str(value)[:_LONGEST_TEXT]


def _listed(parts: list[str], total: int) -> str:
    text = ", ".join(parts) + (f", … ({total:,} in all)" if total > len(parts) else "")
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"

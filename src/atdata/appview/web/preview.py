"""The first samples of a dataset, as a page may show them: decoded safely, within bounds.

``python -m atdata.appview.web.preview SHARD`` is the worker of :mod:`~atdata.appview.web.previews`:
it limits its own memory and time, reads the schema's record on stdin, and writes JSON. The effects
of a malicious shard are confined to this process.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from atdata.appview.web.pictures import file_pixels, file_url, histogram, image_url, summary
from atdata.errors import AtdataError, SampleError
from atdata.samples import DictSample
from atdata.samples.media import Media
from atdata.samples.schema import from_record
from atdata.shards.member_group import MemberGroup
from atdata.shards.payloads import PayloadReader
from atdata.shards.reader import read_samples
from atdata.shards.window import open_file
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

SAMPLES = 6
_LARGEST_SAMPLE = 8 * 2**20
_LARGEST_PICTURE = 512 * 2**10
_MOST_FIELDS = 32
_MOST_ITEMS = 8
_LONGEST_TEXT, _LONGEST_NAME = 400, 200
_MEMORY = 128 * 2**20
_CPU_SECONDS = 2


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field of a sample.

    Attributes:
        name: Its name.
        text: Its value, in words.
        picture: ``data:`` URL of its value as an image.
        histogram: SVG of the numbers in its value.
    """

    name: str
    text: str
    picture: str | None = None
    histogram: str | None = None


@dataclass
class _Budget:
    """Limits of all pictures of a preview: of the page, and of a browser's memory.

    Attributes:
        characters: Of their ``data:`` URLs.
        pixels: Of image files, which unfold in the browser.
    """

    characters: int = 4 * 2**20
    pixels: int = 32 * 2**20

    def take(self, field: ShownField, value: Any) -> ShownField:
        """Return the field, without its pictures when they are too much."""
        characters = len(field.picture or "") + len(field.histogram or "")
        pixels = 0
        if field.picture and isinstance(value, bytes | Media):
            pixels = file_pixels(bytes(value)) or self.pixels + 1
        if characters > self.characters or pixels > self.pixels:
            return replace(field, picture=None, histogram=None)
        self.characters -= characters
        self.pixels -= pixels
        return field


def preview(file: IO[bytes], schema: SampleSchema | None) -> list[list[ShownField]]:
    """Return the first samples of a shard, field by field.

    Args:
        file: The shard, verified.
        schema: The schema of its samples; without it they are shown as they are stored.

    Raises:
        ShardError, SampleError: It is not valid.
    """
    reader = PayloadReader(_type(schema))
    window = open_file(file, "the first shard")
    shown, budget = [], _Budget()
    for _, key, _, payload in islice(read_samples(window), SAMPLES):
        size = payload.size if isinstance(payload, MemberGroup) else len(payload)
        if size > _LARGEST_SAMPLE:
            raise SampleError(f"a sample has {size:,} bytes, which is too many to show")
        items = islice(_items(reader(payload, key)), _MOST_FIELDS)
        shown.append(
            [budget.take(_shown(str(name)[:_LONGEST_NAME], value), value) for name, value in items]
        )
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


def _shown(name: str, value: Any) -> ShownField:
    if isinstance(value, np.ndarray):
        if value.size <= 1:
            return ShownField(name, f"{value.dtype!s:.100} {_text(value.tolist())}")
        picture = image_url(value)
        return ShownField(name, summary(value), picture, None if picture else histogram(value))
    if isinstance(value, bytes):
        return ShownField(name, f"{len(value):,} bytes", file_url(value, _LARGEST_PICTURE))
    if isinstance(value, Media):
        return ShownField(name, repr(value), file_url(value.bytes, _LARGEST_PICTURE))
    return ShownField(name, _text(value))


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


def main() -> None:
    """Write the preview of the shard at a path, or why there is none, within limits."""
    path = Path(sys.argv[1])
    answer: dict[str, Any] = {}
    try:
        with path.open("rb") as file:
            _limit(path.stat().st_size)
            text = sys.stdin.buffer.read()
            schema = SampleSchema.from_json(text) if text else None
            answer["samples"] = [list(map(asdict, row)) for row in preview(file, schema)]
    except AtdataError as error:
        answer = {"problem": error.message[:_LONGEST_TEXT]}
    except MemoryError:
        answer = {"problem": "its samples take more memory than a preview may"}
    json.dump(answer, sys.stdout)


def _limit(mapped: int) -> None:
    """Limit this process's memory and time, if the operating system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS + 1, _CPU_SECONDS + 2))
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + mapped + _MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()

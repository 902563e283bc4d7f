"""Dataset metadata and its notebook rendering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atdata.base.display import html_table
from atdata.errors import StorageError
from atdata.samples import DictSample
from atdata.sources.registry import open_url
from atdata.storage.urls import redacted

_MAX_METADATA = 16 << 20


def fetch_metadata(url: str) -> dict[str, Any]:
    """Fetch the msgpack map at a URL.

    Raises:
        SampleError: It is not a msgpack map.
        StorageError, NetworkError: It can't be read, or is larger than 16 MiB.
    """
    with open_url(url) as stream:
        data = stream.read(_MAX_METADATA + 1)
    if len(data) > _MAX_METADATA:
        raise StorageError(f"metadata of more than {_MAX_METADATA} bytes", uri=redacted(url))
    metadata: dict[str, Any] = DictSample.from_bytes(data).to_dict()
    return metadata


def dataset_table(sample_type: type, source: object, names: Sequence[str]) -> str:
    """Return a dataset as HTML.

    Args:
        sample_type: Type of its samples.
        source: Its data source.
        names: Names of the shards; none is opened.
    """
    shards = [redacted(name) for name in names]
    return html_table(
        f"Dataset[{sample_type.__name__}]",
        [("source", repr(source)), ("number of shards", len(shards)), ("shards", shards)],
    )

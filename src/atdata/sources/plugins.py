"""Schemes that other packages add: entry points of the group ``atdata.sources``.

The entry point's name is the scheme; its object is called with one URL, brace notation expanded,
and ``untrusted=`` (as for :class:`~atdata.sources.url.URLSource`), and returns a data source with
the shards that the URL stands for. In a package's ``pyproject.toml``::

    [project.entry-points."atdata.sources"]
    hdfs = "their_package.sources:open_hdfs"
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from atdata.errors import StorageError
from atdata.sources.protocols import DataSource

_GROUP = "atdata.sources"


@cache
def plugins() -> dict[str, EntryPoint]:
    """Return the entry points by scheme, in lower case; none of them is imported yet."""
    return {point.name.lower(): point for point in entry_points(group=_GROUP)}


def open_plugin(scheme: str, url: str, *, untrusted: bool) -> DataSource:
    """Return the source that a plug-in makes from a URL.

    Raises:
        StorageError: The plug-in can't be imported; the message names its distribution.
    """
    point = plugins()[scheme]
    try:
        make: Callable[..., Any] = point.load()
    except (ImportError, AttributeError) as error:
        name = point.dist.name if point.dist else "an unknown distribution"
        raise StorageError(
            f"{scheme}:// is read by {point.value} of {name}, which can't be imported: {error}",
            hint=f"Update or remove {name}.",
        ) from error
    source: DataSource = make(url, untrusted=untrusted)
    return source

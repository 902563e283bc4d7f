"""The place of a dataset's shards: in a store, or where they are already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from atdata.errors import EntryError, NetworkError, ShardNotFound, StorageError
from atdata.shards.info import ShardInfo, inspect_shard, known_infos
from atdata.sources.adapt import AdaptedSource
from atdata.sources.registry import local_path
from atdata.storage.urls import scheme_of

if TYPE_CHECKING:
    from atdata.dataset import Dataset


_AT_ONCE = 16  # requests


class Place(NamedTuple):
    """URLs of a dataset's shards, and the info of each shard; None if that is not known."""

    urls: list[str]
    shards: tuple[ShardInfo, ...] | None


def stored(urls: Sequence[str]) -> Place:
    """Return the place for a result of ``write_shards``; stores by others return only the URLs.

    Raises:
        EntryError: There are no URLs: the dataset has no samples.
    """
    if not urls:
        raise EntryError("the dataset has no samples, so there is nothing to index")
    return Place(list(urls), known_infos(urls))


def placed(ds: Dataset[Any]) -> Place:
    """Return the place where a dataset's shards are already.

    Local files become absolute paths, brace notation kept. If all shards are local files, each
    is walked and digested in one pass; otherwise none is read, and URLs stay as they are.

    Raises:
        EntryError: A shard of the dataset's source has neither a URL nor a path.
        ShardError: A local file is not a sound shard.
        StorageError: A local file can't be read.
    """
    names = ds.list_shards()
    source = AdaptedSource(ds.source)
    written = source.urls if ds.is_verbatim else None
    paths = [source.local_path(name) for name in names]
    if None not in paths:
        infos = tuple(inspect_shard(path) for path in paths if path is not None)
        return Place(_absolute(written or list(map(str, paths))), infos)
    for name, path in zip(names, paths, strict=True):
        if path is None and not scheme_of(name):
            raise EntryError(
                f"the shard {name!r} of a {type(ds.source).__name__} has no URL",
                shard=name,
                hint="Give the index a data_store=, which then holds a copy.",
            )
    return Place(_absolute(written or names), None)


def check_shared(urls: Iterable[str]) -> None:
    """Refuse paths of this machine, for an index that other machines read.

    Raises:
        EntryError: There is one.
    """
    for url in urls:
        if local_path(url) is not None:
            raise EntryError(
                "the index is shared, and the shard is a path of this machine",
                uri=url,
                hint="Give the index a data_store= that all can reach, such as S3DataStore(...); "
                "for a file system that all share, LocalIndex(..., check_places=False).",
            )


def check_there(ds: Dataset[Any]) -> None:
    """Refuse shards that can't be opened, for an index that other machines read.

    Raises:
        EntryError: There is one.
    """
    source = AdaptedSource(ds.source)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(lambda name: _open(source, name), ds.list_shards()):
            pass


def _open(source: AdaptedSource, name: str) -> None:
    try:
        with source.open_shard(name) as stream:
            stream.read(1)
    except (StorageError, NetworkError, ShardNotFound) as error:
        raise EntryError(
            f"the index is shared, and a shard can't be opened: {error.message}",
            shard=name,
            hint="Check the URL; to index it all the same, LocalIndex(..., check_places=False).",
        ) from error


def _absolute(urls: list[str]) -> list[str]:
    found = ((url, local_path(url)) for url in urls)
    return [url if path is None else str(path.absolute()) for url, path in found]

"""Transfer of a dataset into a store: its shards byte for byte, or its samples cut anew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from atdata._protocols import AbstractDataStore, CopyingStore, DryRunStore
from atdata.errors import EntryError
from atdata.progress import Progress
from atdata.shards.info import ShardInfo

if TYPE_CHECKING:
    from atdata.dataset import Dataset


def transfer(
    ds: Dataset[Any],
    store: AbstractDataStore,
    *,
    prefix: str,
    infos: Sequence[ShardInfo] | None = None,
    progress: Progress | None = None,
    dry_run: bool = False,
    **cutting: Any,
) -> Sequence[str]:
    """Store a dataset's samples.

    Shards are copied byte for byte, so that their digests and the content CID stay. Samples are
    packed anew if the caller asks for other shards (``cutting``), if the dataset is not
    its source's shards (a share, a projection), or if the store can't copy.

    Args:
        ds: The dataset.
        store: The store.
        prefix: Where in the store.
        infos: What is known of each shard already, to be checked against.
        progress: Notified of each shard that is stored.
        dry_run: Store nothing; return what there would be.
        cutting: Options of the store's ``write_shards``, such as ``maxcount``.

    Returns:
        The URLs in order, as the store's method returned them.

    Raises:
        EntryError: The dataset has no samples.
        SampleError: Its first sample is not one of its sample type.
        AtdataError: As the store's ``copy_shards`` and ``write_shards``.
    """
    # Stores of other packages need not know these options.
    options: dict[str, Any] = {} if progress is None else {"progress": progress}
    options |= {"dry_run": True} if dry_run else {}
    if not isinstance(store, CopyingStore) or cutting or not ds.is_verbatim:
        return store.write_shards(ds, prefix=prefix, **options, **cutting)
    _check_first(ds)
    return store.copy_shards(ds.source, prefix=prefix, infos=infos, **options)


def _check_first(ds: Dataset[Any]) -> None:
    """Refuse shards of another sample type, which a copy alone would not notice."""
    if not list(islice(ds.ordered(), 1)):
        raise EntryError("the dataset has no samples, so there is nothing to store")


def can_dry_run(store: AbstractDataStore) -> bool:
    """Return whether a store can report what it would write, without writing it."""
    return isinstance(store, DryRunStore) and store.supports_dry_run()

"""``at://`` URLs as a source of shards: the plug-in for that scheme."""

from __future__ import annotations

from atdata._protocols import DataSource
from atdata.atmosphere.client import AtmosphereClient
from atdata.atmosphere.dataset_loader import DatasetLoader, source_of
from atdata.atmosphere.foreign import read_dataset
from atdata.errors import AddressRefused
from atdata.sources.blob import BlobSource


def open_at(url: str, *, untrusted: bool) -> DataSource:
    """Return the shards that an AT URI stands for, checked while they are read.

    Args:
        url: ``at://{did or handle}/{collection}/{record key}`` of a dataset record, or
            ``at://{did}/blob/{cid}`` of one shard.
        untrusted: The URL is one that a record names: it is refused, because a record that
            stands for other records could be endless.

    Raises:
        AddressRefused: ``untrusted``.
        UrlError: The URL has neither form.
        EntryNotFound: There is no such record.
        RecordError: It breaks its lexicon, or contradicts itself.
        NetworkError: A server can't be reached.
    """
    if untrusted:
        raise AddressRefused("a published dataset names another one as its data", uri=url)
    client = AtmosphereClient()
    did, _, rest = url.removeprefix("at://").partition("/")
    if rest.startswith("blob/"):
        home = client.resolve(did)
        return BlobSource.from_refs([url], home.pds, untrusted=not client.is_chosen(home.pds))
    return source_of(client, read_dataset(DatasetLoader(client).find(url)))

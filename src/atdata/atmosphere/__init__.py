"""The AT Protocol network: an account's client, and its repositories as an index."""

from atdata.atmosphere.appview_client import AppViewClient
from atdata.atmosphere.client import AtmosphereClient
from atdata.atmosphere.dataset_loader import DatasetLoader
from atdata.atmosphere.dataset_publisher import DatasetPublisher
from atdata.atmosphere.identity import Identity
from atdata.atmosphere.index import AtmosphereIndex, AtmosphereIndexEntry
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.pds_store import PDSBlobStore
from atdata.atmosphere.schemas import SchemaLoader, SchemaPublisher

__all__ = [
    "AppViewClient",
    "AtUri",
    "AtmosphereClient",
    "AtmosphereIndex",
    "AtmosphereIndexEntry",
    "DatasetLoader",
    "DatasetPublisher",
    "Identity",
    "PDSBlobStore",
    "SchemaLoader",
    "SchemaPublisher",
]

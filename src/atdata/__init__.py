"""Typed samples in WebDataset shards, described by lexicons, indexed and federated.

Names are imported when first used (PEP 562): ``import atdata`` loads none of the optional
dependencies.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from atdata._version import __version__ as __version__
from atdata.aliases import ALIASES as _ALIASES
from atdata.base.installed import refuse_other_project

if TYPE_CHECKING:
    from atdata._protocols import AbstractDataStore as AbstractDataStore
    from atdata._protocols import AbstractIndex as AbstractIndex
    from atdata._protocols import DataSource as DataSource
    from atdata._protocols import IndexEntry as IndexEntry
    from atdata.dataset import Dataset as Dataset
    from atdata.errors import *  # noqa: F403 - all of its __all__
    from atdata.importing.run import import_dataset as import_dataset
    from atdata.load import DatasetDict as DatasetDict
    from atdata.load import load_dataset as load_dataset
    from atdata.local import Index as Index
    from atdata.promote import promote_to_atmosphere as promote_to_atmosphere
    from atdata.samples import DictSample as DictSample
    from atdata.samples import Member as Member
    from atdata.samples import Packable as Packable
    from atdata.samples import PackableSample as PackableSample
    from atdata.samples import SampleBatch as SampleBatch
    from atdata.samples import generate_cid as generate_cid
    from atdata.samples import kept_fields as kept_fields
    from atdata.samples import packable as packable
    from atdata.samples import schema_to_type as schema_to_type
    from atdata.samples import verify_cid as verify_cid
    from atdata.samples.lens import Lens as Lens
    from atdata.samples.lens import LensNetwork as LensNetwork
    from atdata.samples.lens import lens as lens
    from atdata.samples.media import Audio as Audio
    from atdata.samples.media import Image as Image
    from atdata.samples.media import MediaType as MediaType
    from atdata.samples.media import Video as Video
    from atdata.samples.media import Waveform as Waveform
    from atdata.sources import BlobSource as BlobSource
    from atdata.sources import S3Source as S3Source
    from atdata.sources import URLSource as URLSource
    from atdata.stores import LocalDiskStore as LocalDiskStore
    from atdata.writing import write_samples as write_samples
    from atdata.writing import write_shards as write_shards

refuse_other_project()

_MODULES = {
    "atdata._protocols": "AbstractDataStore AbstractIndex DataSource IndexEntry",
    "atdata.dataset": "Dataset",
    "atdata.errors": (
        "AddressRefused AtdataError AuthError DigestMismatch EntryConflict EntryError "
        "EntryNotFound InstallConflict MalformedReference ManifestError MissingExtra MissingFile "
        "NetworkError RandomAccessError RecordError SampleError SampleTooLarge SchemaConflict "
        "SchemaError SchemaNotFound ShardError ShardNotFound SplitNotFound StorageError UrlError "
        "XrpcError"
    ),
    "atdata.importing.run": "import_dataset",
    "atdata.load": "DatasetDict load_dataset",
    "atdata.promote": "promote_to_atmosphere",
    "atdata.samples": (
        "DictSample Member Packable PackableSample SampleBatch generate_cid kept_fields packable "
        "schema_to_type verify_cid"
    ),
    "atdata.samples.lens": "Lens LensNetwork lens",
    "atdata.samples.media": "Audio Image MediaType Video Waveform",
    "atdata.sources": "BlobSource S3Source URLSource",
    "atdata.writing": "write_shards",
}
_HOMES = {name: home for home, names in _MODULES.items() for name in names.split()} | _ALIASES

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})

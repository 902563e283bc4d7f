"""Typed samples in WebDataset shards, described by lexicons, indexed and federated.

Names are imported when first used (PEP 562): ``import atdata`` loads none of the optional
dependencies.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from atdata._version import __version__ as __version__
from atdata.base.installed import refuse_other_project

if TYPE_CHECKING:
    from atdata._protocols import AbstractDataStore as AbstractDataStore
    from atdata._protocols import AbstractIndex as AbstractIndex
    from atdata._protocols import DataSource as DataSource
    from atdata._protocols import IndexEntry as IndexEntry
    from atdata.dataset import Dataset as Dataset
    from atdata.errors import AtdataError as AtdataError
    from atdata.load import DatasetDict as DatasetDict
    from atdata.load import load_dataset as load_dataset
    from atdata.promote import promote_to_atmosphere as promote_to_atmosphere
    from atdata.samples import DictSample as DictSample
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
    from atdata.sources import BlobSource as BlobSource
    from atdata.sources import S3Source as S3Source
    from atdata.sources import URLSource as URLSource
    from atdata.writing import write_shards as write_shards

refuse_other_project()

_HOMES = {
    "AbstractDataStore": "atdata._protocols",
    "AbstractIndex": "atdata._protocols",
    "AtdataError": "atdata.errors",
    "BlobSource": "atdata.sources",
    "DataSource": "atdata._protocols",
    "Dataset": "atdata.dataset",
    "DatasetDict": "atdata.load",
    "DictSample": "atdata.samples",
    "IndexEntry": "atdata._protocols",
    "Lens": "atdata.samples.lens",
    "LensNetwork": "atdata.samples.lens",
    "Packable": "atdata.samples",
    "PackableSample": "atdata.samples",
    "S3Source": "atdata.sources",
    "SampleBatch": "atdata.samples",
    "URLSource": "atdata.sources",
    "generate_cid": "atdata.samples",
    "kept_fields": "atdata.samples",
    "lens": "atdata.samples.lens",
    "load_dataset": "atdata.load",
    "packable": "atdata.samples",
    "promote_to_atmosphere": "atdata.promote",
    "schema_to_type": "atdata.samples",
    "verify_cid": "atdata.samples",
    "write_shards": "atdata.writing",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

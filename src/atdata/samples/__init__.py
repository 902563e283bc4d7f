"""One sample: its type, its bytes, its schema. Knows neither files nor networks."""

from atdata.samples.batch import SampleBatch
from atdata.samples.cids import generate_cid, verify_cid
from atdata.samples.codec import kept_fields
from atdata.samples.dict_sample import DictSample
from atdata.samples.extensions import Member
from atdata.samples.packable import Packable, PackableSample, packable
from atdata.samples.schema import schema_to_type

__all__ = [
    "DictSample",
    "Member",
    "Packable",
    "PackableSample",
    "SampleBatch",
    "generate_cid",
    "kept_fields",
    "packable",
    "schema_to_type",
    "verify_cid",
]

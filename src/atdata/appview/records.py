"""Records of the network, read without trust: atdata's own, and the earlier implementation's."""

from __future__ import annotations

from typing import Any

from atdata.appview.events import TABLES, Write
from atdata.atmosphere.foreign import is_foreign, read_dataset
from atdata.atmosphere.foreign_schemas import read_schema
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.records import StoredRecord
from atdata.errors import RecordError
from atdata_records import ValidationError, cid, dag_cbor
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from atdata_records.data import read_data
from atdata_records.errors import only

_EARLIER = b"ac.foundation.dataset.storage"  # the types of its storage, from 0.3 to 0.5


def read_record(did: str, write: Write) -> Record | SampleSchema:
    """Return the record that was written, the earlier implementation's in the form of atdata's.

    Raises:
        ValidationError: Its lexicon refuses it, or its content has another CID than stated.
    """
    kind: Any = Record if TABLES[write.collection] == "datasets" else SampleSchema
    record: Record | SampleSchema
    try:
        if write.collection == kind.NSID and not _is_earlier(write):
            found, record = _own(write, kind)
        else:
            found, record = _translated(did, write, kind)
    except ValidationError:
        raise
    except Exception as error:  # any error of a decoder on content of unknown origin
        reason = f"can't be read: {type(error).__name__}"
        raise ValidationError(kind.NSID, only("form", reason)) from error
    if found != write.cid:
        raise ValidationError(kind.NSID, only("link", f"the content's CID is {found}"))
    return record


def _own(write: Write, kind: Any) -> tuple[str, Record | SampleSchema]:
    if isinstance(write.content, bytes):
        return cid.of_cbor(write.content), kind.from_cbor(write.content)
    record = kind.from_dict(write.content)
    return record.cid(), record


def _is_earlier(write: Write) -> bool:
    """Return whether a record in atdata's collection has the earlier implementation's shape."""
    content = write.content
    if isinstance(content, bytes):
        # Few records need a second look.
        content = dag_cbor.decode(content) if _EARLIER in content else None
    return isinstance(content, dict) and is_foreign(content)


def _translated(did: str, write: Write, kind: Any) -> tuple[str, Record | SampleSchema]:
    content = write.content
    value = read_data(dag_cbor.decode(content) if isinstance(content, bytes) else content, 0)
    found = cid.of_cbor(dag_cbor.encode(value))
    stored = StoredRecord(AtUri(did, write.collection, write.rkey), found, value)
    try:
        if kind is SampleSchema:
            return found, read_schema(stored)
        return found, read_dataset(stored, note=_ignore).record
    except RecordError as error:
        reason = f"{error.message} ({error.path})" if error.path else error.message
        raise ValidationError(kind.NSID, only("form", reason)) from error


def _ignore(_left_out: str) -> None:
    """Pass over a detail that atdata's lexicon refuses: logs could be flooded by records."""

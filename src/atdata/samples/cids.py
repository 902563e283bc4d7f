"""CIDs of plain data, which the index uses where the content is not known."""

from __future__ import annotations

from typing import Any

from atdata_records import cid as cids
from atdata_records import dag_cbor


def generate_cid(data: Any) -> str:
    """Return the CID of plain data (dicts with text keys, lists, text, ints, bools, bytes, None).

    Returns:
        CIDv1 in base32: codec dag-cbor, sha2-256.

    Raises:
        ValueError: The data holds what DAG-CBOR may not hold here, such as a float.
    """
    return cids.of_cbor(dag_cbor.encode(data))


def verify_cid(cid: str, data: Any) -> bool:
    """Return whether this is the CID of the data."""
    return generate_cid(data) == cid

"""CIDs of plain data, as the index uses them where no content is known."""

from __future__ import annotations

from typing import Any

from atdata_records import cid as cids
from atdata_records import dag_cbor


def generate_cid(data: Any) -> str:
    """The CID of plain data (maps with text keys, lists, text, integers, bools, bytes, None).

    Returns:
        CIDv1 in base32: codec dag-cbor, sha2-256.

    Raises:
        ValueError: The data holds what DAG-CBOR here may not, such as a float.
    """
    return cids.of_cbor(dag_cbor.encode(data))


def verify_cid(cid: str, data: Any) -> bool:
    """Whether this is the CID of the data."""
    return generate_cid(data) == cid

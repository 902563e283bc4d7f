"""JSON text and DAG-CBOR bytes to values and back, within bounds.

``orjson`` and ``cbrrr`` are used when they are installed; the results are the same.
"""

from __future__ import annotations

import json
from typing import Any

from . import dag_cbor
from .data import MAX_CBOR_BYTES, MAX_JSON_BYTES
from .errors import Issues, only


def parse_json(text: bytes | bytearray | str) -> Any:
    """Parse JSON; ``Issues`` when it is none, too large, too deep, or has a key twice."""
    if len(text) > MAX_JSON_BYTES:
        return only("record-size", f"the JSON is longer than {MAX_JSON_BYTES} bytes")
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_number,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except RecursionError:
        return only("depth", "nested too deeply")
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are two
        return only("json", f"not JSON: {error}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return value


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


def _integer(text: str) -> int | float:
    # Python refuses very long digits with an error of its own; none of them is valid here.
    return int(text) if len(text) <= 20 else float(text[:300])


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON value")


def parse_cbor(data: bytes | bytearray) -> Any:
    """Decode DAG-CBOR; ``Issues`` when it is none or too large."""
    if len(data) > MAX_CBOR_BYTES:
        return only("record-size", f"the record is longer than {MAX_CBOR_BYTES} bytes")
    try:
        return dag_cbor.decode(bytes(data))
    except dag_cbor.CborError as error:
        return only("cbor", f"not DAG-CBOR: {error}")


def write_json(value: Any) -> bytes | Issues:
    """Compact JSON in UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    if len(text) > MAX_JSON_BYTES:
        return only("record-size", f"the JSON is longer than {MAX_JSON_BYTES} bytes")
    return text


def write_cbor(value: Any) -> bytes | Issues:
    """Canonical DAG-CBOR."""
    try:
        data = dag_cbor.encode(value)
    except dag_cbor.CborError as error:
        return only("cbor", str(error))
    if len(data) > MAX_CBOR_BYTES:
        return only("record-size", f"the record is longer than {MAX_CBOR_BYTES} bytes")
    return data

"""JSON text and DAG-CBOR bytes to values and back, within bounds.

``orjson`` and ``cbrrr`` are used when they are installed, and change nothing but the time: they
are lax where the data model is strict, so their result counts only if the record proves valid.
Otherwise the standard library reads it again.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
from typing import Any, Final

from . import cid, dag_cbor
from .data import MAX_CBOR_BYTES, MAX_JSON_BYTES
from .errors import Issues, only
from .values import Link

UNSURE: Final = object()
"""What the quick parsers return when the thorough ones have to look."""

# A float, or an integer of 64 bits without sign: cbrrr encodes them, the data model has none.
# Text and links may hold these bytes too; then the thorough encoder is asked, to the same end.
_suspect = re.compile(rb"\xfb|[\x1b\x3b][\x80-\xff]").search


@functools.cache
def optional(name: str) -> Any:
    """A module that need not be installed, or None."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def parse_json_quickly(text: bytes | bytearray | str) -> Any:
    """Parse JSON with orjson, or return ``UNSURE``."""
    orjson = optional("orjson")
    if orjson is None or len(text) > MAX_JSON_BYTES:
        return UNSURE
    try:
        value = orjson.loads(text)
        same = orjson.dumps(value) == (text.encode() if isinstance(text, str) else text)
    except (ValueError, TypeError):
        return UNSURE
    # Equal texts prove that no key occurs twice, which orjson would not report.
    return value if same else UNSURE


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


def parse_cbor_quickly(data: bytes | bytearray) -> Any:
    """Decode DAG-CBOR with cbrrr, or return ``UNSURE``."""
    cbrrr = optional("cbrrr")
    if cbrrr is None or len(data) > MAX_CBOR_BYTES:
        return UNSURE
    try:
        return cbrrr.decode_dag_cbor(bytes(data), False, _link)
    except (ValueError, TypeError, cbrrr.CbrrrDecodeError):
        return UNSURE


def _link(binary: bytes) -> Link:
    return Link(cid.from_bytes(binary))


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
    text = _json_quickly(value)
    if text is None:
        try:
            compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            text = compact.encode()
        except UnicodeEncodeError:
            return only("unicode", "a string holds half a surrogate pair")
        except (ValueError, TypeError, RecursionError) as error:
            return only("json", f"can't be written as JSON: {error}")
    if len(text) > MAX_JSON_BYTES:
        return only("record-size", f"the JSON is longer than {MAX_JSON_BYTES} bytes")
    return text


def _json_quickly(value: Any) -> bytes | None:
    orjson = optional("orjson")
    if orjson is None:
        return None
    try:
        text: bytes = orjson.dumps(value)
    except (ValueError, TypeError):
        return None
    return text


def write_cbor(value: Any) -> bytes | Issues:
    """Canonical DAG-CBOR of a tree of plain data."""
    data = _cbor_quickly(value)
    if data is None:
        try:
            data = dag_cbor.encode(value)
        except dag_cbor.CborError as error:
            return only("cbor", str(error))
    if len(data) > MAX_CBOR_BYTES:
        return only("record-size", f"the record is longer than {MAX_CBOR_BYTES} bytes")
    return data


def _cbor_quickly(value: Any) -> bytes | None:
    cbrrr = optional("cbrrr")
    if cbrrr is None:
        return None
    try:
        data: bytes = cbrrr.encode_dag_cbor(value, False, Link)
    except (ValueError, TypeError):
        return None
    return None if _suspect(data) else data

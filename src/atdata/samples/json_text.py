"""JSON in members: read strictly and bounded, written in one form.

NaN and infinite numbers are read and written as Python's ``json`` does, because tools that make
shards of metadata do.
"""

from __future__ import annotations

import json
import re
from typing import Any

from atdata.errors import SampleError
from atdata.samples.wire import MAX_VALUES

MAX_DEPTH = 100  # the same as for plain data in packed samples

# Possessive, and with or without an end: nothing is tried twice, whatever the bytes are.
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?')


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise SampleError("a JSON object holds a key twice")
    return found


_parse = json.JSONDecoder(object_pairs_hook=_unique).decode
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def parse_json(payload: bytes) -> Any:
    """Return the value of JSON bytes.

    Raises:
        SampleError: Not one JSON value in UTF-8, a key twice, nested deeper than 100 levels, or
            more values than a sample may hold.
    """
    try:
        _check_count(payload)
        value = _parse(str(payload, "utf-8"))
        if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH:
            _check_depth(value)
    except RecursionError:
        raise _too_deep() from None
    except SampleError:
        raise
    except ValueError as error:
        raise SampleError(f"not JSON in UTF-8: {error}") from None
    return value


def json_bytes(value: Any) -> bytes:
    """Return plain data as JSON that :func:`parse_json` reads back.

    Raises:
        SampleError: JSON can't hold it (bytes, for one), or it is too large or too deep.
    """
    try:
        payload = _dump(value).encode()
    except RecursionError:
        raise _too_deep() from None
    except (TypeError, ValueError) as error:
        raise SampleError(
            f"JSON can't hold it: {error}",
            hint='Keep it as msgpack or cbor: Annotated[T, Member("name.msgpack")].',
        ) from None
    _check_count(payload)
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    return payload


def _check_count(payload: bytes) -> None:
    """Refuse more values than readers of packed samples take, before they are made."""
    if len(payload) <= MAX_VALUES or _marks(payload) <= MAX_VALUES:
        return
    if _marks(_TEXTS.sub(b"", payload)) > MAX_VALUES:  # marks in texts are not of values
        raise SampleError(f"it holds more than {MAX_VALUES} values")


def _marks(payload: bytes) -> int:
    """Return the number of values, or more: each has a mark before it, or is the first."""
    return sum(map(payload.count, (b",", b"[", b"{")))


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [one for one in level if isinstance(one, list | tuple | dict)]
        if not containers:
            return
        level = [
            inner
            for one in containers
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    raise _too_deep()


def _too_deep() -> SampleError:
    return SampleError(f"it is nested deeper than {MAX_DEPTH} levels")

"""Validate files of records: JSON, NDJSON (one record a line) and DAG-CBOR.

Nothing is held in memory but the record at hand, and no more is read of a record than one may
have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any, Final, NamedTuple

from . import wire
from .catalog import class_of, parse
from .data import MAX_CBOR_BYTES, MAX_JSON_BYTES
from .errors import Issue, Issues, ValidationError

ENCODINGS: Final = ("json", "ndjson", "cbor")
_SUFFIXES: Final = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".cbor": "cbor",
    ".dagcbor": "cbor",
}


class Verdict(NamedTuple):
    """What became of one record; ``line`` is that of its start, from 1."""

    file: str
    line: int
    issues: tuple[Issue, ...]


def validate_stream(
    stream: IO[bytes],
    name: str,
    *,
    encoding: str | None = None,
    type_id: str | None = None,
    lenient: bool = False,
) -> Iterator[Verdict]:
    """Validate each record of a stream.

    Args:
        stream: Read to its end, forward only.
        name: The file's name, for verdicts; its suffix names the encoding.
        encoding: One of ``ENCODINGS``. None finds out by name and first bytes.
        type_id: The definition that every record is of. None asks its ``$type``.
        lenient: Also accept what older software wrote.
    """
    check = _checker(type_id, lenient)
    first = stream.readline(MAX_JSON_BYTES + 1)
    kind = encoding or _guess(name, first)
    if kind == "cbor":
        data = first + stream.read(max(0, MAX_CBOR_BYTES + 1 - len(first)))
        yield Verdict(name, 1, check(wire.parse_cbor(data)))
    elif kind == "json":
        text = first + stream.read(max(0, MAX_JSON_BYTES + 1 - len(first)))
        yield Verdict(name, 1, check(wire.parse_json(text)))
    else:
        for number, line in enumerate(_lines(first, stream), 1):
            if line.strip():
                yield Verdict(name, number, check(wire.parse_json(line)))


def _checker(type_id: str | None, lenient: bool) -> Callable[[Any], tuple[Issue, ...]]:
    read = parse if type_id is None else class_of(type_id).from_dict

    def check(value: Any) -> tuple[Issue, ...]:
        if type(value) is Issues:
            return tuple(value)
        try:
            read(value, lenient=lenient)
        except ValidationError as error:
            return error.issues
        return ()

    return check


def _guess(name: str, first: bytes) -> str:
    for suffix, encoding in _SUFFIXES.items():
        if name.lower().endswith(suffix):
            return encoding
    if first and first[0] >> 5 == 5:  # the head of a CBOR map, and no start of a JSON text
        return "cbor"
    is_whole = type(wire.parse_json(first)) is not Issues
    return "ndjson" if is_whole else "json"


def _lines(first: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    line = first
    while line:
        if len(line) > MAX_JSON_BYTES and not line.endswith(b"\n"):
            yield line  # too long, which its reader reports; the rest of it is skipped
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_JSON_BYTES)
        else:
            yield line
        line = stream.readline(MAX_JSON_BYTES + 1)

"""Changes to sound bytes and documents, all from one seeded source of chance."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

_LONGEST = 200_000
# Pieces that formats give a meaning: lengths, marks, numbers at the limits of their types.
_PIECES = [
    b"\0",
    b"\xff" * 4,
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x80",
    b"\xc1",
    b"\xd6\xff\0\0\0\0",
    b"\xdf\xff\xff\xff\xff",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x93NUMPY\x01\0",
    b"{0..99999}",
    b"{a,{b,c}}",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"'",
    b'"',
    b"[" * 2000,
    b"{",
    b"..",
    b"%00",
    b"\xed\xa0\x80",
    "\u202e".encode(),
    b"\r\n",
    b" ",
    b"ustar\0",
    b"\xd8\x2a\x58\x25",
]
_VALUES: list[Any] = [
    None,
    True,
    -1,
    2**63,
    2**64,
    10**400,
    1e308,
    float("inf"),
    float("nan"),
    "",
    "\0",
    "\ud800",
    "\u202e",
    "x" * 5000,
    "9" * 5000,
    "https://[",
    "at://",
    "../..",
    "{0..999999999}",
    [],
    {},
    [[]],
    {"$type": 5},
    {"$link": "x"},
    {"$bytes": "*"},
    {"": {}},
]


def mutated(data: bytes, chance: Random) -> bytes:
    """Change bytes in one to four places."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(changed) + 1)
        stop = min(len(changed), at + chance.choice((1, 1, 4, 64, 600)))
        match chance.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(changed):
                changed[at] = chance.randrange(256)
            case 2:
                del changed[at:stop]
            case 3:
                changed[at:at] = chance.choice(_PIECES)
            case 4:
                changed[at:at] = changed[at:stop] * chance.choice((1, 2, 50))
            case _:
                piece = chance.choice(_PIECES)
                changed[at : at + len(piece)] = piece
    return bytes(changed[:_LONGEST])


def mutated_document(document: Any, chance: Random) -> Any:
    """Change one to three values of a plain document, somewhere inside."""
    changed = json.loads(json.dumps(document))
    for _ in range(chance.choice((1, 1, 2, 3))):
        changed = _with_one_changed(changed, chance)
    return changed


def _with_one_changed(value: Any, chance: Random) -> Any:
    if not isinstance(value, dict | list) or not value or chance.random() < 0.15:
        return _other(value, chance)
    key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
    match chance.randrange(12):
        case 0:
            del value[key]
        case 1 if isinstance(value, dict):
            value[chance.choice(["", "\0", "$type", "__proto__", "x" * 300])] = value[key]
        case 1 if isinstance(value, list):
            value.extend(value[:50] * 3)
        case _:
            value[key] = _with_one_changed(value[key], chance)
    return value


def _other(value: Any, chance: Random) -> Any:
    match chance.randrange(5):
        case 0:
            return [value]
        case 1:
            return {"value": value}
        case 2 if isinstance(value, str):
            return mutated(value.encode("utf-8", "replace"), chance).decode("utf-8", "replace")
        case 3:
            deep: Any = value
            for _ in range(chance.choice((60, 200))):
                deep = [deep]
            return deep
        case _:
            return deepcopy(chance.choice(_VALUES))

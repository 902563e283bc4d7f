"""What a lexicon document may contain: the keywords of every type, as a table.

Source: the Lexicon specification of the AT Protocol. Some types take a few keywords more here
because the reference implementation does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

PRIMARY: Final = frozenset(("record", "query", "procedure", "subscription", "permission-set"))
NOT_DEFINABLE: Final = frozenset(("unknown", "ref", "union", "params"))
PARAMETER_TYPES: Final = frozenset(("boolean", "integer", "string"))


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_integer(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_size(value: Any) -> bool:
    return _is_integer(value) and value >= 0


def _is_object(value: Any) -> bool:
    return type(value) is dict


def _is_array(value: Any) -> bool:
    return type(value) is list


def _all_different(value: Any, each: Callable[[Any], bool]) -> bool:
    return type(value) is list and all(map(each, value)) and len(set(value)) == len(value)


def _is_texts(value: Any) -> bool:
    return _all_different(value, _is_text)


def _is_some_texts(value: Any) -> bool:
    return bool(value) and _is_texts(value)


def _is_some_integers(value: Any) -> bool:
    return bool(value) and _all_different(value, _is_integer)


Check = tuple[Callable[[Any], bool], str]

TEXT: Final[Check] = (_is_text, "a string")
FLAG: Final[Check] = (_is_flag, "a boolean")
INTEGER: Final[Check] = (_is_integer, "an integer")
SIZE: Final[Check] = (_is_size, "an integer of at least 0")
OBJECT: Final[Check] = (_is_object, "an object")
ARRAY: Final[Check] = (_is_array, "an array")
TEXTS: Final[Check] = (_is_texts, "an array of different strings")
SOME_TEXTS: Final[Check] = (_is_some_texts, "an array of at least one, all different, strings")
SOME_INTEGERS: Final[Check] = (
    _is_some_integers,
    "an array of at least one, all different, integers",
)

_ANY: Final[dict[str, Check]] = {"type": TEXT, "description": TEXT}

KEYWORDS: Final[Mapping[str, Mapping[str, Check]]] = {
    name: {**_ANY, **keywords}
    for name, keywords in {
        "boolean": {"default": FLAG, "const": FLAG},
        "integer": {
            "minimum": INTEGER,
            "maximum": INTEGER,
            "enum": SOME_INTEGERS,
            "default": INTEGER,
            "const": INTEGER,
        },
        "string": {
            "format": TEXT,
            "minLength": SIZE,
            "maxLength": SIZE,
            "minGraphemes": SIZE,
            "maxGraphemes": SIZE,
            "knownValues": TEXTS,
            "enum": SOME_TEXTS,
            "default": TEXT,
            "const": TEXT,
        },
        "bytes": {"minLength": SIZE, "maxLength": SIZE},
        "cid-link": {},
        "blob": {"accept": TEXTS, "maxSize": SIZE},
        "unknown": {},
        "token": {},
        "array": {"items": OBJECT, "minLength": SIZE, "maxLength": SIZE},
        "object": {"properties": OBJECT, "required": TEXTS, "nullable": TEXTS},
        "params": {"properties": OBJECT, "required": TEXTS},
        "ref": {"ref": TEXT},
        "union": {"refs": TEXTS, "closed": FLAG},
        "record": {"key": TEXT, "record": OBJECT},
        "query": {"parameters": OBJECT, "output": OBJECT, "errors": ARRAY},
        "procedure": {"parameters": OBJECT, "input": OBJECT, "output": OBJECT, "errors": ARRAY},
        "subscription": {"parameters": OBJECT, "message": OBJECT, "errors": ARRAY},
        "permission-set": {
            "title": TEXT,
            "title:lang": OBJECT,
            "detail": TEXT,
            "detail:lang": OBJECT,
            "permissions": ARRAY,
        },
    }.items()
}

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "array": ("items",),
    "ref": ("ref",),
    "union": ("refs",),
    "record": ("key", "record"),
    "permission-set": ("permissions",),
}

DOCUMENT: Final[Mapping[str, Check]] = {
    "$type": TEXT,
    "lexicon": INTEGER,
    "id": TEXT,
    "revision": INTEGER,
    "description": TEXT,
    "defs": OBJECT,
}
BODY: Final[Mapping[str, Check]] = {"description": TEXT, "encoding": TEXT, "schema": OBJECT}
MESSAGE: Final[Mapping[str, Check]] = {"description": TEXT, "schema": OBJECT}
ERROR: Final[Mapping[str, Check]] = {"name": TEXT, "description": TEXT}

LIMITS: Final = (
    ("minLength", "maxLength"),
    ("minGraphemes", "maxGraphemes"),
    ("minimum", "maximum"),
)

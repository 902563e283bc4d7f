"""Hypothesis strategies for records, derived from the same definitions as their readers.

Needs ``hypothesis``, the one thing in this package that is not in the standard library.

    from hypothesis import given
    from atdata_records import strategies

    @given(strategies.valid("ac.foundation.dataset.record"))
    def test_my_consumer(record: dict[str, Any]) -> None: ...
"""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta, timezone
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from . import cid
from .base import Object
from .catalog import class_of
from .checks import check_text
from .definitions import DEFINITIONS

__all__ = ["JsonDict", "valid", "valid_objects", "values"]

JsonDict = dict[str, Any]

# Each is one grapheme, also next to the others.
_GRAPHEMES: Final = ("a", "Z", "7", " ", "é", "ß", "日", "😀", "e\u0301", "🇩🇪", "👩‍🔬")
_WIDEST: Final = "👩‍🔬"
_ALNUM: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_MAX_DEPTH: Final = 6


def valid(type_id: str) -> st.SearchStrategy[JsonDict]:
    """JSON-shaped dicts that are valid values of a definition, given by its full id."""
    return _objects(type_id, 0, DEFINITIONS[type_id]["record"])


def valid_objects(type_id: str) -> st.SearchStrategy[Object]:
    """Objects of the definition's class."""
    return valid(type_id).map(class_of(type_id).from_dict)


@st.composite
def _objects(draw: st.DrawFn, type_id: str, depth: int, typed: bool) -> JsonDict:
    definition = DEFINITIONS[type_id]
    value: JsonDict = {"$type": type_id} if typed else {}
    for key, kind in definition["properties"].items():
        if key not in definition["required"] and (depth >= _MAX_DEPTH or draw(st.booleans())):
            continue
        if key in definition["nullable"] and draw(st.booleans()):
            value[key] = None
        else:
            value[key] = draw(values(kind, depth + 1))
    if draw(st.integers(0, 4)) == 0:
        extra = draw(st.dictionaries(_extra_keys, _data, max_size=2))
        value.update(
            (key, item) for key, item in extra.items() if key not in definition["properties"]
        )
    return value


def values(kind: JsonDict, depth: int = 0) -> st.SearchStrategy[Any]:
    """Valid values of a type, given as in ``definitions``."""
    if "const" in kind:
        return st.just(kind["const"])
    if "enum" in kind:
        return st.sampled_from(kind["enum"])
    match kind["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(kind.get("minimum", -(2**63)), kind.get("maximum", 2**63 - 1))
        case "string":
            return _strings(kind)
        case "bytes":
            return _bytes(kind)
        case "cid-link":
            return _cids.map(lambda text: {"$link": text})
        case "blob":
            return _blobs(kind)
        case "array":
            return _arrays(kind, depth)
        case "ref":
            return _objects(kind["ref"], depth, DEFINITIONS[kind["ref"]]["record"])
        case "union":
            return _unions(kind, depth)
        case "unknown":
            return _unknown
        case _:
            return _data


def _strings(kind: JsonDict) -> st.SearchStrategy[str]:
    limits = (
        kind.get("min_length", 0),
        kind.get("max_length", 2**63),
        kind.get("min_graphemes", 0),
        kind.get("max_graphemes", 2**63),
    )
    if "format" in kind:
        return _formats()[kind["format"]].filter(lambda text: check_text(text, *limits) is None)
    return _texts(*limits)


@st.composite
def _texts(
    draw: st.DrawFn, min_length: int, max_length: int, min_graphemes: int, max_graphemes: int
) -> str:
    most = min(max_graphemes, min_graphemes + 12)
    parts = draw(st.lists(st.sampled_from(_GRAPHEMES), min_size=min_graphemes, max_size=most))
    size = len("".join(parts).encode())
    for index, part in enumerate(parts):
        if size <= max_length:
            break
        size -= len(part.encode()) - 1
        parts[index] = "a"
    while len("".join(parts).encode()) > max_length:
        parts.pop()
    missing = min_length - len("".join(parts).encode())
    if missing > 0 and len(parts) + missing <= max_graphemes:
        parts += ["a"] * missing
    elif missing > 0:
        parts = [_WIDEST] * max(len(parts), min_graphemes, -(-min_length // len(_WIDEST.encode())))
    return "".join(parts)


def _bytes(kind: JsonDict) -> st.SearchStrategy[JsonDict]:
    low = kind.get("min_length", 0)
    high = min(kind.get("max_length", low + 64), low + 64)
    binary = st.binary(min_size=low, max_size=high)
    return binary.map(lambda b: {"$bytes": b64encode(b).decode().rstrip("=")})


def _blobs(kind: JsonDict) -> st.SearchStrategy[JsonDict]:
    accepted = [pattern.replace("*", "octet-stream") for pattern in kind.get("accept", ())]
    return st.fixed_dictionaries(
        {
            "$type": st.just("blob"),
            "ref": _digests.map(lambda d: {"$link": cid.from_digest(d, cid.RAW)}),
            "mimeType": st.sampled_from(accepted or ["application/x-tar", "image/png"]),
            "size": st.integers(0, kind.get("max_size", 2**53)),
        }
    )


def _arrays(kind: JsonDict, depth: int) -> st.SearchStrategy[list[Any]]:
    low = kind.get("min_length", 0)
    high = low if depth >= _MAX_DEPTH else min(kind.get("max_length", low + 4), low + 4)
    # Long lists of items that are drawn one by one take long: the rest of them is repeated.
    drawn = st.lists(values(kind["items"], depth + 1), min_size=min(low, 8), max_size=min(high, 8))
    return drawn.map(lambda items: items + items[:1] * (low - len(items)))


def _unions(kind: JsonDict, depth: int) -> st.SearchStrategy[JsonDict]:
    members = [_objects(type_id, depth, True) for type_id in kind["refs"]]
    if not kind["closed"]:
        members.append(_variants)
    return st.one_of(members)


_digests = st.binary(min_size=32, max_size=32)
_cids = st.builds(cid.from_digest, _digests, st.sampled_from((cid.RAW, cid.DAG_CBOR)))
_extra_keys = st.text(_ALNUM, min_size=1, max_size=8).map(lambda key: f"x-{key}")
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=12),
    _cids.map(lambda text: {"$link": text}),
)
_data: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_extra_keys, inner, max_size=3),
    max_leaves=6,
)
_unknown = st.dictionaries(_extra_keys, _data, max_size=3)
_variants = _unknown.map(lambda data: {"$type": "org.example.unheard#of", **data})


@cache
def _formats() -> dict[str, st.SearchStrategy[str]]:
    label = st.text(_ALNUM, min_size=1, max_size=10)
    name = st.text("abcdefghij", min_size=1, max_size=10)
    handle = st.lists(label, min_size=1, max_size=3).map(".".join).map(lambda h: f"{h}.test")
    did = st.one_of(
        st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=24, max_size=24).map(
            "did:plc:{}".format
        ),
        handle.map("did:web:{}".format),
    )
    nsid = st.builds("com.{}.{}".format, label, name)
    record_key = st.text(_ALNUM + "_~.:-", min_size=3, max_size=20).filter(lambda k: k != "...")
    at_identifier = did | handle
    return {
        "at-identifier": at_identifier,
        "at-uri": st.one_of(
            at_identifier.map("at://{}".format),
            st.builds("at://{}/{}/{}".format, at_identifier, nsid, record_key),
        ),
        "cid": _cids,
        "datetime": st.builds(_datetime, st.datetimes(), st.integers(-14 * 60, 14 * 60)),
        "did": did,
        "handle": handle,
        "language": st.sampled_from(("en", "de-CH-1901", "zh-Hant", "i-navajo", "pt-BR")),
        "nsid": nsid,
        "record-key": record_key,
        "tid": st.builds(
            "{}{}".format,
            st.sampled_from("234567abcdefghij"),
            st.text("234567abcdefghijklmnopqrstuvwxyz", min_size=12, max_size=12),
        ),
        "uri": st.builds(
            "{}://{}/{}".format, st.sampled_from(("https", "s3", "gs")), handle, label
        ),
    }


def _datetime(moment: Any, minutes: int) -> str:
    text: str = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()
    return text.replace("+00:00", "Z")

"""Strategies for records that are invalid in one place, which is known.

A test that a consumer refuses bad records shows more when it knows what is bad about them.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from . import cid
from .definitions import DEFINITIONS
from .strategies import JsonDict, valid

__all__ = ["REMOVED", "Invalid", "Mutation", "Parts", "invalid", "mutated", "mutations"]

Parts = tuple[str | int, ...]


class Mutation(NamedTuple):
    """One way to break a record: ``value`` at ``parts``, or nothing there when it is REMOVED."""

    parts: Parts
    value: Any
    what: str


class Invalid(NamedTuple):
    """A record that is invalid, and the place and kind of what is wrong with it."""

    record: JsonDict
    parts: Parts
    what: str


REMOVED: Final = object()
_FLOAT: Final = 0.5
_TOO_LARGE: Final = 2**63


@st.composite
def invalid(draw: st.DrawFn, type_id: str) -> Invalid:
    """Records of a definition with one thing wrong."""
    record = draw(valid(type_id))
    typed = DEFINITIONS[type_id]["record"]
    mutation = draw(st.sampled_from(list(mutations(record, type_id, typed=typed))))
    return Invalid(mutated(record, mutation), mutation.parts, mutation.what)


def mutated(record: JsonDict, mutation: Mutation) -> JsonDict:
    """A copy of a record with a mutation applied."""
    copy = deepcopy(record)
    *way, last = mutation.parts
    place: Any = copy
    for part in way:
        place = place[part]
    if mutation.value is REMOVED:
        del place[last]
    else:
        place[last] = mutation.value
    return copy


def mutations(
    value: JsonDict, type_id: str, parts: Parts = (), *, typed: bool
) -> Iterator[Mutation]:
    """Every mutation of a valid object that certainly makes it invalid."""
    definition = DEFINITIONS[type_id]
    yield Mutation((*parts, "x-float"), _FLOAT, "a float")
    yield Mutation((*parts, "x-large"), [_TOO_LARGE], "an integer that is too large")
    if typed:
        yield Mutation((*parts, "$type"), REMOVED, "no $type")
        yield Mutation((*parts, "$type"), 7, "a $type that is not a string")
    for key, kind in definition["properties"].items():
        place = (*parts, key)
        if key not in definition["nullable"]:
            yield Mutation(place, None, "null")
        if key in definition["required"]:
            yield Mutation(place, REMOVED, "missing")
        yield from _of_type(kind, place)
        if value.get(key) is not None:
            yield from _inside(value[key], kind, place)


def _inside(value: Any, kind: JsonDict, parts: Parts) -> Iterator[Mutation]:
    """Mutations below a value that is there."""
    match kind["type"]:
        case "ref":
            typed = DEFINITIONS[kind["ref"]]["record"]
            yield from mutations(value, kind["ref"], parts, typed=typed)
        case "union":
            if value["$type"] in kind["refs"]:
                yield from mutations(value, value["$type"], parts, typed=True)
            else:
                yield Mutation((*parts, "$type"), REMOVED, "no $type")
        case "array":
            for index, item in enumerate(value[:3]):
                yield Mutation((*parts, index), None, "null")
                yield from _of_type(kind["items"], (*parts, index))
                yield from _inside(item, kind["items"], (*parts, index))


def _of_type(kind: JsonDict, parts: Parts) -> Iterator[Mutation]:
    """Values that no value of this type is."""
    yield Mutation(parts, _FLOAT, "a float")
    if kind["type"] == "opaque":
        return
    if kind["type"] not in ("integer", "boolean"):
        yield Mutation(parts, 12, "another type")
    if kind["type"] != "array":
        yield Mutation(parts, [], "another type")
    if kind["type"] not in ("ref", "union", "unknown"):
        yield Mutation(parts, {}, "another type")
    if kind["type"] != "string":
        yield Mutation(parts, "text", "another type")
    if "const" in kind or "enum" in kind:
        yield from _other_values(kind, parts)
        return
    yield from _out_of_limits(kind, parts)


def _other_values(kind: JsonDict, parts: Parts) -> Iterator[Mutation]:
    allowed = [kind["const"]] if "const" in kind else list(kind["enum"])
    if kind["type"] == "boolean":
        yield Mutation(parts, not allowed[0], "another value")
    elif kind["type"] == "integer":
        other = next(number for number in range(len(allowed) + 1) if number not in allowed)
        yield Mutation(parts, other, "another value")
    else:
        yield Mutation(parts, max(allowed, key=len) + "x", "another value")


def _out_of_limits(kind: JsonDict, parts: Parts) -> Iterator[Mutation]:
    match kind["type"]:
        case "integer":
            low, high = kind.get("minimum", -(2**63)), kind.get("maximum", 2**63 - 1)
            yield Mutation(parts, low - 1, "too small")
            yield Mutation(parts, high + 1, "too large")
        case "string":
            if kind.get("min_length", 0) or kind.get("min_graphemes", 0) or "format" in kind:
                yield Mutation(parts, "", "too short")
            limits = [kind[name] for name in ("max_length", "max_graphemes") if name in kind]
            if limits:
                yield Mutation(parts, "x" * (min(limits) + 1), "too long")
            yield Mutation(parts, "\ud800", "half a surrogate pair")
        case "bytes":
            yield Mutation(parts, {"$bytes": "?"}, "no base64")
            yield Mutation(parts, {"$bytes": "", "x": 1}, "another key")
        case "cid-link":
            yield Mutation(
                parts, {"$link": "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"}, "CIDv0"
            )
        case "blob":
            yield Mutation(parts, {"$type": "blob"}, "missing keys")
            yield from _bad_blobs(kind, parts)
        case "array":
            if kind.get("min_length", 0):
                yield Mutation(parts, [], "too short")
        case "union" | "unknown":
            yield Mutation(parts, {"$bytes": ""}, "bytes")


def _bad_blobs(kind: JsonDict, parts: Parts) -> Iterator[Mutation]:
    accept = [pattern.replace("*", "x") for pattern in kind.get("accept", ["image/png"])]
    good = {
        "$type": "blob",
        "ref": {"$link": cid.from_digest(bytes(32), cid.RAW)},
        "mimeType": accept[0],
        "size": 0,
    }
    other = {"$link": cid.from_digest(bytes(32), cid.DAG_CBOR)}
    yield Mutation(parts, {**good, "ref": other}, "a blob with the codec dag-cbor")
    if "max_size" in kind:
        yield Mutation(parts, {**good, "size": kind["max_size"] + 1}, "a blob that is too large")
    if "accept" in kind and "*/*" not in kind["accept"]:
        other_type = {**good, "mimeType": "x-none/x-none"}
        yield Mutation(parts, other_type, "a blob of another media type")

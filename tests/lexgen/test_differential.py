"""Generated readers against a small interpreter of the intermediate form, on random lexicons."""

from __future__ import annotations

import importlib
import json
import random
from base64 import b64decode
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from atdata_records import cid
from atdata_records.formats import FORMATS
from atdata_records.graphemes import count_graphemes
from lexgen import ir
from lexgen.catalog import load_files

LEXICONS = 24
EXAMPLES = 25

Parts = tuple[str | int, ...]
Found = Iterator[tuple[Parts, str]]


class Interpreter:
    """Reads a value along the definitions, and yields place and code of every issue."""

    def __init__(self, catalog: ir.Catalog) -> None:
        self.catalog = catalog

    def object(self, value: Any, definition: ir.Object, at: Parts, *, typed: bool = False) -> Found:
        if type(value) is not dict:
            yield at, "type"
            return
        if definition.typed:
            yield from self.type_name(value, definition, at, required=definition.is_record or typed)
        for field in definition.fields:
            if field.key not in value:
                if field.required:
                    yield (*at, field.key), "required"
            elif value[field.key] is None:
                if not field.nullable:
                    yield (*at, field.key), "null"
            else:
                yield from self.value(value[field.key], field.type, (*at, field.key))
        known = {field.key for field in definition.fields}
        for key, item in value.items():
            if key not in known and not (key == "$type" and definition.typed):
                yield from self.data(item, (*at, key))

    def type_name(
        self, value: dict[str, Any], definition: ir.Object, at: Parts, *, required: bool
    ) -> Found:
        if "$type" not in value:
            if required:
                yield (*at, "$type"), "required"
        elif value["$type"] != definition.id.full:
            yield (*at, "$type"), "null" if value["$type"] is None else "type-name"

    def value(self, value: Any, kind: ir.Type, at: Parts) -> Found:
        match kind:
            case ir.Boolean():
                yield from self.plain(value, bool, kind, at)
            case ir.Integer():
                yield from self.plain(value, int, kind, at)
            case ir.String():
                yield from self.plain(value, str, kind, at)
            case ir.Array():
                yield from self.array(value, kind, at)
            case ir.Ref(target=target):
                yield from self.object(value, self.catalog.object(target), at)
            case ir.Union():
                yield from self.union(value, kind, at)
            case ir.Bytes():
                yield from self.bytes(value, kind, at)
            case ir.Blob():
                yield from self.blob(value, kind, at)
            case ir.Link():
                yield from self.link(value, at)
            case ir.Unknown():
                special = type(value) is dict and (
                    "$link" in value or "$bytes" in value or value.get("$type") == "blob"
                )
                if type(value) is not dict or special:
                    yield at, "type"
                else:
                    yield from self.data(value, at)

    def plain(
        self, value: Any, python: type, kind: ir.Boolean | ir.Integer | ir.String, at: Parts
    ) -> Found:
        enum = None if isinstance(kind, ir.Boolean) else kind.enum
        if type(value) is not python:
            yield at, "type"
        elif kind.const is not None:
            if value != kind.const:
                yield at, "const"
        elif enum is not None:
            if value not in enum:
                yield at, "enum"
        elif isinstance(kind, ir.Integer):
            low = -(2**63) if kind.minimum is None else kind.minimum
            high = 2**63 - 1 if kind.maximum is None else kind.maximum
            if not -(2**63) <= value < 2**63:
                yield at, "integer-range"
            elif not low <= value <= high:
                yield at, "minimum" if value < low else "maximum"
        elif isinstance(kind, ir.String):
            yield from self.text(value, kind, at)

    def text(self, value: str, kind: ir.String, at: Parts) -> Found:
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            only_format = kind == ir.String(format=kind.format) and kind.format is not None
            yield at, "format" if only_format else "unicode"
            return
        graphemes = count_graphemes(value)
        if kind.max_length is not None and size > kind.max_length:
            yield at, "max-length"
        elif kind.min_length is not None and size < kind.min_length:
            yield at, "min-length"
        elif kind.max_graphemes is not None and graphemes > kind.max_graphemes:
            yield at, "max-graphemes"
        elif kind.min_graphemes is not None and graphemes < kind.min_graphemes:
            yield at, "min-graphemes"
        elif kind.format is not None and not FORMATS[kind.format](value):
            yield at, "format"

    def array(self, value: Any, kind: ir.Array, at: Parts) -> Found:
        if type(value) is not list:
            yield at, "type"
        elif kind.min_length is not None and len(value) < kind.min_length:
            yield at, "min-length"
        elif kind.max_length is not None and len(value) > kind.max_length:
            yield at, "max-length"
        else:
            for index, item in enumerate(value):
                yield from self.value(item, kind.items, (*at, index))

    def union(self, value: Any, kind: ir.Union, at: Parts) -> Found:
        if type(value) is not dict:
            yield at, "type"
            return
        for member in kind.members:
            if value.get("$type") == member.full:
                yield from self.object(value, self.catalog.object(member), at, typed=True)
                return
        if "$type" not in value:
            yield (*at, "$type"), "required"
        elif kind.closed:
            yield (*at, "$type"), "union"
        elif type(value["$type"]) is not str or value["$type"] in ("", "blob"):
            yield (*at, "$type"), "type-name"
        else:
            yield from self.data(value, at)

    def bytes(self, value: Any, kind: ir.Bytes, at: Parts) -> Found:
        if type(value) is not dict or "$bytes" not in value:
            yield at, "type"
        elif len(value) > 1 or type(value["$bytes"]) is not str or "?" in value["$bytes"]:
            yield at, "bytes"
        else:
            text = value["$bytes"].rstrip("=")
            size = len(b64decode(text + "=" * (-len(text) % 4)))
            if kind.min_length is not None and size < kind.min_length:
                yield at, "min-length"
            elif kind.max_length is not None and size > kind.max_length:
                yield at, "max-length"

    def link(self, value: Any, at: Parts) -> Found:
        if type(value) is not dict or "$link" not in value:
            yield at, "type"
        elif len(value) > 1 or not cid.is_cid(str(value["$link"])):
            yield at, "link"

    def blob(self, value: Any, kind: ir.Blob, at: Parts) -> Found:
        if type(value) is not dict:
            yield at, "type"
            return
        if value.get("$type") != "blob":
            yield (*at, "$type"), "blob"
        if set(value) != {"$type", "ref", "mimeType", "size"}:
            yield at, "blob"
        problems = list(self.link(value.get("ref"), (*at, "ref")))
        yield from problems
        if not problems and cid.codec(value["ref"]["$link"]) != cid.RAW:
            yield (*at, "ref"), "blob"
        size, mime_type = value.get("size"), value.get("mimeType")
        if type(size) is not int or size < 0:
            yield (*at, "size"), "blob"
        elif kind.max_size is not None and size > kind.max_size:
            yield (*at, "size"), "max-size"
        if type(mime_type) is not str:
            yield (*at, "mimeType"), "blob"
        elif kind.accept is not None and not any(
            pattern in ("*/*", mime_type) or mime_type.partition("/")[0] + "/*" == pattern
            for pattern in kind.accept
        ):
            yield (*at, "mimeType"), "accept"

    def data(self, value: Any, at: Parts) -> Found:
        if type(value) is float:
            yield at, "float"
        elif type(value) is int and not -(2**63) <= value < 2**63:
            yield at, "integer-range"
        elif type(value) is list:
            for index, item in enumerate(value):
                yield from self.data(item, (*at, index))
        elif type(value) is dict and "$link" in value:
            yield from self.link(value, at)
        elif type(value) is dict:
            for key, item in value.items():
                yield from self.data(item, (*at, key))


_KEYS = (
    *("class", "type", "bytes", "list", "property", "cid-link", "def", "None", "extra", "cid"),
    *("validate", "fromDict", "self", "camelCaseName", "ALLCAPS", "with space", "naïve", "3d"),
    *("__init__", "__class__", "value", "name", "n", "v", "issues", "lenient", "hash", "json"),
)  # fmt: skip
_FORMATS = sorted(FORMATS)


class LexiconMaker:
    """Makes a random lexicon that is sound."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.nsid = f"org.example.random{seed}"
        self.objects = [f"part{number}" for number in range(self.chance.randint(1, 4))]

    def document(self) -> dict[str, Any]:
        record = {"type": "record", "key": "any", "record": self.object(8)}
        parts = {name: self.object(4) for name in self.objects}
        return {"lexicon": 1, "id": self.nsid, "defs": {"main": record, **parts}}

    def object(self, most: int) -> dict[str, Any]:
        keys = self.chance.sample(_KEYS, self.chance.randint(1, most))
        properties = {key: self.type(0) for key in keys}
        # What is required must not contain itself, or nothing would ever be valid.
        plain = [key for key in keys if properties[key]["type"] not in ("ref", "union", "array")]
        return {
            "type": "object",
            "properties": properties,
            "required": [key for key in plain if self.chance.random() < 0.4],
            "nullable": [key for key in keys if self.chance.random() < 0.15],
        }

    def type(self, depth: int) -> dict[str, Any]:
        makers = [self.boolean, self.integer, self.string, self.string, self.bytes, self.blob]
        makers += [lambda: {"type": "cid-link"}, lambda: {"type": "unknown"}, self.ref, self.union]
        if depth < 2:
            makers.append(lambda: self.array(depth + 1))
        return self.chance.choice(makers)()

    def range(self, low: str, high: str, most: int) -> dict[str, int]:
        """Some of two limits, in order."""
        first, last = sorted((self.chance.randint(0, most), self.chance.randint(1, most)))
        given = {low: first, high: max(last, 1)}
        return {key: given[key] for key in given if self.chance.random() < 0.5}

    def boolean(self) -> dict[str, Any]:
        return self.chance.choice([{}, {"const": True}, {"default": False}]) | {"type": "boolean"}

    def integer(self) -> dict[str, Any]:
        limits = self.range("minimum", "maximum", 100)
        return self.chance.choice([limits, limits, {"const": 7}, {"enum": [4, 9]}]) | {
            "type": "integer"
        }

    def string(self) -> dict[str, Any]:
        lengths = self.range("minLength", "maxLength", 60)
        graphemes = self.range("minGraphemes", "maxGraphemes", 12)
        options: list[dict[str, Any]] = [
            {"format": self.chance.choice(_FORMATS)},
            {"enum": ["fish", "tree"]},
            {"knownValues": ["a", "b"]},
            lengths,
            graphemes,
            # A grapheme is one byte at least, and the widest one that is drawn 11.
            {**graphemes, "maxLength": 200},
            {"maxLength": 500, "format": "uri"},
        ]
        return self.chance.choice(options) | {"type": "string"}

    def bytes(self) -> dict[str, Any]:
        return {"type": "bytes", **self.range("minLength", "maxLength", 40)}

    def blob(self) -> dict[str, Any]:
        options = [
            {},
            {"maxSize": 1000},
            {"accept": ["image/*", "text/plain"]},
            {"accept": ["*/*"]},
        ]
        return self.chance.choice(options) | {"type": "blob"}

    def array(self, depth: int) -> dict[str, Any]:
        limits = self.range("minLength", "maxLength", 4)
        return {"type": "array", "items": self.type(depth), **limits}

    def ref(self) -> dict[str, Any]:
        return {"type": "ref", "ref": f"#{self.chance.choice(self.objects)}"}

    def union(self) -> dict[str, Any]:
        members = self.chance.sample(self.objects, self.chance.randint(1, len(self.objects)))
        refs = [f"{self.chance.choice(['', self.nsid])}#{member}" for member in members]
        return {"type": "union", "refs": refs, "closed": self.chance.random() < 0.4}


def test_generated_readers_agree_with_the_interpreter(generate: Callable[..., ModuleType]) -> None:
    compared = sum(compare_on_random_lexicon(seed, generate) for seed in range(LEXICONS))
    assert compared >= 20_000


def compare_on_random_lexicon(seed: int, generate: Callable[..., ModuleType]) -> int:
    """Compare on many records of one lexicon; returns how many there were."""
    document = LexiconMaker(seed).document()
    package = generate([document])
    nsid = document["id"]
    path = nsid.replace(".", "/") + ".json"
    catalog = load_files({path: json.dumps(document).encode()}).sound_catalog()
    definition = catalog.object(ir.DefId(nsid, "main"))
    interpreter = Interpreter(catalog)
    strategies = importlib.import_module(f"{package.__name__}.strategies")
    mutations = importlib.import_module(f"{package.__name__}.mutations")
    records = 0

    def compare(record: dict[str, Any]) -> list[tuple[Parts, str]]:
        nonlocal records
        records += 1
        issues = [(issue.parts, issue.code) for issue in package.check(record)]
        expected = sorted(interpreter.object(record, definition, ()), key=repr)
        assert sorted(issues, key=repr) == expected, (seed, record)
        return expected

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.valid(nsid))
    def run(record: dict[str, Any]) -> None:
        assert compare(record) == []
        built = package.parse(record)
        assert built.to_dict() == record
        plain = importlib.import_module(f"{package.__name__}.data").read_data(record, 0)
        encoded = importlib.import_module(f"{package.__name__}.dag_cbor").encode(plain)
        assert built.to_cbor() == encoded
        assert type(built).from_cbor(encoded) == built
        assert built.cid() == cid.of_cbor(encoded)
        for mutation in mutations.mutations(record, nsid, typed=True):
            found = compare(mutations.mutated(record, mutation))
            parts = mutation.parts
            assert any(at[: len(parts)] == parts for at, _ in found), (mutation, record)

    run()
    return records

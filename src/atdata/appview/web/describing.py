"""Descriptions of datasets and schemas, for pages and for other catalogs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from atdata.appview.proxy.shards import RemoteShard, RemoteShards
from atdata.errors import AtdataError
from atdata.samples.canonical import parse_document
from atdata.samples.schema import record_document
from atdata.shards.info import ShardInfo, content_cid
from atdata_records import cid
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from atdata_records.ac.foundation.dataset.views import Dataset

MOST_FILES = 200
_MOST_FIELDS = 1000  # as many as a sample type has at most
_LONGEST = 2000  # characters of a field's name, type or description
_LONGEST_WORD = 80
_LONGEST_DOCUMENT = 64 * 2**10
_GROWTH = 4
_DEEPEST = 8
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


@dataclass(frozen=True, slots=True)
class Field:
    """A row of a schema's table."""

    name: str
    kind: str
    is_required: bool
    description: str


def fields_of(schema: SampleSchema) -> list[Field] | None:
    """Return the first fields of a sample type; None when its document has an unknown format."""
    try:
        document = record_document(schema)
    except AtdataError:
        return None
    properties = document.get("properties")
    if not isinstance(properties, dict):
        return None
    order = _texts(document.get("x-atdata-order"))
    names = dict.fromkeys([*(name for name in order if name in properties), *properties])
    required = set(_texts(document.get("required")))
    return [
        _field(name, properties[name], name in required) for name in islice(names, _MOST_FIELDS)
    ]


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _field(name: str, document: Any, is_required: bool) -> Field:
    description = document.get("description") if isinstance(document, dict) else None
    text = description if isinstance(description, str) else ""
    return Field(name[:_LONGEST], _kind(document)[:_LONGEST], is_required, text[:_LONGEST])


def _kind(document: Any, depth: int = 0) -> str:
    """Return a type in words, as far as possible for documents that are not of a sample type."""
    if not isinstance(document, dict) or depth > _DEEPEST:
        return "any"
    ours = document.get("x-atdata-type")
    if ours == "array":
        return _array_kind(document)
    if isinstance(options := document.get("anyOf"), list):
        return " or ".join(_kind(option, depth + 1) for option in options[:8])
    if "$ref" in document:
        return _word(document["$ref"]).rpartition("/")[2]
    if isinstance(values := document.get("enum"), list):
        return f"one of {', '.join(map(_word, values[:8]))}"
    kind = _word(ours or document.get("type", "any"))
    if kind == "array":
        return f"list of {_kind(document.get('items'), depth + 1)}"
    return kind


def _array_kind(document: dict[str, Any]) -> str:
    shape = document.get("x-atdata-shape")
    lengths = shape[:8] if isinstance(shape, list) else []
    sizes = ["any" if length is None else _word(length) for length in lengths]
    words = ["array", _word(document.get("x-atdata-dtype", "")), " x ".join(sizes)]
    return " ".join(words).strip()


def _word(value: Any) -> str:
    return str(value)[:_LONGEST_WORD] if isinstance(value, str | int | float) else "?"


def document_of(schema: SampleSchema) -> str | None:
    """Return a schema's document as a page shows it: indented, unless that is too long."""
    text = getattr(schema.schema, "text", None)
    if not isinstance(text, str):
        return None
    if len(text) > _LONGEST_DOCUMENT:
        return f"{text[:_LONGEST_DOCUMENT]}…"
    try:
        # Deep documents grow with the square of their depth when they are indented.
        pieces = json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(parse_document(text))
        indented = "".join(_at_most(pieces, _GROWTH * _LONGEST_DOCUMENT))
    except (AtdataError, RecursionError):
        return text
    return indented or text


def _at_most(pieces: Iterable[str], most: int) -> list[str]:
    """Return the pieces; an empty list when they are longer together."""
    taken, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > most:
            return []
        taken.append(piece)
    return taken


def size_text(size: int) -> str:
    """Return a number of bytes in readable form."""
    number = float(size)
    for unit in _UNITS:
        if number < 1024 or unit == _UNITS[-1]:
            break
        number /= 1024
    return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"


def trust(record: Record, shards: RemoteShards, schema_cid: str | None) -> tuple[str, str]:
    """Return how far the data can be checked: ``good``, ``fair`` or ``bad``, and a sentence."""
    infos = shards.infos
    if infos is None:
        return (
            "fair",
            "The record contains no digests of its shards, so their bytes can't be verified.",
        )
    if schema_cid and record.schema_cid and schema_cid != record.schema_cid:
        return "bad", "The content of the schema differs from what the record states."
    if record.content_cid is None or record.schema_cid is None:
        return "good", "Every shard has a digest; its bytes are verified while they stream."
    counted = [info for info in infos if isinstance(info, ShardInfo)]
    if len(counted) != len(infos):
        return "good", "Every shard has a digest; its bytes are verified while they stream."
    if content_cid(record.schema_cid, counted) != record.content_cid:
        return "bad", "The list of shards does not match the content CID."
    return "good", (
        "The schema and the list of shards match the content CID; the bytes of each shard are "
        "verified while they stream."
    )


def snippets(view: Dataset, wds: str | None, first: str | None) -> list[tuple[str, str]]:
    """Return code that loads a dataset, as pairs of tool and text. Names can't end their quotes.

    Args:
        view: The dataset.
        wds: URL of all shards at this service; None when they can't be listed.
        first: URL of the first shard.
    """
    ref = _quoted(f"@{view.handle or view.did}/{view.name}")
    load = f'ds = atdata.load_dataset({ref}, split="train")'
    made = [("atdata", f"import atdata\n\n{load}\nfor sample in ds.ordered():\n    ...")]
    if wds and first:
        call = f"wds.WebDataset({_quoted(wds)}, shardshuffle=False)"
        made.append(("webdataset", f"import webdataset as wds\n\nds = {call}"))
        made.append(("curl", f"curl -O {shlex.quote(first)}"))
    return made


def _quoted(text: str) -> str:
    """Return a literal of Python; characters that can't be printed are escaped."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def croissant(view: Dataset, page: str, files: list[tuple[str, RemoteShard]]) -> dict[str, Any]:
    """Return a dataset as Croissant 1.0 (mlcommons.org/croissant), as far as that can express it.

    Args:
        view: The dataset.
        page: URL of its page.
        files: URL of each of the first shards at this service, and what is known of it.
    """
    checked = [(url, shard.info) for url, shard in files if shard.info is not None]
    author = view.handle or view.did
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": view.name,
        "description": view.description or view.name,
        "url": page,
        "license": view.license or "unknown",
        "creator": {"@type": "sc:Person", "name": author, "url": f"at://{view.did}"},
        "datePublished": view.created_at,
        "version": "1.0.0",
        "citeAs": f"{author}: {view.name}. {view.uri}",
        "keywords": list(view.tags or ()),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"shard-{number:06d}",
                "name": f"shard-{number:06d}",
                "contentUrl": url,
                "contentSize": f"{info.size} B",
                "encodingFormat": "application/x-tar",
                "sha256": cid.digest(info.cid).hex(),
            }
            for number, (url, info) in enumerate(checked)
        ],
    }


# As Croissant's specification prescribes it.
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

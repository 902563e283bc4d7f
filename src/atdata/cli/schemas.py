"""``atdata schema``: the schemas in an index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import click

from atdata.cli.find import index_of
from atdata.cli.output import json_option, print_fields, print_json, print_list


@click.group()
def schema() -> None:
    """List and show sample schemas."""


@schema.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the schemas of the local index."""
    records = [dict(record) for record in index_of("").list_schemas()]
    empty = "no schemas yet: LocalIndex().publish_schema(SampleType)"
    print_list(records, itemgetter("name", "version"), as_json=as_json, empty=empty)


@schema.command()
@click.argument("reference")
@json_option
def show(reference: str, as_json: bool) -> None:
    """Show one schema.

    REFERENCE is `Name@version` in the local index, or the URI of a schema.
    """
    if "://" not in reference:
        reference = f"atdata://local/sampleSchema/{reference}"
    record = index_of(reference).get_schema(reference)
    if as_json:
        print_json(dict(record))
        return
    document = json.loads(record["schema"]["text"])
    print_fields(
        [
            ("name", record["name"]),
            ("version", record["version"]),
            ("description", record.get("description") or document.get("description")),
            ("fields", described_fields(document)),
        ]
    )


def described_fields(document: Mapping[str, Any]) -> list[str]:
    """Return the fields in a schema document, each with its kind in words."""
    required = set(document.get("required", ()))
    properties = document.get("properties", {})
    names = document.get("x-atdata-order") or list(properties)
    return [f"{name}{'' if name in required else '?'}: {_kind(properties[name])}" for name in names]


def _kind(field: Mapping[str, Any]) -> str:
    """Return one kind of value in words; for keywords, see :mod:`atdata.samples.schema`."""
    if "anyOf" in field:
        return " or ".join(_kind(choice) for choice in field["anyOf"])
    if "enum" in field:
        return "one of " + ", ".join(map(repr, field["enum"]))
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    kind = field.get("x-atdata-type") or field.get("type", "any")
    if kind == "array" and "items" in field:
        return f"list of {_kind(field['items'])}"
    shape = " x ".join(
        "?" if axis is None else str(axis) for axis in field.get("x-atdata-shape", ())
    )
    return " ".join(filter(None, (field.get("x-atdata-dtype"), shape, kind)))

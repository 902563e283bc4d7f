"""``atdata schema``: sample types that an index holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from atdata.cli.find import index_of
from atdata.cli.output import json_option, print_fields, print_json, print_table


@click.group()
def schema() -> None:
    """List and show sample schemas."""


@schema.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the schemas of the local index."""
    records = list(index_of("").list_schemas())
    if as_json:
        print_json([dict(record) for record in records])
    else:
        rows = ((record["name"], record["version"]) for record in records)
        print_table(rows, empty="no schemas yet: LocalIndex().publish_schema(SampleType)")


@schema.command()
@click.argument("reference")
@json_option
def show(reference: str, as_json: bool) -> None:
    """Show one schema: its reference, or `Name@version` in the local index."""
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
            ("fields", _fields(document)),
        ]
    )


def _fields(document: Mapping[str, Any]) -> list[str]:
    required = set(document.get("required", ()))
    return [
        f"{name}{'' if name in required else '?'}: {_kind(field)}"
        for name, field in document.get("properties", {}).items()
    ]


def _kind(field: Mapping[str, Any]) -> str:
    return str(field.get("type") or field.get("$ref") or "any")

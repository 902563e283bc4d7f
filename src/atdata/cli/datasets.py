"""``atdata dataset``: the datasets in an index."""

from __future__ import annotations

from typing import Any

import click

from atdata._protocols import AbstractIndex, DetailedEntry, IndexEntry
from atdata.base.display import counted
from atdata.cli.find import index_of
from atdata.cli.lifecycle import COMMANDS
from atdata.cli.output import json_option, print_fields, print_json, print_list, print_table
from atdata.cli.schemas import described_fields
from atdata.errors import AtdataError
from atdata.samples.canonical import parse_document
from atdata.shards.info import known_infos


@click.group()
def dataset() -> None:
    """List, show, check, publish and pack datasets."""


for command in COMMANDS:
    dataset.add_command(command)


@dataset.command("list")
@click.argument("repository", required=False)
@json_option
def list_(repository: str | None, as_json: bool) -> None:
    """List the datasets of an index.

    This is the local index, or with REPOSITORY (@handle) what that account has published.
    """
    print_list(
        _entries(repository),
        lambda entry: (entry.name, entry.schema_ref, _count(entry)),
        item=_facts,
        as_json=as_json,
        empty="no datasets yet: LocalIndex().insert_dataset(ds, name=...)",
    )


@dataset.command()
@click.argument("reference")
@json_option
def show(reference: str, as_json: bool) -> None:
    """Show one dataset.

    REFERENCE is a name in the local index, @handle/name, or an at:// URI.
    """
    index = index_of(reference)
    entry = index.get_dataset(reference)
    facts = _facts(entry)
    if as_json:
        print_json(facts)
    else:
        facts["fields"] = _fields(index, entry)
        print_fields((name.replace("_", " "), value) for name, value in facts.items())


@dataset.command()
@click.argument("old", required=False, default="")
@click.argument("new", required=False, default="")
@json_option
def relocate(old: str, new: str, as_json: bool) -> None:
    """Update the local index after shards were moved.

    OLD and NEW are folders or prefixes of URLs. Without them, absolute paths from earlier versions
    become relative to the home folder, so that it can be moved.
    """
    from atdata.local import LocalIndex

    with LocalIndex() as index:
        names = index.relocate(old, new)
    if as_json:
        print_json({"changed": names})
    else:
        print_table(((name,) for name in names), empty="nothing changed")


def _entries(repository: str | None) -> list[IndexEntry]:
    if repository is None:
        return list(index_of("").list_datasets())
    from atdata.atmosphere import AtmosphereClient, AtmosphereIndex

    index = AtmosphereIndex(AtmosphereClient())
    return list(index.list_datasets(repo=repository.removeprefix("@")))


def _fields(index: AbstractIndex, entry: IndexEntry) -> list[str] | None:
    try:
        schema = index.get_schema(entry.schema_ref)
        return described_fields(parse_document(schema["schema"].get("text", "")))
    except AtdataError:
        return None  # the dataset is shown without its fields


def _count(entry: IndexEntry) -> str:
    shards = known_infos(entry)
    if shards is None:
        return ""
    return counted(sum(shard.samples for shard in shards), "sample")


def _facts(entry: IndexEntry) -> dict[str, Any]:
    shards = known_infos(entry)
    stated = entry if isinstance(entry, DetailedEntry) else getattr(entry, "record", None)
    words = ("description", "tags", "license")
    return {
        "name": entry.name,
        "uri": getattr(entry, "uri", None),
        **{word: getattr(stated, word) for word in words if stated is not None},
        "schema_ref": entry.schema_ref,
        "schema_cid": getattr(entry, "schema_cid", None),
        "content_cid": getattr(entry, "content_cid", None),
        "samples": sum(shard.samples for shard in shards) if shards else None,
        "bytes": sum(shard.size for shard in shards) if shards else None,
        "data_urls": entry.data_urls,
        "metadata": entry.metadata,
    }
